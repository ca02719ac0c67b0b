"""Find requests for certificates, as their reader may see them, and say who stands before them."""

from datetime import datetime

from ..core.access import Actor, Subject, Verb, may
from ..core.approval import Person, person_of
from ..core.errors import NotFound
from ..store.approvals import Request, load_request
from ..store.databases import Database
from ..store.people_rows import CertificateRequestRow
from ..store.snapshot import Snapshot
from .context import Context

IDENTIFIER_MAX = 2**63 - 1


def read_number(text: str) -> int:
    """The number of a request, as addresses have it. Raises NotFound: what is no number names nothing."""
    if not (text.isascii() and text.isdecimal()) or len(text) > 20 or int(text) > IDENTIFIER_MAX:
        raise NotFound(f"there is no request {text[:40]!r}")
    return int(text)


def subject_of_request(row: CertificateRequestRow) -> Subject:
    """What scopes say of a request. It has no tags yet."""
    return Subject(row.authority, row.profile, row.endpoint, row.team, row.owner)


def standing_for(snapshot: Snapshot, actor: Actor, now: datetime) -> tuple[Actor, ...]:
    """Those who have handed their right to approve on to the actor's account, as of now."""
    users = [
        one.user
        for one in snapshot.delegations
        if actor.user and one.deputy == actor.user and one.begins_at <= now < one.ends_at
    ]
    return tuple([snapshot.user_actor(user, "") for user in dict.fromkeys(users)])


def named_by(actor: Actor) -> frozenset[str]:
    """What a step can name an account by that acts in person, beside roles."""
    if not actor.account:
        return frozenset()
    return frozenset({f"user:{actor.account}", *(f"team:{team}" for team in actor.teams)})


def is_own(actor: Actor, row: CertificateRequestRow) -> bool:
    """Did the actor ask for it, or in person by one of their tokens?"""
    return actor.name == row.requester or bool(actor.account and actor.account == row.requester_user)


def visible(request: Request, actor: Actor, others: tuple[Actor, ...]) -> bool:
    """One's own, those within what one may view, those whose steps name one; and for a deputy those that the
    others see so. `CertificateRequestQuerySet.visible_to` says the same."""
    row = request.row
    if is_own(actor, row):
        return True
    subject = subject_of_request(row)
    return any(may(one, Verb.VIEW, subject) or named_by(one) & request.named for one in (actor, *others))


async def find_request(
    database: Database, snapshot: Snapshot, actor: Actor, identifier: int, now: datetime
) -> Request:
    """Raises NotFound, also when the actor may not see it."""
    request = await load_request(database, identifier)
    if not visible(request, actor, standing_for(snapshot, actor, now)):
        raise NotFound(f"there is no request {identifier}")
    return request


def people_before(context: Context, actor: Actor, row: CertificateRequestRow) -> tuple[Person, list[Person]]:
    """The actor, and those in whose place they may decide, before this request."""
    return people_of(actor, standing_for(context.snapshot, actor, context.clock()), row)


def people_of(
    actor: Actor, others: tuple[Actor, ...], row: CertificateRequestRow
) -> tuple[Person, list[Person]]:
    """The same where it is known already who has handed their right on to the actor's account."""
    subject = subject_of_request(row)
    speaks = bool(actor.account) or may(actor, Verb.APPROVE, subject)
    return person_of(actor, subject), [person_of(one, subject) for one in others if speaks]


async def request_before(context: Context, actor: Actor, identifier: int) -> Request:
    """`find_request` as of now."""
    return await find_request(context.database, context.snapshot, actor, identifier, context.clock())
