"""`certwright attestation`: list, open, show, answer, record, close."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from .options import Session, anywhere, group, parse_moment
from .output import columns, facts

if TYPE_CHECKING:
    from ..core.access import Actor
    from ..operations.context import Context
    from .remote import Remote
    from .wiring import Reading

Document = dict[str, Any]
app = group("Whether certificates are needed still.")
Number = Annotated[str, typer.Argument(metavar="NUMBER", help="Number of the campaign.")]
SELECTED_BY = ("authority", "profile", "endpoint", "name", "responsible", "tag")
HEADS = ("CERTIFICATE", "ANSWER", "BY", "TEAM", "OWNER", "SUBJECT")
RECORD = ("fingerprint", "subject", "not_after", "team", "owner", "answer", "answered_by", "answered_at")


@app.command("list")
@anywhere
def list_all(session: Session) -> None:
    """List campaigns, the newest first."""

    async def act(reading: Reading) -> list[Document]:
        from ..operations.attestation import list_campaigns
        from ..operations.attestation_documents import campaign_document

        return list(map(campaign_document, await list_campaigns(reading.database, reading.actor)))

    found = session.read(act, lambda remote: list(remote.get("/attestation")["campaigns"]))
    rows = [(one["id"], one["due_at"][:10], one["closed_at"] or "open", one["title"]) for one in found]
    session.output.show({"campaigns": found}, columns(("NUMBER", "DUE", "CLOSED", "TITLE"), rows))


@app.command("open")
@anywhere
def open_one(
    session: Session,
    title: Annotated[str, typer.Argument(metavar="TITLE", help="What it is called.")],
    due: Annotated[str, typer.Option("--due", metavar="TIME", help="Until when; a day or RFC 3339.")],
    text: Annotated[str, typer.Option("--text", metavar="TEXT", help="What it is about.")] = "",
    repeat_days: Annotated[
        int, typer.Option("--repeat-days", min=0, help="Open the next one so long after this one.")
    ] = 0,
    authority: Annotated[
        str, typer.Option("--of-authority", metavar="NAME", help="About those of this authority.")
    ] = "",
    profile: Annotated[
        str, typer.Option("--of-profile", metavar="NAME", help="About those of this profile.")
    ] = "",
    endpoint: Annotated[
        str, typer.Option("--of-endpoint", metavar="PROTOCOL/NAME", help="About those that came through it.")
    ] = "",
    name: Annotated[
        str, typer.Option("--of-name", metavar="NAME", help="With this DNS name; .example.test: below.")
    ] = "",
    responsible: Annotated[
        str, typer.Option("--of-owner", metavar="TEAM|ACCOUNT", help="About those that they answer for.")
    ] = "",
    tag: Annotated[str, typer.Option("--of-tag", metavar="WORD", help="About those with this tag.")] = "",
) -> None:
    """Ask whoever answers for certificates whether they are needed still.

    About all that hold, or those that every given filter selects.
    """
    given = (authority, profile, endpoint, name, responsible, tag)
    selected: Document = {key: value for key, value in zip(SELECTED_BY, given, strict=True) if value}
    until, repeat = parse_moment("due", due), repeat_days or None

    async def act(context: Context, actor: Actor) -> Document:
        from ..operations.attestation import CampaignOrder, open_campaign
        from ..operations.attestation_documents import campaign_document
        from ..operations.list_certificates import CertificateFilter

        order = CampaignOrder(title, text, CertificateFilter(**selected), until, repeat)
        return campaign_document(await open_campaign(context, actor, order))

    body: Document = {"title": title, "text": text, "filter": selected, "due_at": until.isoformat()}
    body["repeat_days"] = repeat
    made = session.run(act, lambda remote: remote.post("/attestation", body))
    session.output.show(made, f"campaign {made['id']} is open until {made['due_at']}")


@app.command()
@anywhere
def show(
    session: Session,
    number: Number,
    every: Annotated[
        bool, typer.Option("--every", help="Also what you may manage the owners of, not your own alone.")
    ] = False,
) -> None:
    """Show a campaign, and the certificates about which it asks you."""

    async def act(reading: Reading) -> Document:
        from ..operations.asked_about import asked_about, campaign_progress
        from ..operations.attestation import find_campaign
        from ..operations.attestation_documents import asked_document, campaign_document

        database, identifier = reading.database, _number(number)
        row, progress = (
            await find_campaign(database, identifier),
            await campaign_progress(database, identifier),
        )
        asked, after = list[Document](), None
        while True:
            some, after = await asked_about(database, reading.actor, identifier, every=every, after=after)
            asked += map(asked_document, some)
            if after is None:
                return campaign_document(row, progress) | {"asked": asked}

    document = session.read(act, lambda remote: _shown_there(remote, number, every))
    rows = [
        (
            one["certificate"],
            one["answer"] or "-",
            one["answered_by"],
            one["team"],
            one["owner"],
            one["subject"],
        )
        for one in document["asked"]
    ]
    names = ("title", "due_at", "closed_at", "certificates", "answered")
    told = [(name, str(document[name] or "")) for name in names]
    table = columns(HEADS, rows) if rows else "it asks you about nothing"
    session.output.show(document, f"{facts(told)}\n\n{table}")


def _shown_there(remote: Remote, number: str, every: bool) -> Document:
    from .remote import path_of

    document = remote.get(path_of("attestation", number))
    path = path_of("attestation", number, "asked") + ("?every=true" if every else "")
    return document | {"asked": list(remote.rows(path, "certificates"))}


@app.command()
@anywhere
def answer(
    session: Session,
    number: Number,
    said: Annotated[
        str, typer.Argument(metavar="ANSWER", help="needed, not-needed (revokes nothing), or not-mine.")
    ],
    certificate: Annotated[
        list[str], typer.Argument(metavar="CERTIFICATE...", help="Which, by the numbers that show has.")
    ],
    comment: Annotated[str, typer.Option("--comment", metavar="TEXT", help="Words that go with it.")] = "",
) -> None:
    """Say of certificates whether they are needed still: of all that are named, or of none."""
    from .remote import path_of

    async def act(context: Context, actor: Actor) -> Document:
        from ..operations.attestation import answer_items

        numbers = list(map(_number, certificate))
        done = await answer_items(context, actor, _number(number), numbers, _answer(said), comment)
        return {"answers": done}

    body = {"certificates": certificate, "answer": said, "comment": comment}
    done = session.run(act, lambda remote: remote.post(path_of("attestation", number, "answers"), body))
    session.output.show(done, f"{done['answers']} answers are on record")


@app.command()
@anywhere
def record(
    session: Session,
    number: Number,
    csv: Annotated[bool, typer.Option("--csv", help="As comma-separated values, for a spreadsheet.")] = False,
) -> None:
    """Show what was said of every certificate that you may view."""
    from ..core.tables import csv_text
    from .remote import path_of

    async def act(reading: Reading) -> list[Document]:
        from ..operations.attestation import attestation_record
        from ..operations.attestation_documents import record_document

        found = await attestation_record(reading.database, reading.actor, _number(number))
        return list(map(record_document, found))

    lines = session.read(
        act, lambda remote: list(remote.get(path_of("attestation", number, "record"))["lines"])
    )
    heads = (*RECORD, "comment")
    rows = [[str(line[head] or "") for head in heads] for line in lines]
    table = columns([head.upper() for head in heads], rows)
    session.output.show({"lines": lines}, csv_text(heads, rows).rstrip("\r\n") if csv else table)


@app.command()
@anywhere
def close(
    session: Session,
    number: Number,
    for_good: Annotated[
        bool, typer.Option("--for-good", help="None follows, though it was repeated.")
    ] = False,
) -> None:
    """Close a campaign: it takes no answers any more, and its record stays."""
    from .remote import path_of

    async def act(context: Context, actor: Actor) -> Document:
        from ..operations.attestation import close_campaign
        from ..operations.attestation_documents import campaign_document

        return campaign_document(await close_campaign(context, actor, _number(number), repeat=not for_good))

    body = {"repeat": not for_good}
    done = session.run(act, lambda remote: remote.post(path_of("attestation", number, "close"), body))
    session.output.show(done, f"campaign {done['id']} is closed")


def _number(text: str) -> int:
    from ..core.errors import NotFound

    if not (text.isascii() and text.isdigit() and len(text) <= 19):
        raise NotFound(f"{text[:40]!r} is no number that the list has")
    return int(text)


def _answer(text: str) -> Any:
    from ..core.attestation import Answer
    from ..core.errors import Malformed

    try:
        return Answer(text)
    except ValueError:
        raise Malformed(f"an answer is {', '.join(Answer)}, not {text[:40]!r}") from None
