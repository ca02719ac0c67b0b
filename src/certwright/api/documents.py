"""What REST takes and gives for certificates, once: read by the fast lane and declared to OpenAPI by `routes`."""

import json
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from ..core.documents import Fields
from ..core.errors import Malformed
from ..core.pem import pem
from ..core.revocation import Reason, parse_reason
from ..operations.issue import Issued
from ..store.rows import CertificateRow

BODY_OCTETS_MAX = 128 * 1024


@dataclass(frozen=True, slots=True)
class IssueDocument:
    """`POST /certificates`: `csr` is PEM. `days` shortens the profile's lifetime."""

    csr: bytes
    profile: str
    authority: str
    not_after: datetime | None
    replaces: str


@dataclass(frozen=True, slots=True)
class RevokeDocument:
    reason: Reason
    invalidity_date: datetime | None


def read_object(body: bytes) -> Fields:
    """The JSON object of a request. Raises Malformed."""
    try:
        return Fields(json.loads(body), "body")
    except (ValueError, RecursionError) as error:
        raise Malformed("the body is no JSON object; send Content-Type application/json") from error


def read_issue(body: bytes, now: datetime) -> IssueDocument:
    """Raises Malformed naming the field."""
    fields = read_object(body)
    csr = read_csr(fields)
    days = fields.optional_number("days", least=1, most=20_000)
    document = IssueDocument(
        csr,
        fields.text("profile", "tls-server"),
        fields.text("authority", "issuing"),
        now + timedelta(days=days) if days else None,
        fields.text("replaces", ""),
    )
    fields.finish()
    return document


def read_csr(fields: Fields) -> bytes:
    """The field `csr`, PEM. What is in it is for the parser of requests. Raises Malformed."""
    csr = fields.take("csr")
    if not isinstance(csr, str) or not csr.isascii():
        raise fields.error("csr", "must be a PKCS #10 request in PEM")
    return csr.encode("ascii")


def read_revoke(body: bytes) -> RevokeDocument:
    """Raises Malformed."""
    fields = read_object(body or b"{}")
    text = fields.text("invalidity_date", "")
    reason = parse_reason(fields.text("reason", "unspecified"))
    fields.finish()
    return RevokeDocument(reason, _moment(text) if text else None)


def _moment(text: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise Malformed("invalidity_date is no RFC 3339 time such as 2026-01-31T12:00:00Z") from error
    if moment.tzinfo is None:
        raise Malformed("invalidity_date has no time zone; give it as 2026-01-31T12:00:00Z")
    return moment


def issued_document(issued: Issued) -> dict[str, Any]:
    """What the caller gets of a new certificate: facts, PEM, and the chain to serve with it."""
    document = certificate_document(issued.row)
    document["certificate"] = pem(issued.der).decode()
    document["chain"] = b"".join(map(pem, issued.served)).decode()
    return document


def certificate_document(row: CertificateRow) -> dict[str, Any]:
    """The facts of a certificate. `replaces` and `id` are text: they pass what JSON readers take for numbers."""
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
        "profile": row.profile,
        "endpoint": row.endpoint,
        "requester": row.requester,
        "replaces": str(row.replaces) if row.replaces is not None else None,
        "revoked_at": row.revoked_at.isoformat() if row.revoked_at else None,
        "revocation_reason": Reason(row.revocation_reason).label
        if row.revocation_reason is not None
        else None,
    }
