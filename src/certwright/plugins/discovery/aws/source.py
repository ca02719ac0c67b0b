"""The certificates of an account of AWS, service by service: in ACM and IAM, at load balancers and
distributions, and those of private authorities. Nothing is changed there.
"""

import fnmatch
import re
from collections.abc import AsyncGenerator, Callable, Iterator, Mapping
from contextlib import aclosing
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from types import MappingProxyType

from ....core.egress import Unreached
from ....core.errors import Malformed, Unavailable
from ....ports import Place, Progress, Scope, Sighting
from ...calls import side_by_side
from ..looking import Event, one_line, place_name, with_signs_of_life
from .account import NOT_TAKEN, Account, Refusal
from .acm import Acm
from .certificates import Certificates
from .cloudfront import CloudFront
from .iam import Iam
from .listing import Service, Sight, Thing
from .load_balancers import ClassicLoadBalancers, LoadBalancers
from .private_ca import PrivateCa
from .services import GLOBAL
from .settings import AwsSettings

KIND = "aws"
PAGES_MAX = 5000
MADE: Mapping[str, Callable[[Account, Certificates, str], Service]] = MappingProxyType(
    {
        "acm": Acm,
        "acm-pca": PrivateCa,
        "cloudfront": CloudFront,
        "elb": ClassicLoadBalancers,
        "elbv2": LoadBalancers,
        "iam": Iam,
    }
)
"""Services by the name that AWS's own command line has for them."""
GLOBALS = ("cloudfront", "iam")
REGIONAL = tuple(name for name in MADE if name not in GLOBALS)
_REGION = re.compile(r"[a-z]{2,8}(?:-[a-z]{2,12}){1,3}-[0-9]{1,2}")


@dataclass(frozen=True, slots=True, order=True)
class _Target:
    region: str
    service: str

    def __str__(self) -> str:
        return f"{self.region}/{self.service}"


@dataclass(frozen=True, slots=True)
class _Plan:
    """What is looked at in its order, from behind an ARN of the first; `patterns` are ARNs left out."""

    targets: list[tuple[_Target, str]]
    patterns: tuple[str, ...]

    def leaves_out(self, arn: str) -> bool:
        return any(fnmatch.fnmatchcase(arn, pattern) for pattern in self.patterns)


def _now() -> datetime:
    return datetime.now(UTC)


class AwsSource:
    """A discovery source for one account of AWS."""

    kind = KIND
    Settings = AwsSettings

    def __init__(self, settings: AwsSettings, clock: Callable[[], datetime] = _now) -> None:
        self._settings = settings
        self._clock = clock

    def check(self, scope: Scope) -> None:
        """See `DiscoverySource`."""
        _plan(scope)

    def look(self, scope: Scope) -> AsyncGenerator[Event]:
        """See `DiscoverySource`."""
        return _Run(self._settings, self._clock, scope).events()


class _Run:
    """One look at the services of a scope, one after the other."""

    def __init__(self, settings: AwsSettings, clock: Callable[[], datetime], scope: Scope) -> None:
        self._settings = settings
        self._clock = clock
        self._scope = scope
        self._progress = Progress(0, 0, scope.after)
        self._not_taken = ""
        """What is said where credentials are not taken; a region that is not open says so too."""
        self._listed_some = bool(scope.after)

    def events(self) -> AsyncGenerator[Event]:
        return with_signs_of_life(self._work(), lambda: self._progress)

    async def _work(self) -> AsyncGenerator[Event]:
        plan = _plan(self._scope)
        regions = [target.region for target, _ in plan.targets if target.region != GLOBAL]
        account = Account(self._settings, self._clock, [*regions, self._settings.home_region][0])
        certificates = Certificates(account)
        for target, after in plan.targets:
            service = MADE[target.service](account, certificates, target.region)
            async with aclosing(self._service(service, target, after, plan)) as events:
                async for event in events:
                    yield event
            self._progress = replace(self._progress, done=self._progress.done + 1, cursor=str(target))
            yield self._progress
        if self._not_taken and not self._listed_some:
            raise Unavailable(self._not_taken)  # else all that was there would be taken for gone
        yield replace(self._progress, total=self._progress.done)

    async def _service(
        self, service: Service, target: _Target, after: str, plan: _Plan
    ) -> AsyncGenerator[Event]:
        things, problem = await self._listed(service)
        if problem:
            self._progress = replace(self._progress, whole=False)  # what was there may be there still
            yield Sighting(Place(KIND, str(target)), self._clock(), problem=one_line(problem))
        left = [one for one in sorted(things) if one.arn > after and not plan.leaves_out(one.arn)]

        async def look(thing: Thing) -> list[Sight]:
            try:
                return await service.look(thing)
            except (Refusal, Unreached) as error:
                return [Sight(problem=error.detail)]

        async with aclosing(side_by_side(left, self._settings.concurrency, look)) as seen:
            async for thing, sights in seen:
                for sight in sights:
                    self._progress = replace(self._progress, whole=self._progress.whole and not sight.problem)
                    name = sight.name or thing.arn
                    if not plan.leaves_out(name):
                        place = Place(KIND, str(target), 0, place_name(name))
                        problem = one_line(sight.problem)
                        yield Sighting(place, self._clock(), sight.chain, sight.facts, problem)
                done, cursor = self._progress.done + 1, f"{target} {thing.arn}"
                self._progress = replace(self._progress, done=done, cursor=cursor)
                yield self._progress

    async def _listed(self, service: Service) -> tuple[set[Thing], str]:
        """The things of a service, and why they are not all."""
        things: set[Thing] = set()
        token, tokens = "", {""}
        try:
            for _ in range(PAGES_MAX):
                some, token = await service.page(token)
                things.update(one for one in some if one.arn.isprintable())
                if len(things) >= self._settings.items_max or not token:
                    break
                if token in tokens:
                    return things, "its list comes back to a page that was there before, and has no end"
                tokens.add(token)
        except (Refusal, Unreached) as error:
            if isinstance(error, Refusal) and error.code in NOT_TAKEN:
                self._not_taken = error.detail
            return things, error.detail
        self._listed_some = True
        if token:
            return things, f"more than {len(things)} things: what is beyond is not looked at"
        return things, ""


# -- scopes --------------------------------------------------------------------------------------


def _plan(scope: Scope) -> _Plan:
    """What is to be looked at, after the cursor. Raises Malformed."""
    patterns = tuple(line for line in scope.exclude if line.startswith("arn:"))
    shut = {one for line in scope.exclude if line not in patterns for one in _targets(line)}
    wanted = sorted({one for line in scope.targets for one in _targets(line)} - shut)
    begin, arn = _cursor(scope.after) if scope.after else (None, "")
    left = [
        (one, arn if one == begin else "")
        for one in wanted
        if begin is None or one > begin or (one == begin and arn)
    ]
    return _Plan(left, patterns)


def _targets(line: str) -> Iterator[_Target]:
    region, slash, service = line.partition("/")
    known = GLOBALS if region == GLOBAL else REGIONAL
    if region != GLOBAL and not _REGION.fullmatch(region):
        raise Malformed(f"{line[:100]!r} is no target; write a region, like eu-central-1, or {GLOBAL}")
    if slash and service not in known:
        raise Malformed(f"{line[:100]!r} is no target; services of {region} are {', '.join(known)}")
    yield from (_Target(region, one) for one in ([service] if slash else known))


def _cursor(after: str) -> tuple[_Target, str]:
    """How far a run is: a service that is done, or a service and an ARN there."""
    name, _, arn = after.partition(" ")
    try:
        (target,) = _targets(name)
    except (Malformed, ValueError):
        raise Malformed(f"{after[:100]!r} is no cursor of this source") from None
    return target, arn
