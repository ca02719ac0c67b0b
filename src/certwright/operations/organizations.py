"""Records of organizations: made, changed, listed and read by those who vet them, read by auditors."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from ..core.access import Actor, Subject, Verb, may, reach, require
from ..core.audit import Event, EventKind, JsonValue, shown
from ..core.distinguished_name import check_value
from ..core.errors import Conflict, Forbidden, Malformed, NotFound
from ..core.vetted_subject import ATTRIBUTES
from ..core.vetting import FIELDS, Level, level_of
from ..store.databases import Database
from ..store.ledger import Change
from ..store.vetting import Organization, fields_of, load_organization, with_checks
from ..store.vetting_rows import OrganizationRow
from .context import Context

PER_TEAM_MAX = 100
PAGE_MAX = 100
FIELD_SHOWN = 300
PHONE = re.compile(r"\+?[0-9][0-9 ()/.-]{2,38}")
_OIDS = {name: oid for oid, name in ATTRIBUTES.items()}


@dataclass(frozen=True, slots=True)
class OrganizationPage:
    """`next` goes on after this page; None at the end."""

    organizations: tuple[Organization, ...]
    next: int | None


async def save_organization(
    context: Context, actor: Actor, fields: Mapping[str, str], team: str, identifier: int | None = None
) -> OrganizationRow:
    """Make a record, or change the one with that identifier; what was checked of a field that is changed
    counts no more. `fields` are by name (core.vetting.FIELDS), those left out are empty.

    Raises Forbidden, NotFound, Malformed, Moved, Conflict when the team has PER_TEAM_MAX already.
    """
    before = (await find_organization(context, actor, identifier)).row if identifier is not None else None
    for one in {team, before.team if before else team}:
        require(actor, Verb.APPROVE, Subject(team=one))
    if team:
        context.snapshot.team(team)
    checked = _checked(fields)
    now = context.clock()
    row = OrganizationRow(
        id=before.id if before else context.ledger.new_id(),
        **checked,
        team=team,
        created_at=before.created_at if before else now,
        created_by=before.created_by if before else actor.name,
        version=before.version if before else 1,
    )
    if before is None or before.team != team:
        await _require_room(context.database, team)
    detail: dict[str, JsonValue] = {
        name: shown(value, FIELD_SHOWN) for name, value in fields_of(row) if value
    }
    detail["team"] = team
    change = Change(events=[organization_event(EventKind.ORGANIZATION_SAVED, context, actor, row, detail)])
    if before is None:
        change.inserted.append(row)
    else:
        change.replaced.append((before, row))
    await context.ledger.commit(change)
    return row


def _checked(fields: Mapping[str, str]) -> dict[str, str]:
    """Every field, as certificates can have it. Raises Malformed."""
    for name in fields:
        if name not in FIELDS:
            raise Malformed(f"an organization has no {name[:60]!r}; it has {', '.join(FIELDS)}")
    values = {name: " ".join(fields.get(name, "").split()) for name in FIELDS}
    for name in ("legal_name", "country"):
        if not values[name]:
            raise Malformed(f"an organization needs its {name.replace('_', ' ')}")
    for name, value in values.items():
        if value and name in _OIDS:
            try:
                check_value(_OIDS[name], value)
            except Malformed as error:
                raise Malformed(f"{name.replace('_', ' ')}: {error.detail}") from error
    if values["phone"] and not PHONE.fullmatch(values["phone"]):
        raise Malformed(f"{values['phone'][:40]!r} is no telephone number: digits, spaces and +()/.-")
    return values


async def _require_room(database: Database, team: str) -> None:
    [(number,)] = await database.query('SELECT count(*) FROM "organization" WHERE "team" = ?', team)
    if number >= PER_TEAM_MAX:
        raise Conflict(f"there are {number} organizations of {team or 'all teams'} already; that is the most")


def organization_event(
    kind: EventKind, context: Context, actor: Actor, row: OrganizationRow, detail: dict[str, JsonValue]
) -> Event:
    return Event(kind, context.clock(), actor.name, actor.source, f"organization:{row.id}", detail)


# -- look ----------------------------------------------------------------------------------------


async def list_organizations(
    context: Context, actor: Actor, after: int | None = None, limit: int = PAGE_MAX
) -> OrganizationPage:
    """A page of those that the actor vets or audits, the oldest first. Raises Forbidden to who does neither
    anywhere."""
    limit = max(1, min(limit, PAGE_MAX))
    condition, values = _seen(actor)
    sql = f'({condition}) AND "id" > ? ORDER BY "id" LIMIT {limit + 1}'
    rows = await context.database.select(OrganizationRow, sql, *values, after or 0)
    following = rows[limit - 1].id if len(rows) > limit else None
    return OrganizationPage(tuple(await with_checks(context.database, rows[:limit])), following)


def _seen(actor: Actor) -> tuple[str, list[object]]:
    """SQL for those that `may_read` says yes to. Raises Forbidden."""
    scopes = [reach(actor, verb) for verb in (Verb.APPROVE, Verb.VIEW_AUDIT)]
    if None in scopes:
        return "1 = 1", []
    teams: list[object] = [name for pairs in scopes for kind, name in pairs or () if kind == "team"]
    if not teams:
        raise Forbidden(
            f"{actor.name} neither vets organizations nor audits; ask an administrator for a role"
        )
    return f'"team" IN ({",".join("?" * len(teams))})', teams


def may_read(actor: Actor, row: OrganizationRow) -> bool:
    subject = Subject(team=row.team)
    return may(actor, Verb.APPROVE, subject) or may(actor, Verb.VIEW_AUDIT, subject)


def may_vet(actor: Actor, row: OrganizationRow) -> bool:
    return may(actor, Verb.APPROVE, Subject(team=row.team))


async def find_organization(context: Context, actor: Actor, identifier: int) -> Organization:
    """Raises Forbidden to who vets and audits nowhere, NotFound, also when the actor may not see it."""
    _seen(actor)
    found = await load_organization(context.database, identifier)
    if not may_read(actor, found.row):
        raise NotFound(f"there is no organization {identifier}")
    return found


async def organization_to_vet(context: Context, actor: Actor, identifier: int) -> Organization:
    """Raises NotFound, Forbidden."""
    found = await find_organization(context, actor, identifier)
    require(actor, Verb.APPROVE, Subject(team=found.row.team))
    return found


def level_now(context: Context, organization: Organization) -> Level:
    return level_of(organization.vetted, context.vetting.ages, context.clock())
