"""A responder on loopback that answers a GET with whatever a test has made."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

Reply = Callable[[str], tuple[int, bytes]]
"""Status and body for a path; what has a status of 3xx is where that leads."""


@dataclass
class Responder:
    """What it answers next, and the paths it was asked for. While `hangs` it answers nothing."""

    port: int = 0
    reply: Reply = lambda path: (404, b"")
    asked: list[str] = field(default_factory=list)
    hangs: bool = False
    done: threading.Event = field(default_factory=threading.Event)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def gives(self, *bodies: bytes) -> None:
        """These, one after the other, and then the last one again and again."""
        left = list(bodies)
        self.reply = lambda path: (200, left.pop(0) if len(left) > 1 else left[0])


@contextmanager
def responder() -> Iterator[Responder]:
    made = Responder()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            made.asked.append(self.path)
            if made.hangs:
                made.done.wait(60)
                return
            status, body = made.reply(self.path)
            self.send_response(status)
            if 300 <= status < 400:
                self.send_header("Location", body.decode())
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None: ...

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        made.port = server.server_port
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield made
        finally:
            made.done.set()
            server.shutdown()
            thread.join()
