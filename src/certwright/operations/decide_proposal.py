"""What people do with a proposal: another confirms it, or somebody takes it back."""

from collections.abc import Awaitable, Callable

from ..core.access import Actor
from ..core.audit import EventKind
from ..core.errors import Moved
from ..core.second_person import confirm, require_withdrawable
from ..store.ledger import Change
from ..store.people_rows import ProposalRow
from .context import Context
from .manage_users import require_in_use
from .read_proposals import proposal_of, read_proposal
from .requester import refreshed
from .second_person import proposal_event, require_a_person

ATTEMPTS = 3


async def confirm_proposal(context: Context, actor: Actor, number: int) -> ProposalRow:
    """Permit what was proposed, once, to the person who did. Nothing is done by it yet.

    Raises NotFound, Forbidden for the same person, a program, and whoever may not do it themselves;
    Conflict where it waits no more, or the account that proposed it is disabled.
    """
    return await _decide(context, actor, number, _confirmed)


async def withdraw_proposal(context: Context, actor: Actor, number: int) -> ProposalRow:
    """Take it back before it is carried out; so do its own person, and everybody who could confirm it. Raises
    NotFound, Conflict."""
    return await _decide(context, actor, number, _withdrawn)


Decision = Callable[[Context, Actor, ProposalRow], Awaitable[tuple[ProposalRow, EventKind]]]


async def _decide(context: Context, actor: Actor, number: int, decide: Decision) -> ProposalRow:
    for left in range(ATTEMPTS - 1, -1, -1):
        actor = await refreshed(context, actor)
        row = await read_proposal(context.database, actor, number)
        revision = context.snapshot.revision
        after, kind = await decide(context, actor, row)
        event = proposal_event(kind, context, actor, after)
        try:
            await context.ledger.commit(Change(replaced=[(row, after)], events=[event], revision=revision))
        except Moved:
            if not left:
                raise
        else:
            return after
    raise AssertionError("unreachable")


async def _confirmed(context: Context, actor: Actor, row: ProposalRow) -> tuple[ProposalRow, EventKind]:
    now = context.clock()
    after = confirm(proposal_of(row), actor, now, context.snapshot.second_person.hours)
    await require_a_person(context.database, actor)
    kind, _, name = row.person.partition(":")
    if kind == "user":
        await require_in_use(context, name)
    confirmed = row._replace(confirmed_by=after.confirmed_by, confirmed_at=now, expires_at=after.expires_at)
    return confirmed, EventKind.PROPOSAL_CONFIRMED


async def _withdrawn(context: Context, actor: Actor, row: ProposalRow) -> tuple[ProposalRow, EventKind]:
    now = context.clock()
    require_withdrawable(proposal_of(row), now)
    return row._replace(withdrawn_by=actor.name, withdrawn_at=now), EventKind.PROPOSAL_WITHDRAWN
