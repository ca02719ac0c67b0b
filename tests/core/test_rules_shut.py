"""Rules that leave nothing to be issued at some place."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings

from certwright.core.keys import KeyAlgorithm
from certwright.core.rules import Refuse, RuleSet, decide
from certwright.core.rules_facts import IssuanceFacts
from certwright.core.rules_shut import Place, shut_by
from tests.core.toy_rules import issuances, rule, rule_sets, rules

PLACE = Place("tls-server", "issuing", "acme/default", frozenset({KeyAlgorithm.ECDSA_P256}))


@pytest.mark.parametrize(
    ("fields", "shut"),
    [
        ({}, True),
        ({"when": {"profiles": ["tls-*"], "endpoints": ["acme/default"]}}, True),
        ({"when": {"profiles": ["device"]}}, False),
        ({"when": {"profiles": ["tls-server"], "teams": ["web"]}}, False),
        ({"when": {"wildcard": False}}, False),
        ({"unless": {"profiles": ["device"]}}, True),
        ({"unless": {"profiles": ["device"], "teams": ["web"]}}, True),
        ({"unless": {"teams": ["web"]}}, False),
        ({"unless": {"profiles": ["tls-*"]}}, False),
        ({"limits": {"keys": ["ed25519"]}}, True),
        ({"limits": {"keys": ["ed25519", "ecdsa-p256"]}}, False),
        ({"limits": {"maximum_lifetime": "1s"}}, False),
        ({"approval": [{"step": "pki", "from": ["role:ra-officer"]}]}, False),
    ],
)
def test_what_leaves_nothing(fields: dict[str, Any], shut: bool) -> None:
    assert shut_by(rules(rule(**fields)), PLACE) == (("toy",) if shut else ())


@settings(max_examples=30)
@given(rule_sets(), issuances())
def test_where_it_is_said_nothing_is_issued(some: RuleSet, one: IssuanceFacts) -> None:
    place = replace(
        PLACE,
        profile=one.profile,
        authority=one.authority,
        endpoint=one.endpoint,
        keys=frozenset({one.algorithm}),
    )
    if shut_by(some, place):
        assert isinstance(decide(some, one), Refuse)
