"""What a campaign asks somebody about, and how far it is."""

from dataclasses import dataclass

from ..core.access import Actor, Subject, Verb, may, reach
from ..core.attestation import Answer
from ..store.databases import Database
from ..store.people_rows import AttestationItemRow
from ..store.rows import CertificateRow
from .attestation import find_campaign
from .list_certificates import scope_condition

PAGE_MAX = 500


@dataclass(frozen=True, slots=True)
class Asked:
    """A certificate that is asked about, and what was said of it last. `revocable`: the reader may revoke
    it, unless that is done."""

    certificate: CertificateRow
    item: AttestationItemRow
    revocable: bool


@dataclass(frozen=True, slots=True)
class Progress:
    """How many certificates a campaign asks about in all, and how many have each answer."""

    total: int
    answered: dict[Answer, int]

    @property
    def left(self) -> int:
        return self.total - sum(self.answered.values())


async def asked_about(
    database: Database,
    actor: Actor,
    campaign: int,
    *,
    every: bool = False,
    after: int | None = None,
    limit: int = PAGE_MAX,
) -> tuple[list[Asked], int | None]:
    """What the actor and their teams answer for, in order of identifiers, after that one; with `every`, what
    they may manage the owners of as well. And where to go on, None at the end. Raises NotFound."""
    await find_campaign(database, campaign)
    condition, values = _own(actor)
    if every:
        managed, more = scope_condition(actor, Verb.MANAGE_OWNERS)
        condition, values = f"({condition}) OR ({managed})", [*values, *more]
    if after is not None:
        condition, values = f'({condition}) AND "id" > ?', [*values, after]
    limit = max(1, min(limit, PAGE_MAX))
    asked = 'SELECT "certificate_id" FROM "attestation_item" WHERE "campaign_id" = ?'
    rows = await database.select(
        CertificateRow,
        f'"id" IN ({asked}) AND ({condition}) ORDER BY "id" LIMIT {limit + 1}',
        campaign,
        *values,
    )
    shown = rows[:limit]
    items = await _items(database, campaign, shown)
    found = [Asked(row, items[row.id], _revocable(actor, row)) for row in shown]
    return found, shown[-1].id if len(rows) > limit else None


def _own(actor: Actor) -> tuple[str, list[object]]:
    if not actor.user:
        return "1 = 0", []
    marks = ",".join("?" * len(actor.teams))
    teams = f' OR "team" IN ({marks})' if actor.teams else ""
    return f'"owner" = ?{teams}', [actor.user, *actor.teams]


async def _items(
    database: Database, campaign: int, rows: list[CertificateRow]
) -> dict[int, AttestationItemRow]:
    if not rows:
        return {}
    within = f'"campaign_id" = ? AND "certificate_id" IN ({",".join("?" * len(rows))})'
    items = await database.select(AttestationItemRow, within, campaign, *(row.id for row in rows))
    return {item.certificate_id: item for item in items}


def _revocable(actor: Actor, row: CertificateRow) -> bool:
    """Without regard to tags: where only those permit it, it is done on the certificate's own page."""
    subject = Subject(row.authority, row.profile, row.endpoint, row.team, row.owner)
    return row.revoked_at is None and may(actor, Verb.REVOKE, subject)


def manages_owners(actor: Actor) -> bool:
    """Of anything at all."""
    return reach(actor, Verb.MANAGE_OWNERS) != ()


def opens_campaigns(actor: Actor) -> bool:
    return may(actor, Verb.MANAGE_OWNERS, Subject())


async def campaign_progress(database: Database, campaign: int) -> Progress:
    """Numbers alone; for everybody who is known. Raises NotFound."""
    await find_campaign(database, campaign)
    rows = await database.query(
        'SELECT "answer", count(*) FROM "attestation_item" WHERE "campaign_id" = ? GROUP BY "answer"',
        campaign,
    )
    numbers = {answer: int(number) for answer, number in rows}
    return Progress(sum(numbers.values()), {one: numbers.get(one.value, 0) for one in Answer})
