"""Requests that wait for people: one state machine, whose status is computed from facts and never stored.

Steps are taken one after the other. A step is done when as many different people as its quorum says have
approved; one rejection ends the request. Nobody decides on their own request, neither by another token nor by
handing their right on, and nobody decides twice on the same request, at whatever step.

What the rules refuse at once is kept too where people ask: a request without steps, rejected from the start.

Facts only grow, and by the functions `approve`, `reject`, `withdraw`, `issued`, `fail`, `expire` and `extend`
alone. A deadline is passed at the very moment it names; all times are aware and in UTC.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

from .access import Actor, Subject, Verb, covers, may
from .approval_steps import ApprovalStep
from .distinguished_name import DistinguishedName
from .errors import CertwrightError, Conflict, Forbidden, Reason, Refused
from .names import Identifier
from .rules import NeedsApproval
from .rules_facts import IssuanceFacts

DAY = 86400
"""By how much longer a certificate may live than it was approved for: notBefore is put back further when the
issuer is older by then, and ends are rounded."""


class RequestStatus(StrEnum):
    WAITING = "waiting"
    APPROVED = "approved"
    REJECTED = "rejected"
    REFUSED = "refused"
    WITHDRAWN = "withdrawn"
    EXPIRED = "expired"
    ISSUED = "issued"
    FAILED = "failed"


ENDED = frozenset(RequestStatus) - {RequestStatus.WAITING, RequestStatus.APPROVED}
"""Statuses that nothing follows."""


class ApprovalNeeded(CertwrightError):
    """The rules hold an issuance until people have approved it. `revision` is that of the configuration by
    which it was decided, `policy` the number of its rules. An edge that takes requests makes one of it."""

    status = 403

    def __init__(self, facts: IssuanceFacts, needed: NeedsApproval, policy: int, revision: int) -> None:
        super().__init__(
            f"this needs approval by rule {', '.join(needed.rules)}: {told(needed.steps)}; ask for it"
            " where a request can wait"
        )
        self.facts = facts
        self.needed = needed
        self.policy = policy
        self.revision = revision


class RefusedByRules(Refused):
    """The organisation's rules, or the validation that a profile wants, refuse what profile, endpoint and
    issuer would permit. `policy` is the number of the rules, 0 where there are none."""

    def __init__(self, facts: IssuanceFacts, reasons: tuple[Reason, ...], policy: int) -> None:
        super().__init__(reasons)
        self.facts = facts
        self.policy = policy


def told(steps: Iterable[ApprovalStep]) -> str:
    """Steps in one line: `pki (1 of role:ra-officer), board (2 of team:board or user:carol)`."""
    return ", ".join(f"{one.name} ({one.quorum} of {' or '.join(one.approvers)})" for one in steps)


@dataclass(frozen=True, slots=True)
class Granted:
    """What people have approved by this request: these steps were passed, for a certificate of this and no
    more. `shape` is what `profile_document.shape_of` gave of the profile when the request was made."""

    request: int
    steps: tuple[ApprovalStep, ...]
    names: tuple[Identifier, ...]
    subject: DistinguishedName
    lifetime: int
    shape: str


def check_granted(granted: Granted, facts: IssuanceFacts, shape: str) -> None:
    """What would be issued now is what was approved. Raises Refused: the profile has changed meanwhile."""
    changed = {
        "names": set(facts.names) != set(granted.names),
        "subject": str(facts.subject) != str(granted.subject),
        "lifetime": facts.lifetime > granted.lifetime + DAY,
        "extensions": shape != granted.shape,
    }
    if any(changed.values()):
        found = " and ".join(name for name, is_so in changed.items() if is_so)
        text = f"{found} would not be as approved, since profile {facts.profile} has changed"
        raise Refused((Reason("request.changed", f"{text}; make the request again"),))


# -- facts ---------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Person:
    """Who acts, as far as approval looks at it: `name` is the account's where there is one (`user:alice`),
    else the actor's. `is_` are both; `entitled` is what a step can name them by."""

    name: str
    is_: frozenset[str]
    entitled: frozenset[str]


def person_of(actor: Actor, subject: Subject) -> Person:
    """An actor before a request that scopes speak of so: a role counts where its scope covers that.

    A token speaks for its account and that one's teams where it may approve.
    """
    name = f"user:{actor.user}" if actor.user else actor.name
    entitled = {f"role:{grant.role}" for grant in actor.grants if covers(grant.scope, subject)}
    if actor.user and (actor.account or may(actor, Verb.APPROVE, subject)):
        entitled |= {name, *(f"team:{team}" for team in actor.teams)}
    return Person(name, frozenset({name, actor.name}), frozenset(entitled))


@dataclass(frozen=True, slots=True)
class Decided:
    """One person's word on one step, counted from 0. `instead_of` had handed their right on, or is empty."""

    step: int
    person: str
    approved: bool
    at: datetime
    instead_of: str = ""


@dataclass(frozen=True, slots=True)
class RequestFacts:
    """What is known of one request. `requesters` are the names of who asked: the actor's, and that of the
    account behind it. `expires_at` is when the step expires that it is at; `problem` says in one line why it
    was rejected or has failed."""

    requesters: frozenset[str]
    steps: tuple[ApprovalStep, ...]
    expires_at: datetime
    decided: tuple[Decided, ...] = ()
    approved_at: datetime | None = None
    rejected_at: datetime | None = None
    withdrawn_at: datetime | None = None
    expired_at: datetime | None = None
    issued_at: datetime | None = None
    failed_at: datetime | None = None
    problem: str = ""


def current_step(facts: RequestFacts) -> int | None:
    """The first step that is not done; None when all are."""
    for number, step in enumerate(facts.steps):
        people = {one.person for one in facts.decided if one.step == number and one.approved}
        if len(people) < step.quorum:
            return number
    return None


def request_status(facts: RequestFacts, now: datetime) -> RequestStatus:
    for at, ended in (
        (facts.issued_at, RequestStatus.ISSUED),
        (facts.withdrawn_at, RequestStatus.WITHDRAWN),
        (facts.rejected_at, RequestStatus.REJECTED if facts.steps else RequestStatus.REFUSED),
        (facts.failed_at, RequestStatus.FAILED),
        (facts.expired_at, RequestStatus.EXPIRED),
    ):
        if at is not None:
            return ended
    if current_step(facts) is None:
        return RequestStatus.APPROVED
    return RequestStatus.EXPIRED if facts.expires_at <= now else RequestStatus.WAITING


def stand_in(facts: RequestFacts, person: Person, for_whom: Iterable[Person], now: datetime) -> Person | None:
    """In whose place the person may decide on the step that the request is at: None is their own.

    `for_whom` have handed their right on to them. Raises Conflict when there is nothing to decide or they
    have decided, Forbidden when it is their own request or the step names neither them nor one of those.
    """
    step = facts.steps[_waiting_at(facts, now)]
    if person.is_ & facts.requesters:
        raise Forbidden("nobody decides on their own request; ask somebody else, or withdraw it")
    spent = {name for one in facts.decided for name in (one.person, one.instead_of) if name}
    if spent & person.is_:
        raise Conflict("you have decided on this request already, or somebody has in your place")
    if person.entitled & set(step.approvers):
        return None
    for other in for_whom:
        if other.entitled & set(step.approvers) and not other.is_ & (facts.requesters | spent):
            return other
    text = f"step {step.name} is decided by {' or '.join(step.approvers)}"
    raise Forbidden(f"{text}, and {person.name} is none of them here")


def _waiting_at(facts: RequestFacts, now: datetime) -> int:
    """Raises Conflict unless the request waits."""
    _require(facts, now, RequestStatus.WAITING)
    step = current_step(facts)
    assert step is not None
    return step


def _require(facts: RequestFacts, now: datetime, *permitted: RequestStatus) -> None:
    status = request_status(facts, now)
    if status not in permitted:
        raise Conflict(f"the request is {status}, not {' or '.join(permitted)}")


# -- how facts grow ------------------------------------------------------------------------------


def approve(facts: RequestFacts, person: Person, for_whom: Iterable[Person], now: datetime) -> RequestFacts:
    """One approval more; the next step begins, or all are done. Raises as `stand_in` does."""
    before = _waiting_at(facts, now)
    grown = _decide(facts, person, stand_in(facts, person, for_whom, now), now, approved=True)
    step = current_step(grown)
    if step is None:
        return replace(grown, approved_at=now)
    if step == before:
        return grown
    return replace(grown, expires_at=now + timedelta(seconds=grown.steps[step].expires))


def reject(
    facts: RequestFacts,
    person: Person,
    for_whom: Iterable[Person],
    now: datetime,
    reason: str,
    *,
    officer: bool,
) -> RequestFacts:
    """One rejection ends it. Who is an `officer` for this request rejects at any step, others where they
    could approve. Raises as `stand_in` does."""
    try:
        other = stand_in(facts, person, for_whom, now)
    except Forbidden:
        if not officer or person.is_ & facts.requesters:
            raise
        other = None
    return replace(_decide(facts, person, other, now, approved=False), rejected_at=now, problem=reason)


def _decide(
    facts: RequestFacts, person: Person, other: Person | None, now: datetime, *, approved: bool
) -> RequestFacts:
    decided = Decided(_waiting_at(facts, now), person.name, approved, now, other.name if other else "")
    return replace(facts, decided=(*facts.decided, decided))


def withdraw(facts: RequestFacts, now: datetime) -> RequestFacts:
    """Raises Conflict when it has ended, or is about to be issued."""
    _require(facts, now, RequestStatus.WAITING)
    return replace(facts, withdrawn_at=now)


def expire(facts: RequestFacts, now: datetime) -> RequestFacts:
    """The deadline's passing goes on record, once. Raises Conflict while it has not passed, or when it is on
    record."""
    _require(facts, now, RequestStatus.EXPIRED)
    if facts.expired_at is not None:
        raise Conflict("that the request has expired is on record already")
    return replace(facts, expired_at=now)


def issued(facts: RequestFacts, now: datetime) -> RequestFacts:
    """Raises Conflict unless it is approved."""
    _require(facts, now, RequestStatus.APPROVED)
    return replace(facts, issued_at=now)


def fail(facts: RequestFacts, now: datetime, problem: str) -> RequestFacts:
    """Approved, and yet it cannot be issued. Raises Conflict unless it is approved."""
    _require(facts, now, RequestStatus.APPROVED)
    return replace(facts, failed_at=now, problem=problem)


def missing_steps(
    needed: tuple[ApprovalStep, ...], passed: tuple[ApprovalStep, ...]
) -> tuple[ApprovalStep, ...]:
    """Of the steps that are needed those that were not passed; how long one might have taken is no matter."""
    known = {(one.name, one.approvers, one.quorum) for one in passed}
    return tuple([one for one in needed if (one.name, one.approvers, one.quorum) not in known])


def extend(facts: RequestFacts, steps: tuple[ApprovalStep, ...], now: datetime) -> RequestFacts:
    """The rules want these steps too by now: it waits again. Raises Conflict unless it is approved."""
    _require(facts, now, RequestStatus.APPROVED)
    deadline = now + timedelta(seconds=steps[0].expires)
    return replace(facts, steps=(*facts.steps, *steps), approved_at=None, expires_at=deadline)
