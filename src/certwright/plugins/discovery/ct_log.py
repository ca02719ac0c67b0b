"""A Certificate Transparency log of RFC 6962: what was logged for the names that a scope gives.

A run begins where the one before it came to, and reads so many entries at most. The tree head is verified by
the log's key and continues that of the run before; an entry that is kept is shown to be in the tree.
"""

import base64
import binascii
import json
import re
from collections.abc import AsyncGenerator, Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.x509.oid import NameOID

from ...core import der
from ...core.egress import DEFAULT_POLICY, EgressPolicy, Url
from ...core.errors import IntegrityError, Malformed
from ...core.merkle import HASH_OCTETS, SIZE_MAX, leaf_hash, verify_consistency, verify_inclusion
from ...core.names import dns_name_under, normalize_dns
from ...core.told_status import has_issued
from ...core.unreadable import UNREADABLE
from ...ports import Place, Progress, Scope, Sighting
from ...protocols.ct.messages import Logged, TreeHead, read_entry, read_log_key, verify_tree_head
from ..calls import verifying_context
from ..resolver import SYSTEM_RESOLVER, Resolver, ResolverSettings
from .looking import one_line, place_name, with_signs_of_life
from .service import Asking, Unanswered, service_url, text_of

KIND = "ct"
Event = Sighting | Progress
PAGE = 256
PROOF_MAX = 64
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
            read_log_key(_octets(self.key, "the log's key"))
        for name in self.names:
            normalize_dns(name)
        verifying_context(self.trust)
        if not _START.fullmatch(self.start):
            raise Malformed("the ct-log source's start must be an index, or end")
        if not self.entries_max > 0 or not self.seconds > 0:
            raise Malformed("the ct-log source's entries_max and seconds must be greater than 0")


@dataclass(frozen=True, slots=True)
class _Mark:
    """The tree head that was believed last, and the next entry to read."""

    size: int
    root: bytes
    next: int

    def text(self) -> str:
        return json.dumps({"size": self.size, "root": self.root.hex(), "next": self.next})

    @classmethod
    def read(cls, text: str) -> "_Mark | None":
        """None for what is no mark."""
        try:
            given = json.loads(text)
            mark = cls(int(given["size"]), bytes.fromhex(given["root"]), int(given["next"]))
        except (ValueError, KeyError, TypeError):
            return None
        return mark if 0 <= mark.next <= mark.size <= SIZE_MAX and len(mark.root) == HASH_OCTETS else None


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
    since: _Mark | None


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
    return _Plan(next(iter(urls), None), exclude, after, _Mark.read(scope.since))


class _Look:
    """One run. `events` is walked through once."""

    def __init__(self, settings: CtLogSettings, plan: _Plan, clock: Callable[[], datetime]) -> None:
        self._settings = settings
        self._plan = plan
        self._clock = clock
        self._names = tuple(normalize_dns(one) for one in settings.names)
        resolver, context = Resolver(settings.resolver), verifying_context(settings.trust)
        self._asking = Asking(settings.policy, resolver, context, {}, settings.seconds)
        self._next, self._end = plan.after or (0, 0)
        self._first = self._next

    def events(self) -> AsyncGenerator[Event]:
        return with_signs_of_life(self._work(), self._progress)

    def _progress(self, mark: str = "") -> Progress:
        done = self._next - self._first
        return Progress(done, 0, f"{self._next} {self._end}", mark, whole=False)

    async def _work(self) -> AsyncGenerator[Event]:
        url, mark = self._plan.url, ""
        if url is not None and (self._plan.after is None or self._next < self._end):
            try:
                head = await self._head(url)
                self._bound(head)
                async for event in self._entries(url, head):
                    yield event
                mark = _Mark(head.size, head.root, self._next).text()
            except (Unanswered, IntegrityError, Malformed) as error:
                self._next = self._end
                yield Sighting(self._place(url), self._clock(), problem=one_line(error.detail))
        yield self._progress(mark)

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

    async def _head(self, url: Url) -> TreeHead:
        """The tree head, verified, which continues the one before."""
        told = await self._asking.json(url, "/ct/v1/get-sth")
        size, timestamp = _number(told, "tree_size"), _number(told, "timestamp")
        head = TreeHead(size, timestamp, _octets(text_of(told, "sha256_root_hash"), "the tree head's root"))
        key = read_log_key(_octets(self._settings.key, "the log's key"))
        verify_tree_head(key, head, _octets(text_of(told, "tree_head_signature"), "its signature"))
        since = self._plan.since
        if since is not None:
            proof: tuple[bytes, ...] = ()
            if 0 < since.size < head.size:
                target = f"/ct/v1/get-sth-consistency?first={since.size}&second={head.size}"
                proof = _hashes(await self._asking.json(url, target), "consistency")
            verify_consistency(since.size, since.root, head.size, head.root, proof)
        return head

    async def _entries(self, url: Url, head: TreeHead) -> AsyncGenerator[Event]:
        while self._next < self._end:
            rows = await self._page(url)
            for index, row in enumerate(rows, self._next):
                sighting = await self._sighting(url, head, index, row)
                if sighting is not None:
                    yield sighting
            self._next += len(rows)
            yield self._progress()

    async def _page(self, url: Url) -> list[Any]:
        """The next entries; half as many where an answer cannot be had, down to one: they may be huge."""
        count = min(PAGE, self._end - self._next)
        while True:
            last = self._next + count - 1
            try:
                told = await self._asking.json(url, f"/ct/v1/get-entries?start={self._next}&end={last}")
            except Unanswered:
                if count == 1:
                    raise
                count = (count + 1) // 2
                continue
            return _entry_rows(told, count)

    async def _sighting(self, url: Url, head: TreeHead, index: int, row: Any) -> Sighting | None:
        """None for what has none of the names, or cannot be read."""
        leaf = _octets(text_of(row, "leaf_input"), "a leaf")
        try:
            logged = read_entry(leaf, _octets(text_of(row, "extra_data"), "extra data"))
            if not any(map(self._wanted, _names(logged))):
                return None
        except (Malformed, UnsupportedAlgorithm, *UNREADABLE):
            if not any(name.encode() in leaf.lower() for name in self._names):
                return None
            problem = "an entry that cannot be read has octets of one of the names"
            return Sighting(self._place(url, f"{url.target}#{index}"), self._clock(), problem=problem)
        await self._prove(url, head, leaf)
        chain: tuple[bytes, ...] = (logged.certificate,)
        if logged.issuer and has_issued(logged.issuer, logged.certificate):
            chain += (logged.issuer,)
        facts = {"entry": "precertificate" if logged.is_precertificate else "certificate"}
        return Sighting(self._place(url, f"{url.target}#{index}"), self._clock(), chain, dict(facts))

    async def _prove(self, url: Url, head: TreeHead, leaf: bytes) -> None:
        """The leaf is in the tree. Raises IntegrityError, Unanswered."""
        digest = leaf_hash(leaf)
        asked = quote(base64.b64encode(digest).decode(), safe="")
        told = await self._asking.json(url, f"/ct/v1/get-proof-by-hash?hash={asked}&tree_size={head.size}")
        verify_inclusion(
            digest, _number(told, "leaf_index"), head.size, _hashes(told, "audit_path"), head.root
        )

    def _wanted(self, name: str) -> bool:
        return any(dns_name_under(name, one) for one in self._names) and not any(
            dns_name_under(name, one) for one in self._plan.exclude
        )

    def _place(self, url: Url, name: str = "") -> Place:
        return Place(KIND, str(url.host), url.port, place_name(name))


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


def _entry_rows(told: Any, count: int) -> list[Any]:
    """Raises Unanswered."""
    rows = told.get("entries") if isinstance(told, dict) else None
    if not isinstance(rows, list) or not 0 < len(rows) <= count:
        raise Unanswered("it gives no entries, or more than it was asked for")
    return rows


def _octets(text: str, what: str) -> bytes:
    """Raises Malformed."""
    try:
        return base64.b64decode("".join(text.split()), validate=True)
    except (binascii.Error, ValueError) as error:
        raise Malformed(f"{what} is no base64") from error


def _hashes(told: Any, name: str) -> tuple[bytes, ...]:
    """Raises Malformed."""
    rows = told.get(name) if isinstance(told, dict) else None
    if (
        not isinstance(rows, list)
        or len(rows) > 2 * PROOF_MAX
        or not all(isinstance(one, str) for one in rows)
    ):
        raise Malformed(f"the log's answer has no {name}")
    return tuple(_octets(one, name) for one in rows)


def _number(told: Any, name: str) -> int:
    """Raises Malformed."""
    value = told.get(name) if isinstance(told, dict) else None
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= SIZE_MAX:
        raise Malformed(f"the log's answer has no {name} that can be")
    return value
