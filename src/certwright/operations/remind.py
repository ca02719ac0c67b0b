"""What a worker does for attestation: gives certificates their items, reminds people, opens campaigns anew.

Each step is one commit that stands on the campaign's version, so it can be done twice, and by two at once,
without asking or reminding anybody twice.
"""

from collections import Counter
from collections.abc import Mapping
from datetime import datetime

from ..core.access import EVERYTHING, Actor, Role
from ..core.attestation import Stage, next_begins, stage_at
from ..core.audit import EventKind, JsonValue
from ..core.errors import Conflict
from ..core.notices import Telling, number_told, told
from ..store.ledger import Change
from ..store.people_rows import AttestationCampaignRow, AttestationItemRow
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
from .responsibility_matrix import MANAGED
from .tell import add_notices, people_of, teams_of

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
    text, values = filter_condition(context.database, read_filter(row.selected), context.clock())
    condition = (
        f'({text}) AND {MANAGED} AND "revoked_at" IS NULL AND "not_after" > ? AND "id" > ? '
        f'ORDER BY "id" LIMIT {CHUNK}'
    )
    place = LEAST if after is None else after
    return await context.database.select(CertificateRow, condition, *values, row.opened_at, place)


async def _ask(context: Context, row: AttestationCampaignRow) -> None:
    change = Change(replaced=[(row, row._replace(filled_at=context.clock()))])
    numbers = Counter[tuple[str, ...]]()
    for account, team, number in await _unanswered(context, row):
        numbers[_holder(account, team)] += number
    await _tell(context, change, row, Telling.ATTESTATION_ASKED, numbers)
    await context.ledger.commit(change)


def _holder(account: str, team: str) -> tuple[str, ...]:
    """The owner; the team where there is none; nobody where there is neither."""
    return (f"user:{account}",) if account else (f"team:{team}",) if team else ()


async def _tell(
    context: Context,
    change: Change,
    row: AttestationCampaignRow,
    telling: Telling,
    numbers: Mapping[tuple[str, ...], int],
) -> int:
    """How many certificates it is, to each group of holders; how many notices. Each person is told once, of
    all that it is for them."""
    people, teams = Counter[str](), Counter[str]()
    for holders, number in numbers.items():
        people.update(dict.fromkeys(people_of(context.snapshot, holders), number))
        teams.update(dict.fromkeys(teams_of(holders), number))
    done = 0
    for number in sorted({*people.values(), *teams.values()}):
        facts = {"title": row.title, "number": number_told(number), "due": f"{row.due_at:%Y-%m-%d}"}
        some, of_teams = ([name for name, of in names.items() if of == number] for names in (people, teams))
        link = f"/console/attestation/{row.id}/"
        done += await add_notices(context, change, some, of_teams, told(telling, facts), link)
    return done


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
    detail: dict[str, JsonValue] = {"stage": stage.name.lower().replace("_", "-")}
    detail["unanswered"] = sum(number for _, _, number in left)
    change = Change(replaced=[(row, row._replace(stage=int(stage)))])
    telling, numbers = _told(context, stage, left)
    detail["notices"] = await _tell(context, change, row, telling, numbers)
    change.events.append(campaign_event(EventKind.ATTESTATION_REMINDED, now, WORKER, row, detail))
    await context.ledger.commit(change)
    return True


def _told(
    context: Context, stage: Stage, left: list[tuple[str, str, int]]
) -> tuple[Telling, Mapping[tuple[str, ...], int]]:
    """What is told, and of how many certificates to each group of holders."""
    numbers = Counter[tuple[str, ...]]()
    if stage is Stage.OFFICERS_TOLD:
        number = sum(number for _, _, number in left)
        return Telling.ATTESTATION_ESCALATED, {_officers(context): number} if number else {}
    overdue = stage is Stage.TEAM_TOLD
    for account, team, number in left:
        numbers[_holder("", team) if overdue and team else _holder(account, team)] += number
    return Telling.ATTESTATION_OVERDUE if overdue else Telling.ATTESTATION_REMINDED, numbers


def _officers(context: Context) -> tuple[str, ...]:
    """Who is a security officer everywhere, accounts and teams; the administrators where nobody is."""
    for role in (Role.SECURITY_OFFICER, Role.ADMINISTRATOR):
        found = [
            holder
            for holder, grants in sorted(context.snapshot.grants.items())
            if holder.startswith(("user:", "team:"))
            and any(one.role is role and one.scope == EVERYTHING for one in grants)
        ]
        if found:
            return tuple(found)
    return ()


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
