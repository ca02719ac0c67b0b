"""How far an issuance is validated: by challenges, and by the record of organizations and mailboxes."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from ..core.access import Actor
from ..core.errors import Reason, Refused
from ..core.mailbox import control_of, counting
from ..core.names import Identifier
from ..core.policy import Approved
from ..core.profile import Profile
from ..core.rules_effects import what_to_do
from ..core.rules_facts import Validation
from ..core.vetted_subject import Control, Reached, reached
from ..store.databases import Database
from ..store.guarded_rows import Kept
from ..store.vetting import Organization, proof_of, with_checks
from ..store.vetting_rows import MailboxProofRow, OrganizationRow
from .apply_rules import origin_of, rules_in_force
from .context import Context
from .mailboxes import proofs_of
from .organizations import PER_TEAM_MAX

SYSTEM = "system"
PROVES_NAMES = frozenset({"acme"})
"""Origins of requests whose every name was proved by a challenge before."""


@dataclass(frozen=True, slots=True)
class OnRecord:
    """By what a certificate can be validated beside challenges: organizations that it may name, and mailboxes
    that `holder` has proved, the account that asks for it."""

    organizations: tuple[Organization, ...] = ()
    holder: str = ""
    mailboxes: tuple[MailboxProofRow, ...] = ()

    def control(self, context: Context, names: Sequence[Identifier], now: datetime) -> Control:
        """What the holder has shown of the names."""
        proofs = [proof_of(row) for row in self.mailboxes]
        return control_of(names, self.holder, proofs, context.vetting.ages, now)

    def stood_on(self, context: Context, names: Sequence[Identifier], now: datetime) -> list[Kept]:
        """Rows on which a decision on these names stands: keep them in its commit."""
        ages = context.vetting.ages
        by_mail = [row for row in self.mailboxes if counting(names, self.holder, [proof_of(row)], ages, now)]
        return [*(one.row for one in self.organizations), *by_mail]


async def on_record_for(context: Context, profile: Profile, team: str, holder: str) -> OnRecord:
    """Nothing where neither profile nor rules ask for it."""
    if not asks_validation(context, profile):
        return OnRecord()
    return await on_record_of(context.database, team, holder)


async def on_record_of(database: Database, team: str, holder: str) -> OnRecord:
    """`holder` is the account that asks for the certificate, who has its key; empty where it is none."""
    return OnRecord(await organizations_of(database, team), holder, await proofs_of(database, holder))


def asks_validation(context: Context, profile: Profile) -> bool:
    """Does the profile or any rule want to know how far identity was checked?"""
    return profile.validation is not Validation.NONE or rules_in_force(context.snapshot).asks_validation


async def organizations_of(database: Database, team: str) -> tuple[Organization, ...]:
    """The team's own and those of all teams."""
    condition = f'"team" IN (?, ?) ORDER BY "id" LIMIT {2 * PER_TEAM_MAX}'
    rows = await database.select(OrganizationRow, condition, team, "")
    return tuple(await with_checks(database, rows))


def reached_by(
    context: Context, approved: Approved, actor: Actor, record: OnRecord, now: datetime
) -> Reached:
    """Nothing where nobody asks."""
    if not asks_validation(context, approved.profile):
        return Reached()
    control = control_by(context, origin_of(actor), approved.names, record, now)
    records = [one.vetted for one in record.organizations]
    return reached(approved.subject, approved.names, control, records, context.vetting.ages, now)


def control_by(
    context: Context, origin: str, names: Sequence[Identifier], record: OnRecord, now: datetime
) -> Control:
    """Of which names control was shown one by one, by challenges of that origin or mails."""
    return Control(frozenset(names)) if origin in PROVES_NAMES else record.control(context, names, now)


def require_validation(profile: Profile, actor: Actor, found: Reached) -> None:
    """Raises Refused where the profile wants more. What we renew for ourselves, nobody is there to vet."""
    wanted = profile.validation
    if origin_of(actor) != SYSTEM and not found.validation.reaches(wanted):
        text = f"profile {profile.name} requires validation {wanted}, and {found.validation} was reached"
        why = what_to_do(found.missing, wanted)
        raise Refused((Reason("policy.validation", f"{text}; {why}"),))
