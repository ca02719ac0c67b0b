"""How a thread without an event loop runs an operation: on the loop of its process that has the context.

Django's views are synchronous and run in a few threads; ledger, snapshot and keys belong to the loop. The
process that serves says so once with `connect`; elsewhere, as in a management command, there is no bridge.
"""

import asyncio
from collections.abc import Callable, Coroutine
from concurrent.futures import TimeoutError as Late
from dataclasses import dataclass
from typing import Any, TypeVar

from ..core.errors import Unavailable
from .context import Context
from .record_denial import Denials
from .record_login import Logins

Result = TypeVar("Result")
CALL_SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class Bridge:
    """The context of a running loop, within reach of other threads."""

    context: Context
    denials: Denials
    logins: Logins
    loop: asyncio.AbstractEventLoop

    def call(self, act: Callable[[Context], Coroutine[Any, Any, Result]]) -> Result:
        """Run an operation on the loop and wait for it, CALL_SECONDS at the most. Never from the loop itself.

        Raises what the operation raises, and Unavailable when it takes too long; it is cancelled then, and
        what it had committed by that time stays.
        """
        future = asyncio.run_coroutine_threadsafe(act(self.context), self.loop)
        try:
            return future.result(CALL_SECONDS)
        except Late as error:
            if future.done() and not future.cancelled():
                raise  # a timeout of the operation's own
            future.cancel()
            text = f"this took longer than {CALL_SECONDS:g} s; look whether it was done before trying again"
            raise Unavailable(text) from error


class _Holder:
    bridge: Bridge | None = None


def connect(context: Context, denials: Denials) -> None:
    """Let the threads of this process reach `context` on the loop that runs now."""
    _Holder.bridge = Bridge(context, denials, Logins(context), asyncio.get_running_loop())


def disconnect() -> None:
    """From now on there is no bridge; calls under way end as they would."""
    _Holder.bridge = None


def bridge() -> Bridge:
    """The bridge of this process. Raises Unavailable where nothing is served."""
    if _Holder.bridge is None:
        raise Unavailable("this process does not serve; use the certwright command, or ask a served address")
    return _Holder.bridge
