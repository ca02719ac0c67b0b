"""A stand-in for the API of a Kubernetes cluster: lists in pages and single objects, by TLS, to whoever shows
the token or a certificate. It answers as the API server does by test_kubernetes_real.py; its objects are held
to what is published by test_kubernetes.py and test_kubernetes_published.py."""

import asyncio
import json
import ssl
from base64 import b64encode, urlsafe_b64decode, urlsafe_b64encode
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from tempfile import mkdtemp
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from certwright.core.egress import EgressPolicy
from certwright.plugins.discovery.kubernetes.kinds import (
    API_SERVICES,
    CERTIFICATES,
    CLUSTER_ISSUERS,
    CONFIG_MAPS,
    GATEWAYS,
    INGRESSES,
    ISSUERS,
    KINDS,
    REQUESTS,
    SECRETS,
    VALIDATING,
    Kind,
)
from certwright.plugins.discovery.kubernetes.settings import KubernetesSettings
from certwright.plugins.resolver import ResolverSettings
from tests.plugins import servers
from tests.real.tls_servers import Presented, present

Document = dict[str, Any]
TOKEN = "token.of-the-source"
KIND_NAMES = {
    INGRESSES: "Ingress",
    GATEWAYS: "Gateway",
    CERTIFICATES: "Certificate",
    ISSUERS: "Issuer",
    SECRETS: "Secret",
    CONFIG_MAPS: "ConfigMap",
    VALIDATING: "ValidatingWebhookConfiguration",
    API_SERVICES: "APIService",
    REQUESTS: "CertificateSigningRequest",
}
NO_SUCH_KIND = 404, "404 page not found\n"
CUSTOM = frozenset({GATEWAYS, CERTIFICATES, ISSUERS, CLUSTER_ISSUERS})


@cache
def identity() -> Presented:
    """The cluster's own: who signs is trusted by its kubeconfig."""
    return present(Path(mkdtemp(prefix="certwright-cluster-")) / "chain", ("localhost",))


def text(octets: bytes) -> str:
    return b64encode(octets).decode()


def kubeconfig(port: int, user: Document | None = None, **cluster: Any) -> str:
    """As kubectl config view --raw --minify --flatten -o json writes it."""
    authority = text(identity().others.read_bytes())
    where = {"server": f"https://localhost:{port}", "certificate-authority-data": authority} | cluster
    return json.dumps(
        {
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": "here",
            "contexts": [{"name": "here", "context": {"cluster": "c", "user": "u"}}],
            "clusters": [{"name": "c", "cluster": where}],
            "users": [{"name": "u", "user": user or {"token": TOKEN}}],
        }
    )


def settings(port: int, **values: Any) -> KubernetesSettings:
    return KubernetesSettings(
        **{"kubeconfig": kubeconfig(port), **values},
        policy=EgressPolicy(allow_loopback=True),
        resolver=ResolverSettings(localhost=True),
    )


@dataclass(slots=True)
class Cluster:
    """What is in it, by kind, and how it behaves: `denied` are lists it answers 403 to, `expires` how many
    more pages come before one is Gone. `asked` are the paths that were asked for."""

    objects: dict[str, list[Document]] = field(default_factory=dict)
    denied: set[str] = field(default_factory=set)
    expires: list[int] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)

    def add(self, kind: Kind, name: str, namespace: str = "payments", **parts: Any) -> Document:
        metadata = {"name": name} | ({"namespace": namespace} if kind.namespaced else {})
        version = kind.path.removeprefix("/apis/").removeprefix("/api/")
        made = {"apiVersion": version, "kind": KIND_NAMES[kind], "metadata": metadata, **parts}
        self.objects.setdefault(kind.name, []).append(made)
        return made

    def add_tls(self, name: str, certificate: bytes, key: bytes, namespace: str = "payments") -> None:
        data = {"tls.crt": text(certificate), "tls.key": text(key)}
        self.add(SECRETS, name, namespace, type="kubernetes.io/tls", data=data)

    # -- answers --

    def answer(self, head: str) -> tuple[int, Any]:
        method, target, _ = head.split(" ", 2)
        assert method == "GET", "nothing is ever changed"
        self.asked.append(target)
        if f"authorization: bearer {TOKEN}\r\n" not in head.lower():
            return _status(401, "Unauthorized")
        url = urlsplit(target)
        for kind in KINDS:
            if url.path.startswith(f"{kind.path}/") and kind.name in url.path.split("/"):
                return self._of(kind, url.path.removeprefix(kind.path), parse_qs(url.query))
        return NO_SUCH_KIND

    def _of(self, kind: Kind, path: str, query: dict[str, list[str]]) -> tuple[int, Any]:
        parts = [unquote(part) for part in path.strip("/").split("/")]
        namespace = parts[1] if parts[0] == "namespaces" else ""
        name = "" if parts[-1] == kind.name else parts[-1]
        if f"{namespace}/{kind.name}" in self.denied or kind.name in self.denied:
            return _status(403, "Forbidden")
        if not kind.core and kind.name not in self.objects:
            return NO_SUCH_KIND
        found = [
            one
            for one in self.objects.get(kind.name, [])
            if namespace in {"", one["metadata"].get("namespace")} and name in {"", one["metadata"]["name"]}
        ]
        if name:
            return (200, found[0]) if found else _status(404, "NotFound")
        return self._page(kind, found, query)

    def _page(self, kind: Kind, found: list[Document], query: dict[str, list[str]]) -> tuple[int, Document]:
        try:
            begin = int(urlsafe_b64decode(query["continue"][0])) if "continue" in query else 0
        except ValueError:
            return _status(400, "BadRequest")
        if begin and self.expires and not self.expires.pop():
            status, body = _status(410, "Expired")
            return status, body | {"metadata": {"continue": _token(f"+{begin}")}}
        end = begin + int(query["limit"][0])
        metadata = {"resourceVersion": "1"} | ({"continue": ""} if kind in CUSTOM else {})
        if end < len(found):
            metadata["continue"] = _token(str(end))
        version = kind.path.removeprefix("/apis/").removeprefix("/api/")
        shape = {"apiVersion": version, "kind": f"{KIND_NAMES.get(kind, 'Thing')}List", "metadata": metadata}
        return 200, {**shape, "items": [_item(kind, one) for one in found[begin:end]]}

    async def behave(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        status, document = self.answer(head)
        writer.transport.set_write_buffer_limits(0)  # all of it is on its way when drain returns
        body = document if isinstance(document, str) else json.dumps(document)
        writer.write(servers.response(body.encode(), status))
        await writer.drain()


def _token(where: str) -> str:
    """Of the objects from there on; with + of those that are there now."""
    return urlsafe_b64encode(where.encode()).decode()


def _item(kind: Kind, thing: Document) -> Document:
    """In lists of its own kinds, Kubernetes does not say of each what it is."""
    if kind in CUSTOM:
        return thing
    return {name: part for name, part in thing.items() if name not in {"apiVersion", "kind"}}


def _status(code: int, reason: str) -> tuple[int, Document]:
    """With the token it was shown, as a server that echoes what it gets might do."""
    message = f"{reason}: {TOKEN}"
    shape = {"apiVersion": "v1", "kind": "Status", "metadata": {}, "status": "Failure"}
    return code, {**shape, "message": message, "reason": reason, "code": code}


def tls_context(client_authorities: Path | None = None) -> ssl.SSLContext:
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    made.load_cert_chain(identity().leaf, identity().key)
    if client_authorities:
        made.verify_mode = ssl.CERT_REQUIRED
        made.load_verify_locations(client_authorities)
    return made


@asynccontextmanager
async def served(behave: servers.Behaviour) -> AsyncIterator[int]:
    async with servers.server(behave, tls=tls_context()) as port:
        yield port
