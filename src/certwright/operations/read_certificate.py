"""Read all there is to say of one certificate."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from ..core.access import Actor, Verb, may
from ..core.names import Identifier, IdentifierKind
from ..store.databases import Database
from ..store.discovery_rows import SightingRow
from ..store.rows import CertificateNameRow, CertificateRow
from ..store.snapshot import Snapshot
from .custom_fields import all_fields, values_of
from .find_certificate import certificate_der, find_certificate, read_subject, tags_of

SEEN_MAX = 200
SUCCESSORS_MAX = 20


@dataclass(frozen=True, slots=True)
class CertificateDetails:
    """`served` is what a server sends after the certificate: DER, issuer first, without the root. `seen` are
    places, first those where it is now, at most SEEN_MAX; `issuer` is the certificate of others whose key has
    signed this one, `replaced` the one before it in its line and `successors` those after it, at most
    SUCCESSORS_MAX: all of them where the actor may see them. `fields` are those of the organization's own
    that are filled in, by name."""

    row: CertificateRow
    names: tuple[Identifier, ...]
    der: bytes
    served: tuple[bytes, ...]
    tags: frozenset[str]
    seen: tuple[SightingRow, ...]
    issuer: CertificateRow | None
    replaced: CertificateRow | None = None
    successors: tuple[CertificateRow, ...] = ()
    fields: Mapping[str, str] = field(default_factory=dict)


async def read_certificate(
    database: Database, snapshot: Snapshot, actor: Actor, reference: str
) -> CertificateDetails:
    """By fingerprint or serial. Raises what `find_certificate` raises."""
    row = await find_certificate(database, actor, reference)
    names = await certificate_names(database, row.id)
    generation = snapshot.generations.get(row.generation_id or 0)
    served = generation.served_chain if generation else ()
    tags = await tags_of(database, row.id)
    der, seen = await certificate_der(database, row.id), await _seen(database, row.id)
    issuer = await _visible(database, actor, "id", row.issuer_certificate)
    replaced = await _visible(database, actor, "id", row.replaces)
    successors = await _visible(database, actor, "replaces", row.id)
    fields = (await values_of(database, [row.id], await all_fields(database))).get(row.id, {})
    above, before = _first(issuer), _first(replaced)
    return CertificateDetails(row, names, der, served, tags, seen, above, before, successors, fields)


async def _seen(database: Database, identifier: int) -> tuple[SightingRow, ...]:
    order = '("ended_at" IS NOT NULL), "last_seen_at" DESC, "id"'
    where = f'"certificate_id" = ? ORDER BY {order} LIMIT {SEEN_MAX}'
    return tuple(await database.select(SightingRow, where, identifier))


async def _visible(
    database: Database, actor: Actor, column: str, value: int | None
) -> tuple[CertificateRow, ...]:
    """The newest certificates that have this value, of those that the actor may see."""
    if value is None:
        return ()
    where = f'"{column}" = ? ORDER BY "id" DESC LIMIT {SUCCESSORS_MAX}'
    found = await database.select(CertificateRow, where, value)
    return tuple([one for one in found if may(actor, Verb.VIEW, await read_subject(database, actor, one))])


def _first(rows: tuple[CertificateRow, ...]) -> CertificateRow | None:
    return rows[0] if rows else None


async def certificate_names(database: Database, identifier: int) -> tuple[Identifier, ...]:
    """The alternative names, in the certificate's order."""
    rows = await database.select(CertificateNameRow, '"certificate_id" = ? ORDER BY "position"', identifier)
    return tuple(Identifier(IdentifierKind(row.kind), row.value) for row in rows)
