"""PKCS #12 of `cryptography` and of OpenSSL, and those that ask for too much."""

import subprocess
import time
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import NoEncryption, PrivateFormat, pkcs12
from hypothesis import given, settings
from hypothesis import strategies as st

from certwright.core import der
from certwright.core.stores.reading import read_store
from certwright.core.stores.values import ROUNDS_MAX, Entry, Store, StoredKey, StoreFormat
from tests.core.stores.made import PASSWORD, chain, key_der, key_pem, p12, pem
from tests.core.toy_chain import outside

CHAIN = chain()
OPENED = StoredKey(CHAIN.digest, True)
SECONDS = 30
PBES = pkcs12.PBES


def read(octets: bytes, *passwords: str) -> Store:
    store = read_store(octets, passwords)
    assert store is not None
    return store


@pytest.mark.parametrize("scheme", [PBES.PBESv1SHA1And3KeyTripleDESCBC, PBES.PBESv2SHA256AndAES256CBC])
@pytest.mark.parametrize(
    "code", [hashes.SHA1(), hashes.SHA256(), hashes.SHA512()], ids=lambda code: code.name
)
def test_the_right_password_opens_it(scheme: PBES, code: hashes.HashAlgorithm) -> None:
    builder = PrivateFormat.PKCS12.encryption_builder().kdf_rounds(1000).key_cert_algorithm(scheme)
    octets = p12(encryption=builder.hmac_hash(code).build(PASSWORD.encode()))
    store = read(octets, "", "wrong", PASSWORD)
    assert store == Store(StoreFormat.PKCS12, (Entry("www", CHAIN.ders, OPENED),), intact=True)


def test_no_password_opens_nothing() -> None:
    assert read(p12(), "", "wrong").entries == (
        Entry("www", key=StoredKey("", True)),
        Entry("safe 1", problem="no password that is set opens it"),
    )


def test_one_that_is_not_encrypted() -> None:
    assert read(p12(encryption=NoEncryption()), "").entries == (
        Entry("www", CHAIN.ders, StoredKey(CHAIN.digest)),
    )


OPENSSL = [
    ("-legacy",),
    ("-legacy", "-certpbe", "PBE-SHA1-RC2-40", "-keypbe", "PBE-SHA1-RC2-128", "-iter", "1"),
    ("-legacy", "-certpbe", "PBE-SHA1-2DES", "-keypbe", "PBE-SHA1-3DES"),
    ("-certpbe", "AES-128-CBC", "-keypbe", "AES-192-CBC", "-macalg", "sha384"),
    ("-certpbe", "NONE", "-keypbe", "NONE", "-nomac"),
    ("-certpbe", "NONE"),
]


@pytest.mark.parametrize("options", OPENSSL, ids=" ".join)
@pytest.mark.parametrize("password", ["", PASSWORD, "pässwörd"])
def test_what_openssl_makes(options: tuple[str, ...], password: str, tmp_path: Path) -> None:
    (tmp_path / "key.pem").write_bytes(key_pem(CHAIN.server.key))
    (tmp_path / "chain.pem").write_bytes(pem(*CHAIN.ders))
    command = [
        "openssl",
        "pkcs12",
        "-export",
        "-inkey",
        "key.pem",
        "-in",
        "chain.pem",
        "-name",
        "web",
        *options,
    ]
    subprocess.run([*command, "-passout", f"pass:{password}", "-out", "out.p12"], cwd=tmp_path, check=True)
    store = read((tmp_path / "out.p12").read_bytes(), "wrong", "", PASSWORD, "pässwörd")
    (entry,) = store.entries
    assert (entry.name, entry.chain) == ("web", CHAIN.ders)
    assert entry.key is not None
    assert entry.key.spki_sha256 == CHAIN.digest
    assert store.intact is ("-nomac" not in options)


def test_certificates_without_keys_keep_their_names() -> None:
    one, two = outside("CN=One"), outside("CN=Two")
    named = [pkcs12.PKCS12Certificate(one.parsed, b"first"), pkcs12.PKCS12Certificate(two.parsed, None)]
    octets = pkcs12.serialize_key_and_certificates(None, None, None, named, NoEncryption())
    assert read(octets, "").entries == (Entry("first", (one.der,)), Entry("CN=Two", (two.der,)))


# -- bounds --------------------------------------------------------------------------------------


def _algorithm(rounds: int) -> bytes:
    """PBES2 with PBKDF2 and AES-256-CBC."""
    derivation = der.sequence(
        der.object_identifier("1.2.840.113549.1.5.12"),
        der.sequence(der.octet_string(bytes(8)), der.integer(rounds)),
    )
    cipher = der.sequence(der.object_identifier("2.16.840.1.101.3.4.1.42"), der.octet_string(bytes(16)))
    return der.sequence(der.object_identifier("1.2.840.113549.1.5.13"), der.sequence(derivation, cipher))


def _data(content: bytes) -> bytes:
    return der.sequence(
        der.object_identifier("1.2.840.113549.1.7.1"), der.tlv(0xA0, der.octet_string(content))
    )


def _encrypted(rounds: int, secret: bytes = bytes(32)) -> bytes:
    info = der.sequence(
        der.object_identifier("1.2.840.113549.1.7.1"), _algorithm(rounds), der.tlv(0x80, secret)
    )
    content = der.tlv(0xA0, der.sequence(der.integer(0), info))
    return der.sequence(der.object_identifier("1.2.840.113549.1.7.6"), content)


def _pfx(*safes: bytes, mac_rounds: int = 0) -> bytes:
    mac = b""
    if mac_rounds:
        digest = der.sequence(
            der.sequence(der.object_identifier("2.16.840.1.101.3.4.2.1")), der.octet_string(bytes(32))
        )
        mac = der.sequence(digest, der.octet_string(bytes(8)), der.integer(mac_rounds))
    return der.sequence(der.integer(3), _data(der.sequence(*safes)), mac)


def _scrypt_key(cost: int) -> bytes:
    parameters = der.sequence(der.octet_string(bytes(8)), *(der.integer(one) for one in (cost, 8, 1)))
    derivation = der.sequence(der.object_identifier("1.3.6.1.4.1.11591.4.11"), parameters)
    cipher = der.sequence(der.object_identifier("2.16.840.1.101.3.4.1.42"), der.octet_string(bytes(16)))
    scheme = der.sequence(der.object_identifier("1.2.840.113549.1.5.13"), der.sequence(derivation, cipher))
    return der.sequence(scheme, der.octet_string(bytes(32)))


GREEDY = {
    "rounds of the code": (_pfx(mac_rounds=2**31), f"it asks for {2**31} rounds of key derivation"),
    "rounds beyond all": (_pfx(mac_rounds=2**4000), "it asks for more than 10^12 rounds"),
    "no rounds": (_pfx(mac_rounds=-1), "it asks for -1 rounds"),
    "rounds of a part": (_pfx(_encrypted(ROUNDS_MAX + 1)), f"it asks for {ROUNDS_MAX + 1} rounds"),
    "many parts": (_pfx(*[_encrypted(ROUNDS_MAX)] * 100), "add up to more than"),
    "a key": (der.sequence(_algorithm(10**9), der.octet_string(bytes(32))), f"it asks for {10**9} rounds"),
    "memory": (_scrypt_key(2**24), "ask for more than 67108864 octets of memory"),
}


@pytest.mark.parametrize("which", GREEDY)
def test_who_asks_for_too_much_is_refused_before_it_is_done(which: str) -> None:
    octets, problem = GREEDY[which]
    before = time.process_time()
    store = read(octets, "", "one", "two")
    assert time.process_time() - before < SECONDS
    assert any(problem in entry.problem for entry in store.entries)


def test_bags_in_bags_end_somewhere() -> None:
    bags = der.sequence()
    for _ in range(8):
        nested = der.tlv(0xA0, bags)
        bags = der.sequence(der.sequence(der.object_identifier("1.2.840.113549.1.12.10.1.6"), nested))
    (entry,) = read(_pfx(_data(bags))).entries
    assert "bags in bags" in entry.problem


@settings(max_examples=50)
@given(st.integers(40, 1000), st.binary(max_size=3))
def test_what_is_in_clear_may_be_anything(at: int, instead: bytes) -> None:
    good = p12(encryption=NoEncryption())
    store = read_store(good[:at] + instead + good[at + len(instead) :], ("",))
    for entry in store.entries if store else ():
        assert entry.chain or entry.key or entry.problem


def test_a_key_alone_in_der_is_opened_by_its_password() -> None:
    assert read(key_der(CHAIN.server.key, PASSWORD), PASSWORD).entries == (Entry(key=OPENED),)
