"""Software keys: the key lies encrypted in its own reference, its key-encryption key elsewhere.

A reference is: version 1, length of the label, label, envelope of the PKCS#8 key (RFC 5958). The
label and the algorithm are bound to the envelope. ML-DSA keys are in seed form (RFC 9881 section 6).
"""

import hashlib
import os
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import cast

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, mldsa, rsa

from ...core import envelope
from ...core.errors import IntegrityError, NotFound
from ...core.keys import KeyAlgorithm, PrivateKey, algorithm_of
from ...ports import SECRET, KeyReference, KeySpec
from .label import encoded_label
from .sign_only import sign_only

_VERSION = 1
_DESTROYED_REMEMBERED = 4096


def _rsa(bits: int) -> Callable[[], PrivateKey]:
    return lambda: rsa.generate_private_key(public_exponent=65537, key_size=bits)


def _ecdsa(curve: ec.EllipticCurve) -> Callable[[], PrivateKey]:
    return lambda: ec.generate_private_key(curve)


_GENERATORS: dict[KeyAlgorithm, Callable[[], PrivateKey]] = {
    KeyAlgorithm.RSA_2048: _rsa(2048),
    KeyAlgorithm.RSA_3072: _rsa(3072),
    KeyAlgorithm.RSA_4096: _rsa(4096),
    KeyAlgorithm.ECDSA_P256: _ecdsa(ec.SECP256R1()),
    KeyAlgorithm.ECDSA_P384: _ecdsa(ec.SECP384R1()),
    KeyAlgorithm.ECDSA_P521: _ecdsa(ec.SECP521R1()),
    KeyAlgorithm.ED25519: ed25519.Ed25519PrivateKey.generate,
    KeyAlgorithm.ED448: ed448.Ed448PrivateKey.generate,
    KeyAlgorithm.ML_DSA_44: mldsa.MLDSA44PrivateKey.generate,
    KeyAlgorithm.ML_DSA_65: mldsa.MLDSA65PrivateKey.generate,
    KeyAlgorithm.ML_DSA_87: mldsa.MLDSA87PrivateKey.generate,
}


class SoftwareKeys:
    """KeyProvider for keys kept in the store, encrypted (core.envelope)."""

    local = True

    @dataclass(frozen=True, slots=True)
    class Settings:
        """`key_encryption_key` is 32 bytes."""

        key_encryption_key: bytes = field(repr=False, metadata=SECRET)

    def __init__(self, settings: Settings) -> None:
        """Raises Malformed for a key-encryption key that is not 32 bytes."""
        envelope.check_key_encryption_key(settings.key_encryption_key)
        self._key_encryption_key = settings.key_encryption_key
        self._destroyed: dict[bytes, None] = {}

    def create(self, spec: KeySpec) -> KeyReference:
        """A new key of any KeyAlgorithm; RSA takes up to seconds. Raises Malformed for a label that
        is empty or longer than 255 bytes."""
        return self.adopt(_GENERATORS[spec.algorithm](), spec.label)

    def adopt(self, key: PrivateKey, label: str) -> KeyReference:
        """Take in a key made elsewhere. Raises Malformed as `create` does, Refused for a key that is
        of no KeyAlgorithm."""
        algorithm = algorithm_of(key.public_key())
        name = encoded_label(label)
        context = _context(algorithm, label)
        pkcs8 = key.private_bytes(
            serialization.Encoding.DER,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        random = os.urandom(envelope.RANDOM_BYTES)
        sealed = envelope.encrypt(self._key_encryption_key, pkcs8, context, random)
        return KeyReference(algorithm, bytes((_VERSION, len(name))) + name + sealed)

    def open(self, key: KeyReference) -> PrivateKey:
        """Raises NotFound for what is no reference of ours, Conflict when it was encrypted under
        another key-encryption key, IntegrityError when it was changed."""
        context, sealed = self._parts(key)
        pkcs8 = envelope.decrypt(self._key_encryption_key, sealed, context)
        private = cast(PrivateKey, _load(pkcs8))
        if algorithm_of(private.public_key()) != key.algorithm:
            raise IntegrityError(f"{context} holds a key of another algorithm")
        return sign_only(private.public_key(), private.sign)

    def destroy(self, key: KeyReference) -> None:
        """The key goes with its reference: the caller deletes that. This object opens it no more,
        so that whoever kept a copy finds out."""
        self._destroyed[_digest(key)] = None
        while len(self._destroyed) > _DESTROYED_REMEMBERED:
            self._destroyed.pop(next(iter(self._destroyed)), None)

    def _parts(self, key: KeyReference) -> tuple[str, bytes]:
        """Context and envelope of a reference."""
        reference = key.reference
        if len(reference) < 3 or reference[0] != _VERSION or _digest(key) in self._destroyed:
            raise NotFound("there is no such software key; it was destroyed, or never made here")
        end = 2 + reference[1]
        try:
            return _context(key.algorithm, reference[2:end].decode()), reference[end:]
        except UnicodeDecodeError as error:
            raise IntegrityError("a software key's label was changed; restore it from a backup") from error


def _load(pkcs8: bytes) -> object:
    # What the envelope gives back is what we put in, so an RSA key need not be proved sound again;
    # that takes 40 ms for 2048 bits and 270 ms for 4096.
    return serialization.load_der_private_key(pkcs8, password=None, unsafe_skip_rsa_key_validation=True)


def _context(algorithm: KeyAlgorithm, label: str) -> str:
    return f"software key {algorithm} {label}"


def _digest(key: KeyReference) -> bytes:
    return hashlib.sha256(key.reference).digest()
