import asyncio
import resource
import socket
import ssl
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from ipaddress import ip_network
from pathlib import Path
from typing import Any

import pytest
import uvloop
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from certwright.core.egress import EMBEDDED, EgressPolicy, Limits, PortRule, Purpose, Unreached
from certwright.core.errors import Forbidden, Malformed, Unavailable
from certwright.plugins.egress import Destination, Egress, Fetched, Journey, connect, fetch
from certwright.plugins.resolver import Resolver, ResolverSettings
from tests.plugins import servers
from tests.real.processes import free_port

LOOPS = [asyncio.new_event_loop, uvloop.new_event_loop]
PAGE = servers.response(b"a page", headers={"X-Name": "value"})


def run(body: Callable[[], Awaitable[Any]], loop: Any = asyncio.new_event_loop) -> Any:
    with asyncio.Runner(loop_factory=loop) as runner:
        return runner.run(asyncio.wait_for(body(), 60))


def egress(*ports: int, resolver: ResolverSettings | None = None, **limits: Any) -> Egress:
    """An embedded install that may reach these ports."""
    policy = replace(EMBEDDED, ports=tuple(PortRule(Purpose.HTTP_01, port) for port in ports))
    chosen = resolver or ResolverSettings(localhost=True)
    return Egress(policy, Resolver(chosen), Limits(**limits))


@pytest.mark.parametrize("loop", LOOPS, ids=["asyncio", "uvloop"])
def test_a_page_is_fetched(loop: Any) -> None:
    async def body() -> tuple[Fetched, int]:
        async with servers.server(servers.http({"/page?x": PAGE})) as port:
            return await fetch(egress(port), Purpose.HTTP_01, f"http://demo.localhost:{port}/page?x"), port

    fetched, port = run(body, loop)
    assert (fetched.status, fetched.body, fetched.headers["x-name"]) == (200, b"a page", "value")
    assert fetched.place == f"127.0.0.1 port {port}"
    assert fetched.addresses == ("127.0.0.1",)
    assert fetched.trail == (f"http://demo.localhost:{port}/page?x",)


def test_any_status_comes_back_and_only_a_good_one_has_a_body() -> None:
    async def body() -> Fetched:
        async with servers.server(servers.http({})) as port:
            return await fetch(egress(port), Purpose.HTTP_01, f"http://127.0.0.1:{port}/none")

    fetched = run(body)
    assert (fetched.status, fetched.body) == (404, b"")


@pytest.mark.parametrize(
    ("url", "kind"),
    [
        ("file:///etc/passwd", Forbidden),
        ("ldap://localhost/", Forbidden),
        ("http://u@localhost/", Forbidden),
        ("localhost", Forbidden),
        ("http://", Malformed),
    ],
)
def test_a_url_that_is_not_fetched_is_refused_before_anything_happens(
    url: str, kind: type[Exception]
) -> None:
    with pytest.raises(kind):
        run(lambda: fetch(egress(80), Purpose.HTTP_01, url))


# -- names and addresses -------------------------------------------------------------------------


def test_a_name_is_resolved_once_and_that_very_address_is_dialled() -> None:
    """A resolver that turns to a forbidden address after its first answer leads nowhere."""
    asked: list[tuple[str, str]] = []

    def rebinding(question: Any) -> list[bytes]:
        name, kind = servers.question_of(question)
        asked.append((name, kind))
        if kind != "A":
            return [servers.reply(question)]
        first = asked.count((name, kind)) == 1
        return [servers.reply(question, f"{name}. A {'127.0.0.1' if first else '169.254.169.254'}")]

    async def body() -> tuple[Fetched, Unreached]:
        async with servers.dns_server(rebinding) as dns, servers.server(servers.http({"/": PAGE})) as port:
            out = egress(port, resolver=ResolverSettings((dns,)))
            first = await fetch(out, Purpose.HTTP_01, f"http://name.test:{port}/")
            with pytest.raises(Unreached) as caught:
                await fetch(out, Purpose.HTTP_01, f"http://name.test:{port}/")
            return first, caught.value

    fetched, refused = run(body)
    assert fetched.status == 200
    assert asked.count(("name.test", "A")) == 2
    assert "metadata" in refused.detail
    assert refused.addresses == ()


def test_a_redirect_to_the_same_name_is_resolved_and_checked_again() -> None:
    answers = iter(["127.0.0.1", "169.254.169.254"])

    def rebinding(question: Any) -> list[bytes]:
        name, kind = servers.question_of(question)
        return [servers.reply(question, *([f"{name}. A {next(answers)}"] if kind == "A" else []))]

    async def body() -> Unreached:
        moved = servers.response(b"", 302, {"Location": "/again"})
        async with servers.dns_server(rebinding) as dns, servers.server(servers.http({"/": moved})) as port:
            out = egress(port, resolver=ResolverSettings((dns,)))
            with pytest.raises(Unreached) as caught:
                await fetch(out, Purpose.HTTP_01, f"http://name.test:{port}/")
            return caught.value

    refused = run(body)
    assert refused.problem == "connection"
    assert "metadata" in refused.detail
    assert len(refused.trail) == 2


def test_forbidden_addresses_of_a_name_are_left_out() -> None:
    addresses = ("10.0.0.1", "169.254.169.254", "127.0.0.1")

    def several(question: Any) -> list[bytes]:
        name, kind = servers.question_of(question)
        found = [f"{name}. A {address}" for address in addresses] if kind == "A" else []
        return [servers.reply(question, *found)]

    async def body() -> Fetched:
        async with servers.dns_server(several) as dns, servers.server(servers.http({"/": PAGE})) as port:
            out = egress(port, resolver=ResolverSettings((dns,)))
            out = replace(out, policy=replace(out.policy, allow_private=False))
            return await fetch(out, Purpose.HTTP_01, f"http://name.test:{port}/")

    assert run(body).addresses == ("127.0.0.1",)


def test_a_name_with_too_many_addresses_is_tried_at_some_of_them() -> None:
    def many(question: Any) -> list[bytes]:
        name, kind = servers.question_of(question)
        found = [f"{name}. A 127.0.1.{last}" for last in range(1, 101)] if kind == "A" else []
        return [servers.reply(question, *found)]

    async def body() -> Unreached:
        async with servers.dns_server(many) as dns:
            out = egress(port := free_port(), resolver=ResolverSettings((dns,)), addresses=3)
            with pytest.raises(Unreached) as caught:
                await fetch(out, Purpose.HTTP_01, f"http://name.test:{port}/")
            return caught.value

    assert len(run(body).addresses) == 3


@pytest.mark.parametrize("text", ["10.0.0.1", "fd00::1", "8.8.8.8", "127.0.0.1", "::1", "::ffff:127.0.0.1"])
def test_a_policy_that_allows_nothing_here_dials_nothing(text: str) -> None:
    policy = EgressPolicy(allow_private=False, deny=(ip_network("8.0.0.0/8"),))
    host = f"[{text}]" if ":" in text else text
    with pytest.raises(Unreached) as caught:
        run(lambda: fetch(Egress(policy, Resolver(ResolverSettings())), Purpose.HTTP_01, f"http://{host}/"))
    assert caught.value.problem == "connection"
    assert caught.value.addresses == ()


# -- TLS -----------------------------------------------------------------------------------------


def server_context(folder: Path) -> ssl.SSLContext:
    """A self-signed certificate that has expired and names somebody else."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "somebody.else")])
    then = datetime(2001, 1, 1, tzinfo=UTC)
    certificate = x509.CertificateBuilder(
        name, name, key.public_key(), 1, then, then + timedelta(days=1)
    ).sign(key, hashes.SHA256())
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    (folder / "both.pem").write_bytes(certificate.public_bytes(serialization.Encoding.PEM) + private)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "both.pem")
    return context


@pytest.mark.parametrize("loop", LOOPS, ids=["asyncio", "uvloop"])
@pytest.mark.parametrize("host", ["demo.localhost", "127.0.0.1"])
def test_a_redirect_to_https_is_followed_whatever_the_certificate(
    loop: Any, host: str, tmp_path: Path
) -> None:
    async def body() -> Fetched:
        async with servers.server(servers.http({"/": PAGE}), tls=server_context(tmp_path)) as secure:
            moved = servers.response(b"", 301, {"Location": f"https://{host}:{secure}/"})
            async with servers.server(servers.http({"/": moved})) as port:
                return await fetch(egress(port, secure), Purpose.HTTP_01, f"http://{host}:{port}/")

    fetched = run(body, loop)
    assert (fetched.status, fetched.body) == (200, b"a page")
    assert fetched.trail[1].startswith(f"https://{host}:")


def test_https_to_a_server_without_tls_is_a_tls_problem() -> None:
    async def body() -> Unreached:
        async with servers.server(servers.garbage) as port:
            with pytest.raises(Unreached) as caught:
                await fetch(egress(port), Purpose.HTTP_01, f"https://demo.localhost:{port}/")
            return caught.value

    assert run(body).problem == "tls"


# -- time and our own lacks ----------------------------------------------------------------------


@pytest.mark.parametrize("loop", LOOPS, ids=["asyncio", "uvloop"])
def test_the_whole_journey_is_bounded_also_over_redirects(loop: Any) -> None:
    async def slow(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(0.3)
        await servers.raw(servers.response(b"", 302, {"Location": "/"}))(reader, writer)

    async def body() -> Unreached:
        async with servers.server(slow) as port:
            with pytest.raises(Unreached) as caught:
                await fetch(egress(port, total_seconds=1.0), Purpose.HTTP_01, f"http://localhost:{port}/")
            return caught.value

    late = run(body, loop)
    assert late.problem == "connection"
    assert late.detail.startswith(
        "no result within 1 s: still waiting for the whole answer from 127.0.0.1 port"
    )
    assert 1 < len(late.trail) < 6


def test_a_resolver_that_is_slow_is_a_dns_problem() -> None:
    async def body() -> Unreached:
        async with servers.dns_server(lambda _: []) as dns:
            out = egress(80, resolver=ResolverSettings((dns,)), total_seconds=0.5)
            with pytest.raises(Unreached) as caught:
                await fetch(out, Purpose.HTTP_01, "http://name.test/")
            return caught.value

    late = run(body)
    assert (late.problem, late.detail) == ("dns", "no result within 0.5 s: still looking up name.test")


@pytest.mark.parametrize("loop", LOOPS, ids=["asyncio", "uvloop"])
def test_a_connection_that_is_not_taken_is_given_up(loop: Any) -> None:
    """A listener whose queue is full lets the handshake hang, as a firewall that drops does."""

    async def body(port: int) -> Unreached:
        destination = Destination(Purpose.HTTP_01, "localhost", port)
        with pytest.raises(Unreached) as caught:
            await connect(egress(port, connect_seconds=0.3), destination, asyncio.Protocol, Journey())
        return caught.value

    with full_listener() as port:
        late = run(lambda: body(port), loop)
    assert late.problem == "connection"
    assert f"no answer at 127.0.0.1 port {port}" in late.detail


@contextmanager
def full_listener() -> Iterator[int]:
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen(0)
        port = listening.getsockname()[1]
        waiting = [socket.socket() for _ in range(4)]
        for one in waiting:
            one.setblocking(False)
            one.connect_ex(("127.0.0.1", port))
        yield port
        for one in waiting:
            one.close()


@pytest.mark.parametrize("loop", LOOPS, ids=["asyncio", "uvloop"])
def test_no_file_descriptor_left_is_our_lack(loop: Any) -> None:
    async def body() -> None:
        async with servers.server(servers.http({"/": PAGE})) as port:
            out = egress(port)
            assert (await fetch(out, Purpose.HTTP_01, f"http://127.0.0.1:{port}/")).status == 200
            with no_file_descriptor_left(), pytest.raises(Unavailable, match="Too many open files"):
                await fetch(out, Purpose.HTTP_01, f"http://127.0.0.1:{port}/")
            assert (await fetch(out, Purpose.HTTP_01, f"http://127.0.0.1:{port}/")).status == 200

    run(body, loop)


@contextmanager
def no_file_descriptor_left() -> Iterator[None]:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (3, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_a_proxy_in_the_environment_is_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, f"http://127.0.0.1:{free_port()}")
    monkeypatch.delenv("no_proxy", raising=False)
    monkeypatch.delenv("NO_PROXY", raising=False)

    async def body() -> Fetched:
        async with servers.server(servers.http({"/": PAGE})) as port:
            return await fetch(egress(port), Purpose.HTTP_01, f"http://127.0.0.1:{port}/")

    assert run(body).status == 200
