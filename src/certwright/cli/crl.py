"""`certwright crl`: sign lists at somebody's wish."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from .options import Recovery, Session, anywhere, group
from .output import columns

if TYPE_CHECKING:
    from ..core.access import Actor
    from ..operations.context import Context
    from ..operations.publish_status import Published
    from .remote import Remote

Document = dict[str, Any]
app = group("Certificate revocation lists.")


@app.callback()
def crl() -> None:
    """So that `publish` stays a word of its own, though it is the only one."""


@app.command()
@anywhere
def publish(
    session: Session,
    authority: Annotated[
        str, typer.Argument(metavar="[AUTHORITY]", help="Default: every one whose key can be used.")
    ] = "",
    recovery: Recovery = "",
) -> None:
    """Sign an authority's lists anew, and its OCSP signer's certificate where that is due."""
    from ..operations.publish_status import publish_status, usable_authorities
    from .remote import path_of

    async def act(context: Context, actor: Actor) -> list[Document]:
        names = [authority] if authority else usable_authorities(context)
        with session.output.steps("publishing", len(names)) as step:
            found: list[Document] = []
            for name in names:
                step(name)
                found += map(_document, await publish_status(context, actor, name))
            return found

    def there(remote: Remote) -> list[Document]:
        names = [authority] if authority else _usable(remote)
        with session.output.steps("publishing", len(names)) as step:
            found: list[Document] = []
            for name in names:
                step(name)
                found += _published(name, remote.post(path_of("authorities", name, "publish")))
            return found

    found = session.run(act, there, recovery)
    heads = ("AUTHORITY", "SHARD", "NUMBER", "ENTRIES", "NEXT UPDATE", "OCSP SIGNER")
    rows = [
        (
            one["authority"],
            str(each["shard"]),
            str(each["number"]),
            str(each["entries"]),
            each["next_update"][:16].replace("T", " "),
            "renewed" if one["ocsp_signer_until"] else "still good",
        )
        for one in found
        for each in one["lists"]
    ]
    session.output.show({"published": found}, columns(heads, rows))


def _document(published: Published) -> Document:
    return {
        "authority": published.generation.path,
        "lists": [
            {
                "shard": row.shard,
                "number": row.number,
                "entries": row.entries,
                "this_update": row.this_update.isoformat(),
                "next_update": row.next_update.isoformat(),
            }
            for row in published.lists
        ],
        "ocsp_signer_until": published.signer.not_after.isoformat() if published.signer else None,
    }


def _usable(remote: Remote) -> list[str]:
    """As `usable_authorities` has them where there is no recovery passphrase."""
    from ..operations.keyring import RECOVERY

    names = []
    for one in remote.rows("/authorities", "authorities"):
        providers = {each["key_provider"] for each in one["generations"] if each["certificate"]}
        if providers and RECOVERY not in providers:
            names.append(one["name"])
    return names


def _published(name: str, publication: Document) -> list[Document]:
    """What REST says of an authority, by generation."""
    signers = {one["generation"]: one["not_after"] for one in publication["ocsp_signers"]}
    lists: dict[int, list[Document]] = {}
    for row in publication["lists"]:
        lists.setdefault(row.pop("generation"), []).append(row)
    return [
        {"authority": f"{name}/{number}", "lists": rows, "ocsp_signer_until": signers.get(number)}
        for number, rows in lists.items()
    ]
