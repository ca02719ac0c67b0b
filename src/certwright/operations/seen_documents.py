"""What was seen at places, as documents for people and programs."""

import json
from collections.abc import Callable
from hashlib import sha256
from typing import Any

from ..core.health import Finding
from ..core.names import Identifier, IdentifierKind
from ..core.sightings import KnownPlace
from ..ports import Sighting
from ..store.among import among
from ..store.discovery_rows import DiscoveryRunRow, SightingRow
from ..store.rows import CertificateRow
from .context import Context
from .judge_health import judge_certificates, load_authorities
from .run_discovery import Watcher
from .take_sightings import Taken, known_place

Document = dict[str, Any]
NAMES_SHOWN = 20


def telling(context: Context, show: Callable[[DiscoveryRunRow, list[Document]], None]) -> Watcher:
    """Watches a run: tells how far it is, and each part of what is seen as documents."""

    async def watch(row: DiscoveryRunRow, sightings: list[Sighting], taken: Taken) -> None:
        show(row, await seen_documents(context, row.zone, sightings, taken))

    return watch


async def seen_documents(
    context: Context, zone: str, sightings: list[Sighting], taken: Taken
) -> list[Document]:
    """Sightings that were just taken in, with what is wrong there, and the places that had problems."""
    leaves = {known_place(zone, one).digest: sha256(one.chain[0]).digest() for one in sightings if one.chain}
    documents = await _documents(context, leaves)
    return documents + [problem_document(place, text) for place, text in taken.problems]


async def _documents(context: Context, leaves: dict[bytes, bytes]) -> list[Document]:
    if not leaves:
        return []
    condition, values = among("place", list(leaves))
    rows = await context.database.select(SightingRow, f'{condition} AND "ended_at" IS NULL', *values)
    condition, values = among("fingerprint", list(set(leaves.values())))
    certificates = await context.database.select(CertificateRow, condition, *values)
    return await place_documents(context, rows, {row.id: row for row in certificates})


async def place_documents(
    context: Context, rows: list[SightingRow], certificates: dict[int, CertificateRow]
) -> list[Document]:
    """Each sighting of one of these certificates, with what is wrong with it there. Raises Unavailable."""
    authorities = await load_authorities(context)
    findings = await judge_certificates(context, list(certificates.values()), authorities, context.clock())
    names = await _names(context, list(certificates))
    return [
        place_document(row, certificates[row.certificate_id], names.get(row.certificate_id, []), [
            one for one in findings[row.certificate_id] if one.sighting in (0, row.id)
        ])
        for row in rows
        if row.certificate_id in certificates
    ]  # fmt: skip


async def _names(context: Context, identifiers: list[int]) -> dict[int, list[str]]:
    found: dict[int, list[str]] = {}
    if identifiers:
        condition, values = among("certificate_id", identifiers)
        sql = f'SELECT "certificate_id", "kind", "value" FROM "certificate_name" WHERE {condition} ORDER BY 1'
        for identifier, kind, value in await context.database.query(sql, *values):
            found.setdefault(identifier, []).append(str(Identifier(IdentifierKind(kind), value)))
    return found


def _where(zone: str, kind: str, host: str, port: int, name: str) -> Document:
    return {"zone": zone, "kind": kind, "host": host, "port": port, "name": name}


def place_document(
    row: SightingRow, certificate: CertificateRow, names: list[str], findings: list[Finding]
) -> Document:
    return {
        "place": _where(row.zone, row.kind, row.host, row.port, row.name),
        "fingerprint": certificate.fingerprint.hex(),
        "subject": certificate.subject,
        "issuer": certificate.issuer,
        "names": names[:NAMES_SHOWN],
        "names_count": len(names),
        "not_before": certificate.not_before.isoformat(),
        "not_after": certificate.not_after.isoformat(),
        "key_algorithm": certificate.key_algorithm,
        "standing": certificate.standing,
        "first_seen_at": row.first_seen_at.isoformat(),
        "last_seen_at": row.last_seen_at.isoformat(),
        "facts": facts_of(row),
        "findings": [finding_document(one) for one in findings],
        "problem": "",
    }


def finding_document(finding: Finding) -> Document:
    return {"code": finding.code, "severity": finding.kind.severity.value, "detail": finding.detail}


def problem_document(place: KnownPlace, text: str) -> Document:
    where = _where(place.zone, place.kind, place.host, place.port, place.name)
    return {"place": where, "findings": [], "problem": text}


def facts_of(row: SightingRow) -> Document:
    """What is known of a sighting beside the chain."""
    facts: Document = json.loads(row.facts)
    return facts
