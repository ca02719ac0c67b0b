"""The ports 5002 (http-01) and 5001 (tls-alpn-01) of 127.0.0.1, where an embedded installation looks for the
answers of clients on its own machine. They are the same for every test, so one test at a time has them."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

from tests.real.locks import CACHE, lock
from tests.real.processes import answers

HTTP_PORT, TLS_PORT = 5002, 5001
SECONDS = 280


@contextmanager
def challenge_ports() -> Iterator[None]:
    """Have them for the block. Raises TimeoutError when others hold them for minutes."""
    deadline = time.monotonic() + SECONDS
    with lock(CACHE / "challenge-ports.lock", SECONDS):
        while answers(HTTP_PORT) or answers(TLS_PORT):  # by something that is no test
            if time.monotonic() > deadline:
                raise TimeoutError(f"another program has port {HTTP_PORT} or {TLS_PORT} of 127.0.0.1")
            time.sleep(0.2)
        yield
