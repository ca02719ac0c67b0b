"""How far an issuance is validated: by challenges, and by what is on record of organizations."""

from datetime import datetime

from ..core.access import Actor
from ..core.errors import Reason, Refused
from ..core.policy import Approved
from ..core.profile import Profile
from ..core.rules_effects import what_to_do
from ..core.rules_facts import Validation
from ..core.vetted_subject import Reached, reached
from ..store.databases import Database
from ..store.vetting import Organization, with_checks
from ..store.vetting_rows import OrganizationRow
from .apply_rules import origin_of, rules_in_force
from .context import Context
from .organizations import PER_TEAM_MAX

SYSTEM = "system"
PROVES_NAMES = frozenset({"acme"})
"""Origins of requests whose every name was proved by a challenge before."""


async def organizations_for(context: Context, profile: Profile, team: str) -> tuple[Organization, ...]:
    """Those that a certificate of the team may name; none where neither profile nor rules ask for it.

    What is decided by them stands on their rows: keep those in the commit.
    """
    if not asks_validation(context, profile):
        return ()
    return await organizations_of(context.database, team)


def asks_validation(context: Context, profile: Profile) -> bool:
    """Does the profile or any rule want to know how far identity was checked?"""
    return profile.validation is not Validation.NONE or rules_in_force(context.snapshot).asks_validation


async def organizations_of(database: Database, team: str) -> tuple[Organization, ...]:
    """The team's own and those of all teams."""
    condition = f'"team" IN (?, ?) ORDER BY "id" LIMIT {2 * PER_TEAM_MAX}'
    rows = await database.select(OrganizationRow, condition, team, "")
    return tuple(await with_checks(database, rows))


def reached_by(
    context: Context, approved: Approved, actor: Actor, vetted: tuple[Organization, ...], now: datetime
) -> Reached:
    """Nothing where nobody asks."""
    if not asks_validation(context, approved.profile):
        return Reached()
    proved = origin_of(actor) in PROVES_NAMES
    records = [one.vetted for one in vetted]
    return reached(approved.subject, approved.names, proved, records, context.vetting.ages, now)


def require_validation(profile: Profile, actor: Actor, found: Reached) -> None:
    """Raises Refused where the profile wants more. What we renew for ourselves, nobody is there to vet."""
    wanted = profile.validation
    if origin_of(actor) != SYSTEM and not found.validation.reaches(wanted):
        text = f"profile {profile.name} requires validation {wanted}, and {found.validation} was reached"
        why = what_to_do(found.missing, wanted)
        raise Refused((Reason("policy.validation", f"{text}; {why}"),))
