"""Read all there is to say of one certificate."""

from dataclasses import dataclass

from ..core.access import Actor, Verb, may
from ..core.names import Identifier, IdentifierKind
from ..store.databases import Database
from ..store.discovery_rows import SightingRow
from ..store.rows import CertificateNameRow, CertificateRow
from ..store.snapshot import Snapshot
from .find_certificate import certificate_der, find_certificate, read_subject, tags_of

SEEN_MAX = 200


@dataclass(frozen=True, slots=True)
class CertificateDetails:
    """`served` is what a server sends after the certificate: DER, issuer first, without the root. `seen` are
    places, first those where it is now, at most SEEN_MAX; `issuer` is the certificate of others whose key has
    signed this one, where the actor may see it."""

    row: CertificateRow
    names: tuple[Identifier, ...]
    der: bytes
    served: tuple[bytes, ...]
    tags: frozenset[str]
    seen: tuple[SightingRow, ...]
    issuer: CertificateRow | None


async def read_certificate(
    database: Database, snapshot: Snapshot, actor: Actor, reference: str
) -> CertificateDetails:
    """By fingerprint or serial. Raises what `find_certificate` raises."""
    row = await find_certificate(database, actor, reference)
    names = await certificate_names(database, row.id)
    generation = snapshot.generations.get(row.generation_id or 0)
    served = generation.served_chain if generation else ()
    tags = await tags_of(database, row.id)
    der, issuer = await certificate_der(database, row.id), await _issuer(database, actor, row)
    return CertificateDetails(row, names, der, served, tags, await _seen(database, row.id), issuer)


async def _seen(database: Database, identifier: int) -> tuple[SightingRow, ...]:
    order = '("ended_at" IS NOT NULL), "last_seen_at" DESC, "id"'
    where = f'"certificate_id" = ? ORDER BY {order} LIMIT {SEEN_MAX}'
    return tuple(await database.select(SightingRow, where, identifier))


async def _issuer(database: Database, actor: Actor, row: CertificateRow) -> CertificateRow | None:
    if row.issuer_certificate is None:
        return None
    for found in await database.select(CertificateRow, '"id" = ?', row.issuer_certificate):
        if may(actor, Verb.VIEW, await read_subject(database, actor, found)):
            return found
    return None


async def certificate_names(database: Database, identifier: int) -> tuple[Identifier, ...]:
    """The alternative names, in the certificate's order."""
    rows = await database.select(CertificateNameRow, '"certificate_id" = ? ORDER BY "position"', identifier)
    return tuple(Identifier(IdentifierKind(row.kind), row.value) for row in rows)
