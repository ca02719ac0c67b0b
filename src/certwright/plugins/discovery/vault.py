"""The PKI engines of HashiCorp Vault and OpenBao: what each has issued and revoked, over the HTTP API.

An engine lists serial numbers in no order of time and gives certificates one by one, so that every run asks
for all. It says when a certificate was revoked, and never why.
"""

import asyncio
import re
from collections.abc import AsyncGenerator, Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any
from urllib.parse import quote

from ...core.egress import DEFAULT_POLICY, EgressPolicy, Url
from ...core.errors import Malformed
from ...core.told_status import has_issued, status_facts
from ...ports import SECRET, Place, Progress, Scope, Sighting
from ..calls import verifying_context
from ..resolver import SYSTEM_RESOLVER, Resolver, ResolverSettings
from .looking import one_line, place_name, with_signs_of_life
from .service import Asking, Unanswered, certificates_in, check_header, service_url, text_of

KIND = "authority"
Event = Sighting | Progress
ENGINE = "pki"
AT_ONCE = 8
PAGE = 10_000
ISSUERS_MAX = 100
END = "end"
_MOUNT = re.compile(r"[A-Za-z0-9][A-Za-z0-9._/-]{0,199}")
_SERIAL = re.compile(r"[0-9a-f]{2}([:-][0-9a-f]{2}){0,31}")


@dataclass(frozen=True, slots=True)
class VaultSettings:
    """`token` may read `sys/mounts` and, of each engine, `certs`, `cert/*` and `issuers`; `namespace` is one
    of Vault Enterprise or OpenBao. `trust` are certificates in PEM by which the server is known, the system's
    where there are none. Raises Malformed."""

    token: str = field(default="", repr=False, metadata=SECRET)
    namespace: str = ""
    trust: str = ""
    certificates_max: int = 1_000_000
    seconds: float = 30.0
    policy: EgressPolicy = DEFAULT_POLICY
    resolver: ResolverSettings = SYSTEM_RESOLVER

    def __post_init__(self) -> None:
        check_header(self.token, "the vault source's token")
        check_header(self.namespace, "the vault source's namespace")
        verifying_context(self.trust)
        if not self.certificates_max > 0 or not self.seconds > 0:
            raise Malformed("the vault source's certificates_max and seconds must be greater than 0")

    @property
    def headers(self) -> Mapping[str, str]:
        given = {"X-Vault-Token": self.token, "X-Vault-Namespace": self.namespace}
        return {"X-Vault-Request": "true"} | {name: value for name, value in given.items() if value}


def _now() -> datetime:
    return datetime.now(UTC)


class VaultSource:
    """A discovery source for a server of Vault or OpenBao. A scope has one: its token is for nobody else."""

    kind = KIND
    Settings = VaultSettings

    def __init__(self, settings: VaultSettings, clock: Callable[[], datetime] = _now) -> None:
        self._settings = settings
        self._clock = clock

    def check(self, scope: Scope) -> None:
        """See `DiscoverySource`."""
        _plan(scope)

    def look(self, scope: Scope) -> AsyncGenerator[Event]:
        """See `DiscoverySource`."""
        return _Look(self._settings, _plan(scope), self._clock).events()


@dataclass(frozen=True, slots=True)
class _Plan:
    """`mounts` is empty for all engines; `after` a mount and a serial number there."""

    url: Url | None
    mounts: tuple[str, ...]
    exclude: frozenset[str]
    after: tuple[str, str]


def _plan(scope: Scope) -> _Plan:
    """Raises Malformed."""
    found = [line.split(None, 1) for line in scope.targets]
    if any(not parts for parts in found):
        raise Malformed("a target is empty; write https:// and a host, and the mount of an engine if not all")
    urls = {service_url(parts[0]) for parts in found}
    if len(urls) > 1:
        raise Malformed("one scope looks at one server, whose token it has; make a scope for each")
    mounts = tuple(sorted({_mount(parts[1]) for parts in found if len(parts) > 1}))
    everything = any(len(parts) == 1 for parts in found)
    exclude = frozenset(_mount(line) for line in scope.exclude)
    return _Plan(next(iter(urls), None), () if everything else mounts, exclude, _cursor(scope.after))


def _mount(text: str) -> str:
    mount = text.strip().strip("/")
    if not _MOUNT.fullmatch(mount) or ".." in mount:
        raise Malformed(f"{text[:100]!r} is no mount of an engine, like pki")
    return mount


def _cursor(text: str) -> tuple[str, str]:
    if text in ("", END):
        return text, ""
    mount, _, serial = text.partition(" ")
    if not _MOUNT.fullmatch(mount) or not _SERIAL.fullmatch(serial):
        raise Malformed(f"{text[:100]!r} is no cursor of this source")
    return mount, serial


class _Look:
    """One run. `events` is walked through once."""

    def __init__(self, settings: VaultSettings, plan: _Plan, clock: Callable[[], datetime]) -> None:
        self._plan = plan
        self._clock = clock
        self._most = settings.certificates_max
        resolver, context = Resolver(settings.resolver), verifying_context(settings.trust)
        self._asking = Asking(settings.policy, resolver, context, settings.headers, settings.seconds)
        self._progress = Progress(0, 0, " ".join(filter(None, plan.after)))
        self._issuers: dict[str, tuple[bytes, ...]] = {}
        self._whole = True

    def events(self) -> AsyncGenerator[Event]:
        return with_signs_of_life(self._work(), lambda: self._progress)

    async def _work(self) -> AsyncGenerator[Event]:
        url = self._plan.url
        if url is not None and self._plan.after[0] != END:
            try:
                async for event in self._everything(url):
                    yield event
            except Unanswered as error:
                yield self._unanswered(url, "", error)
        done = self._progress.done
        yield Progress(done, done, END, whole=self._whole)

    async def _everything(self, url: Url) -> AsyncGenerator[Event]:
        wanted: list[tuple[str, str]] = []
        for mount in await self._mounts(url):
            try:
                self._issuers[mount] = await self._issuers_of(url, mount)
                wanted += [(mount, serial) for serial in await self._serials(url, mount)]
            except Unanswered as error:
                if not error.status:
                    raise  # nobody answers for the others either
                yield self._unanswered(url, mount, error)
            if len(wanted) > self._most:
                raise Unanswered(f"it has more than {self._most} certificates")
        left = [one for one in wanted if one > self._plan.after]
        done = len(wanted) - len(left)
        for start in range(0, len(left), AT_ONCE):
            some = left[start : start + AT_ONCE]
            for sighting in await asyncio.gather(*(self._sighting(url, *one) for one in some)):
                if sighting is not None:
                    yield sighting
            self._progress = Progress(done + start + len(some), len(wanted), " ".join(some[-1]))
            yield self._progress

    def _unanswered(self, url: Url, mount: str, error: Unanswered) -> Sighting:
        """What is there has not gone."""
        self._whole = False
        place = Place(KIND, str(url.host), url.port, place_name(mount))
        return Sighting(place, self._clock(), problem=one_line(error.detail))

    async def _mounts(self, url: Url) -> list[str]:
        """Of PKI engines, in order."""
        if self._plan.mounts:
            found = list(self._plan.mounts)
        else:
            data = await self._ask(url, "sys/mounts")
            found = [name.strip("/") for name, one in data.items() if text_of(one, "type") == ENGINE]
        if not all(map(_MOUNT.fullmatch, found)):
            raise _strange()
        return sorted(one for one in found if one not in self._plan.exclude)

    async def _serials(self, url: Url, mount: str) -> list[str]:
        """In order. OpenBao gives them in pages; Vault passes over that it is asked to, and gives all."""
        found: list[str] = []
        while True:
            after = f"&after={quote(found[-1])}" if found else ""
            keys = await self._list(url, f"{mount}/certs?list=true&limit={PAGE}{after}")
            if not all(map(_SERIAL.fullmatch, keys)):
                raise _strange()
            new = [one for one in sorted(keys) if not found or one > found[-1]]
            found += new
            if len(keys) != PAGE or not new or len(found) > self._most:
                return found

    async def _issuers_of(self, url: Url, mount: str) -> tuple[bytes, ...]:
        """Certificates of the engine's issuers. One of before they could be several has `ca` alone; one that
        has no issuer yet answers to it with 400."""
        ders: list[bytes] = []
        for reference in (await self._list(url, f"{mount}/issuers?list=true"))[:ISSUERS_MAX]:
            data = await self._ask(url, f"{mount}/issuer/{quote(reference, safe='')}/json")
            ders += certificates_in(text_of(data, "certificate"))
        if not ders:
            nothing = (HTTPStatus.NOT_FOUND, HTTPStatus.BAD_REQUEST)
            data = await self._found(url, f"{mount}/cert/ca", nothing)
            ders += certificates_in(text_of(data, "certificate"))
        return tuple(dict.fromkeys(ders))

    async def _sighting(self, url: Url, mount: str, serial: str) -> Sighting | None:
        """None for one that was tidied away meanwhile."""
        data = await self._found(url, f"{mount}/cert/{serial}")
        if not data:
            return None
        name = place_name(f"{mount}#{re.sub('[:-]', '', serial)}")
        place = Place(KIND, str(url.host), url.port, name)
        ders = certificates_in(text_of(data, "certificate"))[:1]
        if not ders:
            return Sighting(place, self._clock(), problem="it shows no certificate that can be read")
        issuers = (one for one in self._issuers[mount] if one != ders[0] and has_issued(one, ders[0]))
        chain = (*ders, *_first(issuers))
        return Sighting(place, self._clock(), chain, status_facts(_revoked_at(data)))

    # -- asking ----------------------------------------------------------------------------------

    async def _ask(self, url: Url, path: str) -> Mapping[str, Any]:
        """The `data` of an answer. Raises Unanswered."""
        answer = await self._asking.json(url, f"/v1/{path}")
        data = answer.get("data") if isinstance(answer, dict) else None
        if not isinstance(data, dict):
            raise _strange()
        return data

    async def _found(
        self, url: Url, path: str, nothing: tuple[HTTPStatus, ...] = (HTTPStatus.NOT_FOUND,)
    ) -> Mapping[str, Any]:
        """The same, nothing where nothing is, by the status."""
        try:
            return await self._ask(url, path)
        except Unanswered as error:
            if error.status not in nothing:
                raise
            return {}

    async def _list(self, url: Url, path: str) -> list[str]:
        """Keys of a list; an empty one is not found, by its API."""
        keys = (await self._found(url, path)).get("keys", [])
        if not isinstance(keys, list) or not all(isinstance(one, str) for one in keys):
            raise _strange()
        return keys


def _first(ders: Iterator[bytes]) -> tuple[bytes, ...]:
    found = next(ders, None)
    return () if found is None else (found,)


def _revoked_at(data: Mapping[str, Any]) -> datetime | None:
    """Seconds since 1970; 0 for what is not revoked."""
    seconds = data.get("revocation_time", 0)
    if not isinstance(seconds, int) or seconds < 0:
        raise _strange()
    try:
        return datetime.fromtimestamp(seconds, UTC) if seconds else None
    except (ValueError, OverflowError, OSError) as error:
        raise _strange() from error


def _strange() -> Unanswered:
    return Unanswered("its answer is none of Vault's or OpenBao's")
