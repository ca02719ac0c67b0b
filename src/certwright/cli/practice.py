"""`certwright practice`: show, draft, publish, text."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from .options import Session, anywhere, group, parse_moment, read_file
from .output import columns

if TYPE_CHECKING:
    from ..core.access import Actor
    from ..operations.context import Context
    from .remote import Remote
    from .wiring import Reading

Document = dict[str, Any]
app = group("Certificate policy and certification practice statement.")
Kind = Annotated[str, typer.Argument(metavar="KIND", help="cp or cps.")]


@app.command()
@anywhere
def show(session: Session) -> None:
    """List the published versions."""

    async def act(reading: Reading) -> list[Document]:
        from ..operations.practice_documents import version_document
        from ..operations.serve_practice import list_versions

        return list(map(version_document, await list_versions(reading.database, reading.actor)))

    found = session.read(act, lambda remote: list(remote.rows("/practice", "versions")))
    rows = [(one["kind"], str(one["number"]), one["effective_at"], one["pdf_sha256"]) for one in found]
    session.output.show({"versions": found}, columns(("KIND", "VERSION", "IN EFFECT", "PDF SHA-256"), rows))


@app.command()
@anywhere
def draft(session: Session, kind: Kind) -> None:
    """Show what the next version would say otherwise than the newest."""
    from .remote import path_of

    async def act(reading: Reading) -> Document:
        from ..operations.practice_documents import draft_document
        from ..operations.publish_practice import draft_practice, parse_kind

        wanted = parse_kind(kind)
        return draft_document(await draft_practice(reading.database, reading.snapshot, reading.actor, wanted))

    document = session.read(act, lambda remote: remote.get(path_of("practice", kind, "draft")))
    lines = [line for change in document["changes"] for line in _change(change)]
    session.output.show(document, "\n".join(lines) or "nothing is new")


def _change(change: Document) -> list[str]:
    gone = [f"  - {line}" for line in change["removed"]]
    return [f"{change['number']} {change['title']}", *gone, *(f"  + {line}" for line in change["added"])]


@app.command()
@anywhere
def publish(
    session: Session,
    kind: Kind,
    authority: Annotated[
        str, typer.Option("--authority", metavar="NAME", help="Under which its signer is certified.")
    ] = "issuing",
    effective: Annotated[
        str, typer.Option("--effective", metavar="TIME", help="From when it is in effect. Default: at once.")
    ] = "",
) -> None:
    """Sign the next version and publish it."""
    from ..operations.publish_practice import parse_kind, publish_practice
    from .remote import path_of

    begins = parse_moment("effective", effective) if effective else None

    async def act(context: Context, actor: Actor) -> Document:
        from ..operations.practice_documents import version_document
        from ..operations.serve_practice import listed

        row = await publish_practice(context, actor, parse_kind(kind), authority, begins)
        return version_document(listed(row))

    def there(remote: Remote) -> Document:
        body = {"authority": authority, "effective_at": begins.isoformat() if begins else None}
        return remote.post(path_of("practice", kind), body)

    made = session.run(act, there)
    session.output.show(made, f"Published version {made['number']} of the {made['kind']}")


@app.command()
@anywhere
def text(
    session: Session,
    kind: Kind,
    section: Annotated[str, typer.Argument(metavar="SECTION", help="Its number, as 1.5.2.")],
    file: Annotated[
        str, typer.Argument(metavar="FILE", help="The text; - is standard input. An empty one: none.")
    ],
    replaces: Annotated[
        bool, typer.Option("--replace", help="Instead of what the configuration says, not after it.")
    ] = False,
) -> None:
    """Save the organization's own text of a section, for the next version."""
    from ..core.errors import Malformed
    from ..operations.practice_text import save_practice_text
    from ..operations.publish_practice import parse_kind
    from .remote import path_of

    try:
        own = read_file(file).decode()
    except UnicodeDecodeError as error:
        raise Malformed(f"{file} is no text in UTF-8") from error

    async def act(context: Context, actor: Actor) -> Document:
        from ..operations.practice_documents import text_document

        saved = await save_practice_text(context, actor, parse_kind(kind), section, own, replaces)
        return text_document(section, saved)

    def there(remote: Remote) -> Document:
        return remote.put(path_of("practice", kind, "texts", section), {"text": own, "replaces": replaces})

    session.output.show(session.run(act, there), f"Saved the text of section {section}")
