"""What the tests of the source `kubernetes` against the API server itself share."""

import asyncio
import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from certwright.core.egress import EgressPolicy
from certwright.plugins.discovery.kubernetes.settings import KubernetesSettings
from certwright.plugins.discovery.kubernetes.source import KubernetesSource
from certwright.plugins.resolver import ResolverSettings
from certwright.ports import Progress, Scope, Sighting
from tests.core.stores.made import PASSWORD, chain, key_pem, p12, pem
from tests.core.toy_chain import outside
from tests.plugins.discovery.cluster import text
from tests.real.kubernetes_api import Document, KubernetesApi

CHAIN = chain()
SERVER, ISSUING, ROOT = CHAIN.ders
KEY = key_pem(CHAIN.server.key)


@dataclass(frozen=True, slots=True)
class Look:
    found: dict[str, Sighting]
    last: Progress

    @property
    def problems(self) -> dict[str, str]:
        return {name: one.problem for name, one in self.found.items() if one.problem}

    def chains(self, namespace: str) -> dict[str, tuple[bytes, ...]]:
        return {name: one.chain for name, one in self.found.items() if name.startswith(f"{namespace}/")}


def settings(kubeconfig: str, **values: Any) -> KubernetesSettings:
    policy, resolver = EgressPolicy(allow_loopback=True), ResolverSettings(localhost=True)
    return KubernetesSettings(kubeconfig, **values, policy=policy, resolver=resolver)


def look(
    kubeconfig: str,
    *targets: str,
    exclude: tuple[str, ...] = (),
    after: str = "",
    each: Callable[[Progress], None] = lambda _: None,
    **values: Any,
) -> Look:
    async def run() -> list[Sighting | Progress]:
        events = []
        async for event in KubernetesSource(settings(kubeconfig, **values)).look(
            Scope(targets, exclude, after=after)
        ):
            events.append(event)
            if isinstance(event, Progress):
                each(event)
        return events

    *events, last = asyncio.run(run())
    assert isinstance(last, Progress)
    found = [one for one in events if isinstance(one, Sighting)]
    assert len({one.place for one in found}) == len(found)
    for line in KEY.decode().splitlines():
        assert "-" in line or line not in repr(found)
    return Look({one.place.name: one for one in found}, last)


# -- what is put there ---------------------------------------------------------------------------


def put(api: KubernetesApi, *things: Document) -> None:
    """What has a status is given that as a controller gives it."""
    listed = {"apiVersion": "v1", "kind": "List", "items": [*things]}
    api.kubectl("create", "-f", "-", given=json.dumps(listed))
    for one in things:
        if status := one.get("status"):
            where = ("--namespace", one["metadata"]["namespace"], one["kind"], one["metadata"]["name"])
            patch = json.dumps({"status": status})
            api.kubectl("patch", "--subresource=status", "--type=merge", "--patch", patch, *where)


def thing(kind: str, name: str, namespace: str = "", version: str = "v1", **parts: Any) -> Document:
    metadata = {"name": name} | ({"namespace": namespace} if namespace else {})
    return {"apiVersion": version, "kind": kind, "metadata": metadata, **parts}


def secret(name: str, namespace: str, kind: str, **data: bytes) -> Document:
    values = {key.replace("_", "."): text(value) for key, value in data.items()}
    return thing("Secret", name, namespace, type=kind, data=values)


def tls(name: str, namespace: str, certificate: bytes = b"", key: bytes = KEY) -> Document:
    given = certificate or pem(SERVER, ISSUING)
    return secret(name, namespace, "kubernetes.io/tls", tls_crt=given, tls_key=key)


def put_everything(api: KubernetesApi, namespace: str) -> None:
    front = [{"hosts": ["www.example.test"], "secretName": "www"}, {"secretName": "lost"}]
    backend = {"service": {"name": "web", "port": {"number": 80}}}
    listener = {
        "name": "a",
        "port": 443,
        "protocol": "HTTPS",
        "hostname": "edge.example.test",
        "tls": {"certificateRefs": [{"name": "www"}]},
    }
    ready, failed = (
        {
            "type": "Ready",
            "status": status,
            "reason": "Issuing",
            "message": "x",
            "lastTransitionTime": "2026-01-01T00:00:00Z",
        }
        for status in ("True", "False")
    )
    manager = {"namespace": namespace, "version": "cert-manager.io/v1"}
    reference = {"name": "corp", "kind": "ClusterIssuer", "group": "cert-manager.io"}
    put(
        api,
        tls("www", namespace),
        tls("other", namespace, pem(SERVER), key_pem(outside("CN=Other").key)),
        secret("half", namespace, "kubernetes.io/tls", tls_crt=pem(SERVER), tls_key=b""),
        secret("java", namespace, "Opaque", store_p12=p12(), password=PASSWORD.encode(), note=b"nothing"),
        thing(
            "ConfigMap",
            "trusted",
            namespace,
            data={"ca.crt": pem(ROOT).decode(), "readme": "-----BEGIN nothing"},
            binaryData={"root.der": text(ROOT)},
        ),
        thing(
            "Ingress",
            "front",
            namespace,
            "networking.k8s.io/v1",
            spec={"tls": front, "defaultBackend": backend},
        ),
        thing(
            "Gateway",
            "edge",
            namespace,
            "gateway.networking.k8s.io/v1",
            spec={"gatewayClassName": "x", "listeners": [listener]},
        ),
        thing(
            "Certificate",
            "www",
            **manager,
            spec={"secretName": "www", "issuerRef": reference, "dnsNames": ["www.example.test"]},
            status={"conditions": [ready], "renewalTime": "2027-01-01T00:00:00Z"},
        ),
        thing(
            "Certificate",
            "new",
            **manager,
            spec={"secretName": "new", "issuerRef": {"name": "corp"}, "dnsNames": ["new.example.test"]},
            status={"conditions": [failed]},
        ),
        thing("Issuer", "corp", **manager, spec={"selfSigned": {}}),
    )
