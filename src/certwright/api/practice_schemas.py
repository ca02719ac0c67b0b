"""What requests and answers of practice documents hold: read by django-ninja, shown in OpenAPI."""

from typing import Any

from pydantic import Field

from ..core.practice.document import TEXT_CHARACTERS_MAX
from .schemas import Answer, Body, Digest, Line, Moment, Time


class PracticeVersion(Answer):
    kind: str
    number: int
    created_at: Time
    created_by: str
    effective_at: Time
    html_sha256: Digest
    pdf_sha256: Digest
    signer: Digest


class PracticeList(Answer):
    versions: list[PracticeVersion]


class PracticeChange(Answer):
    number: str
    title: str
    removed: list[str]
    added: list[str]


class PracticeDraft(Answer):
    kind: str
    newest: int | None
    changes: list[PracticeChange] = Field(description="Against the newest version.")
    sections: dict[str, list[Any]] = Field(description="By number: paragraphs, and tables of heads and rows.")


class PracticeBody(Body):
    authority: Line | None = Field("issuing", description="Under which the signer is certified.")
    effective_at: Moment | None = Field(None, description="Not in the past. Without: at once.")


class PracticeText(Answer):
    section: str
    text: str
    replaces: bool


class PracticeTexts(Answer):
    texts: list[PracticeText]


class PracticeTextBody(Body):
    text: str = Field(max_length=TEXT_CHARACTERS_MAX, description="Blank lines part paragraphs. Empty: none.")
    replaces: bool = Field(False, description="Instead of what the configuration says, not after it.")
