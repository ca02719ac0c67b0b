from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from certwright.core.errors import Conflict
from certwright.core.names import parse_identifier
from certwright.core.orders import (
    AccountStatus,
    AuthorizationFacts,
    AuthorizationStatus,
    ChallengeStatus,
    OrderFacts,
    OrderStatus,
    Problem,
    Target,
    account_status,
    attempt,
    authorization_expiry,
    authorization_status,
    challenge_status,
    deactivate,
    fail,
    fail_order,
    finalize,
    issue,
    order_status,
    reusable,
    revoke,
    shown_challenges,
    succeed,
    target_of,
    unauthorized_name,
)

T0 = datetime(2026, 1, 1, tzinfo=UTC)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
NAME = parse_identifier("dns", "www.example.org")
OFFERED = ("http-01", "dns-01", "tls-alpn-01")
PROBLEM = Problem("connection", "refused")

PENDING = AuthorizationFacts("a1", Target(NAME, False), OFFERED, "token", T0 + 7 * DAY)
TRIED = attempt(PENDING, "http-01", T0 + HOUR)
VALID = succeed(TRIED, T0 + 2 * HOUR, T0 + 30 * DAY)
FAILED = fail(TRIED, T0 + 2 * HOUR, PROBLEM)


@pytest.mark.parametrize(
    ("facts", "at", "status"),
    [
        (PENDING, T0, "pending"),
        (PENDING, T0 + 7 * DAY - timedelta(microseconds=1), "pending"),
        (PENDING, T0 + 7 * DAY, "expired"),
        (TRIED, T0 + DAY, "pending"),
        (TRIED, T0 + 7 * DAY, "expired"),
        (VALID, T0 + 2 * HOUR, "valid"),
        (VALID, T0 + 29 * DAY, "valid"),
        (VALID, T0 + 30 * DAY, "expired"),
        (FAILED, T0 + 3 * HOUR, "invalid"),
        (FAILED, T0 + 99 * DAY, "invalid"),
        (deactivate(PENDING, T0), T0 + 99 * DAY, "deactivated"),
        (deactivate(VALID, T0 + DAY), T0 + 99 * DAY, "deactivated"),
        (revoke(TRIED, T0 + DAY), T0 + DAY, "revoked"),
        (revoke(VALID, T0 + DAY), T0 + 99 * DAY, "revoked"),
        (replace(VALID, deactivated_at=T0 + 30 * DAY), T0 + 31 * DAY, "expired"),
        (replace(TRIED, validated_at=T0 + 7 * DAY, valid_until=T0 + 30 * DAY), T0 + 8 * DAY, "expired"),
        (replace(FAILED, validated_at=T0 + 3 * HOUR, valid_until=T0 + 30 * DAY), T0 + DAY, "invalid"),
        (replace(VALID, failed_at=T0 + 3 * HOUR), T0 + DAY, "valid"),
        (replace(VALID, valid_until=None), T0 + 7 * DAY, "expired"),
        # a clock a little ahead recorded the fact: it counts at once
        (deactivate(VALID, T0 + DAY), T0 + DAY - timedelta(seconds=1), "deactivated"),
    ],
)
def test_authorization_status(facts: AuthorizationFacts, at: datetime, status: str) -> None:
    assert authorization_status(facts, at) == status


@pytest.mark.parametrize(
    ("facts", "at", "statuses", "shown"),
    [
        (PENDING, T0, ("pending", "pending"), OFFERED),
        (TRIED, T0 + DAY, ("processing", "pending"), OFFERED),
        (VALID, T0 + DAY, ("valid", "pending"), ("http-01",)),
        (VALID, T0 + 99 * DAY, ("valid", "pending"), ("http-01",)),
        (deactivate(VALID, T0 + DAY), T0 + DAY, ("valid", "pending"), ("http-01",)),
        (deactivate(VALID, T0 + 2 * HOUR), T0 + DAY, ("valid", "pending"), ("http-01",)),
        (FAILED, T0 + DAY, ("invalid", "pending"), ("http-01",)),
        (TRIED, T0 + 7 * DAY, ("invalid", "pending"), ("http-01",)),
        (deactivate(PENDING, T0), T0, ("pending", "pending"), OFFERED),
    ],
)
def test_challenge_status(
    facts: AuthorizationFacts, at: datetime, statuses: tuple[str, str], shown: tuple[str, ...]
) -> None:
    assert tuple(challenge_status(facts, kind, at) for kind in ("http-01", "dns-01")) == statuses
    assert shown_challenges(facts, at) == shown


def test_expiry_moves_with_success() -> None:
    assert authorization_expiry(PENDING) == authorization_expiry(FAILED) == T0 + 7 * DAY
    assert authorization_expiry(VALID) == T0 + 30 * DAY
    assert authorization_expiry(replace(VALID, valid_until=None)) == T0 + 7 * DAY


def _order(*authorizations: AuthorizationFacts) -> OrderFacts:
    return OrderFacts("o1", (NAME,), authorizations, T0 + 7 * DAY)


READY = _order(VALID)
PROCESSING = finalize(READY, T0 + DAY)
ISSUED = issue(PROCESSING, T0 + DAY, "c1")


@pytest.mark.parametrize(
    ("facts", "at", "status"),
    [
        (_order(PENDING), T0, "pending"),
        (_order(VALID, TRIED), T0 + DAY, "pending"),
        (_order(VALID, FAILED), T0 + DAY, "invalid"),
        (_order(PENDING, deactivate(VALID, T0 + DAY)), T0 + DAY, "invalid"),
        (_order(PENDING, revoke(VALID, T0 + DAY)), T0 + DAY, "invalid"),
        (_order(replace(VALID, valid_until=T0 + 5 * DAY)), T0 + 5 * DAY, "invalid"),
        (_order(), T0, "ready"),
        (_order(), T0 + 7 * DAY, "invalid"),
        (READY, T0 + DAY, "ready"),
        (READY, T0 + 7 * DAY, "invalid"),
        (_order(PENDING), T0 + 7 * DAY, "invalid"),
        (PROCESSING, T0 + DAY, "processing"),
        (PROCESSING, T0 + 99 * DAY, "processing"),
        (replace(PROCESSING, authorizations=(deactivate(VALID, T0 + 2 * DAY),)), T0 + 2 * DAY, "processing"),
        (ISSUED, T0 + DAY, "valid"),
        (ISSUED, T0 + 999 * DAY, "valid"),
        (fail_order(READY, T0 + DAY, PROBLEM), T0 + DAY, "invalid"),
        (fail_order(PROCESSING, T0 + DAY, PROBLEM), T0 + DAY, "invalid"),
    ],
)
def test_order_status(facts: OrderFacts, at: datetime, status: str) -> None:
    assert order_status(facts, at) == status


def test_account_status() -> None:
    assert account_status(None, None) is AccountStatus.VALID
    assert account_status(T0, None) is AccountStatus.DEACTIVATED
    assert account_status(None, T0) is AccountStatus.REVOKED
    assert account_status(T0, T0 + HOUR) is AccountStatus.DEACTIVATED
    assert account_status(T0 + HOUR, T0) is AccountStatus.REVOKED


def test_targets() -> None:
    assert target_of(NAME) == Target(NAME, False)
    assert target_of(parse_identifier("dns", "*.Example.org")) == Target(
        parse_identifier("dns", "example.org"), True
    )
    address = parse_identifier("ip", "2001:db8::1")
    assert target_of(address) == Target(address, False)


def test_reuse() -> None:
    def may(
        facts: AuthorizationFacts = VALID, target: Target = VALID.target, kinds: tuple[str, ...] = OFFERED,
        now: datetime = T0 + DAY, until: datetime = T0 + 8 * DAY,
    ) -> bool:  # fmt: skip
        return reusable(facts, target, kinds, now, until)

    assert may()
    assert may(until=T0 + 30 * DAY)
    assert not may(until=T0 + 30 * DAY + HOUR)
    assert not may(target=Target(NAME, True))
    assert not may(target=target_of(parse_identifier("dns", "example.org")))
    assert not may(kinds=("dns-01",))
    assert not may(facts=TRIED)
    assert not may(facts=FAILED)
    assert not may(facts=deactivate(VALID, T0 + DAY))
    assert not may(facts=revoke(VALID, T0 + DAY))


REFUSED: dict[str, Callable[[], object]] = {
    "a kind not offered": lambda: attempt(PENDING, "dns-account-01", T0),
    "another kind while one is checked": lambda: attempt(TRIED, "dns-01", T0 + DAY),
    "attempt after expiry": lambda: attempt(PENDING, "http-01", T0 + 7 * DAY),
    "attempt after success": lambda: attempt(VALID, "http-01", T0 + DAY),
    "success without attempt": lambda: succeed(PENDING, T0, T0 + DAY),
    "success after expiry": lambda: succeed(TRIED, T0 + 7 * DAY, T0 + 9 * DAY),
    "success after failure": lambda: succeed(FAILED, T0 + DAY, T0 + 9 * DAY),
    "failure without attempt": lambda: fail(PENDING, T0, PROBLEM),
    "failure after success": lambda: fail(VALID, T0 + DAY, PROBLEM),
    "deactivating what failed": lambda: deactivate(FAILED, T0 + DAY),
    "deactivating what expired": lambda: deactivate(VALID, T0 + 30 * DAY),
    "revoking what is deactivated": lambda: revoke(deactivate(VALID, T0 + DAY), T0 + DAY),
    "finalizing a pending order": lambda: finalize(_order(PENDING), T0),
    "finalizing twice": lambda: finalize(PROCESSING, T0 + DAY),
    "finalizing an expired order": lambda: finalize(READY, T0 + 7 * DAY),
    "issuing what is not finalized": lambda: issue(READY, T0 + DAY, "c1"),
    "issuing twice": lambda: issue(ISSUED, T0 + DAY, "c2"),
    "failing an issued order": lambda: fail_order(ISSUED, T0 + DAY, PROBLEM),
    "failing an expired order": lambda: fail_order(READY, T0 + 7 * DAY, PROBLEM),
}


@pytest.mark.parametrize("growth", REFUSED.values(), ids=list(REFUSED))
def test_growth_refused(growth: Callable[[], object]) -> None:
    with pytest.raises(Conflict):
        growth()


def test_responding_again_changes_nothing() -> None:
    assert attempt(TRIED, "http-01", T0 + DAY) is TRIED


# -- properties ----------------------------------------------------------------------------------

FINAL = set(AuthorizationStatus) - {AuthorizationStatus.PENDING, AuthorizationStatus.VALID}
EVENTS = ("attempted", "validated_at", "failed_at", "deactivated_at", "revoked_at")


@given(
    st.lists(st.tuples(st.sampled_from(EVENTS), st.integers(1, 30)), max_size=8),
    st.integers(1, 60),
    st.integers(1, 90),
)
def test_an_authorization_that_ended_stays_as_it_ended(
    events: list[tuple[str, int]], pending_days: int, valid_days: int
) -> None:
    """Even when facts are added against the rules, as long as each is later than what was seen before."""
    facts, now = replace(PENDING, expires_at=T0 + pending_days * DAY), T0
    seen, challenge = authorization_status(facts, now), ChallengeStatus.PENDING
    for name, days in events:
        now += days * DAY
        if name == "attempted":
            facts = facts if facts.attempted_kind else replace(facts, attempted_kind="http-01")
        elif getattr(facts, name) is None:
            facts = replace(facts, **{name: now})
            if name == "validated_at":
                facts = replace(facts, valid_until=now + valid_days * DAY)
        for later in (now, now + HOUR, now + 20 * HOUR):
            before, seen = seen, authorization_status(facts, later)
            assert before not in FINAL or seen is before
            assert (before, seen) != (AuthorizationStatus.VALID, AuthorizationStatus.PENDING)
            had, challenge = challenge, challenge_status(facts, "http-01", later)
            assert had not in {ChallengeStatus.VALID, ChallengeStatus.INVALID} or challenge is had


ORDER_STEPS = {
    OrderStatus.PENDING: set(OrderStatus) - {OrderStatus.PENDING},
    OrderStatus.READY: {OrderStatus.PROCESSING, OrderStatus.VALID, OrderStatus.INVALID},
    OrderStatus.PROCESSING: {OrderStatus.VALID, OrderStatus.INVALID},
    OrderStatus.VALID: set(),
    OrderStatus.INVALID: set(),
}
AUTHORIZATION_STEPS = {
    AuthorizationStatus.PENDING: set(AuthorizationStatus),
    AuthorizationStatus.VALID: {
        AuthorizationStatus.EXPIRED,
        AuthorizationStatus.DEACTIVATED,
        AuthorizationStatus.REVOKED,
    },
}
CHALLENGE_STEPS = {
    ChallengeStatus.PENDING: set(ChallengeStatus),
    ChallengeStatus.PROCESSING: {ChallengeStatus.VALID, ChallengeStatus.INVALID},
}


class OrderLife(RuleBasedStateMachine):
    """An order and its authorizations, grown in every permitted way, at any moment: only steps of the
    figures in RFC 8555 section 7.1.6 are seen, and those that skip a status nobody looked at."""

    @initialize(count=st.integers(1, 3), days=st.integers(1, 10))
    def start(self, count: int, days: int) -> None:
        self.now = T0
        self.order = OrderFacts(
            "o1", (NAME,), tuple(replace(PENDING, key=f"a{n}") for n in range(count)), T0 + days * DAY
        )
        self.seen: dict[str, str] = {}

    @rule(hours=st.integers(0, 60))
    def time_passes(self, hours: int) -> None:
        self.now += hours * HOUR

    @rule(
        place=st.integers(0, 2),
        kind=st.sampled_from(OFFERED),
        verb=st.sampled_from(["attempt", "succeed", "fail", "deactivate", "revoke"]),
        days=st.integers(1, 10),
    )
    def an_authorization_grows(self, place: int, kind: str, verb: str, days: int) -> None:
        some = list(self.order.authorizations)
        place %= len(some)
        verbs: dict[str, Callable[[AuthorizationFacts], AuthorizationFacts]] = {
            "attempt": lambda facts: attempt(facts, kind, self.now),
            "succeed": lambda facts: succeed(facts, self.now, self.now + days * DAY),
            "fail": lambda facts: fail(facts, self.now, PROBLEM),
            "deactivate": lambda facts: deactivate(facts, self.now),
            "revoke": lambda facts: revoke(facts, self.now),
        }
        try:
            some[place] = verbs[verb](some[place])
        except Conflict:
            return
        self.order = replace(self.order, authorizations=tuple(some))

    @rule()
    def every_authorization_succeeds(self) -> None:
        for place in range(len(self.order.authorizations)):
            self.an_authorization_grows(place, "http-01", "attempt", 1)
            self.an_authorization_grows(place, "http-01", "succeed", 9)

    @rule(verb=st.sampled_from(["finalize", "issue", "fail"]))
    def the_order_grows(self, verb: str) -> None:
        verbs: dict[str, Callable[[OrderFacts], OrderFacts]] = {
            "finalize": lambda facts: finalize(facts, self.now),
            "issue": lambda facts: issue(facts, self.now, "c1"),
            "fail": lambda facts: fail_order(facts, self.now, PROBLEM),
        }
        try:
            self.order = verbs[verb](self.order)
        except Conflict:
            return

    @invariant()
    def only_steps_of_the_figures_are_seen(self) -> None:
        if not hasattr(self, "order"):
            return
        self._see("order", order_status(self.order, self.now), ORDER_STEPS)
        for each in self.order.authorizations:
            self._see(each.key, authorization_status(each, self.now), AUTHORIZATION_STEPS)
            for kind in OFFERED:
                self._see(each.key + kind, challenge_status(each, kind, self.now), CHALLENGE_STEPS)

    def _see(self, what: str, status: str, steps: object) -> None:
        assert isinstance(steps, dict)
        before = self.seen.get(what, status)
        assert status == before or status in steps.get(before, set()), f"{what}: {before} -> {status}"
        self.seen[what] = status


TestOrderLife = OrderLife.TestCase
TestOrderLife.settings = settings(stateful_step_count=30)


def test_names_for_which_nothing_valid_is_held() -> None:
    wildcard, base = parse_identifier("dns", "*.example.org"), parse_identifier("dns", "example.org")
    for_wildcard = replace(VALID, target=target_of(wildcard))
    for_base = replace(VALID, target=target_of(base))
    at = T0 + DAY
    assert unauthorized_name((NAME,), (PENDING, VALID), at) is None
    assert unauthorized_name((wildcard, base, NAME), (for_wildcard, for_base, VALID), at) is None
    for names, held, missing in (
        ((NAME,), (), NAME),
        ((NAME,), (PENDING,), NAME),
        ((NAME,), (deactivate(VALID, at),), NAME),
        ((NAME,), (replace(VALID, valid_until=at),), NAME),
        ((NAME,), (for_wildcard, for_base), NAME),
        ((wildcard,), (for_base,), wildcard),
        ((base,), (for_wildcard,), base),
        ((NAME, base), (VALID,), base),
        ((NAME, parse_identifier("email", "a@www.example.org")), (VALID,), ("email", "a@www.example.org")),
    ):
        found = unauthorized_name(names, held, at)
        assert found is not None
        assert (found == missing) or ((found.kind, found.value) == missing)
