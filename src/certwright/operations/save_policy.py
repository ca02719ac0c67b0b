"""Put rules of issuance in force as a new version; the older ones stay, to explain the past."""

import json
from collections.abc import Iterable
from datetime import datetime

from ..core.access import Actor, Subject, Verb, require
from ..core.audit import Event, EventKind, JsonValue, shown
from ..core.errors import Conflict, Malformed, Reason, Refused
from ..core.rules import NeedsApproval, RuleSet, Stopped, stopped
from ..core.rules_difference import Difference, difference
from ..core.rules_document import rules_to_document
from ..core.rules_facts import StoredFacts
from ..core.second_person import Act, Kind
from ..store.databases import Database
from ..store.ledger import Change
from ..store.rows import CertificateNameRow, CertificateRow, PolicyRow
from .apply_rules import rules_in_force
from .context import Context, decide_again
from .issue_ocsp_signer import PROFILE as OCSP_SIGNER
from .read_policy import difference_document
from .second_person import permission

COMMENT_MAX = 2000
NAMES_SHOWN, NAME_SHOWN = 50, 64
OWN_MAX = 1000


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
    when they would stop us from renewing certificates of our own, unless that is wanted `anyway`; and
    SecondPersonNeeded.
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
    if not anyway:
        await require_own_renewals(context, rules, now)
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


# -- what must not stop --------------------------------------------------------------------------


async def require_own_renewals(context: Context, rules: RuleSet, now: datetime) -> None:
    """Raises Refused naming what would be stopped, now or once a rule begins or ends."""
    found: dict[str, Stopped] = {}
    for at in [now, *_moments(rules, now)]:
        for one in stopped(rules, await _own(context.database, now, at)):
            found.setdefault(f"{one.facts.profile} for {one.facts.requester}", one)
    if found:
        raise Refused(tuple([_stopping(what, one) for what, one in found.items()]))


def _stopping(what: str, one: Stopped) -> Reason:
    does = "hold for approval" if isinstance(one.decision, NeedsApproval) else "refuse"
    text = f"rule {', '.join(one.decision.rules)} would {does} our own certificate {what}"
    return Reason("policy.own-renewal", f"{text} from {one.facts.at:%Y-%m-%d} on; let it pass")


def _moments(rules: RuleSet, now: datetime) -> list[datetime]:
    """When conditions begin or end to hold from now on."""
    conditions = [part for rule in rules.rules for part in (rule.when, rule.unless)]
    moments = {at for part in conditions for at in (part.since, part.until) if at is not None and at > now}
    return sorted(moments)


async def _own(database: Database, now: datetime, at: datetime) -> list[StoredFacts]:
    """Our own certificates in use, as their renewals at a moment would look. The rules do not speak of OCSP
    signers."""
    condition = (
        '"requester" LIKE \'system:%\' AND "profile" <> ? AND "not_after" > ? AND "revoked_at" IS NULL'
    )
    rows = await database.select(
        CertificateRow, f'{condition} ORDER BY "id" DESC LIMIT {OWN_MAX}', OCSP_SIGNER, now
    )
    return [_renewal(row, await _names(database, row.id), at) for row in rows]


async def _names(database: Database, certificate: int) -> list[tuple[str, str]]:
    found = await database.select(CertificateNameRow, '"certificate_id" = ? ORDER BY "position"', certificate)
    return [(name.kind, name.value) for name in found]


def _renewal(row: CertificateRow, names: list[tuple[str, str]], at: datetime) -> StoredFacts:
    return StoredFacts(
        profile=row.profile,
        authority=row.authority,
        origin="system",
        requester=row.requester,
        key_algorithm=row.key_algorithm,
        not_before=row.not_before,
        not_after=row.not_after,
        issued_at=at,
        endpoint=row.endpoint,
        team=row.team,
        owner=row.owner,
        names=names,
        subject=row.subject,
    )
