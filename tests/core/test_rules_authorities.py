"""Which rules say what authorities may issue, and what they say of certificates that are there."""

from datetime import UTC, datetime, timedelta

import pytest

from certwright.core.rules_authorities import authority_rules, refusing_rule
from certwright.core.rules_facts import StoredFacts
from certwright.core.rules_toml import rules_from_toml

NOW = datetime(2026, 11, 30, tzinfo=UTC)
PAY = """
[[rule]]
name = "pay"
when.names.dns = [".pay.test"]
unless.authorities = ["issuing", "pay-*"]
refuse = "Ask the authority issuing."
"""


def refused(toml: str, authority: str, name: str = "a.pay.test", team: str = "") -> str:
    facts = StoredFacts(
        profile="",
        authority=authority,
        origin="",
        requester="",
        key_algorithm="rsa-2048",
        not_before=NOW,
        not_after=NOW + timedelta(days=1),
        issued_at=NOW,
        team=team,
        names=[("dns", name)],
    )
    return refusing_rule(authority_rules(rules_from_toml(toml)), facts)


@pytest.mark.parametrize(
    ("authority", "name", "rule"),
    [
        ("issuing", "a.pay.test", ""),
        ("pay-one", "a.pay.test", ""),
        ("lab", "a.pay.test", "pay"),
        ("", "a.pay.test", "pay"),
        ("lab", "a.other.test", ""),
    ],
)
def test_a_rule_that_names_authorities(authority: str, name: str, rule: str) -> None:
    assert refused(PAY, authority, name) == rule


def test_one_that_shuts_an_authority_out_for_a_team() -> None:
    toml = PAY.replace('when.names.dns = [".pay.test"]', 'when.teams = ["web"]\nwhen.authorities = ["lab"]')
    toml = toml.replace('unless.authorities = ["issuing", "pay-*"]\n', "")
    assert refused(toml, "lab", team="web") == "pay"
    assert refused(toml, "lab", team="mail") == ""
    assert refused(toml, "", team="web") == ""


@pytest.mark.parametrize(
    "more",
    [
        'when.profiles = ["tls-server"]',
        'when.requesters = ["acme:*"]',
        'when.tags = ["shop"]',
        'unless.endpoints = ["acme/default"]',
        "when.from = 2026-01-01T00:00:00Z",
    ],
)
def test_what_asks_for_more_than_can_be_known_is_left_out(more: str) -> None:
    assert refused(PAY + more, "lab") == ""


def test_other_effects_say_nothing_of_authorities() -> None:
    limited = PAY.replace('refuse = "Ask the authority issuing."', 'limits.keys = ["ecdsa-p256"]')
    assert refused(limited, "lab") == ""
    assert refused(PAY.replace('unless.authorities = ["issuing", "pay-*"]\n', ""), "lab") == ""
