"""Mail the codes that are due. A code is drawn when its mail leaves, so that none is kept but its digest.

A row is taken by its version before its mail is sent, so that of several workers one sends it. Each attempt
has a code of its own; the newest one is good.
"""

from ..core.audit import EventKind, JsonValue, shown
from ..core.errors import Moved, Refused, Unavailable
from ..core.mailbox import CODE_OCTETS, GOOD_FOR, code_digest, code_of
from ..core.notices import code_mail
from ..ports import Message
from ..store.ledger import Change
from ..store.people_rows import UserAccountRow
from ..store.vetting_rows import MailboxProofRow
from .context import Context
from .mailboxes import mailbox_event
from .send_notices import AGAIN, CHUNK, FAILURES_MAX, FRESH, PROBLEM_SHOWN, TAKEN, WORKER, Post


def mailbox_link(identifier: int) -> str:
    """The path of the page where the code is pasted."""
    return f"/console/account/mail-addresses/{identifier}/"


async def mail_codes(context: Context, post: Post) -> int:
    """Up to CHUNK of those that are due; how many were dealt with, 0 when nothing is left for now. Raises
    Unavailable when the database is away."""
    done = failures = 0
    sql = f'"mail_at" <= ? ORDER BY "mail_at", "id" LIMIT {CHUNK}'
    for row in await context.database.select(MailboxProofRow, sql, context.clock()):
        if failures >= FAILURES_MAX:
            return 0
        try:
            failures = failures + 1 if await _mail(context, post, row) else 0
        except Moved:
            continue  # another worker was first, or it was answered or taken away meanwhile
        done += 1
    return done


async def _mail(context: Context, post: Post, row: MailboxProofRow) -> bool:
    """Has the server not taken it for now? Raises Moved."""
    now = context.clock()
    problem = await _not_any_more(context, row)
    if problem:
        await _give_up(context, row, problem)
        return False
    code = code_of(context.random(CODE_OCTETS))
    taken = row._replace(
        mail_at=now + TAKEN,
        mail_attempts=row.mail_attempts + 1,
        digest=code_digest(code),
        good_until=now + GOOD_FOR,
    )
    await context.ledger.commit(Change(replaced=[(row, taken)]))
    taken = taken._replace(version=row.version + 1)
    try:
        await post.notifier.send(_message(post, taken, code))
    except Unavailable as error:
        await _put_off(context, taken, error.detail)
        return True
    except Refused as error:
        await _give_up(context, taken, error.detail)
        return False
    sent = taken._replace(mail_at=None, mailed_at=context.clock())
    await context.ledger.commit(Change(replaced=[(taken, sent)]))
    return False


async def _not_any_more(context: Context, row: MailboxProofRow) -> str:
    """Why it is not mailed now; empty if it is."""
    if row.asked_at < context.clock() - FRESH:
        return "its turn came too late: no mail could be sent for a day"
    accounts = await context.database.select(UserAccountRow, '"name" = ?', row.account)
    return "" if accounts and accounts[0].disabled_at is None else f"account {row.account} is not in use"


def _message(post: Post, row: MailboxProofRow, code: str) -> Message:
    assert row.good_until is not None
    facts = {"address": row.address, "account": row.account, "base": post.base, "code": code}
    facts |= {"link": mailbox_link(row.id), "until": f"{row.good_until:%Y-%m-%d %H:%M}"}
    subject, text = code_mail(facts)
    return Message(row.address, subject, text, f"mailbox.{row.id}.{row.mail_attempts}", row.asked_at)


async def _put_off(context: Context, row: MailboxProofRow, problem: str) -> None:
    if row.mail_attempts > len(AGAIN):
        return await _give_up(context, row, problem)
    after = row._replace(mail_at=context.clock() + AGAIN[row.mail_attempts - 1])
    return await context.ledger.commit(Change(replaced=[(row, after)]))


async def _give_up(context: Context, row: MailboxProofRow, problem: str) -> None:
    told = shown(problem, PROBLEM_SHOWN)
    detail: dict[str, JsonValue] = {"attempts": row.mail_attempts, "problem": told}
    event = mailbox_event(EventKind.MAILBOX_FAILED, context, row, WORKER, "", detail)
    after = row._replace(mail_at=None, problem=told)
    await context.ledger.commit(Change(replaced=[(row, after)], events=[event]))
