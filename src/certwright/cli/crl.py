"""`certwright crl`: sign lists at somebody's wish."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from .options import Home, Json, Recovery, begin, group
from .output import columns

if TYPE_CHECKING:
    from ..core.access import Actor
    from ..operations.context import Context
    from ..operations.publish_status import Published

Document = dict[str, Any]
app = group("Certificate revocation lists.")


@app.callback()
def crl() -> None:
    """So that `publish` stays a word of its own, though it is the only one."""


@app.command()
def publish(
    context: typer.Context,
    authority: Annotated[
        str, typer.Argument(metavar="[AUTHORITY]", help="Default: every one whose key can be used.")
    ] = "",
    recovery: Recovery = "",
    home: Home = None,
    as_json: Json = False,
) -> None:
    """Sign an authority's lists anew, and its OCSP signer's certificate where that is due."""
    from ..operations.publish_status import publish_status, usable_authorities

    session = begin(context, home, as_json)

    async def act(context: Context, actor: Actor) -> list[Document]:
        names = [authority] if authority else usable_authorities(context)
        with session.output.steps("publishing", len(names)) as step:
            found: list[Document] = []
            for name in names:
                step(name)
                found += map(_document, await publish_status(context, actor, name))
            return found

    found = session.run(act, recovery)
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
