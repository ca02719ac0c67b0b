"""Steps of approval: who must say yes before a certificate is issued, one step after the other.

docs/reference/policy.md tells how documents write them.
"""

import re
from dataclasses import dataclass
from typing import Any

from .access import Role
from .documents import Fields, duration

STEPS_MAX = 8
APPROVERS_MAX = 32
QUORUM_MAX = 16
DAY = 86400
_NAME = re.compile(r"[a-z0-9-]{1,64}")


@dataclass(frozen=True, slots=True)
class ApprovalStep:
    """Fulfilled when `quorum` different people of `approvers` have approved within `expires` seconds.

    An approver is `role:ROLE` (of core/access.py), `team:NAME` or `user:NAME`.
    """

    name: str
    approvers: tuple[str, ...]
    quorum: int = 1
    expires: int = 14 * DAY


def approval_steps(fields: Fields, name: str) -> tuple[ApprovalStep, ...]:
    """The steps that a field lists, at least one, each name once. Raises Malformed naming the field."""
    steps = tuple([_step(part) for part in fields.objects(name)])
    if not 1 <= len(steps) <= STEPS_MAX:
        raise fields.error(name, f"must have 1 to {STEPS_MAX} steps, not {len(steps)}")
    names = [step.name for step in steps]
    if twice := next((one for one in names if names.count(one) > 1), ""):
        raise fields.error(name, f"has step {twice} twice; join the two, or name one differently")
    return steps


def approval_step_from_document(document: object) -> ApprovalStep:
    """One step. Raises Malformed naming the field."""
    return _step(Fields(document, "step"))


def approval_step_to_document(step: ApprovalStep) -> dict[str, Any]:
    """What `approval_step_from_document` reads back to an equal step."""
    return {
        "step": step.name,
        "from": list(step.approvers),
        "quorum": step.quorum,
        "expires": duration(step.expires),
    }


def _step(fields: Fields) -> ApprovalStep:
    fields.only("step", "from", "quorum", "expires")
    name = fields.text("step")
    if not _NAME.fullmatch(name):
        raise fields.error("step", "must be 1 to 64 lower-case letters, digits and hyphens")
    step = ApprovalStep(
        name,
        _approvers(fields),
        fields.number("quorum", 1, least=1, most=QUORUM_MAX),
        fields.duration("expires", "14d", least=300, most=365 * DAY),
    )
    people = [one for one in step.approvers if one.startswith("user:")]
    if len(people) == len(step.approvers) < step.quorum:
        raise fields.error("quorum", f"is {step.quorum}, and only {len(people)} may approve")
    fields.finish()
    return step


def _approvers(fields: Fields) -> tuple[str, ...]:
    approvers = fields.texts("from")
    if not 1 <= len(approvers) <= APPROVERS_MAX or len(set(approvers)) < len(approvers):
        raise fields.error("from", f"must name 1 to {APPROVERS_MAX} approvers, each once")
    for approver in approvers:
        kind, _, name = approver.partition(":")
        if kind == "role" and name not in tuple(Role):
            raise fields.error("from", f"knows the roles {', '.join(Role)}, not {name[:40]!r}")
        if kind not in ("role", "team", "user") or not 1 <= len(name) <= 100:
            raise fields.error("from", f"must name role:ROLE, team:NAME or user:NAME, not {approver[:40]!r}")
    return approvers
