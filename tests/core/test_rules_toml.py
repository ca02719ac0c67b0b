"""Rules as TOML: what is written reads as it should and reads back; no file holds the parser up."""

import tomllib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from certwright.core.errors import Malformed, TooLarge
from certwright.core.rules import NO_RULES, RuleSet
from certwright.core.rules_document import rules_to_document
from certwright.core.rules_toml import TOML_OCTETS_MAX, rules_from_toml, rules_to_toml
from tests.core.toy_rules import rule, rule_sets, rules

WRITTEN = r"""[[rule]]
name = "pay-needs-approval"
description = "Names of the payment systems are approved by the \"PKI\" team."
when.names.dns = [".pay.example"]
approval = [{ step = "pki", from = ["role:ra-officer"], quorum = 1, expires = "14d" }]

[[rule]]
name = "hosts"
when.profiles = ["tls-*"]
when.fields.stage = ["production"]
when.wildcard = false
when.from = "2026-03-15"
unless.all_names.dns = [
    ".first.department.example",
    ".second.department.example",
    ".third.department.example",
    ".fourth.department.example",
]
limits.keys = ["ecdsa-p256", "ecdsa-p384"]
limits.maximum_lifetime = "ca/browser-forum"
limits.names.pattern.dns = '[a-z]{3}\d{2}\.example'
limits.require.owner = true
limits.require.validation = "organization"
"""


def test_it_reads_as_people_write_it() -> None:
    assert rules_to_toml(rules_from_toml(WRITTEN)) == WRITTEN


@given(rule_sets())
def test_what_is_written_reads_back(made: RuleSet) -> None:
    text = rules_to_toml(made)
    assert tomllib.loads(text) == ({"rule": rules_to_document(made)["rule"]} if made.rules else {})
    assert rules_from_toml(text) == made


@given(st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=40))
def test_any_text_that_is_taken_reads_back(text: str) -> None:
    try:
        made = rules(rule(refuse=text, when={"tags": [text]}, limits=None))
    except Malformed:
        return
    assert rules_from_toml(rules_to_toml(made)) == made


def test_comments_tables_and_dates_of_toml_are_read() -> None:
    text = """
# no comment survives
[[ "rule" ]]
name = 'a' # here neither
refuse = \"""no\"""
[rule.when]
from = 2026-03-15
until = 2026-03-15T12:00:00+02:00
names = { dns = [".example.test", ] }
"""
    assert rules_from_toml(text) == rules(
        rule(
            name="a",
            refuse="no",
            when={"from": "2026-03-15", "until": "2026-03-15T10:00:00Z", "names": {"dns": [".example.test"]}},
        )
    )
    assert rules_from_toml("") == rules_from_toml("# nothing yet\r\n") == NO_RULES


GOOD = '[[rule]]\nname = "a"\nrefuse = "no"\n\n'


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            GOOD + "[[rule]\n",
            "the rules are not TOML: Expected ']]' at the end of an array declaration (at line 5",
        ),
        (GOOD + "when = \n", "(at line 5, column 8)"),
        (GOOD + 'name = "b"\n', "Cannot overwrite a value (at line 5"),
        (
            GOOD + '  [[rule]]\nname = "b"\nrefuse = "no"\nwhen.profile = ["x"]\n',
            "line 5: rule[1].when.profile is not a field",
        ),
        (GOOD + '[[rule]]\nname = "b"\n', "line 5: rule[1].refuse or limits or approval must be there"),
        ('rule = [{ name = "b" }]', "rule[0].refuse or limits or approval must be there"),
        ("rule = 1", "rules.rule must be a list"),
        ("[rule]", "rules.rule must be a list"),
        ("rules = []", "rules.rules is not a field known here; did you mean rule?"),
        (GOOD + "when.from = 12:00:00\n", "line 1: rule[0].when.from must be a day or time"),
        (GOOD + "when.from = inf\n", "line 1: rule[0].when.from must be a day or time"),
        ("a = " + "[" * 100_000, "values within values without end"),
        ("a = " + "{ a = " * 40_000, "values within values without end"),
        ("a = " + "1" * 5000, "the rules are not TOML: Exceeds the limit"),
        (GOOD + "a" + ".a" * 16 + " = 1", "the rules, line 5: a key has more than 16 parts"),
    ],
)
def test_what_is_wrong_is_told_with_its_line(text: str, said: str) -> None:
    with pytest.raises(Malformed) as caught:
        rules_from_toml(text)
    assert said in caught.value.detail


LONG = "a" + " . a" * 20_000


@pytest.mark.parametrize(
    "text",
    [
        f"{LONG} = 1",
        f"[{LONG}]",
        f"x = {{ {LONG} = 1 }}",
        f'x = "#" # "\n{LONG} = 1',
        f'x = """a"""" #\\\n{LONG} = 1',
        f'x = [{{ a = """b""""", {LONG} = 1 }}]',
        f"x = [{{ a = '''b'''', {LONG} = 1 }}]",
        f'x = "\\"" \n{LONG} = 1',
        f"x = '\\'\n{LONG} = 1",
        f"{LONG.replace('a', chr(34) + 'a=' + chr(34))} = 1",
        f"{LONG.replace('a', chr(39) + ',' + chr(39))} = 1",
        f'x = """\n\\"""\n"""\n{LONG} = 1',
    ],
)
def test_no_key_of_many_parts_gets_to_the_parser(text: str) -> None:
    """It would need time and memory by the square of them."""
    with pytest.raises(Malformed, match="a key has more than 16 parts"):
        rules_from_toml(text)


def test_dots_in_texts_are_no_parts_of_keys() -> None:
    name = ".".join("abcdefghijklmnopqrstuvwxyz") + ".test"
    made = rules(rule(description="." * 100, when={"names": {"dns": [name, f".{name}"]}}))
    assert rules_from_toml(rules_to_toml(made) + f"# {name}\n") == made
    assert rules_from_toml(rules_to_toml(made).replace('"', "'")) == made


def test_a_file_has_a_bound() -> None:
    assert rules_from_toml("#" * TOML_OCTETS_MAX) == NO_RULES
    for text in ("#" * (TOML_OCTETS_MAX + 1), "#" + "é" * (TOML_OCTETS_MAX // 2)):
        with pytest.raises(TooLarge, match="more than 256 KiB"):
            rules_from_toml(text)


@given(st.text("[]rule=\"'#\n.a{},1\\ ", max_size=60))
def test_anything_is_read_or_refused(text: str) -> None:
    try:
        made = rules_from_toml(text)
    except Malformed:
        return
    assert rules_from_toml(rules_to_toml(made)) == made
