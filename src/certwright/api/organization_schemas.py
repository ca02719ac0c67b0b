"""What requests and answers on organizations hold: read by django-ninja, shown in OpenAPI."""

from pydantic import Field

from ..core.evidence import MEDIA_TYPES
from ..core.vetting import CheckKind
from ..operations.evidence import NAME_MAX
from ..operations.record_check import DOCUMENTS_MAX, NOTE_MAX
from .schemas import Answer, Body, Cursor, Digest, Limit, Line, Moment, Next, Query, Time

LEVEL = "`none`, `organization`, `extended`."
KINDS = ", ".join(f"`{kind}`" for kind in CheckKind) + "."


class Record(Answer):
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


class Missing(Answer):
    organization: list[str]
    extended: list[str]


class ListedOrganization(Record):
    id: str
    team: str = Field(description="Empty: of all teams.")
    level: str = Field(description=LEVEL)
    missing: Missing = Field(description="For each level, in plain words.")


class OrganizationList(Answer):
    organizations: list[ListedOrganization]
    next: Next


class ChecklistLine(Answer):
    kind: str = Field(description=KINDS)
    title: str
    shows: str
    clause: str
    level: str = Field(description="The lowest that asks for it.")
    documents: bool = Field(description="Whether it takes a document.")
    missing: str = Field(description="Empty where one counts.")
    until: Time | None = Field(description="When the one that counts expires.")


class Check(Answer):
    id: str
    kind: str
    title: str
    at: Time
    since: Time
    actor: str
    note: str
    domain: str
    documents: list[str]
    revoked_at: Time | None
    revoked_by: str
    revoked_why: str
    problem: str = Field(description="Why it does not count; empty if it does.")


class Evidence(Answer):
    id: str
    name: str
    media_type: str = Field(description=", ".join(f"`{one}`" for one in MEDIA_TYPES) + ".")
    octets: int
    sha256: Digest
    scanned: bool
    uploaded_at: Time
    actor: str


class Organization(ListedOrganization):
    created_at: Time
    created_by: str
    checklist: list[ChecklistLine]
    checks: list[Check]
    documents: list[Evidence]


class EvidenceContent(Evidence):
    content: str = Field(description="Base64.")


class OrganizationBody(Body):
    legal_name: Line = Field(description="Exactly as the register has it.")
    country: Line
    register_number: Line = ""
    jurisdiction_country: Line = ""
    jurisdiction_state: Line = ""
    jurisdiction_locality: Line = ""
    category: Line = Field("", description="businessCategory.")
    organization_identifier: Line = ""
    street: Line = ""
    postal_code: Line = ""
    locality: Line = ""
    state: Line = ""
    phone: Line = Field("", description="From an independent source.")
    team: Line = Field("", description="Whose certificates may name it. Empty: those of all teams.")


class OrganizationQuery(Query):
    after: Cursor | None = None
    limit: Limit = 100


class CheckBody(Body):
    kind: Line = Field(description=KINDS)
    note: str = Field(max_length=NOTE_MAX, description="What was done and seen.")
    documents: list[Line] = Field(default_factory=list, max_length=DOCUMENTS_MAX)
    since: Moment | None = Field(None, description="When what it rests on was obtained. Without: now.")
    domain: Line = Field("", description="Of the check of a domain.")


class WhyBody(Body):
    why: str = Field(max_length=NOTE_MAX)


class EvidenceBody(Body):
    name: str = Field(max_length=NAME_MAX)
    content: str = Field(description="Base64.")


class NameShown(Answer):
    name: str
    shown_by: str = Field(
        description="The challenge, the vetted domain, or a code by mail; empty where control is not shown."
    )
    at: Time | None
    perspectives: list[str]


class RequestValidation(Answer):
    reached: str = Field(description="`none`, `domain`, `organization`, `extended`.")
    organization: str
    missing: dict[str, list[str]] = Field(description="By level, in plain words.")
    names: list[NameShown]
