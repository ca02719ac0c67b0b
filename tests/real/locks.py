"""A lock between processes, so that two test workers do not set up the same thing at once."""

import fcntl
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

CACHE = Path(__file__).resolve().parents[2] / ".cache"


@contextmanager
def lock(path: Path, seconds: float) -> Iterator[None]:
    """Hold the lock file `path`, waiting at most `seconds`. Raises TimeoutError."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w") as file:
        deadline = time.monotonic() + seconds
        while True:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() > deadline:
                    raise TimeoutError(f"{path} was held by another process for {seconds:g} s") from None
                time.sleep(0.1)
        yield
