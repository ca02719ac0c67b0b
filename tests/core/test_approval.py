"""Requests that wait for people: no sequence of decisions goes around steps, quorums and separate duties."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from certwright.core.access import Actor, Grant, Role, Subject
from certwright.core.approval import (
    Decided,
    Person,
    RequestFacts,
    RequestStatus,
    approve,
    current_step,
    expire,
    extend,
    fail,
    issued,
    missing_steps,
    person_of,
    reject,
    request_status,
    withdraw,
)
from certwright.core.approval_steps import ApprovalStep
from certwright.core.errors import CertwrightError, Conflict, Forbidden

NOW = datetime(2026, 1, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)
TEAMS = ("team:pki", "team:board", "role:ra-officer")
STEP = ApprovalStep("pki", ("team:pki",), 1, 3600)
FACTS = RequestFacts(frozenset({"token:deploy", "user:alice"}), (STEP,), NOW + HOUR)
BOB = Person("user:bob", frozenset({"user:bob"}), frozenset({"team:pki", "user:bob"}))


def named(name: str, *entitled: str, by: str = "") -> Person:
    user = f"user:{name}"
    return Person(user, frozenset({user, by or user}), frozenset({user, *entitled}))


# -- any sequence --------------------------------------------------------------------------------

steps = st.lists(
    st.builds(
        ApprovalStep,
        st.sampled_from(["a", "b", "c", "d"]),
        st.lists(st.sampled_from([*TEAMS, "user:p0", "user:p1"]), min_size=1, unique=True).map(tuple),
        st.integers(1, 3),
        st.integers(600, 7200),
    ),
    min_size=1,
    max_size=3,
    unique_by=lambda step: step.name,
).map(tuple)
entitlements = st.lists(st.sets(st.sampled_from(TEAMS)), min_size=6, max_size=6)
acts = st.lists(
    st.tuples(
        st.integers(0, 5),  # who
        st.booleans(),  # by a token
        st.lists(st.integers(0, 5), max_size=2),  # for whom they stand
        st.sampled_from(["approve"] * 6 + ["reject", "officer", "withdraw", "expire"]),
        st.integers(0, 1200),  # seconds later
    ),
    max_size=25,
)


def done(
    verb: str, facts: RequestFacts, person: Person, for_whom: list[Person], now: datetime
) -> RequestFacts:
    if verb == "approve":
        return approve(facts, person, for_whom, now)
    if verb in ("reject", "officer"):
        return reject(facts, person, for_whom, now, "no", officer=verb == "officer")
    return withdraw(facts, now) if verb == "withdraw" else expire(facts, now)


def test_that_it_has_expired_goes_on_record_once() -> None:
    step = ApprovalStep("pki", ("team:pki",), 1, 600)
    end = NOW + timedelta(seconds=600)
    facts = expire(RequestFacts(frozenset({"user:ann"}), (step,), end), end)
    with pytest.raises(Conflict):
        expire(facts, end + timedelta(seconds=1))


@given(steps, entitlements, acts, st.integers(0, 5))
def test_nothing_goes_around_the_quorum(
    wanted: tuple[ApprovalStep, ...],
    held: list[set[str]],
    sequence: list[tuple[int, bool, list[int], str, int]],
    requester: int,
) -> None:
    facts = RequestFacts(
        frozenset({f"user:p{requester}", f"token:p{requester}"}),
        wanted,
        NOW + timedelta(seconds=wanted[0].expires),
    )
    now, ended = NOW, RequestStatus.WAITING

    def who(number: int, token: bool = False) -> Person:
        return named(f"p{number}", *held[number], by=f"token:p{number}" if token else "")

    for number, token, others, verb, seconds in sequence:
        now += timedelta(seconds=seconds)
        person, for_whom = who(number, token), [who(one) for one in others if one != number]
        try:
            facts = done(verb, facts, person, for_whom, now)
        except (Conflict, Forbidden):
            continue
        if ended is not RequestStatus.WAITING:
            raise AssertionError("what has ended was decided on")
        ended = request_status(facts, now)
    check_duties(facts, held, requester)


def check_duties(facts: RequestFacts, held: list[set[str]], requester: int) -> None:
    """Told anew, from the decisions alone."""
    people = [name for one in facts.decided for name in (one.person, one.instead_of) if name]
    assert len(people) == len(set(people)), "somebody has decided twice"
    assert f"user:p{requester}" not in people
    for one in facts.decided:
        if one.approved:
            name = one.instead_of or one.person
            rights = held[int(name.removeprefix("user:p"))] | {name}
            assert rights & set(facts.steps[one.step].approvers), "who approved was not entitled"
    if facts.approved_at is not None:
        for number, step in enumerate(facts.steps):
            assert len([one for one in facts.decided if one.step == number and one.approved]) == step.quorum
        assert [one.step for one in facts.decided] == sorted(one.step for one in facts.decided)
        assert all(one.approved for one in facts.decided)


@given(acts, entitlements)
def test_without_enough_people_nothing_is_approved(
    sequence: list[tuple[int, bool, list[int], str, int]], held: list[set[str]]
) -> None:
    """Two whom the step names, of whom one has asked, are not two."""
    step = ApprovalStep("pki", ("user:p0", "user:p1", "user:p2"), 3, 7200)
    facts = RequestFacts(frozenset({"user:p0"}), (step,), NOW + timedelta(days=9))
    for number, token, others, _, _ in sequence:
        by = f"token:p{number}" if token else ""
        for_whom = [named(f"p{one}", *held[one]) for one in others if one != number]
        try:
            facts = approve(facts, named(f"p{number}", *held[number], by=by), for_whom, NOW)
        except (Conflict, Forbidden):
            continue
    assert request_status(facts, NOW) is RequestStatus.WAITING


# -- one by one ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("grown", "status"),
    [
        (FACTS, RequestStatus.WAITING),
        (replace(FACTS, expires_at=NOW), RequestStatus.EXPIRED),
        (replace(FACTS, expired_at=NOW), RequestStatus.EXPIRED),
        (replace(FACTS, withdrawn_at=NOW), RequestStatus.WITHDRAWN),
        (replace(FACTS, rejected_at=NOW), RequestStatus.REJECTED),
        (replace(FACTS, steps=(), rejected_at=NOW), RequestStatus.REFUSED),
        (replace(FACTS, failed_at=NOW), RequestStatus.FAILED),
        (replace(FACTS, decided=(Decided(0, "user:bob", True, NOW),)), RequestStatus.APPROVED),
        (replace(FACTS, decided=(Decided(0, "user:bob", False, NOW),)), RequestStatus.WAITING),
        (
            replace(FACTS, decided=(Decided(0, "user:bob", True, NOW),), issued_at=NOW),
            RequestStatus.ISSUED,
        ),
    ],
)
def test_status(grown: RequestFacts, status: RequestStatus) -> None:
    assert request_status(grown, NOW) is status


def test_a_step_begins_when_the_one_before_is_done() -> None:
    second = ApprovalStep("board", ("user:carol",), 1, 7200)
    facts = replace(FACTS, steps=(STEP, second))
    grown = approve(facts, BOB, (), NOW + HOUR / 2)
    assert current_step(grown) == 1
    assert grown.expires_at == NOW + HOUR / 2 + 2 * HOUR
    with pytest.raises(Conflict, match="is expired"):
        approve(grown, named("carol"), (), grown.expires_at)


def test_the_account_behind_a_token_is_the_requester() -> None:
    alice = named("alice", "team:pki", by="token:other")
    with pytest.raises(Forbidden, match="own request"):
        approve(FACTS, alice, (), NOW)
    deploy = Person("token:deploy", frozenset({"token:deploy"}), frozenset({"team:pki"}))
    with pytest.raises(Forbidden, match="own request"):
        approve(FACTS, deploy, (), NOW)
    with pytest.raises(Forbidden, match="own request"):
        reject(FACTS, alice, (), NOW, "no", officer=True)


def test_a_right_that_was_handed_on_is_used_once() -> None:
    two = replace(FACTS, steps=(replace(STEP, quorum=2),))
    deputy = named("dora")
    grown = approve(two, deputy, [BOB], NOW)
    assert grown.decided[0].instead_of == "user:bob"
    with pytest.raises(Conflict, match="in your place"):
        approve(grown, BOB, (), NOW)
    with pytest.raises(Conflict, match="already"):
        approve(grown, deputy, [named("carl", "team:pki")], NOW)
    with pytest.raises(Forbidden, match="none of them"):
        approve(grown, named("emil"), [BOB], NOW)


def test_nobody_approves_in_place_of_the_requester() -> None:
    with pytest.raises(Forbidden, match="none of them"):
        approve(FACTS, named("dora"), [named("alice", "team:pki")], NOW)


def test_ones_own_right_is_used_first() -> None:
    assert approve(FACTS, BOB, [named("carl", "team:pki")], NOW).decided[0].instead_of == ""


def test_further_steps_come_after_those_that_were_passed() -> None:
    done = approve(FACTS, BOB, (), NOW)
    more = ApprovalStep("board", ("user:carol",), 1, 60)
    grown = extend(done, missing_steps((replace(STEP, expires=1), more), done.steps), NOW)
    assert grown.steps == (STEP, more)
    assert request_status(grown, NOW) is RequestStatus.WAITING
    assert grown.approved_at is None
    with pytest.raises(Conflict, match="already"):
        approve(grown, replace(BOB, entitled=frozenset({"user:carol"})), (), NOW)
    assert missing_steps((replace(STEP, quorum=2),), done.steps)
    assert missing_steps((replace(STEP, approvers=("team:pki", "team:x")),), done.steps)


@pytest.mark.parametrize("end", [issued, lambda facts, now: fail(facts, now, "why"), expire])
def test_what_is_not_approved_is_not_issued(end: Callable[[RequestFacts, datetime], object]) -> None:
    with pytest.raises(CertwrightError):
        end(FACTS, NOW)


def test_what_is_approved_is_not_withdrawn() -> None:
    with pytest.raises(Conflict, match="is approved, not waiting"):
        withdraw(approve(FACTS, BOB, (), NOW), NOW)


def test_a_token_speaks_for_its_account_where_it_may_approve() -> None:
    subject = Subject(authority="issuing")
    narrow = Actor("token:ci", (Grant(Role.REQUESTER),), "", "carol", ("board",))
    assert person_of(narrow, subject).entitled == {"role:requester"}
    wide = replace(narrow, grants=(Grant(Role.RA_OFFICER, "authority:issuing"),))
    assert person_of(wide, subject).entitled == {"role:ra-officer", "user:carol", "team:board"}
    assert person_of(wide, Subject(authority="other")).entitled == frozenset()
    assert person_of(wide, subject).name == "user:carol"
