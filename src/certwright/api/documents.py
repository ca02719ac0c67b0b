"""What REST takes for certificates, read once: by the fast lane, and by the routes that `routes` declares."""

from dataclasses import dataclass
from datetime import datetime, timedelta

import orjson

from ..core.documents import Fields
from ..core.errors import Malformed
from ..core.moments import read_moment
from ..core.revocation import Reason, parse_reason

BODY_OCTETS_MAX = 128 * 1024
DAYS_MAX = 20_000


@dataclass(frozen=True, slots=True)
class IssueDocument:
    """`POST /certificates`: `csr` is PEM; `not_after` comes of `days`, shorter than the profile's life."""

    csr: bytes
    profile: str
    authority: str
    not_after: datetime | None
    replaces: str
    comment: str


@dataclass(frozen=True, slots=True)
class RevokeDocument:
    reason: Reason
    invalidity_date: datetime | None


def read_object(body: bytes) -> Fields:
    """The JSON object of a request. Raises Malformed."""
    try:
        return Fields(orjson.loads(body), "body")
    except orjson.JSONDecodeError as error:
        raise Malformed(f"the body is no JSON: {error}") from error


def read_issue(body: bytes, now: datetime) -> IssueDocument:
    """Raises Malformed naming the field."""
    fields = read_object(body)
    fields.only("csr", "profile", "authority", "days", "replaces", "comment")
    csr = read_csr(fields)
    days = fields.optional_number("days", least=1, most=DAYS_MAX)
    document = IssueDocument(
        csr,
        fields.text("profile", "tls-server"),
        fields.text("authority", "issuing"),
        now + timedelta(days=days) if days else None,
        fields.text("replaces", ""),
        fields.text("comment", ""),
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
    return RevokeDocument(reason, read_moment(text, "invalidity_date") if text else None)


def read_renew(body: bytes) -> tuple[bytes | None, str]:
    """The CSR with a new key, None to certify the old key again; and a comment. Raises Malformed."""
    fields = read_object(body or b"{}")
    csr = read_csr(fields) if fields.has("csr") else fields.text("csr", "").encode()
    comment = fields.text("comment", "")
    fields.finish()
    return csr or None, comment


def read_nothing(body: bytes) -> None:
    """A body may be left out; one that is there must not ask for anything. Raises Malformed."""
    read_object(body or b"{}").finish()
