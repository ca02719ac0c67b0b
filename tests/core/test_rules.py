"""Rules of issuance: when they apply, what they do, and that they add up."""

import re
from dataclasses import replace
from datetime import timedelta
from fnmatch import translate
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from certwright.core.approval_steps import ApprovalStep
from certwright.core.errors import IntegrityError, Malformed
from certwright.core.keys import KeyAlgorithm
from certwright.core.lifetimes import DAY
from certwright.core.rules import (
    ALLOW,
    NO_RULES,
    Allow,
    Decision,
    NeedsApproval,
    Refuse,
    RuleSet,
    decide,
    stopped,
)
from certwright.core.rules_conditions import matcher
from certwright.core.rules_document import rules_from_document, rules_to_document
from certwright.core.rules_effects import REASONS
from certwright.core.rules_facts import IssuanceFacts, StoredFacts, Validation
from tests.core.toy_rules import AT, facts, issuances, named, rule, rule_sets, rules, stored

# -- when a rule applies ---------------------------------------------------------------------------

CONDITIONS: tuple[tuple[dict[str, Any], IssuanceFacts, bool], ...] = (
    ({}, facts(), True),
    ({"profiles": ["tls-client", "tls-server"]}, facts(), True),
    ({"profiles": ["tls-*"]}, facts(), True),
    ({"profiles": ["*-client"]}, facts(), False),
    ({"profiles": ["tls"]}, facts(), False),
    ({"authorities": ["issuing"]}, facts(), True),
    ({"authorities": ["issuing"]}, facts(authority="web"), False),
    ({"endpoints": ["acme/*"]}, facts(), True),
    ({"endpoints": ["*"]}, facts(endpoint=""), False),
    ({"origins": ["console", "rest"]}, facts(), False),
    ({"origins": ["acme"]}, facts(), True),
    ({"teams": ["web"]}, facts(), True),
    ({"teams": ["*"]}, facts(team=""), False),
    ({"requesters": ["acme:*"]}, facts(), True),
    ({"requesters": ["local:*", "token:deploy"]}, facts(), False),
    ({"tags": ["pci", "hipaa"]}, facts(), True),
    ({"tags": ["hipaa"]}, facts(), False),
    ({"tags": ["*"]}, facts(tags=frozenset()), False),
    ({"fields": {"stage": ["prod*"]}}, facts(), True),
    ({"fields": {"stage": ["test"]}}, facts(), False),
    ({"fields": {"absent": ["*"]}}, facts(), False),
    ({"fields": {"stage": ["production"], "cost-center": ["1"]}}, facts(), False),
    ({"names": {"dns": [".example.test"]}}, facts(), True),
    ({"names": {"dns": [".pay.test"], "ip": ["192.0.2.0/24"]}}, facts(), True),
    ({"names": {"dns": [".pay.test"]}}, facts(), False),
    ({"names": {"dns": ["a.pay.test"]}}, named("dns:*.pay.test"), True),
    ({"names": {"dns": ["pay.test"]}}, named("dns:*.test"), True),
    ({"names": {"dns": ["*"]}}, named(), False),
    ({"all_names": {"dns": [".example.test"]}}, facts(), False),
    ({"all_names": {"dns": [".example.test"], "ip": ["*"]}}, facts(), True),
    ({"all_names": {"dns": ["a.pay.test"]}}, named("dns:*.pay.test"), False),
    ({"all_names": {"dns": ["*"]}}, named(), False),
    ({"wildcard": True}, named("dns:a.test", "dns:*.a.test"), True),
    ({"wildcard": True}, named("dns:a.test", "upn:*.x@a.test"), False),
    ({"wildcard": False}, named("dns:a.test", "dns:*.a.test"), False),
    ({"wildcard": False}, named(), True),
    ({"validation_below": "organization"}, facts(validation=Validation.DOMAIN), True),
    ({"validation_below": "organization"}, facts(validation=Validation.ORGANIZATION), False),
    ({"validation_below": "domain"}, facts(validation=Validation.NONE), True),
    ({"from": "2026-11-23"}, facts(), True),
    ({"from": "2026-11-23T20:00:00Z"}, facts(), True),
    ({"from": "2026-11-23T20:00:01Z"}, facts(), False),
    ({"until": "2026-11-23T20:00:00Z"}, facts(), False),
    ({"until": "2026-11-23T22:00:01+02:00"}, facts(), True),
    ({"profiles": ["tls-server"], "teams": ["pay"]}, facts(), False),
    ({"profiles": ["tls-server"], "teams": ["web"]}, facts(), True),
)


@pytest.mark.parametrize(("conditions", "about", "applies"), CONDITIONS)
def test_conditions(conditions: dict[str, Any], about: IssuanceFacts, applies: bool) -> None:
    assert isinstance(decide(rules(rule(when=conditions)), about), Refuse) is applies
    if conditions and "names" not in conditions:
        assert isinstance(decide(rules(rule(unless=conditions)), about), Allow) is applies


def test_unless_takes_all_its_conditions() -> None:
    made = rules(rule(when={"profiles": ["tls-*"]}, unless={"teams": ["web"], "origins": ["console"]}))
    assert isinstance(decide(made, facts()), Refuse)
    assert decide(made, facts(origin="console")) == ALLOW
    assert decide(made, facts(profile="device")) == ALLOW


@given(rule_sets(), issuances())
def test_conditions_are_joined_by_and(made: RuleSet, about: IssuanceFacts) -> None:
    for document in rules_to_document(made)["rule"]:
        when = document.get("when", {})
        parts = [{key: value} for key, value in when.items()]
        whole = decide(rules(rule(when=when)), about) != ALLOW
        assert whole == all(decide(rules(rule(when=part)), about) != ALLOW for part in parts)


@given(
    st.lists(st.text("ab*.\n", min_size=1, max_size=6), min_size=1, max_size=3), st.text("ab.\n", max_size=8)
)
def test_a_star_stands_for_any_characters(patterns: list[str], text: str) -> None:
    expected = any(re.match(translate(pattern), text) for pattern in patterns)
    assert bool(matcher(tuple(patterns))(text)) == (expected and text != "")


def test_many_stars_hold_nothing_up() -> None:
    assert not matcher(("*a" * 60 + "*b",))("a" * 2048)
    assert matcher(("*a" * 60 + "*b",))("a" * 2048 + "b")


# -- what it does ----------------------------------------------------------------------------------

LIMITS: tuple[tuple[dict[str, Any], IssuanceFacts, list[str]], ...] = (
    ({"keys": ["ecdsa-p256"]}, facts(), []),
    (
        {"keys": ["rsa-3072", "ecdsa-p384"]},
        facts(),
        ["rule toy takes no ecdsa-p256 keys; take one of ecdsa-p384, rsa-3072 [policy.rule.key]"],
    ),
    ({"maximum_lifetime": "90d"}, facts(), []),
    (
        {"maximum_lifetime": "90d"},
        facts(lifetime=90 * DAY + 1),
        ["rule toy: the certificate would live 91d; ask for 90d at the most [policy.rule.lifetime]"],
    ),
    (
        {"maximum_lifetime": "12h"},
        facts(lifetime=DAY),
        ["rule toy: the certificate would live 1d; ask for 12h at the most [policy.rule.lifetime]"],
    ),
    ({"maximum_lifetime": "ca/browser-forum"}, facts(lifetime=200 * DAY), []),
    (
        {"maximum_lifetime": "ca/browser-forum"},
        facts(lifetime=200 * DAY + 1),
        ["rule toy: the certificate would live 201d; ask for 200d at the most by ca/browser-forum"],
    ),
    ({"names": {"allow": {"dns": [".example.test"], "ip": ["192.0.2.0/24"]}}}, facts(), []),
    (
        {"names": {"allow": {"dns": [".example.test"]}}},
        facts(),
        ["rule toy allows dns:.example.test, not ip:192.0.2.1 [policy.rule.name]"],
    ),
    (
        {"names": {"allow": {"dns": [f"{letter}.test" for letter in "abcdef"]}}},
        named("dns:x.test"),
        ["dns:b.test, dns:c.test, dns:d.test, dns:e.test and others, not dns:x.test [policy.rule.name]"],
    ),
    (
        {"names": {"deny": {"dns": ["a.pay.test"]}}},
        named("dns:b.pay.test", "dns:*.pay.test"),
        ["rule toy denies dns:*.pay.test; leave it out [policy.rule.name]"],
    ),
    ({"names": {"pattern": {"dns": r"[a-z]+\.example\.test"}}}, facts(), []),
    (
        {"names": {"pattern": {"dns": r"[a-z]{3}[0-9]{2}\.example\.test", "email": "none"}}},
        named("dns:web01.example.test", "dns:web1.example.test", "ip:192.0.2.1"),
        [r"dns:web1.example.test does not follow the convention [a-z]{3}[0-9]{2}\.example\.test: Three"],
    ),
    ({"require": {"owner": True, "team": True}}, facts(), []),
    (
        {"require": {"owner": True, "team": True}},
        facts(owner="", team=""),
        [
            "rule toy requires an owner; name who answers for this [policy.rule.owner]",
            "rule toy requires a team; name the one this is for [policy.rule.team]",
        ],
    ),
    (
        {"require": {"fields": ["stage", "ticket"]}},
        facts(),
        ["rule toy requires the field ticket; fill it in [policy.rule.field]"],
    ),
    ({"require": {"fields": ["stage"]}}, facts(fields={"stage": ""}), ["field stage"]),
    (
        {"require": {"subject": ["O", "OU"]}},
        facts(),
        ["rule toy requires OU in the subject; ask for it [policy.rule.subject]"],
    ),
    ({"require": {"validation": "domain"}}, facts(validation=Validation.EXTENDED), []),
    (
        {"require": {"validation": "organization"}},
        facts(),
        ["rule toy requires validation organization, and domain was reached; have it done"],
    ),
    (
        {"keys": ["ed25519"], "maximum_lifetime": "1d", "names": {"deny": {"ip": ["*"]}}},
        facts(),
        ["policy.rule.key", "policy.rule.lifetime", "policy.rule.name"],
    ),
)


@pytest.mark.parametrize(("limits", "about", "said"), LIMITS)
def test_limits(limits: dict[str, Any], about: IssuanceFacts, said: list[str]) -> None:
    made = decide(rules(rule(limits=limits, description="Three letters and a number.")), about)
    if not said:
        assert made == ALLOW
        return
    assert isinstance(made, Refuse)
    told = [f"{reason.message} [{reason.code}]" for reason in made.reasons]
    assert len(told) == len(said)
    assert all(part in text for part, text in zip(said, told, strict=True))
    assert made.rules == ("toy",)


def test_a_refusal_says_what_to_do() -> None:
    made = decide(
        rules(rule(name="no-wildcards", when={"wildcard": True}, refuse="List them.")), named("dns:*.a.test")
    )
    assert isinstance(made, Refuse)
    assert [(reason.code, reason.message) for reason in made.reasons] == [
        ("policy.rule.refused", "rule no-wildcards: List them.")
    ]


def test_the_clause_stands_with_the_schedule() -> None:
    made = decide(rules(rule(limits={"maximum_lifetime": "ca/browser-forum"})), facts(lifetime=398 * DAY))
    assert isinstance(made, Refuse)
    assert made.reasons[0].clause == "TLS BR 6.3.2"
    assert (
        decide(
            rules(rule(limits={"maximum_lifetime": "ca/browser-forum"})),
            facts(lifetime=398 * DAY, at=AT.replace(year=2025)),
        )
        == ALLOW
    )


def step(name: str, **fields: Any) -> dict[str, Any]:
    return {"step": name, "from": ["role:ra-officer"], **fields}


def test_approvals_are_joined_in_the_order_of_the_rules() -> None:
    made = rules(
        rule(name="a", approval=[step("pki"), step("legal")]),
        rule(name="b", when={"teams": ["pay"]}, approval=[step("pay")]),
        rule(name="c", approval=[step("security", quorum=2, expires="2d"), step("pki")]),
    )
    assert decide(made, facts()) == NeedsApproval(
        (
            ApprovalStep("pki", ("role:ra-officer",), 1, 14 * DAY),
            ApprovalStep("legal", ("role:ra-officer",), 1, 14 * DAY),
            ApprovalStep("security", ("role:ra-officer",), 2, 2 * DAY),
        ),
        ("a", "c"),
    )


def test_a_refusal_weighs_more_than_an_approval() -> None:
    made = decide(rules(rule(name="a", approval=[step("pki")]), rule(name="b")), facts())
    assert isinstance(made, Refuse)
    assert made.rules == ("b",)


def test_no_rule_is_against_nothing() -> None:
    assert decide(NO_RULES, facts()) == ALLOW


# -- all together ----------------------------------------------------------------------------------

WEIGHT = {Allow: 0, NeedsApproval: 1, Refuse: 2}


def weight(decision: Decision) -> int:
    return WEIGHT[type(decision)]


@given(rule_sets(), st.data(), issuances())
def test_a_rule_more_never_permits_more(made: RuleSet, data: st.DataObject, about: IssuanceFacts) -> None:
    kept = data.draw(st.lists(st.booleans(), min_size=len(made.rules), max_size=len(made.rules)))
    fewer = RuleSet(tuple([one for one, stays in zip(made.rules, kept, strict=True) if stays]))
    less, more = decide(fewer, about), decide(made, about)
    assert weight(less) <= weight(more)
    if isinstance(less, Refuse) and isinstance(more, Refuse):
        assert set(less.reasons) <= set(more.reasons)
    if isinstance(less, NeedsApproval) and isinstance(more, NeedsApproval):
        assert set(less.steps) <= set(more.steps)


@given(rule_sets(), st.randoms(use_true_random=False), issuances())
def test_their_order_does_not_decide(made: RuleSet, chance: Any, about: IssuanceFacts) -> None:
    mixed = list(made.rules)
    chance.shuffle(mixed)
    one, other = decide(made, about), decide(RuleSet(tuple(mixed)), about)
    assert weight(one) == weight(other)
    if isinstance(one, Refuse) and isinstance(other, Refuse):
        assert set(one.reasons) == set(other.reasons)
    if isinstance(one, NeedsApproval) and isinstance(other, NeedsApproval):
        assert set(one.steps) == set(other.steps)


@given(rule_sets(), issuances())
def test_what_is_on_record_is_decided_the_same(made: RuleSet, about: IssuanceFacts) -> None:
    decision = decide(made, about)
    assert decide(made, stored(about)) == decision
    if isinstance(decision, Refuse):
        assert {reason.code for reason in decision.reasons} <= REASONS.keys()
        assert all(name in {one.name for one in made.rules} for name in decision.rules)
        assert all(reason.message.startswith("rule ") for reason in decision.reasons)


def test_every_code_is_used() -> None:
    """By the tables above, so none is in the reference for nothing."""
    told = [decide(rules(rule(limits=limits)), about) for limits, about, _ in LIMITS] + [
        decide(rules(rule()), facts())
    ]
    found = {reason.code for made in told if isinstance(made, Refuse) for reason in made.reasons}
    assert found == REASONS.keys()


def test_names_and_subject_on_record_are_read_when_a_rule_asks() -> None:
    columns: dict[str, Any] = {
        "profile": "tls-server",
        "authority": "issuing",
        "origin": "acme",
        "requester": "acme:a",
    }
    times = {"not_before": AT, "not_after": AT + timedelta(days=90), "issued_at": AT}
    broken = StoredFacts(
        **columns, **times, key_algorithm="dsa-1024", names=[("x400", "a")], subject="no name at all"
    )
    assert broken.lifetime == 90 * DAY + 1
    assert decide(rules(rule(when={"profiles": ["device"]})), broken) == ALLOW
    assert isinstance(decide(rules(rule(limits={"keys": ["ed25519"]})), broken), Refuse)
    with pytest.raises(IntegrityError, match="unknown kind 'x400'"):
        decide(rules(rule(when={"wildcard": True})), broken)
    with pytest.raises(Malformed):
        decide(rules(rule(limits={"require": {"subject": ["O"]}})), broken)


def test_what_would_stop_our_own_renewals() -> None:
    signer = facts(profile="ocsp-signer", origin="worker", names=(), owner="", team="", lifetime=14 * DAY)
    listener = replace(signer, profile="tls-server", names=facts().names)
    blunder = rules(
        rule(name="owned", limits={"require": {"owner": True}}, unless={"profiles": ["ocsp-signer"]}),
        rule(name="signers", when={"profiles": ["*-signer"]}, approval=[step("pki")]),
    )
    assert [(one.facts, one.decision.rules) for one in stopped(blunder, [signer, listener])] == [
        (signer, ("signers",)),
        (listener, ("owned",)),
    ]
    assert stopped(rules(rule(when={"origins": ["acme"]})), [signer, listener]) == ()


def test_key_algorithms_are_compared_by_name() -> None:
    made = rules_from_document({"rule": [rule(limits={"keys": [key.value for key in KeyAlgorithm]})]})
    assert all(decide(made, facts(algorithm=key)) == ALLOW for key in KeyAlgorithm)
