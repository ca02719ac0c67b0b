"""Attestation: who answers for certificates is asked whether they are needed still, and says so.

A campaign is opened with its filter; a worker then gives every certificate that holds and is selected an
item, and asks whoever answers for it. An answer `not-needed` proposes revocation and revokes nothing by
itself; `not-mine` asks for somebody who answers. Every answer is on record, and can be changed until the
campaign is closed.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from ..core.access import Actor, Subject, Verb, may, require
from ..core.attestation import Answer, Stage
from ..core.audit import Event, EventKind, JsonValue, shown
from ..core.errors import Conflict, Forbidden, Malformed, Moved, NotFound, TooLarge
from ..store.databases import Database, moment_of
from ..store.guarded_rows import Absent
from ..store.ledger import Change
from ..store.people_rows import AttestationCampaignRow, AttestationItemRow
from ..store.rows import CertificateRow
from .context import Context
from .find_certificate import read_subject
from .list_certificates import CertificateFilter, check_filter, filter_condition, scope_condition

FILL = "attestation.fill"
"""Kind of follow-up: `{"campaign": N}`."""
TITLE_MAX, TEXT_MAX, COMMENT_MAX, ANSWERS_MAX = 200, 5000, 1000, 500
COMMENT_SHOWN = 1000
REPEAT_DAYS_MAX = 3660
DUE_MAX = timedelta(days=366)
ATTEMPTS = 5
RECORD_MAX = 100_000


@dataclass(frozen=True, slots=True)
class CampaignOrder:
    """A campaign to be. `repeat_days`: the next one opens so long after this one."""

    title: str
    text: str
    selected: CertificateFilter
    due_at: datetime
    repeat_days: int | None = None


@dataclass(frozen=True, slots=True)
class RecordLine:
    """One certificate of a campaign, as the record has it."""

    fingerprint: str
    subject: str
    not_after: datetime
    team: str
    owner: str
    answer: str
    answered_by: str
    answered_at: datetime | None
    comment: str


# -- open and close --------------------------------------------------------------------------------


async def open_campaign(context: Context, actor: Actor, order: CampaignOrder) -> AttestationCampaignRow:
    """Takes `manage-owners` within `*`. Raises Forbidden, Malformed."""
    require(actor, Verb.MANAGE_OWNERS, Subject())
    now = context.clock()
    _check(order, now)
    await check_filter(context.database, order.selected)
    filter_condition(context.database, order.selected, now)  # here, since whoever fills it can tell nobody
    row = campaign_row(context, actor, order, now)
    await context.ledger.commit(opening(actor, row))
    return row


def _check(order: CampaignOrder, now: datetime) -> None:
    if not order.title.strip() or len(order.title) > TITLE_MAX or not order.title.isprintable():
        raise Malformed(f"a campaign's title has 1 to {TITLE_MAX} printable characters")
    if len(order.text) > TEXT_MAX or not order.text.replace("\n", "").isprintable():
        raise Malformed(f"a campaign's text has at most {TEXT_MAX} printable characters")
    if not now < order.due_at <= now + DUE_MAX:
        raise Malformed("a campaign is due within a year from now, and not in the past")
    if order.repeat_days is not None:
        whole = (order.due_at - now).days + 1
        if not whole <= order.repeat_days <= REPEAT_DAYS_MAX:
            raise Malformed(
                f"a campaign is repeated after {whole} days (when it is due) to {REPEAT_DAYS_MAX}"
            )


def campaign_row(
    context: Context, actor: Actor, order: CampaignOrder, now: datetime, follows: int | None = None
) -> AttestationCampaignRow:
    return AttestationCampaignRow(
        id=context.ledger.new_id(),
        title=order.title,
        text=order.text,
        selected=write_filter(order.selected),
        opened_at=now,
        opened_by=actor.name,
        due_at=order.due_at,
        repeat_days=order.repeat_days,
        follows=follows,
        filled_at=None,
        stage=Stage.ASKED,
        closed_at=None,
        version=1,
    )


def opening(actor: Actor, row: AttestationCampaignRow) -> Change:
    """What opens a campaign; one that repeats another does so once."""
    detail: dict[str, JsonValue] = {"title": row.title, "selected": row.selected}
    detail |= {"due_at": row.due_at.isoformat(), "repeat_days": row.repeat_days}
    change = Change(
        inserted=[row],
        events=[campaign_event(EventKind.ATTESTATION_OPENED, row.opened_at, actor, row, detail)],
        follow_ups=[(FILL, json.dumps({"campaign": row.id}))],
    )
    if row.follows is not None:
        again = Conflict(f"campaign {row.follows} has been repeated already")
        change.absent.append(Absent(AttestationCampaignRow, "follows", row.follows, again))
    return change


def campaign_event(
    kind: EventKind,
    now: datetime,
    actor: Actor,
    row: AttestationCampaignRow,
    detail: dict[str, JsonValue],
) -> Event:
    return Event(kind, now, actor.name, actor.source, f"attestation:{row.id}", detail)


async def close_campaign(
    context: Context, actor: Actor, identifier: int, *, repeat: bool = True
) -> AttestationCampaignRow:
    """It takes no answers any more; without `repeat` none follows it. Takes `manage-owners` within `*`.

    Raises Forbidden, NotFound, Moved, Conflict when it is closed already.
    """
    require(actor, Verb.MANAGE_OWNERS, Subject())
    row = await find_campaign(context.database, identifier)
    _require_open(row)
    now = context.clock()
    after = row._replace(closed_at=now, repeat_days=row.repeat_days if repeat else None)
    [(left,)] = await context.database.query(
        """SELECT count(*) FROM "attestation_item" WHERE "campaign_id" = ? AND "answer" = '' """, identifier
    )
    detail: dict[str, JsonValue] = {"unanswered": left, "repeat_days": after.repeat_days}
    event = campaign_event(EventKind.ATTESTATION_CLOSED, now, actor, row, detail)
    await context.ledger.commit(Change(replaced=[(row, after)], events=[event]))
    return after


async def find_campaign(database: Database, identifier: int) -> AttestationCampaignRow:
    """Raises NotFound."""
    rows = await database.select(AttestationCampaignRow, '"id" = ?', identifier)
    if not rows:
        raise NotFound(f"there is no attestation campaign {identifier}")
    return rows[0]


def _require_open(row: AttestationCampaignRow) -> None:
    if row.closed_at is not None:
        raise Conflict(f"campaign {row.title!r} is closed since {row.closed_at:%Y-%m-%d %H:%M} UTC")


# -- answer ----------------------------------------------------------------------------------------


async def answer_items(
    context: Context,
    actor: Actor,
    campaign: int,
    certificates: Sequence[int],
    answer: Answer,
    comment: str = "",
) -> int:
    """Say it of certificates, by their identifiers, all or none; how many. For their owners, the members of
    their teams, and who may `manage-owners` over them.

    Raises TooLarge, Malformed, NotFound, Forbidden, Conflict when the campaign is closed or others answer the
    same all the time.
    """
    if len(certificates) > ANSWERS_MAX:
        raise TooLarge(f"at most {ANSWERS_MAX} answers at a time")
    if len(comment) > COMMENT_MAX or not comment.replace("\n", "").isprintable():
        raise Malformed(f"a comment has at most {COMMENT_MAX} printable characters")
    for _ in range(ATTEMPTS):
        change = await _answers(context, actor, campaign, certificates, answer, comment)
        try:
            if change.replaced:
                await context.ledger.commit(change)
        except Moved:
            continue
        return len(set(certificates))
    raise Conflict("the same certificates are being answered for by others; try again")


async def _answers(
    context: Context,
    actor: Actor,
    campaign: int,
    certificates: Sequence[int],
    answer: Answer,
    comment: str,
) -> Change:
    """The campaign's row is replaced by itself, so that an answer does not come after its end."""
    row, now = await find_campaign(context.database, campaign), context.clock()
    _require_open(row)
    change = Change()
    for identifier in dict.fromkeys(certificates):
        item, certificate = await _item(context, actor, row, identifier)
        after = item._replace(answer=answer, answered_by=actor.name, answered_at=now, comment=comment)
        if (item.answer, item.answered_by, item.comment) == (answer, actor.name, comment):
            continue
        change.replaced.append((item, after))
        detail: dict[str, JsonValue] = {"campaign": str(campaign), "answer": answer.value}
        detail |= {"comment": shown(comment, COMMENT_SHOWN), "before": item.answer}
        subject = f"certificate:{certificate.fingerprint.hex()}"
        kind = EventKind.ATTESTATION_ANSWERED
        change.events.append(Event(kind, now, actor.name, actor.source, subject, detail))
    if change.replaced:
        change.replaced.append((row, row))
    return change


async def _item(
    context: Context, actor: Actor, campaign: AttestationCampaignRow, identifier: int
) -> tuple[AttestationItemRow, CertificateRow]:
    """Raises NotFound (also for what the actor may not see), Forbidden."""
    condition = '"campaign_id" = ? AND "certificate_id" = ?'
    items = await context.database.select(AttestationItemRow, condition, campaign.id, identifier)
    found = await context.database.select(CertificateRow, '"id" = ?', identifier)
    missing = NotFound(f"campaign {campaign.title!r} does not ask about certificate {identifier}")
    if not items or not found:
        raise missing
    subject = await read_subject(context.database, actor, found[0])
    own = bool(actor.user) and (subject.owner == actor.user or subject.team in actor.teams)
    if not (own or may(actor, Verb.VIEW, subject)):
        raise missing
    if not (own or may(actor, Verb.MANAGE_OWNERS, subject)):
        raise Forbidden(f"{actor.name} does not answer for this certificate; its owner and its team do")
    return items[0], found[0]


# -- look ------------------------------------------------------------------------------------------


async def list_campaigns(database: Database, actor: Actor) -> list[AttestationCampaignRow]:
    """Every campaign, the newest first; for everybody who is known."""
    return await database.select(AttestationCampaignRow, '1 = 1 ORDER BY "opened_at" DESC, "id" DESC')


async def attestation_record(database: Database, actor: Actor, campaign: int) -> list[RecordLine]:
    """What was said of every certificate of a campaign that the actor may view, in the order of identifiers.

    Raises NotFound, TooLarge for more than RECORD_MAX.
    """
    await find_campaign(database, campaign)
    seen, values = scope_condition(actor, Verb.VIEW)
    rows = await database.query(
        'SELECT c."fingerprint", c."subject", c."not_after", c."team", c."owner", '
        'i."answer", i."answered_by", i."answered_at", i."comment" '
        'FROM "attestation_item" i JOIN "certificate" c ON c."id" = i."certificate_id" '
        'WHERE i."campaign_id" = ? AND i."certificate_id" IN '
        f'(SELECT "id" FROM "certificate" WHERE {seen}) ORDER BY c."id" LIMIT {RECORD_MAX + 1}',
        campaign,
        *values,
    )
    if len(rows) > RECORD_MAX:
        raise TooLarge(f"the record has over {RECORD_MAX} lines; ask with a role within a narrower scope")
    return [_line(*row) for row in rows]


def _line(
    fingerprint: bytes,
    subject: str,
    not_after: object,
    team: str,
    owner: str,
    answer: str,
    answered_by: str,
    answered_at: object,
    comment: str,
) -> RecordLine:
    at = moment_of(answered_at) if answered_at is not None else None
    end = moment_of(not_after)
    return RecordLine(bytes(fingerprint).hex(), subject, end, team, owner, answer, answered_by, at, comment)


# -- filters as they are kept ----------------------------------------------------------------------


def write_filter(selected: CertificateFilter) -> str:
    """What differs from no filter at all, as JSON; moments as RFC 3339 has them."""
    plain = CertificateFilter()
    told: dict[str, object] = {}
    for name in CertificateFilter.__slots__:
        value = getattr(selected, name)
        if value != getattr(plain, name):
            told[name] = value.isoformat() if isinstance(value, datetime) else value
    return json.dumps(told, sort_keys=True)


def read_filter(text: str) -> CertificateFilter:
    told = json.loads(text)
    for name in ("expires_after", "expires_before"):
        if name in told:
            told[name] = datetime.fromisoformat(told[name])
    return CertificateFilter(**told)
