"""Mail the notices that are due. What is due stands in their rows, so nothing is lost with a process.

A notice is taken by its version before it is sent, so that of several workers one sends it. One that dies in
between leaves it to another for later; then it may arrive twice, under the same Message-ID.
"""

from dataclasses import dataclass
from datetime import timedelta

from ..core.audit import Event, EventKind, JsonValue, shown
from ..core.errors import Moved, Refused, Unavailable
from ..core.notices import mail_subject, mail_text
from ..ports import Message, Notifier
from ..store.ledger import Change
from ..store.people_rows import NoMailRow, NoticeRow, TeamRow, UserAccountRow
from .context import Context

CHUNK = 50
TAKEN = timedelta(minutes=15)
"""After so long another worker may send what one has taken."""
FRESH = timedelta(days=1)
"""What is older and was never tried is not news any more."""
AGAIN = tuple(timedelta(minutes=minutes) for minutes in (1, 5, 30, 120, 360, 720))
FAILURES_MAX = 3
"""In a row; then the server is left in peace until the next turn."""
PROBLEM_SHOWN = 500
WORKER = "system:worker"


@dataclass(frozen=True, slots=True)
class Post:
    """How mails leave. `base` is the address of the console, without a path."""

    notifier: Notifier
    base: str


async def send_notices(context: Context, post: Post) -> int:
    """Up to CHUNK of those that are due; how many were dealt with, 0 when nothing is left for now. Raises
    Unavailable when the database is away."""
    now, done, failures = context.clock(), 0, 0
    due = await context.database.select(
        NoticeRow, f'"mail_at" <= ? ORDER BY "mail_at", "id" LIMIT {CHUNK}', now
    )
    for row in due:
        if failures >= FAILURES_MAX:
            return 0
        try:
            failures = failures + 1 if await _send(context, post, row) else 0
        except Moved:
            continue  # another worker, or its reader, was first
        done += 1
    return done


async def _send(context: Context, post: Post, row: NoticeRow) -> bool:
    """Has the server not taken it for now? Raises Moved."""
    now = context.clock()
    message = await _message(context, post, row)
    if message is not None and not row.mail_attempts and row.created_at < now - FRESH:
        await _give_up(context, row, "its turn came too late: too many mails were to be sent")
        return False
    if message is None:
        await context.ledger.commit(Change(replaced=[(row, row._replace(mail_at=None))]))
        return False
    taken = row._replace(mail_at=now + TAKEN, mail_attempts=row.mail_attempts + 1)
    await context.ledger.commit(Change(replaced=[(row, taken)]))
    taken = taken._replace(version=row.version + 1)
    try:
        await post.notifier.send(message)
    except Unavailable as error:
        await _put_off(context, taken, error.detail)
        return True
    except Refused as error:
        await _give_up(context, taken, error.detail)
        return False
    sent = taken._replace(mail_at=None, mailed_at=context.clock())
    await _record(context, taken, Change(replaced=[(taken, sent)]))
    return False


async def _put_off(context: Context, row: NoticeRow, problem: str) -> None:
    if row.mail_attempts > len(AGAIN):
        return await _give_up(context, row, problem)
    after = row._replace(mail_at=context.clock() + AGAIN[row.mail_attempts - 1])
    return await _record(context, row, Change(replaced=[(row, after)]))


async def _give_up(context: Context, row: NoticeRow, problem: str) -> None:
    detail: dict[str, JsonValue] = {
        "account": row.account,
        "team": row.team,
        "attempts": row.mail_attempts,
        "problem": shown(problem, PROBLEM_SHOWN),
    }
    event = Event(EventKind.NOTICE_FAILED, context.clock(), WORKER, "", f"notice:{row.id}", detail)
    await _record(context, row, Change(replaced=[(row, row._replace(mail_at=None))], events=[event]))


async def _record(context: Context, row: NoticeRow, change: Change) -> None:
    """Its reader may have marked it read meanwhile, which must not have it mailed again."""
    try:
        await context.ledger.commit(change)
    except Moved:
        [now] = await context.database.select(NoticeRow, '"id" = ?', row.id)
        [(_, after)] = change.replaced
        assert isinstance(after, NoticeRow)
        again = now._replace(mail_at=after.mail_at, mailed_at=after.mailed_at)
        await context.ledger.commit(Change(replaced=[(now, again)], events=change.events))


async def _message(context: Context, post: Post, row: NoticeRow) -> Message | None:
    """None where there is nobody to mail it to."""
    to, name = await _addressee(context, row)
    if not to:
        return None
    text = mail_text(row.text, row.link, post.base, name)
    return Message(to, mail_subject(row.text), text, f"notice.{row.id}", row.created_at)


async def _addressee(context: Context, row: NoticeRow) -> tuple[str, str]:
    """Mail address, which may be empty, and what its reader is called; as of now."""
    if row.team:
        teams = await context.database.select(TeamRow, '"name" = ?', row.team)
        return (teams[0].email, teams[0].name) if teams else ("", "")
    accounts = await context.database.select(UserAccountRow, '"name" = ?', row.account)
    if not accounts or accounts[0].disabled_at is not None:
        return "", ""
    if await context.database.select(NoMailRow, '"account" = ?', row.account):
        return "", ""
    return accounts[0].email, accounts[0].display_name or accounts[0].name
