"""Private keys, opened in memory for nothing but the digest of their public half."""

import hashlib
from collections.abc import Sequence

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_der_private_key,
    load_pem_private_key,
    load_ssh_private_key,
)

from .. import der
from ..errors import Malformed
from ..unreadable import UNREADABLE
from .encryption import Password, openings
from .values import KEY_OCTETS_MAX, Effort, StoredKey

NOT_READ = (*UNREADABLE, UnsupportedAlgorithm, OverflowError)
_OPENSSH = "OPENSSH PRIVATE KEY"
_ENCRYPTED = "ENCRYPTED PRIVATE KEY"


def read_plain(octets: bytes, encrypted: bool = False) -> StoredKey:
    """A key in DER (RFC 5958, RFC 8017 appendix A.1.2, RFC 5915); `encrypted` says how it was kept. The
    digest stays empty for a key that cannot be read."""
    if len(octets) > KEY_OCTETS_MAX:
        return StoredKey("", encrypted)
    try:
        return StoredKey(
            _digest(load_der_private_key(octets, None, unsafe_skip_rsa_key_validation=True)), encrypted
        )
    except NOT_READ:
        return StoredKey("", encrypted)


def read_encrypted(octets: bytes, passwords: Sequence[Password], effort: Effort) -> StoredKey:
    """EncryptedPrivateKeyInfo (RFC 5958 section 3); one whose encryption is not known stays closed. Raises
    Malformed for another structure, TooLarge."""
    outer = der.Reader(octets, "encrypted key")
    parts = outer.inside()
    outer.finish()
    algorithm, secret = parts.whole(der.SEQUENCE), parts.content(der.OCTET_STRING)
    parts.finish()
    try:
        for opened in openings(algorithm, secret, passwords, effort):
            if (key := read_plain(opened, True)).spki_sha256:
                return key
    except Malformed:
        return StoredKey("", True)
    return StoredKey("", True)


def read_block(
    label: str, block: bytes, body: bytes, passwords: Sequence[Password], effort: Effort
) -> StoredKey:
    """A key in PEM: the whole block, and the octets in it. Raises as `read_encrypted`."""
    if label == _ENCRYPTED:
        return read_encrypted(body, passwords, effort)
    if label == _OPENSSH:
        return _read_ssh(block)
    if b"Proc-Type:" in block:
        return _read_traditional(block, passwords)
    return read_plain(body)


def _read_traditional(block: bytes, passwords: Sequence[Password]) -> StoredKey:
    """OpenSSL's own encryption, one round of MD5 (RFC 1421 headers)."""
    for password in passwords:
        if password.plain and len(block) <= 2 * KEY_OCTETS_MAX:
            try:
                key = load_pem_private_key(block, password.plain, unsafe_skip_rsa_key_validation=True)
                return StoredKey(_digest(key), True)
            except NOT_READ:
                continue
    return StoredKey("", True)


def _read_ssh(block: bytes) -> StoredKey:
    """Of one that is encrypted nothing is tried: its rounds are slow by design."""
    try:
        return StoredKey(_digest(load_ssh_private_key(block, None)))
    except TypeError:
        return StoredKey("", True)
    except NOT_READ:
        return StoredKey()


def _digest(key: object) -> str:
    public = key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)  # type: ignore[attr-defined]
    return hashlib.sha256(public).hexdigest()
