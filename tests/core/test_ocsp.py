import dataclasses
import hashlib
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509 import ocsp as pyca
from hypothesis import given
from hypothesis import strategies as st

from certwright.core import der, keys, ocsp
from certwright.core.errors import IntegrityError, Malformed
from certwright.core.keys import SIGNATURES, KeyAlgorithm
from certwright.core.revocation import Reason, RevocationFacts
from tests.core.toy_issuer import NOW, SERIAL, ToyIssuer, private_key, toy_issuer
from tests.real.debian13 import Unobtainable, debian13
from tests.real.packages import need

ISSUER = toy_issuer()
FORMS = ocsp.issuer_forms(ISSUER.name_der, ISSUER.spki)
SIGNER_KEY = private_key(KeyAlgorithm.ECDSA_P256)
SIGNER_DER = ISSUER.ocsp_signer(SIGNER_KEY)
SIGNER = ocsp.responder(
    keys.spki(SIGNER_KEY.public_key()), SIGNATURES[KeyAlgorithm.ECDSA_P256].identifier, (SIGNER_DER,)
)
TIMES = ocsp.Times(NOW, NOW - timedelta(minutes=1), NOW + timedelta(days=4))
KEY_OCTETS = ISSUER.certificate.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
OCTETS = SERIAL.to_bytes(16, "big")

moments = st.datetimes(datetime(1951, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC)).map(
    lambda moment: moment.replace(microsecond=0)
)
long_serials = st.integers(1 << 120, (1 << 127) - 1)
serials = st.one_of(long_serials, st.integers(1, (1 << 159) - 1), st.integers(1, 300))
revocations = st.none() | st.builds(RevocationFacts, moments, st.sampled_from(Reason))
nonces = st.one_of(st.just(b""), st.binary(min_size=1, max_size=128))


windows = st.tuples(moments, moments, st.integers(1, 10**8)).map(
    lambda drawn: ocsp.Times(drawn[0], drawn[1], drawn[1] + timedelta(seconds=drawn[2]))
)


def content(serial: int) -> bytes:
    """Content octets of a serial's INTEGER."""
    return der.Reader(der.integer(serial)).content()


def status_of(revocation: RevocationFacts | None) -> ocsp.CertStatus:
    return ocsp.revoked(revocation) if revocation else ocsp.GOOD


def single(serial: int = SERIAL, revocation: RevocationFacts | None = None) -> ocsp.SingleResponse:
    return ocsp.SingleResponse(ocsp.CertId(FORMS[0], content(serial)), status_of(revocation))


def answer(*singles: ocsp.SingleResponse, nonce: bytes = b"", times: ocsp.Times = TIMES) -> bytes:
    """A signed answer, checked before as in the product."""
    tbs = ocsp.tbs_response(SIGNER, times, singles, nonce)
    ocsp.check_response(tbs, SIGNER, times, singles, nonce)
    return ocsp.assemble(SIGNER, tbs, keys.sign(SIGNER_KEY, tbs))


# -- beside the builder --------------------------------------------------------------------------


def built(
    serial: int, revocation: RevocationFacts | None, times: ocsp.Times, nonce: bytes, name: str
) -> pyca.OCSPResponse:
    """The answer as pyca's builder makes it from the same facts; producedAt is its own affair."""
    unspecified = revocation is None or revocation.reason is Reason.UNSPECIFIED
    builder = (
        pyca.OCSPResponseBuilder()
        .add_response_by_hash(
            hashlib.new(name, ISSUER.name_der).digest(),
            hashlib.new(name, KEY_OCTETS).digest(),
            serial,
            {"sha1": hashes.SHA1(), "sha256": hashes.SHA256()}[name],
            pyca.OCSPCertStatus.REVOKED if revocation else pyca.OCSPCertStatus.GOOD,
            times.this_update,
            times.next_update,
            revocation.revoked_at if revocation else None,
            None if unspecified else x509.ReasonFlags(revocation.reason.label),
        )
        .responder_id(pyca.OCSPResponderEncoding.HASH, x509.load_der_x509_certificate(SIGNER_DER))
        .certificates([x509.load_der_x509_certificate(SIGNER_DER)])
    )
    if nonce:
        builder = builder.add_extension(x509.OCSPNonce(nonce), critical=False)
    return builder.sign(SIGNER_KEY, hashes.SHA256())


@given(serials, revocations, windows, nonces, st.sampled_from(["sha1", "sha256"]))
def test_same_octets_as_the_builder(
    serial: int, revocation: RevocationFacts | None, times: ocsp.Times, nonce: bytes, name: str
) -> None:
    theirs = built(serial, revocation, times, nonce, name)
    times = dataclasses.replace(times, produced_at=theirs.produced_at_utc)
    issuer = next(form for form in FORMS if hashlib.new(name, ISSUER.name_der).digest() in form)
    one = ocsp.SingleResponse(ocsp.CertId(issuer, content(serial)), status_of(revocation))
    tbs = ocsp.tbs_response(SIGNER, times, (one,), nonce)
    assert tbs == theirs.tbs_response_bytes
    assert ocsp.assemble(SIGNER, tbs, theirs.signature) == theirs.public_bytes(Encoding.DER)
    ocsp.check_response(tbs, SIGNER, times, (one,), nonce)


@given(
    long_serials,
    st.lists(st.tuples(revocations, nonces), min_size=1, max_size=8),
    windows,
    st.binary(max_size=5000),
)
def test_a_template_gives_the_same_octets_as_the_long_way(
    serial: int, asked: list[tuple[RevocationFacts | None, bytes]], times: ocsp.Times, signature: bytes
) -> None:
    template = ocsp.Template(SIGNER, times, FORMS[0])
    octets = serial.to_bytes(16, "big")
    for revocation, nonce in asked:
        status = status_of(revocation)
        tbs = ocsp.tbs_response(SIGNER, times, (single(serial, revocation),), nonce)
        assert template.tbs(octets, status, nonce) == tbs
        assert template.answer(tbs, signature) == ocsp.assemble(SIGNER, tbs, signature)


def test_a_template_asks_for_a_sample_to_be_read_back() -> None:
    template = ocsp.Template(SIGNER, TIMES, FORMS[0])
    asked = [template.to_read_back(ocsp.GOOD) for _ in range(4 * ocsp.SAMPLE)]
    assert asked[0]
    assert sum(asked) == 5
    assert template.to_read_back(ocsp.GOOD, b"nonce")
    assert not template.to_read_back(ocsp.GOOD, b"other")
    assert all(template.to_read_back(ocsp.UNKNOWN) for _ in range(5))
    assert all(template.to_read_back(REVOKED.status) for _ in range(5))


@pytest.mark.parametrize("octets", [b"", b"\x41" * 15, b"\x41" * 17])
def test_a_template_refuses_serials_of_another_length(octets: bytes) -> None:
    with pytest.raises(Malformed, match="16 octets"):
        ocsp.Template(SIGNER, TIMES, FORMS[0]).tbs(octets, ocsp.GOOD)


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        (ocsp.MALFORMED_REQUEST, pyca.OCSPResponseStatus.MALFORMED_REQUEST),
        (ocsp.INTERNAL_ERROR, pyca.OCSPResponseStatus.INTERNAL_ERROR),
        (ocsp.TRY_LATER, pyca.OCSPResponseStatus.TRY_LATER),
        (ocsp.UNAUTHORIZED, pyca.OCSPResponseStatus.UNAUTHORIZED),
    ],
)
def test_errors_are_the_builders(ours: bytes, theirs: pyca.OCSPResponseStatus) -> None:
    assert ours == pyca.OCSPResponseBuilder.build_unsuccessful(theirs).public_bytes(Encoding.DER)


# -- what an answer says -------------------------------------------------------------------------


def test_times_are_told_in_whole_seconds() -> None:
    fraction = timedelta(microseconds=999_999)
    times = ocsp.Times(NOW + fraction, NOW + fraction, NOW + timedelta(days=1) + fraction)
    found = pyca.load_der_ocsp_response(answer(single(), times=times))
    assert (found.produced_at_utc, found.this_update_utc) == (NOW, NOW)
    with pytest.raises(Malformed, match="nextUpdate"):
        ocsp.Times(NOW, NOW, NOW + fraction)


def test_several_certificates_in_one_answer() -> None:
    revocation = RevocationFacts(NOW, Reason.SUPERSEDED)
    foreign = ocsp.SingleResponse(ocsp.CertId(FORMS[3], b"\x05"), ocsp.UNKNOWN)
    found = list(pyca.load_der_ocsp_response(answer(single(), single(7, revocation), foreign)).responses)
    assert [one.serial_number for one in found] == [SERIAL, 7, 5]
    status = pyca.OCSPCertStatus
    assert [one.certificate_status for one in found] == [status.GOOD, status.REVOKED, status.UNKNOWN]
    assert isinstance(found[2].hash_algorithm, hashes.SHA256)


@pytest.mark.parametrize("count", [0, ocsp.SINGLE_RESPONSES_MAX + 1])
def test_an_answer_is_about_a_few_certificates(count: int) -> None:
    with pytest.raises(Malformed, match="1 to 20"):
        ocsp.tbs_response(SIGNER, TIMES, (single(),) * count)


def test_a_nonce_has_at_most_128_octets() -> None:
    found = pyca.load_der_ocsp_response(answer(single(), nonce=b"n" * 128))
    assert found.extensions.get_extension_for_class(x509.OCSPNonce).value.nonce == b"n" * 128
    with pytest.raises(Malformed, match="128 octets"):
        ocsp.tbs_response(SIGNER, TIMES, (single(),), b"n" * 129)


def test_without_certificates_the_optional_field_is_absent() -> None:
    bare = dataclasses.replace(SIGNER, certificates=())
    tbs = ocsp.tbs_response(bare, TIMES, (single(),))
    assert pyca.load_der_ocsp_response(ocsp.assemble(bare, tbs, b"s" * 70)).certificates == []


# -- the check -----------------------------------------------------------------------------------

REVOKED = single(SERIAL, RevocationFacts(NOW, Reason.KEY_COMPROMISE))


@pytest.mark.parametrize(
    ("signer", "times", "singles", "nonce", "why"),
    [
        (dataclasses.replace(SIGNER, key_hash=b"k" * 20), TIMES, (REVOKED,), b"n", "responder"),
        (SIGNER, dataclasses.replace(TIMES, produced_at=NOW - timedelta(1)), (REVOKED,), b"n", "producedAt"),
        (SIGNER, dataclasses.replace(TIMES, this_update=NOW), (REVOKED,), b"n", "thisUpdate"),
        (SIGNER, dataclasses.replace(TIMES, next_update=NOW + timedelta(9)), (REVOKED,), b"n", "nextUpdate"),
        (SIGNER, TIMES, (single(),), b"n", "status"),
        (SIGNER, TIMES, (single(SERIAL, RevocationFacts(NOW, Reason.UNSPECIFIED)),), b"n", "status"),
        (SIGNER, TIMES, (single(SERIAL + 1, RevocationFacts(NOW, Reason.KEY_COMPROMISE)),), b"n", "serial"),
        (
            SIGNER,
            TIMES,
            (ocsp.SingleResponse(ocsp.CertId(FORMS[2], OCTETS), REVOKED.status),),
            b"n",
            "issuer",
        ),
        (SIGNER, TIMES, (REVOKED, REVOKED), b"n", "number of single responses"),
        (SIGNER, TIMES, (REVOKED,), b"", "extensions"),
        (SIGNER, TIMES, (REVOKED,), b"m", "extensions"),
    ],
)
def test_an_answer_that_is_not_what_was_meant_is_not_signed(
    signer: ocsp.Responder,
    times: ocsp.Times,
    singles: tuple[ocsp.SingleResponse, ...],
    nonce: bytes,
    why: str,
) -> None:
    tbs = ocsp.tbs_response(SIGNER, TIMES, (REVOKED,), b"n")
    ocsp.check_response(tbs, SIGNER, TIMES, (REVOKED,), b"n")
    with pytest.raises(IntegrityError, match=why):
        ocsp.check_response(tbs, signer, times, singles, nonce)


TBS = ocsp.tbs_response(SIGNER, TIMES, (REVOKED,), b"nonce", extended_revoke=True)


@given(st.integers(0, len(TBS) - 1), st.integers(1, 255))
def test_a_damaged_octet_does_not_pass_for_what_was_meant(position: int, flip: int) -> None:
    damaged = bytearray(TBS)
    damaged[position] ^= flip
    with pytest.raises(IntegrityError):
        ocsp.check_response(bytes(damaged), SIGNER, TIMES, (REVOKED,), b"nonce", extended_revoke=True)


# -- relying parties -----------------------------------------------------------------------------


def run(*arguments: str | Path) -> str:
    done = subprocess.run([str(one) for one in arguments], capture_output=True, text=True, timeout=60)
    return f"{done.returncode}\n{done.stdout}{done.stderr}"


def files_of(issuer: ToyIssuer, signer_key: keys.PrivateKey, nonce: bytes = b"") -> dict[str, bytes]:
    """The issuer, a good and a revoked certificate, and an answer about both."""
    forms = ocsp.issuer_forms(issuer.name_der, issuer.spki)
    leaf_key = private_key(KeyAlgorithm.ECDSA_P256).public_key()
    algorithm = keys.algorithm_of(signer_key.public_key())
    signer = ocsp.responder(
        keys.spki(signer_key.public_key()),
        SIGNATURES[algorithm].identifier,
        (issuer.ocsp_signer(signer_key),),
    )
    bad = ocsp.revoked(RevocationFacts(NOW, Reason.KEY_COMPROMISE))
    singles = (
        ocsp.SingleResponse(ocsp.CertId(forms[0], OCTETS), ocsp.GOOD),
        ocsp.SingleResponse(ocsp.CertId(forms[0], content(SERIAL + 1)), bad),
    )
    tbs = ocsp.tbs_response(signer, TIMES, singles, nonce, extended_revoke=True)
    ocsp.check_response(tbs, signer, TIMES, singles, nonce, extended_revoke=True)
    return {
        "ca.pem": issuer.certificate.public_bytes(Encoding.PEM),
        "good.pem": issuer.issue(SERIAL, "good", leaf_key).public_bytes(Encoding.PEM),
        "bad.pem": issuer.issue(SERIAL + 1, "bad", leaf_key).public_bytes(Encoding.PEM),
        "answer.der": ocsp.assemble(signer, tbs, keys.sign(signer_key, tbs)),
    }


OPENSSL = (
    "ocsp -issuer ca.pem -CAfile ca.pem -cert good.pem -cert bad.pem -respin answer.der -no_nonce -resp_text"
)
KNOWN_TO_OPENSSL_3_0 = [one for one in KeyAlgorithm if not one.startswith("ml-dsa")]


@pytest.mark.parametrize("algorithm", KNOWN_TO_OPENSSL_3_0)
def test_openssl_believes_an_answer_about_several(algorithm: KeyAlgorithm, tmp_path: Path) -> None:
    issuer = toy_issuer(algorithm)
    for name, octets in files_of(issuer, private_key(algorithm)).items():
        (tmp_path / name).write_bytes(octets)
    told = openssl(tmp_path)
    assert "Response verify OK" in told
    assert "good.pem: good" in told
    assert "bad.pem: revoked" in told
    assert "Reason: keyCompromise" in told
    assert "Response Extensions:" in told


def openssl(folder: Path) -> str:
    done = subprocess.run(
        ["openssl", *OPENSSL.split()], cwd=folder, capture_output=True, text=True, timeout=60
    )
    return done.stdout + done.stderr


@pytest.mark.parametrize("algorithm", ["ml-dsa-44", "ml-dsa-65", "ml-dsa-87"])
def test_openssl_of_debian_13_believes_ml_dsa(algorithm: str) -> None:
    try:
        there = debian13("openssl")
    except Unobtainable as error:
        pytest.skip(str(error))
    name = KeyAlgorithm(algorithm)
    told = there.run("openssl", *OPENSSL.split(), files=files_of(toy_issuer(name), private_key(name)))
    assert "Response verify OK" in told.stdout + told.stderr
    assert "good.pem: good" in told.stdout


def test_openssl_reads_the_archive_cutoff(tmp_path: Path) -> None:
    times = dataclasses.replace(TIMES, archive_cutoff=datetime(2020, 1, 2, 3, 4, 5, tzinfo=UTC))
    (tmp_path / "answer.der").write_bytes(answer(single(), times=times))
    told = run("openssl", "ocsp", "-noverify", "-resp_text", "-respin", tmp_path / "answer.der")
    assert "OCSP Archive Cutoff" in told
    assert "Jan  2 03:04:05 2020 GMT" in told


@pytest.mark.parametrize("algorithm", [KeyAlgorithm.RSA_2048, KeyAlgorithm.ECDSA_P256, KeyAlgorithm.ED25519])
def test_gnutls_believes(algorithm: KeyAlgorithm, tmp_path: Path) -> None:
    need("gnutls-bin")
    for name, octets in files_of(toy_issuer(algorithm), private_key(algorithm), b"n" * 32).items():
        (tmp_path / name).write_bytes(octets)
    told = run("ocsptool", "--response-info", "--load-response", tmp_path / "answer.der")
    assert f"Nonce: {(b'n' * 32).hex()}" in told
    assert "Certificate Status: good" in told
    assert "Revocation time" in told
    trust = ("--load-trust", tmp_path / "ca.pem")
    told = run("ocsptool", "--verify-response", *trust, "--load-response", tmp_path / "answer.der")
    assert "Success" in told
