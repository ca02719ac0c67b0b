"""A Certificate Transparency log: what was logged for the names that a scope gives.

A run begins where the one before it came to, and reads so many entries at most. The tree head is verified by
the log's key and continues that of the run before; an entry that is kept is shown to be in the tree. Which of
the two interfaces a log has is found out: its tree is the same by either.
"""

import re
from collections.abc import AsyncGenerator, Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.x509.oid import NameOID

from ....core import der
from ....core.egress import DEFAULT_POLICY, EgressPolicy, Url
from ....core.errors import IntegrityError, Malformed, TooLarge
from ....core.names import dns_name_under, normalize_dns
from ....core.told_status import has_issued
from ....core.unreadable import UNREADABLE
from ....ports import Place, Progress, Scope, Sighting
from ....protocols.ct.messages import Logged, TreeHead, read_log_key
from ...calls import verifying_context
from ...resolver import SYSTEM_RESOLVER, Resolver, ResolverSettings
from ..looking import one_line, place_name, with_signs_of_life
from ..service import Asking, Unanswered, service_url
from .reading import ABSENT, Entry, LogReader, Mark, octets_of
from .rfc6962 import Rfc6962Log
from .static import StaticLog

KIND = "ct"
Event = Sighting | Progress
TRIES = 6
"""Of each request, where the log says that it is asked too much; with the pauses of `plugins/calls.py`."""
END = "end"
_CURSOR = re.compile(r"([0-9]{1,19}) ([0-9]{1,19})")
_START = re.compile(r"end|[0-9]{1,18}")
_POISON = x509.ObjectIdentifier("1.3.6.1.4.1.11129.2.4.3")
_ANY_ALGORITHM = der.sequence(der.object_identifier("1.2.840.10045.4.3.2"))


@dataclass(frozen=True, slots=True)
class CtLogSettings:
    """`key` is the log's public key, a SubjectPublicKeyInfo in base64; `names` are domains: what is in one is
    kept. `start` is where the first run begins: an index, or `end`. `trust` are certificates in PEM by which
    the server is known, the system's where there are none. Raises Malformed."""

    key: str = ""
    names: tuple[str, ...] = ()
    start: str = END
    entries_max: int = 100_000
    trust: str = ""
    seconds: float = 30.0
    policy: EgressPolicy = DEFAULT_POLICY
    resolver: ResolverSettings = SYSTEM_RESOLVER

    def __post_init__(self) -> None:
        if self.key:
            read_log_key(octets_of(self.key, "the log's key"))
        for name in self.names:
            normalize_dns(name)
        verifying_context(self.trust)
        if not _START.fullmatch(self.start):
            raise Malformed("the ct-log source's start must be an index, or end")
        if not self.entries_max > 0 or not self.seconds > 0:
            raise Malformed("the ct-log source's entries_max and seconds must be greater than 0")


def _now() -> datetime:
    return datetime.now(UTC)


class CtLogSource:
    """A discovery source for a log. A scope has one, whose key it has."""

    kind = KIND
    Settings = CtLogSettings

    def __init__(self, settings: CtLogSettings, clock: Callable[[], datetime] = _now) -> None:
        self._settings = settings
        self._clock = clock

    def check(self, scope: Scope) -> None:
        """See `DiscoverySource`."""
        _plan(self._settings, scope)

    def look(self, scope: Scope) -> AsyncGenerator[Event]:
        """See `DiscoverySource`."""
        return _Look(self._settings, _plan(self._settings, scope), self._clock).events()


@dataclass(frozen=True, slots=True)
class _Plan:
    """`after` are the next entry and the one before which the run ends."""

    url: Url | None
    exclude: tuple[str, ...]
    after: tuple[int, int] | None
    since: Mark | None


def _plan(settings: CtLogSettings, scope: Scope) -> _Plan:
    """Raises Malformed. Exclusions are domains."""
    urls = {service_url(line) for line in scope.targets}
    if len(urls) > 1:
        raise Malformed("one scope looks at one log, whose key it has; make a scope for each")
    if urls and not (settings.key and settings.names):
        raise Malformed("a log is read with its key, for names; give key and names")
    cursor = _CURSOR.fullmatch(scope.after)
    if scope.after and cursor is None:
        raise Malformed(f"{scope.after[:100]!r} is no cursor of this source")
    after = (int(cursor[1]), int(cursor[2])) if cursor else None
    exclude = tuple(normalize_dns(line) for line in scope.exclude)
    return _Plan(next(iter(urls), None), exclude, after, Mark.read(scope.since))


class _Look:
    """One run. `events` is walked through once."""

    def __init__(self, settings: CtLogSettings, plan: _Plan, clock: Callable[[], datetime]) -> None:
        self._settings = settings
        self._plan = plan
        self._clock = clock
        self._names = tuple(normalize_dns(one) for one in settings.names)
        resolver, context = Resolver(settings.resolver), verifying_context(settings.trust)
        self._asking = Asking(settings.policy, resolver, context, {}, settings.seconds, TRIES)
        self._next, self._end = plan.after or (0, 0)
        self._first = self._next

    def events(self) -> AsyncGenerator[Event]:
        return with_signs_of_life(self._work(), self._progress)

    def _progress(self, mark: str = "") -> Progress:
        done = self._next - self._first
        return Progress(done, 0, f"{self._next} {self._end}", mark, whole=False)

    async def _work(self) -> AsyncGenerator[Event]:
        url, head, mark = self._plan.url, None, ""
        if url is not None and (self._plan.after is None or self._next < self._end):
            try:
                log, believed = await self._log(url)
                await log.continues(believed, self._plan.since)
                self._bound(believed)
                head = believed
                async for event in self._entries(url, log, head):
                    yield event
                mark = self._mark(head)
            except (Unanswered, IntegrityError, Malformed, TooLarge) as error:
                if head is not None and isinstance(error, Unanswered):
                    mark = self._mark(head)
                self._next = self._end
                yield self._problem(url, error.detail)
        yield self._progress(mark)

    def _mark(self, head: TreeHead) -> str:
        return Mark(head.size, head.root, self._next).text()

    async def _log(self, url: Url) -> tuple[LogReader, TreeHead]:
        """By the interface that it has, with its present tree head. Raises what a LogReader raises."""
        key = read_log_key(octets_of(self._settings.key, "the log's key"))
        static, other = StaticLog(self._asking, url, key), Rfc6962Log(self._asking, url, key)
        try:
            return static, await static.head()
        except Unanswered as error:
            if error.status not in ABSENT:
                raise
        try:
            return other, await other.head()
        except Unanswered as error:
            if error.status not in ABSENT:
                raise
            detail = f"it has neither a checkpoint nor ct/v1/get-sth, and answers with status {error.status}"
            raise Unanswered(detail, error.status) from error

    def _bound(self, head: TreeHead) -> None:
        """From where to where the run reads. A run that was cut short keeps its end."""
        if self._plan.after is not None:
            if self._end > head.size:
                raise IntegrityError("the log is smaller than when this run began")
            return
        since, start = self._plan.since, self._settings.start
        self._next = since.next if since else head.size if start == END else min(int(start), head.size)
        self._first = self._next
        self._end = min(head.size, self._next + self._settings.entries_max)

    async def _entries(self, url: Url, log: LogReader, head: TreeHead) -> AsyncGenerator[Event]:
        while self._next < self._end:
            following = self._next
            for entry in await log.page(head, self._next, self._end):
                async for sighting in self._sightings(url, log, head, entry):
                    yield sighting
                following = entry.index + 1
            self._next = following
            yield self._progress()

    async def _sightings(
        self, url: Url, log: LogReader, head: TreeHead, entry: Entry
    ) -> AsyncGenerator[Sighting]:
        """Of what has one of the names; and what is wrong with the log at this entry."""
        name = f"{url.target}#{entry.index}"
        if entry.problem:
            yield self._problem(url, entry.problem, name)
        try:
            logged = self._ours(entry)
        except (Malformed, UnsupportedAlgorithm, *UNREADABLE):
            if any(one.encode() in entry.leaf.lower() for one in self._names):
                yield self._problem(url, "an entry that cannot be read has octets of one of the names", name)
            return
        if logged is None:
            return
        await log.prove(head, entry)
        issuer, problem = await _issuer(log, entry)
        if problem:
            yield self._problem(url, problem, name)
        chain: tuple[bytes, ...] = (logged.certificate,)
        if issuer and has_issued(issuer, logged.certificate):
            chain += (issuer,)
        facts = {"entry": "precertificate" if logged.is_precertificate else "certificate"}
        yield Sighting(self._place(url, name), self._clock(), chain, dict(facts))

    def _problem(self, url: Url, detail: str, name: str = "") -> Sighting:
        return Sighting(self._place(url, name), self._clock(), problem=one_line(detail))

    def _ours(self, entry: Entry) -> Logged | None:
        """What was logged, where it has one of the names. Raises Malformed, UnsupportedAlgorithm, and what is
        in UNREADABLE, for what cannot be read."""
        if entry.logged is None:
            raise Malformed("the entry cannot be read")
        return entry.logged if any(map(self._wanted, _names(entry.logged))) else None

    def _wanted(self, name: str) -> bool:
        return any(dns_name_under(name, one) for one in self._names) and not any(
            dns_name_under(name, one) for one in self._plan.exclude
        )

    def _place(self, url: Url, name: str = "") -> Place:
        return Place(KIND, str(url.host), url.port, place_name(name))


async def _issuer(log: LogReader, entry: Entry) -> tuple[bytes, str]:
    """The issuer's certificate; or why it is not to be had, which is no reason to keep silent about an entry.
    Raises Unanswered where it may be had later."""
    try:
        return await log.issuer(entry), ""
    except IntegrityError as error:
        return b"", error.detail
    except Unanswered as error:
        if error.status not in ABSENT:
            raise
        return b"", f"the log does not have the issuer's certificate: {error.detail}"


def _names(logged: Logged) -> Iterator[str]:
    """Domains in lower case: DNS names, those of mail addresses, and common names. Of a precertificate, those
    of what the leaf has: the log has signed nothing else. Raises what is in UNREADABLE, Malformed."""
    certificate = x509.load_der_x509_certificate(logged.certificate)
    if logged.is_precertificate:
        shell = der.sequence(logged.tbs, _ANY_ALGORITHM, der.bit_string(b"\0"))
        inside = x509.load_der_x509_certificate(shell)
        _same(certificate, inside)
        certificate = inside
    for one in certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME):
        yield str(one.value).lower().rstrip(".").rpartition("@")[2]
    try:
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return
    for kind in (x509.DNSName, x509.RFC822Name):
        for name in names.get_values_for_type(kind):
            yield str(name).lower().rstrip(".").rpartition("@")[2]


def _same(precertificate: x509.Certificate, inside: x509.Certificate) -> None:
    """Is it the one whose octets the leaf has? Raises Malformed."""
    poison = [one for one in precertificate.extensions if one.oid == _POISON]
    others = [one for one in precertificate.extensions if one.oid not in (_POISON, _AUTHORITY_KEY)]
    kept = [one for one in inside.extensions if one.oid != _AUTHORITY_KEY]
    alike = all(
        getattr(precertificate, part) == getattr(inside, part)
        for part in ("serial_number", "subject", "not_valid_before_utc", "not_valid_after_utc")
    )
    if len(poison) != 1 or not alike or others != kept:
        raise Malformed("the precertificate is another than the leaf's")


_AUTHORITY_KEY = x509.ObjectIdentifier("2.5.29.35")
"""A precertificate signing certificate has a key of its own (RFC 6962 section 3.2)."""
