"""Organizations in plain values, for pages, REST and the command line."""

from datetime import datetime
from typing import Any

from ..core.rules_facts import Validation
from ..core.vetting import (
    FOR_EXTENDED,
    FOR_ORGANIZATION,
    KINDS,
    Ages,
    CheckKind,
    Done,
    Level,
    counting,
    level_of,
    problem,
)
from ..store.vetting import Organization, documents_of, fields_of
from ..store.vetting_rows import EvidenceRow, VettingCheckRow
from .context import Context


def organization_document(context: Context, found: Organization) -> dict[str, Any]:
    """All of it. `checklist` has a line for each check of extended validation, with until when the one that
    counts does, or what is missing; `level` is none, organization or extended."""
    ages, now = context.vetting.ages, context.clock()
    level = level_of(found.vetted, ages, now)
    done = zip(found.checks, found.vetted.checks, strict=True)
    return {
        **summary_document(context, found),
        "created_at": found.row.created_at.isoformat(),
        "created_by": found.row.created_by,
        "checklist": [_line(found, kind, level, ages, now) for kind in FOR_EXTENDED],
        "checks": [check_document(row, problem(one, found.vetted.fields, ages, now)) for row, one in done],
        "documents": list(map(evidence_document, found.documents)),
    }


def summary_document(context: Context, found: Organization) -> dict[str, Any]:
    """What a list says of it."""
    level = level_of(found.vetted, context.vetting.ages, context.clock())
    return {
        "id": str(found.row.id),
        **dict(fields_of(found.row)),
        "team": found.row.team,
        "level": level.reached.value,
        "missing": {
            "organization": list(map(str, level.for_organization)),
            "extended": list(map(str, level.for_extended)),
        },
    }


def _line(found: Organization, kind: CheckKind, level: Level, ages: Ages, now: datetime) -> dict[str, Any]:
    about = KINDS[kind]
    missing = next((one.why for one in level.for_extended if one.kind is kind), "")
    counted = [one for one in counting(found.vetted, ages, now) if one.kind is kind]
    newest = max(counted, key=lambda one: one.since, default=None) if not missing else None
    return {
        "kind": kind.value,
        "title": about.title,
        "shows": about.shows,
        "clause": about.clause,
        "level": (Validation.ORGANIZATION if kind in FOR_ORGANIZATION else Validation.EXTENDED).value,
        "documents": about.documents,
        "missing": missing,
        "until": _until(newest, ages, now),
    }


def _until(check: Done | None, ages: Ages, now: datetime) -> str | None:
    return (check.since + ages.limit(check.kind, now)).isoformat() if check else None


def check_document(row: VettingCheckRow, why_not: str) -> dict[str, Any]:
    """`problem` says why it does not count; empty if it does."""
    return {
        "id": str(row.id),
        "kind": row.kind,
        "title": KINDS[CheckKind(row.kind)].title,
        "at": row.at.isoformat(),
        "since": row.since.isoformat(),
        "actor": row.actor,
        "note": row.note,
        "domain": row.domain,
        "documents": list(map(str, documents_of(row))),
        "revoked_at": row.revoked_at.isoformat() if row.revoked_at else None,
        "revoked_by": row.revoked_by,
        "revoked_why": row.revoked_why,
        "problem": why_not,
    }


def evidence_document(row: EvidenceRow) -> dict[str, Any]:
    return {
        "id": str(row.id),
        "name": row.name,
        "media_type": row.media_type,
        "octets": row.octets,
        "sha256": row.sha256.hex(),
        "scanned": row.scanned,
        "uploaded_at": row.uploaded_at.isoformat(),
        "actor": row.actor,
    }
