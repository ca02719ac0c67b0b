"""PEM, DER and CMS, and what is made of anything else."""

import base64
from itertools import permutations

import pytest
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import PrivateFormat
from hypothesis import given
from hypothesis import strategies as st

from certwright.core import der
from certwright.core.certs_only import certs_only
from certwright.core.stores.reading import read_store
from certwright.core.stores.values import ENTRIES_MAX, Entry, Store, StoredKey, StoreFormat
from tests.core.stores.made import PASSWORD, chain, digest, key_der, key_pem, p12, pem
from tests.core.toy_chain import outside

CHAIN = chain()
SERVER, ISSUING, ROOT = CHAIN.ders
KEY = StoredKey(CHAIN.digest)
CLOSED = StoredKey("", True)


def read(octets: bytes, *passwords: str) -> Store:
    store = read_store(octets, passwords)
    assert store is not None
    return store


def entries(octets: bytes, *passwords: str) -> tuple[Entry, ...]:
    return read(octets, *passwords).entries


# -- PEM -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("order", list(permutations(CHAIN.ders)))
def test_a_chain_is_put_in_order(order: tuple[bytes, ...]) -> None:
    assert read(pem(*order)) == Store(StoreFormat.PEM, (Entry(chain=CHAIN.ders),))


def test_a_key_goes_with_its_certificate_whatever_stands_between() -> None:
    text = (
        b"Bag Attributes\n  x: y\n\n" + key_pem(CHAIN.server.key) + b"junk \xff\x00\n" + pem(SERVER, ISSUING)
    )
    assert entries(text) == (Entry(chain=(SERVER, ISSUING), key=KEY),)
    assert entries(text.replace(b"\n", b"\r\n")) == entries(text)
    assert entries(b"\n".join(b"    " + line for line in text.splitlines())) == entries(text)


def test_the_key_of_an_authority_says_where_its_chain_begins() -> None:
    found = entries(pem(SERVER, ISSUING, ROOT) + key_pem(CHAIN.issuing.key))
    assert found == (
        Entry(chain=CHAIN.ders),
        Entry("CN=Issuing", (ISSUING, ROOT), StoredKey(digest(CHAIN.issuing.key))),
    )


def test_every_certificate_of_a_bundle_of_roots_is_told_by_its_name() -> None:
    other, namesake = outside("CN=Other"), outside("CN=Other")
    found = entries(pem(ROOT, other.der, namesake.der))
    assert [(entry.name, entry.chain) for entry in found] == [
        ("", (ROOT,)),
        ("CN=Other", (other.der,)),
        ("CN=Other (2)", (namesake.der,)),
    ]


def test_two_that_issued_each_other_are_no_endless_chain() -> None:
    one = outside("CN=One")
    two = outside("CN=Two", one)
    again = outside("CN=One", two)
    (entry,) = entries(pem(two.der, again.der))
    assert entry.chain == (two.der, again.der)


def test_trusted_certificates_of_openssl_are_read_without_what_is_behind_them() -> None:
    trusted = base64.encodebytes(
        SERVER + der.sequence(der.sequence(der.object_identifier("1.3.6.1.5.5.7.3.1")))
    )
    text = b"-----BEGIN TRUSTED CERTIFICATE-----\n%b-----END TRUSTED CERTIFICATE-----\n" % trusted
    assert entries(text) == (Entry(chain=(SERVER,)),)


KEYS = [
    ec.generate_private_key(ec.SECP256R1()),
    rsa.generate_private_key(65537, 2048),
    ed25519.Ed25519PrivateKey.generate(),
    dsa.generate_private_key(1024),
]


@pytest.mark.parametrize("key", KEYS, ids=lambda key: type(key).__name__)
def test_keys_of_all_kinds_are_told_by_their_public_half(key: object) -> None:
    assert entries(key_pem(key)) == (Entry(key=StoredKey(digest(key))),)
    assert entries(key_der(key)) == (Entry(key=StoredKey(digest(key))),)
    assert entries(key_pem(key, PASSWORD)) == (Entry(key=CLOSED),)
    assert entries(key_der(key, PASSWORD), "no", PASSWORD) == (Entry(key=StoredKey(digest(key), True)),)
    assert entries(key_pem(key, PASSWORD), "no", PASSWORD) == (Entry(key=StoredKey(digest(key), True)),)


def test_traditional_and_openssh_keys() -> None:
    key = CHAIN.server.key
    traditional = key_pem(key, PASSWORD, PrivateFormat.TraditionalOpenSSL)
    assert entries(key_pem(key, form=PrivateFormat.TraditionalOpenSSL)) == (Entry(key=KEY),)
    assert entries(traditional) == (Entry(key=CLOSED),)
    assert entries(traditional, "", PASSWORD) == (Entry(key=StoredKey(CHAIN.digest, True)),)
    assert entries(key_pem(key, form=PrivateFormat.OpenSSH)) == (Entry(key=KEY),)


def test_a_key_for_an_uncompressed_point_is_that_of_a_certificate_with_a_compressed_one() -> None:
    """Both are SubjectPublicKeyInfo of one key; what is told is what stands in the certificate."""
    point = CHAIN.server.key.public_key()
    assert isinstance(point, ec.EllipticCurvePublicKey)
    numbers = point.public_numbers()
    long = b"\x04" + numbers.x.to_bytes(32, "big") + numbers.y.to_bytes(32, "big")
    short = bytes((2 + numbers.y % 2,)) + long[1:33]
    spki = SERVER.index(long) - 4 - 21
    compressed = _replaced(SERVER, spki, short)
    (entry,) = entries(pem_of(compressed) + key_pem(CHAIN.server.key))
    assert entry.chain == (compressed,)
    assert entry.key is not None
    assert entry.key.spki_sha256 not in {"", CHAIN.digest}


def _replaced(certificate: bytes, spki_start: int, point: bytes) -> bytes:
    """The certificate with another public key; its signature is wrong then, which nobody looks at."""
    outer = der.Reader(certificate).inside()
    to_be_signed, rest = outer.inside(), outer
    parts, replaced = [], False
    while not to_be_signed.at_end():
        part = to_be_signed.whole()
        if b"\x2a\x86\x48\xce\x3d\x02\x01" in part and not replaced:
            algorithm = der.Reader(part).inside().whole()
            part, replaced = der.sequence(algorithm, der.bit_string(point)), True
        parts.append(part)
    return der.sequence(der.sequence(*parts), rest.whole(), rest.whole())


def pem_of(octets: bytes, label: str = "CERTIFICATE") -> bytes:
    name = label.encode()
    return b"-----BEGIN %b-----\n%b-----END %b-----\n" % (name, base64.encodebytes(octets), name)


def test_what_is_wrong_with_one_block_leaves_the_others() -> None:
    text = (
        pem(SERVER)
        + b"-----BEGIN CERTIFICATE-----\nno base64!\n-----END CERTIFICATE-----\n"
        + pem_of(b"\x30\x03\x02\x01\x05")
        + b"-----BEGIN CERTIFICATE-----\n"
    )
    good, *bad = entries(text)
    assert good == Entry(chain=(SERVER,))
    assert [(entry.name, entry.problem) for entry in bad] == [
        ("block 2", "certificate: what is in it is no base64"),
        ("block 3", "certificate: unexpected DER tag 0x02 at octet 2"),
        ("block 4", "certificate: it has no end"),
    ]


def test_blocks_of_other_kinds_are_nothing_to_tell_of() -> None:
    assert entries(pem_of(b"anything", "DH PARAMETERS")) == ()


def test_too_many_certificates_are_refused() -> None:
    (entry,) = entries(pem(ROOT) * (ENTRIES_MAX + 1))
    assert entry.problem == f"it holds more than {ENTRIES_MAX} blocks; split it"


# -- DER and CMS ---------------------------------------------------------------------------------


def test_der_is_taken_as_it_stands() -> None:
    assert read(SERVER) == Store(StoreFormat.DER, (Entry(chain=(SERVER,)),))
    assert entries(SERVER + b"\n") == (Entry(chain=(SERVER,)),)


@pytest.mark.parametrize("indefinite", [False, True])
def test_certificates_in_cms_are_a_chain(indefinite: bool) -> None:
    octets = certs_only(CHAIN.ders)
    if indefinite:
        octets = _indefinite(octets)
    assert read(octets) == Store(StoreFormat.PKCS7, (Entry(chain=CHAIN.ders),))
    assert read(pem_of(octets, "PKCS7")) == read(octets)


def _indefinite(element: bytes, depth: int = 3) -> bytes:
    """An element and those in it, a few levels deep, without lengths (X.690 section 8.1.3.6)."""
    reader = der.Reader(element)
    tag, _, start, end = reader.element()
    if not tag & 0x20 or depth == 0:
        return element
    inside, parts = der.Reader(element, position=start, end=end), b""
    while not inside.at_end():
        parts += _indefinite(inside.whole(), depth - 1)
    return bytes((tag, 0x80)) + parts + b"\0\0"


def test_encrypted_cms_says_that_it_is() -> None:
    enveloped = der.sequence(der.object_identifier("1.2.840.113549.1.7.3"), der.tlv(0xA0, der.sequence()))
    (entry,) = entries(enveloped)
    assert entry.problem == "it is CMS of type 1.2.840.113549.1.7.3; certificates are in signed data only"


# -- anything ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "octets", [b"", b"0", b"0123456789" * 50, b"\x30\x80" * 5000, b"hello", b"\x7fELF" + bytes(99)]
)
def test_what_is_no_store_is_none(octets: bytes) -> None:
    assert read_store(octets) is None


GOOD = (
    pem(*CHAIN.ders) + key_pem(CHAIN.server.key, PASSWORD),
    SERVER,
    key_der(CHAIN.server.key, PASSWORD),
    certs_only(CHAIN.ders),
    _indefinite(certs_only(CHAIN.ders)),
    p12(),
)


@given(st.sampled_from(GOOD), st.data())
def test_nothing_that_is_changed_crashes(good: bytes, data: st.DataObject) -> None:
    changed = bytearray(good)
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(changed)))
        changed[at : at + data.draw(st.integers(0, 3))] = data.draw(st.binary(max_size=3))
    _is_sound(read_store(bytes(changed), ("", "x")))


@given(
    st.binary(max_size=200),
    st.sampled_from([b"", b"\xfe\xed\xfe\xed\0\0\0\2\0\0\0\1", b"\xce\xce\xce\xce", b"0\x80"]),
)
def test_no_octets_crash(octets: bytes, before: bytes) -> None:
    _is_sound(read_store(before + octets))


def _is_sound(store: Store | None) -> None:
    """Every entry says something, has a name of its own, and a problem is one short line."""
    found = store.entries if store else ()
    assert len({entry.name for entry in found}) == len(found)
    for entry in found:
        assert entry.chain or entry.key or entry.problem
        assert "\n" not in entry.problem
        assert len(entry.problem) < 300
