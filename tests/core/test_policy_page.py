"""docs/reference/policy.md tells every field there is, and its examples are rules."""

import re
from dataclasses import fields

import pytest

from certwright.core.approval_steps import approval_step_to_document
from certwright.core.errors import Malformed
from certwright.core.expressions import parse_expression
from certwright.core.rules import Allow, NeedsApproval, Refuse, decide
from certwright.core.rules_conditions import Conditions
from certwright.core.rules_document import rules_to_document
from certwright.core.rules_effects import Approval, Limits, Refusal, Required
from certwright.core.rules_toml import rules_from_toml, rules_to_toml
from tests.core.reference_tables import REFERENCE
from tests.core.toy_rules import named

PAGE = (REFERENCE / "policy.md").read_text()
[EXAMPLE] = re.findall(r"```toml\n(.*?)```", PAGE, re.DOTALL)
RULES = rules_from_toml(EXAMPLE)


def told(heading: str) -> list[str]:
    """The names in the first column of the table below a heading."""
    [section] = re.findall(rf"^## {heading}\n(.*?)(?=^## |\Z)", PAGE, re.MULTILINE | re.DOTALL)
    return re.findall(r"^\| `([a-z_.]+)` \|", section, re.MULTILINE)


def test_every_field_is_told() -> None:
    assert told("A rule's fields") == [
        "name",
        "description",
        "when",
        "unless",
        "refuse",
        "limits",
        "approval",
    ]
    assert told("When a rule applies") == [
        {"since": "from"}.get(one.name, one.name) for one in fields(Conditions)
    ]
    names = {"allow": "names.allow", "deny": "names.deny", "conventions": "names.pattern"}
    limits = [names.get(one.name, one.name) for one in fields(Limits) if one.name != "require"]
    assert told("Limits") == limits + [f"require.{one.name}" for one in fields(Required)]
    [step, *_] = [rule.effect.steps[0] for rule in RULES.rules if isinstance(rule.effect, Approval)]
    assert told("Approval") == list(approval_step_to_document(step))


def test_the_example_shows_every_effect_and_reads_back() -> None:
    assert {type(rule.effect) for rule in RULES.rules} == {Refusal, Limits, Approval}
    assert rules_from_toml(rules_to_toml(RULES)) == RULES
    assert EXAMPLE.startswith(rules_to_toml(type(RULES)(RULES.rules[:1])))
    assert len(rules_to_document(RULES)["rule"]) == EXAMPLE.count("[[rule]]")


@pytest.mark.parametrize(
    ("name", "outcome"),
    [
        ("dns:a.pay.example", NeedsApproval),
        ("dns:*.www.example.test", Refuse),
        ("dns:ber12.example", Allow),
    ],
)
def test_the_example_does_what_it_says(name: str, outcome: type) -> None:
    assert isinstance(decide(RULES, named(name, profile="device")), outcome)


def test_the_convention_of_the_example_is_told_with_its_description() -> None:
    made = decide(RULES, named("dns:web.example"))
    assert isinstance(made, Refuse)
    [reason] = made.reasons
    assert reason.message.endswith(": Hosts are called by site and number, ber12.example.")


def test_the_error_on_the_page_is_the_one_told() -> None:
    good = "".join(f'[[rule]]\nname = "{name}"\nrefuse = "no"\n\n' for name in ("a", "b"))
    text = f'{good}# here\n\n\n\n[[rule]]\nname = "c"\nrefuse = "no"\nwhen.profile = ["x"]\n'
    with pytest.raises(Malformed) as caught:
        rules_from_toml(text)
    assert f"`{caught.value.detail}`" in PAGE


def test_what_conventions_are_said_to_take_they_take() -> None:
    section = PAGE[PAGE.index("## Naming conventions") : PAGE.index("## The file")]
    rows = re.findall(r"^\| (`.*?`) \|", section, re.MULTILINE)
    texts = [text.replace("\\|", "|") for row in rows for text in re.findall(r"`(.*?)`", row)]
    assert "{2,5}" in texts
    for text in texts:
        repeats = text[0] in "*+?{"
        parse_expression(f"a{text}" if repeats else text.replace("...", "a"))
