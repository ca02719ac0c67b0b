"""What rules that are to be saved would break: said before they are in force."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from ..core.access import Actor, Subject, Verb, require, speaks_for_issuer
from ..core.errors import Reason
from ..core.rules import NeedsApproval, RuleSet, Stopped, stopped
from ..core.rules_difference import difference
from ..core.rules_facts import StoredFacts
from ..core.rules_shut import Place, shut_by
from ..store.databases import Database
from ..store.rows import CertificateNameRow, CertificateRow
from ..store.snapshot import Endpoint, Snapshot
from .apply_rules import rules_in_force
from .issue_ocsp_signer import PROFILE as OCSP_SIGNER
from .read_policy import difference_document

OWN_MAX = 1000


async def check_policy(
    database: Database, snapshot: Snapshot, actor: Actor, rules: RuleSet, now: datetime
) -> dict[str, Any]:
    """What they would change and what there is to warn of, as a document; nothing is saved. Raises
    Forbidden."""
    require(actor, Verb.VIEW, Subject())
    warnings = await policy_warnings(database, snapshot, rules, now)
    return {
        "based_on": snapshot.policy.number if snapshot.policy else 0,
        "changes": difference_document(difference(rules_in_force(snapshot), rules)),
        "warnings": [{"code": one.code, "message": one.message} for one in warnings],
    }


async def policy_warnings(
    database: Database, snapshot: Snapshot, rules: RuleSet, now: datetime
) -> tuple[Reason, ...]:
    """Certificates of our own that would not be renewed; endpoints and profiles at which nothing would be
    issued any more."""
    return (*await _own_renewals(database, rules, now), *_shut(snapshot, rules))


# -- nothing is issued any more ------------------------------------------------------------------


def _shut(snapshot: Snapshot, rules: RuleSet) -> Iterator[Reason]:
    """What the rules in force leave open, and these do not."""
    before = rules_in_force(snapshot)
    for path, endpoint in sorted(snapshot.endpoints.items()):
        places = [_at_endpoint(snapshot, endpoint, name) for name in endpoint.profiles]
        if names := _newly_shut(before, rules, places):
            text = f"{names} would refuse everything at endpoint {path}"
            yield Reason("policy.endpoint-shut", f"{text}; leave something, or disable the endpoint")
    for name, profile in sorted(snapshot.profiles.items()):
        places = [Place(name, authority, "", profile.keys) for authority in snapshot.authorities]
        if not speaks_for_issuer(profile) and (names := _newly_shut(before, rules, places)):
            text = f"{names} would refuse everything of profile {name}, at every authority"
            yield Reason("policy.profile-shut", f"{text}; leave something")


def _at_endpoint(snapshot: Snapshot, endpoint: Endpoint, profile: str) -> Place:
    keys = snapshot.profile(profile).keys
    taken = keys if endpoint.policy.keys is None else keys & endpoint.policy.keys
    return Place(profile, endpoint.authority, endpoint.path, taken)


def _newly_shut(before: RuleSet, after: RuleSet, places: list[Place]) -> str:
    """The rules that leave nothing at any of the places; empty where one stays open, or none was."""
    shut = [shut_by(after, place) for place in places]
    if not shut or not all(shut) or all(shut_by(before, place) for place in places):
        return ""
    return "rule " + ", ".join(dict.fromkeys([name for names in shut for name in names]))


# -- certificates of our own ---------------------------------------------------------------------


async def _own_renewals(database: Database, rules: RuleSet, now: datetime) -> list[Reason]:
    """What would be stopped, now or once a rule begins or ends."""
    found: dict[str, Stopped] = {}
    for at in [now, *_moments(rules, now)]:
        for one in stopped(rules, await _own(database, now, at)):
            found.setdefault(f"{one.facts.profile} for {one.facts.requester}", one)
    return [_stopping(what, one) for what, one in found.items()]


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
