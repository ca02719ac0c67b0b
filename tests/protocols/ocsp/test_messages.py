import base64
import subprocess
import threading
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from urllib.parse import quote

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509 import ocsp as pyca
from hypothesis import given
from hypothesis import strategies as st

from certwright.core import der, ocsp
from certwright.core.errors import Malformed, TooLarge
from certwright.core.keys import KeyAlgorithm
from certwright.core.ocsp import CertId
from certwright.protocols.ocsp import messages
from certwright.protocols.ocsp.messages import OcspRequest, parse_request
from tests.core.toy_issuer import SERIAL, private_key, toy_issuer
from tests.real.packages import need

ISSUER = toy_issuer()
FORMS = ocsp.issuer_forms(ISSUER.name_der, ISSUER.spki)
OCTETS = SERIAL.to_bytes(16, "big")
NONCE = bytes.fromhex("06092b0601050507300102")
CRITICAL = der.boolean(True)


def extension(identifier: bytes, value: bytes, critical: bytes = b"") -> bytes:
    return der.sequence(identifier, critical, der.octet_string(value))


def asked(
    *cert_ids: CertId,
    extensions: tuple[bytes, ...] = (),
    before: bytes = b"",
    signature: bytes = b"",
    single_extensions: bytes = b"",
) -> bytes:
    """An OCSPRequest, with whatever is given in its optional places."""
    requests = [
        der.sequence(der.sequence(one.issuer, der.tlv(der.INTEGER, one.serial)), single_extensions)
        for one in cert_ids
    ]
    last = der.tlv(0xA2, der.sequence(*extensions)) if extensions else b""
    return der.sequence(der.sequence(before, der.sequence(*requests), last), signature)


def parameters(octets: bytes) -> bytes:
    """Our issuer by SHA-1, with these parameters of the hash algorithm."""
    return der.sequence(bytes.fromhex("06052b0e03021a"), octets) + FORMS[1][9:]


def nonce_extension(nonce: bytes, critical: bytes = b"") -> bytes:
    return extension(NONCE, der.octet_string(nonce), critical)


ONE = CertId(FORMS[0], OCTETS)

# -- any shape -----------------------------------------------------------------------------------

minimal = st.integers(-(1 << 255), (1 << 255) - 1).map(
    lambda number: der.Reader(der.integer(number)).content()
)
serials = st.one_of(st.integers(1 << 120, (1 << 127) - 1).map(lambda one: one.to_bytes(16, "big")), minimal)
cert_ids = st.builds(CertId, st.sampled_from(FORMS), serials)
nonces = st.one_of(
    st.just(b""), st.sampled_from([16, 32]).flatmap(lambda n: st.binary(min_size=n, max_size=n))
)


@given(st.lists(cert_ids, min_size=1, max_size=20), nonces | st.binary(min_size=1, max_size=128))
def test_what_was_asked_is_read(wanted: list[CertId], nonce: bytes) -> None:
    data = asked(*wanted, extensions=(nonce_extension(nonce),) if nonce else ())
    assert parse_request(data) == OcspRequest(tuple(wanted), nonce)


@given(cert_ids, nonces)
def test_the_usual_shapes_are_read_alike_by_both_ways(wanted: CertId, nonce: bytes) -> None:
    data = asked(wanted, extensions=(nonce_extension(nonce),) if nonce else ())
    assert parse_request(data) == messages._parse(data)


@given(cert_ids, nonces, st.data())
def test_a_changed_octet_is_read_alike_or_refused(wanted: CertId, nonce: bytes, data: st.DataObject) -> None:
    request = bytearray(asked(wanted, extensions=(nonce_extension(nonce),) if nonce else ()))
    request[data.draw(st.integers(0, len(request) - 1))] ^= data.draw(st.integers(1, 255))
    try:
        strict = messages._parse(bytes(request))
    except Malformed:
        with pytest.raises(Malformed):
            parse_request(bytes(request))
    else:
        assert parse_request(bytes(request)) == strict


@pytest.mark.parametrize("form", [0, 2, 3])
@pytest.mark.parametrize("nonce", [b"", b"n" * 16, b"n" * 32])
def test_the_usual_shapes_take_the_short_way(form: int, nonce: bytes) -> None:
    wanted = CertId(FORMS[form], OCTETS)
    data = asked(wanted, extensions=(nonce_extension(nonce),) if nonce else ())
    assert messages._LAYOUTS[len(data)].read(data) == OcspRequest((wanted,), nonce)


@given(st.binary(max_size=300))
def test_any_octets_are_a_request_or_malformed(data: bytes) -> None:
    with suppress(Malformed):
        parse_request(data)


@given(st.binary(max_size=200).map(lambda noise: asked(ONE)[:-1] + noise))
def test_octets_after_a_beginning_are_a_request_or_malformed(data: bytes) -> None:
    with suppress(Malformed):
        parse_request(data)


# -- what is let through, what is not ------------------------------------------------------------


def test_name_and_signature_of_the_requestor_are_skipped() -> None:
    name = der.tlv(0xA1, der.tlv(0x82, b"requestor.example"))
    signature = der.tlv(0xA0, der.sequence(b""))
    assert parse_request(asked(ONE, before=name, signature=signature)) == OcspRequest((ONE,))


def test_version_1_may_be_said_though_it_is_the_default() -> None:
    assert parse_request(asked(ONE, before=der.tlv(0xA0, der.integer(0)))) == OcspRequest((ONE,))
    with pytest.raises(Malformed, match="version 1"):
        parse_request(asked(ONE, before=der.tlv(0xA0, der.integer(1))))


SERVICE_LOCATOR = bytes.fromhex("06092b0601050507300107")


@pytest.mark.parametrize("critical", [b"", b"\x01\x01\x00"])
def test_unknown_extensions_are_ignored_unless_critical(critical: bytes) -> None:
    unknown = extension(SERVICE_LOCATOR, b"whatever", critical)
    each = der.tlv(0xA0, der.sequence(unknown))
    found = parse_request(
        asked(ONE, extensions=(unknown, nonce_extension(b"n", CRITICAL)), single_extensions=each)
    )
    assert found == OcspRequest((ONE,), b"n")


def test_critical_unknown_extensions_are_refused() -> None:
    unknown = extension(SERVICE_LOCATOR, b"whatever", CRITICAL)
    with pytest.raises(Malformed, match=r"1\.3\.6\.1\.5\.5\.7\.48\.1\.7 is not known"):
        parse_request(asked(ONE, extensions=(unknown,)))
    with pytest.raises(Malformed, match="is not known"):
        parse_request(asked(ONE, single_extensions=der.tlv(0xA0, der.sequence(unknown))))


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"", "ends too early"),
        (asked(ONE)[:-1], "ends too early"),
        (asked(ONE) + b"\x00", "extra octets"),
        (asked(), "no certificate"),
        (asked(*[ONE] * 21), "more than 20"),
        (asked(CertId(FORMS[0], b"")), "1 to 32 octets"),
        (asked(CertId(FORMS[0], b"\x41" * 33)), "1 to 32 octets"),
        (asked(CertId(FORMS[0], b"\x00\x41")), "shortest form"),
        (asked(CertId(FORMS[0], b"\x00" * 16)), "shortest form"),
        (asked(CertId(FORMS[0], b"\xff\x80")), "shortest form"),
        (asked(CertId(b"", OCTETS)), "unexpected DER tag"),
        (asked(CertId(FORMS[0] + der.octet_string(b"more"), OCTETS)), "unexpected DER tag"),
        (asked(CertId(parameters(b"\x05\x01x"), OCTETS)), "NULL or absent"),
        (asked(CertId(parameters(b"\x05\x00\x05\x00"), OCTETS)), "extra octets"),
        (asked(CertId(parameters(b"\x04\x00"), OCTETS)), "unexpected DER tag"),
        (asked(ONE, extensions=(nonce_extension(b""),)), "1 to 128 octets"),
        (asked(ONE, extensions=(nonce_extension(b"n" * 129),)), "1 to 128 octets"),
        (asked(ONE, extensions=(extension(NONCE, b"bare nonce octets"),)), "nonce"),
        (asked(ONE, extensions=(nonce_extension(b"n"), nonce_extension(b"m"))), "more than one nonce"),
        (asked(ONE, before=der.tlv(0xA3, b"")), "unexpected DER tag"),
        (b"\x30\x80" + asked(ONE)[2:] + b"\x00\x00", "bad DER length"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",  # the requests differ from process to process
)
def test_what_is_no_request_is_malformed(data: bytes, why: str) -> None:
    with pytest.raises(Malformed, match=why):
        parse_request(data)


def test_a_request_has_at_most_8_kib() -> None:
    with pytest.raises(TooLarge):
        parse_request(bytes(messages.REQUEST_OCTETS_MAX + 1))


# -- as real clients ask -------------------------------------------------------------------------


def certificates(folder: Path) -> None:
    leaf_key = private_key(KeyAlgorithm.ECDSA_P256).public_key()
    (folder / "ca.pem").write_bytes(ISSUER.certificate.public_bytes(Encoding.PEM))
    for number in range(2):
        leaf = ISSUER.issue(SERIAL + number, "leaf", leaf_key)
        (folder / f"leaf{number}.pem").write_bytes(leaf.public_bytes(Encoding.PEM))


def written_by(folder: Path, *command: str) -> bytes:
    certificates(folder)
    subprocess.run(command, cwd=folder, check=True, capture_output=True, timeout=60)
    return (folder / "request.der").read_bytes()


OPENSSL = ("openssl", "ocsp", "-reqout", "request.der", "-issuer", "ca.pem")


def test_openssl_asks_for_several_with_a_nonce(tmp_path: Path) -> None:
    found = parse_request(
        written_by(tmp_path, *OPENSSL, "-cert", "leaf0.pem", "-sha256", "-cert", "leaf1.pem")
    )
    assert found.cert_ids == (CertId(FORMS[0], OCTETS), CertId(FORMS[2], (SERIAL + 1).to_bytes(16, "big")))
    assert len(found.nonce) in {16, 32}


def test_openssl_signs_its_request(tmp_path: Path) -> None:
    key = private_key(KeyAlgorithm.ECDSA_P256)
    signer = ISSUER.issue(SERIAL + 7, "requestor", key.public_key())
    (tmp_path / "signer.pem").write_bytes(signer.public_bytes(Encoding.PEM))
    (tmp_path / "signer.key").write_bytes(
        key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    )
    signing = ("-signer", "signer.pem", "-signkey", "signer.key")
    data = written_by(tmp_path, *OPENSSL, *signing, "-cert", "leaf0.pem", "-no_nonce")
    assert b"requestor" in data
    assert parse_request(data) == OcspRequest((ONE,))


def posted_by(folder: Path, *command: str) -> bytes:
    """The body that a client posts to a responder; `URL` in its arguments becomes the responder's."""
    certificates(folder)
    bodies: list[bytes] = []

    class Responder(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            bodies.append(self.rfile.read(int(self.headers["content-length"])))
            self.send_response(200)
            self.send_header("content-type", messages.CONTENT_TYPE.decode())
            self.end_headers()
            self.wfile.write(ocsp.TRY_LATER)

        def log_message(self, *arguments: object) -> None:
            """Say nothing."""

    with HTTPServer(("127.0.0.1", 0), Responder) as server:
        answering = threading.Thread(target=server.handle_request)
        server.timeout = 30
        answering.start()
        url = f"http://127.0.0.1:{server.server_port}/"
        arguments = [one.replace("URL", url) for one in command]
        subprocess.run(arguments, cwd=folder, capture_output=True, timeout=60)
        answering.join(60)
    return bodies[0]


def test_gnutls_asks_with_a_nonce(tmp_path: Path) -> None:
    need("gnutls-bin")
    files = ("--load-issuer", "ca.pem", "--load-cert", "leaf0.pem")
    found = parse_request(posted_by(tmp_path, "ocsptool", *files, "--nonce", "--ask=URL"))
    assert found.cert_ids == (ONE,)
    assert len(found.nonce) >= 16


@pytest.mark.parametrize("digest", [hashes.SHA1(), hashes.SHA256()])
@pytest.mark.parametrize("nonce", [b"", b"n" * 20])
def test_pyca_asks(digest: hashes.HashAlgorithm, nonce: bytes) -> None:
    leaf = ISSUER.issue(SERIAL, "leaf", private_key(KeyAlgorithm.ECDSA_P256).public_key())
    builder = pyca.OCSPRequestBuilder().add_certificate(leaf, ISSUER.certificate, digest)
    if nonce:
        builder = builder.add_extension(x509.OCSPNonce(nonce), critical=False)
    found = parse_request(builder.build().public_bytes(Encoding.DER))
    assert found.cert_ids[0].issuer in FORMS
    assert (found.cert_ids[0].serial, found.nonce) == (OCTETS, nonce)


# -- GET -----------------------------------------------------------------------------------------

requests = st.binary(max_size=200).map(
    lambda noise: asked(ONE, extensions=(extension(SERVICE_LOCATOR, noise),))
)


@given(requests)
def test_a_path_is_read_however_it_is_encoded(data: bytes) -> None:
    text = base64.b64encode(data).decode()
    wholly = "".join(f"%{ord(one):02x}" for one in text)
    for path in (
        text,
        text.rstrip("="),
        quote(text, safe=""),
        quote(text),
        wholly,
        quote(quote(text, safe=""), safe=""),
    ):
        assert messages.decode_get(path.encode()) == data
        assert messages.decode_get(b"//" + path.encode()) == data


@given(st.binary(max_size=100))
def test_any_path_is_octets_or_malformed(path: bytes) -> None:
    with suppress(Malformed):
        messages.decode_get(path)


@pytest.mark.parametrize("path", [b"MFE=x", b"M", b"MF E", b"MF-_", b"%zz", b"MFE%3D%00", b"M%FF=="])
def test_what_is_no_base64_is_malformed(path: bytes) -> None:
    with pytest.raises(Malformed, match="base64"):
        messages.decode_get(path)


def test_a_path_is_bounded() -> None:
    with pytest.raises(TooLarge):
        messages.decode_get(b"A" * (4 * messages.REQUEST_OCTETS_MAX + 1))
