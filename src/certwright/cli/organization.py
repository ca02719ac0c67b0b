"""`certwright organization`: list, show, save, check, revoke-check, upload, download."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from .options import Session, anywhere, group, parse_moment, read_file
from .output import columns

if TYPE_CHECKING:
    from ..core.access import Actor
    from ..operations.context import Context
    from .remote import Remote

Document = dict[str, Any]
app = group("Organizations and their vetting.")
DOCUMENT_OCTETS_MAX = 64 * 1024 * 1024
IDENTIFIER_MAX = 2**63 - 1
Organization = Annotated[
    int, typer.Argument(metavar="ORGANIZATION", min=1, max=IDENTIFIER_MAX, help="Its id.")
]
Note = Annotated[str, typer.Option("--note", metavar="TEXT", help="What was done and seen.")]


@app.command("list")
@anywhere
def list_organizations(session: Session) -> None:
    """List the organizations, and how far they are vetted."""

    async def act(context: Context, actor: Actor) -> list[Document]:
        from ..operations import organizations as operations
        from ..operations.organization_documents import summary_document

        found, after = [], 0
        while True:
            page = await operations.list_organizations(context, actor, after)
            found += [summary_document(context, one) for one in page.organizations]
            if page.next is None:
                return found
            after = page.next

    found = session.run(act, lambda remote: list(remote.rows("/organizations", "organizations")))
    rows = [(one["id"], one["legal_name"], one["country"], one["team"], one["level"]) for one in found]
    heads = ("ID", "LEGAL NAME", "COUNTRY", "TEAM", "VETTED")
    session.output.show({"organizations": found}, columns(heads, rows))


@app.command()
@anywhere
def show(session: Session, organization: Organization) -> None:
    """Show one, its check list and what was done."""
    from .remote import path_of

    path = path_of("organizations", str(organization))
    _show(session, session.run(_telling(organization), lambda remote: remote.get(path)))


def _telling(identifier: int) -> Any:
    async def tell(context: Context, actor: Actor) -> Document:
        from ..operations.organization_documents import organization_document
        from ..operations.organizations import find_organization

        return organization_document(context, await find_organization(context, actor, identifier))

    return tell


def _show(session: Session, document: Document) -> None:
    lines = [f"{document['id']} {document['legal_name']}: {document['level']}"]
    for line in document["checklist"]:
        state = f"missing, {line['missing']}" if line["missing"] else f"until {line['until'][:10]}"
        lines.append(f"  {line['kind']}: {state}")
    lines += [
        f"  check {one['id']} {one['kind']} {one['at'][:10]} {one['actor']}" for one in document["checks"]
    ]
    lines += [f"  document {one['id']} {one['name']}" for one in document["documents"]]
    session.output.show(document, "\n".join(lines))


@app.command()
@anywhere
def save(
    session: Session,
    file: Annotated[
        str,
        typer.Argument(metavar="FILE", help="JSON with the record's fields and team; - is standard input."),
    ],
    identifier: Annotated[
        int, typer.Option("--id", metavar="ID", min=0, max=IDENTIFIER_MAX, help="The one to change.")
    ] = 0,
) -> None:
    """Make the record of an organization, or change it."""
    from .remote import path_of

    fields = _fields(file)

    async def act(context: Context, actor: Actor) -> Document:
        from ..operations.organizations import save_organization

        own = {name: value for name, value in fields.items() if name != "team"}
        row = await save_organization(context, actor, own, fields.get("team", ""), identifier or None)
        told: Document = await _telling(row.id)(context, actor)
        return told

    def there(remote: Remote) -> Document:
        if identifier:
            return remote.put(path_of("organizations", str(identifier)), fields)
        return remote.post("/organizations", fields)

    _show(session, session.run(act, there))


def _fields(file: str) -> dict[str, str]:
    from ..core.errors import Malformed

    try:
        document = json.loads(read_file(file))
    except (ValueError, RecursionError) as error:
        raise Malformed(f"{file} is no JSON: {error}") from error
    if not isinstance(document, dict) or not all(isinstance(one, str) for one in document.values()):
        raise Malformed(f"{file} must be a JSON object of texts by the names of fields")
    return document


@app.command()
@anywhere
def check(
    session: Session,
    organization: Organization,
    kind: Annotated[str, typer.Argument(metavar="KIND", help="register, address, call-back, domain, ...")],
    note: Note,
    document: Annotated[
        list[int] | None, typer.Option("--document", metavar="ID", help="Shows it. May be repeated.")
    ] = None,
    domain: Annotated[str, typer.Option("--domain", metavar="NAME", help="Of the check of a domain.")] = "",
    since: Annotated[
        str, typer.Option("--since", metavar="TIME", help="When it was obtained. Default: now.")
    ] = "",
) -> None:
    """Put a check on record that was done."""
    from .remote import path_of

    begins = parse_moment("since", since) if since else None
    documents = tuple(document or ())

    async def act(context: Context, actor: Actor) -> Document:
        from ..core.errors import Malformed
        from ..core.vetting import CheckKind
        from ..operations.record_check import CheckOrder, record_check

        if kind not in tuple(CheckKind):
            raise Malformed(f"there is no check {kind[:40]!r}; known are {', '.join(CheckKind)}")
        order = CheckOrder(CheckKind(kind), note, documents, begins, domain)
        await record_check(context, actor, organization, order)
        told: Document = await _telling(organization)(context, actor)
        return told

    def there(remote: Remote) -> Document:
        body: Document = {
            "kind": kind,
            "note": note,
            "documents": list(map(str, documents)),
            "domain": domain,
        }
        moment = {"since": begins.isoformat()} if begins else {}
        return remote.post(path_of("organizations", str(organization), "checks"), body | moment)

    _show(session, session.run(act, there))


@app.command("revoke-check")
@anywhere
def revoke_check(
    session: Session,
    organization: Organization,
    check: Annotated[int, typer.Argument(metavar="CHECK", min=1, max=IDENTIFIER_MAX, help="Its id.")],
    why: Annotated[str, typer.Option("--why", metavar="TEXT", help="For the record.")],
) -> None:
    """Revoke a check: it counts no more."""
    from .remote import path_of

    async def act(context: Context, actor: Actor) -> Document:
        from ..operations import record_check as operations

        await operations.revoke_check(context, actor, organization, check, why)
        told: Document = await _telling(organization)(context, actor)
        return told

    path = path_of("organizations", str(organization), "checks", str(check), "revoke")
    _show(session, session.run(act, lambda remote: remote.post(path, {"why": why})))


@app.command()
@anywhere
def upload(
    session: Session,
    organization: Organization,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="PDF, PNG, JPEG or plain text.")],
) -> None:
    """Keep a document that shows something of an organization."""
    from base64 import b64encode

    from .remote import path_of

    content = read_file(file, DOCUMENT_OCTETS_MAX)

    async def act(context: Context, actor: Actor) -> Document:
        from ..operations.evidence import upload_evidence
        from ..operations.organization_documents import evidence_document

        return evidence_document(await upload_evidence(context, actor, organization, file.name, content))

    def there(remote: Remote) -> Document:
        body = {"name": file.name, "content": b64encode(content).decode()}
        return remote.post(path_of("organizations", str(organization), "documents"), body)

    kept = session.run(act, there)
    session.output.show(kept, f"Kept {kept['name']} as document {kept['id']}")


@app.command()
@anywhere
def download(
    session: Session,
    organization: Organization,
    document: Annotated[int, typer.Argument(metavar="DOCUMENT", min=1, max=IDENTIFIER_MAX, help="Its id.")],
    out: Annotated[Path, typer.Option("--out", metavar="FILE", help="Where to write it; it must not exist.")],
) -> None:
    """Write a document to a file, which goes on record."""
    from base64 import b64decode, b64encode

    from .remote import path_of

    async def act(context: Context, actor: Actor) -> Document:
        from ..operations.evidence import download_evidence
        from ..operations.organization_documents import evidence_document

        found = await download_evidence(context, actor, organization, document)
        return evidence_document(found.row) | {"content": b64encode(found.content).decode()}

    path = path_of("organizations", str(organization), "documents", str(document))
    found = session.run(act, lambda remote: remote.get(path))
    with out.open("xb") as file:
        file.write(b64decode(found.pop("content")))
    session.output.show(found, f"Wrote {found['name']} to {out}")
