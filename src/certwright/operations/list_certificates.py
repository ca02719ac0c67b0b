"""List certificates as their reader may see them, a page at a time by keyset: a million is no matter."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from ..core.access import Actor, Verb, reach
from ..core.custom_fields import require_defined
from ..core.names import IdentifierKind, parse_identifier, reversed_name
from ..core.query import own_fields, parse
from ..store.databases import Database, SqliteDatabase
from ..store.rows import CertificateRow
from .query_sql import QuerySql, defined_fields

PAGE_MAX = 1000


@dataclass(frozen=True, slots=True)
class CertificateFilter:
    """What to list; what is empty or None does not matter.

    `expires_after` and `expires_before` bound notAfter, and sort by it; otherwise the newest come first.
    `name` is a DNS name, or `.example.test` for all below that. `unowned` are those for which nobody answers,
    neither a team nor an account; False is the others. `responsible` is the name of a team or an account.
    `query` is in the language of core/query.py, read anew each time: its spans count from then.
    """

    authority: str = ""
    profile: str = ""
    endpoint: str = ""
    expires_after: datetime | None = None
    expires_before: datetime | None = None
    revoked: bool | None = None
    name: str = ""
    team: str = ""
    owner: str = ""
    responsible: str = ""
    unowned: bool | None = None
    tag: str = ""
    key_algorithm: str = ""
    query: str = ""


@dataclass(frozen=True, slots=True)
class CertificatePage:
    """`next` goes on after this page; None at the end."""

    rows: tuple[CertificateRow, ...]
    next: int | None


async def list_certificates(
    database: Database,
    actor: Actor,
    wanted: CertificateFilter,
    now: datetime,
    after: int | None = None,
    limit: int = 100,
) -> CertificatePage:
    """Up to `limit` certificates, at most PAGE_MAX, after the one of identifier `after`. Raises Malformed."""
    await check_filter(database, wanted)
    conditions = [filter_condition(database, wanted, now), scope_condition(actor, Verb.VIEW)]
    by_expiry = wanted.expires_before is not None or wanted.expires_after is not None
    if after is not None and by_expiry:
        place = 'SELECT c."not_after", c."id" FROM "certificate" c WHERE c."id" = ?'
        conditions.append((f'("not_after", "id") > ({place})', [after]))
    elif after is not None:
        conditions.append(('"id" < ?', [after]))
    order = '"not_after", "id"' if by_expiry else '"id" DESC'
    limit = max(1, min(limit, PAGE_MAX))
    where = " AND ".join(f"({text})" for text, _ in conditions)
    values = [value for _, more in conditions for value in more]
    sql = f"{where} ORDER BY {order} LIMIT {limit + 1}"
    rows = await database.select(CertificateRow, sql, *values)
    return CertificatePage(tuple(rows[:limit]), rows[limit - 1].id if len(rows) > limit else None)


async def check_filter(database: Database, wanted: CertificateFilter) -> None:
    """Before it is asked of many: raises Malformed for a query that is none, or that asks of a field that was
    never defined."""
    if wanted.query and (own := own_fields(parse(wanted.query))):
        question = defined_fields(own)
        found = await database.query(question.text, *question.values)
        require_defined(own, [row[0] for row in found])


def filter_condition(
    database: Database, wanted: CertificateFilter, now: datetime
) -> tuple[str, list[object]]:
    """SQL for the certificates that a filter selects. Raises Malformed for a name or query that is none."""
    conditions = list(_conditions(database, wanted))
    if wanted.query:
        found = QuerySql(isinstance(database, SqliteDatabase), now).condition(parse(wanted.query))
        conditions.append((found.text, list(found.values)))
    text = " AND ".join(f"({text})" for text, _ in conditions) or "1 = 1"
    return text, [value for _, values in conditions for value in values]


def _conditions(database: Database, wanted: CertificateFilter) -> Iterator[tuple[str, list[object]]]:
    for column in ("authority", "profile", "endpoint", "team", "owner", "key_algorithm"):
        if value := getattr(wanted, column):
            yield f'"{column}" = ?', [value]
    if wanted.responsible:
        yield '"team" = ? OR "owner" = ?', [wanted.responsible] * 2
    if wanted.unowned is not None:
        yield ("" if wanted.unowned else "NOT ") + """("team" = '' AND "owner" = '')""", []
    if wanted.tag:
        yield _TAGGED, [wanted.tag]
    if wanted.expires_after is not None:
        yield '"not_after" >= ?', [wanted.expires_after]
    if wanted.expires_before is not None:
        yield '"not_after" < ?', [wanted.expires_before]
    if wanted.revoked is not None:
        yield f'"revoked_at" IS {"NOT NULL" if wanted.revoked else "NULL"}', []
    if wanted.name:
        yield _named(database, wanted.name)


def _named(database: Database, name: str) -> tuple[str, list[object]]:
    """Names are stored back to front, so all below a domain are one range of an index. PostgreSQL finds it by
    LIKE, whatever order its characters have, SQLite by comparing octets."""
    below = name.startswith(".")
    value = reversed_name(parse_identifier(IdentifierKind.DNS, name[below:]))
    names = 'SELECT n."certificate_id" FROM "certificate_name" n WHERE n."reversed_value"'
    if not below:
        return f'"id" IN ({names} = ?)', [value]
    if isinstance(database, SqliteDatabase):  # "/" follows "."
        return f'"id" IN ({names} >= ? AND n."reversed_value" < ?)', [f"{value}.", f"{value}/"]
    pattern = value.replace("_", r"\_") + ".%"
    return rf""""id" IN ({names} LIKE ? ESCAPE '\')""", [pattern]


def scope_condition(actor: Actor, verb: Verb) -> tuple[str, list[object]]:
    """SQL for the certificates to which the actor may do the verb, as `core.access.may` has it."""
    scopes = reach(actor, verb)
    if scopes is None:
        return "1 = 1", []
    tests = (_TAGGED if kind == "tag" else f'"{kind}" = ?' for kind, _ in scopes)  # the others are columns
    return " OR ".join(tests) or "1 = 0", [name for _, name in scopes]


_TAGGED = '"id" IN (SELECT t."certificate_id" FROM "certificate_tag" t WHERE t."tag" = ?)'
