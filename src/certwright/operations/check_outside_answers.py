"""What other authorities say by OCSP of single certificates, where no list of theirs works.

Each certificate's responders are asked again when a newer answer is due. What is revoked is marked so; a hold
ends by an answer that is newer than the hold and than whatever else was believed. A server that cannot be
reached is asked once for all that is due there, and then left alone for as long as it has failed already.
"""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from ..core.egress import Unreached, parse_url
from ..core.errors import Conflict, Forbidden, Malformed
from ..core.outside_answers import OutsideAnswer, question, read_answer
from ..core.revocation import Reason
from ..core.sightings import problem_line
from ..core.told_status import ToldStatus, next_status
from ..store.among import among, chunks
from ..store.changed_rows import Mark
from ..store.databases import moment_of
from ..store.discovery_rows import OutsideAnswerRow
from ..store.ledger import Change
from ..store.rows import CertificateBodyRow, CertificateRow, Row
from .context import Context
from .lists_that_work import WITHOUT_LIST
from .note_findings import judge_again

ANSWERS_MAX, ANSWERS_OF_SERVER = 20, 5
"""How many are asked for in one pass, together and of one server; servers are asked at the same time."""
ANSWERS_OF_ISSUER = 2_000
PUT_OFF_MAX = 500
USUAL, OFTEN = timedelta(hours=6), timedelta(minutes=30)
FAILED, FAILED_MAX = timedelta(minutes=15), timedelta(days=1)
"""When to ask again: at the latest, at the earliest, and after failures, at the least and at the most."""


@dataclass(frozen=True, slots=True)
class Named:
    """A URL at which a certificate says that OCSP answers about it, and when the certificate ends."""

    certificate: int
    issuer: int
    url: str
    ends: datetime


async def answer_rows(context: Context, named: Sequence[Named]) -> list[Row]:
    """Rows for certificates that are not known yet. An issuer has no more than ANSWERS_OF_ISSUER: it may be
    anybody's. Raises Unavailable."""
    known: dict[int, int] = {}
    for some in chunks(sorted({one.issuer for one in named})):
        condition, values = among("issuer_id", some)
        sql = f'SELECT "issuer_id", count(*) FROM "outside_answer" WHERE {condition} GROUP BY "issuer_id"'
        known |= dict(await context.database.query(sql, *values))
    rows: list[Row] = []
    for one in named:
        count = known.get(one.issuer, 0)
        if count < ANSWERS_OF_ISSUER:
            known[one.issuer] = count + 1
            rows.append(_new_row(context, one))
    return rows


def _new_row(context: Context, named: Named) -> OutsideAnswerRow:
    return OutsideAnswerRow(
        id=context.ledger.new_id(),
        certificate_id=named.certificate,
        issuer_id=named.issuer,
        url=named.url,
        server=_server(named.url),
        ends_at=named.ends,
        next_check_at=context.clock(),
        checked_at=None,
        this_update=None,
        next_update=None,
        problem="",
        failing_since=None,
        version=1,
    )


def _server(url: str) -> str:
    try:
        parsed = parse_url(url)
    except (Malformed, Forbidden):
        return ""
    return f"{parsed.scheme}://{parsed.authority}"


# -- a pass ----------------------------------------------------------------------------------------

_DUE = f"""
SELECT "id" FROM (
  SELECT "id", "next_check_at",
    row_number() OVER (PARTITION BY "server" ORDER BY "next_check_at", "id") AS "nth"
  FROM "outside_answer" WHERE "next_check_at" <= ? AND {WITHOUT_LIST}
) AS "due"
WHERE "nth" <= {ANSWERS_OF_SERVER} ORDER BY "nth", "next_check_at", "id" LIMIT {ANSWERS_MAX}
"""


async def check_outside_answers(context: Context) -> int:
    """Ask about what is due; about how many rows. Every server gets its turn. Raises Unavailable."""
    due = await _due(context)
    by_server: dict[str, list[OutsideAnswerRow]] = {}
    for row in due:
        by_server.setdefault(row.server, []).append(row)
    asked = [_ask_server(context, rows) for rows in by_server.values()]
    results = await asyncio.gather(*asked, return_exceptions=True)
    await judge_again(context, [row.certificate_id for row in due])
    for result in results:
        if isinstance(result, BaseException):
            raise result
    return len(due)


async def _due(context: Context) -> list[OutsideAnswerRow]:
    now = context.clock()
    identifiers = [row[0] for row in await context.database.query(_DUE, now, now)]
    if not identifiers:
        return []
    condition, values = among("id", identifiers)
    rows = await context.database.select(OutsideAnswerRow, condition, *values)
    return sorted(rows, key=lambda row: (row.next_check_at, row.id))


async def _ask_server(context: Context, rows: Sequence[OutsideAnswerRow]) -> None:
    """One after the other, until it cannot be reached."""
    for row in rows:
        away = await check_answer(context, row)
        if away is not None:
            await _put_off(context, away)
            return


async def _put_off(context: Context, failed: OutsideAnswerRow) -> None:
    """What else is due at the server that cannot be reached shares its fate."""
    now = context.clock()
    condition = f'"server" = ? AND "next_check_at" <= ? AND {WITHOUT_LIST} ORDER BY "id" LIMIT {PUT_OFF_MAX}'
    rows = await context.database.select(OutsideAnswerRow, condition, failed.server, now, now)
    columns = {"next_check_at": failed.next_check_at, "problem": failed.problem}
    since = columns | {"failing_since": failed.checked_at}
    newly = [row.id for row in rows if row.failing_since is None]
    again = [row.id for row in rows if row.failing_since is not None]
    marks = [Mark(OutsideAnswerRow, since, newly), Mark(OutsideAnswerRow, columns, again)]
    await context.ledger.commit(Change(marked=[mark for mark in marks if mark.identifiers]))


# -- one answer ------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Look:
    """`away`: the server itself cannot be reached, whatever it is asked."""

    found: OutsideAnswer | None = None
    problem: str = ""
    away: bool = False


async def check_answer(context: Context, row: OutsideAnswerRow) -> OutsideAnswerRow | None:
    """Ask one responder about one certificate and take in what it says. Whatever is wrong with it stands in
    its row, which is returned where the server cannot be reached. The row goes when nothing new can be learnt
    of the certificate, or its issuer has left the inventory. Raises Unavailable."""
    certificates = await context.database.select(CertificateRow, '"id" = ?', row.certificate_id)
    condition, values = among("certificate_id", [row.certificate_id, row.issuer_id])
    bodies = await context.database.select(CertificateBodyRow, condition, *values)
    ders = {one.certificate_id: one.der for one in bodies}
    settled = not certificates or _is_settled(certificates[0])
    if settled or row.ends_at <= context.clock() or ders.keys() != {row.certificate_id, row.issuer_id}:
        await _commit(context, Change(removed=[row]))
        return None
    look = await _look(context, row, ders)
    now = context.clock()
    after = _after(row, look, now)
    marks: list[Mark] = []
    if look.found is not None and not look.found.is_over(now):
        columns = await _columns(context, certificates[0], row, look.found)
        marks = [Mark(CertificateRow, columns, [row.certificate_id])] if columns else []
    written = await _commit(context, Change(replaced=[(row, after)], marked=marks))
    return after if written and look.away else None


async def _commit(context: Context, change: Change) -> bool:
    """False where the row has changed meanwhile, or is gone with its certificate."""
    try:
        await context.ledger.commit(change)
    except Conflict:
        return False
    return True


def _is_settled(certificate: CertificateRow) -> bool:
    """It is revoked for good, or has turned out to be ours."""
    revoked = certificate.revocation_reason not in (None, Reason.CERTIFICATE_HOLD)
    return revoked or certificate.generation_id is not None


async def _look(context: Context, row: OutsideAnswerRow, ders: Mapping[int, bytes]) -> _Look:
    try:
        asked = question(ders[row.certificate_id], ders[row.issuer_id])
        octets = await context.fetch_answer(asked.url(row.url))
        found = await asyncio.to_thread(read_answer, octets, asked, context.clock())
    except (Unreached, Forbidden, Malformed) as error:
        # What is further down the trail is where a redirect has led.
        away = isinstance(error, Unreached) and not error.answered and len(error.trail) == 1
        return _Look(problem=problem_line(error.detail), away=away)
    if row.this_update is not None and found.this_update < row.this_update:
        return _Look(problem="the OCSP answer that is there is older than one that was there before")
    if found.status is None:
        return _Look(problem="the responder does not know the certificate (unknown)")
    return _Look(found)


def _after(row: OutsideAnswerRow, look: _Look, now: datetime) -> OutsideAnswerRow:
    since = (row.failing_since or now) if look.problem else None
    after = row._replace(checked_at=now, problem=look.problem, failing_since=since)
    if look.found is None:
        pause = min(max(FAILED, now - (since or now)), FAILED_MAX)
        return after._replace(next_check_at=now + pause)
    due = look.found.next_update
    return after._replace(
        next_check_at=min(max(due, now + OFTEN), now + USUAL),
        this_update=look.found.this_update,
        next_update=due,
    )


async def _columns(
    context: Context, certificate: CertificateRow, row: OutsideAnswerRow, found: OutsideAnswer
) -> dict[str, Any]:
    """The columns of the certificate's row that change. A hold begins and ends only by an answer that is
    newer than the newest list and what other responders have said, and ends by none from before it."""
    assert found.status is not None
    reason = None if certificate.revocation_reason is None else Reason(certificate.revocation_reason)
    current = ToldStatus(certificate.revoked_at, reason)
    after = next_status(current, found.status)
    if after == current:
        return {}
    if after.reason in (None, Reason.CERTIFICATE_HOLD):
        said = [*await _other_words(context, row), *([current.revoked_at] if current.revoked_at else [])]
        if any(found.this_update <= moment for moment in said):
            return {}
    return {
        "revoked_at": after.revoked_at,
        "revocation_reason": None if after.reason is None else int(after.reason),
    }


async def _other_words(context: Context, row: OutsideAnswerRow) -> list[datetime]:
    """When what is believed beside this responder was said: lists, and other answers."""
    sql = (
        'SELECT "this_update" FROM "outside_list" WHERE "issuer_id" = ? AND "this_update" IS NOT NULL '
        'UNION ALL SELECT "this_update" FROM "outside_answer" '
        'WHERE "certificate_id" = ? AND "id" <> ? AND "this_update" IS NOT NULL'
    )
    rows = await context.database.query(sql, row.issuer_id, row.certificate_id, row.id)
    return [moment_of(one[0]) for one in rows]
