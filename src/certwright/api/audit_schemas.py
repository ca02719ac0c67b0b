"""What REST takes and gives of the audit log, as OpenAPI declares it."""

from typing import Annotated

from pydantic import Field, StringConstraints

from .paging import IDENTIFIER_MAX
from .schemas import Answer, AnyObject, Cursor, Digest, Limit, Line, Moment, Next, Query, Time

Identifier = Annotated[int, Field(ge=0, le=IDENTIFIER_MAX)]


class EventQuery(Query):
    kind: Line | None = Field(None, description="As in docs/reference/audit.md: `certificate.issued`.")
    actor: Line | None = None
    subject: Annotated[str, StringConstraints(max_length=512, pattern=r"^[^\x00-\x1f\x7f]*$")] | None = None
    since: Moment | None = None
    until: Moment | None = None
    after: Cursor | None = Field(None, description="`next` of an earlier page.")
    limit: Limit = 100


class AuditEvent(Answer):
    id: str
    at: Time
    kind: str
    actor: str
    source: str
    subject: str
    detail: AnyObject


class EventList(Answer):
    events: list[AuditEvent]
    next: Next


class Checkpoint(Answer):
    size: int
    at: Time
    root: Digest
    note: str = Field(description="The checkpoint as it is signed.")


class ProofQuery(Query):
    size: Identifier | None = Field(
        None, description="Of the checkpoint to prove under. Without: the newest."
    )


class ConsistencyQuery(ProofQuery):
    older: Identifier = Field(description="How many leaves the earlier tree had.")


class InclusionProof(Answer):
    event: str
    body: str = Field(description="Canonical JSON; with `chain` before it, what the leaf hash is of.")
    chain: Digest
    index: int
    hashes: list[Digest]
    checkpoint: Checkpoint


class ConsistencyProof(Answer):
    older: int
    hashes: list[Digest]
    checkpoint: Checkpoint
