"""What REST gives of one certificate of the inventory, with the places where it was seen; and the fields of
an organization's own.
"""

from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from ..core.custom_fields import CHOICE_MAX, CHOICES_MAX, HELP_MAX, TITLE_MAX
from .schemas import Answer, Body, IssuedCertificate, Time

PRINTABLE = r"^[^\x00-\x1f\x7f]*$"
FieldName = Annotated[str, StringConstraints(max_length=40, pattern=r"^[a-z][a-z0-9-]*$")]
Kind = Literal["text", "number", "date", "yes-no", "choice", "url", "mail"]
Choice = Annotated[str, StringConstraints(min_length=1, max_length=CHOICE_MAX, pattern=PRINTABLE)]


class Seen(Answer):
    zone: str
    kind: str
    host: str
    port: int
    name: str
    since: Time
    last_seen: Time
    ended_at: Time | None = Field(description="Since when it is not there any more.")


class CertificateDetails(IssuedCertificate):
    names: list[str]
    tags: list[str]
    issuer_fingerprint: str | None = Field(
        description="Of the certificate whose key has signed this one, where it is one of others and known."
    )
    replaces_fingerprint: str | None = Field(description="Of the certificate before it in its line.")
    replaced_by: list[str] = Field(
        description="Fingerprints of those after it in its line, the newest first, at most 20."
    )
    fields: dict[str, str] = Field(description="The organization's own that are filled in, by name.")
    seen: list[Seen] = Field(description="Places, at most 200, first those where it is now.")


class FieldBody(Body):
    title: Annotated[str, StringConstraints(min_length=1, max_length=TITLE_MAX, pattern=PRINTABLE)]
    kind: Kind = Field(description="For ever.")
    choices: list[Choice] = Field([], max_length=CHOICES_MAX, description="For the kind `choice`.")
    help: Annotated[str, StringConstraints(max_length=HELP_MAX, pattern=PRINTABLE)] | None = ""
    retired: bool = Field(False, description="It is shown nowhere, and keeps its values.")


class CustomField(Answer):
    name: FieldName
    title: str
    kind: Kind
    choices: list[str]
    help: str
    retired: bool


class FieldList(Answer):
    fields: list[CustomField]
