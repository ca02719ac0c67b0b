"""Targets as people write them, and plans that go through them."""

from collections import Counter
from ipaddress import IPv4Address, ip_address
from itertools import islice

import pytest
from hypothesis import given
from hypothesis import strategies as st

from certwright.core.errors import Malformed
from certwright.core.targets import (
    ITEMS_MAX,
    Exclusions,
    Item,
    Plan,
    Ports,
    Span,
    Target,
    parse_plan,
    parse_ports,
    parse_target,
)

HTTPS = parse_ports("443")


def v4(first: str, last: str = "") -> Span:
    return Span(4, int(ip_address(first)), int(ip_address(last or first)))


def v6(first: str, last: str = "") -> Span:
    return Span(6, int(ip_address(first)), int(ip_address(last or first)))


GOOD = {
    "192.0.2.1": Target(v4("192.0.2.1")),
    " 192.0.2.1:443 ": Target(v4("192.0.2.1"), HTTPS),
    "192.0.2.0/24": Target(v4("192.0.2.0", "192.0.2.255")),
    "192.0.2.77/24": Target(v4("192.0.2.0", "192.0.2.255")),
    "192.0.2.0/24:443": Target(v4("192.0.2.0", "192.0.2.255"), HTTPS),
    "192.0.2.1-192.0.2.20": Target(v4("192.0.2.1", "192.0.2.20")),
    "192.0.2.1-20": Target(v4("192.0.2.1", "192.0.2.20")),
    "192.0.2.1-20:443": Target(v4("192.0.2.1", "192.0.2.20"), HTTPS),
    "2001:db8::1": Target(v6("2001:db8::1")),
    "[2001:db8::1]": Target(v6("2001:db8::1")),
    "[2001:db8::1]:443": Target(v6("2001:db8::1"), HTTPS),
    "2001:db8::/112": Target(v6("2001:db8::", "2001:db8::ffff")),
    "[2001:db8::/120]:443": Target(v6("2001:db8::", "2001:db8::ff"), HTTPS),
    "2001:db8::1-2001:db8::9": Target(v6("2001:db8::1", "2001:db8::9")),
    "www.Example.COM": Target("www.example.com"),
    "www.example.com.": Target("www.example.com"),
    "web-1.example.com:443": Target("web-1.example.com", HTTPS),
    "1-2.example.com": Target("1-2.example.com"),
    "bücher.example": Target("xn--bcher-kva.example"),
    "localhost:443": Target("localhost", HTTPS),
    "www.example.com@192.0.2.1:443": Target(v4("192.0.2.1"), HTTPS, "www.example.com"),
    "www.example.com@[2001:db8::1]:443": Target(v6("2001:db8::1"), HTTPS, "www.example.com"),
    "www.example.com@2001:db8::1": Target(v6("2001:db8::1"), None, "www.example.com"),
}
BAD = {
    "": "1 to 512 characters",
    "x" * 600: "1 to 512 characters",
    "@192.0.2.1": "a server name must stand in front",
    "a.example@b.example": "an address must stand after the @",
    "192.0.2.256": "cannot be read",
    "192.0.2": "cannot be read",
    "192.0.2.0/33": "cannot be read",
    "192.0.2.9-192.0.2.1": "from a lower to a higher",
    "192.0.2.9-1": "from a lower to a higher",
    "192.0.2.1-abc": "cannot be read",
    "192.0.2.1-2001:db8::1": "from a lower to a higher",
    "192.0.2.1:0": "no port from 1 to 65535",
    "192.0.2.1:70000": "no port from 1 to 65535",
    "192.0.2.1:9-1": "no port from 1 to 65535",
    "192.0.2.1:": "cannot be read",
    "[2001:db8::1": "cannot be read",
    "2001:db8::1%eth0": "cannot be read",
    "::ffff:192.0.2.1": "write 192.0.2.1",
    "2001:db8::/64": "name at most a /112",
    "2001:db8::/32": "name at most a /112",
    "::/0": "name at most a /112",
    "*.example.com": "a wildcard names no host",
    "two words": "is not a DNS name",
    "https://www.example.com/": "cannot be read",
    "a.example;b.example": "is not a DNS name",
}


@pytest.mark.parametrize("text", GOOD)
def test_a_target_is_read(text: str) -> None:
    assert parse_target(text) == GOOD[text]


@pytest.mark.parametrize("text", BAD)
def test_what_is_no_target_is_said_to_be_none(text: str) -> None:
    with pytest.raises(Malformed) as raised:
        parse_target(text)
    assert BAD[text] in raised.value.detail
    assert raised.value.detail.isprintable()


@given(st.text(max_size=40) | st.text(alphabet="0123456789abcf.:-/[]@,% ", max_size=40))
def test_any_text_is_a_target_or_malformed(text: str) -> None:
    try:
        target = parse_target(text)
    except Malformed:
        return
    assert isinstance(target.where, str) or target.where.size >= 1


@pytest.mark.parametrize("text", ["", ",", "0", "65536", "1-", "x", "1-2-3", "9-1"])
def test_what_is_no_port_is_said_to_be_none(text: str) -> None:
    with pytest.raises(Malformed):
        parse_ports(text)


@given(st.lists(st.tuples(st.integers(1, 65535), st.integers(0, 40)), min_size=1, max_size=8))
def test_ports_are_in_order_and_once(ranges: list[tuple[int, int]]) -> None:
    given_ranges = [(first, min(first + more, 65535)) for first, more in ranges]
    ports = parse_ports(",".join(f"{first}-{last}" for first, last in given_ranges))
    expected = sorted({port for first, last in given_ranges for port in range(first, last + 1)})
    assert [ports.at(index) for index in range(len(ports))] == expected
    assert all(port in ports for port in expected)
    assert len(ports) == len(expected)
    with pytest.raises(IndexError):
        ports.at(len(ports))


# -- plans -----------------------------------------------------------------------------------------


def items(plan: Plan) -> list[Item]:
    found = (plan.item(number) for number in range(plan.total))
    return [one for one in found if one is not None]


SMALL_TARGETS = st.lists(
    st.sampled_from(
        (
            *("192.0.2.0/28", "192.0.2.8-20", "192.0.2.5", "198.51.100.0/27:22,80-83", "2001:db8::/124"),
            *("a.example", "a.example:8443", "192.0.2.5:443", "b.example@192.0.2.5"),
        )
    ),
    max_size=5,
)


@given(SMALL_TARGETS, st.sampled_from(["443", "1-5", "443,8443"]))
def test_a_plan_has_every_place_once(targets: list[str], ports: str) -> None:
    plan = parse_plan(targets, (), parse_ports(ports))
    expected = set()
    for target in map(parse_target, targets):
        own = target.ports or parse_ports(ports)
        for port in (own.at(index) for index in range(len(own))):
            where = target.where
            if isinstance(where, str):
                expected.add((where, port, target.name, target.alone))
            else:
                values = range(where.first, where.last + 1)
                hosts = (type(ip_address(value))(value) for value in values)
                if where.version == 6:
                    hosts = (ip_address(value) for value in values)
                expected |= {(host, port, target.name, target.alone) for host in hosts}
    found = [(one.host, one.port, one.name, one.alone) for one in items(plan)]
    assert set(found) == expected
    assert len(found) == len(expected) == plan.total


@given(st.integers(1, 5000))
def test_the_order_is_a_permutation(total: int) -> None:
    plan = Plan([Target(v4("10.0.0.0", str(IPv4Address((10 << 24) + total - 1))))], Exclusions(()), HTTPS)
    assert len({one.host for one in items(plan)}) == plan.total == total


def test_no_network_gets_many_in_a_row() -> None:
    """A /16 with ports: among any 512 in a row, no /24 gets more than a few."""
    plan = parse_plan(["10.1.0.0/16"], (), parse_ports("443,8443,9443"))
    for start in range(0, plan.total, 20_011):
        window = (plan.item(number % plan.total) for number in range(start, start + 512))
        networks = Counter(int(one.host) >> 8 for one in window if one and not isinstance(one.host, str))
        assert max(networks.values()) <= 4


def test_a_plan_of_billions_is_small_and_quick() -> None:
    plan = parse_plan(["10.0.0.0/16"], (), parse_ports("1-65535"))
    assert plan.total == 65_536 * 65_535
    assert len({plan.item(number) for number in islice(range(0, plan.total, 42_949_672), 100)}) == 100


def test_a_plan_has_an_end() -> None:
    with pytest.raises(Malformed, match=f"the most is {ITEMS_MAX}"):
        parse_plan(["0.0.0.0/0", "10.0.0.0/8:1-65535"], (), HTTPS)
    with pytest.raises(Malformed, match="100000 lines"):
        parse_plan(["192.0.2.1"] * 100_001, (), HTTPS)


def test_an_empty_plan_has_nothing() -> None:
    plan = parse_plan((), (), HTTPS)
    assert plan.total == 0
    assert plan.after("") == 0


@given(st.sampled_from(["192.0.2.0/28", "192.0.2.3", "192.0.2.4:443", "192.0.2.0/30:1-442", "192.0.2.9-40"]))
def test_what_is_excluded_is_in_no_plan(exclusion: str) -> None:
    ports = parse_ports("442-444")
    plan = parse_plan(["192.0.2.0/27"], [exclusion], ports)
    excluded = parse_target(exclusion)
    assert isinstance(excluded.where, Span)
    kept = {(int(one.host), one.port) for one in items(plan) if not isinstance(one.host, str)}
    everything = {
        (value, port)
        for value in range(int(ip_address("192.0.2.0")), int(ip_address("192.0.2.32")))
        for port in (442, 443, 444)
    }
    gone = {
        (value, port)
        for value, port in everything
        if excluded.where.first <= value <= excluded.where.last and port in (excluded.ports or ports)
    }
    assert kept == everything - gone


def test_an_excluded_host_takes_its_addresses_with_it() -> None:
    exclusions = Exclusions(
        [parse_target("a.example"), parse_target("b.example:443"), parse_target("10.0.0.0/8")]
    )
    assert exclusions.hosts == ("a.example", "b.example")
    assert exclusions.holds_host("a.example", 1)
    assert exclusions.holds_host("b.example", 443)
    assert not exclusions.holds_host("b.example", 444)
    one, other = ip_address("192.0.2.1"), ip_address("2001:db8::2")
    known = exclusions.with_addresses([("a.example", one), ("b.example", other)])
    assert known.holds(one, 1)
    assert known.holds(other, 443)
    assert not known.holds(other, 444)
    assert known.holds(ip_address("10.1.2.3"), 1)
    assert known.hosts == exclusions.hosts


def test_an_exclusion_has_no_server_name() -> None:
    with pytest.raises(Malformed, match="not of the name"):
        parse_plan(["192.0.2.1"], ["a.example@192.0.2.1"], HTTPS)


@given(st.integers(0, 256))
def test_a_cursor_leads_back(number: int) -> None:
    plan = parse_plan(["192.0.2.0/24"], (), HTTPS)
    assert plan.after(plan.cursor(number)) == number


@pytest.mark.parametrize("cursor", ["5", "x.y", "5.0000000000000000", "-1.", "99999999999"])
def test_a_cursor_of_something_else_is_refused(cursor: str) -> None:
    with pytest.raises(Malformed, match="begin a new one"):
        parse_plan(["192.0.2.0/24"], (), HTTPS).after(cursor)


def test_a_cursor_of_other_ports_is_refused() -> None:
    cursor = parse_plan(["192.0.2.0/24"], (), HTTPS).cursor(5)
    with pytest.raises(Malformed, match="begin a new one"):
        parse_plan(["192.0.2.0/24"], (), parse_ports("444")).after(cursor)


def test_one_place_is_named_alone_and_a_network_is_not() -> None:
    assert parse_target("192.0.2.1:443").alone
    assert parse_target("a.example:443,8443").alone
    assert not parse_target("192.0.2.1").alone
    assert not parse_target("192.0.2.0/24:443").alone
    assert not parse_target("192.0.2.1:1-65535").alone
    assert Ports(((1, 2),)).at(1) == 2
