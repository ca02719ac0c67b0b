"""Certificates in a directory: of people and machines, of authorities, and what Active Directory trusts; and
the CRLs that authorities publish there (RFC 4523).

The directory is asked over TLS alone (LDAPS, or StartTLS first of all), and its certificate verified before
the password goes there. Referrals are not followed: they would carry it elsewhere.
"""

import asyncio
import hashlib
import re
import ssl
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator, Sequence
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from ipaddress import ip_address

from ...core.egress import DEFAULT_POLICY, EgressPolicy, Limits, PortRule, Purpose, Unreached
from ...core.errors import Malformed, TooLarge
from ...core.names import normalize_dns
from ...core.stores.outline import outline
from ...ports import SECRET, Place, Progress, Scope, Sighting
from ...protocols.ldap.messages import (
    INVALID_CREDENTIALS,
    NO_SUCH_OBJECT,
    SUCCESS,
    Answer,
    Entry,
    Extent,
    Said,
    bind,
    pair,
    read,
    search,
    size_of,
    start_tls,
)
from ..calls import verifying_context
from ..egress import Destination, Egress, Journey, Tls, connect
from ..resolver import SYSTEM_RESOLVER, Resolver, ResolverSettings
from .looking import one_line, place_name, with_signs_of_life
from .service import Unanswered

KIND = "directory"
Event = Sighting | Progress
PORTS = {"ldap": 389, "ldaps": 636}
CERTIFICATES = ("userCertificate", "cACertificate", "crossCertificatePair")
LISTS = ("certificateRevocationList", "authorityRevocationList")
ATTRIBUTES = (*CERTIFICATES, *LISTS)
NOTHING = b"\x00"
"""What Active Directory has where its schema wants a value and there is none."""
PAGE = 200
MESSAGE_OCTETS_MAX = 16 * 1024 * 1024
BASES_MAX = 100
_TARGET = re.compile(
    r"(?P<scheme>ldaps?)://(?P<host>\[[0-9A-Fa-f:.]+\]|[^\s:\[\]/]+)(?::(?P<port>[0-9]{1,5}))?/?(?:\s+(?P<base>\S.*))?"
)


@dataclass(frozen=True, slots=True)
class LdapSettings:
    """As whom to ask: `bind_dn` with `password`, or nobody; `trust` are certificates in PEM by which the
    directory is known, the system's where there are none. A run reads `entries_max` entries at most, and
    waits `seconds` for each answer. Raises Malformed."""

    bind_dn: str = ""
    password: str = field(default="", repr=False, metadata=SECRET)
    trust: str = ""
    entries_max: int = 1_000_000
    seconds: float = 30.0
    policy: EgressPolicy = DEFAULT_POLICY
    resolver: ResolverSettings = SYSTEM_RESOLVER

    def __post_init__(self) -> None:
        verifying_context(self.trust)
        if self.bind_dn and not self.password:
            # a name without a password is nobody, whatever a directory says of it (RFC 4513 section 5.1.2)
            raise Malformed("the ldap source's bind_dn needs a password")
        if not self.entries_max > 0 or not self.seconds > 0:
            raise Malformed("the ldap source's entries_max and seconds must be greater than 0")


@dataclass(frozen=True, slots=True)
class _Server:
    """`host` is an address or a DNS name in normal form."""

    secure: bool
    host: str
    port: int


@dataclass(frozen=True, slots=True)
class _Plan:
    """`bases` is empty for all that the server has; `begin` how many of them are done."""

    server: _Server | None
    bases: tuple[str, ...]
    exclude: tuple[str, ...]
    begin: int


def _plan(scope: Scope) -> _Plan:
    """Raises Malformed."""
    found = [_target(line) for line in scope.targets]
    servers = {server for server, _ in found}
    if len(servers) > 1:
        raise Malformed("one scope looks at one directory, whose password it has; make a scope for each")
    if scope.after and not re.fullmatch(r"[0-9]{1,4}", scope.after):
        raise Malformed(f"{scope.after[:100]!r} is no cursor of this source")
    bases = () if any(not base for _, base in found) else tuple(dict.fromkeys(base for _, base in found))
    exclude = tuple(_folded(_name(line)) for line in scope.exclude)
    return _Plan(next(iter(servers), None), bases, exclude, int(scope.after or 0))


def _target(line: str) -> tuple[_Server, str]:
    found = _TARGET.fullmatch(line)
    if found is None:
        raise Malformed(
            f"{line[:100]!r} is no target; write ldaps://, a host, a space and a name in the tree"
        )
    port = int(found["port"] or PORTS[found["scheme"]])
    if not 1 <= port <= 65535:
        raise Malformed(f"port {port} is none")
    try:
        host = str(ip_address(found["host"].strip("[]")))
    except ValueError:
        host = normalize_dns(found["host"])
    return _Server(found["scheme"] == "ldaps", host, port), _name(found["base"] or "")


def _name(text: str) -> str:
    if text and "=" not in text:
        raise Malformed(f"{text[:100]!r} is no name in a directory, like dc=example,dc=org")
    return text


def _folded(name: str) -> str:
    """A name to compare: its case and the spaces after commas say nothing."""
    return re.sub(r"\s*,\s*", ",", name.strip().lower())


def _now() -> datetime:
    return datetime.now(UTC)


class LdapSource:
    """A discovery source for a directory, Active Directory among them."""

    kind = KIND
    Settings = LdapSettings

    def __init__(self, settings: LdapSettings, clock: Callable[[], datetime] = _now) -> None:
        self._settings = settings
        self._clock = clock

    def check(self, scope: Scope) -> None:
        """See `DiscoverySource`."""
        _plan(scope)

    def look(self, scope: Scope) -> AsyncGenerator[Event]:
        """See `DiscoverySource`."""
        return _Look(self._settings, _plan(scope), self._clock).events()


class _Look:
    """One run. `events` is walked through once."""

    def __init__(self, settings: LdapSettings, plan: _Plan, clock: Callable[[], datetime]) -> None:
        self._settings = settings
        self._plan = plan
        self._clock = clock
        self._entries = 0
        self._progress = Progress(0, 0, str(plan.begin or ""))

    def events(self) -> AsyncGenerator[Event]:
        return with_signs_of_life(self._work(), lambda: self._progress)

    async def _work(self) -> AsyncGenerator[Event]:
        server, whole = self._plan.server, True
        if server is not None and self._plan.begin < BASES_MAX:
            try:
                async with (
                    _connected(server, self._settings) as directory,
                    aclosing(self._everything(server, directory)) as events,
                ):
                    async for event in events:
                        yield event
            except (Unanswered, Malformed, TooLarge) as error:
                whole = False
                place = Place(KIND, server.host, server.port)
                yield Sighting(place, self._clock(), problem=one_line(error.detail))
        done = self._progress.done
        yield Progress(done, done, str(BASES_MAX), whole=whole)

    async def _everything(self, server: _Server, directory: "_Directory") -> AsyncGenerator[Event]:
        bases = self._plan.bases or await directory.bases()
        for number, base in enumerate(bases[:BASES_MAX], 1):
            if number <= self._plan.begin:
                continue
            async for entry in directory.entries(base):
                self._entries += 1
                if self._entries > self._settings.entries_max:
                    raise Unanswered(
                        f"it has more than {self._settings.entries_max} entries with certificates"
                    )
                if not self._is_excluded(entry.name):
                    for sighting in self._told(server, entry):
                        yield sighting
                    self._progress = replace(self._progress, done=self._progress.done + 1)
            self._progress = Progress(self._progress.done, 0, str(number))
            yield self._progress

    def _is_excluded(self, name: str) -> bool:
        folded = _folded(name)
        return any(folded == one or folded.endswith(f",{one}") for one in self._plan.exclude)

    def _told(self, server: _Server, entry: Entry) -> Iterator[Sighting]:
        for attribute, values in entry.values.items():
            kind, _, options = attribute.partition(";")
            name = next((one for one in ATTRIBUTES if one.lower() == kind.lower()), None)
            if name is None:
                continue
            for value in dict.fromkeys(values):
                if name in CERTIFICATES:
                    yield from self._certificates(server, f"{entry.name}#{name}", value)
                elif value != NOTHING:
                    place = self._place(server, f"{entry.name}#{name}")
                    yield Sighting(place, self._clock(), revocation_list=value)
            if "range=" in options.lower() and not options.endswith("*"):
                text = "the directory gives a part of its certificates only"
                yield self._sighting(server, f"{entry.name}#{name}", problem=text)

    def _certificates(self, server: _Server, name: str, value: bytes) -> Iterator[Sighting]:
        """Each at a place of its own: an attribute has its values in no order."""
        try:
            ders = pair(value) if name.endswith("#crossCertificatePair") else (value,)
            for der in ders:
                outline(der)
        except (Malformed, TooLarge):
            where = f"{name}:{_digest(value)}"
            yield self._sighting(server, where, problem="what is there is no certificate that can be read")
            return
        for der in ders:
            yield self._sighting(server, f"{name}:{_digest(der)}", der)

    def _sighting(self, server: _Server, name: str, *chain: bytes, problem: str = "") -> Sighting:
        return Sighting(self._place(server, name), self._clock(), chain, problem=problem)

    def _place(self, server: _Server, name: str) -> Place:
        return Place(KIND, server.host, server.port, place_name(name))


def _digest(octets: bytes) -> str:
    return hashlib.sha256(octets).hexdigest()[:32]


# -- the directory -------------------------------------------------------------------------------


@asynccontextmanager
async def _connected(server: _Server, settings: LdapSettings) -> AsyncIterator["_Directory"]:
    """Over TLS, and as who may ask. Raises Unanswered, Malformed, Unavailable."""
    ports = (PortRule(Purpose.SERVICE, server.port),)  # ports are the scope's own
    limits = Limits(total_seconds=settings.seconds)
    egress = Egress(replace(settings.policy, ports=ports), Resolver(settings.resolver), limits)
    try:
        host = ip_address(server.host)
    except ValueError:
        host = server.host  # type: ignore[assignment]
    context, loop = verifying_context(settings.trust), asyncio.get_running_loop()
    tls = Tls(context, server.host) if server.secure else None
    reader = asyncio.StreamReader(loop=loop)
    try:
        transport, protocol = await connect(
            egress,
            Destination(Purpose.SERVICE, host, server.port, tls),
            lambda: asyncio.StreamReaderProtocol(reader, loop=loop),
            Journey(),
        )
    except Unreached as error:
        raise Unanswered(error.detail) from error
    writer = asyncio.StreamWriter(transport, protocol, reader, loop)
    directory = _Directory(reader, writer, settings.seconds)
    try:
        if not server.secure:
            await directory.start_tls(context, server.host)
        await directory.bind(settings.bind_dn, settings.password)
        yield directory
    finally:
        writer.transport.abort()


class _Directory:
    """A connection, on which one question is asked after the other."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, seconds: float) -> None:
        self._reader = reader
        self._writer = writer
        self._seconds = seconds
        self._number = 0

    async def start_tls(self, context: ssl.SSLContext, host: str) -> None:
        """RFC 4511 section 4.14."""
        said = await self._asked(start_tls(self._next()))
        if said.answer is not Answer.EXTENDED or said.code != SUCCESS:
            raise Unanswered("the directory does not begin TLS")
        if await self._is_ahead():
            raise Unanswered("somebody speaks before TLS has begun")
        try:
            async with asyncio.timeout(self._seconds):
                await self._writer.start_tls(context, server_hostname=host)
        except (OSError, ssl.SSLError) as error:  # TimeoutError is one
            reason = error.reason if isinstance(error, ssl.SSLError) else None
            told = (reason or "it comes to nothing").lower().replace("_", " ")
            raise Unanswered(f"TLS with the directory failed: {told}") from error

    async def _is_ahead(self) -> bool:
        """Is there something to read already? In clear, that would be taken for the directory's word."""
        try:
            async with asyncio.timeout(0):
                return bool(await self._reader.read(1))
        except TimeoutError:
            return False

    async def bind(self, name: str, password: str) -> None:
        said = await self._asked(bind(self._next(), name, password))
        if said.code == INVALID_CREDENTIALS:
            raise Unanswered("the directory refuses bind_dn or its password")
        _check(said, Answer.BOUND)

    async def bases(self) -> Sequence[str]:
        """All trees that it has (RFC 4512 section 5.1)."""
        said = await self._asked(search(self._next(), "", Extent.BASE, ("objectClass",), ("namingContexts",)))
        found: list[str] = []
        while said.answer is not Answer.DONE:
            for kind, values in said.entry.values.items():
                if kind.lower() == "namingcontexts":
                    found += [value.decode(errors="replace") for value in values]
            said = await self._said()
        _check(said, Answer.DONE)
        return sorted(found)

    async def entries(self, base: str) -> AsyncGenerator[Entry]:
        """Those below the base that have a certificate or a CRL, a page after the other."""
        cookie = b""
        while True:
            number, page = self._next(), (PAGE, cookie)
            said = await self._asked(search(number, base, Extent.SUBTREE, ATTRIBUTES, ATTRIBUTES, page))
            while said.answer is not Answer.DONE:
                if said.answer is Answer.ENTRY:
                    yield said.entry
                said = await self._said()
            if said.code == NO_SUCH_OBJECT:
                raise Unanswered(f"the directory has no {base}, or does not show it")
            _check(said, Answer.DONE)
            if not said.cookie:
                return
            cookie = said.cookie

    def _next(self) -> int:
        self._number += 1
        return self._number

    async def _asked(self, question: bytes) -> Said:
        try:
            async with asyncio.timeout(self._seconds):
                self._writer.write(question)
                await self._writer.drain()
        except OSError as error:  # TimeoutError is one
            raise Unanswered("the directory has ended the connection") from error
        return await self._said()

    async def _said(self) -> Said:
        """Raises Unanswered, Malformed."""
        try:
            async with asyncio.timeout(self._seconds):
                octets = await self._message()
        except TimeoutError as error:
            raise Unanswered(f"no answer within {self._seconds:g} s") from error
        except (OSError, EOFError) as error:
            raise Unanswered("the directory has ended the connection") from error
        said = read(octets)
        if said.number != self._number:
            raise Unanswered("the directory answers what was not asked")
        return said

    async def _message(self) -> bytes:
        head = await self._reader.readexactly(2)
        more, size = size_of(head)
        if more:
            length = await self._reader.readexactly(more)
            head, size = head + length, int.from_bytes(length, "big")
        if size > MESSAGE_OCTETS_MAX:
            raise Unanswered(f"an answer has more than {MESSAGE_OCTETS_MAX} octets")
        return head + await self._reader.readexactly(size)


def _check(said: Said, wanted: Answer) -> None:
    if said.answer is not wanted or said.code != SUCCESS:
        raise Unanswered(f"the directory refuses it with code {said.code} (RFC 4511 appendix A)")
