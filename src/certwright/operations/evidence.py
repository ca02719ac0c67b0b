"""Documents on organizations: looked at by a virus scanner, kept in envelopes, given to who vets or audits.

They lie in the database, so that every host of an installation has them and a backup holds them, cut in
parts that an envelope can hold.
"""

import asyncio
import hashlib
import re
from dataclasses import dataclass, field

from ..core.access import Actor
from ..core.audit import EventKind, JsonValue, shown
from ..core.envelope import RANDOM_BYTES
from ..core.errors import Conflict, IntegrityError, Malformed, NotFound, TooLarge
from ..core.evidence import chunk_context, chunks_of, media_type_of
from ..store.ledger import Change
from ..store.vetting import Organization
from ..store.vetting_rows import EvidenceChunkRow, EvidenceRow
from .context import Context
from .organizations import find_organization, organization_event, organization_to_vet
from .record_check import person_behind

DOCUMENTS_MAX = 500
NAME_MAX = 200
WHY_SHOWN = 200
_NOT_IN_NAMES = re.compile(r'[/\\:*?"<>|]')


@dataclass(frozen=True, slots=True)
class Document:
    row: EvidenceRow
    content: bytes = field(repr=False)


async def upload_evidence(
    context: Context, actor: Actor, organization: int, name: str, content: bytes
) -> EvidenceRow:
    """Keep a document. Its type is told by its octets.

    Raises NotFound, Forbidden, TooLarge past `limits.evidence_octets`, Malformed for another type, an odd
    name, or what the virus scanner refuses, Unavailable when the scanner does not answer.
    """
    found = await organization_to_vet(context, actor, organization)
    _check(context, found, name, content)
    media_type = media_type_of(content)
    await _scan(context, actor, found, name, content)
    digest = hashlib.sha256(content).digest()
    row = EvidenceRow(
        id=context.ledger.new_id(),
        organization_id=found.row.id,
        name=name,
        media_type=media_type,
        octets=len(content),
        sha256=digest,
        scanned=context.vetting.scan is not None,
        uploaded_at=context.clock(),
        actor=actor.name,
        person=await person_behind(context.database, actor),
    )
    cut = [(context.ledger.new_id(), part) for part in chunks_of(content)]
    parts = await asyncio.to_thread(_sealed, context, row, cut)
    detail = _told(row)
    event = organization_event(EventKind.EVIDENCE_UPLOADED, context, actor, found.row, detail)
    change = Change(inserted=[row, *parts], replaced=[(found.row, found.row)], events=[event])
    await context.ledger.commit(change)
    return row


def _check(context: Context, found: Organization, name: str, content: bytes) -> None:
    most = context.vetting.evidence_octets
    if len(content) > most:
        raise TooLarge(f"a document has at most {most} octets; {len(content)} were sent")
    if not 1 <= len(name) <= NAME_MAX or not name.isprintable() or _NOT_IN_NAMES.search(name):
        raise Malformed(
            f"a document's name has 1 to {NAME_MAX} printable characters, none of / \\ : * ? < > |"
        )
    if len(found.documents) >= DOCUMENTS_MAX:
        raise Conflict(f"the organization has {DOCUMENTS_MAX} documents already; make a new record of it")


async def _scan(context: Context, actor: Actor, found: Organization, name: str, content: bytes) -> None:
    if context.vetting.scan is None:
        return
    why = await context.vetting.scan(content)
    if not why:
        return
    told = shown(why, WHY_SHOWN)
    detail: dict[str, JsonValue] = {"name": shown(name, NAME_MAX), "why": told}
    detail["sha256"] = hashlib.sha256(content).hexdigest()
    event = organization_event(EventKind.EVIDENCE_REFUSED, context, actor, found.row, detail)
    await context.ledger.commit(Change(events=[event]))
    raise Malformed(f"the virus scanner refuses the document: {told}")


def _sealed(context: Context, row: EvidenceRow, cut: list[tuple[int, bytes]]) -> list[EvidenceChunkRow]:
    """Its parts with their identifiers, enveloped. Of ten million octets that takes a while: not on the event
    loop."""
    rows = []
    for position, (identifier, part) in enumerate(cut):
        place = chunk_context(row.id, position, row.octets)
        sealed = context.keyring.encrypt(part, place, context.random(RANDOM_BYTES))
        rows.append(EvidenceChunkRow(identifier, row.id, position, sealed))
    return rows


async def download_evidence(context: Context, actor: Actor, organization: int, evidence: int) -> Document:
    """A document, for who vets or audits its organization; that they had it goes on record first.

    Raises NotFound, IntegrityError when it is not what was kept.
    """
    found = await find_organization(context, actor, organization)
    row = next((one for one in found.documents if one.id == evidence), None)
    if row is None:
        raise NotFound(f"the organization has no document {evidence}")
    chunks = await context.database.select(EvidenceChunkRow, '"evidence_id" = ? ORDER BY "position"', row.id)
    content = await asyncio.to_thread(_opened, context, row, chunks)
    event = organization_event(EventKind.EVIDENCE_READ, context, actor, found.row, _told(row))
    await context.ledger.commit(Change(events=[event]))
    return Document(row, content)


def _opened(context: Context, row: EvidenceRow, chunks: list[EvidenceChunkRow]) -> bytes:
    parts = [
        context.keyring.decrypt(one.sealed, chunk_context(row.id, one.position, row.octets)) for one in chunks
    ]
    content = b"".join(parts)
    if hashlib.sha256(content).digest() != row.sha256:
        raise IntegrityError(f"document {row.id} is not what was uploaded; restore it from a backup")
    return content


def _told(row: EvidenceRow) -> dict[str, JsonValue]:
    return {
        "evidence": str(row.id),
        "name": shown(row.name, NAME_MAX),
        "media_type": row.media_type,
        "octets": row.octets,
        "sha256": row.sha256.hex(),
    }
