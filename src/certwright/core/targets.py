"""What to look at: targets and ports as people write them, as a numbered plan that is never written out.

A target is an address, a network (`192.0.2.0/24`), a range (`192.0.2.1-192.0.2.20`, `192.0.2.1-20`) or a host
name, alone or with ports of its own (`host:443`, `[2001:db8::1]:443,8443`), and with a server name to ask for
in front (`name@192.0.2.1`). A plan has an item for each address or host name and port; they are numbered, and
come in an order that spreads over all networks, so that none gets many in a row.
"""

import hashlib
import re
from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from itertools import accumulate
from math import gcd

from .egress import Address, shown
from .errors import Malformed
from .names import normalize_dns

LINES_MAX = 100_000
LINE_CHARACTERS_MAX = 512
ALONE_PORTS_MAX = 16
ITEMS_MAX = 2**32
IPV6_ADDRESSES_MAX = 2**16
"""As many as a /112 has; IPv6 networks are too large to be looked through."""

_RANGE = re.compile(r"([0-9]+(?:\.[0-9]+){3}|[0-9A-Fa-f:.]*:[0-9A-Fa-f:.]*)-(.+)")
_WITH_PORTS = re.compile(r"(?:\[(?P<inside>[^]]*)]|(?P<host>[^\[\]:]+))(?::(?P<ports>[0-9,\s-]+))?")
_PORT_RANGE = re.compile(r"([0-9]{1,5})(?:-([0-9]{1,5}))?")


# -- ports -----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Ports:
    """Ports in ascending order without repetition, as ranges that include both ends."""

    ranges: tuple[tuple[int, int], ...]

    def __len__(self) -> int:
        return sum(last - first + 1 for first, last in self.ranges)

    def __contains__(self, port: object) -> bool:
        return isinstance(port, int) and any(first <= port <= last for first, last in self.ranges)

    def at(self, index: int) -> int:
        for first, last in self.ranges:
            if index <= last - first:
                return first + index
            index -= last - first + 1
        raise IndexError(index)


def parse_ports(text: str) -> Ports:
    """Ports as in `443,8443,9000-9010`. Raises Malformed."""
    found = []
    for part in text.split(","):
        match = _PORT_RANGE.fullmatch(part.strip())
        first, last = (int(match[1]), int(match[2] or match[1])) if match else (0, 0)
        if not 1 <= first <= last <= 65_535:
            raise Malformed(f"{shown(part.strip())!r} is no port from 1 to 65535 and no range of them")
        found.append((first, last))
    return Ports(tuple(_merged(found)))


def _merged(ranges: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    """Ascending, with neighbours and overlaps put together."""
    merged: list[tuple[int, int]] = []
    for first, last in sorted(ranges):
        if merged and first <= merged[-1][1] + 1:
            merged[-1] = (merged[-1][0], max(merged[-1][1], last))
        else:
            merged.append((first, last))
    return merged


# -- targets ---------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Span:
    """Addresses of one version, from the first to the last."""

    version: int
    first: int
    last: int

    @property
    def size(self) -> int:
        return self.last - self.first + 1


@dataclass(frozen=True, slots=True)
class Target:
    """One line: addresses or a host name; `ports` is None where it names none, `name` the server name that
    it puts in front."""

    where: Span | str
    ports: Ports | None = None
    name: str = ""

    @property
    def alone(self) -> bool:
        """Does it name one address or host, and a few ports of it?"""
        one = isinstance(self.where, str) or self.where.size == 1
        return one and self.ports is not None and len(self.ports) <= ALONE_PORTS_MAX


def parse_target(text: str) -> Target:
    """Raises Malformed, saying what is wrong with it."""
    text = text.strip()
    if not text or len(text) > LINE_CHARACTERS_MAX:
        raise Malformed(f"a target must be 1 to {LINE_CHARACTERS_MAX} characters long")
    name, at, rest = text.rpartition("@")
    if at and not name:
        raise Malformed(f"target {shown(text)!r}: a server name must stand in front of the @")
    where, ports = _split_ports(rest, text)
    target = Target(_where(where, text), ports, normalize_dns(name) if name else "")
    if name and isinstance(target.where, str):
        raise Malformed(f"target {shown(text)!r}: an address must stand after the @, not a host name")
    return target


def _split_ports(text: str, whole: str) -> tuple[str, Ports | None]:
    if text.count(":") > 1 and not text.startswith("["):
        return text, None  # IPv6 without a port
    match = _WITH_PORTS.fullmatch(text)
    if not match:
        raise _unreadable(whole)
    ports = parse_ports(match["ports"]) if match["ports"] else None
    return match["inside"] if match["host"] is None else match["host"], ports


def _where(text: str, whole: str) -> Span | str:
    if "/" in text:
        return _network(text, whole)
    if match := _RANGE.fullmatch(text):
        return _range(match[1], match[2], whole)
    if ":" in text or not text.strip("0123456789."):
        address = int(_address(text, whole))
        return Span(6 if ":" in text else 4, address, address)
    host = normalize_dns(text.removesuffix("."))
    if host.startswith("*."):
        raise Malformed(f"target {shown(whole)!r}: a wildcard names no host")
    return host


def _network(text: str, whole: str) -> Span:
    try:
        network = ip_network("" if "%" in text else text, strict=False)
    except ValueError:
        raise _unreadable(whole) from None
    _address(str(network.network_address), whole)
    first, last = int(network.network_address), int(network.broadcast_address)
    return _bounded(Span(network.version, first, last), whole)


def _range(left: str, right: str, whole: str) -> Span:
    first = _address(left, whole)
    if right.isdigit() and isinstance(first, IPv4Address):
        right = f"{left.rpartition('.')[0]}.{right}"
    last = _address(right, whole)
    if first.version != last.version or int(last) < int(first):
        raise Malformed(f"target {shown(whole)!r}: a range must go from a lower to a higher address")
    return _bounded(Span(first.version, int(first), int(last)), whole)


def _bounded(span: Span, whole: str) -> Span:
    if span.version == 6 and span.size > IPV6_ADDRESSES_MAX:
        text = f"target {shown(whole)!r} has more addresses than anybody can look through"
        raise Malformed(f"{text}; name at most a /112 of IPv6, or the hosts themselves")
    return span


def _address(text: str, whole: str) -> Address:
    try:
        address = ip_address("" if "%" in text else text)
    except ValueError:
        raise _unreadable(whole) from None
    if isinstance(address, IPv6Address) and address.ipv4_mapped:
        raise Malformed(f"target {shown(whole)!r} is IPv4 in IPv6 form; write {address.ipv4_mapped}")
    return address


def _unreadable(whole: str) -> Malformed:
    forms = (
        "an address, a network, a range or a host name, with or without :ports ([2001:db8::1]:443 for IPv6)"
    )
    return Malformed(f"target {shown(whole)!r} cannot be read: it must be {forms}")


# -- exclusions ------------------------------------------------------------------------------------


class Exclusions:
    """What is never touched: addresses, host names, or ports of them."""

    def __init__(self, targets: Iterable[Target]) -> None:
        whole: dict[int, list[tuple[int, int]]] = {4: [], 6: []}
        self._in_part: list[tuple[Span, Ports]] = []
        self._hosts: dict[str, list[Ports | None]] = {}
        for target in targets:
            if isinstance(target.where, str):
                self._hosts.setdefault(target.where, []).append(target.ports)
            elif target.ports is None:
                whole[target.where.version].append((target.where.first, target.where.last))
            else:
                self._in_part.append((target.where, target.ports))
        self._whole = {version: _merged(spans) for version, spans in whole.items()}
        self._firsts = {version: [first for first, _ in spans] for version, spans in self._whole.items()}

    @property
    def hosts(self) -> tuple[str, ...]:
        """The host names among them, whose addresses are excluded as well."""
        return tuple(self._hosts)

    def with_addresses(self, found: Iterable[tuple[str, Address]]) -> "Exclusions":
        """These, and the addresses of host names among them."""
        targets = [
            Target(Span(address.version, int(address), int(address)), ports)
            for host, address in found
            for ports in self._hosts[host]
        ]
        return Exclusions([*self._targets(), *targets])

    def _targets(self) -> list[Target]:
        whole = [Target(Span(version, *one)) for version, spans in self._whole.items() for one in spans]
        hosts = [Target(host, ports) for host, all_ports in self._hosts.items() for ports in all_ports]
        return [*whole, *(Target(*one) for one in self._in_part), *hosts]

    def holds(self, address: Address, port: int) -> bool:
        value, version = int(address), address.version
        index = bisect_right(self._firsts[version], value) - 1
        if index >= 0 and value <= self._whole[version][index][1]:
            return True
        return any(
            span.version == version and span.first <= value <= span.last and port in ports
            for span, ports in self._in_part
        )

    def holds_host(self, host: str, port: int) -> bool:
        return any(ports is None or port in ports for ports in self._hosts.get(host, ()))


# -- the plan --------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Item:
    """One place to look at. `host` is an address or a host name; `name` the server name that its target puts
    in front; `alone` says that the target named this host and this port; `first` that this is the host's
    first port."""

    host: Address | str
    port: int
    name: str
    alone: bool
    first: bool


class Plan:
    """All items of a scope, by number. Nothing is written out: a plan of billions is as small as its text."""

    def __init__(self, targets: Sequence[Target], exclusions: Exclusions, ports: Ports) -> None:
        """`ports` are for targets that name none. Raises Malformed for more than ITEMS_MAX items."""
        self.exclusions = exclusions
        self._blocks = [(one, one.ports or ports) for one in _united(targets)]
        self._ends = list(accumulate(_size(target) * len(own) for target, own in self._blocks))
        self.total = self._ends[-1] if self._ends else 0
        if self.total > ITEMS_MAX:
            text = f"the targets have {self.total} addresses and ports; the most is {ITEMS_MAX}"
            raise Malformed(f"{text}: take fewer ports, or several runs")
        self._step = _step(self.total)

    def item(self, number: int) -> Item | None:
        """Item of a number from 0 to total - 1; None where it is excluded."""
        place = number * self._step % self.total
        block = bisect_right(self._ends, place)
        target, ports = self._blocks[block]
        index = place - (self._ends[block - 1] if block else 0)
        offset, which = divmod(index, len(ports))
        port = ports.at(which)
        if isinstance(target.where, str):
            excluded = self.exclusions.holds_host(target.where, port)
            host: Address | str = target.where
        else:
            host = _of(target.where, offset)
            excluded = self.exclusions.holds(host, port)
        return None if excluded else Item(host, port, target.name, target.alone, which == 0)

    @cached_property
    def fingerprint(self) -> str:
        """The same for the same targets and ports, so that a number is not used with others."""
        return hashlib.sha256(repr(self._blocks).encode()).hexdigest()[:16]

    def cursor(self, number: int) -> str:
        """A text from which a run goes on with this number."""
        return f"{number}.{self.fingerprint}"

    def after(self, cursor: str) -> int:
        """The number of a cursor, 0 for an empty one. Raises Malformed for one of another plan."""
        if not cursor:
            return 0
        number, _, fingerprint = cursor.partition(".")
        if fingerprint != self.fingerprint or not re.fullmatch(r"[0-9]{1,10}", number):
            raise Malformed("the run cannot go on: its targets or ports have changed; begin a new one")
        return min(int(number), self.total)


def parse_plan(targets: Sequence[str], exclude: Sequence[str], ports: Ports) -> Plan:
    """Raises Malformed for the first line that cannot be read, or when there are too many."""
    if len(targets) > LINES_MAX or len(exclude) > LINES_MAX:
        raise Malformed(f"a scope may have {LINES_MAX} lines")
    excluded = [parse_target(line) for line in exclude]
    if named := next((one for one in excluded if one.name), None):
        raise Malformed(f"an exclusion is of addresses and ports, not of the name {shown(named.name)}")
    return Plan([parse_target(line) for line in targets], Exclusions(excluded), ports)


def _of(span: Span, offset: int) -> Address:
    value = span.first + offset
    return IPv4Address(value) if span.version == 4 else IPv6Address(value)


def _size(target: Target) -> int:
    return 1 if isinstance(target.where, str) else target.where.size


def _united(targets: Iterable[Target]) -> list[Target]:
    """Without repetition: overlapping addresses that are to be looked at in the same way become one. Those
    that name one place alone stay themselves."""
    kept: dict[Target, None] = {}
    spans: dict[tuple[int, Ports | None, str], list[tuple[int, int]]] = {}
    for target in targets:
        if isinstance(target.where, str) or target.alone:
            kept[target] = None
        else:
            key = (target.where.version, target.ports, target.name)
            spans.setdefault(key, []).append((target.where.first, target.where.last))
    merged = [
        Target(Span(version, *one), ports, name)
        for (version, ports, name), ranges in spans.items()
        for one in _merged(ranges)
    ]
    return [*merged, *kept]


def _step(total: int) -> int:
    """A step that visits each of `total` numbers once and lands far from where it was: near the golden ratio,
    with no divisor in common."""
    step = max(total * 0x9E37_79B9_7F4A_7C15 >> 64, 1)
    while gcd(step, total) > 1:
        step += 1
    return step
