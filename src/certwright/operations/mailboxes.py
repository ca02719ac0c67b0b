"""Proofs of mail addresses: asked for and given by an account, looked at and taken away by officers.

Mails to strangers are bounded, for each account and each address, however many ask at the same time.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from ..core.access import Actor, Subject, Verb, may, require
from ..core.audit import Event, EventKind, JsonValue, shown
from ..core.errors import Conflict, Forbidden, Malformed, NotFound
from ..core.mailbox import MailboxState, answer_problem, state_of
from ..core.names import IdentifierKind, parse_identifier
from ..core.notices import ADDRESS, ADDRESS_MAX
from ..store.databases import Database
from ..store.ledger import Change
from ..store.vetting import proof_of
from ..store.vetting_rows import MailboxProofRow
from .context import Context
from .record_check import NOTE_SHOWN, check_note
from .remember import claim

DAY = timedelta(days=1)
ACCOUNT_MAX, PAIR_MAX, ADDRESS_ASKED_MAX = 10, 3, 6
"""Mails a day: of one account, of one account to one address, and to one address. One account alone cannot
use up an address for its owner."""
PAGE_MAX = 100
LISTED_MAX = 500
"""Of one account; it has asked for fewer within the longest time that a proof counts."""
IDENTIFIER_MAX = 2**63 - 1


@dataclass(frozen=True, slots=True)
class ListedProof:
    """A proof as it stands now. `until` is when it stops to count, or the code to be good; None where neither
    is so."""

    row: MailboxProofRow
    state: MailboxState
    until: datetime | None

    @property
    def open(self) -> bool:
        """May a code come in yet?"""
        return self.state in (MailboxState.ASKED, MailboxState.MAILED)


async def ask_for_code(context: Context, actor: Actor, address: str) -> MailboxProofRow:
    """Have a code mailed to an address, for the account that acts in person; the worker draws and mails it.

    Raises Forbidden for who is no person, Malformed, Conflict when there is no mail server, or too many were
    asked for within a day.
    """
    account = _account(actor)
    name = _address(address)
    if not context.vetting.mails:
        raise Conflict(
            "no mail server is set up here (mail.host), so no code can be mailed; ask who runs this"
        )
    await _require_room(context, account, name)
    now = context.clock()
    row = MailboxProofRow(
        id=context.ledger.new_id(),
        account=account,
        address=name,
        asked_at=now,
        mail_at=now,
        mail_attempts=0,
        mailed_at=None,
        digest=b"",
        good_until=None,
        proved_at=None,
        problem="",
        taken_away_at=None,
        taken_away_by="",
        taken_away_why="",
        version=1,
    )
    event = mailbox_event(EventKind.MAILBOX_ASKED, context, row, actor.name, actor.source)
    await context.ledger.commit(Change(inserted=[row], events=[event]))
    return row


def _account(actor: Actor) -> str:
    """Raises Forbidden."""
    if not actor.account:
        raise Forbidden(f"{actor.name} has no mail address to prove; log in as a person")
    return actor.account


def _address(text: str) -> str:
    """In its normal form, and one that mails go to as it stands. Raises Malformed."""
    found = parse_identifier(IdentifierKind.EMAIL, text.strip()).value
    if not ADDRESS.fullmatch(found) or len(found) > ADDRESS_MAX:
        raise Malformed(f"no mail can be sent to {found[:80]!r}; write it like ann@example.com")
    return found


async def _require_room(context: Context, account: str, address: str) -> None:
    """Each place is free again a day after it was taken. Raises Conflict."""
    box = address.lower()  # of a mailbox with names that differ in case alone, which most are
    for party, places, whose in (
        (f"mailbox of {account}", ACCOUNT_MAX, f"{account} has asked for"),
        (f"mailbox of {account} {box}", PAIR_MAX, f"{account} has asked for"),
        (f"mailbox {box}", ADDRESS_ASKED_MAX, "people have asked for"),
    ):
        if not await _take(context, party, places):
            text = f"{whose} {places} codes within a day"
            raise Conflict(f"{text}, which is the most; look for the mails, or ask again tomorrow")


async def _take(context: Context, party: str, places: int) -> bool:
    for number in range(places):
        if await claim(context, f"{party} {number}", 1, DAY):
            return True
    return False


async def prove_mailbox(context: Context, actor: Actor, identifier: int, code: str) -> MailboxProofRow:
    """Answer with the code of the mail, once, as the account that has asked. Raises Forbidden, NotFound for
    what others have asked for, Malformed for a wrong code, Conflict for one that was good once, Moved."""
    row = await own_proof(context, actor, identifier)
    now, proof = context.clock(), proof_of(row)
    problem = answer_problem(proof, actor.account, code, now)
    if problem:
        waits = state_of(proof, context.vetting.ages, now) is MailboxState.MAILED
        raise (Malformed if waits else Conflict)(problem)
    after = row._replace(proved_at=now, digest=b"", mail_at=None, problem="")
    event = mailbox_event(EventKind.MAILBOX_PROVED, context, row, actor.name, actor.source)
    await context.ledger.commit(Change(replaced=[(row, after)], events=[event]))
    return after


def mailbox_event(
    kind: EventKind,
    context: Context,
    row: MailboxProofRow,
    actor: str,
    source: str,
    detail: dict[str, JsonValue] | None = None,
) -> Event:
    """It says whose and which address, and never a code."""
    told: dict[str, JsonValue] = {"account": row.account, "address": row.address, **(detail or {})}
    return Event(kind, context.clock(), actor, source, f"mailbox:{row.id}", told)


# -- look ----------------------------------------------------------------------------------------


async def own_proof(context: Context, actor: Actor, identifier: int) -> MailboxProofRow:
    """Raises Forbidden, NotFound, also for what others have asked for."""
    account = _account(actor)
    row = await _find(context.database, identifier)
    if row.account != account:
        raise NotFound(f"{account} has asked for no proof {identifier}; log in as the account that has")
    return row


async def own_proofs(context: Context, actor: Actor) -> list[ListedProof]:
    """The newest first, at most LISTED_MAX. Raises Forbidden."""
    sql = f'"account" = ? ORDER BY "id" DESC LIMIT {LISTED_MAX}'
    rows = await context.database.select(MailboxProofRow, sql, _account(actor))
    return [listed(context, row) for row in rows]


async def list_proofs(
    context: Context, actor: Actor, after: int | None = None
) -> tuple[list[ListedProof], int | None]:
    """A page of everybody's, the newest first, and where to go on. Raises Forbidden to who neither vets nor
    audits everywhere."""
    if not sees_proofs(actor):
        require(actor, Verb.APPROVE, Subject())
    before = min(after, IDENTIFIER_MAX) if after is not None else IDENTIFIER_MAX
    sql = f'"id" < ? ORDER BY "id" DESC LIMIT {PAGE_MAX + 1}'
    rows = await context.database.select(MailboxProofRow, sql, before)
    following = rows[PAGE_MAX - 1].id if len(rows) > PAGE_MAX else None
    return [listed(context, row) for row in rows[:PAGE_MAX]], following


async def proof_to_take_away(context: Context, actor: Actor, identifier: int) -> ListedProof:
    """Raises Forbidden, NotFound."""
    require(actor, Verb.APPROVE, Subject())
    return listed(context, await _find(context.database, identifier))


def sees_proofs(actor: Actor) -> bool:
    return takes_away(actor) or may(actor, Verb.VIEW_AUDIT, Subject())


def takes_away(actor: Actor) -> bool:
    return may(actor, Verb.APPROVE, Subject())


def listed(context: Context, row: MailboxProofRow) -> ListedProof:
    ages, proof = context.vetting.ages, proof_of(row)
    state = state_of(proof, ages, context.clock())
    until = row.proved_at + ages.mailbox if row.proved_at else row.good_until
    return ListedProof(row, state, None if state is MailboxState.TAKEN_AWAY else until)


async def proofs_of(database: Database, account: str) -> tuple[MailboxProofRow, ...]:
    """What an account has proved, the newest first, at most LISTED_MAX; also what counts no more."""
    if not account:
        return ()
    sql = f'"account" = ? AND "proved_at" IS NOT NULL ORDER BY "id" DESC LIMIT {LISTED_MAX}'
    return tuple(await database.select(MailboxProofRow, sql, account))


async def _find(database: Database, identifier: int) -> MailboxProofRow:
    known = 0 <= identifier <= IDENTIFIER_MAX
    rows = await database.select(MailboxProofRow, '"id" = ?', identifier) if known else []
    if not rows:
        raise NotFound(f"there is no proof {identifier} of a mail address")
    return rows[0]


# -- take away -----------------------------------------------------------------------------------


async def take_away_proof(context: Context, actor: Actor, identifier: int, why: str) -> int:
    """Nothing that this account has proved, or asked to prove, of the address counts any more; how many
    proofs that ended. Raises Forbidden, NotFound, Malformed, Moved, Conflict when none was left."""
    found = await proof_to_take_away(context, actor, identifier)
    check_note(why)
    condition = '"account" = ? AND "address" = ? AND "taken_away_at" IS NULL'
    rows = await context.database.select(MailboxProofRow, condition, found.row.account, found.row.address)
    if not rows:
        raise Conflict("it was taken away before")
    now = context.clock()
    change = Change(replaced=[(row, _ended(row, now, actor.name, why)) for row in rows])
    detail: dict[str, JsonValue] = {"proofs": len(rows), "why": shown(why, NOTE_SHOWN)}
    change.events.append(
        mailbox_event(EventKind.MAILBOX_TAKEN_AWAY, context, found.row, actor.name, actor.source, detail)
    )
    await context.ledger.commit(change)
    return len(rows)


def _ended(row: MailboxProofRow, at: datetime, actor: str, why: str) -> MailboxProofRow:
    return row._replace(taken_away_at=at, taken_away_by=actor, taken_away_why=why, mail_at=None, digest=b"")
