"""`certwright field`: fields of the organization's own that certificates have."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, Any

import typer

from .options import Session, anywhere, group
from .output import columns

if TYPE_CHECKING:
    from ..core.access import Actor
    from ..core.custom_fields import CustomField
    from ..operations.context import Context

Document = dict[str, Any]
app = group("Fields of your own that certificates have.")
Name = Annotated[str, typer.Argument(metavar="NAME", help="As certificates are searched by: field.NAME.")]


@app.command("list")
@anywhere
def list_command(session: Session) -> None:
    """List the fields.

    Those that are retired too.
    """
    found = _listed(session)
    rows = [
        (
            one["name"],
            one["kind"],
            "retired" if one["retired"] else "",
            one["title"],
            ", ".join(one["choices"]),
        )
        for one in found
    ]
    session.output.show({"fields": found}, columns(("NAME", "KIND", "", "TITLE", "CHOICES"), rows))


@app.command()
@anywhere
def define(
    session: Session,
    name: Name,
    title: Annotated[str, typer.Option("--title", metavar="TEXT", help="What people see.")],
    kind: Annotated[
        str,
        typer.Option("--kind", metavar="KIND", help="text, number, date, yes-no, choice, url or mail."),
    ] = "text",
    choice: Annotated[
        list[str] | None,
        typer.Option("--choice", metavar="WORD", help="What can be chosen; again for more."),
    ] = None,
    explain: Annotated[str, typer.Option("--explain", metavar="TEXT", help="Shown beside it.")] = "",
) -> None:
    """Define a field, or change one.

    Its name and its kind are for ever; a retired one comes back.
    """
    from ..core.custom_fields import CustomField, FieldKind
    from ..core.errors import Malformed

    if kind not in tuple(FieldKind):
        raise Malformed(f"{kind[:40]!r} is no kind of field; there are {', '.join(FieldKind)}")
    _save(session, CustomField(name, title, FieldKind(kind), tuple(choice or ()), explain), "defined")


@app.command()
@anywhere
def retire(session: Session, name: Name) -> None:
    """Retire a field.

    It is shown nowhere from now on, and keeps what certificates have in it.
    """
    from ..core.custom_fields import CustomField, FieldKind
    from ..core.errors import NotFound

    found = next((one for one in _listed(session) if one["name"] == name), None)
    if found is None:
        raise NotFound(f"there is no field {name}")
    known = CustomField(**found | {"kind": FieldKind(found["kind"]), "choices": tuple(found["choices"])})
    _save(session, replace(known, retired=True), "retired")


def _listed(session: Session) -> list[Document]:
    from ..operations.custom_fields import field_document, list_fields

    async def act(context: Context, actor: Actor) -> list[Document]:
        return [dict(field_document(one)) for one in await list_fields(context, actor)]

    found: list[Document] = session.run(act, lambda remote: remote.get("/fields")["fields"])
    return found


def _save(session: Session, field: CustomField, done: str) -> None:
    from ..operations.custom_fields import field_document, save_field
    from .remote import path_of

    body = dict(field_document(field))
    body.pop("name")

    async def act(context: Context, actor: Actor) -> Document:
        return dict(field_document(await save_field(context, actor, field)))

    saved = session.run(act, lambda remote: remote.put(path_of("fields", field.name), body))
    session.output.show(saved, f"field {field.name} is {done}")
