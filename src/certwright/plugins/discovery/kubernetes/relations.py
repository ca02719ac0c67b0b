"""What the objects of a cluster say of secrets: who serves with one, and who renews it."""

import json
import re
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from ....core.audit import JsonValue
from ...calls import at, list_at, text_at, texts_at
from ..looking import SERVED_NAMES_MAX, SERVES_OCTETS_MAX
from .kinds import CERTIFICATES, GATEWAYS, INGRESSES, Kind

Secret = tuple[str, str]
"""Namespace and name."""
REFERENCES_MAX = 100_000
_REASON = re.compile(r"[A-Za-z]{1,60}")


def name_of(thing: dict[str, Any], kind: Kind) -> str:
    """`namespace/kind/name`, `kind/name` without a namespace; empty for what has no name."""
    name, namespace = text_at(thing, "metadata", "name"), text_at(thing, "metadata", "namespace")
    if not name:
        return ""
    return f"{namespace}/{kind.name}/{name}" if kind.namespaced else f"{kind.name}/{name}"


@dataclass(slots=True)
class Relations:
    """`serves` and `managed` are facts by secret, `named` who names a secret first, `problems` what is wrong
    with an object, both by the names of objects."""

    serves: defaultdict[Secret, list[JsonValue]] = field(default_factory=lambda: defaultdict(list))
    managed: dict[Secret, JsonValue] = field(default_factory=dict)
    named: dict[Secret, str] = field(default_factory=dict)
    problems: dict[str, str] = field(default_factory=dict)
    _room: dict[Secret, int] = field(default_factory=dict)

    def learn(self, kind: Kind, thing: dict[str, Any]) -> None:
        name = name_of(thing, kind)
        if not name or len(self.named) > REFERENCES_MAX:
            return
        namespace = text_at(thing, "metadata", "namespace")
        if kind is INGRESSES:
            for secret, hosts in _of_ingress(thing, namespace):
                self._serve(secret, "ingress", name, hosts, [])
        elif kind is GATEWAYS:
            for secret, hosts, listen in _of_gateway(thing, namespace):
                self._serve(secret, "gateway", name, hosts, listen)
        elif kind is CERTIFICATES:
            self._certificate(thing, namespace, name)
        elif (why := _why_not_ready(thing)) is not None:
            self.problems[name] = f"this issuer is not ready{why}"

    def _serve(self, secret: Secret, software: str, name: str, hosts: list[str], listen: list[str]) -> None:
        self.named.setdefault(secret, name)
        fact: dict[str, JsonValue] = {"software": software, "configuration": name}
        for key, texts in (("names", hosts), ("listen", listen)):
            if texts:
                fact[key] = [text[:300] for text in texts[:SERVED_NAMES_MAX]]
        room = self._room[secret] = self._room.get(secret, SERVES_OCTETS_MAX) - len(json.dumps(fact))
        if room >= 0:
            self.serves[secret].append(fact)

    def _certificate(self, thing: dict[str, Any], namespace: str, name: str) -> None:
        why = _why_not_ready(thing)
        if why is not None:
            self.problems[name] = f"this certificate of cert-manager is not ready{why}"
        secret = (namespace, text_at(thing, "spec", "secretName"))
        if not secret[1]:
            return
        fact: dict[str, JsonValue] = {"by": name, "ready": why is None}
        if renews_at := text_at(thing, "status", "renewalTime"):
            fact["renews_at"] = renews_at[:40]
        if issuer := text_at(thing, "spec", "issuerRef", "name"):
            kind = text_at(thing, "spec", "issuerRef", "kind") or "Issuer"
            fact["issuer"] = f"{kind}/{issuer}"[:300]
        self.managed[secret] = fact
        if why is None:
            self.named.setdefault(secret, name)

    def facts(self, secret: Secret) -> dict[str, JsonValue]:
        facts: dict[str, JsonValue] = {}
        if self.serves.get(secret):
            facts["serves"] = self.serves[secret]
        if secret in self.managed:
            facts["managed"] = self.managed[secret]
        return facts


def _of_ingress(thing: dict[str, Any], namespace: str) -> Iterator[tuple[Secret, list[str]]]:
    for tls in list_at(thing, "spec", "tls"):
        if secret := text_at(tls, "secretName"):
            yield (namespace, secret), texts_at(tls, "hosts")


def _of_gateway(thing: dict[str, Any], namespace: str) -> Iterator[tuple[Secret, list[str], list[str]]]:
    for listener in list_at(thing, "spec", "listeners"):
        port = at(listener, "port")
        listen = [f"{text_at(listener, 'protocol')}:{port}"] if isinstance(port, int) else []
        host = text_at(listener, "hostname")
        for one in list_at(listener, "tls", "certificateRefs"):
            if text_at(one, "kind") in {"", "Secret"} and text_at(one, "name"):
                secret = (text_at(one, "namespace") or namespace, text_at(one, "name"))
                yield secret, [host] if host else [], listen


def _why_not_ready(thing: dict[str, Any]) -> str | None:
    """None for what is ready; else the reason that is given, where it is a word."""
    for condition in list_at(thing, "status", "conditions"):
        if text_at(condition, "type") == "Ready":
            reason = text_at(condition, "reason")
            told = f" ({reason})" if _REASON.fullmatch(reason) else ""
            return None if text_at(condition, "status") == "True" else told
    return ""
