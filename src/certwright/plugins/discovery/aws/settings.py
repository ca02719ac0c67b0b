"""How an account of AWS is spoken to."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from ....core.egress import DEFAULT_POLICY, EgressPolicy, shown
from ....core.errors import Malformed
from ....ports import SECRET
from ...calls import parse_endpoint, verifying_context
from ...resolver import SYSTEM_RESOLVER, ResolverSettings
from .services import PARTITIONS
from .signing import Credentials


@dataclass(frozen=True, slots=True)
class AwsSettings:
    """Whose certificates: the account of the credentials, or of the `role` (an ARN) that they may assume.

    `endpoints` are URLs by service (`acm`), by region and service (`eu-central-1/acm`) or for all (`*`);
    `authorities` (PEM) are trusted there in place of the system's. A run looks at `items_max` things of a
    service, `concurrency` at the same time, and waits `seconds` for each answer. Raises Malformed.
    """

    access_key_id: str = field(default="", repr=False, metadata=SECRET)
    secret_access_key: str = field(default="", repr=False, metadata=SECRET)
    session_token: str = field(default="", repr=False, metadata=SECRET)
    role: str = ""
    external_id: str = field(default="", repr=False, metadata=SECRET)
    partition: str = "aws"
    endpoints: Mapping[str, str] = field(default_factory=dict)
    authorities: str = ""
    items_max: int = 100_000
    concurrency: int = 4
    seconds: float = 30.0
    policy: EgressPolicy = DEFAULT_POLICY
    resolver: ResolverSettings = SYSTEM_RESOLVER

    def __post_init__(self) -> None:
        if not (self.access_key_id and self.secret_access_key):
            raise Malformed(
                "the aws source needs an access_key_id and a secret_access_key; a scope keeps them encrypted"
            )
        self.credentials()
        if self.role and not self.role.startswith("arn:"):
            raise Malformed("the aws source's role is an ARN, like arn:aws:iam::123456789012:role/auditor")
        if self.partition not in PARTITIONS:
            raise Malformed(f"partition {shown(self.partition)} is none of {', '.join(PARTITIONS)}")
        for name in ("items_max", "concurrency", "seconds"):
            if not getattr(self, name) > 0:
                raise Malformed(f"the aws source's {name} must be greater than 0")
        for url in self.endpoints.values():
            parse_endpoint(url)
        verifying_context(self.authorities)

    def credentials(self) -> Credentials:
        return Credentials(self.access_key_id, self.secret_access_key, self.session_token)

    @property
    def home_region(self) -> str:
        """Where a role is asked for when no region is looked at."""
        return PARTITIONS[self.partition].iam[1]

    def endpoint(self, service: str, region: str) -> str:
        """The URL that is set for a service; empty where none is."""
        keys = (f"{region}/{service}", service, "*")
        return next((self.endpoints[key] for key in keys if key in self.endpoints), "")
