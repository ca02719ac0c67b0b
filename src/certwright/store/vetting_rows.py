"""The tables of vetting as plain rows. As `rows` has the others."""

from datetime import datetime
from typing import NamedTuple


class OrganizationRow(NamedTuple):
    id: int
    legal_name: str
    register_number: str
    jurisdiction_country: str
    jurisdiction_state: str
    jurisdiction_locality: str
    category: str
    organization_identifier: str
    street: str
    postal_code: str
    locality: str
    state: str
    country: str
    phone: str
    team: str
    created_at: datetime
    created_by: str
    version: int


class VettingCheckRow(NamedTuple):
    id: int
    organization_id: int
    kind: str
    at: datetime
    since: datetime
    actor: str
    person: str
    note: str
    domain: str
    confirmed: str
    documents: str
    revoked_at: datetime | None
    revoked_by: str
    revoked_why: str
    version: int


class MailboxProofRow(NamedTuple):
    id: int
    account: str
    address: str
    asked_at: datetime
    mail_at: datetime | None
    mail_attempts: int
    mailed_at: datetime | None
    digest: bytes
    good_until: datetime | None
    proved_at: datetime | None
    problem: str
    taken_away_at: datetime | None
    taken_away_by: str
    taken_away_why: str
    version: int


class EvidenceRow(NamedTuple):
    id: int
    organization_id: int
    name: str
    media_type: str
    octets: int
    sha256: bytes
    scanned: bool
    uploaded_at: datetime
    actor: str
    person: str


class EvidenceChunkRow(NamedTuple):
    id: int
    evidence_id: int
    position: int
    sealed: bytes
