"""Findings on record: what is wrong is opened, what is no more is closed, and nobody has to say so."""

import asyncio
from collections.abc import Iterable, Sequence
from datetime import datetime

from ..core.health import Finding
from ..store.among import among, chunks
from ..store.changed_rows import Mark
from ..store.databases import Duplicate
from ..store.discovery_rows import FindingRow, SightingRow
from ..store.ledger import Change
from ..store.rows import CertificateNameRow, CertificateRow
from .context import Context
from .judge_health import Authorities, judge_certificates, load_authorities

CHUNK, LOOKED_AT = 250, 5_000
_ASKED = (CertificateRow, CertificateNameRow, SightingRow, FindingRow)


async def note_findings(
    context: Context, rows: Sequence[CertificateRow], authorities: Authorities
) -> tuple[int, int]:
    """Judge at most 500 certificates and put on record what has changed: how many findings were opened
    and closed. Where somebody else has just done the same, that is left to them. Raises Unavailable."""
    if not rows:
        return 0, 0
    now = context.clock()
    found = await judge_certificates(context, rows, authorities, now)
    condition, values = among("certificate_id", [row.id for row in rows])
    standing = await context.database.select(FindingRow, f'{condition} AND "closed_at" IS NULL', *values)
    change = _difference(context, {row.id: row for row in rows}, found, standing, now)
    try:
        await context.ledger.commit(change)
    except Duplicate:
        return 0, 0
    closed = [mark.identifiers for mark in change.marked if "closed_at" in mark.columns]
    return len(change.inserted), sum(map(len, closed))


async def judge_again(context: Context, identifiers: Iterable[int]) -> None:
    """Certificates around which something has changed are judged now, not only when it is their turn."""
    wanted = sorted(set(identifiers))
    authorities = await load_authorities(context) if wanted else Authorities()
    for some in chunks(wanted):
        condition, values = among("id", some)
        rows = await context.database.select(CertificateRow, condition, *values)
        await note_findings(context, rows, authorities)


def _difference(
    context: Context,
    certificates: dict[int, CertificateRow],
    found: dict[int, tuple[Finding, ...]],
    standing: list[FindingRow],
    now: datetime,
) -> Change:
    open_ones = {(row.certificate_id, row.code, row.sighting_id): row for row in standing}
    change = Change()
    for identifier, findings in found.items():
        team = certificates[identifier].team
        for one in findings:
            row = open_ones.pop((identifier, one.code, one.sighting), None)
            if row is None:
                change.inserted.append(_opened(context, identifier, one, team, now))
            elif (row.detail, row.team) != (one.detail, team):
                change.marked.append(Mark(FindingRow, {"detail": one.detail, "team": team}, [row.id]))
    if open_ones:
        closed = [row.id for row in open_ones.values()]
        change.marked.append(Mark(FindingRow, {"closed_at": now}, closed))
    return change


def _opened(context: Context, certificate: int, finding: Finding, team: str, now: datetime) -> FindingRow:
    return FindingRow(
        id=context.ledger.new_id(),
        code=finding.code,
        severity=finding.kind.severity,
        certificate_id=certificate,
        sighting_id=finding.sighting,
        detail=finding.detail,
        team=team,
        opened_at=now,
        closed_at=None,
        acknowledged_by="",
        accepted_until=None,
        reason="",
        version=1,
    )


async def check_health(context: Context) -> tuple[int, int]:
    """Judge every certificate once; how many findings were opened and closed. Others get their turn in
    between. Raises Unavailable."""
    opened = closed = after = judged = 0
    authorities = await load_authorities(context)
    while True:
        if judged % LOOKED_AT == 0:  # findings come while it goes on
            await context.database.gather_statistics(*_ASKED)
        rows = await context.database.select(CertificateRow, f'"id" > ? ORDER BY "id" LIMIT {CHUNK}', after)
        if not rows:
            return opened, closed
        more, fewer = await note_findings(context, rows, authorities)
        opened, closed, after = opened + more, closed + fewer, rows[-1].id
        judged += len(rows)
        await asyncio.sleep(0)
