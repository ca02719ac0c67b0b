"""Do what was proposed and confirmed, from the proposal itself, by the person who proposed it.

The operation runs as if they had started it anew: their rights and the facts are those of this moment, and
the confirmation counts if the act is still the very same. Acts for which a key, a passphrase or files are
needed are started anew by the person instead.
"""

import json
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any

from ..core.access import Actor, Grant, Role
from ..core.errors import Conflict, Forbidden
from ..core.revocation import parse_reason
from ..core.rules_document import rules_from_document
from ..core.second_person import Kind, State, make_rule, person_of, state_of
from ..store.people_rows import ProposalRow
from .context import Context
from .found_authority import retire_authority
from .grant_role import grant_role
from .manage_teams import add_member, remove_member
from .manage_users import remove_factors
from .read_proposals import proposal_of, read_proposal
from .revoke import revoke_certificate
from .revoke_chosen import revoke_chosen
from .save_policy import save_policy
from .save_second_person import save_second_person
from .withdraw_role import withdraw_role

Arguments = dict[str, Any]
Doing = Callable[[Context, Actor, Arguments], Awaitable[object]]


async def carry_out(context: Context, actor: Actor, number: int) -> ProposalRow:
    """The proposal, done. Raises NotFound, Forbidden for another person, Conflict where it is not
    confirmed, or can only be done by starting it anew, and what its operation raises."""
    row = await read_proposal(context.database, actor, number)
    if person_of(actor) != row.person:
        raise Forbidden(f"{row.person} has proposed this, and carries it out")
    state = state_of(proposal_of(row), context.clock())
    if state is not State.CONFIRMED:
        raise Conflict(f"this proposal is {state}, not confirmed")
    doing = _doing(row)
    if doing is None:
        raise Conflict("this act needs what no proposal keeps; start it again as you did, and it is done")
    await doing(replace(context, carries_out=number), actor, json.loads(row.arguments))
    return await read_proposal(context.database, actor, number)


def can_be_carried_out(row: ProposalRow) -> bool:
    """Or must it be started anew?"""
    return _doing(row) is not None


def _doing(row: ProposalRow) -> Doing | None:
    arguments: Arguments = json.loads(row.arguments)
    if row.kind == Kind.RESET_LOGIN and arguments["act"] == "password":
        return None
    return _DOING.get(Kind(row.kind))


async def _retire(context: Context, actor: Actor, given: Arguments) -> None:
    if "certificate" not in given:
        await retire_authority(context, actor, given["name"])
        return
    reason = parse_reason(given["reason"])
    await revoke_certificate(context, actor, given["certificate"], reason, context.clock())


async def _policy(context: Context, actor: Actor, given: Arguments) -> None:
    rules, comment = rules_from_document(given["rules"]), given["comment"]
    number, anyway = given["based_on"], given["anyway"]
    await save_policy(context, actor, rules, comment, based_on=number, anyway=anyway)


async def _roles(context: Context, actor: Actor, given: Arguments) -> None:
    if given["act"] in ("add", "remove"):
        member = add_member if given["act"] == "add" else remove_member
        await member(context, actor, given["team"], given["user"])
        return
    if given["act"] in ("token", "deputy"):
        raise Conflict(
            "this is confirmed; do the same again yourself, for a token is shown to its maker alone"
        )
    role = grant_role if given["act"] == "give" else withdraw_role
    await role(context, actor, given["holder"], Grant(Role(given["role"]), given["scope"]))


async def _revoke(context: Context, actor: Actor, given: Arguments) -> None:
    references = [one["fingerprint"] for one in given["certificates"]]
    outcome = await revoke_chosen(context, actor, references, parse_reason(given["reason"]))
    if outcome.failed:
        reference, error = outcome.failed[0]
        text = f"{outcome.done} are revoked, {len(outcome.failed)} are not"
        raise Conflict(f"{text}; {reference[:16]}: {error.detail}")


async def _factors(context: Context, actor: Actor, given: Arguments) -> None:
    await remove_factors(context, actor, given["account"])


async def _relax(context: Context, actor: Actor, given: Arguments) -> None:
    await save_second_person(context, actor, make_rule(given["kinds"], given["hours"]))


_DOING: dict[Kind, Doing] = {
    Kind.RETIRE_AUTHORITY: _retire,
    Kind.CHANGE_POLICY: _policy,
    Kind.CHANGE_ROLES: _roles,
    Kind.BULK_REVOKE: _revoke,
    Kind.RESET_LOGIN: _factors,
    Kind.RELAX_RULE: _relax,
}
