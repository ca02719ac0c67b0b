"""`certwright cbom`: a cryptographic bill of materials."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from .options import Session, anywhere

if TYPE_CHECKING:
    from ..core.access import Actor
    from ..operations.context import Context
    from .remote import Remote


@anywhere
def cbom(
    session: Session,
    query: Annotated[
        str,
        typer.Option("--query", metavar="TEXT", help="In the language of searches. Default: status:live."),
    ] = "",
    out: Annotated[
        Path | None,
        typer.Option("--out", metavar="FILE", help="Where to put it. Default: standard output."),
    ] = None,
) -> None:
    """Write a cryptographic bill of materials, CycloneDX 1.6.

    Certificates with their keys, algorithms, and the protocols that were seen where they are served.
    """
    if out is None:
        _write(session, query, sys.stdout.write)
        return
    part = out.with_name(f".{out.name}.part")
    try:
        with part.open("w", encoding="utf-8") as target:
            _write(session, query, target.write)
        part.replace(out)
    finally:
        part.unlink(missing_ok=True)
    session.output.show({"file": str(out)}, f"Wrote {out}")


def _write(session: Session, query: str, write: Callable[[str], object]) -> None:
    from urllib.parse import urlencode

    async def act(context: Context, actor: Actor) -> None:
        from ..operations.bill_of_materials import read_query, write_bill

        await write_bill(context, actor, read_query(query), write)

    path = f"/cbom?{urlencode({'query': query})}" if query else "/cbom"
    session.run(act, lambda remote: _hand_on(remote, path, write))


def _hand_on(remote: Remote, path: str, write: Callable[[str], object]) -> None:
    for piece in remote.pieces(path):
        write(piece)
