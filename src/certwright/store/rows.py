"""The tables as plain rows, for the lanes that know no ORM.

One class per table, one field per column, the same names; a test compares them with the models. The
annotation of a field says how its value travels: int, str, bytes, bool, datetime, each perhaps None.
"""

import re
from datetime import datetime
from typing import Any, NamedTuple

Row = tuple[Any, ...]


def table_of(row_type: type[Row]) -> str:
    """The table of a row class: AcmeOrderRow is a row of acme_order."""
    return re.sub(r"(?<!^)(?=[A-Z])", "_", row_type.__name__.removesuffix("Row")).lower()


def columns_of(row_type: type[Row]) -> tuple[str, ...]:
    fields: tuple[str, ...] = row_type._fields  # type: ignore[attr-defined]
    return fields


class InstallationRow(NamedTuple):
    id: int
    organization: str
    base_url: str
    embedded: bool
    revision: int
    created_at: datetime
    nonce_key: bytes


class CounterRow(NamedTuple):
    name: str
    value: int


class ProfileRow(NamedTuple):
    id: int
    name: str
    number: int
    document: str
    created_at: datetime


class EndpointRow(NamedTuple):
    id: int
    protocol: str
    name: str
    authority_id: int
    profiles: str
    policy: str
    settings: str
    team: str
    owner: str
    enabled: bool
    version: int


class PolicyRow(NamedTuple):
    number: int
    document: str
    comment: str
    created_at: datetime
    created_by: str


class PolicyReplayRow(NamedTuple):
    id: int
    draft: str
    digest: bytes
    based_on: int
    at: datetime
    everything: bool
    created_at: datetime
    created_by: str
    done: int
    total: int
    seen_at: datetime | None
    ended_at: datetime | None
    cancelled_by: str
    problem: str
    result: str
    version: int


class PracticeStatementRow(NamedTuple):
    id: int
    kind: str
    number: int
    created_at: datetime
    created_by: str
    effective_at: datetime
    document: str
    html: bytes
    html_sha256: bytes
    pdf: bytes
    pdf_sha256: bytes
    signature: bytes
    signer: bytes


class PracticeTextRow(NamedTuple):
    id: int
    place: str
    text: str
    replaces: bool
    changed_at: datetime
    changed_by: str
    version: int


class AuthorityRow(NamedTuple):
    id: int
    name: str
    kind: str
    subject_sha256: bytes
    crl_shards: int
    created_at: datetime
    retired_at: datetime | None
    version: int


class AuthorityGenerationRow(NamedTuple):
    id: int
    authority_id: int
    number: int
    key_provider: str
    key_algorithm: str
    key_reference: bytes
    spki_sha256: bytes
    subject: str
    profile: str
    ordered: str
    csr: bytes | None
    certificate: bytes | None
    chain: bytes
    not_after: datetime | None
    created_at: datetime
    retired_at: datetime | None
    version: int


class OcspSignerRow(NamedTuple):
    id: int
    generation_id: int
    key_provider: str
    key_algorithm: str
    key_reference: bytes
    certificate: bytes
    not_before: datetime
    not_after: datetime


class CertificateRow(NamedTuple):
    id: int
    fingerprint: bytes
    generation_id: int | None
    authority: str
    issuer: str
    serial: bytes
    subject: str
    not_before: datetime
    not_after: datetime
    key_algorithm: str
    signature_algorithm: str
    is_authority: bool
    spki_sha256: bytes
    profile: str
    profile_number: int
    endpoint: str
    requester: str
    team: str
    owner: str
    environment: str
    standing: str
    issuer_certificate: int | None
    issued_at: datetime
    replaces: int | None
    crl_shard: int
    revoked_at: datetime | None
    revocation_reason: int | None
    invalidity_date: datetime | None
    version: int


class CertificateBodyRow(NamedTuple):
    certificate_id: int
    der: bytes


class CertificateNameRow(NamedTuple):
    certificate_id: int
    position: int
    kind: str
    value: str
    reversed_value: str


class CertificateTagRow(NamedTuple):
    certificate_id: int
    tag: str


class CertificateFieldRow(NamedTuple):
    certificate_id: int
    field: str
    kind: str
    value: str
    number: int | None


class CustomFieldRow(NamedTuple):
    id: int
    name: str
    title: str
    kind: str
    choices: str
    help: str
    retired_at: datetime | None
    version: int


class IssuanceIntentRow(NamedTuple):
    id: int
    generation_id: int
    serial: bytes
    tbs_sha256: bytes
    profile: str
    requester: str
    at: datetime


class CompromisedKeyRow(NamedTuple):
    spki_sha256: bytes
    origin: str
    at: datetime


class StatusChangeRow(NamedTuple):
    seq: int
    certificate_id: int
    generation_id: int
    serial: bytes
    crl_shard: int
    revoked: bool
    reason: int
    invalidity_date: datetime | None
    at: datetime
    chain: bytes = bytes(32)


class OcspRunRow(NamedTuple):
    digest: bytes
    generation_id: int
    produced_at: datetime
    next_update: datetime


class CrlShardRow(NamedTuple):
    generation_id: int
    shard: int
    number: int
    covered_seq: int
    next_update: datetime


class CrlRow(NamedTuple):
    id: int
    generation_id: int
    shard: int
    number: int
    base_number: int
    covered_seq: int
    scheduled: bool
    this_update: datetime
    next_update: datetime
    entries: int
    der: bytes


class AcmeAccountRow(NamedTuple):
    id: int
    endpoint_id: int
    thumbprint: str
    jwk: str
    contacts: str
    terms_agreed_at: datetime | None
    external_account_key: int | None
    external_account_binding: str
    created_at: datetime
    deactivated_at: datetime | None
    revoked_at: datetime | None
    version: int


class AcmeExternalAccountKeyRow(NamedTuple):
    id: int
    endpoint_id: int
    name: str
    key: bytes
    created_at: datetime
    expires_at: datetime | None
    revoked_at: datetime | None
    account: int | None
    version: int


class AcmeOrderRow(NamedTuple):
    id: int
    account_id: int
    identifiers: str
    authorizations: str
    profile: str
    not_before: datetime | None
    not_after: datetime | None
    replaces: int | None
    created_at: datetime
    expires_at: datetime
    finalized_at: datetime | None
    csr: bytes | None
    issued_at: datetime | None
    certificate: int | None
    failed_at: datetime | None
    problem: str
    version: int


class AcmeAuthorizationRow(NamedTuple):
    id: int
    account_id: int
    kind: str
    value: str
    wildcard: bool
    token: str
    challenges: str
    created_at: datetime
    expires_at: datetime
    attempted: str
    attempted_at: datetime | None
    validated_at: datetime | None
    valid_until: datetime | None
    failed_at: datetime | None
    problem: str
    deactivated_at: datetime | None
    revoked_at: datetime | None
    evidence: str
    version: int


class AcmeNonceRow(NamedTuple):
    fingerprint: bytes
    expires_at: datetime


class PerspectiveResultRow(NamedTuple):
    id: int
    authorization_id: int
    attempt: int
    perspective: str
    at: datetime
    problem: str
    detail: str
    caa: str


class AuditWriterRow(NamedTuple):
    id: int
    name: str
    started_at: datetime
    events: int
    head: bytes
    sequenced: int


class AuditEventRow(NamedTuple):
    id: int
    writer: int
    number: int
    at: datetime
    kind: str
    actor: str
    source: str
    subject: str
    body: str
    chain: bytes


class AuditLeafRow(NamedTuple):
    position: int
    event: int


class AuditNodeRow(NamedTuple):
    level: int
    position: int
    hash: bytes


class AuditCheckpointRow(NamedTuple):
    size: int
    at: datetime
    root: bytes
    note: str


class OutboxRow(NamedTuple):
    id: int
    kind: str
    payload: str
    created_at: datetime


class RememberedRow(NamedTuple):
    digest: bytes
    value: str
    expires_at: datetime


class LeaseRow(NamedTuple):
    name: str
    holder: str
    expires_at: datetime
