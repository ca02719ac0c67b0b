"""The ports 5002 (http-01) and 5001 (tls-alpn-01) of 127.0.0.1, where an embedded installation looks for the
answers of clients on its own machine. They are the same for every test, so one test at a time has them."""

from collections.abc import Iterator
from contextlib import contextmanager

from tests.real.locks import CACHE, lock

HTTP_PORT, TLS_PORT = 5002, 5001
SECONDS = 280


@contextmanager
def challenge_ports() -> Iterator[None]:
    """Have them for the block. Raises TimeoutError when other tests hold them for minutes."""
    with lock(CACHE / "challenge-ports.lock", SECONDS):
        yield
