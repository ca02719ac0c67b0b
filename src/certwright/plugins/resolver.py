"""DNS look-ups by configured resolvers, each bounded in time, records and CNAMEs.

The resolvers come from the settings, or from /etc/resolv.conf where the settings name none. They are the
operator's choice and not subject to the egress policy; the addresses they answer with are.
"""

import asyncio
import os
import re
from dataclasses import dataclass
from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import Any, TypeVar, cast

import dns.asyncresolver
import dns.exception
import dns.message
import dns.name
import dns.rcode
import dns.rdatatype
import dns.resolver
from dns.nameserver import Do53Nameserver
from dns.rdtypes.ANY.CAA import CAA
from dns.rdtypes.ANY.TXT import TXT
from dns.rdtypes.IN.A import A
from dns.rdtypes.IN.AAAA import AAAA

from ..core.caa import CaaRecord, CaaSet, names_to_climb
from ..core.egress import Address, Unreached, shown
from ..core.errors import Malformed, Unavailable

ANSWER_RECORDS_MAX = 200
ALIASES_MAX = 8
DNS_PORT = 53
SYSTEM_CONFIGURATION = "/etc/resolv.conf"

_LOOPBACK: tuple[Address, ...] = (IPv4Address("127.0.0.1"), IPv6Address("::1"))
_SERVER = re.compile(r"(?:\[(?P<six>[^]]+)]|(?P<four>[0-9.]+)):(?P<port>[0-9]{1,5})")
_EDNS_PAYLOAD = 1232  # octets that cross every path unfragmented; what is larger comes by TCP

Record = TypeVar("Record", A, AAAA, TXT, CAA)


@dataclass(frozen=True, slots=True)
class ResolverSettings:
    """`servers` are IP addresses, with `:port` where it is not 53 (IPv6 in brackets then); none means those
    of the system. `seconds` bounds one look-up with all its retries, `try_seconds` one question to one
    server. With `localhost` the names localhost and below are loopback and never asked for (RFC 6761
    section 6.3). Raises Malformed."""

    servers: tuple[str, ...] = ()
    seconds: float = 5.0
    try_seconds: float = 2.0
    localhost: bool = False

    def __post_init__(self) -> None:
        for server in self.servers:
            parse_server(server)
        if not (self.seconds > 0 and self.try_seconds > 0):
            raise Malformed("the times of DNS look-ups must be greater than 0")


def parse_server(text: str) -> Do53Nameserver:
    """A resolver from its address and port. Raises Malformed."""
    match = _SERVER.fullmatch(text)
    address, port = (match["six"] or match["four"], int(match["port"])) if match else (text, DNS_PORT)
    try:
        return Do53Nameserver(str(ip_address(address)), _checked_port(port))
    except ValueError:
        what = "is not an IP address with or without a port, as in 192.0.2.1:53 or [2001:db8::1]:53"
        raise Malformed(f"DNS resolver {shown(text)} {what}") from None


def _checked_port(port: int) -> int:
    if not 0 < port < 65536:
        raise ValueError
    return port


SYSTEM_RESOLVER = ResolverSettings()


def is_localhost(name: str) -> bool:
    """Is it localhost or below (RFC 6761 section 6.3)?"""
    return name == "localhost" or name.endswith(".localhost")


class Resolver:
    """Looks names up. Safe to share between tasks of one or several event loops.

    Every method raises Unreached with problem "dns" when no resolver gives a usable answer in time, and
    Unavailable when there is no resolver to ask.
    """

    def __init__(self, settings: ResolverSettings) -> None:
        self._settings = settings

    async def addresses(self, name: str) -> tuple[Address, ...]:
        """IPv4 and then IPv6 addresses of a DNS name, at least one, without repetition. One kind is enough
        where the other's look-up fails."""
        if self._settings.localhost and is_localhost(name):
            return _LOOPBACK
        answers = await asyncio.gather(
            self._records(name, A), self._records(name, AAAA), return_exceptions=True
        )
        failures = [answer for answer in answers if isinstance(answer, BaseException)]
        for failure in failures:
            if not isinstance(failure, Unreached):
                raise failure
        found = [
            ip_address(record.address)
            for answer in answers
            if not isinstance(answer, BaseException)
            for record in answer
        ]
        if not found and failures:
            raise failures[0]
        if not found:
            raise Unreached("dns", f"{shown(name)} has neither an A nor an AAAA record")
        return tuple(dict.fromkeys(found))

    async def texts(self, name: str) -> tuple[bytes, ...]:
        """TXT records of a DNS name, each with its strings joined; none where there is none."""
        if self._settings.localhost and is_localhost(name):
            return ()
        return tuple(b"".join(record.strings) for record in await self._records(name, TXT))

    async def caa(self, name: str) -> tuple[CaaRecord, ...]:
        """CAA records of exactly this DNS name, CNAMEs followed; none where there is none."""
        return tuple(
            CaaRecord(record.flags, record.tag.decode("latin-1"), record.value.decode("latin-1"))
            for record in await self._records(name, CAA)
        )

    async def _records(self, name: str, kind: type[Record]) -> tuple[Record, ...]:
        """Records of one type, empty where the name or the type does not exist. A server that does not
        follow a CNAME out of its own zones is asked again for its target."""
        record_type = dns.rdatatype.from_text(kind.__name__)
        try:
            wanted = dns.name.from_text(name)
        except dns.exception.DNSException:
            raise Unreached("dns", f"{shown(name)} is no name that the DNS can hold") from None
        try:
            async with asyncio.timeout(self._settings.seconds):
                for _ in range(ALIASES_MAX):
                    answer = await self._ask(wanted, record_type)
                    if answer is None:
                        return ()
                    if answer.rrset is not None:
                        return self._bounded(name, cast("tuple[Record, ...]", tuple(answer.rrset)))
                    if answer.canonical_name == wanted:
                        return ()
                    wanted = answer.canonical_name
        except TimeoutError:
            seconds = f"{self._settings.seconds:g} s"
            raise Unreached("dns", f"{_question(name, record_type)}: no answer within {seconds}") from None
        raise Unreached("dns", f"{_question(name, record_type)}: more than {ALIASES_MAX} CNAMEs in a row")

    def _bounded(self, name: str, records: tuple[Record, ...]) -> tuple[Record, ...]:
        if len(records) > ANSWER_RECORDS_MAX:
            raise Unreached("dns", f"{shown(name)} has more than {ANSWER_RECORDS_MAX} records of one type")
        return records

    async def _ask(self, name: dns.name.Name, kind: dns.rdatatype.RdataType) -> dns.resolver.Answer | None:
        """One answer, None where the name does not exist."""
        asker = self._asker()
        try:
            return await asker.resolve(name, kind, search=False, raise_on_no_answer=False)
        except dns.resolver.NXDOMAIN:
            return None
        except dns.resolver.LifetimeTimeout:
            raise TimeoutError from None
        except dns.resolver.NoNameservers as error:
            raise _failed(name, kind, error.kwargs.get("errors", ())) from error
        except dns.exception.DNSException as error:
            what = _question(name.to_text(omit_final_dot=True), kind)
            raise Unreached("dns", f"{what}: the answer cannot be used ({type(error).__name__})") from error

    def _asker(self) -> dns.asyncresolver.Resolver:
        settings = self._settings
        if settings.servers:
            return _configured(settings, settings.servers)
        try:
            changed = os.stat(SYSTEM_CONFIGURATION).st_mtime_ns
        except OSError:
            raise _no_resolver() from None
        return _configured(settings, _system_servers(changed))


@lru_cache(maxsize=16)
def _configured(settings: ResolverSettings, servers: tuple[str, ...]) -> dns.asyncresolver.Resolver:
    asker = dns.asyncresolver.Resolver(configure=False)
    asker.nameservers = [parse_server(server) for server in servers]
    asker.timeout, asker.lifetime = settings.try_seconds, settings.seconds
    asker.use_edns(0, 0, _EDNS_PAYLOAD)
    return asker


@lru_cache(maxsize=1)
def _system_servers(_changed: int) -> tuple[str, ...]:
    """The system's resolvers; read anew when the file has another time of change. Raises Unavailable."""
    try:
        return tuple(map(str, dns.resolver.Resolver(SYSTEM_CONFIGURATION).nameservers))
    except (dns.exception.DNSException, OSError, ValueError) as error:
        raise _no_resolver() from error


def _no_resolver() -> Unavailable:
    return Unavailable(f"no DNS resolver is set and {SYSTEM_CONFIGURATION} names none; set one")


def _failed(name: dns.name.Name, kind: dns.rdatatype.RdataType, errors: Any) -> Unreached:
    """What the last server said: a response code, or why its answer could not be read."""
    what = _question(name.to_text(omit_final_dot=True), kind)
    _, _, _, error, response = errors[-1] if errors else ("", False, 0, None, None)
    if isinstance(response, dns.message.Message) and response.rcode() != dns.rcode.NOERROR:
        return Unreached("dns", f"{what}: the resolver answered {dns.rcode.to_text(response.rcode())}")
    return Unreached("dns", f"{what}: the resolver's answer cannot be used ({type(error).__name__})")


def _question(name: str, kind: dns.rdatatype.RdataType) -> str:
    return f"DNS look-up of {dns.rdatatype.to_text(kind)} for {shown(name)}"


async def find_caa(resolver: Resolver, name: str, seconds: float = 10.0) -> CaaSet:
    """The relevant CAA record set of a DNS name (RFC 8659 section 3), `*.` in front allowed, within `seconds`
    for the whole climb. Names below localhost have none. Raises Unreached with problem "caa" where a look-up
    fails, since records may hide behind the failure, and Unavailable when there is no resolver to ask."""
    if is_localhost(name.removeprefix("*.")):
        return CaaSet()
    try:
        async with asyncio.timeout(seconds):
            for owner in names_to_climb(name):
                if records := await resolver.caa(owner):
                    return CaaSet(owner, records)
    except Unreached as error:
        raise Unreached("caa", error.detail) from error
    except TimeoutError:
        raise Unreached("caa", f"CAA look-ups for {shown(name)} took more than {seconds:g} s") from None
    return CaaSet()
