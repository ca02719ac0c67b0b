"""The built-in profiles, written down a second time from the standards: what is in their certificates."""

import subprocess
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from certwright.core import keys
from certwright.core.distinguished_name import parse_name
from certwright.core.issuer import issuer_of, self_issuer
from certwright.core.keys import KeyAlgorithm
from certwright.core.plan import CertificatePlan, make_plan
from certwright.core.policy import evaluate
from certwright.core.profiles_builtin import built_in_profiles
from certwright.core.template import assemble, encode_tbs
from tests.core.toy_pipeline import NOW, SERIAL, issuer, plan, private_key, request, uses_of

P256 = KeyAlgorithm.ECDSA_P256
FAMILIES = {
    "rsa": KeyAlgorithm.RSA_4096,
    "ecdsa": P256,
    "eddsa": KeyAlgorithm.ED25519,
    "ml-dsa": KeyAlgorithm.ML_DSA_65,
}

# key usage by family, RFC 5280 4.2.1.3
SIGNS = dict.fromkeys(FAMILIES, "digitalSignature")
COMMITS = dict.fromkeys(FAMILIES, "digitalSignature contentCommitment")
CERTIFIES = dict.fromkeys(FAMILIES, "digitalSignature keyCertSign cRLSign")
SIGNS_OR_ENCIPHERS = SIGNS | {"rsa": "digitalSignature keyEncipherment"}
CLASSIC = {"rsa": "digitalSignature keyEncipherment", "ecdsa": "digitalSignature"}
ENCRYPTS = {"rsa": "keyEncipherment", "ecdsa": "keyAgreement"}

# extensions and whether they are critical, RFC 5280 4.2
USAGE = {"2.5.29.19": True, "2.5.29.15": True}
KEY_IDENTIFIERS = {"2.5.29.14": False, "2.5.29.35": False}
POINTERS = {"1.3.6.1.5.5.7.1.1": False, "2.5.29.31": False}
PURPOSES, NAMES = {"2.5.29.37": False}, {"2.5.29.17": False}
AUTHORITY = USAGE | KEY_IDENTIFIERS | POINTERS
NAMELESS = AUTHORITY | PURPOSES
NAMED = NAMELESS | NAMES
OCSP_SIGNER = USAGE | KEY_IDENTIFIERS | PURPOSES | {"1.3.6.1.5.5.7.1.1": False, "1.3.6.1.5.5.7.48.1.5": False}


@dataclass(frozen=True, slots=True)
class Expected:
    """`path_length` is -1 for an end entity, None for an authority without one."""

    purposes: tuple[str, ...]
    uses: dict[str, str]
    extensions: dict[str, bool]
    path_length: int | None = -1


EXPECTED = {
    # RFC 5280 4.2.1.12: serverAuth, clientAuth, codeSigning, emailProtection
    "tls-server": Expected(("1.3.6.1.5.5.7.3.1",), SIGNS_OR_ENCIPHERS, NAMED),
    "tls-client": Expected(("1.3.6.1.5.5.7.3.2",), SIGNS, NAMED),
    "tls-server-client": Expected(("1.3.6.1.5.5.7.3.1", "1.3.6.1.5.5.7.3.2"), SIGNS_OR_ENCIPHERS, NAMED),
    "code-signing": Expected(("1.3.6.1.5.5.7.3.3",), SIGNS, NAMELESS),
    # RFC 8550 4.4.2
    "smime-signing": Expected(("1.3.6.1.5.5.7.3.4",), COMMITS, NAMED),
    "smime-encryption": Expected(("1.3.6.1.5.5.7.3.4",), ENCRYPTS, NAMED),
    # RFC 9336 3.1, and Microsoft's szOID_KP_DOCUMENT_SIGNING
    "document-signing": Expected(("1.3.6.1.5.5.7.3.36", "1.3.6.1.4.1.311.10.3.12"), COMMITS, NAMED),
    "device": Expected(("1.3.6.1.5.5.7.3.2",), SIGNS, NAMED),
    # RFC 4945 5.1.3.12: id-kp-ipsecIKE
    "vpn-gateway": Expected(("1.3.6.1.5.5.7.3.1", "1.3.6.1.5.5.7.3.17"), SIGNS_OR_ENCIPHERS, NAMED),
    # szOID_KP_SMARTCARD_LOGON; RFC 4556 3.2.2: id-pkinit-KPClientAuth
    "smart-card-logon": Expected(
        ("1.3.6.1.4.1.311.20.2.2", "1.3.6.1.5.5.7.3.2", "1.3.6.1.5.2.3.4"), CLASSIC, NAMED
    ),
    # RFC 4556 3.2.4: id-pkinit-KPKdc
    "domain-controller": Expected(
        ("1.3.6.1.5.5.7.3.1", "1.3.6.1.5.5.7.3.2", "1.3.6.1.5.2.3.5", "1.3.6.1.4.1.311.20.2.2"),
        CLASSIC,
        NAMED,
    ),
    # RFC 6960 4.2.2.2: id-kp-OCSPSigning, id-pkix-ocsp-nocheck
    "ocsp-signer": Expected(("1.3.6.1.5.5.7.3.9",), SIGNS, OCSP_SIGNER),
    # RFC 3161 2.3: id-kp-timeStamping alone, critical
    "time-stamping": Expected(("1.3.6.1.5.5.7.3.8",), SIGNS, NAMELESS | {"2.5.29.37": True}),
    "intermediate-authority": Expected((), CERTIFIES, AUTHORITY, None),
    "issuing-authority": Expected((), CERTIFIES, AUTHORITY, 0),
    "root-authority": Expected((), CERTIFIES, USAGE | KEY_IDENTIFIERS, None),
}


def a_root() -> CertificatePlan:
    """Of another name than those that the requests of these tests are for."""
    asked = replace(request("root-authority"), subject=parse_name("CN=Example Root,O=Example,C=DE"))
    under = built_in_profiles()["root-authority"]
    by = self_issuer(evaluate(asked, under, issuer(days=20_000), NOW).subject, asked.public_key)
    return make_plan(evaluate(asked, under, by, NOW), SERIAL)


def certificate(name: str, algorithm: KeyAlgorithm) -> x509.Certificate:
    planned = plan(name, algorithm)
    return x509.load_der_x509_certificate(
        assemble(encode_tbs(planned), planned.shape.issuer.algorithm, bytes(64))
    )


@pytest.mark.parametrize("name", built_in_profiles())
def test_certificates_are_what_the_standards_want(name: str) -> None:
    wanted, profile = EXPECTED[name], built_in_profiles()[name]
    assert {family for family, one in FAMILIES.items() if one in profile.keys} == wanted.uses.keys()
    for family, uses in wanted.uses.items():
        extensions = certificate(name, FAMILIES[family]).extensions
        assert {one.oid.dotted_string: one.critical for one in extensions} == wanted.extensions
        usage = extensions.get_extension_for_class(x509.KeyUsage).value
        assert uses_of(usage) == uses.split()
        basic = extensions.get_extension_for_class(x509.BasicConstraints).value
        assert (basic.path_length if basic.ca else -1) == wanted.path_length
        if wanted.purposes:
            purposes = extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
            assert tuple(one.dotted_string for one in purposes) == wanted.purposes


@pytest.mark.parametrize(
    ("name", "purpose", "fit"),
    [
        ("tls-server", "sslserver", True),
        ("tls-server-client", "sslserver", True),
        ("tls-server-client", "sslclient", True),
        ("tls-client", "sslclient", True),
        ("device", "sslclient", True),
        ("vpn-gateway", "sslserver", True),
        ("domain-controller", "sslserver", True),
        ("smart-card-logon", "sslclient", True),
        ("smime-signing", "smimesign", True),
        ("smime-encryption", "smimeencrypt", True),
        ("ocsp-signer", "ocsphelper", True),
        ("time-stamping", "timestampsign", True),
        ("tls-server", "sslclient", False),
        ("tls-client", "sslserver", False),
        ("tls-client", "smimesign", False),
        ("code-signing", "timestampsign", False),
        ("time-stamping", "sslserver", False),
        ("smime-encryption", "smimesign", False),
    ],
)
@pytest.mark.parametrize("algorithm", [P256, KeyAlgorithm.RSA_2048])
def test_openssl_finds_them_fit_for_their_purpose_alone(
    name: str, purpose: str, fit: bool, algorithm: KeyAlgorithm, tmp_path: Path
) -> None:
    if name == "code-signing" and algorithm is KeyAlgorithm.RSA_2048:
        algorithm = KeyAlgorithm.RSA_4096
    if purpose == "smimeencrypt":  # of which OpenSSL knows keyEncipherment only
        algorithm = KeyAlgorithm.RSA_2048
    tbs = encode_tbs(a_root())
    root = assemble(tbs, P256, keys.sign(private_key(P256), tbs))
    tbs = encode_tbs(plan(name, algorithm, by=issuer_of(root, issuer().pointers)))
    leaf = assemble(tbs, P256, keys.sign(private_key(P256), tbs))
    for file, data in (("root", root), ("leaf", leaf)):
        pem = x509.load_der_x509_certificate(data).public_bytes(Encoding.PEM)
        (tmp_path / f"{file}.pem").write_bytes(pem)
    moment = str(int(NOW.timestamp()))
    command = ["openssl", "verify", "-x509_strict", "-purpose", purpose, "-attime", moment]
    done = subprocess.run(
        [*command, "-CAfile", "root.pem", "leaf.pem"], cwd=tmp_path, capture_output=True, text=True
    )
    assert (done.returncode == 0) is fit, done.stderr
    assert fit or "unsuitable certificate purpose" in done.stderr or "unsupported" in done.stderr, done.stderr
