"""`certwright policy`: show, save, check, replay, history."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Annotated, Any

import typer

from .options import Session, anywhere, group, parse_moment, read_file
from .output import Progress, columns

if TYPE_CHECKING:
    from ..core.access import Actor
    from ..operations.context import Context
    from .remote import Remote
    from .wiring import Reading

Document = dict[str, Any]
POLL_SECONDS = 0.5
app = group("The organisation's rules of issuance.")
File = Annotated[
    str, typer.Argument(metavar="FILE", help="TOML as docs/reference/policy.md has it; - is standard input.")
]
Version = Annotated[
    int | None,
    typer.Option(
        "--number", metavar="NUMBER", min=1, max=2**31 - 1, help="Earlier ones. Default: those in force."
    ),
]


@app.command()
@anywhere
def show(session: Session, number: Version = None) -> None:
    """Print the rules as TOML, to be changed and saved."""
    document = _read(session, number)
    session.output.show(document, document["toml"].rstrip("\n"))


def _read(session: Session, number: int | None) -> Document:
    async def act(reading: Reading) -> Document:
        from ..operations.read_policy import policy_document, read_policy

        return policy_document(await read_policy(reading.database, reading.snapshot, reading.actor, number))

    return session.read(
        act, lambda remote: remote.get("/policy", {"number": str(number)} if number else None)
    )


@app.command()
@anywhere
def save(
    session: Session,
    file: File,
    comment: Annotated[str, typer.Option("--comment", metavar="TEXT", help="Why they change.")] = "",
    based_on: Annotated[
        int | None,
        typer.Option(
            "--based-on",
            metavar="NUMBER",
            min=0,
            max=2**31 - 1,
            help="Only if that is the number of those in force.",
        ),
    ] = None,
    anyway: Annotated[
        bool, typer.Option("--anyway", help="Even if `check` warns of what they would break.")
    ] = False,
) -> None:
    """Put rules in force, as a new version."""
    from ..core.rules_toml import rules_from_toml
    from ..operations.save_policy import save_policy

    text = _text(file)
    rules = rules_from_toml(text)

    async def act(context: Context, actor: Actor) -> Document:
        row = await save_policy(context, actor, rules, comment, based_on=based_on, anyway=anyway)
        return {"number": row.number}

    def there(remote: Remote) -> Document:
        body: Document = {"toml": text, "comment": comment, "anyway": anyway}
        saved = remote.put("/policy", body | ({} if based_on is None else {"based_on": based_on}))
        return {"number": saved["number"]}

    saved = session.run(act, there)
    session.output.show(saved, f"Rules {saved['number']} are in force")


@app.command()
@anywhere
def check(session: Session, file: File) -> None:
    """Read rules and show what they would change and break; nothing is saved."""
    from ..core.rules_toml import rules_from_toml

    text = _text(file)
    wanted = rules_from_toml(text)

    async def act(reading: Reading) -> Document:
        from ..operations.policy_warnings import check_policy

        return await check_policy(reading.database, reading.snapshot, reading.actor, wanted, reading.now)

    found = session.read(act, lambda remote: remote.post("/policy/check", {"toml": text}))
    warnings = [f"warning: {one['message']} [{one['code']}]" for one in found["warnings"]]
    session.output.show(found, "\n".join([_changes(found["changes"]), *warnings]))


@app.command()
@anywhere
def replay(
    session: Session,
    file: File,
    at: Annotated[
        str,
        typer.Option(
            "--at", metavar="TIME", help="Judge all as if it were asked for then, 2027-03-15. Default: now."
        ),
    ] = "",
    everything: Annotated[
        bool, typer.Option("--everything", help="Certificates that have ended or are revoked too.")
    ] = False,
) -> None:
    """Run rules over all that is on record, and show whom they would affect; nothing is saved."""
    from ..core.rules_toml import rules_from_toml
    from .replay_text import replay_text

    text = _text(file)
    draft, moment = rules_from_toml(text), parse_moment("at", at) if at else None
    with session.output.progress("Replay") as progress:

        async def act(reading: Reading) -> Document:
            from ..operations.apply_rules import rules_in_force
            from ..operations.policy_replays import run_replay
            from ..operations.replay_policy import ReplayOrder

            current, now = rules_in_force(reading.snapshot), reading.now
            order = ReplayOrder(current, draft, moment or now, everything)
            return await run_replay(reading.database, reading.snapshot, reading.actor, order, now, progress)

        def there(remote: Remote) -> Document:
            body: Document = {"toml": text, "everything": everything}
            return _replayed(remote, body | ({"at": moment.isoformat()} if moment else {}), progress)

        found = session.read(act, there)
    session.output.show(found, replay_text(found))


def _replayed(remote: Remote, body: Document, progress: Progress) -> Document:
    """Have a worker there do it, and wait. Raises Conflict when it was cancelled or has failed."""
    from ..core.errors import Conflict
    from .remote import path_of

    replay = remote.post("/policy/replays", body)
    path = path_of("policy", "replays", replay["id"])
    while replay["status"] in ("waiting", "running"):
        time.sleep(POLL_SECONDS)
        replay = remote.get(path)
        progress(replay["done"], replay["total"])
    if replay["result"] is None:
        reason = replay["problem"] or f"it is {replay['status']}"
        raise Conflict(f"the replay has no result: {reason}")
    found: Document = replay["result"]
    return found


@app.command()
@anywhere
def history(
    session: Session,
    limit: Annotated[int, typer.Option("--limit", min=1, max=1000, help="How many at the most.")] = 20,
) -> None:
    """List the versions of the rules, the newest first, with what each changed."""

    async def act(reading: Reading) -> list[Document]:
        from ..operations.read_policy import history_document, policy_history

        found = await policy_history(reading.database, reading.actor, limit=limit)
        return [history_document(row, changes) for row, changes in found]

    def there(remote: Remote) -> list[Document]:
        found: list[Document] = remote.get("/policy/versions", {"limit": str(limit)})["versions"]
        return found

    documents = session.read(act, there)
    rows = [
        (str(one["number"]), one["created_at"][:19], one["created_by"], _summary(one["changes"]), _line(one))
        for one in documents
    ]
    heads = ("NUMBER", "SAVED", "BY", "CHANGES", "COMMENT")
    session.output.show({"versions": documents}, columns(heads, rows))


def _line(document: Document) -> str:
    return " ".join(document["comment"].split())


def _summary(changes: Document) -> str:
    marks = [f"+{name}" for name in changes["added"]] + [f"-{name}" for name in changes["removed"]]
    marks += [f"~{one['rule']}" for one in changes["changed"]]
    return " ".join([*marks, "reordered"] if changes["reordered"] else marks) or "none"


def _changes(changes: Document) -> str:
    lines = [f"+ {name}" for name in changes["added"]] + [f"- {name}" for name in changes["removed"]]
    for one in changes["changed"]:
        lines.append(f"~ {one['rule']}")
        lines += [f"    {part['path']}: {part['before']} -> {part['after']}" for part in one["fields"]]
    if changes["reordered"]:
        lines.append("the order of the rules changes")
    return "\n".join(lines) or "nothing would change"


def _text(name: str) -> str:
    """Raises Malformed for what is no UTF-8, TooLarge, OSError."""
    from ..core.errors import Malformed

    try:
        return read_file(name).decode()
    except UnicodeDecodeError as error:
        raise Malformed(f"{name} is no UTF-8: {error}") from error
