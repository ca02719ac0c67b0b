"""`certwright profile`: list, show, save, preview."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated, Any

import typer

from .options import Home, Json, begin, group, read_file
from .output import columns
from .wishes import Algorithm, Authority, Csr, Days, Dns, Email, Guid, Ip, Kerberos, Subject, Upn, Uri

if TYPE_CHECKING:
    from ..core.access import Actor
    from ..core.profile import Profile
    from ..operations.context import Context
    from .wiring import Reading

app = group("Certificate profiles.")
Name = Annotated[str, typer.Argument(metavar="NAME", help="Name of the profile.")]


@app.command("list")
def list_all(context: typer.Context, home: Home = None, as_json: Json = False) -> None:
    """List the profiles in force."""
    session = begin(context, home, as_json)

    async def act(reading: Reading) -> list[Profile]:
        from ..core.access import Subject, Verb, may

        profiles = reading.snapshot.profiles.values()
        visible = [one for one in profiles if may(reading.actor, Verb.VIEW, Subject(profile=one.name))]
        return sorted(visible, key=lambda one: one.name)

    found = session.read(act)
    documents = [{"name": one.name, "version": one.version, "description": one.description} for one in found]
    rows = [(one.name, str(one.version), one.description) for one in found]
    session.output.show({"profiles": documents}, columns(("NAME", "VERSION", "DESCRIPTION"), rows))


@app.command()
def show(
    context: typer.Context,
    name: Name,
    version: Annotated[
        int | None,
        typer.Option(
            "--version", metavar="NUMBER", min=1, max=2**31 - 1, help="An older one. Default: the newest."
        ),
    ] = None,
    home: Home = None,
    as_json: Json = False,
) -> None:
    """Print a profile's document, to be changed and saved."""
    from ..core.profile_document import to_document
    from ..operations.read_profile import read_profile

    session = begin(context, home, as_json)

    async def act(reading: Reading) -> dict[str, Any]:
        found = await read_profile(reading.database, reading.snapshot, reading.actor, name, version)
        return to_document(found)

    document = session.read(act)
    session.output.show(document, json.dumps(document, indent=2))


@app.command()
def save(
    context: typer.Context,
    file: Annotated[str, typer.Argument(metavar="FILE", help="The document, JSON; - is standard input.")],
    home: Home = None,
    as_json: Json = False,
) -> None:
    """Save a profile as a new version. `version` in the document is the one it was made from."""
    from ..operations.save_profile import save_profile

    session = begin(context, home, as_json)
    document = read_json(file)

    async def act(context: Context, actor: Actor) -> Profile:
        return await save_profile(context, actor, document)

    saved = session.run(act)
    text = f"Saved profile {saved.name}, version {saved.version}"
    session.output.show({"name": saved.name, "version": saved.version}, text)


def read_json(name: str) -> object:
    """The value in a file, or in standard input for `-`. Raises Malformed, OSError."""
    from ..core.errors import Malformed

    try:
        value: object = json.loads(read_file(name))
    except (ValueError, RecursionError) as error:
        raise Malformed(f"{name} is no JSON: {error}") from error
    return value


@app.command()
def preview(
    context: typer.Context,
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
    home: Home = None,
    as_json: Json = False,
) -> None:
    """Show the exact certificate that a request would become under a profile; issue nothing."""
    from .issue import show_preview
    from .wishes import read_wish

    session = begin(context, home, as_json)
    names = (dns, ip, email, uri, upn, guid, kerberos)
    wish = read_wish(name, authority, names, subject, csr, algorithm, days)
    show_preview(session, wish, None)
