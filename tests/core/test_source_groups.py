"""What groups of a source give."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from certwright.core.access import GIVEN_ROLES, SCOPES, Grant, Role
from certwright.core.errors import Malformed
from certwright.core.people_names import RESERVED
from certwright.core.source_groups import Gifts, difference, gifts, read_gift


def written(grant: Grant) -> str:
    return grant.role.value if grant.scope == "*" else f"{grant.role.value}@{grant.scope}"


names = st.from_regex(r"[a-z0-9][a-z0-9._-]{0,8}", fullmatch=True).filter(lambda name: name not in RESERVED)
scopes = st.builds("{}:{}".format, st.sampled_from(SCOPES), names)
grants = st.builds(Grant, st.sampled_from(GIVEN_ROLES), st.just("*") | scopes)
teams = st.builds("team:{}".format, names)
groups = st.text(min_size=1, max_size=4)
rules = st.dictionaries(groups, st.lists(grants.map(written) | teams, max_size=4))


def test_what_stands_in_the_manual() -> None:
    table = {"pki-admins": ["administrator"], "pay": ["team:pay", "operator@team:pay"]}
    assert gifts(table, ["pay", "pay", "others"]) == Gifts(
        frozenset({Grant(Role.OPERATOR, "team:pay")}), frozenset({"pay"})
    )
    assert gifts(table, ["PAY"]) == gifts(table, []) == Gifts()


@given(grants)
def test_a_grant_is_read_as_written(grant: Grant) -> None:
    assert read_gift(written(grant)) == grant


@pytest.mark.parametrize(
    "text",
    [
        "",
        "team:none",
        "root",
        "owner",
        "owner@owner:alice",
        "operator@",
        "operator@*",
        "operator@owner:a",
        "operator@team:",
        "team:",
        "team:A",
        "team:a b",
        "Administrator",
    ],
)
def test_what_is_no_gift_is_told(text: str) -> None:
    with pytest.raises(Malformed):
        read_gift(text)


@given(rules, st.lists(groups), st.lists(groups))
def test_groups_give_each_their_own_and_nothing_together(
    table: dict[str, list[str]], some: list[str], more: list[str]
) -> None:
    one, other, both = (gifts(table, each) for each in (some, more, some + more))
    assert both.grants == one.grants | other.grants
    assert both.teams == one.teams | other.teams
    assert gifts(table, [group for group in some if group not in table]) == Gifts()


@given(st.sets(grants), st.sets(grants))
def test_a_difference_leads_from_one_to_the_other(had: set[Grant], wanted: set[Grant]) -> None:
    found = difference(had, wanted)
    assert (had | set(found.given)) - set(found.taken) == wanted
    assert not set(found.given) & had
    assert set(found.taken) <= had
