"""The fields that an organization gives its certificates: defined, changed, retired; and what is in them."""

import json
from collections.abc import Sequence
from datetime import datetime

from ..core.access import Actor, Subject, Verb, require
from ..core.audit import Event, EventKind, JsonValue
from ..core.custom_fields import FIELDS_MAX, CustomField, FieldKind
from ..core.errors import Conflict, Malformed, NotFound
from ..store.among import among, chunks
from ..store.databases import Database
from ..store.guarded_rows import Absent
from ..store.ledger import Change
from ..store.rows import CertificateFieldRow, CustomFieldRow
from .context import Context
from .shown import require_anywhere


async def all_fields(database: Database) -> dict[str, CustomField]:
    """Every field by its name, retired ones too. Raises Unavailable."""
    rows = await database.select(CustomFieldRow, '1 = 1 ORDER BY "name"')
    return {row.name: _field(row) for row in rows}


async def list_fields(context: Context, actor: Actor) -> list[CustomField]:
    """Every field, for whoever may see any certificate. Raises Forbidden."""
    require_anywhere(actor, Verb.VIEW)
    return list((await all_fields(context.database)).values())


async def define_field(context: Context, actor: Actor, field: CustomField) -> CustomField:
    """Raises Forbidden, Malformed, and Conflict for a name that was used before, and beyond FIELDS_MAX."""
    require(actor, Verb.MANAGE_OWNERS, Subject())
    field.check()
    await _require_room(context)
    taken = Conflict(f"there is or was a field {field.name}; choose another name, or bring that one back")
    row = _row(context.ledger.new_id(), field, context.clock())
    change = Change(inserted=[row], absent=[Absent(CustomFieldRow, "name", field.name, taken)])
    return await _commit(context, actor, field, change, EventKind.FIELD_DEFINED)


async def _require_room(context: Context) -> None:
    in_use = [one for one in (await all_fields(context.database)).values() if not one.retired]
    if len(in_use) >= FIELDS_MAX:
        raise Conflict(f"there are {FIELDS_MAX} fields already; retire one first")


async def change_field(context: Context, actor: Actor, field: CustomField) -> CustomField:
    """All but its kind; a retired one is brought back, one that is in use retired, by `retired`. Values that
    are no choice any more stay. Raises Forbidden, Malformed, NotFound, Moved, Conflict beyond FIELDS_MAX."""
    require(actor, Verb.MANAGE_OWNERS, Subject())
    field.check()
    rows = await context.database.select(CustomFieldRow, '"name" = ?', field.name)
    if not rows:
        raise NotFound(f"there is no field {field.name}")
    (row,) = rows
    if row.kind != field.kind:
        raise Malformed(f"field {field.name} is of the kind {row.kind} for ever; define another")
    after = _row(row.id, field, row.retired_at or context.clock())._replace(version=row.version)
    if after == row:
        return field
    if row.retired_at is not None and not field.retired:
        await _require_room(context)
    change = Change(replaced=[(row, after)])
    return await _commit(context, actor, field, change, EventKind.FIELD_CHANGED)


async def save_field(context: Context, actor: Actor, field: CustomField) -> CustomField:
    """Define it, or change the one of this name. Raises what these raise."""
    known = await all_fields(context.database)
    return await (change_field if field.name in known else define_field)(context, actor, field)


async def values_of(
    database: Database, certificates: Sequence[int], fields: dict[str, CustomField]
) -> dict[int, dict[str, str]]:
    """What certificates have, by identifier and name, of the fields that are in use. Raises Unavailable."""
    found: dict[int, dict[str, str]] = {}
    in_use = {name for name, field in fields.items() if not field.retired}
    for some in chunks(certificates) if in_use else ():
        condition, filled = among("certificate_id", some)
        where = f'{condition} ORDER BY "field"'
        for row in await database.select(CertificateFieldRow, where, *filled):
            if row.field in in_use:
                found.setdefault(row.certificate_id, {})[row.field] = row.value
    return found


def _field(row: CustomFieldRow) -> CustomField:
    retired = row.retired_at is not None
    choices = tuple(json.loads(row.choices))
    return CustomField(row.name, row.title, FieldKind(row.kind), choices, row.help, retired)


def _row(identifier: int, field: CustomField, retired_at: datetime) -> CustomFieldRow:
    """`retired_at` counts where it is retired."""
    said = field.name, field.title, field.kind.value, json.dumps(field.choices), field.help
    return CustomFieldRow(identifier, *said, retired_at if field.retired else None, 1)


def field_document(field: CustomField) -> dict[str, JsonValue]:
    return {
        "name": field.name,
        "title": field.title,
        "kind": field.kind.value,
        "choices": list(field.choices),
        "help": field.help,
        "retired": field.retired,
    }


async def _commit(
    context: Context, actor: Actor, field: CustomField, change: Change, kind: EventKind
) -> CustomField:
    detail = field_document(field)
    subject = f"field:{detail.pop('name')}"
    change.events.append(Event(kind, context.clock(), actor.name, actor.source, subject, detail))
    change.configures = True
    await context.ledger.commit(change)
    await context.snapshots.refresh()
    return field
