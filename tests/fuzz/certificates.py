"""Feeds what atheris invents to everything that reads a CSR, a name, a profile, or octets to be sealed.

    python -m tests.fuzz.certificates [-runs=N | -max_total_time=SECONDS] [CORPUS]

One input is raw octets for one reader, or good octets with a few changed, removed or put in. It ends with a
crash when anything but one of our errors is raised, or octets that differ from the plan are sealed.
"""

import json
import sys
from collections.abc import Callable

import atheris

with atheris.instrument_imports(include=["certwright.core"]):
    from certwright.core import der
    from certwright.core.distinguished_name import decode_name, parse_name
    from certwright.core.errors import CertwrightError, IntegrityError
    from certwright.core.issuer import issuer_of
    from certwright.core.key_lists import DEBIAN_OCTETS, parse_digests
    from certwright.core.keys import KeyAlgorithm
    from certwright.core.plan import CertificatePlan
    from certwright.core.policy import endpoint_policy_from_document
    from certwright.core.profile_document import from_document, to_document
    from certwright.core.profiles_builtin import DOCUMENTS
    from certwright.core.request import parse_csr
    from certwright.core.seal import AUTHORITY_KINDS, Kind, Seal
    from certwright.core.template import assemble, encode_tbs

from cryptography import x509

from tests.core.toy_pipeline import AUTHORITY_NAME, NAMES, csr, identifiers, plan, private_key
from tests.fuzz.changed import changed

P256 = KeyAlgorithm.ECDSA_P256
SEAL = Seal(AUTHORITY_NAME.encode(), private_key(P256, "authority").public_key(), AUTHORITY_KINDS)
POLICY = {"names": {"allow": {"dns": [".example.test"], "ip": ["10.0.0.0/8"]}}, "maximum_lifetime": "9d"}


def read_csr(octets: bytes) -> None:
    parsed = parse_csr(octets)
    for name in parsed.identifiers:
        assert identifiers(str(name)) == (name,)


def read_name(octets: bytes) -> None:
    name = decode_name(octets)
    assert str(name).isprintable()


def read_text_name(octets: bytes) -> None:
    name = parse_name(octets.decode("utf-8", "replace"))
    assert parse_name(str(name)) == name
    assert [set(rdn) for rdn in decode_name(name.encode()).rdns] == [set(rdn) for rdn in name.rdns]


def _document(octets: bytes) -> object:
    try:
        return json.loads(octets)
    except (ValueError, RecursionError):
        return octets.decode("utf-8", "replace")


def read_profile(octets: bytes) -> None:
    profile = from_document(_document(octets))
    assert from_document(to_document(profile)) == profile


def read_policy(octets: bytes) -> None:
    endpoint_policy_from_document(_document(octets))


def read_debian_list(octets: bytes) -> None:
    parse_digests(octets.splitlines(), DEBIAN_OCTETS, "the list")


def admit(octets: bytes) -> None:
    for kind in Kind:
        try:
            SEAL.admit(kind, octets)
        except IntegrityError:
            continue


def sealer(planned: CertificatePlan, good: bytes) -> Callable[[bytes], None]:
    """Sealing anything but the good octets must fail."""

    def seal(octets: bytes) -> None:
        SEAL.seal_certificate(planned, octets)
        assert octets == good, "octets that are not the plan's were sealed"

    return seal


PLANS = [plan(name) for name in NAMES]
TBS = [encode_tbs(planned) for planned in PLANS]
NAMED = [x509.DNSName("www.example.test"), x509.RFC822Name("ann@example.test")]
STAPLE = x509.TLSFeature([x509.TLSFeatureType.status_request])
READERS: list[tuple[Callable[[bytes], None], bytes]] = [
    (read_csr, csr(NAMED, STAPLE, subject=AUTHORITY_NAME)),
    (read_name, AUTHORITY_NAME.encode()),
    (read_text_name, str(AUTHORITY_NAME).encode()),
    (read_policy, json.dumps(POLICY).encode()),
    (read_debian_list, b"# x\n" + b"ab" * 10 + b"\n"),
    (lambda octets: issuer_of(octets) and None, assemble(encode_tbs(plan("issuing-authority")), P256, b"0")),
    (admit, der.sequence(der.integer(0), AUTHORITY_NAME.encode(), SEAL.spki, der.tlv(0xA0, b""))),
    *[(read_profile, json.dumps(document).encode()) for document in DOCUMENTS],
    *[(sealer(planned, tbs), tbs) for planned, tbs in zip(PLANS, TBS, strict=True)],
]


def test_one_input(octets: bytes) -> None:
    data = atheris.FuzzedDataProvider(octets)
    reader, good = READERS[data.ConsumeIntInRange(0, len(READERS) - 1)]
    made = data.ConsumeBytes(len(octets)) if data.ConsumeBool() else changed(data, good)
    detail = ""
    try:
        reader(made)
    except CertwrightError as error:
        detail = error.detail
    assert len(detail) < 20_000


if __name__ == "__main__":
    atheris.Setup(sys.argv, test_one_input)
    atheris.Fuzz()
