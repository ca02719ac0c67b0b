"""What a replay has found, as a document: the same for REST, the command line and the console."""

from collections import Counter
from typing import Any

from ..core.rules import Refuse, decide
from ..core.rules_facts import StoredFacts
from ..core.rules_replay import Change, Outcome
from ..store.databases import Database
from .replay_policy import Replayed, ReplayOrder, Tally
from .replay_rows import Certificates, Requests, Row, Scope, Source

Document = dict[str, Any]
NAMES_MAX = 50
"""How many rules, teams, owners, authorities and profiles are listed each, those with the most first."""
EXAMPLES_MAX = 200
EXAMPLE_NAMES = 3
REASON_MAX = 300
REASONS_MAX = 3
DIMENSIONS = {
    "rule": "rules",
    "team": "teams",
    "owner": "owners",
    "authority": "authorities",
    "profile": "profiles",
}
ALL_FACTS = frozenset({"names", "tags"})


async def replayed_document(
    database: Database, order: ReplayOrder, scope: Scope, replayed: Replayed
) -> Document:
    """Numbers, and for each change and rule the first few certificates and requests. Raises Unavailable."""
    certificates, requests = Certificates(database, ALL_FACTS, scope), Requests(database, scope)
    return {
        "certificates": await _found(database, order, certificates, replayed.certificates),
        "requests": await _found(database, order, requests, replayed.requests),
        "processes": replayed.processes,
    }


async def _found(database: Database, order: ReplayOrder, source: Source, tally: Tally) -> Document:
    return {
        "judged": tally.judged,
        "before": {outcome.value: tally.before[outcome] for outcome in Outcome},
        "after": {outcome.value: tally.after[outcome] for outcome in Outcome},
        "unchanged": tally.changes[Change.NONE],
        "changes": [
            {"change": change.value, "count": tally.changes[change], **_named(tally.by[change])}
            for change in Change
            if change in tally.by
        ],
        "examples": await _examples(database, order, source, tally),
    }


def _named(by: "dict[str, Counter[str]]") -> Document:
    """The names with the most; `others` counts names that are left out."""
    lists = {
        plural: [{"name": name, "count": count} for name, count in _most(by.get(one, Counter()))]
        for one, plural in DIMENSIONS.items()
    }
    return lists | {"others": sum(max(0, len(counted) - NAMES_MAX) for counted in by.values())}


def _most(counted: "Counter[str]") -> list[tuple[str, int]]:
    return sorted(counted.items(), key=lambda pair: (-pair[1], pair[0]))[:NAMES_MAX]


# -- examples ------------------------------------------------------------------------------------


async def _examples(database: Database, order: ReplayOrder, source: Source, tally: Tally) -> list[Document]:
    wanted = [(change, rule, one) for (change, rule), some in tally.examples.items() for one in some]
    found = []
    for change, rule, identifier in sorted(wanted)[:EXAMPLES_MAX]:
        rows = await source.read(identifier - 1, 1)
        if rows and rows[0][0] == identifier:  # it may have been revoked meanwhile
            [(row, _, facts)] = await source.judged(rows)
            example = {"change": change, "rule": rule, **_told(order, row, facts(), rule)}
            found.append(example | await _reference(database, source, identifier))
    return found


async def _reference(database: Database, source: Source, identifier: int) -> Document:
    """How pages and commands name it."""
    if isinstance(source, Requests):
        return {"request": str(identifier)}
    rows = await database.query('SELECT "fingerprint" FROM "certificate" WHERE "id" = ?', identifier)
    return {"certificate": bytes(rows[0][0]).hex()}


def _told(order: ReplayOrder, row: Row, facts: StoredFacts, rule: str) -> Document:
    decision = decide(order.draft, facts)
    reasons = decision.reasons if isinstance(decision, Refuse) else ()
    own = [one.message for one in reasons if one.message.startswith(f"rule {rule}")]
    named = dict(zip(("authority", "profile", "team", "owner"), row[1:5], strict=True))
    return named | {
        "names": [str(name) for name in facts.names[:EXAMPLE_NAMES]],
        "names_count": len(facts.names),
        "subject": str(facts.subject),
        "reasons": [text[:REASON_MAX] for text in own[:REASONS_MAX]],
    }
