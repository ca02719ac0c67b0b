"""What REST takes for certificates, read once: by the fast lane, and by the routes that `routes` declares."""

from dataclasses import dataclass
from datetime import datetime, timedelta

import orjson

from ..core.documents import Fields
from ..core.errors import Malformed
from ..core.moments import read_moment
from ..core.responsibility import Assignment
from ..core.revocation import Reason, parse_reason
from ..core.standing import Standing
from ..operations.list_certificates import CertificateFilter

BODY_OCTETS_MAX = 128 * 1024
DAYS_MAX = 20_000
IDENTIFIER_MAX = 2**63 - 1
SELECTED_BY = (
    *("authority", "profile", "endpoint", "name", "team", "owner", "responsible", "tag", "key_algorithm"),
    "query",
)


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


@dataclass(frozen=True, slots=True)
class AssignDocument:
    """`POST /certificates/assign`."""

    selected: CertificateFilter
    wanted: Assignment
    rehearse: bool
    after: int | None


def read_assignment(body: bytes) -> Assignment:
    """Raises Malformed naming the field."""
    fields = read_object(body)
    wanted = _assignment(fields)
    fields.finish()
    return wanted


def read_assign(body: bytes) -> AssignDocument:
    """Raises Malformed naming the field."""
    fields = read_object(body)
    wanted, within = _assignment(fields), fields.inside("filter")
    texts = {name: within.text(name, "") for name in SELECTED_BY}
    unowned, revoked = (
        within.flag(name, False) if within.has(name) else None for name in ("unowned", "revoked")
    )
    begin, end = (_moment(within, name) for name in ("expires_after", "expires_before"))
    within.finish()
    selected = CertificateFilter(
        **texts, unowned=unowned, revoked=revoked, expires_after=begin, expires_before=end
    )
    rehearse, after = fields.flag("rehearse", False), fields.text("after", "")
    fields.finish()
    if after and not (after.isascii() and after.isdecimal() and int(after[:20]) <= IDENTIFIER_MAX):
        raise Malformed("body.after is not `next` of an earlier answer; begin again without it")
    return AssignDocument(selected, wanted, rehearse, int(after) if after else None)


def _assignment(fields: Fields) -> Assignment:
    """Null is the same as left out."""
    team, owner = ((fields.has(name), fields.text(name, "")) for name in ("team", "owner"))
    tagged, untagged = (frozenset(fields.texts(name)) for name in ("tagged", "untagged"))
    environment = fields.text("environment", "") if fields.has("environment") else None
    standing = fields.text("standing", "")
    if standing not in ("", Standing.ADOPTED, Standing.IGNORED):
        raise fields.error("standing", "must be adopted or ignored")
    return Assignment(
        team[1] if team[0] else None,
        owner[1] if owner[0] else None,
        tagged,
        untagged,
        environment,
        Standing(standing) if standing else None,
        fields.text("reason", ""),
        _own_fields(fields.inside("fields")),
    )


def _own_fields(fields: Fields) -> dict[str, str]:
    """The organization's own, by name; empty, or null, for what shall be taken away."""
    return {name: fields.text(name, "") for name in fields.names()}


def _moment(fields: Fields, name: str) -> datetime | None:
    text = fields.text(name, "")
    return read_moment(text, fields.path(name)) if text else None


def read_nothing(body: bytes) -> None:
    """A body may be left out; one that is there must not ask for anything. Raises Malformed."""
    read_object(body or b"{}").finish()
