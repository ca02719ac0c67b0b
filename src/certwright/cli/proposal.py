"""`certwright proposal`, `second-person` and `break-glass`: dangerous acts by two persons."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from .options import Home, Json, Session, anywhere, begin, group, parse_duration
from .output import columns, facts

if TYPE_CHECKING:
    from ..core.access import Actor
    from ..operations.context import Context
    from .wiring import Reading

Document = dict[str, Any]
app = group("Dangerous acts that wait for a second person.")
rule = group("For which dangerous acts a second person is needed.")
glass = group("Suspend the rule of the second person in an emergency.")
Number = Annotated[str, typer.Argument(metavar="NUMBER", help="The proposal's.")]
Kinds = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="[ACT]...", help="As docs/reference/second-person.md has them; none turns it off."
    ),
]


# -- proposals -----------------------------------------------------------------------------------


@app.command("list")
@anywhere
def list_all(session: Session) -> None:
    """List what you have proposed or could confirm, the newest first."""

    async def act(reading: Reading) -> list[Document]:
        from ..operations.read_proposals import list_proposals, proposal_document

        rows = await list_proposals(reading.database, reading.actor)
        return [proposal_document(row, reading.now) for row in rows]

    found = session.read(act, lambda remote: list(remote.get("/proposals")["proposals"]))
    rows = [
        (one["number"], one["state"], one["proposed_by"], one["expires_at"][:16], one["touches"][0])
        for one in found
    ]
    heads = ("NUMBER", "STATE", "BY", "UNTIL", "WHAT")
    session.output.show({"proposals": found}, columns(heads, rows))


@app.command()
@anywhere
def show(session: Session, number: Number) -> None:
    """Show exactly what a proposal would touch."""
    from .remote import path_of

    async def act(reading: Reading) -> Document:
        from ..operations.read_proposals import proposal_document, proposal_number, read_proposal

        row = await read_proposal(reading.database, reading.actor, proposal_number(number))
        return proposal_document(row, reading.now)

    found = session.read(act, lambda remote: remote.get(path_of("proposals", number)))
    names = ("number", "state", "kind", "proposed_by", "proposed_at", "confirmed_by", "expires_at", "digest")
    told = facts([(name, str(found[name])) for name in names])
    session.output.show(found, "\n".join([told, *found["touches"]]))


@app.command()
@anywhere
def confirm(session: Session, number: Number) -> None:
    """Permit what another person has proposed, once; they carry it out."""

    async def act(context: Context, actor: Actor) -> Document:
        from ..operations.decide_proposal import confirm_proposal
        from ..operations.read_proposals import proposal_document, proposal_number

        row = await confirm_proposal(context, actor, proposal_number(number))
        return proposal_document(row, context.clock())

    _decided(session, number, "confirm", act, "Confirmed")


@app.command()
@anywhere
def withdraw(session: Session, number: Number) -> None:
    """Take a proposal back."""

    async def act(context: Context, actor: Actor) -> Document:
        from ..operations.decide_proposal import withdraw_proposal
        from ..operations.read_proposals import proposal_document, proposal_number

        row = await withdraw_proposal(context, actor, proposal_number(number))
        return proposal_document(row, context.clock())

    _decided(session, number, "withdraw", act, "Withdrew")


@app.command("carry-out")
@anywhere
def carry_out(session: Session, number: Number) -> None:
    """Do what you have proposed and another person has confirmed."""

    async def act(context: Context, actor: Actor) -> Document:
        from ..operations.carry_out import carry_out
        from ..operations.read_proposals import proposal_document, proposal_number

        row = await carry_out(context, actor, proposal_number(number))
        return proposal_document(row, context.clock())

    _decided(session, number, "carry-out", act, "Carried out")


def _decided(session: Session, number: str, verb: str, act: Any, said: str) -> None:
    from .remote import path_of

    document = session.run(act, lambda remote: remote.post(path_of("proposals", number, verb)))
    session.output.show(document, f"{said} {number}: {document['touches'][0]}")


# -- the rule ------------------------------------------------------------------------------------


@rule.command("show")
@anywhere
def show_rule(session: Session) -> None:
    """Show for which acts a second person is needed."""

    async def act(reading: Reading) -> Document:
        from ..operations.save_second_person import read_second_person, second_person_document

        read_second_person(reading.snapshot, reading.actor)
        return second_person_document(reading.snapshot, reading.now)

    _told(session, session.read(act, lambda remote: remote.get("/second-person")))


@rule.command("set")
@anywhere
def set_rule(
    session: Session,
    kinds: Kinds = None,
    hours: Annotated[
        int, typer.Option("--hours", min=1, max=720, help="For how long a proposal holds.")
    ] = 24,
) -> None:
    """Need a second person for these acts and no others; to need one for less takes one, too."""
    from ..core.second_person import make_rule

    wanted = make_rule(kinds or [], hours)

    async def act(context: Context, actor: Actor) -> Document:
        from ..operations.save_second_person import save_second_person, second_person_document

        await save_second_person(context, actor, wanted)
        return second_person_document(context.snapshot, context.clock())

    body = {"kinds": kinds or [], "hours": hours}
    _told(session, session.run(act, lambda remote: remote.put("/second-person", body)))


def _told(session: Session, document: Document) -> None:
    needed = ", ".join(document["kinds"]) or "nothing"
    suspended = document["suspended_until"]
    until = f"\nSuspended by break-glass until {suspended[:16]} UTC" if suspended else ""
    holds = f"\nA proposal holds {document['hours']} hours" if document["kinds"] else ""
    session.output.show(document, f"A second person is needed for: {needed}{holds}{until}")


# -- break-glass ---------------------------------------------------------------------------------


@glass.command("open")
def open_glass(
    context: typer.Context,
    reason: Annotated[str, typer.Option("--reason", metavar="TEXT", help="Why; it stays on record.")],
    lasts: Annotated[str, typer.Option("--for", metavar="PERIOD", help="How long: 1m to 24h.")] = "1h",
    administrator: Annotated[
        bool,
        typer.Option("--administrator", help="Make an administrator too, to log in with while it lasts."),
    ] = False,
    home: Home = None,
    as_json: Json = False,
) -> None:
    """Suspend the rule of the second person for a time: loudly, and on record."""
    session, period = begin(context, home, as_json), parse_duration("for", lasts)

    async def act(there: Context, actor: Actor) -> Document:
        from ..operations.break_glass import break_glass

        opened = await break_glass(there, actor, reason, period, administrator)
        return {
            "ends_at": opened.row.ends_at.isoformat(),
            "account": opened.row.account,
            "password": opened.password,
        }

    opened = session.run(act)
    lines = [f"No second person is needed until {opened['ends_at'][:16]} UTC; all that is done is on record"]
    if opened["account"]:
        lines += [f"account   {opened['account']}", f"password  {opened['password']}"]
    session.output.show(opened, "\n".join(lines))


@glass.command("end")
def end_glass(context: typer.Context, home: Home = None, as_json: Json = False) -> None:
    """Put the rule in force again before its time; an administrator made for it is disabled."""
    session = begin(context, home, as_json)

    async def act(there: Context, actor: Actor) -> Document:
        from ..operations.break_glass import end_break_glass

        row = await end_break_glass(there, actor)
        return {"opened_by": row.opened_by, "account": row.account}

    session.output.show(session.run(act), "The rule of the second person is in force again")
