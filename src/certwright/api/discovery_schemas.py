"""What the routes of discovery and findings take and give, as OpenAPI declares it."""

from typing import Annotated, Any, Literal

from pydantic import Field, StringConstraints

from ..core.health import Severity
from ..core.import_rows import CELL_CHARACTERS_MAX, ROWS_MAX
from ..core.responsibility import TAGS_MAX
from ..core.sightings import ZONE_MAX
from ..operations.discovery_runs import TARGET_CHARACTERS_MAX, TARGETS_MAX, RunStatus
from ..operations.discovery_scopes import MINUTES_MAX
from ..operations.findings import REASON_MAX, State
from ..operations.take_sightings import PLACES_MAX
from .schemas import Answer, Body, Cursor, Digest, Limit, Moment, Name, Next, Query, Tag, Time

AnyObject = dict[str, Any]
Target = Annotated[
    str, StringConstraints(min_length=1, max_length=TARGET_CHARACTERS_MAX, pattern=r"^[^\x00-\x1f\x7f]+$")
]
Targets = Annotated[list[Target], Field(max_length=TARGETS_MAX)]
Zone = Annotated[str, StringConstraints(max_length=ZONE_MAX, pattern=r"^[A-Za-z0-9._-]*$")]
Answers = Annotated[str, StringConstraints(max_length=100, pattern=r"^([a-z0-9][a-z0-9._@-]*)?$")]
Code = Annotated[str, StringConstraints(max_length=60, pattern=r"^[a-z.-]*$")]


class LookBody(Body):
    source: Name = Field(description="A plugin of discovery: `network`, `files`.")
    targets: Targets = Field(min_length=1, description="In the source's own words.")
    exclude: Targets = Field(default=[], description="Never touched.")
    settings: AnyObject = Field(default={}, description="Of the source.")
    zone: Zone = Field("", description="Which workers look.")


class ScopeBody(LookBody):
    every_minutes: int = Field(0, ge=0, le=MINUTES_MAX, description="0: only when somebody asks.")
    quiet: list[Annotated[str, StringConstraints(max_length=40)]] = Field(
        default=[],
        max_length=20,
        description="Times in UTC at which nothing is looked at: `mon-fri 08:00-18:00`.",
    )
    version: int = Field(0, ge=0, description="Of the scope as it was read; 0 for a new one.")


class Run(Answer):
    id: str
    scope: str | None
    source: str
    targets: list[str]
    exclude: list[str]
    settings: AnyObject
    zone: str
    status: str = Field(description=", ".join(f"`{status}`" for status in RunStatus) + ".")
    asked_by: str
    cancelled_by: str
    problem: str = Field(description="Why it could not come to its end.")
    asked_at: Time
    started_at: Time | None
    seen_at: Time | None = Field(description="When last its worker told how far it is.")
    ended_at: Time | None
    done: int = Field(description="Places looked at.")
    total: int = Field(description="Places; 0 where that is not known.")
    seen: int = Field(description="Certificates at places.")
    new: int = Field(description="Certificates that were not known.")
    appeared: int = Field(description="Certificates at places where they were not before.")
    gone: int = Field(description="Certificates that are no more where they were.")
    problems: int = Field(description="Places at which nothing could be read.")


class RunList(Answer):
    runs: list[Run]
    next: Next


class Scope(Answer):
    name: str
    id: str
    source: str
    targets: list[str]
    exclude: list[str]
    settings: AnyObject
    has_secrets: bool = Field(description="Secret settings are kept, and never shown.")
    zone: str
    every_minutes: int
    quiet: list[str]
    next_run_at: Time | None
    created_at: Time
    created_by: str
    version: int


class ScopeList(Answer):
    scopes: list[Scope]


class Place(Answer):
    zone: str
    kind: str
    host: str
    port: int
    name: str


class SeenFinding(Answer):
    code: str
    severity: Severity
    detail: str


class SeenPlace(Answer):
    place: Place
    fingerprint: Digest
    subject: str
    issuer: str
    names: list[str]
    names_count: int
    not_before: Time
    not_after: Time
    key_algorithm: str
    standing: str
    first_seen_at: Time
    last_seen_at: Time
    facts: AnyObject = Field(description="As docs/reference/discovery.md has them.")
    findings: list[SeenFinding]
    problem: str


class SeenList(Answer):
    seen: list[SeenPlace]
    next: Next


class PageQuery(Query):
    after: Cursor = ""
    limit: Limit = 100


class FindingQuery(PageQuery):
    code: Code = Field("", description="One of docs/reference/health.md.")
    severity: Severity | None = None
    state: State | Literal["due"] | None = Field(
        None, description="Without: all that are not closed; `due`: neither closed nor accepted."
    )
    team: Name | None = Field(None, description="`none`: of no team.")


class Finding(Answer):
    id: str
    code: str
    severity: Severity
    state: State
    detail: str
    certificate: Digest
    subject: str
    team: str
    place: Place | None
    opened_at: Time
    closed_at: Time | None
    acknowledged_by: str
    accepted_until: Time | None
    reason: str


class FindingList(Answer):
    findings: list[Finding]
    next: Next


class ImportedRow(Body):
    number: int = Field(ge=1, le=ROWS_MAX, description="Of the row, by which problems name it.")
    certificate: Annotated[str, StringConstraints(max_length=CELL_CHARACTERS_MAX)] = Field(
        description="DER in base64."
    )
    team: Answers = ""
    owner: Answers = ""
    environment: Answers = ""
    tags: list[Tag] = Field(default=[], max_length=TAGS_MAX)
    fields: dict[str, Answers] = Field(default={}, description="The organization's own, by name.")


class ImportBody(Body):
    source: Annotated[
        str, StringConstraints(min_length=1, max_length=200, pattern=r"^[^\x00-\x1f\x7f]+$")
    ] = Field(description="What people call the table.")
    rows: list[ImportedRow] = Field(max_length=PLACES_MAX)


class ImportProblem(Answer):
    row: int
    problem: str


class Imported(Answer):
    rows: int
    new: int = Field(description="Certificates that were not known.")
    assigned: int = Field(description="Certificates of which it is said who answers for them.")
    problems_count: int
    problems: list[ImportProblem]


class AcceptBody(Body):
    until: Moment
    reason: Annotated[str, StringConstraints(min_length=1, max_length=REASON_MAX)]
