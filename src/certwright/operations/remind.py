"""What a worker does for attestation: gives certificates their items, reminds people, opens campaigns anew.

Each step is one commit that stands on the campaign's version, so it can be done twice, and by two at once,
without asking or reminding anybody twice.
"""

from collections.abc import Iterable
from datetime import datetime

from ..core.access import EVERYTHING, Actor, Role
from ..core.attestation import Stage, next_begins, stage_at
from ..core.audit import EventKind, JsonValue
from ..core.errors import Conflict
from ..store.ledger import Change
from ..store.people_rows import AttestationCampaignRow, AttestationItemRow, NoticeRow
from ..store.rows import CertificateRow
from .attestation import (
    CampaignOrder,
    campaign_event,
    campaign_row,
    find_campaign,
    opening,
    read_filter,
)
from .context import Context
from .list_certificates import filter_condition

CHUNK = 500
LEAST = -(2**63)
CAMPAIGNS_MAX = 100
WORKER = Actor("system:worker")


async def fill_campaign(context: Context, payload: dict[str, object]) -> None:
    """Give every certificate that the campaign selects, and that holds, its item; then ask. Raises NotFound,
    Unavailable, Conflict when another fills it at the same moment."""
    identifier = int(str(payload["campaign"]))
    while True:
        row = await find_campaign(context.database, identifier)
        if row.filled_at is not None or row.closed_at is not None:
            return
        found = await _next_certificates(context, row)
        if not found:
            await _ask(context, row)
            return
        items = [
            AttestationItemRow(context.ledger.new_id(), row.id, one.id, "", "", None, "", 1) for one in found
        ]
        await context.ledger.commit(Change(inserted=[*items], replaced=[(row, row)]))


async def _next_certificates(context: Context, row: AttestationCampaignRow) -> list[CertificateRow]:
    """Those after the last that has an item, in the order of identifiers."""
    last = 'SELECT max("certificate_id") FROM "attestation_item" WHERE "campaign_id" = ?'
    [(after,)] = await context.database.query(last, row.id)
    text, values = filter_condition(context.database, read_filter(row.selected))
    condition = (
        f'({text}) AND "revoked_at" IS NULL AND "not_after" > ? AND "id" > ? ORDER BY "id" LIMIT {CHUNK}'
    )
    place = LEAST if after is None else after
    return await context.database.select(CertificateRow, condition, *values, row.opened_at, place)


async def _ask(context: Context, row: AttestationCampaignRow) -> None:
    now = context.clock()
    change = Change(replaced=[(row, row._replace(filled_at=now))])
    for account, team, number in await _unanswered(context, row):
        if not (account or team):
            continue
        text = f"{row.title}: are {number} certificates that you answer for needed still?"
        change.inserted.append(_notice(context, row, now, account, "" if account else team, text))
    await context.ledger.commit(change)


async def remind(context: Context) -> int:
    """Whatever is due of all open campaigns: reminders, escalations, and the next of those that are repeated;
    how much it was. Raises Unavailable."""
    now, done = context.clock(), 0
    condition = (
        '("closed_at" IS NULL AND "filled_at" IS NOT NULL AND "stage" < ?) OR "repeat_days" IS NOT NULL '
        f'ORDER BY "opened_at" DESC, "id" DESC LIMIT {CAMPAIGNS_MAX}'
    )
    for row in await context.database.select(AttestationCampaignRow, condition, int(max(Stage))):
        try:
            done += await _remind(context, row, now)
            done += await _repeat(context, row, now)
        except Conflict:
            continue  # another worker, or somebody who answers, was first; the next turn looks again
    return done


async def _remind(context: Context, row: AttestationCampaignRow, now: datetime) -> bool:
    stage = stage_at(row.opened_at, row.due_at, now)
    if row.closed_at is not None or row.filled_at is None or stage <= row.stage:
        return False
    left = await _unanswered(context, row)
    notices = [
        _notice(context, row, now, account, team, text)
        for account, team, text in _told(context, row, stage, left)
        if account or team
    ]
    detail: dict[str, JsonValue] = {"stage": stage.name.lower().replace("_", "-"), "notices": len(notices)}
    detail["unanswered"] = sum(number for _, _, number in left)
    event = campaign_event(EventKind.ATTESTATION_REMINDED, now, WORKER, row, detail)
    after = row._replace(stage=int(stage))
    await context.ledger.commit(Change(inserted=[*notices], replaced=[(row, after)], events=[event]))
    return True


def _told(
    context: Context, row: AttestationCampaignRow, stage: Stage, left: list[tuple[str, str, int]]
) -> Iterable[tuple[str, str, str]]:
    """Account, team (one of them empty) and text of each notice."""
    due = f"{row.due_at:%Y-%m-%d}"
    if stage is Stage.OFFICERS_TOLD:
        number = sum(number for _, _, number in left)
        text = f"{row.title}: nobody has answered for {number} certificates, which was due on {due}"
        return [(account, team, text) for account, team in _officers(context) if number]
    if stage is Stage.TEAM_TOLD:
        sums: dict[tuple[str, str], int] = {}
        for account, team, number in left:
            key = ("", team) if team else (account, "")
            sums[key] = sums.get(key, 0) + number
        late = f"certificates have no answer yet, which was due on {due}"
        return [(account, team, f"{row.title}: {number} {late}") for (account, team), number in sums.items()]
    soon = f"certificates have no answer yet, which is due on {due}"
    return [
        (account, "" if account else team, f"{row.title}: {number} {soon}") for account, team, number in left
    ]


def _officers(context: Context) -> list[tuple[str, str]]:
    """Who is a security officer everywhere, accounts and teams; the administrators where nobody is."""
    for role in (Role.SECURITY_OFFICER, Role.ADMINISTRATOR):
        holders = [
            holder.partition(":")
            for holder, grants in sorted(context.snapshot.grants.items())
            if any(one.role is role and one.scope == EVERYTHING for one in grants)
        ]
        found = [
            (name, "") if kind == "user" else ("", name)
            for kind, _, name in holders
            if kind in ("user", "team")
        ]
        if found:
            return found
    return []


async def _unanswered(context: Context, row: AttestationCampaignRow) -> list[tuple[str, str, int]]:
    """Owner, team, and how many of their certificates have no answer and hold still; those for which nobody
    answers are left to the officers."""
    rows = await context.database.query(
        'SELECT c."owner", c."team", count(*) FROM "attestation_item" i JOIN "certificate" c '
        """ON c."id" = i."certificate_id" WHERE i."campaign_id" = ? AND i."answer" = '' """
        'AND c."revoked_at" IS NULL AND c."not_after" > ? GROUP BY c."owner", c."team" '
        'ORDER BY c."owner", c."team"',
        row.id,
        context.clock(),
    )
    return [(owner, team, int(number)) for owner, team, number in rows]


async def _repeat(context: Context, row: AttestationCampaignRow, now: datetime) -> bool:
    begins = next_begins(row.opened_at, row.repeat_days)
    if begins is None or now < begins:
        return False
    if await context.database.select(AttestationCampaignRow, '"follows" = ?', row.id):
        return False
    due = now + (row.due_at - row.opened_at)
    order = CampaignOrder(row.title, row.text, read_filter(row.selected), due, row.repeat_days)
    asker = Actor(row.opened_by)
    following = campaign_row(context, asker, order, now, row.id)
    await context.ledger.commit(opening(WORKER, following))
    return True


def _notice(
    context: Context, row: AttestationCampaignRow, now: datetime, account: str, team: str, text: str
) -> NoticeRow:
    return NoticeRow(context.ledger.new_id(), account, team, text, f"/attestation/{row.id}", now, None, 1)
