"""What REST takes and gives of attestation, as OpenAPI declares it."""

from typing import Annotated

from pydantic import Field, StringConstraints

from ..core.attestation import Answer as Said
from ..operations.asked_about import PAGE_MAX
from ..operations.attestation import ANSWERS_MAX, COMMENT_MAX, REPEAT_DAYS_MAX, TEXT_MAX, TITLE_MAX
from .people_schemas import SelectBody
from .schemas import Answer, Body, Cursor, Digest, Line, Moment, Next, Query, Time

Identifier = Annotated[str, StringConstraints(pattern=r"^[0-9]{1,19}$")]


class CampaignBody(Body):
    """A question to everybody who answers for a certificate that is selected and holds."""

    title: Line = Field(min_length=1, max_length=TITLE_MAX)
    text: str = Field("", max_length=TEXT_MAX)
    filter: SelectBody = Field(SelectBody(), description="Which certificates; empty: all.")
    due_at: Moment = Field(description="Within a year.")
    repeat_days: int | None = Field(
        None, ge=1, le=REPEAT_DAYS_MAX, description="The next one opens so long after this one."
    )


class CloseBody(Body):
    repeat: bool = Field(True, description="Whether the next one follows, where it is repeated.")


class AnswersBody(Body):
    certificates: list[Identifier] = Field(
        min_length=1, max_length=ANSWERS_MAX, description="`certificate` of what is asked about."
    )
    answer: Annotated[Said, Field(strict=False)]
    comment: str = Field("", max_length=COMMENT_MAX)


class AskedQuery(Query):
    every: bool = Field(False, description="What the caller may manage the owners of, too.")
    after: Cursor | None = Field(None, description="`next` of an earlier page.")
    limit: Annotated[int, Field(ge=1, le=PAGE_MAX)] = 100


class Campaign(Answer):
    id: str
    title: str
    text: str
    selected: dict[str, object] = Field(description="The filter.")
    opened_at: Time
    opened_by: str
    due_at: Time
    repeat_days: int | None
    asked_at: Time | None = Field(description="When every certificate was found and people were asked.")
    closed_at: Time | None


class CountedCampaign(Campaign):
    certificates: int
    answered: dict[str, int] = Field(description="How many certificates have each answer.")


class CampaignList(Answer):
    campaigns: list[Campaign]


class AskedItem(Answer):
    certificate: str
    fingerprint: Digest
    subject: str
    not_after: Time
    team: str
    owner: str
    revoked: bool
    answer: str = Field(description="`needed`, `not-needed`, `not-mine`, or empty.")
    answered_by: str
    answered_at: Time | None
    comment: str


class AskedList(Answer):
    certificates: list[AskedItem]
    next: Next


class Answered(Answer):
    answers: int


class RecordLine(Answer):
    fingerprint: Digest
    subject: str
    not_after: Time
    team: str
    owner: str
    answer: str
    answered_by: str
    answered_at: Time | None
    comment: str


class Record(Answer):
    lines: list[RecordLine]
