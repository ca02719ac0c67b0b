"""What answers challenges: a web server and a TLS server, as an ACME client runs them.

As a program, `python -m tests.protocols.acme.responders ADDRESS PORT THUMBPRINT`, a web server that has the
key authorization of every token: for where the test itself is not, such as another network namespace.
"""

import ssl
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import ip_address
from pathlib import Path
from socket import SO_REUSEADDR, SOL_SOCKET, create_server

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization

from tests.protocols.acme.raw_client import new_key

HTTP_PORT, TLS_PORT = 5002, 5001
WELL_KNOWN = "/.well-known/acme-challenge/"


@dataclass
class Web:
    """`pages` by token; without one the answer is 404. While `open` is not set, nobody is answered."""

    pages: dict[str, str] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    open: threading.Event = field(default_factory=threading.Event)
    thumbprint: str = ""

    def answer(self, path: str) -> str | None:
        token = path.removeprefix(WELL_KNOWN)
        self.asked.append(token)
        self.open.wait(60)
        return f"{token}.{self.thumbprint}" if self.thumbprint else self.pages.get(token)


class _Server(ThreadingHTTPServer):
    web: Web
    daemon_threads = True


class _Handler(BaseHTTPRequestHandler):
    server: _Server

    def do_GET(self) -> None:
        body = self.server.web.answer(self.path)
        with suppress(BrokenPipeError, ConnectionResetError):
            self.send_response(404 if body is None else 200)
            self.send_header("content-length", str(len(body or "")))
            self.end_headers()
            self.wfile.write((body or "").encode())

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - its base class names it so
        """Nothing to standard error."""


@contextmanager
def web_server(address: str, port: int = HTTP_PORT) -> Iterator[Web]:
    """Answers http-01 in a thread for the block."""
    web = Web()
    web.open.set()
    server = _Server((address, port), _Handler)
    server.web = web
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    try:
        yield web
    finally:
        web.open.set()
        server.shutdown()
        thread.join()
        server.server_close()


def challenge_certificate(name: str, key_authorization: str, folder: Path) -> Path:
    """A certificate for tls-alpn-01 (RFC 8737 section 3), with its key, in one PEM file."""
    try:
        identifier: x509.GeneralName = x509.IPAddress(ip_address(name))
    except ValueError:
        identifier = x509.DNSName(name)
    key, subject, now = new_key(), x509.Name([]), datetime.now(UTC)
    builder = x509.CertificateBuilder(subject, subject, key.public_key(), x509.random_serial_number())
    builder = builder.not_valid_before(now).not_valid_after(now + timedelta(days=1))
    builder = builder.add_extension(x509.SubjectAlternativeName([identifier]), critical=True)
    digest = b"\x04\x20" + sha256(key_authorization.encode()).digest()
    oid = x509.ObjectIdentifier("1.3.6.1.5.5.7.1.31")
    builder = builder.add_extension(x509.UnrecognizedExtension(oid, digest), critical=True)
    path = folder / "challenge.pem"
    path.write_bytes(
        builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)
        + key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )
    return path


@contextmanager
def tls_server(address: str, certificate: Path, port: int = TLS_PORT) -> Iterator[list[str]]:
    """Answers tls-alpn-01 in a thread for the block; gives the server names it was asked for."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    context.set_alpn_protocols(["acme-tls/1"])
    names: list[str] = []
    context.sni_callback = lambda _socket, name, _context: names.append(name or "")
    listening = create_server((address, port))
    listening.setsockopt(SOL_SOCKET, SO_REUSEADDR, 1)
    ended = threading.Event()

    def serve() -> None:
        while not ended.is_set():
            with suppress(OSError):
                connection, _ = listening.accept()
                connection.settimeout(5)
                with context.wrap_socket(connection, server_side=True) as session:
                    session.recv(1)

    thread = threading.Thread(target=serve)
    listening.settimeout(0.1)
    thread.start()
    try:
        yield names
    finally:
        ended.set()
        thread.join()
        listening.close()


if __name__ == "__main__":
    with web_server(sys.argv[1], int(sys.argv[2])) as answering:
        answering.thumbprint = sys.argv[3]
        sys.stdout.write("answering\n")
        sys.stdout.flush()
        threading.Event().wait()
