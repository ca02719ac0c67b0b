"""Who may say who answers for a certificate, and that nobody gains by it."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from certwright.core.access import GIVEN_ROLES, Actor, Grant, Role, Subject, Verb, may
from certwright.core.errors import Forbidden, Malformed
from certwright.core.responsibility import TAGS_MAX, Assignment, assigned, require_to_assign

NAMES = ("", "a", "b", "c")
names = st.sampled_from(NAMES)
tags = st.frozensets(st.sampled_from(["a", "b", "c"]))
subjects = st.builds(Subject, names, names, names, names, names, tags)
scopes = st.one_of(
    st.just("*"),
    st.builds(
        lambda kind, name: f"{kind}:{name}", st.sampled_from(["authority", "team", "tag", "owner"]), names
    ),
)
grants = st.lists(st.builds(Grant, st.sampled_from(GIVEN_ROLES), scopes), max_size=4).map(tuple)
wishes = st.builds(Assignment, st.none() | names, st.none() | names, tags, tags)


def person(name: str, *grants: Grant, teams: tuple[str, ...] = ()) -> Actor:
    """As `Snapshot.user_actor` makes one."""
    return Actor(f"user:{name}", (*grants, Grant(Role.OWNER, f"owner:{name}")), "", name, teams)


def permitted(actor: Actor, before: Subject, after: Subject, colleagues: tuple[str, ...] = ()) -> bool:
    try:
        require_to_assign(actor, actor, before, after, colleagues)
    except Forbidden:
        return False
    return True


@given(grants, subjects, wishes, st.lists(names, max_size=2).map(tuple))
def test_nobody_gains_and_nobody_acts_without_the_right(
    given_grants: tuple[Grant, ...], before: Subject, wanted: Assignment, colleagues: tuple[str, ...]
) -> None:
    after = assigned(before, wanted)
    actor = person("a", *given_grants, teams=("a", "b"))
    if not permitted(actor, before, after, colleagues):
        return
    for verb in Verb:
        assert may(actor, verb, before) or not may(actor, verb, after)
    if not may(actor, Verb.MANAGE_OWNERS, before):
        assert before.owner == "a"
        assert before.team in actor.teams
        assert after == replace(before, owner=after.owner)
        assert after.owner in colleagues


@given(subjects, wishes)
def test_what_is_not_said_stays_and_doing_it_again_changes_nothing(
    before: Subject, wanted: Assignment
) -> None:
    after = assigned(before, wanted)
    assert after.team == (before.team if wanted.team is None else wanted.team)
    assert after.owner == (before.owner if wanted.owner is None else wanted.owner)
    assert after.tags == (before.tags | wanted.tagged) - wanted.untagged
    assert replace(after, team=before.team, owner=before.owner, tags=before.tags) == before
    assert assigned(after, wanted) == after


def test_who_may_do_everything_may_say_who_answers() -> None:
    administrator = person("root", Grant(Role.ADMINISTRATOR))
    assert permitted(administrator, Subject(team="a"), Subject(team="b", owner="root", tags=frozenset("a")))


OWN = Subject(team="web", owner="alice")
ALICE = person("alice", teams=("web", "mail"))


@pytest.mark.parametrize(
    ("after", "may_be"),
    [
        (Subject(team="web", owner="bob"), True),
        (Subject(team="web", owner="stranger"), False),
        (Subject(team="web", owner=""), False),
        (Subject(team="mail", owner="bob"), False),
        (Subject(team="", owner="alice"), False),
        (Subject(team="web", owner="bob", tags=frozenset({"x"})), False),
    ],
)
def test_an_owner_hands_on_to_a_colleague_and_does_nothing_else(after: Subject, may_be: bool) -> None:
    assert permitted(ALICE, OWN, after, ("alice", "bob")) is may_be


def test_a_token_of_the_owner_does_not_hand_on() -> None:
    token = Actor("token:x", (Grant(Role.AUDITOR),), "", "alice", ("web",))
    assert not permitted(token, OWN, replace(OWN, owner="bob"), ("alice", "bob"))


def test_an_operator_does_not_come_to_revoke() -> None:
    operator = person("otto", Grant(Role.OPERATOR), Grant(Role.RA_OFFICER, "tag:lab"))
    before = Subject(team="web")
    assert permitted(operator, before, replace(before, owner="bob"))
    assert not permitted(operator, before, replace(before, owner="otto"))
    assert not permitted(operator, before, replace(before, tags=frozenset({"lab"})))
    token = Actor("token:otto", (Grant(Role.OPERATOR),), "", "otto")
    with pytest.raises(Forbidden, match="would come to"):
        require_to_assign(token, operator, before, replace(before, owner="otto"), ())


@pytest.mark.parametrize(
    ("wanted", "text"),
    [
        (Assignment(), "nothing to assign"),
        (Assignment(tagged=frozenset({"No Tag"})), "is no tag"),
        (Assignment(tagged=frozenset({"x"}), untagged=frozenset({"x"})), "both"),
    ],
)
def test_a_wish_that_makes_no_sense_is_refused(wanted: Assignment, text: str) -> None:
    with pytest.raises(Malformed, match=text):
        wanted.check()


def test_tags_are_bounded() -> None:
    before = Subject(tags=frozenset(map(str, range(TAGS_MAX))))
    with pytest.raises(Malformed, match="at most"):
        assigned(before, Assignment(tagged=frozenset({"more"})))
    more = Assignment(tagged=frozenset({"more"}), untagged=frozenset({"0"}))
    assert len(assigned(before, more).tags) == TAGS_MAX
