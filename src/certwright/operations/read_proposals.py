"""Proposals of dangerous acts: who sees which, and what each would touch, in words."""

import json
from datetime import datetime
from typing import Any

from ..core.access import Actor, Verb, may
from ..core.errors import NotFound
from ..core.proposal_words import in_words
from ..core.second_person import (
    Kind,
    Proposal,
    State,
    person_of,
    same_person,
    state_of,
    subject_from_document,
)
from ..store.databases import Database
from ..store.people_rows import ProposalRow

Document = dict[str, Any]
LISTED_MAX = 500
NUMBER_DIGITS_MAX = 18


def proposal_of(row: ProposalRow) -> Proposal:
    """What of a row decides."""
    return Proposal(
        person=row.person,
        digest=row.digest,
        verb=Verb(row.verb),
        subjects=tuple(map(subject_from_document, json.loads(row.subjects))),
        expires_at=row.expires_at,
        confirmed_by=row.confirmed_by,
        withdrawn=row.withdrawn_at is not None,
        done=row.done_at is not None,
    )


async def list_proposals(database: Database, actor: Actor) -> list[ProposalRow]:
    """The newest that the actor has made or may do themselves, the newest first; those that have ended
    too."""
    rows = await database.select(ProposalRow, f'1 = 1 ORDER BY "id" DESC LIMIT {LISTED_MAX}')
    return [row for row in rows if _visible(row, actor)]


async def read_proposal(database: Database, actor: Actor, number: int) -> ProposalRow:
    """Raises NotFound, for one that the actor may not see too."""
    rows = await database.select(ProposalRow, '"id" = ?', number)
    if not rows or not _visible(rows[0], actor):
        raise NotFound(f"there is no proposal {number}")
    return rows[0]


def proposal_number(text: str) -> int:
    """Raises NotFound: what is no number names nothing."""
    if not (text.isascii() and text.isdecimal()) or len(text) > NUMBER_DIGITS_MAX:
        raise NotFound(f"there is no proposal {text[:40]!r}")
    return int(text)


def is_own(row: ProposalRow, actor: Actor) -> bool:
    """Has the same person made it? Then another confirms it."""
    return bool(person_of(actor)) and same_person(row.person, person_of(actor))


def waits_for(row: ProposalRow, actor: Actor, now: datetime) -> bool:
    """Could this actor confirm it now?"""
    waiting = state_of(proposal_of(row), now) is State.WAITING
    return waiting and bool(person_of(actor)) and not is_own(row, actor) and _may_do(row, actor)


def _visible(row: ProposalRow, actor: Actor) -> bool:
    return is_own(row, actor) or _may_do(row, actor)


def _may_do(row: ProposalRow, actor: Actor) -> bool:
    proposal = proposal_of(row)
    return all(may(actor, proposal.verb, subject) for subject in proposal.subjects)


def proposal_document(row: ProposalRow, now: datetime) -> Document:
    """The same for REST, command line and console."""
    return {
        "number": str(row.id),
        "kind": row.kind,
        "state": state_of(proposal_of(row), now).value,
        "touches": in_words(Kind(row.kind), json.loads(row.arguments)),
        "arguments": json.loads(row.arguments),
        "digest": row.digest.hex(),
        "proposed_by": row.proposed_by,
        "proposed_at": row.proposed_at.isoformat(),
        "expires_at": row.expires_at.isoformat(),
        "confirmed_by": row.confirmed_by,
        "confirmed_at": row.confirmed_at.isoformat() if row.confirmed_at else None,
        "withdrawn_at": row.withdrawn_at.isoformat() if row.withdrawn_at else None,
        "done_at": row.done_at.isoformat() if row.done_at else None,
    }
