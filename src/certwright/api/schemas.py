"""What REST takes and gives, as OpenAPI declares it. An unknown field in a request is an error.

What certificates take is read by `documents`, on both lanes; their schemas here only declare it.
"""

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints, WithJsonSchema

from ..core.access import EVERYTHING, Role
from ..core.errors import Malformed
from ..core.keys import KeyAlgorithm
from ..core.moments import read_moment
from ..core.revocation import REASONS_TO_ASK_FOR
from .documents import DAYS_MAX
from .paging import CURSOR_CHARACTERS_MAX

PEM_CHARACTERS_MAX = 100_000
PAGE_MAX = 1000


def _moment(value: object) -> datetime | None:
    if value is None or isinstance(value, datetime):
        return value
    try:
        return read_moment(value if isinstance(value, str) else "", "it")
    except Malformed as error:
        raise ValueError(error.detail) from error


TIME = {"type": "string", "format": "date-time"}
Line = Annotated[str, StringConstraints(max_length=500, pattern=r"^[^\x00-\x1f\x7f]*$")]
Searched = Annotated[str, StringConstraints(min_length=1, max_length=1000, pattern=r"^[^\x00-\x1f\x7f]*$")]
Text = Annotated[str, StringConstraints(max_length=2000)]
Name = Annotated[str, StringConstraints(max_length=100, pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")]
Pem = Annotated[str, StringConstraints(max_length=PEM_CHARACTERS_MAX, pattern=r"^[\t\n\r -~]*$")]
Hexadecimal = Annotated[str, StringConstraints(max_length=200, pattern=r"^[0-9A-Fa-f:]*$")]
Moment = Annotated[datetime, BeforeValidator(_moment), WithJsonSchema(TIME)]
Time = Annotated[str, Field(json_schema_extra={"format": "date-time"})]
Digest = Annotated[str, Field(description="Hexadecimal.")]
Cursor = Annotated[str, StringConstraints(max_length=CURSOR_CHARACTERS_MAX, pattern=r"^[A-Za-z0-9_-]*$")]
AccountName = Annotated[str, StringConstraints(max_length=100, pattern=r"^[a-z0-9][a-z0-9._@-]*$")]
Tag = Annotated[str, StringConstraints(max_length=60, pattern=r"^[a-z0-9][a-z0-9._-]*$")]
Answering = Annotated[str, StringConstraints(max_length=100, pattern=r"^([a-z0-9][a-z0-9._@-]*)?$")] | None
AS_IT_IS = "Left out: as it is; empty: nobody."
Scope = Annotated[
    str,
    StringConstraints(
        max_length=200, pattern=r"^(\*|(authority|profile|endpoint|team|tag):[A-Za-z0-9._/-]+)$"
    ),
    Field(
        description="`*`, `authority:NAME`, `profile:NAME`, `endpoint:PROTOCOL/NAME`, `team:NAME`, or "
        "`tag:WORD`."
    ),
]
Holder = Annotated[str, StringConstraints(max_length=200, pattern=r"^(token|user|team):[A-Za-z0-9@+._-]+$")]
Next = Annotated[str | None, Field(description="Give it as `after` to go on; null at the end.")]
Limit = Annotated[int, Field(ge=1, le=PAGE_MAX)]


class Body(BaseModel):
    """Of a request."""

    model_config = ConfigDict(extra="forbid", strict=True)


class Query(BaseModel):
    """Filters of a list."""

    model_config = ConfigDict(extra="forbid")


class Answer(BaseModel):
    """Of a response."""


# -- certificates --------------------------------------------------------------------------------


class IssueBody(Body):
    csr: Pem = Field(description="PKCS #10 request in PEM.")
    profile: Line | None = "tls-server"
    authority: Line | None = "issuing"
    days: int | None = Field(None, ge=1, le=DAYS_MAX, description="Shorter than the profile's lifetime.")
    replaces: Line | None = Field(None, description="Fingerprint or serial of the certificate this renews.")
    comment: Text | None = Field(None, description="To those who approve it, if anybody has to.")


class RevokeBody(Body):
    reason: Line | None = Field(
        "unspecified", description=", ".join(reason.label for reason in REASONS_TO_ASK_FOR) + "."
    )
    invalidity_date: Moment | None = Field(None, description="Since when the key is thought lost.")


class RenewBody(Body):
    csr: Pem | None = Field(None, description="With a new key; without it the same key is certified again.")
    comment: Text | None = Field(None, description="To those who approve it, if anybody has to.")


class NoBody(Body):
    pass


class Certificate(Answer):
    id: str
    fingerprint: Digest
    serial: Digest
    authority: str
    issuer: str
    subject: str
    not_before: Time
    not_after: Time
    key_algorithm: str
    signature_algorithm: str
    standing: str = Field(description="issued, found, adopted or ignored.")
    environment: str = Field(description="Production, test or another, or empty.")
    profile: str
    endpoint: str
    requester: str
    team: str
    owner: str
    replaces: str | None
    revoked_at: Time | None
    revocation_reason: str | None


class IssuedCertificate(Certificate):
    certificate: str = Field(description="PEM.")
    chain: str = Field(description="PEM: what a server sends after the certificate, without the root.")


class CertificateList(Answer):
    certificates: list[Certificate]
    next: Next


class CertificateQuery(Query):
    expiring: str | None = Field(
        None, pattern=r"^[1-9][0-9]{0,8}[smhd]$", description="Ends within this time from now: `30d`, `12h`."
    )
    expires_after: Moment | None = None
    expires_before: Moment | None = None
    authority: Name | None = Field(None, description="Issued by this authority of ours.")
    issuer: Line | None = Field(None, description="The issuer's name as RFC 4514 writes it.")
    profile: Name | None = None
    endpoint: Line | None = Field(None, description="Protocol and name, as in `acme/default`.")
    name: Line | None = Field(None, description="DNS name; `.example.test`: with a name below that.")
    serial: Hexadecimal | None = None
    revoked: bool | None = None
    team: Name | None = Field(None, description="Which answers for it.")
    owner: AccountName | None = Field(None, description="Account that answers for it.")
    responsible: AccountName | None = Field(None, description="Team or account of this name.")
    unowned: bool | None = Field(None, description="Neither a team nor an account answers for it.")
    tag: Tag | None = None
    key_algorithm: Name | None = None
    query: Searched | None = Field(
        None,
        description="In the language of searches, instead of all filters above: `expires<30d owner:none`.",
    )
    after: Cursor | None = Field(None, description="`next` of an earlier page.")
    limit: Limit = 100


class PreviewExtension(Answer):
    oid: str
    name: str
    critical: bool
    value: list[str]


class Finding(Answer):
    code: str
    severity: str
    text: str


class NeededApproval(Answer):
    """`steps` as docs/reference/policy.md has them."""

    rules: list[str]
    steps: list[dict[str, Any]]


class Preview(Answer):
    profile: str
    version: int
    serial: Digest = Field(description="One of those that it might get.")
    signature_algorithm: str
    issuer: str
    not_before: Time
    not_after: Time
    subject: str
    key_algorithm: str
    extensions: list[PreviewExtension]
    findings: list[Finding]
    approval: NeededApproval | None = Field(description="Null where it would be issued at once.")


# -- authorities ---------------------------------------------------------------------------------


class TermsBody(Body):
    """What an authority certificate shall say beyond its profile."""

    path_length: int | None = Field(None, ge=0, le=32)
    permitted: list[Line] = Field(
        [], max_length=64, description="Name constraints such as `dns:example.test`."
    )
    excluded: list[Line] = Field([], max_length=64)
    policies: list[Line] = Field([], max_length=32, description="OIDs.")


class AuthorityBody(Body):
    name: Name
    kind: Literal["root", "intermediate", "issuing"] = "issuing"
    subject: Line | None = Field(
        None,
        description="As RFC 4514 writes it: `CN=Issuing CA,O=Example`. Without: of organization and name.",
    )
    algorithm: Annotated[KeyAlgorithm, Field(strict=False)] = KeyAlgorithm.ECDSA_P256
    key_provider: Name = Field("software", description="Where its key is kept.")
    parent: Name | None = Field(
        None,
        description="Who signs it. Without one, a root signs itself, others await an outside certificate.",
    )
    profile: Name | None = Field(None, description="Of its certificate. Without one: by its kind.")
    crl_shards: int = Field(1, ge=1, le=1024)
    terms: TermsBody | None = None


class ChainBody(Body):
    certificate: Pem = Field(description="The authority's certificate in PEM.")
    chain: Pem = Field(description="Its issuers in PEM, up to the self-signed one.")


class SubordinateBody(Body):
    csr: Pem
    profile: Name = "intermediate-authority"
    days: int | None = Field(None, ge=1, le=DAYS_MAX)
    terms: TermsBody | None = None


class Generation(Answer):
    number: int
    status: str = Field(
        description="`in-force`, `awaits-certificate`, `retired`, or `below-revoked` (by another)."
    )
    subject: str
    key_algorithm: str
    key_provider: str
    profile: str
    not_after: Time | None
    ocsp: str | None
    crl: str | None
    ca_issuers: str | None
    certificate: str | None = Field(description="PEM.")
    chain: str


class Authority(Answer):
    name: str
    kind: str
    crl_shards: int
    created_at: Time
    retired_at: Time | None
    generations: list[Generation]


class AuthorityList(Answer):
    authorities: list[Authority]


class Csr(Answer):
    csr: str = Field(description="PEM.")


class PublishedList(Answer):
    generation: int
    shard: int
    number: int
    entries: int
    this_update: Time
    next_update: Time


class SignerState(Answer):
    not_before: Time
    not_after: Time


class RenewedSigner(SignerState):
    generation: int


class Publication(Answer):
    lists: list[PublishedList]
    ocsp_signers: list[RenewedSigner] = Field(description="Those that were due; the others are still good.")


class ListState(Answer):
    shard: int
    number: int
    next_update: Time
    pending: int = Field(description="Changes of status that this list does not have yet.")


class GenerationHealth(Answer):
    authority: str
    generation: int
    lists: list[ListState]
    ocsp_signer: SignerState | None
    problems: list[str]


class Health(Answer):
    healthy: bool
    generations: list[GenerationHealth]


# -- profiles, endpoints, external account keys ---------------------------------------------------

AnyObject = dict[str, Any]


class ProfileDocument(Answer):
    """As docs/reference/profiles.md has it; more fields than these."""

    model_config = ConfigDict(extra="allow")

    name: str
    version: int
    description: str


class ProfileList(Answer):
    profiles: list[ProfileDocument]


class EndpointBody(Body):
    authority: Name
    profiles: list[Name] = Field(min_length=1, max_length=50, description="The default first.")
    policy: AnyObject = Field({}, description="Names, key algorithms and lifetimes permitted here.")
    settings: AnyObject = Field({}, description="The protocol's own settings.")
    team: Answering = Field(None, description=f"Team that answers for what is issued here. {AS_IT_IS}")
    owner: Answering = Field(None, description=f"Account that answers for it. {AS_IT_IS}")


class Endpoint(Answer):
    protocol: str
    name: str
    authority: str
    profiles: list[str]
    policy: AnyObject
    settings: AnyObject
    team: str
    owner: str
    enabled: bool


class EndpointList(Answer):
    endpoints: list[Endpoint]


class AccountKeyBody(Body):
    name: Name
    expires_at: Moment | None = None


class AccountKey(Answer):
    name: str
    created_at: Time
    expires_at: Time | None
    revoked_at: Time | None
    account: str | None = Field(description="Who used it.")


class NewAccountKey(AccountKey):
    key: str = Field(description="MAC key in base64url; shown once.")


class AccountKeyList(Answer):
    external_account_keys: list[AccountKey]


class PageQuery(Query):
    after: Cursor | None = Field(None, description="`next` of an earlier page.")
    limit: Limit = 100


class AcmeAccount(Answer):
    id: str
    status: str
    contacts: list[str]
    thumbprint: str = Field(description="Of its key (RFC 7638), SHA-256, base64url.")
    external_account_key: str | None = Field(description="Name of the key that it is bound by.")
    created_at: Time


class AcmeAccountList(Answer):
    accounts: list[AcmeAccount]
    next: Next


# -- access --------------------------------------------------------------------------------------


class GrantBody(Body):
    role: Annotated[Role, Field(strict=False)]
    scope: Scope = EVERYTHING


class HeldGrantBody(GrantBody):
    holder: Holder = Field(description="`token:NAME`, `user:NAME` or `team:NAME`.")


class GrantQuery(Query):
    holder: Holder
    role: Role
    scope: Scope = EVERYTHING


class Grant(Answer):
    role: str
    scope: str


class HeldGrant(Grant):
    holder: str
    origin: str = Field(
        description="`local`, or from where its holder logs in: it goes with the group there."
    )


class GrantList(Answer):
    grants: list[HeldGrant]


class Whoami(Answer):
    name: str
    grants: list[Grant]


class TokenBody(Body):
    name: Name
    grants: list[GrantBody] = Field(min_length=1, max_length=50)
    expires_at: Moment | None = None
    account: AccountName | None = Field(None, description="A service's, with which it dies.")


class Token(Answer):
    name: str
    created_at: Time
    created_by: str
    expires_at: Time | None
    revoked_at: Time | None
    used_at: Time | None = Field(description="The hour of its last use, some seconds later; null: none.")
    account: str = Field(description="Whose it is; empty: nobody's.")
    grants: list[Grant]


class NewToken(Token):
    secret: str = Field(description="Shown once.")


class TokenList(Answer):
    tokens: list[Token]


# -- errors --------------------------------------------------------------------------------------


class Reason(Answer):
    code: str
    message: str
    clause: str


class Problem(Answer):
    """RFC 9457."""

    type: str
    title: str
    status: int
    detail: str
    reasons: list[Reason] | None = Field(None, description="Of a refusal: every reason.")
    proposal: str | None = Field(None, description="Number of what waits for a second person.")
    request_id: str | None = Field(None, description="Under which the log has more.")
