"""A cryptographic bill of materials as CycloneDX 1.6 (ECMA-424), written piece by piece: certificates with
their keys, the algorithms of both, and the protocols that were seen where they are served.

A million certificates are never in memory: of what was written only the algorithms and protocols are kept,
which are few. Names by which parts refer to each other stay the same from one bill to the next.
"""

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from .algorithms import algorithm_of

SPEC_VERSION = "1.6"
ALGORITHMS_MAX, PROTOCOLS_MAX = 2_000, 2_000
"""Each is told by its certificates and places; what is beyond, by its name there alone."""
PLACES_TOLD = 50
Document = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Spoken:
    """What a server spoke at a place, as its facts have it; empty where it was not seen."""

    version: str
    cipher: str = ""
    group: str = ""

    @property
    def reference(self) -> str:
        return f"protocol:tls:{self.version}:{self.cipher}:{self.group}"


@dataclass(frozen=True, slots=True)
class Served:
    """Where a certificate is presented now, `tls://host:port/name`, and what was spoken there."""

    location: str
    spoken: Spoken


@dataclass(frozen=True, slots=True)
class Billed:
    """A certificate on the bill. `names` are alternative names as text."""

    fingerprint: bytes
    subject: str
    issuer: str
    not_before: datetime
    not_after: datetime
    key_algorithm: str
    signature_algorithm: str
    spki_sha256: bytes
    names: tuple[str, ...] = ()
    served: tuple[Served, ...] = ()


@dataclass(slots=True)
class BillWriter:
    """Pieces of text in the order of `begin`, `certificates` as often as there are some, `end`."""

    serial: bytes
    """16 octets at random."""
    at: datetime
    product: str
    query: str = ""
    _algorithms: set[str] = field(default_factory=set)
    _protocols: set[Spoken] = field(default_factory=set)
    _first: bool = True

    def begin(self) -> str:
        head = {
            "bomFormat": "CycloneDX",
            "specVersion": SPEC_VERSION,
            "serialNumber": UUID(bytes=self.serial, version=4).urn,
            "version": 1,
            "metadata": {
                "timestamp": self.at.isoformat(),
                "tools": {
                    "components": [{"type": "application", "name": "Certwright", "version": self.product}]
                },
                "properties": [{"name": "certwright:query", "value": self.query}],
            },
        }
        return _line(head)[:-1] + ',\n"components":['

    def certificates(self, some: Iterable[Billed]) -> str:
        return "".join(self._piece(part) for one in some for part in self._of_certificate(one))

    def end(self) -> str:
        groups = {one.group for one in self._protocols if one.group}
        for name in groups:
            self._algorithm(name)
        parts = [*map(_algorithm, sorted(self._algorithms)), *map(self._protocol, _sorted(self._protocols))]
        told = "".join(map(self._piece, parts))
        used = [
            {"ref": one.reference, "dependsOn": [f"algorithm:{one.group}"]}
            for one in _sorted(self._protocols)
            if one.group in self._algorithms
        ]
        return f'{told}],\n"dependencies":{_line(used)}}}\n'

    def _piece(self, part: Document) -> str:
        before, self._first = ("\n" if self._first else ",\n"), False
        return before + _line(part)

    def _of_certificate(self, one: Billed) -> Iterator[Document]:
        name = f"certificate:{one.fingerprint.hex()}"
        properties: Document = {
            "subjectName": one.subject,
            "issuerName": one.issuer,
            "notValidBefore": one.not_before.isoformat(),
            "notValidAfter": one.not_after.isoformat(),
            "subjectPublicKeyRef": f"{name}/key",
            "certificateFormat": "X.509",
        }
        if reference := self._algorithm(one.signature_algorithm):
            properties["signatureAlgorithmRef"] = reference
        part = {
            **_part(name, one.subject or (one.names[0] if one.names else one.fingerprint.hex())),
            "hashes": [{"alg": "SHA-256", "content": one.fingerprint.hex()}],
            "cryptoProperties": {"assetType": "certificate", "certificateProperties": properties},
        }
        if one.names:
            part["properties"] = [{"name": "certwright:name", "value": text} for text in one.names]
        if one.served:
            part["evidence"] = {"occurrences": list(self._occurrences(one.served))}
        yield part
        yield self._key(one, f"{name}/key")

    def _key(self, one: Billed, name: str) -> Document:
        """`id` is the digest by which the same key is known among several certificates."""
        known = algorithm_of(one.key_algorithm)
        properties: Document = {
            "type": "public-key",
            "id": one.spki_sha256.hex(),
            "state": "active",
            "format": "SubjectPublicKeyInfo",
        }
        if reference := self._algorithm(one.key_algorithm):
            properties["algorithmRef"] = reference
        if known.primitive == "pke" and known.parameter.isdigit():
            properties["size"] = int(known.parameter)
        return {
            **_part(name, f"{one.key_algorithm} {one.spki_sha256.hex()[:16]}"),
            "cryptoProperties": {
                "assetType": "related-crypto-material",
                "relatedCryptoMaterialProperties": properties,
            },
        }

    def _occurrences(self, served: tuple[Served, ...]) -> Iterator[Document]:
        for place in served[:PLACES_TOLD]:
            found: Document = {"location": place.location}
            if place.spoken.version:
                if place.spoken in self._protocols or len(self._protocols) < PROTOCOLS_MAX:
                    self._protocols.add(place.spoken)
                found["additionalContext"] = place.spoken.reference
            yield found

    def _algorithm(self, name: str) -> str:
        """Its reference, empty where there are too many."""
        if name not in self._algorithms and len(self._algorithms) >= ALGORITHMS_MAX:
            return ""
        self._algorithms.add(name)
        return f"algorithm:{name}"

    def _protocol(self, one: Spoken) -> Document:
        properties: Document = {"type": "tls", "version": one.version.removeprefix("TLSv")}
        if one.cipher:
            properties["cipherSuites"] = [{"name": one.cipher}]
        if one.group in self._algorithms:
            properties["cryptoRefArray"] = [f"algorithm:{one.group}"]
        return {
            **_part(one.reference, " ".join(text for text in (one.version, one.cipher, one.group) if text)),
            "cryptoProperties": {"assetType": "protocol", "protocolProperties": properties},
        }


def _algorithm(name: str) -> Document:
    known = algorithm_of(name)
    properties: Document = {"primitive": known.primitive}
    for key, value in (
        ("parameterSetIdentifier", known.parameter or None),
        ("curve", known.curve or None),
        ("cryptoFunctions", list(known.functions) or None),
        ("classicalSecurityLevel", known.classical),
        ("nistQuantumSecurityLevel", known.quantum),
    ):
        if value is not None:
            properties[key] = value
    crypto: Document = {"assetType": "algorithm", "algorithmProperties": properties}
    if known.oid:
        crypto["oid"] = known.oid
    return {**_part(f"algorithm:{name}", name), "cryptoProperties": crypto}


def _part(reference: str, name: str) -> Document:
    return {"type": "cryptographic-asset", "bom-ref": reference, "name": name}


def _sorted(protocols: set[Spoken]) -> list[Spoken]:
    return sorted(protocols, key=lambda one: one.reference)


def _line(value: object) -> str:
    return json.dumps(value, separators=(",", ":"))
