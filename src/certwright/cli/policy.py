"""`certwright policy`: show, save, check, history."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from .options import Session, anywhere, group, read_file
from .output import columns

if TYPE_CHECKING:
    from ..core.access import Actor
    from ..operations.context import Context
    from .remote import Remote
    from .wiring import Reading

Document = dict[str, Any]
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
        bool, typer.Option("--anyway", help="Even if they stop the renewal of certificates of our own.")
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
    """Read rules and show what they would change; nothing is saved."""
    from ..core.rules_difference import difference
    from ..core.rules_document import rules_from_document
    from ..core.rules_toml import rules_from_toml
    from ..operations.read_policy import difference_document

    wanted = rules_from_toml(_text(file))
    before = _read(session, None)
    changes = difference_document(difference(rules_from_document(before["rules"]), wanted))
    session.output.show({"based_on": before["number"], "changes": changes}, _changes(changes))


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
