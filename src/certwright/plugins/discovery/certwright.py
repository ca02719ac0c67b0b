"""Another Certwright: what its authorities have issued and revoked, over its REST API, with a token.

The first look lists everything. Later ones ask for what was issued or revoked since, and for what was on hold
then; every `everything_days` for everything again. How far is known stands in the mark.
"""

import asyncio
import json
import re
from collections.abc import AsyncGenerator, Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from typing import Any
from urllib.parse import quote

from ...core.audit import JsonValue
from ...core.egress import DEFAULT_POLICY, EgressPolicy, Url
from ...core.errors import Malformed
from ...core.moments import read_moment
from ...core.revocation import Reason
from ...core.told_status import has_issued, status_facts
from ...ports import SECRET, Place, Progress, Scope, Sighting
from ..calls import verifying_context
from ..resolver import SYSTEM_RESOLVER, ResolverSettings
from .looking import one_line, place_name, with_signs_of_life
from .service import Asking, Unanswered, certificates_in, check_header, service_url, text_of

KIND = "authority"
Event = Sighting | Progress
Document = Mapping[str, Any]
API = "/api/v1"
PAGE = 100
PAGES_MAX = 100_000
AT_ONCE = 8
HELD_MAX = 1_000
SEEN_MAX = 20
OVERLAP = timedelta(minutes=10)
"""By how much a look goes back behind the one before: for clocks that differ, and commits that took time."""
END = "end"
_CURSOR = re.compile(r"(?P<began>\S{1,40}) (?P<stage>[0-9]|end)(?: (?P<next>[A-Za-z0-9_-]{1,200}))?")
_FINGERPRINT = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class CertwrightSettings:
    """`token` is one of the other Certwright that may view; `trust` are certificates in PEM by which it is
    known, the system's where there are none. Raises Malformed."""

    token: str = field(default="", repr=False, metadata=SECRET)
    trust: str = ""
    everything_days: int = 7
    seconds: float = 30.0
    policy: EgressPolicy = DEFAULT_POLICY
    resolver: ResolverSettings = SYSTEM_RESOLVER

    def __post_init__(self) -> None:
        check_header(self.token, "the certwright source's token")
        verifying_context(self.trust)
        if not self.seconds > 0 or self.everything_days < 0:
            raise Malformed(
                "the certwright source's seconds must be greater than 0, everything_days at least 0"
            )


@dataclass(frozen=True, slots=True)
class _Mark:
    """Everything was seen at `whole_at`, and what changed until `at`; `held` were on hold then."""

    at: datetime
    whole_at: datetime
    held: tuple[str, ...] = ()

    def text(self) -> str:
        return json.dumps(
            {"at": self.at.isoformat(), "whole_at": self.whole_at.isoformat(), "held": self.held}
        )

    @classmethod
    def read(cls, text: str) -> "_Mark | None":
        """None for what is no mark."""
        try:
            given = json.loads(text)
            at, whole_at = (read_moment(given[name], "mark") for name in ("at", "whole_at"))
            held = tuple(str(one) for one in given["held"])
        except (ValueError, KeyError, TypeError, Malformed):
            return None
        return cls(at, whole_at, held) if all(map(_FINGERPRINT.fullmatch, held)) else None


def _now() -> datetime:
    return datetime.now(UTC)


class CertwrightSource:
    """A discovery source for another installation. A scope has one: its token is for nobody else."""

    kind = KIND
    Settings = CertwrightSettings

    def __init__(self, settings: CertwrightSettings, clock: Callable[[], datetime] = _now) -> None:
        self._settings = settings
        self._clock = clock

    def check(self, scope: Scope) -> None:
        """See `DiscoverySource`."""
        _target(scope)
        _cursor(scope.after)

    def look(self, scope: Scope) -> AsyncGenerator[Event]:
        """See `DiscoverySource`."""
        return _Look(self._settings, scope, self._clock).events()


def _target(scope: Scope) -> Url | None:
    """Raises Malformed. Exclusions are names of authorities."""
    urls = {service_url(line) for line in scope.targets}
    if len(urls) > 1:
        raise Malformed("one scope looks at one Certwright, whose token it has; make a scope for each")
    return next(iter(urls), None)


def _cursor(text: str) -> re.Match[str] | None:
    found = _CURSOR.fullmatch(text)
    if text and found is None:
        raise Malformed(f"{text[:100]!r} is no cursor of this source")
    if found is not None:
        read_moment(found["began"], "cursor")
    return found


class _Look:
    """One run. `events` is walked through once."""

    def __init__(self, settings: CertwrightSettings, scope: Scope, clock: Callable[[], datetime]) -> None:
        self._clock = clock
        self._scope = scope
        headers = {"Authorization": f"Bearer {settings.token}"} if settings.token else {}
        self._asking = Asking(
            *(
                settings.policy,
                settings.resolver,
                verifying_context(settings.trust),
                headers,
                settings.seconds,
            )
        )
        cursor = _cursor(scope.after)
        self._began = read_moment(cursor["began"], "cursor") if cursor else clock()
        self._stage, self._next = (cursor["stage"], cursor["next"] or "") if cursor else ("0", "")
        mark = _Mark.read(scope.since)
        old = mark is None or self._began - mark.whole_at >= timedelta(days=settings.everything_days)
        self._since = None if old else mark
        self._progress = Progress(0, 0, scope.after)
        self._above: tuple[bytes, ...] = ()

    def events(self) -> AsyncGenerator[Event]:
        return with_signs_of_life(self._work(), lambda: self._progress)

    async def _work(self) -> AsyncGenerator[Event]:
        url, mark = _target(self._scope), ""
        if url is not None and self._stage != END:
            try:
                async for event in self._everything(url):
                    yield event
                mark = (await self._mark(url)).text()
            except Unanswered as error:
                yield Sighting(self._place(url), self._clock(), problem=one_line(error.detail))
        done, whole = self._progress.done, self._since is None and bool(mark or url is None)
        yield Progress(done, done, self._at(END), mark, whole)

    async def _everything(self, url: Url) -> AsyncGenerator[Event]:
        self._above = await self._authorities(url)
        for number, query in enumerate(self._queries()):
            if number < int(self._stage):
                continue
            after = self._next if number == int(self._stage) else ""
            async for page, following in self._pages(url, query(), after):
                async for sighting in self._told(url, page):
                    yield sighting
                yield self._went_on(len(page), f"{number} {following}" if following else f"{number + 1}")
        held = self._since.held if self._since else ()
        async for sighting in self._told(url, held):
            yield sighting

    def _queries(self) -> list[Callable[[], str]]:
        """In the language of its searches; spans count from when it is asked."""
        issued = "standing:issued"
        since = self._since
        if since is None:
            return [lambda: issued]

        def seconds() -> int:
            return max(1, int((self._clock() - since.at + OVERLAP).total_seconds()))

        return [lambda: f"{issued} issued<{seconds()}s", lambda: f"{issued} revoked<{seconds()}s"]

    async def _pages(self, url: Url, query: str, after: str) -> AsyncGenerator[tuple[tuple[str, ...], str]]:
        """Fingerprints of a page, and the cursor of the next, empty at the end."""
        for _ in range(PAGES_MAX):
            more = f"&after={quote(after)}" if after else ""
            page = await self._ask(url, f"/certificates?limit={PAGE}&query={quote(query)}{more}")
            rows, following = page.get("certificates"), page.get("next") or ""
            if not isinstance(rows, list) or not isinstance(following, str) or not _is_next(following):
                raise _strange()
            wanted = [one for one in rows if text_of(one, "authority") not in self._scope.exclude]
            yield tuple(_fingerprint(one) for one in wanted), following
            if not following:
                return
            after = following
        raise Unanswered(f"it has more than {PAGES_MAX} pages")

    async def _mark(self, url: Url) -> _Mark:
        """Where the next look may begin: from where this one began, if not too many are on hold."""
        held: list[str] = []
        async for page, _ in self._pages(url, "standing:issued status:hold", ""):
            held += page
            if len(held) > HELD_MAX:
                return _Mark(self._began, datetime.min.replace(tzinfo=UTC))
        return _Mark(self._began, self._since.whole_at if self._since else self._began, tuple(held))

    # -- certificates ----------------------------------------------------------------------------

    async def _told(self, url: Url, fingerprints: tuple[str, ...]) -> AsyncGenerator[Sighting]:
        for start in range(0, len(fingerprints), AT_ONCE):
            some = fingerprints[start : start + AT_ONCE]
            for sighting in await asyncio.gather(*(self._sighting(url, one) for one in some)):
                if sighting is not None:
                    yield sighting

    async def _sighting(self, url: Url, fingerprint: str) -> Sighting | None:
        """None for one that is not there any more."""
        try:
            told = await self._ask(url, f"/certificates/{fingerprint}")
        except Unanswered as error:
            if error.status == HTTPStatus.NOT_FOUND:
                return None
            raise
        place = self._place(url, f"{text_of(told, 'authority')}#{text_of(told, 'serial')}")
        chain = (*certificates_in(text_of(told, "certificate")), *certificates_in(text_of(told, "chain")))
        if not chain:
            return Sighting(place, self._clock(), problem="it shows no certificate that can be read")
        if len(chain) == 1:
            chain += tuple([one for one in self._above if one != chain[0] and has_issued(one, chain[0])][:1])
        return Sighting(place, self._clock(), chain, _facts(told))

    async def _authorities(self, url: Url) -> tuple[bytes, ...]:
        """Certificates of its authorities: no server sends a root, and no chain here has it."""
        rows = (await self._ask(url, "/authorities")).get("authorities")
        if not isinstance(rows, list):
            raise _strange()
        generations = [one for row in rows if isinstance(row, dict) for one in row.get("generations") or ()]
        return tuple(der for one in generations for der in certificates_in(text_of(one, "certificate")))

    async def _ask(self, url: Url, target: str) -> Document:
        answer = await self._asking.json(url, API + target)
        if not isinstance(answer, dict):
            raise _strange()
        return answer

    # -- words -----------------------------------------------------------------------------------

    def _at(self, stage: str) -> str:
        return f"{self._began.isoformat()} {stage}"

    def _went_on(self, places: int, stage: str) -> Progress:
        self._progress = Progress(self._progress.done + places, 0, self._at(stage))
        return self._progress

    def _place(self, url: Url, name: str = "") -> Place:
        return Place(KIND, str(url.host), url.port, place_name(name))


def _facts(told: Document) -> dict[str, JsonValue]:
    """Its status, and where that Certwright sees it now."""
    revoked_at, label = told.get("revoked_at"), told.get("revocation_reason")
    facts = status_facts()
    if revoked_at is not None:
        try:
            facts = status_facts(read_moment(str(revoked_at), "revoked_at"), Reason.labelled(str(label)))
        except (KeyError, Malformed) as error:
            raise _strange() from error
    seen = told.get("seen")
    if isinstance(seen, list):
        now = [one for one in seen if isinstance(one, dict) and one.get("ended_at") is None]
        if now:
            facts["seen"] = [_seen(one) for one in now[:SEEN_MAX]]
    return facts


def _seen(place: Document) -> dict[str, JsonValue]:
    port = place.get("port")
    texts: dict[str, JsonValue] = {
        name: text_of(place, name)[:1024] for name in ("zone", "kind", "host", "name")
    }
    return texts | {"port": port if isinstance(port, int) else 0}


def _is_next(text: str) -> bool:
    return not text or re.fullmatch(r"[A-Za-z0-9_-]{1,200}", text) is not None


def _fingerprint(row: Any) -> str:
    found = text_of(row, "fingerprint")
    if not _FINGERPRINT.fullmatch(found):
        raise _strange()
    return found


def _strange() -> Unanswered:
    return Unanswered("its answer is none of a Certwright's")
