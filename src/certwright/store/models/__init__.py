"""All tables, by subject. Rows are facts: no model decides, and nothing but operations writes them.

Conventions: identifiers are given by the writing process (see `ledger.py`), unless a table is written
through Django's own accounts; JSON is kept as text in the canonical form of `json.dumps(sort_keys=True)`;
times are UTC; a column `version` grows with every update and guards the next one.
"""

from .acme import (
    AcmeAccount,
    AcmeAuthorization,
    AcmeExternalAccountKey,
    AcmeNonce,
    AcmeOrder,
    PerspectiveResult,
)
from .attestation import AttestationCampaign, AttestationItem, NoMail, Notice
from .audit import AuditCheckpoint, AuditEvent, AuditLeaf, AuditNode, AuditWriter
from .authorities import Authority, AuthorityGeneration, OcspSigner
from .certificates import (
    Certificate,
    CertificateBody,
    CertificateField,
    CertificateName,
    CertificateTag,
    CompromisedKey,
    CustomField,
    IssuanceIntent,
)
from .configuration import Counter, Endpoint, Installation, Policy, PolicyReplay, Profile
from .console import Overview, SavedView
from .discovery import (
    DiscoveryRun,
    DiscoveryScope,
    Finding,
    HealthScore,
    OutsideAnswer,
    OutsideList,
    Sighting,
)
from .people import ApiToken, RoleGrant, Team, TeamMember, TokenUse, User
from .practice import PracticeStatement, PracticeText
from .requests import ApprovalDecision, ApprovalDelegation, CertificateRequest, RequestApprover
from .second_person import BreakGlass, Proposal, SecondPersonRule
from .status import Crl, CrlShard, OcspRun, StatusChange
from .vetting import Evidence, EvidenceChunk, MailboxProof, Organization, VettingCheck
from .work import Lease, Outbox, Remembered

__all__ = [
    "AcmeAccount",
    "AcmeAuthorization",
    "AcmeExternalAccountKey",
    "AcmeNonce",
    "AcmeOrder",
    "ApiToken",
    "ApprovalDecision",
    "ApprovalDelegation",
    "AttestationCampaign",
    "AttestationItem",
    "AuditCheckpoint",
    "AuditEvent",
    "AuditLeaf",
    "AuditNode",
    "AuditWriter",
    "Authority",
    "AuthorityGeneration",
    "BreakGlass",
    "Certificate",
    "CertificateBody",
    "CertificateField",
    "CertificateName",
    "CertificateRequest",
    "CertificateTag",
    "CompromisedKey",
    "Counter",
    "Crl",
    "CrlShard",
    "CustomField",
    "DiscoveryRun",
    "DiscoveryScope",
    "Endpoint",
    "Evidence",
    "EvidenceChunk",
    "Finding",
    "HealthScore",
    "Installation",
    "IssuanceIntent",
    "Lease",
    "MailboxProof",
    "NoMail",
    "Notice",
    "OcspRun",
    "OcspSigner",
    "Organization",
    "Outbox",
    "OutsideAnswer",
    "OutsideList",
    "Overview",
    "PerspectiveResult",
    "Policy",
    "PolicyReplay",
    "PracticeStatement",
    "PracticeText",
    "Profile",
    "Proposal",
    "Remembered",
    "RequestApprover",
    "RoleGrant",
    "SavedView",
    "SecondPersonRule",
    "Sighting",
    "StatusChange",
    "Team",
    "TeamMember",
    "TokenUse",
    "User",
    "VettingCheck",
]
