"""The certificates of a Kubernetes cluster: in secrets, configuration maps, webhooks, API services and signed
requests, with what ingresses, gateways and cert-manager say of them. Nothing is changed there, and a private
key is read for the digest of its public half alone.
"""

import asyncio
import fnmatch
import re
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from ....core.egress import Unreached
from ....core.errors import Malformed
from ....ports import Place, Progress, Scope, Sighting
from ..looking import Event, one_line, place_name, with_signs_of_life
from .api import EVERYWHERE, TOKEN, Absent, Api, Denied, Gone
from .kinds import HOLDING, LEARNT, SECRETS, Kind
from .reading import sights_in
from .relations import Relations, Secret, name_of
from .settings import KubernetesSettings

KIND = "kubernetes"
PAGES_MAX = 20_000
BEGINNINGS_MAX = 3
MISSING_MAX = 1000
"""Secrets that are named and were not in a list, which are asked for one by one."""
RELATIONS = "relations"
_NAMESPACE = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?")


@dataclass(frozen=True, slots=True, order=True)
class _Step:
    """One list that is gone through, in the order of `number`; or at the end, what the relations tell."""

    number: int
    kind: str
    namespace: str

    def __str__(self) -> str:
        return f"{self.kind} {self.namespace}"


@dataclass(frozen=True, slots=True)
class _Plan:
    """`token` is where the first step goes on; `patterns` are names of objects that are left out."""

    namespaces: tuple[str, ...]
    steps: list[_Step]
    token: str
    patterns: tuple[str, ...]

    def leaves_out(self, name: str) -> bool:
        return any(fnmatch.fnmatchcase(name, pattern) for pattern in self.patterns)


def _now() -> datetime:
    return datetime.now(UTC)


class KubernetesSource:
    """A discovery source for one cluster."""

    kind = KIND
    Settings = KubernetesSettings

    def __init__(self, settings: KubernetesSettings, clock: Callable[[], datetime] = _now) -> None:
        self._settings = settings
        self._clock = clock

    def check(self, scope: Scope) -> None:
        """See `DiscoverySource`."""
        _plan(scope, self._settings)

    def look(self, scope: Scope) -> AsyncGenerator[Event]:
        """See `DiscoverySource`."""
        return _Run(self._settings, self._clock, scope).events()


class _Run:
    """One look at the lists of a scope, one after the other."""

    def __init__(self, settings: KubernetesSettings, clock: Callable[[], datetime], scope: Scope) -> None:
        self._settings = settings
        self._clock = clock
        self._scope = scope
        self._progress = Progress(0, 0, scope.after)
        self._relations = Relations()
        self._seen: set[Secret] = set()
        self._blind = False
        """Whether some list of secrets could not be read: then none is told to be missing."""

    def events(self) -> AsyncGenerator[Event]:
        return with_signs_of_life(self._work(), lambda: self._progress)

    async def _work(self) -> AsyncGenerator[Event]:
        plan = _plan(self._scope, self._settings)
        if plan.steps:
            self._api = Api(self._settings)
            async for event in self._learn(plan):
                yield event
        token = plan.token
        for step in plan.steps:
            kind = next((one for one in HOLDING if one.name == step.kind), None)
            work = self._list(kind, step, token, plan) if kind else self._told_of_relations(plan)
            token = ""
            async with aclosing(work) as events:
                async for event in events:
                    yield event
            self._progress = replace(self._progress, cursor=str(step))
            yield self._progress
        yield replace(self._progress, total=self._progress.done)

    # -- lists -----------------------------------------------------------------------------------

    async def _learn(self, plan: _Plan) -> AsyncGenerator[Event]:
        """What other objects say of secrets; they are told of last."""
        for kind in _wanted(LEARNT, self._settings):
            for namespace in _namespaces(kind, plan.namespaces):
                pages = self._pages(kind, namespace, "")
                async with aclosing(pages) as found:
                    async for part in found:
                        if isinstance(part, str):
                            self._relations.problems[_place_of_list(kind, namespace)] = part
                            continue
                        for thing in part[0]:
                            if not plan.leaves_out(name_of(thing, kind)):
                                self._relations.learn(kind, thing)
                        yield self._progress

    async def _list(self, kind: Kind, step: _Step, token: str, plan: _Plan) -> AsyncGenerator[Event]:
        async with aclosing(self._pages(kind, step.namespace, token)) as pages:
            async for part in pages:
                if isinstance(part, str):
                    # what was there may be there still
                    self._progress = replace(self._progress, whole=False)
                    self._blind = self._blind or kind is SECRETS
                    yield self._sighting(_place_of_list(kind, step.namespace), problem=part)
                    continue
                things, after = part
                for thing in things:
                    name = name_of(thing, kind)
                    if name and not plan.leaves_out(name):
                        for sighting in await self._sightings(kind, thing, name):
                            yield sighting
                    self._progress = replace(self._progress, done=self._progress.done + 1)
                if after:
                    self._progress = replace(self._progress, cursor=f"{step} {after}")
                yield self._progress

    async def _pages(
        self, kind: Kind, namespace: str, token: str
    ) -> AsyncGenerator[tuple[list[dict[str, Any]], str] | str]:
        """Objects with the token of what follows them; or why there are no more. A list that was begun too
        long ago goes on with what follows now, where the server says how; else it is begun again."""
        beginnings, count, tokens = 1, 0, {token}
        for _ in range(PAGES_MAX):
            try:
                page = await self._api.page(kind, namespace, token)
            except Gone as gone:
                beginnings, token, tokens = _again(gone, beginnings, tokens)
                if beginnings > BEGINNINGS_MAX:
                    yield f"its list has changed {BEGINNINGS_MAX} times before its end was there"
                    return
                continue
            except Absent:
                if kind.core:
                    yield "there is no such list: this is no Kubernetes API"
                return
            except (Denied, Unreached) as error:
                yield error.detail
                return
            yield page.objects, page.token
            token, count = page.token, count + len(page.objects)
            if not token:
                return
            if token in tokens:
                yield "its list comes back to a page that was there before, and has no end"
                return
            if count >= self._settings.items_max:
                break
            tokens.add(token)
        yield f"more than {count} of them: what is beyond is not looked at"

    # -- what is told ----------------------------------------------------------------------------

    async def _sightings(self, kind: Kind, thing: dict[str, Any], name: str) -> list[Sighting]:
        facts = {}
        if kind is SECRETS:
            namespace, _, own = name.split("/", 2)
            self._seen.add((namespace, own))
            facts = self._relations.facts((namespace, own))
        sights = await asyncio.to_thread(sights_in, kind, thing, self._settings.passwords)
        return [
            self._sighting(
                f"{name}{one.part}", one.chain, {**one.facts, **(facts if one.chain else {})}, one.problem
            )
            for one in sights
        ]

    async def _told_of_relations(self, plan: _Plan) -> AsyncGenerator[Event]:
        """What is wrong with other objects, and secrets that somebody names and that are not there."""
        for name, problem in sorted(self._relations.problems.items()):
            yield self._sighting(name, problem=problem)
        if self._blind or SECRETS not in _wanted(HOLDING, self._settings):
            return
        missing = [
            (secret, name)
            for secret, name in sorted(self._relations.named.items())
            if secret not in self._seen
            and not {secret[0], EVERYWHERE}.isdisjoint(plan.namespaces)
            and not plan.leaves_out(f"{secret[0]}/{SECRETS.name}/{secret[1]}")
        ]
        for (namespace, own), name in missing[:MISSING_MAX]:
            try:
                await self._api.get(SECRETS, namespace, own)
            except Absent:
                problem = f"it names the secret {own} in {namespace}, which is not there"
                yield self._sighting(f"{name}#{own}", problem=problem)
            except (Denied, Unreached, Gone):
                continue  # whether it is there cannot be known, and is not this object's fault

    def _sighting(
        self, name: str, chain: tuple[bytes, ...] = (), facts: Any = None, problem: str = ""
    ) -> Sighting:
        place = Place(KIND, self._api.host, self._api.port, place_name(name))
        return Sighting(place, self._clock(), chain, facts or {}, one_line(problem))


def _again(gone: Gone, beginnings: int, tokens: set[str]) -> tuple[int, str, set[str]]:
    """Where a list goes on, with how often it was begun then and which tokens were asked for since."""
    if gone.token and gone.token not in tokens:
        tokens.add(gone.token)
        return beginnings, gone.token, tokens
    return beginnings + 1, "", {""}


def _place_of_list(kind: Kind, namespace: str) -> str:
    return kind.name if namespace == EVERYWHERE else f"{namespace}/{kind.name}"


# -- scopes --------------------------------------------------------------------------------------


def _plan(scope: Scope, settings: KubernetesSettings) -> _Plan:
    """What is to be looked at, after the cursor. Raises Malformed."""
    namespaces = tuple(sorted({_namespace(line) for line in scope.targets}))
    if EVERYWHERE in namespaces:
        namespaces = (EVERYWHERE,)
    patterns = tuple(_pattern(line) for line in scope.exclude)
    left_out = {line for line in scope.exclude if _NAMESPACE.fullmatch(line)}
    namespaces = tuple(one for one in namespaces if one not in left_out)
    steps = [
        _Step(number, kind.name, namespace)
        for number, kind in enumerate(_wanted(HOLDING, settings))
        for namespace in _namespaces(kind, namespaces)
    ]
    if namespaces:
        steps.append(_Step(len(HOLDING), RELATIONS, EVERYWHERE))
    if not scope.after:
        return _Plan(namespaces, steps, "", patterns)
    return _Plan(namespaces, *_after(scope.after, steps), patterns)


def _after(cursor: str, steps: list[_Step]) -> tuple[list[_Step], str]:
    """The steps behind a cursor, which is a step that is done, or a step and a token of its list."""
    kind, _, rest = cursor.partition(" ")
    namespace, _, token = rest.partition(" ")
    known = [kind.name for kind in HOLDING] + [RELATIONS]
    if kind not in known or not namespace or (token and not TOKEN.fullmatch(token)):
        raise Malformed(f"{cursor[:100]!r} is no cursor of this source")
    number = next((step.number for step in steps if step.kind == kind), -1)
    at = _Step(number, kind, namespace)
    return [step for step in steps if step > at or (step == at and token)], token if at in steps else ""


def _namespace(line: str) -> str:
    if line != EVERYWHERE and not _NAMESPACE.fullmatch(line):
        raise Malformed(
            f"{line[:100]!r} is no target; write a namespace, or {EVERYWHERE} for the whole cluster"
        )
    return line


def _pattern(line: str) -> str:
    """A namespace leaves out all that is in it."""
    if not line.isprintable() or not line.strip():
        raise Malformed(
            f"{line[:100]!r} is no exclusion; write a namespace, or namespace/secrets/name with *"
        )
    return f"{line}/*" if _NAMESPACE.fullmatch(line) else line


def _namespaces(kind: Kind, namespaces: tuple[str, ...]) -> tuple[str, ...]:
    if kind.namespaced:
        return namespaces
    return (EVERYWHERE,) if EVERYWHERE in namespaces else ()


def _wanted(kinds: tuple[Kind, ...], settings: KubernetesSettings) -> list[Kind]:
    return [one for one in kinds if not settings.kinds or one.name in settings.kinds]
