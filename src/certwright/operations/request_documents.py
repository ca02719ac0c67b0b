"""Requests as documents of plain values, the same for REST and for the command line."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from ..core.approval import RequestStatus, current_step, request_status
from ..core.approval_steps import approval_step_to_document
from ..store.approvals import Request
from ..store.databases import Database
from ..store.enrolment import read_identifiers
from ..store.people_rows import ApprovalDecisionRow, ApprovalDelegationRow

Document = dict[str, Any]


async def request_documents(database: Database, requests: Sequence[Request], now: datetime) -> list[Document]:
    """Everything there is to say of each. Numbers that JSON readers would round are text."""
    issued = [one.row.certificate for one in requests if one.row.certificate is not None]
    found: dict[int | None, str] = {}
    if issued:
        marks = ",".join("?" * len(issued))
        sql = f'SELECT "id", "fingerprint" FROM "certificate" WHERE "id" IN ({marks})'
        found = {row[0]: bytes(row[1]).hex() for row in await database.query(sql, *issued)}
    return [_document(one, found.get(one.row.certificate), now) for one in requests]


async def request_document(database: Database, request: Request, now: datetime) -> Document:
    return (await request_documents(database, [request], now))[0]


def _document(request: Request, certificate: str | None, now: datetime) -> Document:
    row, facts = request.row, request.facts
    status = request_status(facts, now)
    at = current_step(facts) if status is RequestStatus.WAITING else None
    return {
        "id": str(row.id),
        "status": status.value,
        "step": facts.steps[at].name if at is not None else None,
        "waits_for": list(facts.steps[at].approvers) if at is not None else [],
        "origin": row.origin,
        "endpoint": row.endpoint,
        "requester": row.requester,
        "team": row.team,
        "owner": row.owner,
        "authority": row.authority,
        "profile": row.profile,
        "key_algorithm": row.key_algorithm,
        "names": [str(name) for name in read_identifiers(row.names)],
        "subject": row.subject,
        "lifetime": row.lifetime,
        "comment": row.comment,
        "resubmits": str(row.resubmits) if row.resubmits is not None else None,
        "policy": row.policy,
        "steps": [approval_step_to_document(step) for step in facts.steps],
        "decisions": [_decision(request, one) for one in request.decisions],
        "created_at": row.created_at.isoformat(),
        "expires_at": row.expires_at.isoformat(),
        "certificate": certificate,
        "problem": row.problem,
    }


def _decision(request: Request, row: ApprovalDecisionRow) -> Document:
    return {
        "step": request.facts.steps[row.step].name,
        "approver": row.approver,
        "instead_of": row.instead_of or None,
        "approved": row.approved,
        "comment": row.comment,
        "at": row.at.isoformat(),
    }


def delegation_document(row: ApprovalDelegationRow) -> Document:
    return {
        "id": str(row.id),
        "user": row.user,
        "deputy": row.deputy,
        "begins_at": row.begins_at.isoformat(),
        "ends_at": row.ends_at.isoformat(),
        "comment": row.comment,
        "created_at": row.created_at.isoformat(),
        "created_by": row.created_by,
    }
