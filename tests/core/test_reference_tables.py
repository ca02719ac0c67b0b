"""The reference says what the source declares."""

import json
import re
from dataclasses import fields
from pathlib import Path

import pytest

from certwright.core.acme_settings import AcmeSettings, acme_settings_from_document
from certwright.core.policy import endpoint_policy_from_document
from certwright.core.profile_document import from_document
from tests.core.reference_tables import REFERENCE, filled, marked, tables

PAGES = [
    REFERENCE / "findings.md",
    REFERENCE / "profiles.md",
    REFERENCE / "policy.md",
    REFERENCE / "search.md",
]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_the_tables_are_up_to_date(page: Path) -> None:
    text = page.read_text()
    assert filled(text) == text, "run python -m tests.core.reference_tables"


def test_every_table_is_on_a_page() -> None:
    assert set.union(*[marked(page.read_text()) for page in PAGES]) == tables().keys()


def test_every_setting_of_an_acme_endpoint_is_told() -> None:
    text = (REFERENCE / "endpoints.md").read_text()
    assert re.findall(r"^\| `(\w+)` \|", text, re.MULTILINE) == [one.name for one in fields(AcmeSettings)]
    [example] = [json.loads(block) for block in re.findall(r"```json\n(.*?)```", text, re.DOTALL)]
    assert acme_settings_from_document(example["settings"]).require_account_binding
    assert endpoint_policy_from_document(example["policy"]).maximum_lifetime


def test_the_example_profiles_can_be_read() -> None:
    text = (REFERENCE / "profiles.md").read_text()
    examples = [json.loads(block) for block in re.findall(r"```json\n(.*?)```", text, re.DOTALL)]
    profiles = [example for example in examples if "lifetime" in example]
    assert profiles
    for example in profiles:
        assert from_document(example).name == example["name"]
