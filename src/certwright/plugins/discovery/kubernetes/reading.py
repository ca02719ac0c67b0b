"""What is in one object of a cluster: certificates, and the public halves of keys, which are not kept."""

import base64
import binascii
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ....core.audit import JsonValue
from ....core.stores.reading import read_store
from ....core.stores.values import Entry, Store, StoreFormat
from ...calls import at, list_at, text_at
from ..looking import MUST_HOLD, USUAL_PASSWORDS
from .kinds import API_SERVICES, CONFIG_MAPS, REQUESTS, SECRETS, Kind

TLS = "kubernetes.io/tls"
PASSED_OVER = frozenset({"helm.sh/release.v1", "kubernetes.io/dockerconfigjson", "kubernetes.io/dockercfg"})
PASSWORDS_MAX, PASSWORD_MAX = 5, 200
_PAIR = ("tls.crt", "tls.key")


@dataclass(frozen=True, slots=True)
class Sight:
    """What is seen in an object; `part` is what stands behind its name."""

    part: str
    chain: tuple[bytes, ...] = ()
    facts: Mapping[str, JsonValue] = field(default_factory=dict)
    problem: str = ""


def sights_in(kind: Kind, thing: dict[str, Any], passwords: Sequence[str]) -> list[Sight]:
    """Reading may take seconds: key stores are opened."""
    if kind is SECRETS:
        return list(_in_secret(thing, passwords))
    if kind is CONFIG_MAPS:
        return list(_in_config_map(thing))
    if kind is API_SERVICES:
        bundle = text_at(thing, "spec", "caBundle")
        return list(_in_bundle("", bundle, at(thing, "spec", "service")))
    if kind is REQUESTS:
        return list(_in_request(thing))
    return list(_in_webhooks(thing))


# -- secrets and configuration maps --------------------------------------------------------------


def _in_secret(thing: dict[str, Any], passwords: Sequence[str]) -> Iterator[Sight]:
    kind = text_at(thing, "type")
    data = at(thing, "data")
    if kind in PASSED_OVER or not isinstance(data, Mapping):
        return
    values = {str(name): _decoded(value) for name, value in data.items()}
    tried = (*USUAL_PASSWORDS, *_passwords_beside(values), *passwords)
    if kind == TLS:
        yield from _in_pair(values, tried)
        values = {name: one for name, one in values.items() if name not in _PAIR}
    for name, value in sorted(values.items()):
        if value is None:
            yield Sight(f"#{name}", problem="it is no base64")
        else:
            yield from _in_value(name, value, tried, kind)


def _in_pair(values: Mapping[str, bytes | None], passwords: Sequence[str]) -> Iterator[Sight]:
    """A certificate and its key, which are two values of a TLS secret."""
    certificate, key = (values.get(name) or b"" for name in _PAIR)
    store = read_store(certificate + b"\n" + key, passwords)
    entries = store.entries if store else ()
    chains = [one for one in entries if one.chain]
    if not chains:
        yield Sight(f"#{_PAIR[0]}", problem="no certificate in it can be read")
    for one in chains:
        yield _told(f"#{_PAIR[0]}", one, store, TLS)
    for one in entries:
        if one.key and not one.chain:
            problem = "it is not the key of the certificate beside it" if chains else ""
            yield Sight(f"#{_PAIR[1]}", facts=_facts(one, store, TLS), problem=problem)
    if chains and not any(one.key for one in entries):
        yield Sight(f"#{_PAIR[1]}", problem="no private key in it can be read")


def _in_config_map(thing: dict[str, Any]) -> Iterator[Sight]:
    data, binary = at(thing, "data"), at(thing, "binaryData")
    values: dict[str, bytes | None] = {}
    if isinstance(data, Mapping):
        values |= {
            str(name): one.encode(errors="replace") for name, one in data.items() if isinstance(one, str)
        }
    if isinstance(binary, Mapping):
        values |= {str(name): _decoded(one) for name, one in binary.items()}
    for name, value in sorted(values.items()):
        if value is not None:
            yield from _in_value(name, value, USUAL_PASSWORDS, "")


def _in_value(name: str, value: bytes, passwords: Sequence[str], kind: str) -> Iterator[Sight]:
    store = read_store(value, passwords)
    must = name.rpartition(".")[2].lower() in MUST_HOLD
    if store is None or (not must and _is_about_pem(store)):
        if must and value.strip():
            yield Sight(f"#{name}", problem="no certificate or key in it can be read")
        return
    for entry in store.entries:
        yield _told(f"#{name}", entry, store, kind)


def _is_about_pem(store: Store) -> bool:
    """A text that speaks of PEM, and holds none."""
    return store.format is StoreFormat.PEM and all(one.problem for one in store.entries)


def _passwords_beside(values: Mapping[str, bytes | None]) -> list[str]:
    """Where a key store lies, its password often lies in the same secret."""
    found = [
        value.decode().strip()
        for name, value in values.items()
        if value and "password" in name.lower() and len(value) <= PASSWORD_MAX and _is_text(value)
    ]
    return [one for one in found if one][:PASSWORDS_MAX]


def _is_text(value: bytes) -> bool:
    try:
        return bool(value.decode())
    except UnicodeDecodeError:
        return False


# -- other objects -------------------------------------------------------------------------------


def _in_webhooks(thing: dict[str, Any]) -> Iterator[Sight]:
    for webhook in list_at(thing, "webhooks"):
        client = at(webhook, "clientConfig")
        part = f"#{text_at(webhook, 'name')}"
        yield from _in_bundle(part, text_at(client, "caBundle"), at(client, "service"))


def _in_bundle(part: str, bundle: str, service: object) -> Iterator[Sight]:
    """Authorities that the API server trusts when it calls a service."""
    if not bundle:
        return
    octets = _decoded(bundle)
    store = read_store(octets) if octets else None
    called = f"{text_at(service, 'namespace')}/{text_at(service, 'name')}" if service else ""
    if store is None or not store.entries:
        yield Sight(part, problem="no certificate in its caBundle can be read")
        return
    for entry in store.entries:
        facts = dict(_facts(entry, store, "")) | ({"service": called[:300]} if called else {})
        name = f"{part}#{entry.name}" if entry.name else part
        yield Sight(name, entry.chain, facts, entry.problem)


def _in_request(thing: dict[str, Any]) -> Iterator[Sight]:
    """A request that was signed: certificates.k8s.io."""
    octets = _decoded(text_at(thing, "status", "certificate"))
    if not octets:
        return
    store = read_store(octets)
    facts: dict[str, JsonValue] = {}
    for name, key in (("signer", "signerName"), ("requester", "username")):
        if text := text_at(thing, "spec", key):
            facts[name] = text[:300]
    if store is None or not store.entries:
        yield Sight("", problem="no certificate in it can be read")
        return
    for entry in store.entries:
        yield Sight(f"#{entry.name}" if entry.name else "", entry.chain, facts, entry.problem)


# -- what is told of an entry --------------------------------------------------------------------


def _told(part: str, entry: Entry, store: Store | None, kind: str) -> Sight:
    name = f"{part}#{entry.name}" if entry.name else part
    return Sight(name, entry.chain, _facts(entry, store, kind), entry.problem)


def _facts(entry: Entry, store: Store | None, kind: str) -> dict[str, JsonValue]:
    facts: dict[str, JsonValue] = {"format": str(store.format)} if store else {}
    if kind:
        facts["type"] = kind[:300]
    if store and store.intact:
        facts["intact"] = True
    if entry.role:
        facts["role"] = str(entry.role)
    if entry.key:
        facts["key"] = {"encrypted": entry.key.encrypted} | (
            {"spki_sha256": entry.key.spki_sha256} if entry.key.spki_sha256 else {}
        )
    return facts


def _decoded(value: object) -> bytes | None:
    try:
        return base64.b64decode(value, validate=True) if isinstance(value, str) else None
    except (binascii.Error, ValueError):
        return None
