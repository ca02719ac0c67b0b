"""Settings of discovery, as far as they are this machine's."""

from pathlib import Path

from pydantic import Field

from .setting_types import Folders, Table

SYSTEM_BUNDLE = Path("/etc/ssl/certs/ca-certificates.crt")


class Discovery(Table):
    """From where certificates are looked for, and what is trusted beside our own authorities."""

    zone: str = Field(
        "",
        max_length=60,
        description="The network this machine's worker looks into: it does the runs of this zone. Not set: "
        "those that name none.",
    )
    trust_bundle: Path | None = Field(
        None,
        description="File of trusted roots in PEM. A name without `/` in front is below the home folder. "
        f"Not set: `{SYSTEM_BUNDLE}`, where there is one.",
    )
    file_folders: Folders = Field(
        ("/",),
        min_length=1,
        max_length=100,
        description="Folders of this machine below which files may be looked into, wherever links lead; the "
        "worker's user must be permitted to read them too.",
    )
    kept_days: int = Field(
        365,
        ge=1,
        le=36500,
        description="How long sightings, findings and runs stay after their end, and scores of a day.",
    )
    certificates_kept_days: int = Field(
        365,
        ge=1,
        le=36500,
        description="How long certificates of others stay after their end, where nobody has adopted them and "
        "they are nowhere any more. Those of authorities stay, and so do all that were issued here.",
    )
