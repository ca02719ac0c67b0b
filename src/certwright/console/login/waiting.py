"""Waiting for those who vouch: never in all of the console's few threads, so that a directory or a provider
that does not answer holds up who logs in by it, and nobody else."""

from collections.abc import Iterator
from contextlib import contextmanager
from threading import BoundedSemaphore

from ...core.errors import Unavailable

AT_ONCE = 2
PATIENCE_SECONDS = 1.0

_places = BoundedSemaphore(AT_ONCE)


@contextmanager
def waiting_for_others() -> Iterator[None]:
    """Around each question to others. Raises Unavailable when too many wait already."""
    if not _places.acquire(timeout=PATIENCE_SECONDS):
        raise Unavailable(
            "many log-ins wait for others to answer just now; try again in a moment", retry_after=2
        )
    try:
        yield
    finally:
        _places.release()
