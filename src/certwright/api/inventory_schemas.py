"""What REST gives of one certificate of the inventory, with the places where it was seen."""

from pydantic import Field

from .schemas import Answer, IssuedCertificate, Time


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
    seen: list[Seen] = Field(description="Places, at most 200, first those where it is now.")
