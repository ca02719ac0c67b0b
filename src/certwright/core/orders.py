"""Orders, authorizations and challenges as facts; their status is computed, never stored.

The words and the status changes are those of RFC 8555 section 7.1.6, but nothing here is bound to ACME: an
authorization says that an account may speak for one identifier until some moment, however that was proved.

Facts only grow. The functions `attempt`, `succeed`, `fail`, `deactivate`, `revoke` and, for orders,
`finalize`, `issue`, `fail_order` are the only ways they may: each gives new facts, or raises Conflict when
the status at that moment does not permit it. Grown so, and with time going forward, no final status ever
changes.

All times are aware and in UTC. A deadline is passed at the very moment it names.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from operator import itemgetter

from .errors import Conflict
from .names import Identifier, IdentifierKind


class AuthorizationStatus(StrEnum):
    PENDING = "pending"
    VALID = "valid"
    INVALID = "invalid"
    DEACTIVATED = "deactivated"
    EXPIRED = "expired"
    REVOKED = "revoked"


class ChallengeStatus(StrEnum):
    PENDING = "pending"
    PROCESSING = "processing"
    VALID = "valid"
    INVALID = "invalid"


class OrderStatus(StrEnum):
    PENDING = "pending"
    READY = "ready"
    PROCESSING = "processing"
    VALID = "valid"
    INVALID = "invalid"


class AccountStatus(StrEnum):
    VALID = "valid"
    DEACTIVATED = "deactivated"
    REVOKED = "revoked"


@dataclass(frozen=True, slots=True)
class Problem:
    """Why something failed: an error type of RFC 8555 section 6.7 without its URN prefix, and one line."""

    type: str
    detail: str


@dataclass(frozen=True, slots=True, order=True)
class Target:
    """What an authorization is about: an identifier without `*.`, and whether a wildcard was asked for."""

    identifier: Identifier
    wildcard: bool


def target_of(identifier: Identifier) -> Target:
    """The authorization an identifier of an order needs (RFC 8555 section 7.1.3)."""
    if identifier.kind is IdentifierKind.DNS and identifier.value.startswith("*."):
        return Target(Identifier(IdentifierKind.DNS, identifier.value[2:]), True)
    return Target(identifier, False)


@dataclass(frozen=True, slots=True)
class AuthorizationFacts:
    """What is known of one account's authorization for one target. `key` names it in URLs.

    `offered` are the challenge kinds in the order shown; they share `token`. The first kind a client
    responds to is `attempted_kind`, and the outcome is that one's. `expires_at` ends the pending life,
    `valid_until` the life after success. `failed_at` comes with `problem`.
    """

    key: str
    target: Target
    offered: tuple[str, ...]
    token: str
    expires_at: datetime
    attempted_kind: str = ""
    attempted_at: datetime | None = None
    validated_at: datetime | None = None
    valid_until: datetime | None = None
    failed_at: datetime | None = None
    problem: Problem | None = None
    deactivated_at: datetime | None = None
    revoked_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class OrderFacts:
    """What is known of one order. `key` names it in URLs. `finalized_at`: issuance was begun; `issued_at`:
    its certificate exists, and `certificate` names that in URLs.

    Once finalized, an order is judged no more by its deadline or its authorizations: it ends issued or
    failed.
    """

    key: str
    identifiers: tuple[Identifier, ...]
    authorizations: tuple[AuthorizationFacts, ...]
    expires_at: datetime
    finalized_at: datetime | None = None
    issued_at: datetime | None = None
    certificate: str = ""
    failed_at: datetime | None = None
    problem: Problem | None = None


Ending = tuple[datetime, AuthorizationStatus]


def _ending(
    deadline: datetime, now: datetime, *events: tuple[datetime | None, AuthorizationStatus]
) -> Ending | None:
    """The first thing that ended a phase of life. What came at its deadline or later did not end it."""
    happened = [(at, status) for at, status in events if at is not None and at < deadline]
    if happened:
        return min(happened, key=itemgetter(0))
    return (deadline, AuthorizationStatus.EXPIRED) if deadline <= now else None


def _pending_ending(facts: AuthorizationFacts, now: datetime) -> Ending | None:
    return _ending(
        facts.expires_at,
        now,
        (facts.failed_at, AuthorizationStatus.INVALID),
        (facts.deactivated_at, AuthorizationStatus.DEACTIVATED),
        (facts.revoked_at, AuthorizationStatus.REVOKED),
    )


def _succeeded(facts: AuthorizationFacts, ending: Ending | None) -> bool:
    proved = facts.validated_at
    return proved is not None and proved < facts.expires_at and (ending is None or proved <= ending[0])


def authorization_expiry(facts: AuthorizationFacts) -> datetime:
    """The moment shown as `expires`: of the pending life, or after success of the valid one."""
    return facts.expires_at if facts.validated_at is None else facts.valid_until or facts.expires_at


def authorization_status(facts: AuthorizationFacts, now: datetime) -> AuthorizationStatus:
    """RFC 8555 section 7.1.6. A success before the pending life ended begins the valid life."""
    ending = _pending_ending(facts, now)
    if not _succeeded(facts, ending):
        return ending[1] if ending else AuthorizationStatus.PENDING
    ending = _ending(
        facts.valid_until or facts.expires_at,
        now,
        (facts.deactivated_at, AuthorizationStatus.DEACTIVATED),
        (facts.revoked_at, AuthorizationStatus.REVOKED),
    )
    return ending[1] if ending else AuthorizationStatus.VALID


def challenge_status(facts: AuthorizationFacts, kind: str, now: datetime) -> ChallengeStatus:
    """A challenge nobody responded to stays pending. The attempted one is invalid when the authorization ends
    without success, whatever ended it."""
    if kind != facts.attempted_kind:
        return ChallengeStatus.PENDING
    ending = _pending_ending(facts, now)
    if _succeeded(facts, ending):
        return ChallengeStatus.VALID
    return ChallengeStatus.INVALID if ending else ChallengeStatus.PROCESSING


def shown_challenges(facts: AuthorizationFacts, now: datetime) -> tuple[str, ...]:
    """The kinds an authorization lists: all until one has an outcome, then that one (section 7.1.4)."""
    outcomes = (ChallengeStatus.VALID, ChallengeStatus.INVALID)
    if facts.attempted_kind and challenge_status(facts, facts.attempted_kind, now) in outcomes:
        return (facts.attempted_kind,)
    return facts.offered


def order_status(facts: OrderFacts, now: datetime) -> OrderStatus:
    """RFC 8555 section 7.1.6."""
    if facts.issued_at is not None:
        return OrderStatus.VALID
    if facts.failed_at is not None:
        return OrderStatus.INVALID
    if facts.finalized_at is not None:
        return OrderStatus.PROCESSING
    if facts.expires_at <= now:
        return OrderStatus.INVALID
    statuses = {authorization_status(authorization, now) for authorization in facts.authorizations}
    if statuses - {AuthorizationStatus.PENDING, AuthorizationStatus.VALID}:
        return OrderStatus.INVALID
    return OrderStatus.PENDING if AuthorizationStatus.PENDING in statuses else OrderStatus.READY


def account_status(deactivated_at: datetime | None, revoked_at: datetime | None) -> AccountStatus:
    """What came first counts: the client's deactivation or the server's revocation."""
    if deactivated_at is not None and (revoked_at is None or deactivated_at <= revoked_at):
        return AccountStatus.DEACTIVATED
    return AccountStatus.VALID if revoked_at is None else AccountStatus.REVOKED


def reusable(
    facts: AuthorizationFacts, target: Target, kinds: tuple[str, ...], now: datetime, until: datetime
) -> bool:
    """May a new order of the same account, open until `until`, stand on this authorization?

    It must be valid now and until then, for exactly this target, and proved in one of the ways offered today.
    """
    fits = facts.target == target and facts.attempted_kind in kinds and authorization_expiry(facts) >= until
    return fits and authorization_status(facts, now) is AuthorizationStatus.VALID


def unauthorized_name(
    names: Iterable[Identifier], held: Iterable[AuthorizationFacts], now: datetime
) -> Identifier | None:
    """The first of the names for which there is no valid authorization among those held."""
    valid = {one.target for one in held if authorization_status(one, now) is AuthorizationStatus.VALID}
    return next((name for name in names if target_of(name) not in valid), None)


# -- how facts grow ------------------------------------------------------------------------------


def attempt(facts: AuthorizationFacts, kind: str, now: datetime) -> AuthorizationFacts:
    """The client has responded to a challenge. Responding again to the same one changes nothing."""
    if kind not in facts.offered:
        raise Conflict(f"this authorization offers no {kind} challenge")
    _require(facts, now, AuthorizationStatus.PENDING)
    if facts.attempted_kind == kind:
        return facts
    if facts.attempted_kind:
        raise Conflict(f"the {facts.attempted_kind} challenge of this authorization is being checked already")
    return replace(facts, attempted_kind=kind, attempted_at=now)


def succeed(facts: AuthorizationFacts, now: datetime, until: datetime) -> AuthorizationFacts:
    """The attempted challenge is fulfilled. Raises Conflict unless one is being checked."""
    _require_attempted(facts, now)
    return replace(facts, validated_at=now, valid_until=until)


def fail(facts: AuthorizationFacts, now: datetime, problem: Problem) -> AuthorizationFacts:
    """The attempted challenge has failed for good. Raises Conflict unless it is being checked."""
    _require_attempted(facts, now)
    return replace(facts, failed_at=now, problem=problem)


def deactivate(facts: AuthorizationFacts, now: datetime) -> AuthorizationFacts:
    """The client gives the authorization up (RFC 8555 section 7.5.2)."""
    _require(facts, now, AuthorizationStatus.PENDING, AuthorizationStatus.VALID)
    return replace(facts, deactivated_at=now)


def revoke(facts: AuthorizationFacts, now: datetime) -> AuthorizationFacts:
    """The server takes the authorization back."""
    _require(facts, now, AuthorizationStatus.PENDING, AuthorizationStatus.VALID)
    return replace(facts, revoked_at=now)


def finalize(facts: OrderFacts, now: datetime) -> OrderFacts:
    """Issuance begins. Raises Conflict unless the order is ready."""
    _require_order(facts, now, OrderStatus.READY)
    return replace(facts, finalized_at=now)


def issue(facts: OrderFacts, now: datetime, certificate: str) -> OrderFacts:
    """The certificate exists. Raises Conflict unless the order is processing."""
    _require_order(facts, now, OrderStatus.PROCESSING)
    return replace(facts, issued_at=now, certificate=certificate)


def fail_order(facts: OrderFacts, now: datetime, problem: Problem) -> OrderFacts:
    """The order cannot be fulfilled. Raises Conflict when it has ended already."""
    _require_order(facts, now, OrderStatus.PENDING, OrderStatus.READY, OrderStatus.PROCESSING)
    return replace(facts, failed_at=now, problem=problem)


def _require(facts: AuthorizationFacts, now: datetime, *permitted: AuthorizationStatus) -> None:
    status = authorization_status(facts, now)
    if status not in permitted:
        raise Conflict(
            f"the authorization for {facts.target.identifier} is {status}, not {' or '.join(permitted)}"
        )


def _require_attempted(facts: AuthorizationFacts, now: datetime) -> None:
    _require(facts, now, AuthorizationStatus.PENDING)
    if not facts.attempted_kind:
        raise Conflict(f"no challenge of the authorization for {facts.target.identifier} is being checked")


def _require_order(facts: OrderFacts, now: datetime, *permitted: OrderStatus) -> None:
    status = order_status(facts, now)
    if status not in permitted:
        raise Conflict(f"the order is {status}, not {' or '.join(permitted)}")
