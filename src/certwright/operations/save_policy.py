"""Put rules of issuance in force as a new version; the older ones stay, to explain the past."""

import json
from collections.abc import Iterable

from ..core.access import Actor, Subject, Verb, require
from ..core.audit import Event, EventKind, JsonValue, shown
from ..core.errors import Conflict, Malformed, Refused
from ..core.rules import RuleSet
from ..core.rules_difference import Difference, difference
from ..core.rules_document import rules_to_document
from ..core.second_person import Act, Kind
from ..store.ledger import Change
from ..store.rows import PolicyRow
from .apply_rules import rules_in_force
from .context import Context, decide_again
from .policy_warnings import policy_warnings
from .read_policy import difference_document
from .second_person import permission

COMMENT_MAX = 2000
NAMES_SHOWN, NAME_SHOWN = 50, 64


async def save_policy(
    context: Context,
    actor: Actor,
    rules: RuleSet,
    comment: str,
    *,
    based_on: int | None = None,
    anyway: bool = False,
) -> PolicyRow:
    """The rules as they are in force from now on. `based_on` is the number that they were made from.

    Raises Forbidden, Malformed, Conflict when there is a later version or nothing would change, and Refused
    with what `policy_warnings` has to say, unless they are wanted `anyway`; and SecondPersonNeeded.
    """
    return await decide_again(context, lambda: _save(context, actor, rules, comment, based_on, anyway))


async def _save(
    context: Context, actor: Actor, rules: RuleSet, comment: str, based_on: int | None, anyway: bool
) -> PolicyRow:
    require(actor, Verb.MANAGE_POLICY, Subject())
    if len(comment) > COMMENT_MAX:
        raise Malformed(f"a comment has at most {COMMENT_MAX} characters")
    snapshot, now = context.snapshot, context.clock()
    current = snapshot.policy.number if snapshot.policy else 0
    if based_on is not None and based_on != current:
        raise Conflict(f"the rules are at version {current}, these were made from {based_on}; take those")
    changes = difference(rules_in_force(snapshot), rules)
    if not changes:
        raise Conflict(f"these are the rules of version {current}, which are in force")
    if not anyway and (found := await policy_warnings(context.database, snapshot, rules, now)):
        raise Refused(found)
    document = json.dumps(rules_to_document(rules), sort_keys=True)
    row = PolicyRow(current + 1, document, comment, now, actor.name)
    detail: dict[str, JsonValue] = {
        "comment": shown(comment, COMMENT_MAX),
        "added": _named(rule.name for rule in changes.added),
        "removed": _named(rule.name for rule in changes.removed),
        "changed": _named(rule.name for rule in changes.changed),
        "reordered": changes.reordered,
        "anyway": anyway,
    }
    event = Event(EventKind.POLICY_SAVED, now, actor.name, actor.source, f"policy:{row.number}", detail)
    change = Change(inserted=[row], events=[event], revision=snapshot.revision, configures=True)
    change.join(await permission(context, actor, _act(rules, comment, current, anyway, changes)))
    await context.ledger.commit(change)
    await context.snapshots.refresh()
    return row


def _act(rules: RuleSet, comment: str, current: int, anyway: bool, changes: Difference) -> Act:
    """It stands on what is in force: after other rules, it is another act."""
    arguments: dict[str, JsonValue] = {
        "based_on": current,
        "rules": rules_to_document(rules),
        "comment": comment,
        "anyway": anyway,
        "changes": difference_document(changes),
    }
    return Act(Kind.CHANGE_POLICY, Verb.MANAGE_POLICY, (Subject(),), arguments)


def _named(names: Iterable[str]) -> list[JsonValue]:
    return [shown(name, NAME_SHOWN) for name in list(names)[:NAMES_SHOWN]]
