"""`certwright certificates`, `show`, `revoke` and `release`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from .options import Reference, Session, anywhere, parse_duration, parse_moment
from .output import columns, facts

if TYPE_CHECKING:
    from ..core.access import Actor
    from ..operations.context import Context
    from ..operations.list_certificates import CertificateFilter
    from .remote import Remote
    from .wiring import Reading

Document = dict[str, Any]
IDENTIFIER_DIGITS_MAX = 18
PLACES_TOLD = 10


@anywhere
def certificates(
    session: Session,
    expiring: Annotated[
        str, typer.Option("--expiring", metavar="30d", help="Those that end within this time from now.")
    ] = "",
    authority: Annotated[
        str, typer.Option("--authority", "--issuer", metavar="NAME", help="Of this authority.")
    ] = "",
    profile: Annotated[str, typer.Option("--profile", metavar="NAME", help="Of this profile.")] = "",
    name: Annotated[
        str, typer.Option("--name", metavar="NAME", help="With this DNS name; .example.test: with one below.")
    ] = "",
    revoked: Annotated[
        bool | None, typer.Option("--revoked/--not-revoked", help="Those revoked, or those that are not.")
    ] = None,
    owner: Annotated[
        str,
        typer.Option("--owner", metavar="TEAM|ACCOUNT", help="Those that this team or account answers for."),
    ] = "",
    unowned: Annotated[bool, typer.Option("--unowned", help="Those for which nobody answers.")] = False,
    tag: Annotated[str, typer.Option("--tag", metavar="WORD", help="With this tag.")] = "",
    query: Annotated[
        str,
        typer.Option(
            "--query", metavar="TEXT", help="In the language of searches: 'expires<30d owner:none'. Alone."
        ),
    ] = "",
    after: Annotated[
        str, typer.Option("--after", metavar="ID", help="Go on after this one: `next` of an earlier answer.")
    ] = "",
    limit: Annotated[int, typer.Option("--limit", min=1, max=1_000_000, help="How many at the most.")] = 100,
) -> None:
    """List certificates.

    The newest come first, or with --expiring those that end first.
    """
    if expiring:
        parse_duration("expiring", expiring)
    given = {"expiring": expiring, "authority": authority, "profile": profile, "name": name}
    given |= {"responsible": owner, "tag": tag, "unowned": "true" if unowned else ""}
    if revoked is not None:
        given["revoked"] = "true" if revoked else "false"
    asked = {key: value for key, value in given.items() if value}
    if query:
        asked = _only_query(query, asked)
    found, further = (
        _list_there(session.remote, asked, after, limit)
        if session.remote
        else _list_here(session, asked, after, limit)
    )
    text = _table(found)
    if further:
        text += f"\nthere are more; go on with --after {further}"
    session.output.show({"certificates": found, "next": further}, text)


def _only_query(query: str, others: dict[str, str]) -> dict[str, str]:
    """Raises Malformed, also where the query cannot be read."""
    from ..core.errors import Malformed
    from ..core.query import parse

    if others:
        raise Malformed("give either --query or the other filters; a query can say what they say")
    parse(query)
    return {"query": query}


def _list_here(
    session: Session, query: dict[str, str], after: str, limit: int
) -> tuple[list[Document], str | None]:
    from ..operations.certificate_documents import certificate_document
    from ..operations.list_certificates import PAGE_MAX, list_certificates

    async def act(reading: Reading) -> tuple[list[Document], str | None]:
        wanted = _filter(query, reading)
        found: list[Document] = []
        place = _place(after)
        while len(found) < limit:
            size = min(PAGE_MAX, limit - len(found))
            page = await list_certificates(reading.database, reading.actor, wanted, reading.now, place, size)
            found += map(certificate_document, page.rows)
            place = page.next
            if place is None:
                return found, None
        return found, str(place)

    return session.read(act)


def _place(after: str) -> int | None:
    from ..core.errors import Malformed

    if after and not (after.isascii() and after.isdecimal() and len(after) <= IDENTIFIER_DIGITS_MAX):
        raise Malformed("--after takes `next` of an earlier answer, a number")
    return int(after) if after else None


def _filter(query: dict[str, str], reading: Reading) -> CertificateFilter:
    """Raises NotFound for an authority or profile that there is not, Malformed."""
    from ..operations.list_certificates import CertificateFilter

    expiring, authority, profile = (query.get(name, "") for name in ("expiring", "authority", "profile"))
    if authority:
        reading.snapshot.authority(authority)
    if profile:
        reading.snapshot.profile(profile)
    return CertificateFilter(
        authority=authority,
        profile=profile,
        expires_after=reading.now if expiring else None,
        expires_before=reading.now + parse_duration("expiring", expiring) if expiring else None,
        revoked={"true": True, "false": False}.get(query.get("revoked", "")),
        name=query.get("name", ""),
        responsible=query.get("responsible", ""),
        unowned=True if query.get("unowned") else None,
        tag=query.get("tag", ""),
        query=query.get("query", ""),
    )


def _list_there(
    remote: Remote, query: dict[str, str], after: str, limit: int
) -> tuple[list[Document], str | None]:
    from .remote import PAGE_MAX

    found: list[Document] = []
    further: str | None = after or None
    while len(found) < limit:
        place = {"after": further} if further else {}
        page = remote.get("/certificates", query | place | {"limit": str(min(limit - len(found), PAGE_MAX))})
        found += page["certificates"]
        further = page["next"]
        if not further:
            break
    return found, further


def _table(found: list[Document]) -> str:
    heads = ("SERIAL", "UNTIL", "STATUS", "PROFILE", "AUTHORITY", "SUBJECT")
    rows = [
        (
            one["serial"],
            one["not_after"][:16].replace("T", " "),
            f"revoked ({one['revocation_reason']})" if one["revocation_reason"] else "good",
            one["profile"],
            one["authority"],
            one["subject"],
        )
        for one in found
    ]
    return columns(heads, rows)


# -- one certificate -----------------------------------------------------------------------------


@anywhere
def show(session: Session, certificate: Reference) -> None:
    """Show one certificate.

    Its facts, its status, and itself.
    """
    document = look_at(session, certificate)
    session.output.show(document, _told(document))


def look_at(session: Session, certificate: str) -> Document:
    """All there is to say of a certificate. Raises NotFound, Malformed."""
    from ..operations.certificate_documents import details_document
    from ..operations.read_certificate import read_certificate
    from .remote import path_of

    async def act(reading: Reading) -> Document:
        details = await read_certificate(reading.database, reading.snapshot, reading.actor, certificate)
        return details_document(details)

    return session.read(act, lambda remote: remote.get(path_of("certificates", certificate)))


def _told(document: Document) -> str:
    first = (
        "subject",
        "issuer",
        "serial",
        "fingerprint",
        "not_before",
        "not_after",
        "key_algorithm",
        "profile",
    )
    pairs = [(name.replace("_", " "), str(document[name])) for name in first]
    pairs.insert(1, ("names", ", ".join(document.get("names", ()))))
    names = ("authority", "endpoint", "requester", "team", "owner", "revoked_at", "revocation_reason")
    pairs += [(name.replace("_", " "), str(document[name] or "")) for name in names]
    pairs.append(("tags", ", ".join(document.get("tags", ()))))
    pairs += [(f"field.{name}", value) for name, value in sorted(document.get("fields", {}).items())]
    pairs += [(name, document[name]) for name in ("standing", "environment")]
    pairs.append(("seen", ", ".join(_place_told(one) for one in document.get("seen", ())[:PLACES_TOLD])))
    return f"{facts(pairs)}\n\n{document['certificate']}".rstrip()


def _place_told(place: Document) -> str:
    port = f":{place['port']}" if place["port"] else ""
    ended = f" until {place['ended_at'][:10]}" if place["ended_at"] else ""
    return f"{place['kind']} {place['host']}{port} {place['name']}".rstrip() + ended


@anywhere
def revoke(
    session: Session,
    certificate: Reference,
    reason: Annotated[
        str,
        typer.Option("--reason", metavar="NAME", help="As in RFC 5280 section 5.3.1; certificateHold holds."),
    ] = "unspecified",
    invalidity_date: Annotated[
        str, typer.Option("--invalidity-date", metavar="TIME", help="Since when the key is thought lost.")
    ] = "",
) -> None:
    """Revoke a certificate, or put it on hold.

    Responders say so at once, lists a moment later.
    """
    from ..core.revocation import parse_reason
    from ..operations.certificate_documents import certificate_document
    from ..operations.revoke import revoke_certificate
    from ..operations.worker_health import offline_tasks, publishing_command
    from .remote import path_of

    wanted = parse_reason(reason)
    since = parse_moment("invalidity-date", invalidity_date) if invalidity_date else None

    async def act(context: Context, actor: Actor) -> Document:
        row = await revoke_certificate(context, actor, certificate, wanted, context.clock(), since)
        tasks = await offline_tasks(context)
        own = [task for task in tasks if (task.what, task.generation.id) == ("crl", row.generation_id)]
        if own:
            session.output.warn(f"responders say so; its list waits for `{publishing_command(own[0])}`")
        return certificate_document(row)

    def there(remote: Remote) -> Document:
        more = {"invalidity_date": since.isoformat()} if since else {}
        path = path_of("certificates", certificate, "revoke")
        return remote.post(path, {"reason": wanted.label, **more})

    document = session.run(act, there)
    session.output.show(document, f"Revoked {document['fingerprint']} for {document['revocation_reason']}")


@anywhere
def release(session: Session, certificate: Reference) -> None:
    """Lift a hold."""
    from ..operations.certificate_documents import certificate_document
    from ..operations.revoke import release_certificate
    from .remote import path_of

    async def act(context: Context, actor: Actor) -> Document:
        return certificate_document(await release_certificate(context, actor, certificate, context.clock()))

    path = path_of("certificates", certificate, "release")
    document = session.run(act, lambda remote: remote.post(path))
    session.output.show(document, f"Released {document['fingerprint']}")
