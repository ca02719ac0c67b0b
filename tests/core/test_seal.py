"""The seal: what is admitted, what is not, and what a sealed key signs."""

from dataclasses import replace
from datetime import timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from hypothesis import given
from hypothesis import strategies as st

from certwright.core import crl, der, keys, ocsp
from certwright.core import seal as seal_module
from certwright.core.distinguished_name import parse_name
from certwright.core.errors import IntegrityError, Refused
from certwright.core.issuer import issuer_of
from certwright.core.keys import SIGNATURES, KeyAlgorithm, PrivateKey
from certwright.core.plan import CertificatePlan, make_plan
from certwright.core.policy import evaluate
from certwright.core.profile import KeyUsageRules
from certwright.core.profiles_builtin import built_in_profiles
from certwright.core.seal import AUTHORITY_KINDS, OCSP_SIGNER_KINDS, SAMPLE, Kind, Seal, SealedKey
from certwright.core.template import assemble, encode_tbs, fast_tbs
from tests.core.toy_pipeline import (
    AUTHORITY_NAME,
    NOW,
    QUICK_ALGORITHMS,
    SERIAL,
    identifiers,
    issuer,
    plan,
    private_key,
    profile,
    request,
)

P256 = KeyAlgorithm.ECDSA_P256


def sealed_key(
    algorithm: KeyAlgorithm = P256, kinds: frozenset[Kind] = AUTHORITY_KINDS, key: PrivateKey | None = None
) -> tuple[SealedKey, Seal]:
    key = key or private_key(algorithm, "authority")
    seal = Seal(AUTHORITY_NAME.encode(), key.public_key(), kinds)
    return SealedKey(key, seal), seal


def crl_tbs(algorithm: KeyAlgorithm = P256) -> bytes:
    identifier = SIGNATURES[algorithm].identifier
    header = crl.CrlHeader(AUTHORITY_NAME.encode(), identifier, NOW, NOW + timedelta(days=1), 7, bytes(20))
    return b"".join(crl.tbs_parts(header, b""))


def ocsp_tbs(algorithm: KeyAlgorithm = P256) -> bytes:
    spki = keys.spki(private_key(algorithm, "authority").public_key())
    signer = ocsp.responder(spki, SIGNATURES[algorithm].identifier, ())
    issuer_form = ocsp.issuer_forms(AUTHORITY_NAME.encode(), spki)[0]
    single = ocsp.SingleResponse(ocsp.CertId(issuer_form, SERIAL.to_bytes(16, "big")), ocsp.GOOD)
    return ocsp.tbs_response(signer, ocsp.Times(NOW, NOW, NOW + timedelta(days=1)), (single,))


def csr_tbs(algorithm: KeyAlgorithm = P256) -> bytes:
    spki = keys.spki(private_key(algorithm, "authority").public_key())
    return der.sequence(der.integer(0), AUTHORITY_NAME.encode(), spki, der.tlv(0xA0, b""))


# -- certificates ----------------------------------------------------------------------------------


@pytest.mark.parametrize("algorithm", QUICK_ALGORITHMS)
def test_a_sealed_certificate_is_signed_once(algorithm: KeyAlgorithm) -> None:
    key, seal = sealed_key(algorithm)
    planned = plan(by=issuer(algorithm))
    for _ in range(2):
        sealed = seal.seal_certificate(planned, fast_tbs(planned))
        whole = assemble(sealed.tbs, key.algorithm, key.sign(sealed.tbs))
        parsed = x509.load_der_x509_certificate(whole)
        keys.verify(
            private_key(algorithm, "authority").public_key(), parsed.signature, parsed.tbs_certificate_bytes
        )
        with pytest.raises(IntegrityError, match="not sealed, or their seal is spent"):
            key.sign(sealed.tbs)


@pytest.mark.parametrize("name", [name for name in built_in_profiles() if name != "root-authority"])
def test_every_profile_is_sealed_without_errors(name: str) -> None:
    _, seal = sealed_key()
    planned = plan(name)
    assert seal.seal_certificate(planned, fast_tbs(planned)).findings == ()


def test_a_root_is_sealed_by_itself() -> None:
    planned = plan("root-authority")
    key = private_key(P256)
    seal = Seal(planned.subject.encode(), key.public_key(), AUTHORITY_KINDS)
    sealed = seal.seal_certificate(planned, encode_tbs(planned))
    certificate = assemble(sealed.tbs, P256, SealedKey(key, seal).sign(sealed.tbs))
    assert issuer_of(certificate).name == planned.subject.encode()
    parsed = x509.load_der_x509_certificate(certificate)
    parsed.verify_directly_issued_by(parsed)


def test_nothing_else_is_signed() -> None:
    key, seal = sealed_key()
    planned = plan()
    tbs = fast_tbs(planned)
    with pytest.raises(IntegrityError):
        key.sign(tbs)
    seal.seal_certificate(planned, tbs)
    for other in (tbs + b"\x00", tbs[:-1], b"", fast_tbs(replace(planned, serial=planned.serial + 1))):
        with pytest.raises(IntegrityError):
            key.sign(other)
    assert key.sign(tbs)


KNOWN_KEY, KNOWN_SEAL = sealed_key()
KNOWN_PLAN = plan()
KNOWN_TBS = KNOWN_SEAL.seal_certificate(KNOWN_PLAN, fast_tbs(KNOWN_PLAN)).tbs


@pytest.mark.filterwarnings("ignore:Parsed a serial number", "ignore:Attribute's length")
@pytest.mark.parametrize("known", [True, False])
@pytest.mark.parametrize("name", [name for name in built_in_profiles() if name != "root-authority"])
def test_any_changed_octet_is_found(name: str, known: bool) -> None:
    """Every octet in turn, whether the shape was linted before or is met for the first time."""
    planned = plan(name)
    tbs = fast_tbs(planned)
    seal = sealed_key()[1]
    if known:
        seal.seal_certificate(planned, tbs)
    for position in range(len(tbs)):
        for change in (0x01, 0x20, 0x80):
            changed = bytearray(tbs)
            changed[position] ^= change
            with pytest.raises(IntegrityError):
                seal.seal_certificate(planned, bytes(changed))


@given(st.integers(0, len(KNOWN_TBS)), st.binary(min_size=1, max_size=8), st.booleans())
def test_octets_put_in_are_found(position: int, added: bytes, known: bool) -> None:
    seal = KNOWN_SEAL if known else sealed_key()[1]
    with pytest.raises(IntegrityError):
        seal.seal_certificate(KNOWN_PLAN, KNOWN_TBS[:position] + added + KNOWN_TBS[position:])


@pytest.mark.parametrize(
    "other",
    [
        replace(KNOWN_PLAN, serial=KNOWN_PLAN.serial + 1),
        replace(KNOWN_PLAN, not_after=KNOWN_PLAN.not_after + timedelta(seconds=1)),
        replace(KNOWN_PLAN, not_before=KNOWN_PLAN.not_before - timedelta(seconds=1)),
        replace(KNOWN_PLAN, subject=parse_name("CN=*.apps.example.test")),
        replace(KNOWN_PLAN, names=KNOWN_PLAN.names[:-1]),
        replace(KNOWN_PLAN, names=identifiers("dns:evil.test")),
        replace(KNOWN_PLAN, key_identifier=bytes(20)),
        replace(KNOWN_PLAN, spki=keys.spki(private_key(P256, "authority").public_key())),
        plan("tls-server-client"),
    ],
)
@pytest.mark.parametrize("known", [True, False])
def test_octets_of_another_plan_are_found(other: CertificatePlan, known: bool) -> None:
    seal = KNOWN_SEAL if known else sealed_key()[1]
    with pytest.raises(IntegrityError, match="differs from the plan in"):
        seal.seal_certificate(KNOWN_PLAN, encode_tbs(other))


def test_a_plan_for_another_issuer() -> None:
    _, seal = sealed_key()
    for by in (issuer(KeyAlgorithm.ED25519), issuer(name=parse_name("CN=Other"))):
        planned = plan(by=by)
        with pytest.raises(IntegrityError, match="another issuer"):
            seal.seal_certificate(planned, fast_tbs(planned))


@pytest.mark.parametrize("known", [False, True])
def test_a_lint_error_stops_and_says_why(known: bool) -> None:
    _, seal = sealed_key()
    under = replace(profile(), key_usage=KeyUsageRules(frozenset({"dataEncipherment"})))
    planned = make_plan(evaluate(request(), under, issuer(), NOW), SERIAL)
    for _ in range(2 if known else 1):
        with pytest.raises(Refused, match="keyUsage") as refusal:
            seal.seal_certificate(planned, fast_tbs(planned))
    reasons = {reason.code: reason.clause for reason in refusal.value.reasons}
    assert reasons["rfc5280.purpose.key-usage"] == "RFC 5280 4.2.1.12"
    assert "keys.usage" in reasons


def test_every_error_is_named_at_once_whatever_part_it_is_in() -> None:
    _, seal = sealed_key()
    under = replace(profile(), lints=frozenset({"cabf-tls"}))
    planned = make_plan(evaluate(request(names=("dns:intern.local",)), under, issuer(), NOW), SERIAL)
    for _ in range(2):
        with pytest.raises(Refused) as refusal:
            seal.seal_certificate(planned, fast_tbs(planned))
        codes = [reason.code for reason in refusal.value.reasons]
        assert codes == ["cabf-tls.policy", "cabf-tls.pointers.internal", "cabf-tls.names.internal"]


def test_findings_below_error_come_with_the_seal() -> None:
    _, seal = sealed_key()
    under = replace(profile(), subject_key_identifier=False)
    planned = make_plan(evaluate(request(names=("dns:_odd.example.test",)), under, issuer(), NOW), SERIAL)
    for _ in range(2):
        findings = seal.seal_certificate(planned, fast_tbs(planned)).findings
        codes = [finding.code for finding in findings]
        assert codes == ["rfc5280.subject-key-identifier.missing", "rfc5280.san.underscore"]


# -- kinds -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("algorithm", QUICK_ALGORITHMS)
def test_the_other_kinds(algorithm: KeyAlgorithm) -> None:
    key, seal = sealed_key(algorithm)
    made = {Kind.CRL: crl_tbs(algorithm), Kind.OCSP: ocsp_tbs(algorithm), Kind.CSR: csr_tbs(algorithm)}
    for kind, tbs in made.items():
        sealed = seal.admit(kind, tbs)
        assert sealed.kind is kind
        keys.verify(private_key(algorithm, "authority").public_key(), key.sign(sealed.tbs), tbs)


def test_no_kind_passes_for_another() -> None:
    _, seal = sealed_key()
    made = {
        Kind.CRL: crl_tbs(),
        Kind.OCSP: ocsp_tbs(),
        Kind.CSR: csr_tbs(),
        Kind.CERTIFICATE: fast_tbs(plan()),
    }
    for kind, tbs in made.items():
        for claimed in Kind:
            if claimed is not kind or claimed is Kind.CERTIFICATE:
                with pytest.raises(IntegrityError):
                    seal.admit(claimed, tbs)
        if kind is not Kind.CERTIFICATE:
            with pytest.raises(IntegrityError):
                seal.seal_certificate(plan(), tbs)


def test_an_ocsp_signer_signs_ocsp_alone() -> None:
    _, seal = sealed_key(kinds=OCSP_SIGNER_KINDS)
    with pytest.raises(IntegrityError, match="may not sign a certificate"):
        seal.seal_certificate(plan(), fast_tbs(plan()))
    with pytest.raises(IntegrityError, match="may not sign a crl"):
        seal.admit(Kind.CRL, crl_tbs())
    assert seal.admit(Kind.OCSP, ocsp_tbs())


def test_others_names_and_keys_are_not_admitted() -> None:
    stranger = Seal(parse_name("CN=Other").encode(), private_key(P256).public_key(), AUTHORITY_KINDS)
    for kind, tbs in ((Kind.CRL, crl_tbs()), (Kind.OCSP, ocsp_tbs()), (Kind.CSR, csr_tbs())):
        with pytest.raises(IntegrityError, match=f"not admitted as {kind}"):
            stranger.admit(kind, tbs)


@given(st.sampled_from([Kind.CRL, Kind.OCSP, Kind.CSR]), st.binary(max_size=100))
def test_any_octets_are_refused(kind: Kind, data: bytes) -> None:
    with pytest.raises(IntegrityError):
        KNOWN_SEAL.admit(kind, data)


def test_a_responder_by_name_with_extensions() -> None:
    _, seal = sealed_key()
    parts = [der.tlv(0xA1, AUTHORITY_NAME.encode()), der.generalized_time(NOW), der.sequence()]
    version = der.tlv(0xA0, der.integer(0))
    assert seal.admit(Kind.OCSP, der.sequence(version, *parts, der.tlv(0xA1, der.sequence())))
    with pytest.raises(IntegrityError):
        seal.admit(Kind.OCSP, der.sequence(*parts, der.tlv(0xA1, der.sequence()), b"\x05\x00"))


# -- faults ----------------------------------------------------------------------------------------


class FaultyKey(ec.EllipticCurvePrivateKey):
    """A key whose module breaks: after `good` signatures it signs something else, or nothing at all."""

    def __init__(self, key: PrivateKey, good: int, error: Exception | None = None) -> None:
        self.key, self.good, self.error = key, good, error

    def sign(self, data: bytes, algorithm: object) -> bytes:  # type: ignore[override]
        self.good -= 1
        if self.good < 0 and self.error is not None:
            raise self.error
        return keys.sign(self.key, data if self.good >= 0 else data + b"x")

    def public_key(self) -> ec.EllipticCurvePublicKey:
        found = self.key.public_key()
        assert isinstance(found, ec.EllipticCurvePublicKey)
        return found

    @property
    def curve(self) -> ec.EllipticCurve:
        return self.public_key().curve

    exchange = key_size = private_bytes = private_numbers = __copy__ = __deepcopy__ = None  # type: ignore[assignment]


def sign_many(key: SealedKey, seal: Seal, count: int) -> int:
    """How many signatures went out before one was found wrong."""
    for number in range(count):
        sealed = seal.seal_certificate(KNOWN_PLAN, KNOWN_TBS)
        try:
            key.sign(sealed.tbs)
        except IntegrityError:
            return number
    return count


@pytest.mark.parametrize("good", [0, 1, 30])
def test_a_faulty_key_is_found_within_the_sample(good: int) -> None:
    key, seal = sealed_key(key=FaultyKey(private_key(P256, "authority"), good))
    assert sign_many(key, seal, 2 * SAMPLE) in {0, SAMPLE}


def test_on_authority_certificates_and_lists_a_fault_is_found_at_once() -> None:
    key, seal = sealed_key(key=FaultyKey(private_key(P256, "authority"), 1))
    assert sign_many(key, seal, 2) == 2
    planned = plan("issuing-authority")
    for sealed in (seal.seal_certificate(planned, fast_tbs(planned)), seal.admit(Kind.CRL, crl_tbs())):
        with pytest.raises(IntegrityError, match="does not verify"):
            key.sign(sealed.tbs)


def test_the_seal_is_spent_when_signing_fails() -> None:
    key, seal = sealed_key(key=FaultyKey(private_key(P256, "authority"), 0, RuntimeError("module gone")))
    tbs = seal.seal_certificate(KNOWN_PLAN, KNOWN_TBS).tbs
    with pytest.raises(RuntimeError):
        key.sign(tbs)
    with pytest.raises(IntegrityError, match="spent"):
        key.sign(tbs)


def test_a_seal_belongs_to_its_key() -> None:
    _, seal = sealed_key()
    with pytest.raises(IntegrityError, match="another key"):
        SealedKey(private_key(P256), seal)


def test_forgotten_admissions_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(seal_module, "ADMITTED_MAX", 3)
    key, seal = sealed_key()
    made = [fast_tbs(replace(KNOWN_PLAN, serial=SERIAL + number)) for number in range(4)]
    for number, tbs in enumerate(made):
        seal.seal_certificate(replace(KNOWN_PLAN, serial=SERIAL + number), tbs)
    with pytest.raises(IntegrityError):
        key.sign(made[0])
    assert all(key.sign(tbs) for tbs in made[1:])
