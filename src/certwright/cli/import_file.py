"""`certwright import`: a table of certificates from another manager."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from .options import Session, anywhere, read_file

if TYPE_CHECKING:
    from ..core.access import Actor
    from ..core.import_rows import ImportRow
    from ..operations.context import Context
    from .remote import Remote

Document = dict[str, Any]
OCTETS_MAX = 512 * 1024 * 1024
ROWS_AT_ONCE = 200
SHOWN = 20


@anywhere
def import_file(
    session: Session,
    file: Annotated[
        Path,
        typer.Argument(
            metavar="FILE", help="CSV with a head: certificate, team, owner, environment, tags, field.NAME."
        ),
    ],
) -> None:
    """Take in a table of certificates from another manager.

    Bundles and key stores are taken in by `certwright discover FILE`.
    """
    from ..core.errors import Malformed
    from ..core.import_rows import read_import

    try:
        text = read_file(file, OCTETS_MAX).decode("utf-8")
    except UnicodeDecodeError as error:
        raise Malformed(f"{file} is not UTF-8") from error
    rows = list(read_import(text))
    with session.output.progress("Import") as progress:

        async def act(context: Context, actor: Actor) -> Document:
            from ..operations.import_certificates import import_certificates, imported_document

            def told(done: int) -> None:
                progress(done, len(rows))

            return imported_document(await import_certificates(context, actor, rows, file.name, told))

        def there(remote: Remote) -> Document:
            return _there(remote, rows, file.name, lambda done: progress(done, len(rows)))

        found = session.run(act, there)
    session.output.show(found, _text(found))


def _there(remote: Remote, rows: list[ImportRow], source: str, progress: Any) -> Document:
    """In parts, as one request can hold them."""
    whole: Document = {"rows": 0, "new": 0, "assigned": 0, "problems_count": 0, "problems": []}
    for start in range(0, len(rows), ROWS_AT_ONCE):
        part = [_body(row) for row in rows[start : start + ROWS_AT_ONCE]]
        found = remote.post("/discovery/imports", {"source": source, "rows": part})
        for name in ("rows", "new", "assigned", "problems_count"):
            whole[name] += found[name]
        whole["problems"] += found["problems"]
        progress(whole["rows"])
    return whole


def _body(row: ImportRow) -> Document:
    import base64

    return {
        "number": row.number,
        "certificate": base64.b64encode(row.certificate).decode(),
        "team": row.team,
        "owner": row.owner,
        "environment": row.environment,
        "tags": sorted(row.tags),
        "fields": dict(row.fields),
    }


def _text(found: Document) -> str:
    read = f"{found['rows']} rows read: {found['new']} certificates not known before"
    lines = [f"{read}, {found['assigned']} assigned, {found['problems_count']} refused"]
    lines += [f"row {one['row']}: {one['problem']}" for one in found["problems"][:SHOWN]]
    if found["problems_count"] > SHOWN:
        lines.append(f"and {found['problems_count'] - SHOWN} more; --json says the first thousand")
    return "\n".join(lines)
