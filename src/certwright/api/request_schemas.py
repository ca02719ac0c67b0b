"""What the routes of requests and of the rules of issuance take and give, as OpenAPI declares it."""

from typing import Any

from pydantic import Field

from ..core.approval import RequestStatus
from ..operations.policy_replays import ReplayStatus
from ..operations.read_policy import NUMBER_MAX
from ..operations.request_certificate import COMMENT_MAX
from .schemas import Answer, Body, Cursor, Digest, Limit, Line, Moment, Name, Next, Query, Time

AnyObject = dict[str, Any]
TOML_CHARACTERS_MAX = 120_000


class Decision(Answer):
    step: str
    approver: str
    instead_of: str | None = Field(description="Who had handed their right on.")
    approved: bool
    comment: str
    at: Time


class Request(Answer):
    id: str
    status: str = Field(description=", ".join(f"`{status}`" for status in RequestStatus) + ".")
    step: str | None = Field(description="That it waits at.")
    waits_for: list[str] = Field(description="Who can decide on that step.")
    origin: str
    endpoint: str
    requester: str
    team: str
    owner: str
    authority: str
    profile: str
    key_algorithm: str
    names: list[str]
    subject: str
    lifetime: int = Field(description="Seconds.")
    comment: str
    resubmits: str | None = Field(description="The request that this one mends.")
    policy: int = Field(description="Number of the rules that asked for approval.")
    steps: list[AnyObject] = Field(description="As docs/reference/policy.md has them.")
    decisions: list[Decision]
    created_at: Time
    expires_at: Time = Field(description="When the step expires that it is at.")
    certificate: str | None = Field(description="Fingerprint of what was issued.")
    problem: str


class RequestList(Answer):
    requests: list[Request]
    next: Next


class RequestQuery(Query):
    status: RequestStatus | None = None
    mine: bool = Field(False, description="Those that the caller has made.")
    after: Cursor | None = Field(None, description="`next` of an earlier page.")
    limit: Limit = 100


class CommentBody(Body):
    comment: str = Field("", max_length=COMMENT_MAX)


class ReasonBody(Body):
    reason: str = Field(min_length=1, max_length=COMMENT_MAX, description="The requester reads it.")


class DelegationBody(Body):
    deputy: Line = Field(description="Account that decides meanwhile.")
    ends_at: Moment
    begins_at: Moment | None = Field(None, description="Without: now.")
    comment: str = Field("", max_length=COMMENT_MAX)
    user: Line = Field("", description="Whose right it is; for those who manage access.")


class Delegation(Answer):
    id: str
    user: str
    deputy: str
    begins_at: Time
    ends_at: Time
    comment: str
    created_at: Time
    created_by: str


class DelegationList(Answer):
    delegations: list[Delegation]


# -- rules of issuance ---------------------------------------------------------------------------


class PolicyBody(Body):
    """The rules as an object or as TOML."""

    rules: AnyObject | None = None
    toml: str | None = Field(None, max_length=TOML_CHARACTERS_MAX)
    comment: str = Field("", max_length=COMMENT_MAX, description="Why they change.")
    based_on: int | None = Field(None, ge=0, le=NUMBER_MAX, description="Number these were made from.")
    anyway: bool = Field(False, description="Even if there are warnings, as `/policy/check` gives them.")


class RulesBody(Body):
    """Rules as an object or as TOML."""

    rules: AnyObject | None = None
    toml: str | None = Field(None, max_length=TOML_CHARACTERS_MAX)


class ReplayBody(RulesBody):
    at: Moment | None = Field(
        None, description="All is judged as if it were asked for at this moment. Without: now."
    )
    everything: bool = Field(False, description="Certificates that have ended or are revoked too.")


class PolicyQuery(Query):
    number: int | None = Field(None, ge=1, le=NUMBER_MAX, description="Earlier ones. Without: in force.")


class Policy(Answer):
    number: int = Field(description="0 before the first version.")
    comment: str
    created_at: Time | None
    created_by: str
    rules: AnyObject
    toml: str


class ChangedField(Answer):
    path: str
    before: Any
    after: Any


class ChangedRule(Answer):
    rule: Name
    fields: list[ChangedField]


class PolicyChanges(Answer):
    added: list[str]
    removed: list[str]
    changed: list[ChangedRule]
    reordered: bool


class PolicyWarning(Answer):
    code: str
    message: str


class PolicyCheck(Answer):
    based_on: int = Field(description="Number of the rules in force.")
    changes: PolicyChanges
    warnings: list[PolicyWarning] = Field(description="For which saving needs `anyway`.")


class Replay(Answer):
    id: str
    status: str = Field(description=", ".join(f"`{status}`" for status in ReplayStatus) + ".")
    digest: Digest
    based_on: int
    at: Time
    everything: bool
    created_at: Time
    created_by: str
    done: int
    total: int
    problem: str
    result: AnyObject | None = Field(description="As docs/reference/policy.md has it.")


class ReplayList(Answer):
    replays: list[Replay]


class PolicyVersion(Answer):
    number: int
    comment: str
    created_at: Time
    created_by: str
    changes: PolicyChanges


class PolicyHistory(Answer):
    versions: list[PolicyVersion]
    next: Next
