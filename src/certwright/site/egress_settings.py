"""Settings of the way out: what may be reached from this machine."""

from pydantic import Field

from .setting_types import Networks, Ports, Table


class Egress(Table):
    """Which networks may be reached, when we validate names and look for certificates. Link-local and cloud
    metadata addresses never are."""

    allow_loopback: bool | None = Field(
        None, description="Reach loopback addresses. Not set: if only this machine can reach us."
    )
    allow_private: bool = Field(True, description="Reach private networks (RFC 1918, RFC 4193).")
    allow: Networks = Field((), description="Networks to open although they are private or reserved.")
    deny: Networks = Field((), description="Networks never to reach. Wins over everything.")
    status_ports: Ports = Field(
        (80, 443, 8080),
        max_length=32,
        description="Ports at which CRLs and OCSP answers of others are fetched.",
    )
