"""What other authorities have revoked, from their CRLs: looked up where their certificates say.

A list is fetched again when a newer one is due, and now and then when that is not said. What it says is
revoked is marked so, for every certificate that this authority has signed; a hold that is lifted is lifted
here too.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from cryptography import x509

from ..core.decoded import decode
from ..core.egress import Unreached
from ..core.errors import Conflict, Forbidden, Malformed
from ..core.outside_lists import Entry, OutsideList, read_list
from ..core.revocation import Reason
from ..core.sightings import problem_line
from ..store.among import among, chunks
from ..store.changed_rows import Mark
from ..store.discovery_rows import OutsideListRow
from ..store.ledger import Change
from ..store.rows import CertificateBodyRow, CertificateRow, Row
from .context import Context
from .note_findings import judge_again

LISTS_MAX = 20
LISTS_OF_ISSUER = 300
CHUNK = 500
USUAL, OFTEN, FAILED = timedelta(hours=6), timedelta(minutes=30), timedelta(minutes=15)
"""When to look again: where a list does not say, at the earliest, and after a failure."""


async def list_rows(context: Context, named: Sequence[tuple[int, str]]) -> list[Row]:
    """Rows for lists that are not known: pairs of the issuer's identifier and a URL that a certificate of it
    names. An issuer has no more than LISTS_OF_ISSUER: it may be anybody's. Raises Unavailable."""
    known: dict[int, set[str]] = {}
    for some in chunks(sorted({issuer for issuer, _ in named})):
        condition, values = among("issuer_id", some)
        sql = f'SELECT "issuer_id", "url" FROM "outside_list" WHERE {condition}'
        for issuer, url in await context.database.query(sql, *values):
            known.setdefault(issuer, set()).add(url)
    rows: list[Row] = []
    for issuer, url in named:
        urls = known.setdefault(issuer, set())
        if url not in urls and len(urls) < LISTS_OF_ISSUER:
            urls.add(url)
            rows.append(_new_row(context, issuer, url))
    return rows


def _new_row(context: Context, issuer: int, url: str) -> OutsideListRow:
    return OutsideListRow(
        id=context.ledger.new_id(),
        issuer_id=issuer,
        url=url,
        next_check_at=context.clock(),
        checked_at=None,
        this_update=None,
        next_update=None,
        number="",
        problem="",
        failing_since=None,
        version=1,
    )


async def check_outside_lists(context: Context) -> int:
    """Look at the lists that are due, at most LISTS_MAX; at how many. Raises Unavailable."""
    due = await context.database.select(
        OutsideListRow,
        f'"next_check_at" <= ? ORDER BY "next_check_at", "id" LIMIT {LISTS_MAX}',
        context.clock(),
    )
    for row in due:
        await check_list(context, row)
    return len(due)


@dataclass(frozen=True, slots=True)
class _Look:
    found: OutsideList | None = None
    problem: str = ""


async def check_list(context: Context, row: OutsideListRow) -> None:
    """Fetch one list and take in what it says. Whatever is wrong with it stands in its row, which goes when
    its issuer has left the inventory. Raises Unavailable."""
    bodies = await context.database.select(CertificateBodyRow, '"certificate_id" = ?', row.issuer_id)
    if not bodies:
        await context.ledger.commit(Change(removed=[row]))
        return
    look = await _look(context, row, bodies[0].der)
    changed: list[int] = []
    if look.found is not None:
        try:
            await take_list(context, row.issuer_id, row.url, look.found, changed)
        except Malformed as error:
            look = _Look(problem=problem_line(error.detail))
    now = context.clock()
    after = row._replace(
        checked_at=now,
        next_check_at=_next(look, now),
        problem=look.problem,
        failing_since=(row.failing_since or now) if look.problem else None,
    )
    if look.found is not None:
        after = after._replace(
            this_update=look.found.this_update,
            next_update=look.found.next_update,
            number=look.found.number,
        )
    await context.ledger.commit(Change(replaced=[(row, after)]))
    await judge_again(context, [*changed, row.issuer_id])


def _next(look: _Look, now: datetime) -> datetime:
    if look.found is None:
        return now + FAILED
    due = look.found.next_update
    return now + USUAL if due is None else min(max(due, now + OFTEN), now + USUAL)


async def _look(context: Context, row: OutsideListRow, der: bytes) -> _Look:
    issuer = x509.load_der_x509_certificate(der)
    try:
        octets = await context.fetch_list(row.url)
        found = await asyncio.to_thread(read_list, octets, issuer, context.clock())
    except (Unreached, Forbidden, Malformed, Conflict) as error:
        return _Look(problem=problem_line(error.detail))
    if row.this_update is not None and found.this_update < row.this_update:
        return _Look(problem="the CRL that is there is older than one that was there before")
    return _Look(found)


async def take_list(context: Context, issuer: int, url: str, found: OutsideList, changed: list[int]) -> None:
    """Mark what the list of an authority, by the identifier of its certificate, changes for those that it has
    issued; which goes into `changed`. `url` is where certificates say that it is. Raises Malformed at an
    entry that cannot be read."""
    after = 0
    while True:
        rows = await context.database.select(
            CertificateRow,
            f'"issuer_certificate" = ? AND "id" > ? ORDER BY "id" LIMIT {CHUNK}',
            *(issuer, after),
        )
        if not rows:
            return
        after = rows[-1].id
        entries = await asyncio.to_thread(found.entries, [one.serial for one in rows])
        marks = [mark for one in rows if (entry := entries.get(one.serial)) and (mark := _mark(one, entry))]
        lifted = [one for one in rows if one.serial not in entries and _may_be_lifted(one, found)]
        if found.part:
            lifted = await _that_name(context, url, lifted)
        if lifted:
            free = {"revoked_at": None, "revocation_reason": None}
            marks.append(Mark(CertificateRow, free, [one.id for one in lifted]))
        if marks:
            await context.ledger.commit(Change(marked=marks))
            changed += [identifier for mark in marks for identifier in mark.identifiers]


def _mark(row: CertificateRow, entry: Entry) -> Mark | None:
    """What is revoked for good is not on hold again: the list is behind another."""
    if (row.revoked_at, row.revocation_reason) == (entry.revoked_at, int(entry.reason)):
        return None
    if row.revoked_at is not None and not _is_held(row) and entry.reason is Reason.CERTIFICATE_HOLD:
        return None
    columns = {"revoked_at": entry.revoked_at, "revocation_reason": int(entry.reason)}
    return Mark(CertificateRow, columns, [row.id])


def _is_held(row: CertificateRow) -> bool:
    return row.revocation_reason == Reason.CERTIFICATE_HOLD


def _may_be_lifted(row: CertificateRow, found: OutsideList) -> bool:
    """Only a hold ends, by a list that came after it; what else is missing may have been taken from the list
    after its end."""
    return _is_held(row) and row.revoked_at is not None and row.revoked_at < found.this_update


async def _that_name(context: Context, url: str, rows: Sequence[CertificateRow]) -> list[CertificateRow]:
    """Those of at most CHUNK certificates that name this list as theirs."""
    if not rows:
        return []
    condition, values = among("certificate_id", [row.id for row in rows])
    bodies = await context.database.select(CertificateBodyRow, condition, *values)
    named = {body.certificate_id for body in bodies if url in decode(body.der).lists}
    return [row for row in rows if row.id in named]
