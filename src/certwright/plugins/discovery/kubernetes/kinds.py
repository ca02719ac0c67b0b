"""Kinds of objects that are looked at, and where the API has them (Kubernetes API reference; Gateway API v1;
cert-manager.io/v1)."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Kind:
    """`name` is the plural, `path` its group and version; `core` kinds are there in every cluster. Those of
    no namespace are looked at where all are."""

    name: str
    path: str
    namespaced: bool = True
    core: bool = True


INGRESSES = Kind("ingresses", "/apis/networking.k8s.io/v1")
GATEWAYS = Kind("gateways", "/apis/gateway.networking.k8s.io/v1", core=False)
CERTIFICATES = Kind("certificates", "/apis/cert-manager.io/v1", core=False)
ISSUERS = Kind("issuers", "/apis/cert-manager.io/v1", core=False)
CLUSTER_ISSUERS = Kind("clusterissuers", "/apis/cert-manager.io/v1", namespaced=False, core=False)
SECRETS = Kind("secrets", "/api/v1")
CONFIG_MAPS = Kind("configmaps", "/api/v1")
MUTATING = Kind("mutatingwebhookconfigurations", "/apis/admissionregistration.k8s.io/v1", namespaced=False)
VALIDATING = Kind(
    "validatingwebhookconfigurations", "/apis/admissionregistration.k8s.io/v1", namespaced=False
)
API_SERVICES = Kind("apiservices", "/apis/apiregistration.k8s.io/v1", namespaced=False, core=False)
REQUESTS = Kind("certificatesigningrequests", "/apis/certificates.k8s.io/v1", namespaced=False)

LEARNT = (INGRESSES, GATEWAYS, CERTIFICATES, ISSUERS, CLUSTER_ISSUERS)
"""Those that say what secrets are for; they have no certificate in themselves."""
HOLDING = (SECRETS, CONFIG_MAPS, MUTATING, VALIDATING, API_SERVICES, REQUESTS)
"""Those that hold certificates."""
KINDS = LEARNT + HOLDING
