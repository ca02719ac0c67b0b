"""The network scanner: dials addresses, and says which certificates TLS servers present there.

It looks and ends the connection: no handshake is finished, no certificate is verified, and nothing is said
but a hello, and what begins TLS in other protocols.
"""

from collections.abc import AsyncGenerator, Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from random import Random
from types import MappingProxyType

from cryptography.hazmat.primitives.asymmetric import ec, mlkem, x448, x25519

from ...core.egress import DEFAULT_LIMITS, DEFAULT_POLICY, EgressPolicy, Unreached, shown
from ...core.errors import Malformed, Unavailable
from ...core.names import normalize_dns
from ...core.targets import Plan, parse_plan, parse_ports
from ...ports import Progress, Scope, Sighting
from ...protocols.tls.keys import PrivateKeys, Shares
from ...protocols.tls.starttls import PROTOCOLS
from ..resolver import SYSTEM_RESOLVER, Resolver, ResolverSettings
from .lookups import Lookups
from .pacing import Pace
from .probe import KIND, Manner
from .sweep import Sweep

NAMES_MAX = 100
ALPN_OCTETS_MAX = 255

STARTTLS: Mapping[int, str] = MappingProxyType(
    {
        21: "ftp",
        25: "smtp",
        110: "pop3",
        143: "imap",
        389: "ldap",
        587: "smtp",
        3268: "ldap",
        3306: "mysql",
        3389: "rdp",
        5222: "xmpp",
        5432: "postgresql",
    }
)
"""Where TLS is begun inside of another protocol; everywhere else it is there from the first octet."""

PORTS = (
    "443,465,563,636,853,989,990,992-995,2376,2379,3269,4443,5061,5223,5671,5986,6443,6697,8080,8443,8883,9093,"
    "9200,9443,10250,10443,"
) + ",".join(map(str, STARTTLS))


@dataclass(frozen=True, slots=True)
class NetworkSettings:
    """How far, how fast and how to look. Raises Malformed.

    `ports` are for targets that name none; `names` are asked for at addresses, after no name at all.
    `starttls` gives the protocol of a port. At most `concurrency` connections are open; `per_second` and
    `network_per_second` bound the looks that begin, one for each server name, overall and in each /24 of IPv4
    or /64 of IPv6; `jitter` is the part of an interval by which it varies. `total_seconds` are for one place
    with all that is asked again. `prove` asks the server to show that it has the key of its certificate.
    """

    ports: str = PORTS
    names: tuple[str, ...] = ()
    alpn: tuple[str, ...] = ("h2", "http/1.1")
    starttls: Mapping[int, str] = field(default_factory=lambda: STARTTLS)
    concurrency: int = 500
    per_second: float = 1000.0
    network_per_second: float = 100.0
    jitter: float = 0.2
    connect_seconds: float = 3.0
    total_seconds: float = 10.0
    prove: bool = False
    policy: EgressPolicy = DEFAULT_POLICY
    resolver: ResolverSettings = SYSTEM_RESOLVER

    def __post_init__(self) -> None:
        parse_ports(self.ports)
        for name in ("concurrency", "per_second", "network_per_second", "connect_seconds", "total_seconds"):
            if not getattr(self, name) > 0:
                raise Malformed(f"the network scanner's {name} must be greater than 0")
        if not 0 <= self.jitter <= 1:
            raise Malformed("the network scanner's jitter must be from 0 to 1")
        if len(self.names) > NAMES_MAX:
            raise Malformed(f"the network scanner asks for at most {NAMES_MAX} server names")
        if any(normalize_dns(name).startswith("*") for name in self.names):
            raise Malformed("the network scanner asks for server names, not for wildcards")
        if not all(one.isascii() and 1 <= len(one) <= ALPN_OCTETS_MAX for one in self.alpn):
            raise Malformed(f"a protocol of ALPN has 1 to {ALPN_OCTETS_MAX} ASCII characters")
        self._check_starttls()

    def _check_starttls(self) -> None:
        for port, protocol in self.starttls.items():
            parse_ports(str(port))
            if protocol not in PROTOCOLS:
                raise Malformed(f"TLS cannot be begun in {shown(protocol)}; known are {', '.join(PROTOCOLS)}")


DEFAULT_SETTINGS = NetworkSettings()


def _now() -> datetime:
    return datetime.now(UTC)


class NetworkSource:
    """A discovery source for addresses, networks and host names."""

    kind = KIND
    Settings = NetworkSettings

    def __init__(
        self, settings: NetworkSettings = DEFAULT_SETTINGS, clock: Callable[[], datetime] = _now
    ) -> None:
        self._settings = settings
        self._resolver = Resolver(settings.resolver)
        self._manner = Manner(
            Shares(_private_keys()),
            settings.alpn,
            settings.prove,
            tuple(map(normalize_dns, settings.names)),
            dict(settings.starttls),
            settings.connect_seconds,
            settings.total_seconds,
            clock,
        )

    def check(self, scope: Scope) -> None:
        """See `DiscoverySource`."""
        plan = self._plan(scope)
        plan.after(scope.after)

    async def look(self, scope: Scope) -> AsyncGenerator[Sighting | Progress]:
        """See `DiscoverySource`."""
        plan = self._plan(scope)
        begin = plan.after(scope.after)
        await self._exclude_addresses(plan)
        settings = self._settings
        sweep = Sweep(
            plan,
            begin,
            self._manner,
            settings.policy,
            Lookups(self._resolver, DEFAULT_LIMITS.addresses),
            Pace(settings.per_second, settings.network_per_second, settings.jitter, Random()),  # noqa: S311
            settings.concurrency,
        )
        events = sweep.events()
        try:
            async for event in events:
                yield event
        finally:
            await events.aclose()

    def _plan(self, scope: Scope) -> Plan:
        return parse_plan(scope.targets, scope.exclude, parse_ports(self._settings.ports))

    async def _exclude_addresses(self, plan: Plan) -> None:
        """Whoever excludes a host excludes its addresses. Raises Unavailable where they are not known."""
        found = []
        for host in plan.exclusions.hosts:
            try:
                found += [(host, address) for address in await self._resolver.addresses(host)]
            except Unreached as error:
                text = f"{shown(host)} is excluded, and its addresses cannot be found"
                raise Unavailable(f"{text}: {error.detail}; exclude its addresses instead") from error
        if found:
            plan.exclusions = plan.exclusions.with_addresses(found)


def _private_keys() -> PrivateKeys:
    return PrivateKeys(
        x25519.X25519PrivateKey.generate(),
        x448.X448PrivateKey.generate(),
        ec.generate_private_key(ec.SECP256R1()),
        ec.generate_private_key(ec.SECP384R1()),
        ec.generate_private_key(ec.SECP521R1()),
        mlkem.MLKEM768PrivateKey.generate(),
        mlkem.MLKEM1024PrivateKey.generate(),
    )
