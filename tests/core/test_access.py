"""Who may do what: the decision for one object, its form for lists, and what can be given on."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from certwright.core.access import (
    EVERYTHING,
    GIVEN_ROLES,
    VERBS,
    Actor,
    Grant,
    Role,
    Subject,
    Verb,
    covers,
    may,
    reach,
    require,
    require_for_certificate,
    require_to_give,
    speaks_for_issuer,
)
from certwright.core.errors import Forbidden
from certwright.core.profiles_builtin import built_in_profiles

NAMES = ("one", "two", "acme/one", "*")
KINDS = ("authority", "profile", "endpoint")
scopes = st.one_of(
    st.just(EVERYTHING),
    st.builds(lambda kind, name: f"{kind}:{name}", st.sampled_from(KINDS), st.sampled_from(NAMES)),
    st.sampled_from(["", "authority", "authority:", ":one", "owner:one", "none", "covers:one"]),
)
grants = st.builds(Grant, st.sampled_from(Role), scopes)
actors = st.builds(Actor, st.just("token:any"), st.lists(grants, max_size=4).map(tuple))
subjects = st.builds(Subject, *[st.sampled_from(["", *NAMES])] * 3)


def within(pairs: tuple[tuple[str, str], ...] | None, subject: Subject) -> bool:
    return pairs is None or any(getattr(subject, kind) == name for kind, name in pairs)


@given(actors, st.sampled_from(Verb), subjects)
def test_lists_and_single_objects_agree(actor: Actor, verb: Verb, subject: Subject) -> None:
    assert may(actor, verb, subject) == within(reach(actor, verb), subject)


@given(actors, st.sampled_from(Verb), subjects)
def test_more_grants_never_permit_less(actor: Actor, verb: Verb, subject: Subject) -> None:
    fewer = replace(actor, grants=actor.grants[1:])
    assert may(actor, verb, subject) or not may(fewer, verb, subject)


@given(actors, grants, st.sampled_from(Verb), subjects)
def test_nobody_gives_what_they_do_not_have(actor: Actor, grant: Grant, verb: Verb, subject: Subject) -> None:
    try:
        require_to_give(actor, grant)
    except Forbidden:
        return
    given_on = Actor("token:new", (grant,))
    assert may(actor, verb, subject) or not may(given_on, verb, subject)


@given(actors)
def test_what_one_has_one_may_give(actor: Actor) -> None:
    for grant in actor.grants:
        if grant.role in GIVEN_ROLES:
            require_to_give(actor, grant)


def test_roles_add_up_to_more_than_each_may_give() -> None:
    both = Actor("token:both", (Grant(Role.RA_OFFICER), Grant(Role.SECURITY_OFFICER)))
    require_to_give(both, Grant(Role.REQUESTER, "authority:issuing"))
    with pytest.raises(Forbidden, match="manage-access"):
        require_to_give(both, Grant(Role.ADMINISTRATOR))


def test_nobody_without_grants_may_anything() -> None:
    assert not any(may(Actor("token:none"), verb, Subject("a", "b", "c")) for verb in Verb)


def test_a_refusal_names_who_and_what() -> None:
    with pytest.raises(Forbidden, match=r"token:ci has no role that permits 'revoke' here"):
        require(Actor("token:ci", (Grant(Role.REQUESTER),)), Verb.REVOKE, Subject())


@pytest.mark.parametrize(
    ("scope", "covered"),
    [
        ("*", True),
        ("authority:issuing", True),
        ("profile:tls-server", True),
        ("endpoint:acme/default", True),
        ("authority:root", False),
        ("authority:", False),
        ("authority", False),
        ("profile:issuing", False),
        ("", False),
        ("**", False),
        ("__class__:issuing", False),
        ("Authority:issuing", False),
    ],
)
def test_scopes(scope: str, covered: bool) -> None:
    assert covers(scope, Subject("issuing", "tls-server", "acme/default")) == covered


def test_an_empty_field_is_within_no_scope() -> None:
    assert not covers("endpoint:", Subject(authority="issuing"))
    assert not covers("endpoint:*", Subject(authority="issuing"))


def test_separation_of_duties() -> None:
    """Who sets the rules does not use them, who looks does not touch, and one role gives access."""
    assert Verb.ISSUE not in VERBS[Role.SECURITY_OFFICER]
    assert Verb.MANAGE_PROFILES not in VERBS[Role.RA_OFFICER]
    assert VERBS[Role.AUDITOR] == {Verb.VIEW, Verb.VIEW_AUDIT}
    assert [role for role in Role if Verb.MANAGE_ACCESS in VERBS[role]] == [Role.ADMINISTRATOR]


def test_certificates_that_speak_for_their_issuer_take_more() -> None:
    stricter = {name for name, profile in built_in_profiles().items() if speaks_for_issuer(profile)}
    assert stricter == {"root-authority", "intermediate-authority", "issuing-authority", "ocsp-signer"}


def test_they_take_both_rights() -> None:
    inside = Subject("issuing", "ocsp-signer", "acme/default")
    ra = Grant(Role.RA_OFFICER, "profile:ocsp-signer")
    for officer, enough in (("profile:ocsp-signer", False), ("authority:issuing", True), ("*", True)):
        actor = Actor("somebody", (ra, Grant(Role.SECURITY_OFFICER, officer)))
        if enough:
            require_for_certificate(actor, Verb.ISSUE, inside, speaks=True)
            continue
        with pytest.raises(Forbidden):
            require_for_certificate(actor, Verb.ISSUE, inside, speaks=True)
        require_for_certificate(actor, Verb.ISSUE, inside, speaks=False)
