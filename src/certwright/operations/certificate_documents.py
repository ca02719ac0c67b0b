"""Certificates as documents of plain values, the same for REST and for the command line."""

from typing import Any

from ..core.pem import pem
from ..core.revocation import Reason
from ..store.discovery_rows import SightingRow
from ..store.rows import CertificateRow
from .assign_owner import Assigned
from .issue import Issued
from .read_certificate import CertificateDetails


def certificate_document(row: CertificateRow) -> dict[str, Any]:
    """The facts of a certificate. `replaces` and `id` are text: JSON readers would round the numbers."""
    reason = Reason(row.revocation_reason).label if row.revocation_reason is not None else None
    return {
        "id": str(row.id),
        "fingerprint": row.fingerprint.hex(),
        "serial": row.serial.hex(),
        "authority": row.authority,
        "issuer": row.issuer,
        "subject": row.subject,
        "not_before": row.not_before.isoformat(),
        "not_after": row.not_after.isoformat(),
        "key_algorithm": row.key_algorithm,
        "signature_algorithm": row.signature_algorithm,
        "standing": row.standing,
        "environment": row.environment,
        "profile": row.profile,
        "endpoint": row.endpoint,
        "requester": row.requester,
        "team": row.team,
        "owner": row.owner,
        "replaces": str(row.replaces) if row.replaces is not None else None,
        "revoked_at": row.revoked_at.isoformat() if row.revoked_at else None,
        "revocation_reason": reason,
    }


def assigned_document(done: Assigned) -> dict[str, Any]:
    """What has come of saying who answers for many certificates."""
    return {
        "total": done.total,
        "changed": done.changed,
        "unchanged": done.unchanged,
        "refused": done.refused,
        "next": str(done.next) if done.next is not None else None,
    }


def issued_document(issued: Issued) -> dict[str, Any]:
    """What the caller gets of a new certificate: facts, PEM, and the chain to serve with it."""
    return certificate_document(issued.row) | _texts(issued.der, issued.served)


def details_document(details: CertificateDetails) -> dict[str, Any]:
    """All there is to say of a stored certificate."""
    names = {
        "names": [str(name) for name in details.names],
        "tags": sorted(details.tags),
        "fields": dict(details.fields),
    }
    places = {
        "issuer_fingerprint": details.issuer.fingerprint.hex() if details.issuer else None,
        "replaces_fingerprint": details.replaced.fingerprint.hex() if details.replaced else None,
        "replaced_by": [one.fingerprint.hex() for one in details.successors],
        "seen": [place_document(row) for row in details.seen],
    }
    return certificate_document(details.row) | names | places | _texts(details.der, details.served)


def place_document(row: SightingRow) -> dict[str, Any]:
    """Where a certificate was seen: since when, when last, and since when it is not there any more."""
    return {
        "zone": row.zone,
        "kind": row.kind,
        "host": row.host,
        "port": row.port,
        "name": row.name,
        "since": row.first_seen_at.isoformat(),
        "last_seen": row.last_seen_at.isoformat(),
        "ended_at": row.ended_at.isoformat() if row.ended_at else None,
    }


def _texts(der: bytes, served: tuple[bytes, ...]) -> dict[str, str]:
    return {"certificate": pem(der).decode(), "chain": b"".join(map(pem, served)).decode()}
