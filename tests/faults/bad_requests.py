"""CSRs that must be refused, made octet by octet where no library would make them, with what is to be
said.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache

import gmpy2
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from certwright.core import der

SAN = "2.5.29.17"
EXTENSION_REQUEST = "1.2.840.113549.1.9.14"
SHA256_WITH_RSA = bytes.fromhex("300d06092a864886f70d01010b0500")
ECDSA_WITH_SHA256 = bytes.fromhex("300a06082a8648ce3d040302")
EMPTY_NAME = b"\x30\x00"
EXPONENT = 65537
DNS, MAIL, URI, IP, DIRECTORY, REGISTERED, OTHER = 0x82, 0x81, 0x86, 0x87, 0xA4, 0x88, 0xA0


@dataclass(frozen=True, slots=True)
class Bad:
    """`status` and, for a refusal, the `code` of one reason; `text` is part of the line told."""

    name: str
    csr: bytes
    status: int
    code: str = ""
    text: str = ""


@cache
def key() -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP256R1())


def spki_of(public_key: object) -> bytes:
    octets: bytes = public_key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)  # type: ignore[attr-defined]
    return octets


def general_names(*names: tuple[int, bytes]) -> bytes:
    return der.sequence(*[der.tlv(tag, value) for tag, value in names])


def extension(value: bytes, oid: str = SAN) -> bytes:
    return der.sequence(der.object_identifier(oid), der.octet_string(value))


def raw_csr(
    *extensions: bytes, subject: bytes = EMPTY_NAME, signer: object = None, spki: bytes = b""
) -> bytes:
    """A CSR with a right signature by `signer` (P-256 or RSA), whatever else is in it."""
    signer = signer or key()
    wanted = der.tlv(0x31, der.sequence(*extensions))
    attribute = der.sequence(der.object_identifier(EXTENSION_REQUEST), wanted)
    attributes = der.tlv(0xA0, attribute if extensions else b"")
    public = spki or spki_of(signer.public_key())  # type: ignore[attr-defined]
    info = der.sequence(der.integer(0), subject, public, attributes)
    if isinstance(signer, rsa.RSAPrivateKey):
        signature = signer.sign(info, padding.PKCS1v15(), hashes.SHA256())
        return der.sequence(info, SHA256_WITH_RSA, der.bit_string(signature))
    assert isinstance(signer, ec.EllipticCurvePrivateKey)
    signature = signer.sign(info, ec.ECDSA(hashes.SHA256()))
    return der.sequence(info, ECDSA_WITH_SHA256, der.bit_string(signature))


def named(*names: tuple[int, bytes]) -> bytes:
    return raw_csr(extension(general_names(*names)))


def dns(*values: bytes) -> bytes:
    return named(*[(DNS, value) for value in values])


def bad_requests() -> Iterator[Bad]:
    yield from _structures()
    yield from _signatures()
    yield from _names()
    yield from _numbers_of_names()
    yield from _keys()


def _structures() -> Iterator[Bad]:
    good = dns(b"a.example.test")
    yield Bad("empty", b"", 400)
    yield Bad("no-der", b"\x00" * 100, 400)
    yield Bad("truncated", good[:-1], 400)
    yield Bad("trailing", good + b"\x00", 400)
    yield Bad("too-large", good + bytes(64 * 1024), 413)
    yield Bad("a-certificate", _certificate(), 400)
    yield Bad("deep", _deep(5_000), 400)
    twice = extension(general_names((DNS, b"a.example.test")))
    yield Bad("two-san-extensions", raw_csr(twice, twice), 400)
    yield Bad("san-of-nonsense", raw_csr(extension(b"\x04\x03abc")), 400)
    yield Bad("san-without-names", raw_csr(extension(b"\x30\x00")), 403, "policy.name.count")
    yield Bad("nothing-at-all", raw_csr(), 403, "policy.name.count")


def _certificate() -> bytes:
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "x")])
    from datetime import UTC, datetime

    at = datetime(2026, 1, 1, tzinfo=UTC)
    builder = x509.CertificateBuilder(name, name, key().public_key(), 1, at, at)
    return builder.sign(key(), hashes.SHA256()).public_bytes(Encoding.DER)


def _deep(depth: int) -> bytes:
    value = b""
    for _ in range(depth):
        value = der.tlv(0x30, value)
    return value


def _signatures() -> Iterator[Bad]:
    good = dns(b"a.example.test")
    proof = "request.proof-of-possession"
    yield Bad("a-bit-of-the-name-turned", good.replace(b"a.example", b"b.example"), 403, proof)
    other = ec.generate_private_key(ec.SECP256R1())
    yield Bad(
        "signed-by-another-key",
        raw_csr(extension(general_names((DNS, b"a.example.test"))), spki=spki_of(other.public_key())),
        403,
        proof,
    )
    info = der.Reader(good).inside().whole()
    yield Bad("signature-of-nothing", der.sequence(info, ECDSA_WITH_SHA256, der.bit_string(b"")), 403, proof)
    yield Bad("signature-without-an-octet", der.sequence(info, ECDSA_WITH_SHA256, b"\x03\x00"), 400)
    builder = x509.CertificateSigningRequestBuilder(x509.Name([]))
    builder = builder.add_extension(
        x509.SubjectAlternativeName([x509.DNSName("a.example.test")]), critical=False
    )
    weak = builder.sign(key(), hashes.SHA224()).public_bytes(Encoding.DER)
    yield Bad("sha-224", weak, 403, "request.signature-algorithm")


def _names() -> Iterator[Bad]:
    texts = {
        "nul": b"good.example.test\x00.evil.test",
        "empty": b"",
        "dot": b".",
        "empty-label": b"a..example.test",
        "trailing-dot": b"a.example.test.",
        "leading-dot": b".example.test",
        "space": b"a b.example.test",
        "newline": b"a.example.test\n",
        "slash": b"a/b.example.test",
        "hyphen-first": b"-a.example.test",
        "long-label": b"a" * 64 + b".example.test",
        "long-name": b".".join([b"a" * 60] * 5),
        "very-long-name": b"a" * 5_000,
        "wildcard-inside": b"a.*.example.test",
        "part-of-a-label": b"w*.example.test",
        "two-wildcards": b"*.*.example.test",
        "wildcard-alone": b"*",
        "address-as-name": b"127.0.0.1",
        "not-an-a-label": b"xn--.example.test",
        "a-label-of-nothing": b"xn--999999999.example.test",
        "a-label-of-ascii": b"xn--abc-.example.test",
        "a-label-of-upper-case": b"xn--" + "\u00dcber".encode("punycode") + b".example.test",
        "a-label-not-composed": b"xn--" + "u\u0308ber".encode("punycode") + b".example.test",
        "a-label-of-a-symbol": b"xn--" + "\U0001f4a9".encode("punycode") + b".example.test",
        "hyphens-in-third-and-fourth": b"ab--cd.example.test",
        "script": b"<script>.example.test",
    }
    for name, text in texts.items():
        yield Bad(f"dns-{name}", dns(text), 400)
    yield Bad("dns-not-ascii", dns("bücher.example.test".encode()), 400)
    yield Bad("dns-no-text", dns(b"\xff\xfe.example.test"), 400)
    yield Bad("ip-of-five-octets", named((IP, b"\x7f\x00\x00\x01\x00")), 400)
    yield Bad("ip-with-mask", named((IP, b"\x0a\x00\x00\x00\xff\x00\x00\x00")), 403, "request.name.kind")
    directory = der.sequence(der.tlv(0x31, der.sequence(der.object_identifier("2.5.4.3"), der.tlv(12, b"x"))))
    yield Bad("directory-name", named((DIRECTORY, directory)), 403, "request.name.kind")
    yield Bad("registered-id", named((REGISTERED, b"\x2a\x03")), 403, "request.name.kind")
    other = der.object_identifier("1.2.3.4") + der.tlv(0xA0, der.tlv(12, b"x"))
    yield Bad("other-name", named((OTHER, other)), 403, "request.name.kind")
    yield Bad("mail", named((MAIL, b"a@example.test")), 403, "policy.name.kind")
    yield Bad("uri", named((URI, b"https://a.example.test/")), 403, "policy.name.kind")
    yield Bad("one-bad-among-good", dns(b"a.example.test", b"b.example.test", b"c\x00.example.test"), 400)


def _numbers_of_names() -> Iterator[Bad]:
    yield Bad("101-names", dns(*[b"h%d.example.test" % number for number in range(101)]), 413)
    yield Bad("ten-thousand-names", dns(*[b"h%d.example.test" % number for number in range(10_000)]), 413)
    yield Bad("ten-thousand-short-names", dns(*[b"%x" % number for number in range(10_000)]), 413)
    yield Bad("a-thousand-times-the-same", dns(*[b"a.example.test"] * 1_000), 413)


def _keys() -> Iterator[Bad]:
    san = extension(general_names((DNS, b"a.example.test")))
    for name, signer, code in (
        ("rsa-1024", _rsa(1024), "key.unsupported"),
        ("rsa-e-3", _rsa_of(_prime(1024, 5), _prime(1024, 1 << 500), 3), "key.weak.exponent"),
        ("close-primes", _close_primes(), "key.weak.close-primes"),
        ("roca", _roca(), "key.weak.roca"),
        ("secp256k1", ec.generate_private_key(ec.SECP256K1()), "key.unsupported"),
        ("brainpool", ec.generate_private_key(ec.BrainpoolP256R1()), "key.unsupported"),
        ("private-key-1", ec.derive_private_key(1, ec.SECP256R1()), "key.weak.small-scalar"),
    ):
        yield Bad(name, raw_csr(san, signer=signer), 403, code)
    spki = spki_of(dsa.generate_private_key(2048).public_key())
    yield Bad("dsa", raw_csr(san, spki=spki), 403, "key.unsupported")
    point = spki_of(ed25519.Ed25519PrivateKey.generate().public_key())
    yield Bad("ed25519-signed-by-ecdsa", raw_csr(san, spki=point), 403, "request.signature-algorithm")
    yield Bad("rsa-even-exponent", raw_csr(san, spki=_rsa_spki(_rsa(2048), 65538)), 400)
    off_curve = bytearray(spki_of(key().public_key()))
    off_curve[-1] ^= 1
    yield Bad("point-off-the-curve", raw_csr(san, spki=bytes(off_curve)), 400)


def _rsa(bits: int) -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(EXPONENT, bits)


def _rsa_spki(key: rsa.RSAPrivateKey, exponent: int) -> bytes:
    """SubjectPublicKeyInfo (RFC 3279 section 2.3.1) of a key's modulus with any exponent."""
    numbers = der.sequence(der.integer(key.public_key().public_numbers().n), der.integer(exponent))
    return der.sequence(bytes.fromhex("300d06092a864886f70d0101010500"), der.bit_string(numbers))


def _prime(bits: int, seed: int, suits: Callable[[int], bool] = lambda prime: (prime - 1) % 3 != 0) -> int:
    found = int(gmpy2.next_prime((3 << (bits - 2)) + (seed << (bits // 2)) + seed))
    while not suits(found):
        found = int(gmpy2.next_prime(found))
    return found


def _rsa_of(first: int, second: int, exponent: int = EXPONENT) -> rsa.RSAPrivateKey:
    private = pow(exponent, -1, (first - 1) * (second - 1))
    public = rsa.RSAPublicNumbers(exponent, first * second)
    numbers = rsa.RSAPrivateNumbers(
        first,
        second,
        private,
        rsa.rsa_crt_dmp1(private, first),
        rsa.rsa_crt_dmq1(private, second),
        rsa.rsa_crt_iqmp(first, second),
        public,
    )
    return numbers.private_key(unsafe_skip_rsa_key_validation=True)


def _close_primes() -> rsa.RSAPrivateKey:
    first = _prime(1024, 77)
    return _rsa_of(first, int(gmpy2.next_prime(first + 10_000)))


def _roca() -> rsa.RSAPrivateKey:
    """Primes of the form k*M + 65537^a mod M, as Infineon's library made them."""
    product = int(gmpy2.primorial(701))
    high = 3 << (1024 - product.bit_length() - 2)

    def made(start: int, power: int) -> int:
        candidate = (high + start) * product + pow(EXPONENT, power, product)
        while not gmpy2.is_prime(candidate):
            candidate += product
        return candidate

    return _rsa_of(made(12345, 99), made(777777777, 1234))
