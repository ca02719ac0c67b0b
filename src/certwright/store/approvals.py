"""Requests that wait for people: from rows to the facts that `core.approval` judges, and back."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from ..core.approval import Decided, RequestFacts
from ..core.approval_steps import ApprovalStep, approval_step_from_document, approval_step_to_document
from ..core.errors import NotFound
from .databases import Database
from .people_rows import ApprovalDecisionRow, CertificateRequestRow, RequestApproverRow

PARAMETERS_MAX = 1000
OPEN = (
    '"rejected_at" IS NULL AND "withdrawn_at" IS NULL AND "expired_at" IS NULL '
    'AND "issued_at" IS NULL AND "failed_at" IS NULL'
)
"""SQL for requests that have not ended, though their time may have passed."""
REFUSED = '"rejected_at" IS NOT NULL AND "steps" = \'[]\''
"""SQL for those that the rules have refused: nobody was asked."""


@dataclass(frozen=True, slots=True)
class Request:
    """A request with what was decided on it. `named` are teams and accounts that its steps name."""

    row: CertificateRequestRow
    decisions: tuple[ApprovalDecisionRow, ...]
    named: frozenset[str]
    facts: RequestFacts


async def load_request(database: Database, identifier: int) -> Request:
    """Raises NotFound."""
    rows = await database.select(CertificateRequestRow, '"id" = ?', identifier)
    if not rows:
        raise NotFound(f"there is no request {identifier}")
    return (await with_decisions(database, rows))[0]


async def with_decisions(database: Database, rows: Sequence[CertificateRequestRow]) -> list[Request]:
    """At most PARAMETERS_MAX of them."""
    identifiers = [row.id for row in rows[:PARAMETERS_MAX]]
    if not identifiers:
        return []
    within = f'"request_id" IN ({",".join("?" * len(identifiers))})'
    decisions = await database.select(ApprovalDecisionRow, f'{within} ORDER BY "at", "id"', *identifiers)
    named = await database.select(RequestApproverRow, within, *identifiers)
    return [
        request_of(
            row,
            tuple([one for one in decisions if one.request_id == row.id]),
            frozenset([one.approver for one in named if one.request_id == row.id]),
        )
        for row in rows[:PARAMETERS_MAX]
    ]


def request_of(
    row: CertificateRequestRow, decisions: tuple[ApprovalDecisionRow, ...], named: frozenset[str]
) -> Request:
    facts = RequestFacts(
        requesters=requesters_of(row.requester, row.requester_user),
        steps=read_steps(row.steps),
        expires_at=row.expires_at,
        decided=tuple(
            [Decided(one.step, one.person, one.approved, one.at, one.instead_of) for one in decisions]
        ),
        approved_at=row.approved_at,
        rejected_at=row.rejected_at,
        withdrawn_at=row.withdrawn_at,
        expired_at=row.expired_at,
        issued_at=row.issued_at,
        failed_at=row.failed_at,
        problem=row.problem,
    )
    return Request(row, decisions, named, facts)


def requesters_of(actor: str, user: str) -> frozenset[str]:
    """Under which names who asked must not decide."""
    return frozenset({actor, f"user:{user}"} if user else {actor})


def with_request_facts(row: CertificateRequestRow, facts: RequestFacts) -> CertificateRequestRow:
    """The row as it shall be after facts have grown."""
    return row._replace(
        steps=write_steps(facts.steps),
        expires_at=facts.expires_at,
        approved_at=facts.approved_at,
        rejected_at=facts.rejected_at,
        withdrawn_at=facts.withdrawn_at,
        expired_at=facts.expired_at,
        issued_at=facts.issued_at,
        failed_at=facts.failed_at,
        problem=facts.problem,
    )


def decision_row(
    identifier: int, request: int, actor: str, decided: Decided, comment: str
) -> ApprovalDecisionRow:
    """The newest decision of grown facts, as a row."""
    step, person, instead_of = decided.step, decided.person, decided.instead_of
    at: datetime = decided.at
    return ApprovalDecisionRow(
        identifier, request, step, actor, person, instead_of, decided.approved, comment, at
    )


def read_steps(text: str) -> tuple[ApprovalStep, ...]:
    return tuple(map(approval_step_from_document, json.loads(text)))


def write_steps(steps: tuple[ApprovalStep, ...]) -> str:
    return json.dumps([approval_step_to_document(step) for step in steps], sort_keys=True)
