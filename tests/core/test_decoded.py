"""Anybody's certificate as columns: what is read, what is left out, and that no octets do harm."""

import hashlib
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address, ip_network

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed25519, mldsa, rsa
from cryptography.x509.oid import NameOID
from hypothesis import given
from hypothesis import strategies as st

from certwright.core import der
from certwright.core.decoded import DER_OCTETS_MAX, NAMES_MAX, Decoded, Fault, decode
from certwright.core.errors import Malformed
from certwright.core.names import Identifier, IdentifierKind

BEGIN = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
KEY = ec.generate_private_key(ec.SECP256R1())


def build(
    *names: x509.GeneralName,
    serial: int = 77,
    key: object = KEY,
    ca: bool | None = None,
    common_name: str = "x",
) -> bytes:
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Issuer")]))
        .not_valid_before(BEGIN)
        .not_valid_after(BEGIN + timedelta(days=90))
        .serial_number(serial)
        .public_key(key.public_key())  # type: ignore[attr-defined]
    )
    if names:
        builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
    if ca is not None:
        builder = builder.add_extension(x509.BasicConstraints(ca, None), critical=True)
    return builder.sign(KEY, hashes.SHA256()).public_bytes(serialization.Encoding.DER)


def test_what_is_read() -> None:
    made = build(x509.DNSName("www.example.test"), x509.IPAddress(ip_address("192.0.2.1")), serial=0x80)
    spki = KEY.public_key().public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    assert decode(made) == Decoded(
        fingerprint=hashlib.sha256(made).digest(),
        issuer="CN=Issuer",
        serial=b"\x00\x80",
        subject="CN=x",
        not_before=BEGIN,
        not_after=BEGIN + timedelta(days=90),
        key_algorithm="ecdsa-p256",
        signature_algorithm="ecdsa-with-SHA256",
        is_authority=False,
        spki_sha256=hashlib.sha256(spki).digest(),
        names=(
            Identifier(IdentifierKind.DNS, "www.example.test"),
            Identifier(IdentifierKind.IP, "192.0.2.1"),
        ),
        names_count=2,
        faults=(),
    )


@pytest.mark.parametrize(
    ("key", "name"),
    [
        (rsa.generate_private_key(65537, 1024), "rsa-1024"),
        (rsa.generate_private_key(3, 2048), "rsa-2048"),
        (dsa.generate_private_key(1024), "dsa-1024"),
        (ec.generate_private_key(ec.SECP521R1()), "ecdsa-p521"),
        (ec.generate_private_key(ec.SECP256K1()), "ecdsa-secp256k1"),
        (ed25519.Ed25519PrivateKey.generate(), "ed25519"),
        (mldsa.MLDSA65PrivateKey.generate(), "ml-dsa-65"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_every_key_has_a_word(key: object, name: str) -> None:
    assert decode(build(key=key)).key_algorithm == name


def test_a_modulus_of_512_bits_is_counted_though_nobody_would_load_it() -> None:
    modulus, exponent = (1 << 511) | 1, 65537
    public = der.sequence(der.integer(modulus), der.integer(exponent))
    algorithm = der.sequence(der.object_identifier("1.2.840.113549.1.1.1"), der.tlv(5, b""))
    weak = der.sequence(algorithm, der.bit_string(public))
    made = build()
    parsed = x509.load_der_x509_certificate(made)
    spki = KEY.public_key().public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    fields = der.Reader(parsed.tbs_certificate_bytes).inside()
    parts = []
    while not fields.at_end():
        parts.append(fields.whole())
    tbs = der.sequence(*[weak if part == spki else part for part in parts])
    outer = der.Reader(made).inside()
    outer.element()
    decoded = decode(der.sequence(tbs, outer.whole(), outer.whole()))
    assert decoded.key_algorithm == "rsa-512"
    assert decoded.spki_sha256 == hashlib.sha256(weak).digest()


def test_names_without_a_normal_form_are_found_as_they_stand() -> None:
    decoded = decode(
        build(
            x509.DNSName("*.*.Example.test"),
            x509.DNSName("WWW.example.test"),
            x509.IPAddress(ip_network("10.0.0.0/8")),
            x509.DirectoryName(x509.Name([])),
        )
    )
    assert [name.value for name in decoded.names] == ["*.*.example.test", "www.example.test"]
    assert (decoded.names_count, decoded.faults) == (4, (Fault.NAMES,))


def test_many_names_are_counted_and_cut() -> None:
    decoded = decode(build(*[x509.DNSName(f"n{number}.example.test") for number in range(NAMES_MAX + 1)]))
    assert (len(decoded.names), decoded.names_count) == (NAMES_MAX, NAMES_MAX + 1)
    assert decoded.faults == (Fault.NAMES_MANY,)


def test_authorities_are_told_apart() -> None:
    assert decode(build(ca=True)).is_authority
    assert not decode(build(ca=False)).is_authority
    assert not decode(build()).is_authority


def test_control_characters_in_a_name_are_escaped() -> None:
    subject = decode(build(common_name="a\x00b\x1b[31m\u202e")).subject
    assert subject.isprintable()
    assert subject.startswith("CN=a\\00b\\1b")


@pytest.mark.parametrize(
    "octets", [b"", b"0", b"0\x80", b"\x30\x03\x02\x01\x05", b"-----BEGIN CERTIFICATE-----"]
)
def test_what_is_no_certificate_is_refused(octets: bytes) -> None:
    with pytest.raises(Malformed, match="no certificate"):
        decode(octets)


def test_a_huge_one_is_refused_unread() -> None:
    with pytest.raises(Malformed, match="larger"):
        decode(bytes(DER_OCTETS_MAX + 1))


MADE = build(x509.DNSName("www.example.test"), ca=True)


@given(st.data())
def test_changed_octets_are_read_or_refused(data: st.DataObject) -> None:
    octets = bytearray(MADE)
    for _ in range(data.draw(st.integers(1, 4))):
        octets[data.draw(st.integers(0, len(octets) - 1))] = data.draw(st.integers(0, 255))
    cut = data.draw(st.integers(0, 40))
    try:
        decoded = decode(bytes(octets[: len(octets) - cut] if cut < 20 else octets))
    except Malformed:
        return
    assert decoded.subject.isprintable()
    assert decoded.issuer.isprintable()
    assert len(decoded.key_algorithm) <= 40
