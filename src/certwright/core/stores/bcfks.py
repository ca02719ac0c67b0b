"""Bouncy Castle's key store for FIPS, BCFKS (org.bouncycastle.asn1.bc.ObjectStore).

ObjectStore ::= SEQUENCE { CHOICE { EncryptedObjectStoreData, ObjectStoreData }, ObjectStoreIntegrityCheck }
EncryptedObjectStoreData ::= SEQUENCE { AlgorithmIdentifier, OCTET STRING }
ObjectStoreData ::= SEQUENCE { INTEGER, AlgorithmIdentifier, created, changed GeneralizedTime,
                               SEQUENCE OF ObjectData, UTF8String OPTIONAL }
ObjectData ::= SEQUENCE { type INTEGER, identifier UTF8String, created, changed GeneralizedTime,
                          data OCTET STRING, UTF8String OPTIONAL }
EncryptedPrivateKeyData ::= SEQUENCE { EncryptedPrivateKeyInfo, SEQUENCE OF Certificate }
"""

from collections.abc import Sequence

from .. import der
from ..errors import CertwrightError, Malformed, TooLarge
from .chains import unique
from .encryption import HMACS, PBKDF2, SCRYPT, Password, authenticated, derive_code_key, openings
from .outline import outline
from .private_keys import read_encrypted
from .values import CHAIN_MAX, ENTRIES_MAX, Effort, Entry, Store, StoreFormat

_PBES2 = "1.2.840.113549.1.5.13"
_CERTIFICATE, _KEY, _PROTECTED_KEY = 0, 1, 3
_STORE, _KEYS, _CHECK = "STORE_ENCRYPTION", "PRIVATE_KEY_ENCRYPTION", "INTEGRITY_CHECK"


def is_bcfks(octets: bytes) -> bool:
    """Whether it has the shape of an ObjectStore: encrypted by PBES2, or begun by a version, and checked by a
    code over a derived key."""
    try:
        fields = der.Reader(octets, "BCFKS").inside()
        data = fields.inside()
        check = fields.inside()
        fields.finish()
        if data.peek() == der.SEQUENCE and data.inside().object_identifier() != _PBES2:
            return False
        check.element(der.SEQUENCE)
        derived = check.inside().object_identifier() in {PBKDF2, SCRYPT}
        return derived and check.peek() == der.OCTET_STRING
    except Malformed:
        return False


def read_bcfks(octets: bytes, passwords: Sequence[Password], effort: Effort) -> Store:
    """Raises Malformed, and where no password opens it; TooLarge."""
    fields = der.Reader(octets, "BCFKS").inside()
    whole = fields.whole(der.SEQUENCE)
    check = fields.whole(der.SEQUENCE)
    intact = any(_is_proved(check, whole, one, effort) for one in _for(_CHECK, passwords))
    data = der.Reader(whole, "BCFKS").inside()
    if data.peek() == der.SEQUENCE:
        data = _opened(data, passwords, effort)
    data.integer()
    for _ in range(3):
        data.element()
    entries: list[Entry] = []
    objects = data.inside()
    while not objects.at_end():
        if len(entries) >= ENTRIES_MAX:
            raise TooLarge(f"it holds more than {ENTRIES_MAX} entries")
        entries += _entry(objects.inside(), passwords, effort)
    return Store(StoreFormat.BCFKS, unique(entries), intact)


def _is_proved(check: bytes, checked: bytes, password: Password, effort: Effort) -> bool:
    """PbkdMacIntegrityCheck ::= SEQUENCE { code, derivation AlgorithmIdentifier, OCTET STRING }"""
    fields = der.Reader(check, "BCFKS").inside()
    hash_name = HMACS.get(fields.inside().object_identifier())
    derivation, code = fields.whole(der.SEQUENCE), fields.content(der.OCTET_STRING)
    if hash_name is None:
        return False
    return authenticated(derive_code_key(derivation, password, effort), hash_name, checked, code)


def _opened(data: der.Reader, passwords: Sequence[Password], effort: Effort) -> der.Reader:
    algorithm, secret = data.whole(der.SEQUENCE), data.content(der.OCTET_STRING)
    for opened in openings(algorithm, secret, _for(_STORE, passwords), effort):
        return der.Reader(opened, "BCFKS").inside()
    raise Malformed("no password that is set opens it")


def _for(purpose: str, passwords: Sequence[Password]) -> tuple[Password, ...]:
    """Passwords as Bouncy Castle derives keys from them: with what the key is for behind."""
    behind = purpose.encode("utf-16-be") + b"\0\0"
    return tuple(Password(password.wide + behind, b"") for password in passwords)


def _entry(fields: der.Reader, passwords: Sequence[Password], effort: Effort) -> list[Entry]:
    kind, name = fields.integer(), fields.content(der.UTF8_STRING).decode("utf-8", "replace")
    for _ in range(2):
        fields.element(der.GENERALIZED_TIME)
    content = fields.content(der.OCTET_STRING)
    try:
        if kind == _CERTIFICATE:
            return [Entry(name, (outline(content).der,))]
        if kind in {_KEY, _PROTECTED_KEY}:
            return [_with_key(name, content, passwords, effort)]
    except CertwrightError as error:
        return [Entry(name, problem=error.detail)]
    return []


def _with_key(name: str, content: bytes, passwords: Sequence[Password], effort: Effort) -> Entry:
    parts = der.Reader(content, "BCFKS").inside()
    encrypted, certificates, chain = parts.whole(der.SEQUENCE), parts.inside(), []
    while not certificates.at_end():
        chain.append(outline(certificates.whole()).der)
        if len(chain) > CHAIN_MAX:
            raise TooLarge(f"a chain of more than {CHAIN_MAX} certificates")
    return Entry(name, tuple(chain), read_encrypted(encrypted, _for(_KEYS, passwords), effort))
