"""How a cluster is looked at."""

from dataclasses import dataclass, field

from ....core.egress import DEFAULT_POLICY, EgressPolicy, shown
from ....core.errors import Malformed
from ....ports import SECRET
from ...calls import BODY_OCTETS_MAX
from ...resolver import SYSTEM_RESOLVER, ResolverSettings
from ..files import FilesSettings
from .kinds import KINDS
from .kubeconfig import Cluster, parse_kubeconfig


@dataclass(frozen=True, slots=True)
class KubernetesSettings:
    """`kubeconfig` says where the cluster is and who calls it; `kinds` are those that are looked at, all when
    none is named. `passwords` are tried on key stores, after those that lie in the same secret. A list is
    read in pages of `page` objects, fewer where an answer would have more than `octets_max`; at most
    `items_max` objects of each kind are looked at, and each answer waited for `seconds`. Raises Malformed,
    Forbidden."""

    kubeconfig: str = field(default="", repr=False, metadata=SECRET)
    kinds: tuple[str, ...] = ()
    passwords: tuple[str, ...] = field(default=(), repr=False, metadata=SECRET)
    page: int = 100
    items_max: int = 100_000
    octets_max: int = BODY_OCTETS_MAX
    seconds: float = 60.0
    policy: EgressPolicy = DEFAULT_POLICY
    resolver: ResolverSettings = SYSTEM_RESOLVER

    def __post_init__(self) -> None:
        if not self.kubeconfig:
            raise Malformed("the kubernetes source needs a kubeconfig; a scope keeps it encrypted")
        self.cluster().tls()
        known = {kind.name for kind in KINDS}
        for name in self.kinds:
            if name not in known:
                raise Malformed(
                    f"{shown(name)} is no kind that is looked at; those are {', '.join(sorted(known))}"
                )
        for name in ("page", "items_max", "octets_max", "seconds"):
            if not getattr(self, name) > 0:
                raise Malformed(f"the kubernetes source's {name} must be greater than 0")
        FilesSettings(passwords=self.passwords)

    def cluster(self) -> Cluster:
        return parse_kubeconfig(self.kubeconfig)
