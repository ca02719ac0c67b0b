"""Rules as documents: read strictly, written so that they read back."""

import json
from datetime import UTC, date, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from certwright.core.documents import Fields
from certwright.core.errors import Malformed
from certwright.core.rules import NO_RULES, RuleSet
from certwright.core.rules_document import PROSE_MAX, RULES_MAX, rules_from_document, rules_to_document
from certwright.core.rules_effects import Limits
from tests.core.toy_rules import rule, rule_sets, rules


@given(rule_sets())
def test_what_is_written_reads_back(made: RuleSet) -> None:
    document = json.loads(json.dumps(rules_to_document(made)))
    assert rules_from_document(document) == made
    assert rules_to_document(rules_from_document(document)) == document


def test_no_rules_are_rules() -> None:
    assert rules_from_document({}) == rules_from_document({"rule": []}) == NO_RULES
    assert rules_to_document(NO_RULES) == {"rule": []}


def test_null_is_absent() -> None:
    nothing = dict.fromkeys(["description", "when", "unless", "limits", "approval"])
    assert rules(rule(**nothing, refuse="no")) == rules(rule(refuse="no"))
    conditions = dict.fromkeys(
        ["profiles", "tags", "fields", "names", "all_names", "wildcard", "validation_below", "from", "until"]
    )
    assert rules(rule(when=conditions)) == rules(rule())
    limits = {**dict.fromkeys(["keys", "names", "require"]), "maximum_lifetime": "1d"}
    assert rules(rule(limits=limits)) == rules(rule(limits={"maximum_lifetime": "1d"}))
    assert rules(rule(limits={"keys": ["ed25519"], "maximum_lifetime": None})).rules[0].effect == Limits(
        keys=frozenset({"ed25519"})  # type: ignore[arg-type]
    )


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("2026-03-15", "2026-03-15"),
        (date(2026, 3, 15), "2026-03-15"),
        (datetime(2026, 3, 15, 1, 2), "2026-03-15T01:02:00Z"),
        (datetime(2026, 3, 15, 1, 2, tzinfo=UTC), "2026-03-15T01:02:00Z"),
        ("2026-03-15T02:00:00+02:00", "2026-03-15"),
        ("2026-03-15T01:02:03.5Z", "2026-03-15T01:02:03.500000Z"),
    ],
)
def test_days_and_times(written: object, read: str) -> None:
    document = rules_to_document(rules(rule(when={"from": written})))
    assert document["rule"][0]["when"] == {"from": read}


PLACE = "rule[0]"
WRONG: tuple[tuple[dict[str, Any], str], ...] = (
    ({"name": None}, f"{PLACE}.name is missing"),
    ({"name": "No Spaces"}, f"{PLACE}.name must be 1 to 64 lower-case letters"),
    ({"nmae": "x"}, f"{PLACE}.nmae is not a field known here; did you mean name?"),
    ({"description": "x" * (PROSE_MAX + 1)}, f"{PLACE}.description must be at most 500 characters, not 501"),
    ({"description": "two\nlines"}, f"{PLACE}.description must be text of at most 2048 printable"),
    ({"refuse": ""}, f"{PLACE}.refuse must say what to do instead"),
    ({"refuse": None}, f"{PLACE}.refuse or limits or approval must be there: one of them, not none"),
    ({"limits": {"keys": ["ed25519"]}, "refuse": "x"}, "one of them, not refuse and limits; what has two"),
    ({"when": ["profiles"]}, f"{PLACE}.when must be an object"),
    ({"when": {"profile": ["a"]}}, f"{PLACE}.when.profile is not a field known here; did you mean profiles?"),
    ({"when": {"profiles": []}}, f"{PLACE}.when.profiles must name one at least"),
    ({"when": {"profiles": "tls"}}, f"{PLACE}.when.profiles must be a list of at most 256"),
    ({"when": {"profiles": ["a", ""]}}, f"{PLACE}.when.profiles[1] must be text of 1 to 256"),
    ({"when": {"profiles": ["a", 7]}}, f"{PLACE}.when.profiles[1] must be text"),
    ({"when": {"profiles": ["a" * 257]}}, f"{PLACE}.when.profiles[0] must be text of 1 to 256"),
    ({"when": {"tags": ["a", "a"]}}, f"{PLACE}.when.tags names one twice"),
    ({"when": {"fields": {"a b": ["c"]}}}, f"{PLACE}.when.fields.'a b' must be named by"),
    ({"when": {"fields": {"a": []}}}, f"{PLACE}.when.fields.a must name one at least"),
    ({"when": {"names": {}}}, f"{PLACE}.when.names must have one pattern at least"),
    ({"when": {"names": {"dns": []}}}, f"{PLACE}.when.names must have one pattern at least"),
    ({"when": {"names": {"dsn": ["a.test"]}}}, f"{PLACE}.when.names.dsn: unknown kind of names 'dsn'"),
    (
        {"when": {"names": {"ip": ["10.0.0.1/8"]}}},
        f"{PLACE}.when.names.ip: pattern '10.0.0.1/8' is no IP network",
    ),
    ({"when": {"wildcard": "yes"}}, f"{PLACE}.when.wildcard must be true or false"),
    ({"when": {"validation_below": "none"}}, f"{PLACE}.when.validation_below must be one of domain"),
    ({"when": {"from": "soon"}}, f"{PLACE}.when.from: 'soon' is no time"),
    ({"when": {"from": 2026}}, f"{PLACE}.when.from must be a day or time like 2026-03-15"),
    ({"when": {"from": "2027-01-01", "until": "2026-01-01"}}, f"{PLACE}.when.until must be later than from"),
    ({"unless": {}}, f"{PLACE}.unless has no condition; leave it out"),
    ({"unless": {"names": {"dns": ["*"]}}}, f"{PLACE}.unless.names would lift the rule off"),
)
WRONG_LIMITS: tuple[tuple[dict[str, Any], str], ...] = (
    ({}, f"{PLACE}.limits must have one of keys, maximum_lifetime, names, require"),
    ({"require": {"owner": False}}, f"{PLACE}.limits must have one of"),
    ({"keys": ["rsa-1024"]}, f"{PLACE}.limits.keys knows rsa-2048"),
    ({"maximum_lifetime": "90"}, f"{PLACE}.limits.maximum_lifetime must be a duration like 90d"),
    ({"maximum_lifetime": "0s"}, f"{PLACE}.limits.maximum_lifetime must be from 1s to 36600d, not 0s"),
    ({"maximum_lifetime": "99999d"}, f"{PLACE}.limits.maximum_lifetime must be from 1s to 36600d"),
    ({"maximum_lifetime": ""}, f"{PLACE}.limits.maximum_lifetime must be a duration"),
    ({"maximum_lifetime": 90}, f"{PLACE}.limits.maximum_lifetime must be text"),
    (
        {"maximum_lifetime": "cab/forum"},
        "maximum_lifetime knows the schedule ca/browser-forum, not 'cab/forum'",
    ),
    ({"names": {"allow": {}}}, f"{PLACE}.limits.names.allow must have one pattern at least"),
    ({"names": {"alow": {}}}, f"{PLACE}.limits.names.alow is not a field known here; did you mean allow?"),
    (
        {"names": {"pattern": {"dns": "(a"}}},
        f"{PLACE}.limits.names.pattern.dns: expression '(a', column 3: a (",
    ),
    ({"names": {"pattern": {"host": "a"}}}, f"{PLACE}.limits.names.pattern.'host' is no kind of names"),
    ({"require": {"fields": ["a b"]}}, f"{PLACE}.limits.require.'a b' must be named by"),
    ({"require": {"subject": ["Org"]}}, f"{PLACE}.limits.require.subject:"),
    ({"require": {"validation": "ev"}}, f"{PLACE}.limits.require.validation must be one of none, domain"),
    ({"require": {"email": True}}, f"{PLACE}.limits.require.email is not a field known here"),
)


@pytest.mark.parametrize(("fields", "said"), WRONG)
def test_what_is_wrong_is_told_by_its_path(fields: dict[str, Any], said: str) -> None:
    with pytest.raises(Malformed) as caught:
        rules({**rule(), **fields})
    assert said in caught.value.detail


@pytest.mark.parametrize(("limits", "said"), WRONG_LIMITS)
def test_what_is_wrong_with_limits(limits: dict[str, Any], said: str) -> None:
    with pytest.raises(Malformed) as caught:
        rules(rule(limits=limits))
    assert said in caught.value.detail


def test_names_are_given_once_and_steps_mean_one_thing() -> None:
    with pytest.raises(Malformed, match="two rules have the name toy; each needs one of its own"):
        rules(rule(), rule())
    one = {"step": "pki", "from": ["role:ra-officer"]}
    two = rules(rule(name="a", approval=[one]), rule(name="b", approval=[one]))
    assert len(two.rules) == 2
    with pytest.raises(Malformed, match="step pki is not the same in rules a and b; make it the same"):
        rules(rule(name="a", approval=[one]), rule(name="b", approval=[{**one, "quorum": 2}]))


def test_so_many_rules() -> None:
    many = [rule(name=f"r{number}") for number in range(RULES_MAX + 1)]
    assert len(rules(*many[1:]).rules) == RULES_MAX
    with pytest.raises(Malformed, match=r"rules\.rule must be a list of at most 256"):
        rules(*many)


_JUNK = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5) | st.dates(),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                [
                    *(
                        "rule",
                        "name",
                        "when",
                        "unless",
                        "refuse",
                        "limits",
                        "approval",
                        "names",
                        "dns",
                        "profiles",
                    ),
                    *("fields", "require", "pattern", "allow", "from", "keys", "step", "x\n"),
                ]
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)


@given(_JUNK, st.sampled_from(["when", "unless", "limits", "approval", "refuse", "rule"]))
def test_anything_is_read_or_refused(junk: object, where: str) -> None:
    document = {"rule": junk} if where == "rule" else {"rule": [{**rule(), "refuse": None, where: junk}]}
    made = read_or_said(document)
    assert made.isprintable() if isinstance(made, str) else rules(*rules_to_document(made)["rule"]) == made


def read_or_said(document: object) -> RuleSet | str:
    try:
        return rules_from_document(document)
    except Malformed as error:
        return error.detail


def test_naming_puts_the_path_in_front() -> None:
    with pytest.raises(Malformed, match=r"^place\.name: wrong$"), Fields({}, "place").naming("name"):
        raise Malformed("wrong")
