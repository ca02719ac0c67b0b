"""What whoever decides on a request should know: how far it is validated, by what, and what is missing."""

import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from ..core.access import Actor
from ..core.distinguished_name import ORGANIZATION, parse_name
from ..core.mailbox import counting
from ..core.names import Identifier
from ..core.rules_facts import Validation
from ..core.vetted_subject import Reached, prepared, reached
from ..core.vetting import domains_of, within
from ..store.approvals import Request
from ..store.databases import Database
from ..store.enrolment import load_order, read_identifiers
from ..store.rows import AcmeAuthorizationRow
from ..store.vetting import Organization, proof_of
from .context import Context
from .find_request import request_before
from .organizations import may_read
from .vetting_reached import OnRecord, control_by, on_record_of


@dataclass(frozen=True, slots=True)
class NameShown:
    """How control of a name was shown: empty if it was not. `at` is when, `perspectives` are the zones that
    have seen it."""

    name: str
    shown_by: str = ""
    at: datetime | None = None
    perspectives: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class RequestValidation:
    """`organization` is the record that the subject names; None where there is none. `readable` says whether
    the reader may see that record."""

    reached: Reached
    names: tuple[NameShown, ...]
    organization: Organization | None = None
    readable: bool = False

    def document(self) -> dict[str, Any]:
        """The same in plain values."""
        return {
            "reached": self.reached.validation.value,
            "organization": self.organization.row.legal_name if self.organization else "",
            "missing": {level.value: list(why) for level, why in self.reached.missing.items() if why},
            "names": [
                {
                    "name": one.name,
                    "shown_by": one.shown_by,
                    "at": one.at.isoformat() if one.at else None,
                    "perspectives": list(one.perspectives),
                }
                for one in self.names
            ],
        }

    @property
    def beyond(self) -> list[tuple[str, tuple[str, ...]]]:
        """Levels that are not reached, each with what is missing."""
        levels = [level for level in Validation if not self.reached.validation.reaches(level)]
        return [(level.value, self.reached.missing.get(level, ())) for level in levels]


async def request_validation(context: Context, actor: Actor, identifier: int) -> RequestValidation:
    """As of now, for whoever may see the request. Raises NotFound."""
    request = await request_before(context, actor, identifier)
    return await validation_of(context, actor, request)


async def validation_of(context: Context, actor: Actor, request: Request) -> RequestValidation:
    """The same of a request that was found for the actor."""
    row, now, ages = request.row, context.clock(), context.vetting.ages
    names, subject = read_identifiers(row.names), parse_name(row.subject)
    record = await on_record_of(context.database, row.team, row.requester_user)
    organizations = record.organizations
    control = control_by(context, row.origin, names, record, now)
    found = reached(subject, names, control, [one.vetted for one in organizations], ages, now)
    wanted = {prepared(value) for value in subject.values(ORGANIZATION)}
    named = [one for one in organizations if {prepared(one.row.legal_name)} == wanted]
    mine = next((one for one in named if one.row.legal_name == found.organization), None)
    one_by_one = await _challenges(context.database, row.acme_order) | _by_mail(context, names, record, now)
    shown = [one_by_one.get(name) or _by_domain(context, name, named or organizations, now) for name in names]
    return RequestValidation(found, tuple(shown), mine, mine is not None and may_read(actor, mine.row))


async def _challenges(database: Database, order: int | None) -> dict[Identifier, NameShown]:
    if order is None:
        return {}
    found = {}
    for one in (await load_order(database, order)).authorizations:
        target = one.facts.target
        prefix = "*." if target.wildcard else ""
        name = Identifier(target.identifier.kind, f"{prefix}{target.identifier.value}")
        if one.row.validated_at is not None:
            zones = _zones(one.row)
            found[name] = NameShown(str(name), one.row.attempted, one.row.validated_at, zones)
    return found


def _zones(row: AcmeAuthorizationRow) -> tuple[str, ...]:
    """The perspectives that agreed."""
    return tuple([str(seen[0]) for seen in json.loads(row.evidence or "[]") if not seen[2]])


def _by_mail(
    context: Context, names: tuple[Identifier, ...], record: OnRecord, now: datetime
) -> dict[Identifier, NameShown]:
    """The newest proof of each, which come first."""
    found: dict[Identifier, NameShown] = {}
    for row in record.mailboxes:
        proof, ages = proof_of(row), context.vetting.ages
        if counting(names, record.holder, [proof], ages, now):
            text = f"a code mailed to it, which {row.account} has answered with"
            found.setdefault(proof.address, NameShown(str(proof.address), text, row.proved_at))
    return found


def _by_domain(
    context: Context,
    name: Identifier,
    organizations: "list[Organization] | tuple[Organization, ...]",
    now: datetime,
) -> NameShown:
    for one in organizations:
        for domain in sorted(domains_of(one.vetted, context.vetting.ages, now)):
            if within(name, frozenset({domain})):
                return NameShown(str(name), f"domain {domain} of {one.row.legal_name}")
    return NameShown(str(name))
