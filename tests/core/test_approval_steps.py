"""Steps of approval: what can be fulfilled is read, what cannot is refused by name."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from certwright.core.approval_steps import (
    APPROVERS_MAX,
    QUORUM_MAX,
    STEPS_MAX,
    ApprovalStep,
    approval_step_from_document,
    approval_step_to_document,
    approval_steps,
)
from certwright.core.documents import Fields
from certwright.core.errors import Malformed
from tests.core.toy_rules import APPROVERS

STEP: dict[str, Any] = {"step": "pki", "from": ["role:ra-officer"]}


def test_what_is_left_out() -> None:
    assert approval_step_from_document(STEP) == ApprovalStep("pki", ("role:ra-officer",), 1, 14 * 86400)


@given(
    st.from_regex(r"[a-z0-9-]{1,64}", fullmatch=True),
    st.lists(APPROVERS, min_size=1, unique=True),
    st.integers(1, QUORUM_MAX),
    st.integers(300, 365 * 86400),
)
def test_what_is_written_reads_back(name: str, approvers: list[str], quorum: int, expires: int) -> None:
    step = ApprovalStep(name, (*approvers, "role:auditor"), quorum, expires)
    document = json.loads(json.dumps(approval_step_to_document(step)))
    if "role:auditor" in approvers:
        with pytest.raises(Malformed, match="each once"):
            approval_step_from_document(document)
    else:
        assert approval_step_from_document(document) == step


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"step": "Not This"}, "step.step must be 1 to 64 lower-case letters, digits and hyphens"),
        ({"from": []}, "step.from must name 1 to 32 approvers, each once"),
        ({"from": [f"user:{n}" for n in range(APPROVERS_MAX + 1)]}, "step.from must name 1 to 32 approvers"),
        ({"from": ["team:a", "team:a"]}, "step.from must name 1 to 32 approvers, each once"),
        ({"from": ["role:boss"]}, "step.from knows the roles administrator, security-officer"),
        ({"from": ["alice"]}, "step.from must name role:ROLE, team:NAME or user:NAME, not 'alice'"),
        ({"from": ["user:"]}, "step.from must name role:ROLE, team:NAME or user:NAME, not 'user:'"),
        ({"quorum": 0}, "step.quorum must be a whole number from 1 to 16"),
        ({"quorum": 17}, "step.quorum must be a whole number from 1 to 16"),
        ({"from": ["user:a", "user:b"], "quorum": 3}, "step.quorum is 3, and only 2 may approve"),
        ({"expires": "1m"}, "step.expires must be from 5m to 365d, not 1m"),
        ({"expiry": "1d"}, "step.expiry is not a field known here; did you mean expires?"),
    ],
)
def test_what_could_not_be_fulfilled_is_refused(fields: dict[str, Any], said: str) -> None:
    with pytest.raises(Malformed) as caught:
        approval_step_from_document({**STEP, **fields})
    assert said in caught.value.detail


@pytest.mark.parametrize(
    ("steps", "said"),
    [
        ([], "rule.approval must have 1 to 8 steps, not 0"),
        (
            [STEP | {"step": f"s{n}"} for n in range(STEPS_MAX + 1)],
            "rule.approval must have 1 to 8 steps, not 9",
        ),
        ([STEP, STEP], "rule.approval has step pki twice"),
        ([STEP, STEP | {"quorum": "x"}], "rule.approval[1].quorum must be a whole number"),
    ],
)
def test_lists_of_steps(steps: list[object], said: str) -> None:
    with pytest.raises(Malformed) as caught:
        approval_steps(Fields({"approval": steps}, "rule"), "approval")
    assert said in caught.value.detail
