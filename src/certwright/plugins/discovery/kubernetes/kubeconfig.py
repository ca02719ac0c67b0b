"""Who calls which cluster: one context of a kubeconfig, whose files are all within it.

Nothing of it is ever run or read from this machine: no exec plugin, no path. Source: Kubernetes, "kubeconfig
(v1)", as `kubectl config view --raw --minify --flatten` writes it.
"""

import base64
import binascii
import json
import os
import re
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field

import yaml

from ....core.egress import Url, shown
from ....core.errors import Malformed
from ...calls import at, list_at, parse_endpoint, text_at, verifying_context

OCTETS_MAX = 64 * 1024
OPENS_MAX = 100
_OPENS = re.compile(r"[\[{&*]")
_NESTED = re.compile(r"(?:[-?:]\s+){3}")
FLATTEN = "write it with kubectl config view --raw --minify --flatten"


@dataclass(frozen=True, slots=True)
class Cluster:
    """Where the API is, whom to trust there (PEM), and the credential: a token, or a certificate and its key
    (PEM)."""

    url: Url
    authorities: str = field(repr=False)
    token: str = field(default="", repr=False)
    certificate: str = field(default="", repr=False)
    key: str = field(default="", repr=False)

    @property
    def headers(self) -> Mapping[str, str]:
        return {"Authorization": f"Bearer {self.token}"} if self.token else {}

    def tls(self) -> ssl.SSLContext:
        """Trusts the cluster's own authorities, and shows the certificate. Raises Malformed."""
        context = verifying_context(self.authorities)
        if self.certificate:
            _show(context, f"{self.certificate}\n{self.key}")
        return context


def _show(context: ssl.SSLContext, pem: str) -> None:
    """OpenSSL takes a key from a file alone: this one is in memory, and gone right after."""
    number = os.memfd_create("certwright")
    try:
        with os.fdopen(os.dup(number), "wb") as file:
            file.write(pem.encode())
        context.load_cert_chain(f"/proc/self/fd/{number}", password=lambda: "")
    except (OSError, ValueError) as error:  # ssl.SSLError is an OSError
        raise Malformed("the client certificate or key of the kubeconfig cannot be used") from error
    finally:
        os.close(number)


def parse_kubeconfig(text: str) -> Cluster:
    """The current context, from YAML or JSON. Raises Malformed, Forbidden; never with what is in it."""
    if len(text) > OCTETS_MAX:
        raise Malformed(f"a kubeconfig is at most {OCTETS_MAX} characters here; {FLATTEN}")
    document = _document(text)
    context = _named(document, "contexts", text_at(document, "current-context"), "context")
    cluster = _named(document, "clusters", text_at(context, "cluster"), "cluster")
    user = _named(document, "users", text_at(context, "user"), "user")
    _refuse(cluster, "insecure-skip-tls-verify", "who answers is always verified")
    for name in ("proxy-url", "tls-server-name"):
        _refuse(cluster, name, "it is not supported")
    _refuse(cluster, "certificate-authority", FLATTEN)
    for name in ("exec", "auth-provider"):
        _refuse(user, name, "no program is run; put a token or a certificate there")
    for name in ("client-certificate", "client-key", "tokenFile"):
        _refuse(user, name, FLATTEN)
    return _cluster(cluster, user)


def _document(text: str) -> object:
    """From JSON or YAML; of YAML not what is nested in one line, which takes its reader time without end."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        pass
    neither = Malformed(f"the kubeconfig is neither YAML nor JSON; {FLATTEN}")
    if len(_OPENS.findall(text)) > OPENS_MAX or _NESTED.search(text):
        raise neither
    try:
        return yaml.safe_load(text)
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        raise neither from error


def _cluster(cluster: object, user: object) -> Cluster:
    token, certificate, key = (
        text_at(user, "token"),
        _decoded(user, "client-certificate-data"),
        _decoded(user, "client-key-data"),
    )
    if not token and not (certificate and key):
        raise Malformed("the kubeconfig's user has neither a token nor a client certificate with its key")
    if not (token.isascii() and token.isprintable() and " " not in token):
        raise Malformed("the kubeconfig's token has a character that none has")
    url = parse_endpoint(text_at(cluster, "server").rstrip("/"))
    return Cluster(url, _decoded(cluster, "certificate-authority-data"), token, certificate, key)


def _named(document: object, many: str, name: str, one: str) -> object:
    for entry in list_at(document, many):
        if text_at(entry, "name") == name and name:
            return at(entry, one)
    raise Malformed(f"the kubeconfig has no {one} {shown(name) or 'that is current'}; {FLATTEN}")


def _refuse(document: object, name: str, why: str) -> None:
    if at(document, name):
        raise Malformed(f"the kubeconfig has {name}: {why}")


def _decoded(document: object, name: str) -> str:
    try:
        return base64.b64decode(text_at(document, name), validate=True).decode("ascii")
    except (binascii.Error, ValueError) as error:
        raise Malformed(f"the kubeconfig's {name} is no PEM in base64") from error
