"""Everything that an account answers for gets another to answer for it: when its person leaves.

It can be done again: what is handed over already is not there any more. So a worker that dies in the middle
leaves nothing behind but work that the next one ends.
"""

from dataclasses import dataclass
from functools import partial

from ..core.access import Actor, Grant, Role, Subject
from ..core.audit import Event, EventKind
from ..core.errors import Forbidden, Malformed
from ..core.responsibility import Assignment, assigned, require_to_assign
from ..store.ledger import Change
from ..store.snapshot import Endpoint
from .assign_owner import Assigned, Progress, assign_selected
from .context import Context, decide_again
from .list_certificates import CertificateFilter
from .manage_users import Successor, find_user, require_in_use

PASSES_MAX = 3
"""A renewal that was under way while we passed may have left a certificate behind us."""


@dataclass(frozen=True, slots=True)
class HandedOver:
    """How many certificates and endpoints were handed over, and how many the actor may not."""

    certificates: int
    endpoints: int
    refused: int


async def hand_over(
    context: Context,
    actor: Actor,
    from_user: str,
    to_owner: str,
    to_team: str,
    progress: Progress = lambda done, total: None,
) -> HandedOver:
    """All that `from_user` owns gets `to_owner` (empty: nobody) for owner, and `to_team` for team (empty: as
    it was); endpoints first, so that they make nothing new for who leaves.

    Raises Malformed, NotFound for an account or team, Conflict for a disabled one, Unavailable.
    """
    wanted = _wanted(from_user, to_owner, to_team)
    await find_user(context.database, from_user)
    endpoints, refused = await _endpoints(context, actor, from_user, wanted)
    changed = left = 0
    for _ in range(PASSES_MAX):
        done, left = await _certificates(context, actor, from_user, wanted, progress)
        changed += done
        if not done:
            break
    return HandedOver(changed, endpoints, refused + left)


def _wanted(from_user: str, to_owner: str, to_team: str) -> Assignment:
    if not (to_owner or to_team):
        raise Malformed("nobody is named to hand over to; give an account or a team")
    if to_owner == from_user:
        raise Malformed(f"{from_user} cannot be handed over to itself; name another account")
    return Assignment(to_team or None, to_owner)


async def _certificates(
    context: Context, actor: Actor, from_user: str, wanted: Assignment, progress: Progress
) -> tuple[int, int]:
    """How many were changed, and how many may not be."""
    selected, changed, refused = CertificateFilter(owner=from_user), 0, 0
    after: int | None = None
    while True:
        one: Assigned = await assign_selected(
            context, actor, selected, wanted, after=after, progress=progress
        )
        changed, refused, after = changed + one.changed, refused + one.refused, one.next
        if after is None:
            return changed, refused


async def _endpoints(context: Context, actor: Actor, from_user: str, wanted: Assignment) -> tuple[int, int]:
    """How many were changed, and how many may not be."""
    changed = refused = 0
    owned = [path for path, one in context.snapshot.endpoints.items() if one.row.owner == from_user]
    for path in sorted(owned):
        try:
            await decide_again(context, partial(_endpoint, context, actor, path, wanted))
        except Forbidden:
            refused += 1
        else:
            changed += 1
    return changed, refused


async def _endpoint(context: Context, actor: Actor, path: str, wanted: Assignment) -> None:
    """Raises Forbidden, NotFound, Conflict, Moved."""
    endpoint: Endpoint = context.snapshot.endpoints[path]
    if wanted.team:
        context.snapshot.team(wanted.team)
    if wanted.owner:
        await require_in_use(context, wanted.owner)
    row = endpoint.row
    person = context.snapshot.user_actor(actor.user, actor.source) if actor.user else actor
    subject = Subject(endpoint.authority, "", path, row.team, row.owner)
    require_to_assign(actor, person, subject, assigned(subject, wanted), ())
    after = row._replace(team=row.team if wanted.team is None else wanted.team, owner=wanted.owner or "")
    detail = {"team": after.team, "owner": after.owner}
    event = Event(
        EventKind.ENDPOINT_SAVED, context.clock(), actor.name, actor.source, f"endpoint:{path}", detail
    )
    await context.ledger.commit(
        Change(replaced=[(row, after)], events=[event], revision=context.snapshot.revision, configures=True)
    )
    await context.snapshots.refresh()


async def hand_over_follow_up(context: Context, payload: dict[str, object]) -> None:
    """What `disable_user` has left to do, in the name of who disabled the account. Raises as `hand_over`."""
    left = Successor.read(payload)
    asker = Actor(left.asked_by, (Grant(Role.ADMINISTRATOR),))  # as one who disables accounts is
    await hand_over(context, asker, left.account, left.owner, left.team)
