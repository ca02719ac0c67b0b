"""Who is calling, behind proxies."""

import base64
from ipaddress import ip_network
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from certwright.core.errors import Malformed
from certwright.protocols.asgi import CLIENT_CERTIFICATE, client_address, client_certificate
from certwright.site.peers import HostNames, Proxies

PROXIES = Proxies([ip_network("10.0.0.0/8"), ip_network("fd00::/8")])


def scope(client: str, *headers: tuple[bytes, bytes]) -> dict[str, Any]:
    """A request; the one who connects shows the certificate `own`."""
    return {"client": (client, 1), "headers": list(headers), "extensions": {CLIENT_CERTIFICATE: (b"own",)}}


def seen(request: dict[str, Any]) -> tuple[str, tuple[bytes, ...]]:
    PROXIES.resolve(request)
    return client_address(request), client_certificate(request)


def encoded(octets: bytes) -> bytes:
    return b":" + base64.b64encode(octets) + b":"


def test_a_stranger_is_not_believed() -> None:
    request = scope("192.0.2.1", (b"x-forwarded-for", b"198.51.100.1"), (b"client-cert", encoded(b"forged")))
    assert seen(request) == ("192.0.2.1", (b"own",))


@pytest.mark.parametrize(
    ("fields", "address"),
    [
        ([], "10.0.0.1"),
        ([b"192.0.2.1"], "192.0.2.1"),
        ([b"198.51.100.1, 192.0.2.1"], "192.0.2.1"),
        ([b"198.51.100.1", b"192.0.2.1"], "192.0.2.1"),
        ([b"192.0.2.1, 10.0.0.2 ,fd00::1"], "192.0.2.1"),
        ([b"10.0.0.3, 10.0.0.2"], "10.0.0.3"),
        ([b"2001:db8::1"], "2001:db8::1"),
        ([b"junk, 192.0.2.1"], "192.0.2.1"),
    ],
)
def test_the_nearest_stranger_is_the_client(fields: list[bytes], address: str) -> None:
    assert seen(scope("10.0.0.1", *((b"x-forwarded-for", field) for field in fields)))[0] == address


def test_a_proxy_forwards_the_chain_and_its_own_is_not_the_clients() -> None:
    assert seen(scope("10.0.0.1"))[1] == ()
    headers = [
        (b"client-cert", encoded(b"leaf")),
        (b"client-cert-chain", encoded(b"a") + b", " + encoded(b"b")),
    ]
    assert seen(scope("10.0.0.1", *headers))[1] == (b"leaf", b"a", b"b")


@pytest.mark.parametrize(
    "headers",
    [
        [(b"x-forwarded-for", b"unknown")],
        [(b"x-forwarded-for", b"")],
        [(b"client-cert", b"AAAA")],
        [(b"client-cert", b":")],
        [(b"client-cert", b":A:")],
        [(b"client-cert", b":AA\xff=:")],
        [(b"client-cert", encoded(b"a")), (b"client-cert", encoded(b"b"))],
        [(b"client-cert", encoded(b"a")), (b"client-cert-chain", b",".join([encoded(b"a")] * 10))],
    ],
)
def test_words_that_cannot_be_read_are_refused(headers: list[tuple[bytes, bytes]]) -> None:
    with pytest.raises(Malformed):
        PROXIES.resolve(scope("10.0.0.1", *headers))


@given(st.binary(max_size=80), st.binary(max_size=80))
def test_nothing_but_malformed_is_raised(forwarded: bytes, certificate: bytes) -> None:
    request = scope("10.0.0.1", (b"x-forwarded-for", forwarded), (b"client-cert", certificate))
    try:
        PROXIES.resolve(request)
    except Malformed:
        return
    assert client_address(request)


@given(st.binary(max_size=60))
def test_any_host_is_known_or_malformed(host: bytes) -> None:
    try:
        HostNames(frozenset({"pki.example"})).require({"headers": [(b"host", host)]})
    except Malformed:
        return
    bare = host.decode("latin-1").lower()
    assert bare.startswith(("pki.example", "[")) or bare.partition(":")[0].replace(".", "").isdigit()


@pytest.mark.parametrize(
    "host",
    [
        b"pki.example/evil",
        b"pki.example:abc",
        b"pki.example:123456",
        b"user@pki.example",
        b"[::1]evil:1",
        b"[::1",
        b"127.0.0.1:",
        b"",
    ],
)
def test_a_host_of_another_form_is_refused(host: bytes) -> None:
    """What comes after the name would come back in URLs."""
    with pytest.raises(Malformed):
        HostNames(frozenset({"pki.example"})).require({"headers": [(b"host", host)]})


@pytest.mark.parametrize(
    "host", [b"PKI.example", b"pki.example.:8443", b"127.0.0.1:1", b"[::1]:8443", b"[::1]"]
)
def test_our_names_and_addresses_are_known(host: bytes) -> None:
    HostNames(frozenset({"pki.example"})).require({"headers": [(b"host", host)]})
