"""Campaigns and their records as plain values, the same for REST, the command line and exports."""

import json
from dataclasses import asdict
from typing import Any

from ..store.people_rows import AttestationCampaignRow
from .asked_about import Asked, Progress
from .attestation import RecordLine

Document = dict[str, Any]
RECORD_COLUMNS = (
    *("fingerprint", "subject", "not_after", "team", "owner"),
    *("answer", "answered_by", "answered_at", "comment"),
)


def campaign_document(row: AttestationCampaignRow, progress: Progress | None = None) -> Document:
    """With numbers where they are known."""
    told: Document = {
        "id": str(row.id),
        "title": row.title,
        "text": row.text,
        "selected": json.loads(row.selected),
        "opened_at": row.opened_at.isoformat(),
        "opened_by": row.opened_by,
        "due_at": row.due_at.isoformat(),
        "repeat_days": row.repeat_days,
        "asked_at": row.filled_at.isoformat() if row.filled_at else None,
        "closed_at": row.closed_at.isoformat() if row.closed_at else None,
    }
    if progress is not None:
        told["certificates"] = progress.total
        told["answered"] = {answer.value: number for answer, number in progress.answered.items()}
    return told


def asked_document(asked: Asked) -> Document:
    row, item = asked.certificate, asked.item
    return {
        "certificate": str(row.id),
        "fingerprint": row.fingerprint.hex(),
        "subject": row.subject,
        "not_after": row.not_after.isoformat(),
        "team": row.team,
        "owner": row.owner,
        "revoked": row.revoked_at is not None,
        "answer": item.answer,
        "answered_by": item.answered_by,
        "answered_at": item.answered_at.isoformat() if item.answered_at else None,
        "comment": item.comment,
    }


def record_document(line: RecordLine) -> Document:
    return asdict(line) | {
        "not_after": line.not_after.isoformat(),
        "answered_at": line.answered_at.isoformat() if line.answered_at else None,
    }


def record_cells(line: RecordLine) -> list[str]:
    """In the order of RECORD_COLUMNS."""
    at = line.answered_at.isoformat() if line.answered_at else ""
    who = (line.fingerprint, line.subject, line.not_after.isoformat(), line.team, line.owner)
    return [*who, line.answer, line.answered_by, at, line.comment]
