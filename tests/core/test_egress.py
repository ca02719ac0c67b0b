from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from ipaddress import IPv4Address, IPv4Network, IPv6Address, ip_address, ip_network

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from certwright.core.egress import (
    EMBEDDED,
    METADATA_ADDRESSES,
    SHOWN_MAX,
    Address,
    AddressKind,
    EgressPolicy,
    Limits,
    PortRule,
    Purpose,
    check_address,
    classify,
    embedded_ipv4,
    parse_url,
    ports_to_try,
    redirect,
    shown,
)
from certwright.core.errors import Forbidden, Malformed

INTERNAL = EgressPolicy()
PUBLIC_ONLY = EgressPolicy(allow_private=False)
OPEN = EgressPolicy(
    allow_loopback=True, allow_private=True, allow=(ip_network("0.0.0.0/0"), ip_network("::/0"))
)

four = st.ip_addresses(v=4)
# Uniform addresses almost never fall into the small networks that matter, so those are drawn as well.
telling_four = st.one_of(
    four,
    *(
        st.ip_addresses(v=4, network=network)
        for network in (
            "10.0.0.0/8",
            "127.0.0.0/8",
            "169.254.0.0/16",
            "192.0.0.0/24",
            "224.0.0.0/4",
            "0.0.0.0/8",
            "100.64.0.0/10",
        )
    ),
    st.sampled_from(sorted(a for a in METADATA_ADDRESSES if isinstance(a, IPv4Address))),
)
policies = st.builds(
    EgressPolicy,
    allow_loopback=st.booleans(),
    allow_private=st.booleans(),
    allow=st.sampled_from([(), OPEN.allow]),
)


def at(low: int = 0, *, high: int = 0) -> Callable[[IPv4Address], int]:
    """Put an IPv4 address `low` bits from the right into an IPv6 address."""
    return lambda address: high | int(address) << low


PUBLIC_FOUR = int(IPv4Address("8.8.8.8"))
EMBEDDINGS: dict[str, Callable[[IPv4Address], int]] = {
    "mapped": at(high=0xFFFF << 32),
    "compatible": at(),
    "translated": at(high=0xFFFF << 48),
    "NAT64": at(high=int(IPv6Address("64:ff9b::"))),
    "6to4": at(80, high=0x2002 << 112),
    "6to4 with an interface": at(80, high=0x2002 << 112 | 1),
    "Teredo client": lambda a: 0x20010000 << 96 | PUBLIC_FOUR << 64 | int(a) ^ 0xFFFFFFFF,
    "Teredo server": lambda a: 0x20010000 << 96 | int(a) << 64 | PUBLIC_FOUR ^ 0xFFFFFFFF,
    "ISATAP": at(high=int(IPv6Address("2a00:1450::5efe:0:0"))),
    "ISATAP, global": at(high=int(IPv6Address("2a00:1450::200:5efe:0:0"))),
    "ISATAP, unique local": at(high=int(IPv6Address("fd12:3456::5efe:0:0"))),
}


def allowed(policy: EgressPolicy, address: Address) -> bool:
    try:
        check_address(policy, address)
    except Forbidden:
        return False
    return True


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("8.8.8.8", AddressKind.GLOBAL),
        ("11.0.0.0", AddressKind.GLOBAL),
        ("10.255.255.255", AddressKind.PRIVATE),
        ("172.16.0.1", AddressKind.PRIVATE),
        ("172.32.0.1", AddressKind.GLOBAL),
        ("192.168.1.1", AddressKind.PRIVATE),
        ("100.64.0.1", AddressKind.PRIVATE),
        ("100.100.100.200", AddressKind.METADATA),
        ("168.63.129.16", AddressKind.METADATA),
        ("169.254.169.254", AddressKind.METADATA),
        ("169.254.1.1", AddressKind.LINK_LOCAL),
        ("192.0.0.192", AddressKind.METADATA),
        ("192.0.0.1", AddressKind.RESERVED),
        ("192.0.2.1", AddressKind.DOCUMENTATION),
        ("198.18.0.1", AddressKind.RESERVED),
        ("127.255.255.255", AddressKind.LOOPBACK),
        ("0.0.0.0", AddressKind.UNSPECIFIED),
        ("0.1.2.3", AddressKind.UNSPECIFIED),
        ("224.0.0.1", AddressKind.MULTICAST),
        ("240.0.0.1", AddressKind.RESERVED),
        ("255.255.255.255", AddressKind.BROADCAST),
        ("2606:4700::1111", AddressKind.GLOBAL),
        ("fd12:3456::1", AddressKind.PRIVATE),
        ("fd00:ec2::254", AddressKind.METADATA),
        ("fd20:ce::254", AddressKind.METADATA),
        ("fe80::1", AddressKind.LINK_LOCAL),
        ("fe80::1%eth0", AddressKind.LINK_LOCAL),
        ("fe80::a9fe:a9fe", AddressKind.METADATA),
        ("fec0::1", AddressKind.RESERVED),
        ("ff02::1", AddressKind.MULTICAST),
        ("::", AddressKind.UNSPECIFIED),
        ("::1", AddressKind.LOOPBACK),
        ("::2", AddressKind.UNSPECIFIED),
        ("2001:db8::1", AddressKind.DOCUMENTATION),
        ("3fff::1", AddressKind.DOCUMENTATION),
        ("2001:2::1", AddressKind.RESERVED),
        ("100::1", AddressKind.RESERVED),
        ("5f00::1", AddressKind.RESERVED),
        ("64:ff9b:1::8.8.8.8", AddressKind.TRANSLATED),
        ("::ffff:127.0.0.1", AddressKind.LOOPBACK),
        ("::ffff:169.254.169.254", AddressKind.METADATA),
        ("64:ff9b::10.0.0.1", AddressKind.PRIVATE),
        ("64:ff9b::169.254.169.254", AddressKind.METADATA),
        ("64:ff9b::127.0.0.1", AddressKind.EMBEDDED_LOOPBACK),
        ("2002:7f00:1::", AddressKind.EMBEDDED_LOOPBACK),
        ("2002:808:808::1", AddressKind.GLOBAL),
    ],
)
def test_each_address_has_its_kind(text: str, kind: AddressKind) -> None:
    assert classify(ip_address(text)) is kind


@pytest.mark.parametrize("address", sorted(METADATA_ADDRESSES, key=str))
def test_metadata_addresses_are_never_reached(address: Address) -> None:
    with pytest.raises(Forbidden, match="metadata"):
        check_address(OPEN, address)


@given(st.ip_addresses(), policies)
@example(IPv6Address("fe80::1%eth0"), OPEN)
@example(IPv6Address("::"), OPEN)
def test_no_setting_opens_what_is_never_reached(address: Address, policy: EgressPolicy) -> None:
    if allowed(policy, address):
        assert not any((address.is_link_local, address.is_multicast, address.is_unspecified))
        assert address not in METADATA_ADDRESSES
        assert policy.allow_loopback or not address.is_loopback
        carries = isinstance(address, IPv6Address) and embedded_ipv4(address)
        if not (policy.allow_private or policy.allow or address.is_loopback or carries):
            assert address.is_global


@pytest.mark.parametrize("form", EMBEDDINGS)
@given(inner=telling_four, policy=policies)
def test_an_embedded_ipv4_address_is_judged(form: str, inner: IPv4Address, policy: EgressPolicy) -> None:
    outer = IPv6Address(EMBEDDINGS[form](inner))
    if outer in (IPv6Address("::"), IPv6Address("::1")):  # these two are no IPv4-compatible addresses
        return
    assert inner in embedded_ipv4(outer)
    if not allowed(policy, inner):
        assert not allowed(policy, outer)
    if classify(inner) is AddressKind.LOOPBACK and form != "mapped":
        assert not allowed(OPEN, outer)


@pytest.mark.parametrize("form", ["mapped", "NAT64", "6to4", "Teredo client", "Teredo server", "ISATAP"])
def test_an_embedded_public_address_is_public(form: str) -> None:
    check_address(PUBLIC_ONLY, IPv6Address(EMBEDDINGS[form](IPv4Address("8.8.8.8"))))


@given(four, st.integers(0, 32), policies, st.sampled_from(sorted(EMBEDDINGS)))
def test_deny_wins_over_everything_also_for_embedded_forms(
    address: IPv4Address, length: int, policy: EgressPolicy, form: str
) -> None:
    denied = replace(policy, deny=(IPv4Network((address, length), strict=False),))
    assert not allowed(denied, address)
    assert not allowed(denied, IPv6Address(EMBEDDINGS[form](address)))


def test_allow_opens_private_and_reserved_networks_but_not_loopback() -> None:
    networks = ("10.1.0.0/16", "198.18.0.0/15", "127.0.0.0/8", "fd01::/16")
    policy = EgressPolicy(allow_private=False, allow=tuple(map(ip_network, networks)))
    for text in ("10.1.2.3", "198.18.0.1", "fd01::1", "::ffff:10.1.2.3"):
        check_address(policy, ip_address(text))
    for text in ("10.2.0.1", "127.0.0.1", "fd02::1", "::ffff:10.2.0.1"):
        with pytest.raises(Forbidden):
            check_address(policy, ip_address(text))


def test_loopback_only_where_it_is_allowed() -> None:
    for text in ("127.0.0.1", "::1", "::ffff:127.0.0.1"):
        check_address(EMBEDDED, ip_address(text))
        with pytest.raises(Forbidden, match="embedded"):
            check_address(INTERNAL, ip_address(text))


def test_a_stand_in_port_is_for_loopback_and_its_purpose() -> None:
    here, elsewhere = IPv4Address("127.0.0.1"), IPv4Address("10.0.0.1")
    assert ports_to_try(EMBEDDED, Purpose.HTTP_01, here, 80) == (80, 5002)
    assert ports_to_try(EMBEDDED, Purpose.HTTP_01, here, 5002) == (5002,)
    assert ports_to_try(EMBEDDED, Purpose.HTTP_01, elsewhere, 80) == (80,)
    assert ports_to_try(EMBEDDED, Purpose.TLS_ALPN_01, IPv6Address("::1"), 443) == (443, 5001)
    assert ports_to_try(INTERNAL, Purpose.HTTP_01, here, 80) == (80,)
    for purpose, address, port in (
        (Purpose.HTTP_01, elsewhere, 5002),
        (Purpose.HTTP_01, here, 5001),
        (Purpose.TLS_ALPN_01, here, 80),
        (Purpose.HTTP_01, elsewhere, 22),
    ):
        with pytest.raises(Forbidden, match=str(port)):
            ports_to_try(EMBEDDED, purpose, address, port)


def test_ports_are_a_setting() -> None:
    policy = EgressPolicy(ports=(PortRule(Purpose.HTTP_01, 8080),))
    assert ports_to_try(policy, Purpose.HTTP_01, IPv4Address("10.0.0.1"), 8080) == (8080,)
    with pytest.raises(Forbidden, match="allowed: 8080"):
        ports_to_try(policy, Purpose.HTTP_01, IPv4Address("10.0.0.1"), 80)


@pytest.mark.parametrize(
    "wrong",
    [{"redirects": 11}, {"redirects": -1}, {"total_seconds": 0.0}, {"body_octets": 0}, {"addresses": -1}],
)
def test_limits_have_limits(wrong: dict[str, int]) -> None:
    with pytest.raises(Malformed, match=next(iter(wrong))):
        Limits(**wrong)


# -- URLs ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "host", "port", "target", "authority"),
    [
        ("http://example.com", "example.com", 80, "/", "example.com"),
        ("HTTP://EXAMPLE.com.:80/a?b=c#d", "example.com", 80, "/a?b=c", "example.com"),
        ("https://example.com:8443/a", "example.com", 8443, "/a", "example.com:8443"),
        ("http://127.0.0.1/a", IPv4Address("127.0.0.1"), 80, "/a", "127.0.0.1"),
        ("http://[::1]/a", IPv6Address("::1"), 80, "/a", "[::1]"),
        ("http://[2001:DB8::1]:8080/", IPv6Address("2001:db8::1"), 8080, "/", "[2001:db8::1]:8080"),
        ("http://[::ffff:1.2.3.4]/", IPv6Address("::ffff:1.2.3.4"), 80, "/", "[::ffff:102:304]"),
        ("http://xn--bcher-kva.example/", "xn--bcher-kva.example", 80, "/", "xn--bcher-kva.example"),
    ],
)
def test_a_url_is_read(text: str, host: object, port: int, target: str, authority: str) -> None:
    url = parse_url(text)
    assert (url.host, url.port, url.target, url.authority) == (host, port, target, authority)
    assert parse_url(str(url)) == url


@pytest.mark.parametrize(
    "text",
    [
        "",
        "example.com",
        "//example.com/",
        "http:///path",
        "http://",
        "http://example.com:0/",
        "http://example.com:65536/",
        "http://example.com:x/",
        "http://exa mple.com/",
        "http://example.com/\r\nX: y",
        "http://b\u00fccher.example/",
        "http://*.example.com/",
        "http://2130706433/",
        "http://127.1/",
        "http://0177.0.0.1/",
        "http://1.2.3.4.5/",
        "http://[::1",
        "http://[v1.x]/",
        "http://[fe80::1%25eth0]/",
        "http://good.example\\.evil.example/",
        "http://" + "a" * 2048,
        "file:///etc/passwd",
        "ldap://example.com/",
        "gopher://example.com/",
        "javascript:alert(1)",
        "http://user@example.com/",
        "http://user:password@example.com/",
        "http://good.example\\@evil.example/",
        "http://@example.com/",
    ],
)
def test_what_is_not_to_be_fetched_is_refused_without_quoting_it(text: str) -> None:
    with pytest.raises((Malformed, Forbidden)) as caught:
        parse_url(text)
    assert len(text) < 20 or text[7:] not in caught.value.detail


@given(st.one_of(st.text(), st.from_regex(r"https?://[ -~]*", fullmatch=True)))
def test_no_text_breaks_the_reading_of_urls(text: str) -> None:
    try:
        url = parse_url(text)
    except (Malformed, Forbidden):
        return
    assert url.scheme in ("http", "https")
    assert 0 < url.port < 65536
    assert url.target.startswith("/")
    assert parse_url(str(url)) == url


@pytest.mark.parametrize(
    ("location", "leads_to"),
    [
        ("/other", "http://example.com/other"),
        ("other?x", "http://example.com/a/other?x"),
        ("//other.example/x", "http://other.example/x"),
        ("https://other.example", "https://other.example/"),
        ("?x", "http://example.com/a/b?x"),
    ],
)
def test_a_location_is_followed(location: str, leads_to: str) -> None:
    assert str(redirect(parse_url("http://example.com/a/b"), location)) == leads_to


@pytest.mark.parametrize(
    "location",
    [
        "",
        "file:///etc/passwd",
        "ldap://x",
        "//u@x/",
        "http://[",
        "/a b",
        "/\u00fc",
        "/" + "a" * 2048,
        "//x:-1/",
    ],
)
def test_a_bad_location_is_refused(location: str) -> None:
    with pytest.raises((Malformed, Forbidden)):
        redirect(parse_url("http://example.com/a/b"), location)


@given(st.text())
def test_no_location_breaks_redirects(location: str) -> None:
    with suppress(Malformed, Forbidden):
        redirect(parse_url("http://[2001:db8::1]:8080/a/b?c"), location)


@given(st.text())
def test_what_is_shown_is_short_and_printable(text: str) -> None:
    assert len(shown(text)) <= SHOWN_MAX
    assert shown(text).isascii()
    assert shown(text).isprintable()
