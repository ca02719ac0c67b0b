"""What a file is, told from its octets, and what is in it."""

from collections.abc import Callable, Sequence

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import load_der_public_key

from .. import ber, der
from ..errors import CertwrightError
from ..unreadable import UNREADABLE
from . import bcfks, java, pkcs12
from .chains import unique
from .encryption import Password, passwords_of
from .outline import outline
from .parts import Reading, read_parts
from .pem_bundle import is_pem, read_pem
from .pem_text import decoded
from .private_keys import read_encrypted, read_plain
from .signatures import is_signed, read_signature
from .signed_data import is_cms, read_cms
from .signed_files import MAGIC_OCTETS, signed_file
from .values import OCTETS_MAX, Effort, Entry, Store, StoreFormat


def read_store(octets: bytes, passwords: Sequence[str] = ()) -> Store | None:
    """The certificates and keys of a file, whatever its name; None for what is no such file.

    `passwords` are tried in their order, on everything that is encrypted. Nothing is raised: what cannot be
    read, asks for too much work or is too large is an entry with a problem.
    """
    return _read(octets, passwords_of(passwords), Effort()) if len(octets) <= OCTETS_MAX else None


def _read(octets: bytes, passwords: Sequence[Password], effort: Effort) -> Store | None:
    if (signed := signed_file(octets[:MAGIC_OCTETS], len(octets))) is not None:
        return _read_signed(octets, signed, passwords, effort)
    format_ = java.format_of(octets)
    try:
        if format_ is not None:
            return java.read_java(octets, format_, passwords)
        if octets[:1] == b"\x30" and (store := _read_der(octets, passwords, effort)) is not None:
            return store
        format_ = StoreFormat.PEM
        text = decoded(octets)
        return read_pem(text, passwords, effort) if is_pem(text) else None
    except CertwrightError as error:
        return Store(format_ or StoreFormat.DER, (Entry(problem=error.detail),))


def _read_signed(
    octets: bytes, reading: Reading[Store | None], passwords: Sequence[Password], effort: Effort
) -> Store | None:
    """A program or an archive: its signatures, and the PEM that somebody has compiled or packed in."""
    signed = read_parts(octets, reading)
    try:
        inside = read_pem(octets, passwords, effort) if is_pem(octets) else None
    except CertwrightError as error:
        inside = Store(StoreFormat.PEM, (Entry(problem=error.detail),))
    if signed is None or inside is None:
        return signed or inside
    good = [one for one in inside.entries if not one.problem]
    return Store(signed.format, unique((*signed.entries, *good)))


def _read_der(octets: bytes, passwords: Sequence[Password], effort: Effort) -> Store | None:
    """Raises Malformed, TooLarge about what is a store for sure."""
    if (whole := _whole(octets)) is None:
        return None
    if (store := _certificate(octets)) is not None:
        return store
    for format_, shape, read in _SHAPES:
        if shape(whole):
            try:
                return read(whole, passwords, effort)
            except CertwrightError as error:
                return Store(format_, (Entry(problem=error.detail),))
    key = read_plain(whole)
    if key.spki_sha256:
        return Store(StoreFormat.DER, (Entry(key=key),))
    return Store(StoreFormat.DER, ()) if _is_related(whole) else None


def _whole(octets: bytes) -> bytes | None:
    try:
        return ber.definite(octets, "file")
    except CertwrightError:
        return None


def _certificate(octets: bytes) -> Store | None:
    """Exactly as it stands, but for what some editor has put behind it."""
    try:
        found = outline(der.Reader(octets).whole(der.SEQUENCE))
    except CertwrightError:
        return None
    return Store(StoreFormat.DER, (Entry(chain=(found.der,)),))


def _is_encrypted_key(octets: bytes) -> bool:
    """EncryptedPrivateKeyInfo (RFC 5958 section 3): of an algorithm of PKCS #5 or PKCS #12."""
    try:
        fields = der.Reader(octets).inside()
        oid = fields.inside().object_identifier()
        fields.element(der.OCTET_STRING)
        fields.finish()
    except CertwrightError:
        return False
    return oid.startswith(("1.2.840.113549.1.5.", "1.2.840.113549.1.12.1."))


def _read_encrypted_key(octets: bytes, passwords: Sequence[Password], effort: Effort) -> Store:
    return Store(StoreFormat.DER, (Entry(key=read_encrypted(octets, passwords, effort)),))


def _is_related(octets: bytes) -> bool:
    """A request, a revocation list, a public key: nothing to tell of, and nothing wrong with it."""
    for read in (x509.load_der_x509_csr, x509.load_der_x509_crl, load_der_public_key):
        try:
            read(octets)
        except (*UNREADABLE, UnsupportedAlgorithm):
            continue
        return True
    return False


_SHAPES: tuple[
    tuple[StoreFormat, Callable[[bytes], bool], Callable[[bytes, Sequence[Password], Effort], Store]], ...
] = (
    (StoreFormat.PKCS7, is_signed, lambda octets, _passwords, _effort: read_signature(octets)),
    (StoreFormat.PKCS7, is_cms, lambda octets, _passwords, _effort: read_cms(octets)),
    (StoreFormat.PKCS12, pkcs12.is_pkcs12, pkcs12.read_pkcs12),
    (StoreFormat.BCFKS, bcfks.is_bcfks, bcfks.read_bcfks),
    (StoreFormat.DER, _is_encrypted_key, _read_encrypted_key),
)
