"""A bill of materials: what the official schema says to it, and that its parts refer to each other."""

import json
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any

import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from hypothesis import given, settings
from hypothesis import strategies as st

from certwright.core import bill as module
from certwright.core.algorithms import _KNOWN, algorithm_of
from certwright.core.bill import Billed, BillWriter, Served, Spoken
from certwright.core.decoded import SIGNATURE_NAMES

NOW = datetime(2026, 11, 30, tzinfo=UTC)
MODERN = Spoken("TLSv1.3", "TLS_AES_128_GCM_SHA256", "X25519MLKEM768")


def certificate(number: int, key: str = "rsa-2048", signature: str = "sha256WithRSAEncryption") -> Billed:
    fingerprint = sha256(b"%d" % number).digest()
    spki, names = sha256(key.encode()).digest(), (f"n{number}.example.test",)
    served = (Served(f"tls://n{number}:443/", MODERN), Served("file://host/etc/x.pem", Spoken("")))
    return Billed(fingerprint, "", "CN=Issuing", NOW, NOW, key, signature, spki, names, served)


def written(*parts: list[Billed]) -> str:
    writer = BillWriter(b"s" * 16, NOW, "1.0", "status:live")
    return "".join([writer.begin(), *map(writer.certificates, parts), writer.end()])


def by_reference(text: str) -> dict[str, dict[str, Any]]:
    components = json.loads(text)["components"]
    found = {one["bom-ref"]: one for one in components}
    assert len(found) == len(components)
    return found


EVERYTHING = [
    certificate(1),
    *(certificate(10 + number, key, "1.2.3") for number, key in enumerate(_KNOWN)),
    *(certificate(90 + number, "unreadable", name) for number, name in enumerate(SIGNATURE_NAMES.values())),
]


@pytest.mark.parametrize("parts", [[], [EVERYTHING[:1], [], EVERYTHING[1:]]], ids=len)
def test_the_official_schema_takes_it(parts: list[list[Billed]]) -> None:
    error = JsonStrictValidator(SchemaVersion.V1_6).validate_str(written(*parts))
    assert error is None, error


def test_the_official_schema_refuses_what_is_none() -> None:
    wrong = written([certificate(1)]).replace('"primitive":"pke"', '"primitive":"nonsense"')
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(wrong) is not None


def test_parts_refer_to_each_other() -> None:
    text = written([certificate(1), certificate(2)])
    parts = by_reference(text)
    fingerprint = certificate(1).fingerprint.hex()
    one = parts[f"certificate:{fingerprint}"]
    told = one["cryptoProperties"]["certificateProperties"]
    assert one["name"] == "n1.example.test"
    assert parts[told["signatureAlgorithmRef"]]["cryptoProperties"]["oid"] == "1.2.840.113549.1.1.11"
    key = parts[told["subjectPublicKeyRef"]]["cryptoProperties"]["relatedCryptoMaterialProperties"]
    assert (key["size"], key["type"]) == (2048, "public-key")
    algorithm = parts[key["algorithmRef"]]["cryptoProperties"]["algorithmProperties"]
    assert algorithm["classicalSecurityLevel"] == 112
    place, file = one["evidence"]["occurrences"]
    assert "additionalContext" not in file
    protocol = parts[place["additionalContext"]]["cryptoProperties"]["protocolProperties"]
    assert (protocol["version"], protocol["cipherSuites"]) == ("1.3", [{"name": MODERN.cipher}])
    [group] = protocol["cryptoRefArray"]
    assert parts[group]["cryptoProperties"]["algorithmProperties"]["nistQuantumSecurityLevel"] == 3
    assert json.loads(text)["dependencies"] == [{"ref": MODERN.reference, "dependsOn": [group]}]


def test_there_are_no_more_algorithms_and_protocols_than_can_be_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "ALGORITHMS_MAX", 1)
    monkeypatch.setattr(module, "PROTOCOLS_MAX", 0)
    parts = by_reference(written([certificate(1)]))
    assert sorted(ref.split(":")[0] for ref in parts) == ["algorithm", "certificate", "certificate"]


TEXT = st.text(max_size=8)


@settings(max_examples=30)
@given(
    st.lists(
        st.builds(
            Billed,
            st.binary(min_size=32, max_size=32),
            TEXT,
            TEXT,
            st.just(NOW),
            st.just(NOW),
            TEXT,
            TEXT,
            st.binary(min_size=32, max_size=32),
            st.lists(TEXT, max_size=2).map(tuple),
            st.lists(st.builds(Served, TEXT, st.builds(Spoken, TEXT, TEXT, TEXT)), max_size=2).map(tuple),
        ),
        max_size=3,
        unique_by=lambda one: one.fingerprint,
    )
)
def test_whatever_strangers_wrote_it_is_json_and_refers_to_what_is_there(some: list[Billed]) -> None:
    parts = by_reference(written(some))
    assert sum(ref.startswith("certificate:") for ref in parts) == 2 * len(some)
    for one in parts.values():
        for properties in one["cryptoProperties"].values():
            if isinstance(properties, dict):
                wanted = [value for name, value in properties.items() if name.endswith("Ref")]
                assert set(wanted + properties.get("cryptoRefArray", [])) <= set(parts)


@pytest.mark.parametrize(
    ("name", "classical", "quantum"),
    [
        ("rsa-1024", 80, 0),
        ("rsa-4096", 128, 0),
        ("rsa-512", 0, 0),
        ("ecdsa-p384", 192, 0),
        ("ed25519", 128, 0),
        ("ml-dsa-65", 192, 3),
        ("ML-DSA-87", 256, 5),
        ("X25519MLKEM768", 192, 3),
        ("x25519", 128, 0),
        ("sha256WithRSAEncryption", None, 0),
        ("1.2.3.4", None, None),
        ("", None, None),
    ],
)
def test_levels(name: str, classical: int | None, quantum: int | None) -> None:
    found = algorithm_of(name)
    assert (found.classical, found.quantum) == (classical, quantum)
    assert found.quantum_safe == (None if quantum is None else quantum > 0)
