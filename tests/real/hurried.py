"""An event loop that does not wait: when nothing is left to do, its time jumps to the next timer.

So what takes how long can be told to the millisecond, and is the same on a machine of any speed. For code
that waits for timers alone; on SQLite that is all of ours.
"""

import asyncio
import selectors
from collections.abc import Coroutine
from typing import Any, TypeVar

Result = TypeVar("Result")


class _Hurried(selectors.DefaultSelector):  # type: ignore[misc, valid-type, name-defined]
    def __init__(self) -> None:
        super().__init__()
        self.passed = 0.0

    def select(self, timeout: float | None = None) -> Any:
        ready = super().select(None if timeout is None else 0)
        if not ready and timeout:
            self.passed += timeout
        return ready


def run(body: Coroutine[Any, Any, Result]) -> Result:
    """Run to its end; the loop's `time()` is the seconds that would have passed."""
    selector = _Hurried()
    loop = asyncio.SelectorEventLoop(selector)
    loop.time = lambda: selector.passed  # type: ignore[method-assign]
    with asyncio.Runner(loop_factory=lambda: loop) as runner:
        return runner.run(body)
