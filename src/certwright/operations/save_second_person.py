"""Say for which dangerous acts a second person is needed. To ask for less needs one, too."""

import json
from datetime import datetime

from ..core.access import Actor, Subject, Verb, require
from ..core.audit import Event, EventKind, JsonValue
from ..core.errors import Conflict
from ..core.second_person import Act, Kind, Rule
from ..store.ledger import Change
from ..store.people_rows import SecondPersonRuleRow
from ..store.snapshot import Snapshot
from .context import Context, decide_again
from .second_person import permission, require_a_person


async def save_second_person(context: Context, actor: Actor, rule: Rule) -> Rule:
    """The rule as it is in force now. Raises Forbidden for programs too, Conflict where it is in force
    already, SecondPersonNeeded."""
    require(actor, Verb.MANAGE_ACCESS, Subject())
    await require_a_person(context.database, actor)
    await decide_again(context, lambda: _save(context, actor, rule))
    return rule


async def _save(context: Context, actor: Actor, rule: Rule) -> None:
    before = context.snapshot.second_person
    if rule == before:
        raise Conflict("this is the rule of the second person that is in force already")
    change = Change(revision=context.snapshot.revision, configures=True)
    if before.relaxed_by(rule):
        arguments = {"before": _names(before), "hours_before": before.hours, **rule_document(rule)}
        act = Act(Kind.RELAX_RULE, Verb.MANAGE_ACCESS, (Subject(),), arguments)
        change.join(await permission(context, actor, act))
    detail: dict[str, JsonValue] = {
        "setting": "second-person",
        "before": {"kinds": _names(before), "hours": before.hours},
        "after": rule_document(rule),
    }
    now = context.clock()
    event = Event(EventKind.SETTING_SAVED, now, actor.name, actor.source, "installation:1", detail)
    change.events.append(event)
    rows = await context.database.select(SecondPersonRuleRow, '"id" = 1')
    after = SecondPersonRuleRow(1, json.dumps(_names(rule)), rule.hours, 1)
    if rows:
        change.replaced.append((rows[0], after._replace(version=rows[0].version)))
    else:
        change.inserted.append(after)
    await context.ledger.commit(change)
    await context.snapshots.refresh()


def read_second_person(snapshot: Snapshot, actor: Actor) -> Rule:
    """The rule in force. Raises Forbidden."""
    require(actor, Verb.VIEW, Subject())
    return snapshot.second_person


def second_person_document(snapshot: Snapshot, now: datetime) -> dict[str, JsonValue]:
    """The rule, and until when break-glass suspends it."""
    glass = snapshot.broken_glass(now)
    suspended = glass.ends_at.isoformat() if glass else None
    return {**rule_document(snapshot.second_person), "suspended_until": suspended}


def rule_document(rule: Rule) -> dict[str, JsonValue]:
    """The same for REST, command line and audit."""
    return {"kinds": _names(rule), "hours": rule.hours}


def _names(rule: Rule) -> list[str]:
    return sorted(kind.value for kind in rule.kinds)
