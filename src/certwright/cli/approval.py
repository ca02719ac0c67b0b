"""`certwright request`: list, show, approve, reject, withdraw, resubmit; delegate, delegations, take-back."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from .options import Session, anywhere, group, parse_moment
from .output import columns, facts

if TYPE_CHECKING:
    from ..core.access import Actor
    from ..operations.context import Context
    from ..store.approvals import Request
    from .remote import Remote
    from .wiring import Reading

Document = dict[str, Any]
app = group("Requests that wait for approval.")
Number = Annotated[str, typer.Argument(metavar="NUMBER", help="Number of the request.")]
Comment = Annotated[str, typer.Option("--comment", metavar="TEXT", help="Words that go with it.")]
STATUSES = "waiting, approved, rejected, refused, withdrawn, expired, issued or failed"


@app.command("list")
@anywhere
def list_all(
    session: Session,
    status: Annotated[
        str, typer.Option("--status", metavar="STATUS", help=f"Those that are {STATUSES}.")
    ] = "",
    mine: Annotated[bool, typer.Option("--mine", help="Those that you have made.")] = False,
    limit: Annotated[int, typer.Option("--limit", min=1, max=1000, help="How many at the most.")] = 100,
) -> None:
    """List requests, the newest first."""

    async def act(reading: Reading) -> list[Document]:
        from ..operations.list_requests import RequestFilter, list_requests
        from ..operations.request_documents import request_documents

        wanted = RequestFilter(_status(status), mine)
        page = await list_requests(
            reading.database, reading.snapshot, reading.actor, wanted, reading.now, None, limit
        )
        return await request_documents(reading.database, page.requests, reading.now)

    def there(remote: Remote) -> list[Document]:
        from urllib.parse import urlencode

        query = {"limit": str(limit)} | ({"status": status} if status else {})
        query |= {"mine": "true"} if mine else {}
        return list(islice(remote.get(f"/requests?{urlencode(query)}")["requests"], limit))

    documents = session.read(act, there)
    rows = [
        (one["id"], one["status"], one["step"] or "", one["profile"], one["requester"], _names(one))
        for one in documents
    ]
    heads = ("NUMBER", "STATUS", "STEP", "PROFILE", "REQUESTER", "NAMES")
    session.output.show({"requests": documents}, columns(heads, rows))


def _status(text: str) -> Any:
    from ..core.approval import RequestStatus
    from ..core.errors import Malformed

    try:
        return RequestStatus(text) if text else None
    except ValueError:
        raise Malformed(f"--status: a request is {STATUSES}, not {text[:40]!r}") from None


def _names(document: Document) -> str:
    return ", ".join(document["names"]) or document["subject"]


@app.command()
@anywhere
def show(
    session: Session,
    number: Number,
    out: Annotated[
        Path | None,
        typer.Option("--out", metavar="DIR", help="Put the certificate there, once it is issued."),
    ] = None,
) -> None:
    """Show a request, with its steps and what was decided."""
    from .remote import path_of

    async def act(reading: Reading) -> Document:
        from ..operations.find_request import find_request
        from ..operations.request_documents import request_document

        found = await find_request(
            reading.database, reading.snapshot, reading.actor, number_of(number), reading.now
        )
        return await request_document(reading.database, found, reading.now)

    document = session.read(act, lambda remote: remote.get(path_of("requests", number)))
    document |= {"files": _fetch(session, document, out) if out else {}}
    session.output.show(document, told(document))


def _fetch(session: Session, document: Document, out: Path) -> dict[str, str]:
    """Certificate and chain of an issued request, beside the key that waits there. Raises Conflict."""
    from ..core.errors import Conflict
    from .certificates import look_at
    from .files import write_certificate

    if not document["certificate"]:
        raise Conflict(f"the request is {document['status']}; there is no certificate to put in {out}")
    found = look_at(session, document["certificate"])
    return write_certificate(out, found["certificate"], found["chain"])


@app.command()
@anywhere
def approve(session: Session, number: Number, comment: Comment = "") -> None:
    """Approve the step that a request is at. With the last approval the certificate is issued."""
    from ..operations.decide_request import approve_request

    async def act(context: Context, actor: Actor) -> Request:
        return await approve_request(context, actor, number_of(number), comment)

    _decide(session, number, "approve", {"comment": comment}, act)


@app.command()
@anywhere
def reject(
    session: Session,
    number: Number,
    reason: Annotated[str, typer.Option("--reason", metavar="TEXT", help="The requester reads it.")],
) -> None:
    """Reject a request, which ends it."""
    from ..operations.decide_request import reject_request

    async def act(context: Context, actor: Actor) -> Request:
        return await reject_request(context, actor, number_of(number), reason)

    _decide(session, number, "reject", {"reason": reason}, act)


@app.command()
@anywhere
def withdraw(session: Session, number: Number) -> None:
    """Take back a request of your own while it waits."""
    from ..operations.withdraw_request import withdraw_request

    async def act(context: Context, actor: Actor) -> Request:
        return await withdraw_request(context, actor, number_of(number))

    _decide(session, number, "withdraw", {}, act)


@app.command()
@anywhere
def resubmit(session: Session, number: Number, comment: Comment = "") -> None:
    """Make a request of your own again that has ended without a certificate."""
    from ..operations.resubmit_request import resubmit_request
    from .remote import path_of

    async def act(context: Context, actor: Actor) -> Document:
        made = await resubmit_request(context, actor, number_of(number), comment)
        return await made_document(context, made)

    def there(remote: Remote) -> Document:
        return remote.post(path_of("requests", number, "resubmit"), {"comment": comment})

    document = session.run(act, there)
    text = told(document) if waits(document) else f"Issued {document['fingerprint']}"
    session.output.show(document, text)


def _decide(
    session: Session,
    number: str,
    verb: str,
    body: Document,
    act: Callable[[Context, Actor], Awaitable[Request]],
) -> None:
    from ..operations.request_documents import request_document
    from .remote import path_of

    async def here(context: Context, actor: Actor) -> Document:
        return await request_document(context.database, await act(context, actor), context.clock())

    document = session.run(here, lambda remote: remote.post(path_of("requests", number, verb), body))
    session.output.show(document, told(document))


def number_of(text: str) -> int:
    """Raises NotFound: what is no number names nothing."""
    from ..operations.find_request import read_number

    return read_number(text)


# -- who decides in whose place -------------------------------------------------------------------


@app.command()
@anywhere
def delegate(
    session: Session,
    deputy: Annotated[str, typer.Argument(metavar="DEPUTY", help="Account that decides meanwhile.")],
    until: Annotated[str, typer.Option("--until", metavar="TIME", help="When it ends: a time or a day.")],
    since: Annotated[str, typer.Option("--from", metavar="TIME", help="When it begins. Default: now.")] = "",
    user: Annotated[
        str,
        typer.Option("--user", metavar="ACCOUNT", help="Whose right it is, for who manages access."),
    ] = "",
    comment: Annotated[str, typer.Option("--comment", metavar="TEXT", help="Why.")] = "",
) -> None:
    """Hand an account's right to approve on to another, for a time."""
    ends = parse_moment("until", until)
    begins = parse_moment("from", since) if since else None

    async def act(context: Context, actor: Actor) -> Document:
        from ..operations.delegate_approval import delegate_approval
        from ..operations.request_documents import delegation_document

        return delegation_document(
            await delegate_approval(context, actor, deputy, ends, begins, comment, user)
        )

    body = {"deputy": deputy, "ends_at": ends.isoformat(), "comment": comment, "user": user}
    body |= {"begins_at": begins.isoformat()} if begins else {}
    made = session.run(act, lambda remote: remote.post("/delegations", body))
    text = f"{made['deputy']} decides for {made['user']} until {made['ends_at'][:19]} UTC ({made['id']})"
    session.output.show(made, text)


@app.command()
@anywhere
def delegations(session: Session) -> None:
    """List who decides in whose place."""

    async def act(reading: Reading) -> list[Document]:
        from ..operations.delegate_approval import list_delegations
        from ..operations.request_documents import delegation_document

        rows = await list_delegations(reading.database, reading.actor, reading.now)
        return [delegation_document(row) for row in rows]

    found = session.read(act, lambda remote: list(remote.get("/delegations")["delegations"]))
    rows = [
        (one["id"], one["user"], one["deputy"], one["begins_at"][:16], one["ends_at"][:16], one["comment"])
        for one in found
    ]
    heads = ("NUMBER", "WHOSE", "DEPUTY", "FROM", "UNTIL", "COMMENT")
    session.output.show({"delegations": found}, columns(heads, rows))


@app.command("take-back")
@anywhere
def take_back(
    session: Session,
    number: Annotated[str, typer.Argument(metavar="NUMBER", help="Of `delegations`.")],
) -> None:
    """Take back a right that was handed on."""
    from .remote import path_of

    async def act(context: Context, actor: Actor) -> Document:
        from ..operations.delegate_approval import take_back_approval
        from ..operations.request_documents import delegation_document

        return delegation_document(await take_back_approval(context, actor, number_of(number)))

    taken = session.run(act, lambda remote: remote.delete(path_of("delegations", number)))
    session.output.show(taken, f"{taken['deputy']} does not decide for {taken['user']} any more")


# -- documents, also of commands that make requests ----------------------------------------------


async def made_document(context: Context, made: Any) -> Document:
    """Of a certificate, or of the request that waits."""
    from ..operations.certificate_documents import issued_document
    from ..operations.issue import Issued
    from ..operations.request_documents import request_document

    if isinstance(made, Issued):
        return issued_document(made)
    return await request_document(context.database, made, context.clock())


def waits(document: Document) -> bool:
    """Is it a request, and no certificate?"""
    return "waits_for" in document


def told(document: Document) -> str:
    """A request for people."""
    step = document["step"]
    title = f"Request {document['id']} is {document['status']}"
    if step:
        title += f" at step {step}, for {' or '.join(document['waits_for'])}"
    decided = [
        (
            f"{one['step']} {'approved' if one['approved'] else 'rejected'}",
            f"{one['approver']} {one['at'][:19]} {one['comment']}".strip(),
        )
        for one in document["decisions"]
    ]
    shown = [
        ("names", ", ".join(document["names"])),
        ("subject", document["subject"]),
        ("profile", document["profile"]),
        ("requester", document["requester"]),
        ("comment", document["comment"]),
        *decided,
        ("problem", document["problem"]),
        ("expires", f"{document['expires_at'][:19]} UTC" if step else ""),
        ("certificate", document["certificate"] or ""),
        *document.get("files", {}).items(),
    ]
    return f"{title}\n{facts(shown)}"
