"""What a client may cost: size, patience, connections. Spoken by hand, over plain HTTP unless TLS matters."""

import socket
import ssl
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import httpx
import pytest

from tests.site.running import Site, proportional_memory, until
from tests.site.toy import BIG

GET = b"GET /ocsp/ HTTP/1.1\r\nHost: localhost\r\n\r\n"


@contextmanager
def connection(site: Site, listener: str = "http") -> Iterator[socket.socket]:
    with socket.create_connection(("127.0.0.1", site.ports[listener]), timeout=60) as plain:
        if listener == "http":
            yield plain
            return
        with site.trust().wrap_socket(plain, server_hostname="localhost") as tls:
            yield tls


def everything(connected: socket.socket) -> bytes:
    """All that comes until the server closes."""
    parts = []
    while True:
        try:
            part = connected.recv(65536)
        except ConnectionResetError:
            break
        if not part:
            break
        parts.append(part)
    return b"".join(parts)


def say(site: Site, words: bytes, listener: str = "http") -> bytes:
    with connection(site, listener) as connected:
        connected.sendall(words)
        return everything(connected)


@pytest.mark.parametrize(
    "words",
    [
        b"GET /ocsp/ HTTP/1.1\r\n\r\n",
        b"GET /ocsp/ HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
        b"GET /ocsp/\xff HTTP/1.1\r\nHost: localhost\r\n\r\n",
        b"CONNECT localhost:1 HTTP/1.1\r\nHost: localhost\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0",
        b"POST /ocsp/ HTTP/1.1\r\nHost: localhost\r\nContent-Length: -1\r\n\r\n",
        b"nonsense\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
    ],
)
def test_malformed_requests_are_refused(site: Site, words: bytes) -> None:
    assert say(site, words).startswith(b"HTTP/1.1 400 ")


def test_old_clients_need_no_host(site: Site) -> None:
    assert say(site, b"GET /ocsp/ HTTP/1.0\r\n\r\n").startswith(b"HTTP/1.1 200 ")


def test_many_offers_to_upgrade_are_all_ignored(site: Site) -> None:
    offer = GET.replace(b"\r\n\r\n", b"\r\nConnection: upgrade\r\nUpgrade: h2c\r\n\r\n")
    answered = say(site, offer * 1500 + GET.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n"))
    assert answered.count(b"HTTP/1.1 200 ") == 1501


def test_a_request_for_no_path_is_refused(site: Site) -> None:
    words = b"OPTIONS * HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
    assert say(site, words).startswith(b"HTTP/1.1 400 ")


def test_head_and_body_leave_together(site: Site) -> None:
    with connection(site) as connected:
        for _ in range(20):
            connected.sendall(GET)
            head, _, body = connected.recv(65536).partition(b"\r\n\r\n")
            assert head.startswith(b"HTTP/1.1 200 ")
            assert b"content-length: %d" % len(body) in head
            assert body


def test_a_head_without_body_leaves_too(site: Site) -> None:
    with connection(site) as connected:
        for _ in range(3):
            connected.sendall(GET.replace(b"GET", b"HEAD"))
            head, end, body = connected.recv(65536).partition(b"\r\n\r\n")
            assert head.startswith(b"HTTP/1.1 200 ")
            assert end
            assert not body


@pytest.mark.parametrize(
    "head",
    [
        b"GET /ocsp/" + b"a" * 5000 + b" HTTP/1.1\r\nHost: localhost\r\n\r\n",
        b"GET /ocsp/ HTTP/1.1\r\nHost: localhost\r\nX: " + b"a" * 5000 + b"\r\n\r\n",
        b"GET /ocsp/ HTTP/1.1\r\nHost: localhost\r\n" + b"X: a\r\n" * 30 + b"\r\n",
    ],
)
def test_large_heads_are_refused(site: Site, head: bytes) -> None:
    assert say(site, head).startswith(b"HTTP/1.1 431 ")


def test_a_head_without_end_is_refused(site: Site) -> None:
    with connection(site) as connected:
        connected.sendall(b"GET /ocsp/ HTTP/1.1\r\nHost: localhost\r\nX: ")
        for _ in range(20):
            try:
                connected.sendall(b"a" * 1000)
            except (BrokenPipeError, ConnectionResetError):
                break
        assert everything(connected).startswith((b"HTTP/1.1 431 ", b""))
    assert b" 200 OK" in say(site, GET.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n"))


@pytest.mark.parametrize("listener", ["http", "https"])
@pytest.mark.parametrize(
    ("words", "answer"),
    [
        (b"", b""),
        (b"GET /ocsp/ HT", b"HTTP/1.1 408 "),
        (b"GET /ocsp/ HTTP/1.1\r\nHost: localhost\r\n", b"HTTP/1.1 408 "),
        (GET + b"\r\n", b"HTTP/1.1 200 "),
        (GET + b"GET /", b"HTTP/1.1 200 "),
    ],
)
def test_slow_heads_are_not_waited_for(site: Site, listener: str, words: bytes, answer: bytes) -> None:
    assert say(site, words, listener).startswith(answer)


def test_a_trickled_head_is_not_waited_for(site: Site) -> None:
    with connection(site) as connected:
        connected.settimeout(0.1)
        connected.sendall(GET[:-2])
        for _ in range(100):
            try:
                if connected.recv(1000).startswith(b"HTTP/1.1 408 "):
                    return
            except TimeoutError:
                connected.sendall(b"X: a\r\n")
    pytest.fail("the trickle went on for ever")


def test_slow_bodies_are_not_waited_for(site: Site) -> None:
    words = b"POST /echo HTTP/1.1\r\nHost: localhost\r\nContent-Length: 10\r\n\r\n12345"
    assert say(site, words, "https").startswith(b"HTTP/1.1 408 ")


def test_clients_that_do_not_shake_hands_are_not_waited_for(site: Site) -> None:
    with socket.create_connection(("127.0.0.1", site.ports["https"]), timeout=60) as connected:
        assert everything(connected) == b""


def test_clients_that_do_not_read_are_dropped(site: Site) -> None:
    before = _open_sockets(site)
    with socket.socket() as connected:
        connected.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        connected.connect(("127.0.0.1", site.ports["http"]))
        connected.sendall(GET.replace(b"/ocsp/", b"/big") * 4)
        until(lambda: _open_sockets(site) > before)
        until(lambda: _open_sockets(site) <= before)


def _open_sockets(site: Site) -> int:
    (serving,) = site.children()
    return sum(
        1 for each in Path(f"/proc/{serving}/fd").iterdir() if each.readlink().name.startswith("socket:")
    )


def test_a_long_answer_arrives_whole(site: Site) -> None:
    for listener in ("http", "https"):
        assert site.get(listener, "/big").content == b"y" * BIG


def test_bodies_have_a_bound(site: Site) -> None:
    with httpx.Client(verify=site.trust(), timeout=60) as client:
        fits = client.post(site.url("https", "/echo"), content=b"a" * 65536)
        assert fits.json()["octets"] == 65536
        too_large = client.post(site.url("https", "/echo"), content=b"a" * 65537)
        assert too_large.status_code == 413
        assert too_large.headers["content-type"] == "application/problem+json"
        chunked = client.post(site.url("https", "/echo"), content=(b"a" * 9999 for _ in range(9)))
        assert chunked.status_code == 413


@pytest.mark.parametrize(("listener", "path"), [("https", b"/echo"), ("http", b"/ocsp/")])
def test_an_endless_body_is_cut_off(site: Site, listener: str, path: bytes) -> None:
    """Whether the handler looked at it or not; and it is not kept."""
    head = b"POST %b HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000000000000\r\n\r\n" % path
    with connection(site, listener) as connected:
        connected.sendall(head)
        with pytest.raises((BrokenPipeError, ConnectionResetError, ssl.SSLError)):
            _send_for_ever(connected)
    (serving,) = site.children()
    assert proportional_memory(serving) < 150 * 1024 * 1024


def _send_for_ever(connected: socket.socket) -> None:
    while True:
        connected.sendall(b"a" * 65536)


def test_continue_is_said_when_the_body_is_wanted(site: Site) -> None:
    with connection(site, "https") as connected:
        connected.sendall(
            b"POST /echo HTTP/1.1\r\nHost: localhost\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\n"
        )
        assert connected.recv(4096) == b"HTTP/1.1 100 Continue\r\n\r\n"
        connected.sendall(b"abc")
        assert b'"octets": 3' in everything(connected)


def test_an_upgrade_is_ignored_and_the_body_read(site: Site) -> None:
    words = (
        b"POST /echo HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\n"
        b"HTTP2-Settings: AAMAAABkAAQAAP__\r\nContent-Length: 3\r\n\r\nabc"
    )
    answer = say(site, words, "https")
    assert answer.startswith(b"HTTP/1.1 200 ")
    assert b'"octets": 3' in answer


def test_pipelined_requests_are_answered_in_order(site: Site) -> None:
    answer = say(site, GET + GET.replace(b"/ocsp/", b"/nothing") + GET)
    statuses = [answer[at + 9 : at + 12] for at in range(len(answer)) if answer.startswith(b"HTTP/1.1 ", at)]
    assert statuses == [b"200", b"308", b"200"]


def test_head_has_no_body(site: Site) -> None:
    answer = say(site, GET.replace(b"GET", b"HEAD"))
    assert b"content-length: 300\r\n" in answer
    assert answer.endswith(b"\r\n\r\n")


def test_answers_have_a_date_and_no_server_name(site: Site) -> None:
    headers = site.get("http", "/ocsp/").headers
    assert headers["date"].endswith(" GMT")
    assert "server" not in headers


def test_connections_have_a_bound(site: Site) -> None:
    """Past the limit the answer is 503, far past it there is none; later all is well again."""
    with ExitStack() as stack:
        for _ in range(45):
            stack.enter_context(connection(site))
        with connection(site) as one_more:
            one_more.sendall(GET)
            assert one_more.recv(4096).startswith(b"HTTP/1.1 503 ")
    with ExitStack() as stack:
        for _ in range(85):
            stack.enter_context(connection(site))
        with connection(site) as one_more:
            assert everything(one_more) == b""
    until(lambda: site.get("http", "/ocsp/").status_code == 200)
