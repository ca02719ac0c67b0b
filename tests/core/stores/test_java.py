"""Key stores made by keytool, and what is made of changed ones."""

from pathlib import Path

import pytest
from cryptography import x509
from hypothesis import given
from hypothesis import strategies as st

from certwright.core.stores.reading import read_store
from certwright.core.stores.values import Entry, Store, StoredKey, StoreFormat
from tests.core.stores.made import chain, digest, jks, pem
from tests.real import keytool

TYPES = ("JKS", "JCEKS", "PKCS12", "BCFKS")
ROOT = chain().root


@pytest.fixture(scope="module")
def stores(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    folder = tmp_path_factory.mktemp("stores")
    (folder / "root.pem").write_bytes(pem(ROOT.der))
    return {one: keytool.make(folder, one, folder / "root.pem").read_bytes() for one in TYPES}


def read(octets: bytes, *passwords: str) -> Store:
    store = read_store(octets, passwords)
    assert store is not None
    return store


def by_name(store: Store) -> dict[str, Entry]:
    return {entry.name: entry for entry in store.entries}


@pytest.mark.parametrize("kind", TYPES)
def test_entries_are_told_by_their_aliases(stores: dict[str, bytes], kind: str) -> None:
    store = read(stores[kind], "wrong", keytool.PASSWORD)
    found = by_name(store)
    assert store.format == kind.lower()
    assert store.intact
    assert set(found) == {"server", "root"}
    assert found["root"] == Entry("root", (ROOT.der,))
    (server,) = found["server"].chain
    certificate = x509.load_der_x509_certificate(server)
    assert certificate.subject.rfc4514_string() == "CN=server.example.test"
    opened = digest_of(certificate) if kind in {"PKCS12", "BCFKS"} else ""
    assert found["server"].key == StoredKey(opened, True)


def digest_of(certificate: x509.Certificate) -> str:
    class Holder:
        public_key = staticmethod(certificate.public_key)

    return digest(Holder)


@pytest.mark.parametrize("kind", ["JKS", "JCEKS"])
def test_certificates_stand_in_clear(stores: dict[str, bytes], kind: str) -> None:
    store = read(stores[kind])
    assert by_name(store)["root"].chain == (ROOT.der,)
    assert not store.intact


@pytest.mark.parametrize("kind", ["PKCS12", "BCFKS"])
def test_what_is_closed_says_so(stores: dict[str, bytes], kind: str) -> None:
    store = read(stores[kind], "", "wrong")
    assert "no password that is set opens it" in {entry.problem for entry in store.entries}


def test_entries_before_an_end_that_is_too_early_are_told(stores: dict[str, bytes]) -> None:
    whole = stores["JKS"]
    first, cut = read(whole[:-40]).entries
    assert first.chain
    assert cut.problem.startswith("the jks ends too early, at octet ")


def test_what_follows_a_secret_key_is_told_to_be_unread(tmp_path: Path) -> None:
    store = tmp_path / "secret.jceks"
    keytool.keytool(store, "JCEKS", "-genseckey", "-alias", "secret", "-keyalg", "AES", "-keysize", "256")
    (entry,) = read(store.read_bytes(), keytool.PASSWORD).entries
    assert entry.problem == "a secret key, whose end is not marked; what follows it is not read"


def test_a_store_that_is_made_by_the_description_alone() -> None:
    assert read(jks(ROOT.der), "") == Store(StoreFormat.JKS, (Entry("root", (ROOT.der,)),), intact=True)
    assert not read(jks(ROOT.der), "other").intact
    (entry,) = read(jks(b"no certificate")).entries
    assert entry.name == "root"
    assert entry.problem


def test_a_store_of_too_many_entries_is_refused() -> None:
    (entry,) = read(b"\xfe\xed\xfe\xed\0\0\0\2\xff\xff\xff\xff" + bytes(20)).entries
    assert entry.problem == f"it holds {2**32 - 1} entries; at most 5000 are read"


@given(st.sampled_from(TYPES), st.data())
def test_nothing_that_is_changed_crashes(stores: dict[str, bytes], kind: str, data: st.DataObject) -> None:
    changed = bytearray(stores[kind])
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(changed)))
        changed[at : at + data.draw(st.integers(0, 3))] = data.draw(st.binary(max_size=3))
    store = read_store(bytes(changed), ("",))
    for entry in store.entries if store else ():
        assert entry.chain or entry.key or entry.problem
        assert entry.problem.isprintable()
