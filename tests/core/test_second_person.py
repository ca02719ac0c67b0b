"""Whoever acts alone, however often and by whatever way in, gets no dangerous act done."""

from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from certwright.core.access import Actor, Grant, Role, Subject, Verb
from certwright.core.errors import CertwrightError, Conflict, Forbidden, Malformed
from certwright.core.proposal_words import in_words
from certwright.core.second_person import (
    CHOSEN,
    NO_RULE,
    Act,
    Kind,
    Proposal,
    Rule,
    State,
    confirm,
    make_rule,
    permits,
    person_of,
    require_person,
    require_withdrawable,
    same_person,
    state_of,
    subject_document,
    subject_from_document,
)

NOW = datetime(2026, 11, 30, tzinfo=UTC)
EVERYTHING = (Grant(Role.ADMINISTRATOR),)
ALICE = Actor("user:alice", EVERYTHING, user="alice")
ALICES = (
    ALICE,
    Actor("token:alice-1", EVERYTHING, user="alice"),
    Actor("token:alice-2", EVERYTHING, user="alice"),
    Actor("local:alice", EVERYTHING),
    Actor("token:of-nobody", EVERYTHING),
    Actor("acme:thumbprint", EVERYTHING),
)
ON_THE_MACHINE = (Actor("local:root", EVERYTHING), Actor("local:bob", EVERYTHING))
BOB = Actor("user:bob", EVERYTHING, user="bob")
RETIRE = Act(Kind.RETIRE_AUTHORITY, Verb.MANAGE_AUTHORITIES, (Subject(authority="a"),), {"name": "a"})
OTHER = Act(Kind.RETIRE_AUTHORITY, Verb.MANAGE_AUTHORITIES, (Subject(authority="b"),), {"name": "b"})


def proposed(actor: Actor, act: Act = RETIRE) -> Proposal:
    ends = NOW + timedelta(hours=24)
    return Proposal(require_person(actor), act.digest(), act.verb, act.subjects, ends)


STEPS = st.lists(
    st.tuples(st.integers(0, 5), st.sampled_from(["propose", "confirm", "withdraw"]), st.integers(0, 9)),
    max_size=12,
)


@given(who=st.sampled_from([ALICES, ON_THE_MACHINE]), steps=STEPS, hours=st.integers(0, 30))
def test_one_person_alone_gets_nothing_done(
    who: tuple[Actor, ...], steps: list[tuple[int, str, int]], hours: int
) -> None:
    made: list[Proposal] = []
    for number, step, which in steps:
        actor, at = who[number % len(who)], NOW + timedelta(hours=hours)
        with suppress(CertwrightError):
            if step == "propose":
                made.append(proposed(actor))
            elif made and step == "confirm":
                made[which % len(made)] = confirm(made[which % len(made)], actor, at, 24)
            elif made:
                require_withdrawable(made[which % len(made)], at)
                made[which % len(made)] = replace(made[which % len(made)], withdrawn=True)
        for actor in who:
            assert not any(permits(one, person_of(actor), RETIRE.digest(), NOW) for one in made)


def test_another_person_permits_exactly_that_once_and_for_a_time() -> None:
    confirmed = confirm(proposed(ALICE), BOB, NOW, 24)
    assert permits(confirmed, "user:alice", RETIRE.digest(), NOW)
    assert not permits(confirmed, "user:alice", OTHER.digest(), NOW)
    assert not permits(confirmed, "user:bob", RETIRE.digest(), NOW)
    assert not permits(confirmed, "user:alice", RETIRE.digest(), NOW + timedelta(hours=24))
    assert not permits(replace(confirmed, done=True), "user:alice", RETIRE.digest(), NOW)
    assert not permits(replace(confirmed, withdrawn=True), "user:alice", RETIRE.digest(), NOW)


def test_a_confirmation_late_in_the_day_leaves_time_to_act() -> None:
    at = NOW + timedelta(hours=23)
    assert confirm(proposed(ALICE), BOB, at, 24).expires_at == at + timedelta(hours=24)


def test_who_confirms_could_do_it_themselves() -> None:
    within = Actor("user:bob", (Grant(Role.SECURITY_OFFICER, "authority:a"),), user="bob")
    assert confirm(proposed(ALICE), within, NOW, 24).confirmed_by == "user:bob"
    with pytest.raises(Forbidden):
        confirm(proposed(ALICE, OTHER), within, NOW, 24)
    both = replace(RETIRE, subjects=(*RETIRE.subjects, *OTHER.subjects))
    with pytest.raises(Forbidden):
        confirm(proposed(ALICE, both), within, NOW, 24)


@pytest.mark.parametrize(
    ("change", "state"),
    [
        ({"done": True}, State.DONE),
        ({"withdrawn": True}, State.WITHDRAWN),
        ({"confirmed_by": "user:carol"}, State.CONFIRMED),
        ({"expires_at": NOW}, State.EXPIRED),
    ],
)
def test_what_waits_no_more_is_not_confirmed(change: dict[str, object], state: State) -> None:
    changed = replace(proposed(ALICE), **change)  # type: ignore[arg-type]
    assert state_of(changed, NOW) is state
    with pytest.raises(Conflict, match=state.value):
        confirm(changed, BOB, NOW, 24)


def test_who_is_the_same_person() -> None:
    assert same_person("local:root", "local:bob")
    assert same_person("user:bob", "local:bob")
    assert not same_person("user:bob", "user:alice")
    assert not same_person("user:bob", "local:root")


def test_the_digest_is_of_the_kind_and_every_argument() -> None:
    assert RETIRE.digest() == Act(RETIRE.kind, Verb.VIEW, (), {"name": "a"}).digest()
    assert RETIRE.digest() != OTHER.digest()
    assert RETIRE.digest() != replace(RETIRE, kind=Kind.CHANGE_POLICY).digest()


@given(kinds=st.sets(st.sampled_from(CHOSEN)), after=st.sets(st.sampled_from(CHOSEN)))
def test_to_ask_less_often_is_a_dangerous_act_while_there_is_a_rule(
    kinds: set[Kind], after: set[Kind]
) -> None:
    rule = Rule(frozenset(kinds))
    assert rule.needs(Kind.RELAX_RULE) == bool(kinds)
    assert rule.relaxed_by(Rule(frozenset(after))) == bool(kinds - after)
    assert rule.relaxed_by(Rule(frozenset(kinds), 48))
    assert not NO_RULE.relaxed_by(rule)


def test_a_rule_names_acts_that_there_are() -> None:
    assert make_rule(["change-policy"], 1) == Rule(frozenset({Kind.CHANGE_POLICY}), 1)
    for kinds, hours in ((["issue"], 24), (["relax-second-person"], 24), ([], 0), ([], 721)):
        with pytest.raises(Malformed):
            make_rule(kinds, hours)


@given(st.sets(st.text(max_size=5)), st.text(max_size=5))
def test_subjects_come_back_as_they_were(tags: set[str], name: str) -> None:
    subject = Subject(authority=name, team=name, tags=frozenset(tags))
    assert subject_from_document(subject_document(subject)) == subject


def test_words_say_to_whom_what_is_given() -> None:
    arguments = {"act": "give", "holder": "user:{bob}", "role": "administrator", "scope": "*"}
    assert in_words(Kind.CHANGE_ROLES, arguments) == ["Give user:{bob} the role administrator within *"]
