"""Read all there is to say of one certificate."""

from dataclasses import dataclass

from ..core.access import Actor
from ..core.names import Identifier, IdentifierKind
from ..store.databases import Database
from ..store.rows import CertificateNameRow, CertificateRow
from ..store.snapshot import Snapshot
from .find_certificate import certificate_der, find_certificate, tags_of


@dataclass(frozen=True, slots=True)
class CertificateDetails:
    """`served` is what a server sends after the certificate: DER, issuer first, without the root."""

    row: CertificateRow
    names: tuple[Identifier, ...]
    der: bytes
    served: tuple[bytes, ...]
    tags: frozenset[str]


async def read_certificate(
    database: Database, snapshot: Snapshot, actor: Actor, reference: str
) -> CertificateDetails:
    """By fingerprint or serial. Raises what `find_certificate` raises."""
    row = await find_certificate(database, actor, reference)
    names = await certificate_names(database, row.id)
    generation = snapshot.generations.get(row.generation_id or 0)
    served = generation.served_chain if generation else ()
    tags = await tags_of(database, row.id)
    return CertificateDetails(row, names, await certificate_der(database, row.id), served, tags)


async def certificate_names(database: Database, identifier: int) -> tuple[Identifier, ...]:
    """The alternative names, in the certificate's order."""
    rows = await database.select(CertificateNameRow, '"certificate_id" = ? ORDER BY "position"', identifier)
    return tuple(Identifier(IdentifierKind(row.kind), row.value) for row in rows)
