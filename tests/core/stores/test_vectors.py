"""Every odd certificate and store that there is to be had: each is taken in or refused with a reason."""

from importlib.resources import files
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, pkcs12

from certwright.core.stores.reading import read_store
from certwright.core.stores.values import StoreFormat
from certwright.core.unreadable import UNREADABLE
from tests.real.packages import need

VECTORS = files("cryptography_vectors")
PASSWORDS = ("", "cryptography", "password", "12345")
RELATED = ("crl", "req", "ocsp", "scts", "-key", ".csr")
FOLDERS = ("x509", "x509/custom", "x509/custom/ca", "x509/ed25519", "x509/ed448", "pkcs7")
EVERY_FEW = 20
NOTES = (".txt", ".py")


def octets_in(folder: str) -> dict[str, bytes]:
    found = VECTORS.joinpath(*folder.split("/")).iterdir()
    return {
        one.name: one.read_bytes()
        for one in found
        if one.is_file() and not one.name.endswith((".txt", ".py"))
    }


@pytest.mark.parametrize("folder", FOLDERS)
def test_each_is_taken_in_or_refused_with_a_reason(folder: str) -> None:
    silent = []
    for name, octets in octets_in(folder).items():
        store = read_store(octets, PASSWORDS)
        entries = store.entries if store else ()
        for entry in entries:
            assert entry.chain or entry.key or entry.problem
        if not entries and not any(part in name.lower() for part in RELATED):
            silent.append(name)
    assert silent == []


def test_what_another_reader_takes_is_taken_here_as_well() -> None:
    for name, octets in octets_in("x509/custom").items():
        try:
            theirs = x509.load_pem_x509_certificate(octets)
        except UNREADABLE:
            continue
        store = read_store(octets)
        assert store is not None
        ours = [certificate for entry in store.entries for certificate in entry.chain]
        assert len(ours) >= 1, name
        assert x509.load_der_x509_certificate(ours[0]) == theirs


def test_pkcs12_files_give_what_another_reader_finds() -> None:
    for name, octets in octets_in("pkcs12").items():
        if not name.endswith(".p12"):
            continue
        _compare(
            octets,
            next(one for one in (None, b"", b"cryptography", b"password") if _opens(octets, one)),
            name,
        )


def test_pkits(full: bool) -> None:
    pairs = sorted(octets_in("x509/PKITS_data/pkcs12").items())
    certificates = octets_in("x509/PKITS_data/certs")
    for name, octets in pairs if full else pairs[::EVERY_FEW]:
        if _opens(octets, b"password"):
            _compare(octets, b"password", name)
            continue
        store = read_store(octets, ("password",))  # the library cannot read DSA keys without parameters
        assert store is not None, name
        assert [entry.chain[:1] for entry in store.entries] == [(certificates[f"{name[:-4]}.crt"],)], name
    for name, octets in certificates.items():
        store = read_store(octets)
        assert store is not None, name
        assert [entry.chain for entry in store.entries] == [(octets,)], name


def _opens(octets: bytes, password: bytes | None) -> bool:
    try:
        pkcs12.load_pkcs12(octets, password)
    except ValueError:
        return False
    return True


def _compare(octets: bytes, password: bytes | None, name: str) -> None:
    theirs = pkcs12.load_pkcs12(octets, password)
    store = read_store(octets, ((password or b"").decode(),))
    assert store is not None, name
    assert store.format is StoreFormat.PKCS12
    certificates = [one.certificate for one in (theirs.cert, *theirs.additional_certs) if one is not None]
    ours = {certificate for entry in store.entries for certificate in entry.chain}
    assert ours == {one.public_bytes(Encoding.DER) for one in certificates}, name
    assert any(entry.key and entry.key.spki_sha256 for entry in store.entries) is (theirs.key is not None), (
        name
    )
    assert not any(entry.problem for entry in store.entries)


def test_the_roots_of_debian() -> None:
    need("ca-certificates")
    bundle = Path("/etc/ssl/certs/ca-certificates.crt").read_bytes()
    store = read_store(bundle)
    assert store is not None
    assert len(store.entries) == bundle.count(b"-----BEGIN CERTIFICATE-----") > 100
    assert all(len(entry.chain) == 1 and not entry.problem for entry in store.entries)
