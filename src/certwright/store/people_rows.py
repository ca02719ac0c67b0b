"""The tables of people as plain rows: accounts, teams, requests, notices. As `rows` has the others."""

from datetime import datetime
from typing import NamedTuple

LOCAL = "local"
"""The origin of accounts that are ours alone, and of roles and memberships that somebody here has given."""


class UserAccountRow(NamedTuple):
    id: int
    name: str
    display_name: str
    email: str
    password: str
    password_expires_at: datetime | None
    service: bool
    origin: str
    external_id: str
    created_at: datetime
    last_login_at: datetime | None
    disabled_at: datetime | None
    sessions_ended_at: datetime | None
    version: int


class TeamRow(NamedTuple):
    id: int
    name: str
    description: str
    email: str
    created_at: datetime
    version: int


class TeamMemberRow(NamedTuple):
    id: int
    team_id: int
    user_id: int
    origin: str = LOCAL


class ApiTokenRow(NamedTuple):
    id: int
    name: str
    digest: bytes
    user_id: int | None
    created_at: datetime
    created_by: str
    expires_at: datetime | None
    revoked_at: datetime | None
    version: int


class TokenUseRow(NamedTuple):
    id: int
    used_at: datetime
    version: int


class RoleGrantRow(NamedTuple):
    id: int
    holder: str
    role: str
    scope: str
    origin: str = LOCAL


class CertificateRequestRow(NamedTuple):
    id: int
    origin: str
    endpoint: str
    requester: str
    requester_user: str
    team: str
    owner: str
    authority: str
    profile: str
    public_key: bytes
    key_algorithm: str
    names: str
    subject: str
    lifetime: int
    wanted: str
    comment: str
    resubmits: int | None
    policy: int
    steps: str
    created_at: datetime
    expires_at: datetime
    approved_at: datetime | None
    rejected_at: datetime | None
    withdrawn_at: datetime | None
    expired_at: datetime | None
    issued_at: datetime | None
    certificate: int | None
    acme_order: int | None
    failed_at: datetime | None
    problem: str
    version: int


class RequestApproverRow(NamedTuple):
    id: int
    request_id: int
    approver: str


class ApprovalDecisionRow(NamedTuple):
    id: int
    request_id: int
    step: int
    approver: str
    person: str
    instead_of: str
    approved: bool
    comment: str
    at: datetime


class ApprovalDelegationRow(NamedTuple):
    id: int
    user: str
    deputy: str
    begins_at: datetime
    ends_at: datetime
    comment: str
    created_at: datetime
    created_by: str
    version: int


class OverviewRow(NamedTuple):
    id: int
    scope: str
    at: datetime
    document: str
    version: int


class SavedViewRow(NamedTuple):
    id: int
    user: str
    name: str
    query: str
    created_at: datetime


class AttestationCampaignRow(NamedTuple):
    id: int
    title: str
    text: str
    selected: str
    opened_at: datetime
    opened_by: str
    due_at: datetime
    repeat_days: int | None
    follows: int | None
    filled_at: datetime | None
    stage: int
    closed_at: datetime | None
    version: int


class AttestationItemRow(NamedTuple):
    id: int
    campaign_id: int
    certificate_id: int
    answer: str
    answered_by: str
    answered_at: datetime | None
    comment: str
    version: int


class NoticeRow(NamedTuple):
    id: int
    account: str
    team: str
    text: str
    link: str
    created_at: datetime
    read_at: datetime | None
    mail_at: datetime | None
    mail_attempts: int
    mailed_at: datetime | None
    version: int


class SecondPersonRuleRow(NamedTuple):
    id: int
    kinds: str
    hours: int
    version: int


class ProposalRow(NamedTuple):
    id: int
    kind: str
    arguments: str
    digest: bytes
    verb: str
    subjects: str
    proposed_by: str
    person: str
    proposed_at: datetime
    expires_at: datetime
    confirmed_by: str
    confirmed_at: datetime | None
    withdrawn_by: str
    withdrawn_at: datetime | None
    done_at: datetime | None
    version: int


class BreakGlassRow(NamedTuple):
    id: int
    reason: str
    account: str
    opened_at: datetime
    opened_by: str
    ends_at: datetime
    ended_at: datetime | None
    ended_by: str
    version: int


class NoMailRow(NamedTuple):
    id: int
    account: str
