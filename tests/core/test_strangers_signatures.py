"""By which algorithms the signatures of others are believed."""

import subprocess
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.x509.oid import SignatureAlgorithmOID as Oid

from certwright.core.errors import Malformed
from certwright.core.outside_lists import read_list
from certwright.core.strangers_signatures import disbelief, disbelief_of_answer, fits
from tests.real.openssl_ca import OpensslAuthority
from tests.real.toy_chains import ToyAuthority
from tests.real.weak_signatures import weakly_signed

OIDS = {name: oid for name, oid in vars(Oid).items() if isinstance(oid, x509.ObjectIdentifier)}
BELIEVED = {
    *(f"RSA_WITH_SHA{size}" for size in (224, 256, 384, 512)),
    *(f"ECDSA_WITH_SHA{size}" for size in (224, 256, 384, 512)),
    *("ED25519", "ED448", "ML_DSA_44", "ML_DSA_65", "ML_DSA_87"),
}


def test_answers_are_believed_by_a_list_of_algorithms() -> None:
    assert {name for name, oid in OIDS.items() if not disbelief_of_answer(oid)} == BELIEVED
    assert disbelief_of_answer(Oid.RSA_WITH_SHA1) == (
        "is signed with sha1WithRSAEncryption, which is not believed"
    )


@pytest.mark.parametrize(
    ("oid", "digest"),
    [(Oid.ECDSA_WITH_SHA1, hashes.SHA1()), (Oid.ECDSA_WITH_SHA256, hashes.SHA256())],
    ids=["sha1", "sha256"],
)
def test_a_signature_fits_by_what_is_believed_alone(
    oid: x509.ObjectIdentifier, digest: hashes.HashAlgorithm
) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    signature = key.sign(b"said", ec.ECDSA(digest))
    assert fits(key.public_key(), oid, signature, b"said") is (oid == Oid.ECDSA_WITH_SHA256)
    assert not fits(key.public_key(), oid, signature, b"else")
    others = (rsa.generate_private_key(65537, 2048), ed25519.Ed25519PrivateKey.generate())
    for other in others:
        assert not fits(other.public_key(), oid, signature, b"said")


def test_schemes_that_bring_their_own_digest_fit_their_own_keys() -> None:
    key = ed25519.Ed25519PrivateKey.generate()
    signature = key.sign(b"said")
    assert fits(key.public_key(), Oid.ED25519, signature, b"said")
    assert not fits(key.public_key(), Oid.ED448, signature, b"said")
    assert not fits(key.public_key(), Oid.ECDSA_WITH_SHA256, signature, b"said")


@pytest.mark.parametrize(
    ("kind", "how", "told"),
    [
        ("ec", ("-md", "sha1"), "is signed with ecdsa-with-SHA1, which is not believed"),
        ("rsa", ("-md", "sha1"), "is signed with sha1WithRSAEncryption, which is not believed"),
        ("rsa", ("-md", "md5"), "is signed with md5WithRSAEncryption, which is not believed"),
        ("rsa", ("-md", "sha1", *("-sigopt", "rsa_padding_mode:pss")), "with RSASSA-PSS and sha1, which"),
        ("rsa", ("-md", "sha256", *("-sigopt", "rsa_padding_mode:pss")), ""),
        ("rsa", ("-md", "sha512"), ""),
        ("ec", ("-md", "sha224"), ""),
    ],
    ids=range(7),
)
def test_why_a_list_is_not_believed_is_told(
    tmp_path: Path, kind: str, how: tuple[str, ...], told: str
) -> None:
    """OpenSSL signs lists with what cryptography does not."""
    authority = OpensslAuthority.founded(tmp_path / "ca")
    if kind == "rsa":
        _with_rsa(authority)
    out = tmp_path / "list.pem"
    call = [
        "openssl",
        "ca",
        "-config",
        str(authority.folder / "openssl.cnf"),
        "-gencrl",
        "-crldays",
        "9",
        *how,
    ]
    subprocess.run([*call, "-out", str(out)], check=True, capture_output=True)
    issuer = x509.load_der_x509_certificate(authority.certificate)
    octets = out.read_bytes()
    made = x509.load_pem_x509_crl(octets).last_update_utc
    if not told:
        assert read_list(octets, issuer, made + timedelta(hours=1)).this_update == made
        return
    with pytest.raises(Malformed, match=f"the CRL that is there .*{told}"):
        read_list(octets, issuer, made + timedelta(hours=1))


def _with_rsa(authority: OpensslAuthority) -> None:
    folder = authority.folder
    files = ("-keyout", str(folder / "private/cakey.pem"), "-out", str(folder / "cacert.pem"))
    call = [
        "openssl",
        "req",
        "-config",
        str(folder / "openssl.cnf"),
        "-x509",
        "-newkey",
        "rsa:2048",
        "-noenc",
    ]
    subprocess.run([*call, *files, "-subj", "/CN=Corp"], check=True, capture_output=True)


def test_certificates_are_believed_likewise() -> None:
    corp = ToyAuthority("Corp")
    weak = weakly_signed(corp.certificate, corp.key)
    assert disbelief(x509.load_der_x509_certificate(corp.certificate)) == ""
    assert disbelief(x509.load_der_x509_certificate(weak)) == (
        "is signed with ecdsa-with-SHA1, which is not believed"
    )
