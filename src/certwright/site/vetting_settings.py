"""The settings of vetting organizations, in the table `vetting` of `certwright.toml`."""

from pydantic import Field

from ..core.evidence_age import IDENTITY_DAYS, MAILBOX_DAYS
from .setting_types import Table, Words


class Vetting(Table):
    """How organizations are vetted and mail addresses proved; left out: what the CA/Browser Forum permits."""

    identity_days: int = Field(
        IDENTITY_DAYS, ge=1, le=IDENTITY_DAYS, description="How long evidence on an organization is reused."
    )
    domain_days: int = Field(
        IDENTITY_DAYS,
        ge=1,
        le=IDENTITY_DAYS,
        description="How long the check of a domain is reused; the schedule of TLS BR 4.2.1 bounds it too.",
    )
    mailbox_days: int = Field(
        MAILBOX_DAYS,
        ge=1,
        le=MAILBOX_DAYS,
        description="How long it counts that an account has shown control of a mail address.",
    )
    scan_command: Words = Field(
        (),
        max_length=32,
        description="A virus scanner: a program by its path, and its arguments. It gets each document on its "
        "standard input and says by a status other than 0 that it refuses it. None: nothing is scanned.",
    )
    scan_seconds: int = Field(60, ge=1, le=600, description="Bound on one scan.")
