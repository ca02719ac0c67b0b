"""`certwright profile`: list, show, save, preview."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated, Any

import typer

from .options import Session, anywhere, group, read_file
from .output import columns
from .wishes import Algorithm, Authority, Csr, Days, Dns, Email, Guid, Ip, Kerberos, Subject, Upn, Uri

if TYPE_CHECKING:
    from ..core.access import Actor
    from ..operations.context import Context
    from .remote import Remote
    from .wiring import Reading

Document = dict[str, Any]
app = group("Certificate profiles.")
Name = Annotated[str, typer.Argument(metavar="NAME", help="Name of the profile.")]


@app.command("list")
@anywhere
def list_all(session: Session) -> None:
    """List the profiles in force."""

    shown = ("name", "version", "description")

    async def act(reading: Reading) -> list[Document]:
        from ..operations.view_configuration import list_profiles

        seen = list_profiles(reading.snapshot, reading.actor)
        return [{name: getattr(one, name) for name in shown} for one in seen]

    def there(remote: Remote) -> list[Document]:
        return [{name: one[name] for name in shown} for one in remote.rows("/profiles", "profiles")]

    documents = session.read(act, there)
    rows = [(one["name"], str(one["version"]), one["description"]) for one in documents]
    session.output.show({"profiles": documents}, columns(("NAME", "VERSION", "DESCRIPTION"), rows))


@app.command()
@anywhere
def show(
    session: Session,
    name: Name,
    version: Annotated[
        int | None,
        typer.Option(
            "--version", metavar="NUMBER", min=1, max=2**31 - 1, help="An older one. Default: the newest."
        ),
    ] = None,
) -> None:
    """Print a profile's document, to be changed and saved."""
    from ..core.profile_document import to_document
    from ..operations.read_profile import read_profile
    from .remote import path_of

    async def act(reading: Reading) -> Document:
        found = await read_profile(reading.database, reading.snapshot, reading.actor, name, version)
        return to_document(found)

    def there(remote: Remote) -> Document:
        return remote.get(path_of("profiles", name), {"version": str(version)} if version else None)

    document = session.read(act, there)
    session.output.show(document, json.dumps(document, indent=2))


@app.command()
@anywhere
def save(
    session: Session,
    file: Annotated[str, typer.Argument(metavar="FILE", help="The document, JSON; - is standard input.")],
) -> None:
    """Save a profile as a new version. `version` in the document is the one it was made from."""
    from ..core.documents import Fields
    from ..operations.save_profile import save_profile
    from .remote import path_of

    document = read_json(file)

    async def act(context: Context, actor: Actor) -> Document:
        saved = await save_profile(context, actor, document)
        return {"name": saved.name, "version": saved.version}

    def there(remote: Remote) -> Document:
        assert isinstance(document, dict)
        saved = remote.put(path_of("profiles", name), document)
        return {"name": saved["name"], "version": saved["version"]}

    name = Fields(document, "profile").text("name")
    saved = session.run(act, there)
    session.output.show(saved, f"Saved profile {saved['name']}, version {saved['version']}")


def read_json(name: str) -> object:
    """The value in a file, or in standard input for `-`. Raises Malformed, OSError."""
    from ..core.errors import Malformed

    try:
        value: object = json.loads(read_file(name))
    except (ValueError, RecursionError) as error:
        raise Malformed(f"{name} is no JSON: {error}") from error
    return value


@app.command()
@anywhere
def preview(
    session: Session,
    name: Name,
    dns: Dns = None,
    ip: Ip = None,
    email: Email = None,
    uri: Uri = None,
    upn: Upn = None,
    guid: Guid = None,
    kerberos: Kerberos = None,
    subject: Subject = "",
    csr: Csr = "",
    authority: Authority = "issuing",
    algorithm: Algorithm = "",
    days: Days = None,
) -> None:
    """Show the exact certificate that a request would become under a profile; issue nothing."""
    from .issue import show_preview
    from .wishes import read_wish

    names = (dns, ip, email, uri, upn, guid, kerberos)
    wish = read_wish(name, authority, names, subject, csr, algorithm, days)
    show_preview(session, wish)
