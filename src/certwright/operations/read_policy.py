"""Read the organisation's rules of issuance: what is in force, and how it came to that."""

import json
from dataclasses import dataclass
from typing import Any

from ..core.access import Actor, Subject, Verb, require
from ..core.errors import NotFound
from ..core.rules import NO_RULES, RuleSet
from ..core.rules_difference import Difference, difference
from ..core.rules_document import rules_from_document, rules_to_document
from ..core.rules_toml import rules_to_toml
from ..store.databases import Database
from ..store.rows import PolicyRow
from ..store.snapshot import Snapshot

VERSIONS_MAX = 1000
NUMBER_MAX = 2**31 - 1


@dataclass(frozen=True, slots=True)
class PolicyVersion:
    """`row` None is before the first one: no rules."""

    row: PolicyRow | None
    rules: RuleSet


async def read_policy(
    database: Database, snapshot: Snapshot, actor: Actor, number: int | None = None
) -> PolicyVersion:
    """The rules in force, or those of an earlier number. Raises Forbidden, NotFound."""
    require(actor, Verb.VIEW, Subject())
    if number is None:
        return _version(snapshot.policy)
    rows = await database.select(PolicyRow, '"number" = ?', number)
    if not rows:
        raise NotFound(f"there is no version {number} of the rules")
    return _version(rows[0])


async def policy_history(
    database: Database, actor: Actor, before: int = NUMBER_MAX, limit: int = 100
) -> list[tuple[PolicyRow, Difference]]:
    """Versions below a number, the newest first, each with what it changed. Raises Forbidden."""
    require(actor, Verb.VIEW, Subject())
    wanted = min(limit, VERSIONS_MAX)
    condition = f'"number" < ? ORDER BY "number" DESC LIMIT {wanted + 1}'
    versions = [_version(row) for row in await database.select(PolicyRow, condition, before)]
    earlier = [one.rules for one in versions[1:]] + [NO_RULES]
    return [
        (one.row, difference(old, one.rules))
        for one, old in zip(versions[:wanted], earlier, strict=False)
        if one.row is not None
    ]


async def rules_of(database: Database, number: int) -> RuleSet:
    """The rules of a version, none for 0. Raises NotFound."""
    if not number:
        return NO_RULES
    rows = await database.select(PolicyRow, '"number" = ?', number)
    if not rows:
        raise NotFound(f"there is no version {number} of the rules")
    return _version(rows[0]).rules


def _version(row: PolicyRow | None) -> PolicyVersion:
    return PolicyVersion(row, rules_from_document(json.loads(row.document)) if row else NO_RULES)


# -- documents -----------------------------------------------------------------------------------


def policy_document(version: PolicyVersion) -> dict[str, Any]:
    """The same for REST and the command line. Number 0 is before the first version."""
    row = version.row
    return {
        "number": row.number if row else 0,
        "comment": row.comment if row else "",
        "created_at": row.created_at.isoformat() if row else None,
        "created_by": row.created_by if row else "",
        "rules": rules_to_document(version.rules),
        "toml": rules_to_toml(version.rules),
    }


def history_document(row: PolicyRow, changes: Difference) -> dict[str, Any]:
    """One version, and what it did to the one before."""
    return {
        "number": row.number,
        "comment": row.comment,
        "created_at": row.created_at.isoformat(),
        "created_by": row.created_by,
        "changes": difference_document(changes),
    }


def difference_document(changes: Difference) -> dict[str, Any]:
    return {
        "added": [rule.name for rule in changes.added],
        "removed": [rule.name for rule in changes.removed],
        "changed": [
            {
                "rule": one.name,
                "fields": [
                    {"path": field.path, "before": field.before, "after": field.after} for field in one.fields
                ],
            }
            for one in changes.changed
        ],
        "reordered": changes.reordered,
    }
