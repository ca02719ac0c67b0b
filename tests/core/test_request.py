"""CSRs: what is read, what is refused, by whom they were made."""

import ipaddress
import subprocess
from contextlib import suppress
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.serialization import Encoding
from hypothesis import given
from hypothesis import strategies as st

from certwright.core import der, keys
from certwright.core.distinguished_name import parse_name
from certwright.core.errors import CertwrightError, Malformed, Refused, TooLarge
from certwright.core.general_names import encode_general_name
from certwright.core.keys import KeyAlgorithm
from certwright.core.names import Identifier, IdentifierKind, parse_identifier
from certwright.core.request import CSR_OCTETS_MAX, parse_csr
from tests.core.toy_pipeline import QUICK_ALGORITHMS, csr, identifiers, private_key

DNS = [x509.DNSName("www.example.test")]


@pytest.mark.parametrize("algorithm", QUICK_ALGORITHMS)
@pytest.mark.parametrize("encoding", [Encoding.DER, Encoding.PEM])
def test_every_algorithm(algorithm: KeyAlgorithm, encoding: Encoding) -> None:
    subject = parse_name("CN=www.example.test,O=Example")
    parsed = parse_csr(csr(DNS, algorithm=algorithm, subject=subject, encoding=encoding))
    assert parsed.algorithm is algorithm
    assert parsed.spki == keys.spki(private_key(algorithm).public_key())
    assert parsed.identifiers == identifiers("dns:www.example.test")
    assert parsed.subject == subject


def test_extensions_are_honoured_or_named() -> None:
    staple = x509.TLSFeature([x509.TLSFeatureType.status_request])
    usage = x509.ExtendedKeyUsage([x509.ExtendedKeyUsageOID.SERVER_AUTH])
    parsed = parse_csr(csr(DNS, staple, usage))
    assert parsed.must_staple
    assert parsed.ignored == ("2.5.29.37",)
    assert not parse_csr(csr(DNS)).must_staple


def test_all_kinds_of_names_and_duplicates() -> None:
    upn = x509.OtherName(x509.ObjectIdentifier("1.3.6.1.4.1.311.20.2.3"), der.tlv(12, "änn@corp".encode()))
    names = [
        x509.DNSName("WWW.example.test"),
        x509.DNSName("www.example.test"),
        x509.IPAddress(ipaddress.ip_address("2001:db8::1")),
        x509.RFC822Name("ann@example.test"),
        x509.UniformResourceIdentifier("spiffe://example.test/a"),
        upn,
    ]
    assert parse_csr(csr(names)).identifiers == identifiers(
        "dns:www.example.test",
        "ip:2001:db8::1",
        "email:ann@example.test",
        "uri:spiffe://example.test/a",
        "upn:änn@corp",
    )


IDENTIFIERS = st.one_of(
    st.builds(
        lambda labels, star: Identifier(IdentifierKind.DNS, star + ".".join(labels)),
        st.lists(st.from_regex(r"[a-z]([a-z0-9]{0,10})", fullmatch=True), min_size=2, max_size=4),
        st.sampled_from(["", "*."]),
    ),
    st.ip_addresses()
    .filter(lambda one: getattr(one, "ipv4_mapped", None) is None)
    .map(lambda address: parse_identifier("ip", str(address))),
    st.from_regex(r"[a-z]{1,8}@[a-z]{1,8}\.test", fullmatch=True).map(lambda t: parse_identifier("email", t)),
    st.from_regex(r"[a-z]{2,5}://[a-z]{1,8}/[a-z?=&]{0,8}", fullmatch=True).map(
        lambda t: parse_identifier("uri", t)
    ),
    st.uuids().map(lambda value: parse_identifier("guid", str(value))),
    st.from_regex(r"[a-z]{1,8}(/[a-z.]{1,8}){0,2}@[A-Z.]{1,8}", fullmatch=True).map(
        lambda text: parse_identifier("kerberos", text)
    ),
    st.from_regex(r"[a-zäöü]{1,8}@[a-z.]{1,8}", fullmatch=True).map(
        lambda text: parse_identifier("upn", text)
    ),
)


@given(st.lists(IDENTIFIERS, min_size=1, max_size=8, unique=True))
def test_names_we_encode_are_read_back(wanted: list[Identifier]) -> None:
    value = der.sequence(*map(encode_general_name, wanted))
    parsed = parse_csr(csr([], x509.UnrecognizedExtension(x509.ObjectIdentifier("2.5.29.17"), value)))
    assert parsed.identifiers == tuple(wanted)


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        (x509.DirectoryName(x509.Name.from_rfc4514_string("CN=a")), "directoryName"),
        (x509.RegisteredID(x509.ObjectIdentifier("1.2.3")), "registeredID"),
        (x509.OtherName(x509.ObjectIdentifier("1.2.3.4"), b"\x05\x00"), "otherName 1.2.3.4"),
        (x509.IPAddress(ipaddress.ip_network("10.0.0.0/8")), "iPAddress with a mask"),
    ],
)
def test_unsupported_kinds_are_refused_by_name(name: x509.GeneralName, kind: str) -> None:
    with pytest.raises(Refused, match=kind) as refusal:
        parse_csr(csr([*DNS, name]))
    assert [reason.code for reason in refusal.value.reasons] == ["request.name.kind"]


@pytest.mark.parametrize(
    "raw", [b"www\x00.example.test", b"b\xc3\xbccher.test", b"xn--\xff", b"", b"a..b", b"*.*.b"]
)
def test_bad_dns_names_are_refused(raw: bytes) -> None:
    value = der.sequence(der.tlv(0x82, raw))
    with pytest.raises(Malformed):
        parse_csr(csr([], x509.UnrecognizedExtension(x509.ObjectIdentifier("2.5.29.17"), value)))


def test_non_idna_labels_are_refused() -> None:
    with pytest.raises(Malformed, match="A-label"):
        parse_csr(csr([x509.DNSName("xn--zzzzzzzzz99999999.test")]))


def test_too_many_names() -> None:
    names = [x509.DNSName(f"n{number}.test") for number in range(101)]
    assert len(parse_csr(csr(names[:100])).identifiers) == 100
    with pytest.raises(TooLarge, match="101 alternative names; 100 are the most"):
        parse_csr(csr(names))
    with pytest.raises(TooLarge, match=str(CSR_OCTETS_MAX)):
        parse_csr(csr([x509.DNSName(f"n{number}.test") for number in range(10_000)]))


def test_possession_must_be_proven() -> None:
    good = csr(DNS)
    for position in (len(good) - 5, 60):
        bad = bytearray(good)
        bad[position] ^= 1
        with pytest.raises((Refused, Malformed)):
            parse_csr(bytes(bad))
    swapped = good.replace(
        keys.spki(private_key(KeyAlgorithm.ECDSA_P256).public_key()),
        keys.spki(ec.generate_private_key(ec.SECP256R1()).public_key()),
    )
    with pytest.raises(Refused) as refusal:
        parse_csr(swapped)
    assert refusal.value.reasons[0].code == "request.proof-of-possession"


def test_other_padding_and_hashes() -> None:
    key = private_key(KeyAlgorithm.RSA_2048)
    assert isinstance(key, rsa.RSAPrivateKey)
    builder = x509.CertificateSigningRequestBuilder(x509.Name([]))
    pss = padding.PSS(padding.MGF1(hashes.SHA256()), padding.PSS.DIGEST_LENGTH)
    for made in (
        builder.sign(key, hashes.SHA256(), rsa_padding=pss),
        builder.sign(key, hashes.SHA512()),
        builder.sign(ec.generate_private_key(ec.SECP256R1()), hashes.SHA384()),
    ):
        assert parse_csr(made.public_bytes(Encoding.DER)).identifiers == ()
    for refused in (
        builder.sign(key, hashes.SHA3_256()),
        builder.sign(ec.generate_private_key(ec.SECP256R1()), hashes.SHA224()),
    ):
        with pytest.raises(Refused) as refusal:
            parse_csr(refused.public_bytes(Encoding.DER))
        assert refusal.value.reasons[0].code == "request.signature-algorithm"


def test_unsupported_keys() -> None:
    builder = x509.CertificateSigningRequestBuilder(x509.Name([]))
    for key in (ec.generate_private_key(ec.SECP256K1()), rsa.generate_private_key(65537, 1024)):
        with pytest.raises(Refused) as refusal:
            parse_csr(builder.sign(key, hashes.SHA256()).public_bytes(Encoding.DER))
        assert refusal.value.reasons[0].code == "key.unsupported"


@given(st.binary(max_size=300))
def test_any_octets_are_refused_with_our_errors(data: bytes) -> None:
    with pytest.raises(CertwrightError):
        parse_csr(data)


@given(st.integers(0, 2000), st.integers(0, 255))
def test_a_changed_octet_is_read_or_refused_with_our_errors(position: int, octet: int) -> None:
    data = bytearray(GOOD)
    data[position % len(data)] = octet
    if bytes(data) == GOOD:
        return
    try:
        parsed = parse_csr(bytes(data))
    except CertwrightError:
        return
    assert parsed.identifiers == parse_csr(GOOD).identifiers


GOOD = csr(
    [x509.DNSName("www.example.test"), x509.RFC822Name("ann@example.test")],
    x509.TLSFeature([x509.TLSFeatureType.status_request]),
    subject=parse_name("CN=www.example.test,O=Example,C=DE"),
)


def test_a_csr_by_openssl(tmp_path: Path) -> None:
    command = [
        *("openssl", "req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-384", "-nodes"),
        *("-keyout", str(tmp_path / "key.pem"), "-out", str(tmp_path / "csr.pem")),
        *("-subj", "/C=DE/O=Bücher/CN=www.example.test", "-utf8"),
        *(
            "-addext",
            "subjectAltName=DNS:www.example.test,IP:192.0.2.1,otherName:1.3.6.1.4.1.311.20.2.3;UTF8:a@b",
        ),
    ]
    subprocess.run(command, check=True, capture_output=True)
    parsed = parse_csr((tmp_path / "csr.pem").read_bytes())
    assert parsed.algorithm is KeyAlgorithm.ECDSA_P384
    assert str(parsed.subject) == "CN=www.example.test,O=Bücher,C=DE"
    assert parsed.identifiers == identifiers("dns:www.example.test", "ip:192.0.2.1", "upn:a@b")


def test_a_subject_that_is_no_text_is_refused() -> None:
    """A BIT STRING where only one attribute type may have one."""
    pair = der.sequence(der.object_identifier("2.5.4.3"), der.bit_string(b"x"))
    subject = der.sequence(der.tlv(der.SET, pair))
    key = private_key(KeyAlgorithm.ED25519)
    body = der.sequence(der.integer(0), subject, keys.spki(key.public_key()), der.tlv(0xA0, b""))
    whole = der.sequence(body, bytes.fromhex("300506032b6570"), der.bit_string(keys.sign(key, body)))
    with pytest.raises(Malformed, match="subject or extensions cannot be read"):
        parse_csr(whole)


@given(st.data())
def test_odd_parameters_of_a_pss_signature_are_refused(data: st.DataObject) -> None:
    """Whatever the parameters say, the answer is one of ours."""
    scheme = PSS_CSR.rindex(bytes.fromhex("06092a864886f70d01010a"))
    octets = bytearray(PSS_CSR)
    for _ in range(data.draw(st.integers(1, 3))):
        octets[data.draw(st.integers(scheme, scheme + 80))] = data.draw(st.integers(0, 255))
    with suppress(CertwrightError):
        parse_csr(bytes(octets))


def _pss_csr() -> bytes:
    key = rsa.generate_private_key(65537, 2048)
    pss = padding.PSS(padding.MGF1(hashes.SHA256()), padding.PSS.DIGEST_LENGTH)
    builder = x509.CertificateSigningRequestBuilder().subject_name(x509.Name([]))
    return builder.sign(key, hashes.SHA256(), rsa_padding=pss).public_bytes(Encoding.DER)


PSS_CSR = _pss_csr()
