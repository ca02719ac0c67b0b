"""Fields of the organization's own: defined, filled in for some and for many, retired; and who may."""

import json

import pytest

from certwright.core.access import Actor, Grant, Role
from certwright.core.custom_fields import CustomField, FieldKind
from certwright.core.errors import Conflict, Forbidden, Malformed, NotFound
from certwright.core.responsibility import Assignment
from certwright.operations import custom_fields as module
from certwright.operations.assign_owner import assign_owner, assign_selected
from certwright.operations.context import Context
from certwright.operations.custom_fields import (
    all_fields,
    change_field,
    define_field,
    list_fields,
    values_of,
)
from certwright.operations.list_certificates import CertificateFilter, list_certificates
from certwright.operations.renew import renew_certificate
from certwright.store.rows import AuditEventRow, CertificateFieldRow, CertificateRow
from tests.operations.installed import issued, with_installation
from tests.real.databases import Database
from tests.real.pki import ADMINISTRATOR, MovableClock

COST = CustomField("cost", "Cost centre", FieldKind.NUMBER)
TIER = CustomField("tier", "Tier", FieldKind.CHOICE, ("gold", "silver"))
AUDITOR = Actor("user:aud", (Grant(Role.AUDITOR),))
NARROW = Actor("user:nar", (Grant(Role.OPERATOR, "team:web"),))


async def filled_in(context: Context, row: CertificateRow) -> dict[str, str]:
    found = await values_of(context.database, [row.id], await all_fields(context.database))
    return found.get(row.id, {})


async def assign(context: Context, row: CertificateRow, actor: Actor = ADMINISTRATOR, **fields: str) -> None:
    await assign_owner(context, actor, [row.fingerprint.hex()], Assignment(fields=fields))


async def told(context: Context, kind: str) -> list[dict[str, object]]:
    rows = await context.database.select(AuditEventRow, '"kind" = ? ORDER BY "id"', kind)
    return [json.loads(row.body)["detail"] for row in rows]


def test_fields_are_filled_in_changed_and_emptied(database: Database) -> None:
    async def body(context: Context, clock: MovableClock) -> None:
        await define_field(context, ADMINISTRATOR, COST)
        await define_field(context, ADMINISTRATOR, TIER)
        row = await issued(context)
        await assign(context, row, cost="4711", tier="gold")
        assert await filled_in(context, row) == {"cost": "4711", "tier": "gold"}
        await assign(context, row, cost="815", tier="")
        assert await filled_in(context, row) == {"cost": "815"}
        stored = await context.database.select(CertificateFieldRow, "1 = 1")
        assert stored == [CertificateFieldRow(row.id, "cost", "number", "815", 815)]
        before = len(await told(context, "certificate.described"))
        await assign(context, row, cost="815")
        await assign(context, row, tier="silver", cost="")
        assert await filled_in(context, row) == {"tier": "silver"}
        events = await told(context, "certificate.described")
        assert (before, len(events)) == (2, 3)
        assert events[1]["fields"] == {
            "cost": {"value": "815", "before": "4711"},
            "tier": {"value": "", "before": "gold"},
        }

    with_installation(database, body)


def test_a_successor_has_what_the_one_before_it_has(database: Database) -> None:
    async def body(context: Context, clock: MovableClock) -> None:
        await define_field(context, ADMINISTRATOR, COST)
        row = await issued(context)
        wanted = Assignment(environment="production", fields={"cost": "4711"})
        await assign_owner(context, ADMINISTRATOR, [row.fingerprint.hex()], wanted)
        after = (await renew_certificate(context, ADMINISTRATOR, row.fingerprint.hex(), None)).row
        assert (after.replaces, after.environment) == (row.id, "production")
        assert await filled_in(context, after) == {"cost": "4711"}
        await assign(context, after, cost="1")
        assert await filled_in(context, row) == {"cost": "4711"}

    with_installation(database, body)


def test_what_cannot_be_in_a_field_changes_nothing(database: Database) -> None:
    async def body(context: Context, clock: MovableClock) -> None:
        await define_field(context, ADMINISTRATOR, COST)
        row = await issued(context)
        with pytest.raises(Malformed, match="field cost: 'much' is not a whole number"):
            await assign(context, row, cost="much")
        with pytest.raises(NotFound, match="there is no field 'price'; known are cost"):
            await assign(context, row, cost="1", price="2")
        with pytest.raises(Forbidden):
            await assign(context, row, AUDITOR, cost="1")
        assert await filled_in(context, row) == {}
        assert await told(context, "certificate.described") == []

    with_installation(database, body)


def test_all_that_a_query_finds(database: Database) -> None:
    async def body(context: Context, clock: MovableClock) -> None:
        await define_field(context, ADMINISTRATOR, COST)
        rows = [await issued(context) for _ in range(3)]
        await assign(context, rows[0], cost="7")
        none = CertificateFilter(query="field.cost:none profile:tls-server")
        wanted = Assignment(fields={"cost": "9"})
        rehearsed = await assign_selected(context, ADMINISTRATOR, none, wanted, rehearse=True)
        assert (rehearsed.changed, rehearsed.unchanged) == (2, 0)
        assert await filled_in(context, rows[1]) == {}
        assert (await assign_selected(context, ADMINISTRATOR, none, wanted)).changed == 2
        every = CertificateFilter(query="field.cost:any")
        again = await assign_selected(context, ADMINISTRATOR, every, wanted)
        assert (again.changed, again.unchanged) == (1, 2)
        slip = CertificateFilter(query="field.kost:none profile:tls-server")
        for asks in (
            assign_selected(context, ADMINISTRATOR, slip, wanted),
            list_certificates(context.database, ADMINISTRATOR, slip, context.clock()),
        ):
            with pytest.raises(Malformed, match="there is no field 'kost'"):
                await asks
        dear = CertificateFilter(query="field.cost>8 field.cost:9")
        page = await list_certificates(context.database, ADMINISTRATOR, dear, context.clock())
        assert {row.id for row in page.rows} == {row.id for row in rows}
        seen = await list_certificates(context.database, NARROW, dear, context.clock())
        assert list(seen.rows) == []

    with_installation(database, body)


def test_a_retired_field_keeps_its_values_and_its_name(database: Database) -> None:
    async def body(context: Context, clock: MovableClock) -> None:
        await define_field(context, ADMINISTRATOR, COST)
        row = await issued(context)
        await assign(context, row, cost="7")
        retired = CustomField("cost", "Cost centre", FieldKind.NUMBER, retired=True)
        await change_field(context, ADMINISTRATOR, retired)
        assert await filled_in(context, row) == {}
        with pytest.raises(NotFound):
            await assign(context, row, cost="8")
        with pytest.raises(Conflict, match="there is or was a field cost"):
            await define_field(context, ADMINISTRATOR, CustomField("cost", "Cost", FieldKind.TEXT))
        with pytest.raises(Malformed, match="of the kind number for ever"):
            await change_field(context, ADMINISTRATOR, CustomField("cost", "Cost", FieldKind.TEXT))
        await change_field(context, ADMINISTRATOR, COST)
        assert await filled_in(context, row) == {"cost": "7"}
        assert [one["retired"] for one in await told(context, "field.changed")] == [True, False]
        await change_field(context, ADMINISTRATOR, COST)
        assert len(await told(context, "field.changed")) == 2

    with_installation(database, body)


def test_who_may_define_and_who_may_read(database: Database) -> None:
    async def body(context: Context, clock: MovableClock) -> None:
        for actor in (AUDITOR, NARROW):
            with pytest.raises(Forbidden):
                await define_field(context, actor, COST)
        await define_field(context, ADMINISTRATOR, COST)
        for actor in (AUDITOR, NARROW):
            with pytest.raises(Forbidden):
                await change_field(context, actor, COST)
            assert await list_fields(context, actor) == [COST]
        with pytest.raises(Forbidden):
            await list_fields(context, Actor("user:nobody"))
        with pytest.raises(NotFound):
            await change_field(context, ADMINISTRATOR, TIER)

    with_installation(database, body)


def test_there_are_only_so_many(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "FIELDS_MAX", 1)

    async def body(context: Context, clock: MovableClock) -> None:
        await define_field(context, ADMINISTRATOR, COST)
        with pytest.raises(Conflict, match="there are 1 fields already"):
            await define_field(context, ADMINISTRATOR, TIER)
        retired = CustomField("cost", "Cost centre", FieldKind.NUMBER, retired=True)
        await change_field(context, ADMINISTRATOR, retired)
        await define_field(context, ADMINISTRATOR, TIER)
        with pytest.raises(Conflict):
            await change_field(context, ADMINISTRATOR, COST)

    with_installation(database, body)
