"""Published practice documents, as bytes to serve: a version never changes, the newest is looked for."""

from dataclasses import dataclass
from datetime import datetime

from ..core.access import Actor, Subject, Verb, require
from ..core.errors import NotFound
from ..store.databases import Database, moment_of
from ..store.rows import PracticeStatementRow

_COLUMNS = {"html": "html", "pdf": "pdf", "p7s": "signature"}
VERSIONS_MAX = 1000
_LISTED = (
    "kind",
    "number",
    "created_at",
    "created_by",
    "effective_at",
    "html_sha256",
    "pdf_sha256",
    "signer",
)


@dataclass(frozen=True, slots=True)
class PublishedForm:
    """One form of a version."""

    number: int
    body: bytes


async def published_form(
    database: Database, kind: str, number: int | None, form: str, now: datetime
) -> PublishedForm:
    """A version's form; without a number, that of the newest version in effect. Raises NotFound,
    Unavailable."""
    where, value = ('"number" = ?', number) if number else ('"effective_at" <= ?', now)
    rows = await database.query(
        f'SELECT "number", "{_COLUMNS[form]}" FROM "practice_statement" WHERE "kind" = ? AND {where} '
        'ORDER BY "number" DESC LIMIT 1',
        kind,
        value,
    )
    if not rows:
        version = f"no version {number}" if number else "no version in effect"
        raise NotFound(f"there is {version} of the practice document {kind} here")
    return PublishedForm(rows[0][0], bytes(rows[0][1]))


@dataclass(frozen=True, slots=True)
class ListedVersion:
    """What is told of a version without its text. Digests in hexadecimal."""

    kind: str
    number: int
    created_at: datetime
    created_by: str
    effective_at: datetime
    html_sha256: str
    pdf_sha256: str
    signer: str


def listed(row: PracticeStatementRow) -> ListedVersion:
    return ListedVersion(
        row.kind,
        row.number,
        row.created_at,
        row.created_by,
        row.effective_at,
        row.html_sha256.hex(),
        row.pdf_sha256.hex(),
        row.signer.hex(),
    )


async def list_versions(database: Database, actor: Actor) -> list[ListedVersion]:
    """Every version of both kinds, the newest first; whoever may look at anything may. Raises Forbidden."""
    require(actor, Verb.VIEW, Subject())
    columns = ", ".join(f'"{column}"' for column in _LISTED)
    rows = await database.query(
        f'SELECT {columns} FROM "practice_statement" ORDER BY "kind", "number" DESC LIMIT {VERSIONS_MAX}'
    )
    return [
        ListedVersion(
            kind, number, moment_of(created), by, moment_of(effective), *[one.hex() for one in digests]
        )
        for kind, number, created, by, effective, *digests in rows
    ]
