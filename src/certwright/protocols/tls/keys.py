"""Our side of the key exchange, and the key schedule up to the server's handshake keys (RFC 8446, 7.1).

One set of private keys serves any number of looks: nothing of ours is ever protected by them.
"""

import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric import ec, mlkem, x448, x25519
from cryptography.hazmat.primitives.ciphers.aead import AESGCM, ChaCha20Poly1305
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from .registry import Group
from .wire import TlsFault, vector


class Share(Protocol):
    """One group's private key. `secret` raises ValueError where the server's share is none of the group."""

    public: bytes

    def secret(self, server: bytes) -> bytes: ...


class _Montgomery:
    """X25519 and X448 (RFC 7748)."""

    def __init__(self, key: x25519.X25519PrivateKey | x448.X448PrivateKey) -> None:
        self._key = key
        self.public = key.public_key().public_bytes_raw()

    def secret(self, server: bytes) -> bytes:
        if isinstance(self._key, x25519.X25519PrivateKey):
            return self._key.exchange(x25519.X25519PublicKey.from_public_bytes(server))
        return self._key.exchange(x448.X448PublicKey.from_public_bytes(server))


class _Curve:
    """The NIST curves; points are uncompressed (RFC 8446 section 4.2.8.2)."""

    def __init__(self, key: ec.EllipticCurvePrivateKey) -> None:
        self._key = key
        self.public = key.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)

    def secret(self, server: bytes) -> bytes:
        if len(server) != len(self.public):
            raise ValueError("a point of another curve, or a compressed one")
        public = ec.EllipticCurvePublicKey.from_encoded_point(self._key.curve, server)
        return self._key.exchange(ec.ECDH(), public)


class _Encapsulation:
    """ML-KEM (FIPS 203): the server's share is a ciphertext."""

    def __init__(self, key: mlkem.MLKEM768PrivateKey | mlkem.MLKEM1024PrivateKey) -> None:
        self._key = key
        self.public = key.public_key().public_bytes_raw()

    def secret(self, server: bytes) -> bytes:
        return self._key.decapsulate(server)


class _Both:
    """A hybrid: shares and secrets in a row; `first` octets of the server's share are the one's."""

    def __init__(self, one: Share, other: Share, first: int) -> None:
        self._one, self._other, self._first = one, other, first
        self.public = one.public + other.public

    def secret(self, server: bytes) -> bytes:
        return self._one.secret(server[: self._first]) + self._other.secret(server[self._first :])


@dataclass(frozen=True, slots=True)
class PrivateKeys:
    """What the shares are made of."""

    x25519: x25519.X25519PrivateKey
    x448: x448.X448PrivateKey
    p256: ec.EllipticCurvePrivateKey
    p384: ec.EllipticCurvePrivateKey
    p521: ec.EllipticCurvePrivateKey
    mlkem768: mlkem.MLKEM768PrivateKey
    mlkem1024: mlkem.MLKEM1024PrivateKey


class Shares:
    """Our key shares by group."""

    def __init__(self, keys: PrivateKeys) -> None:
        """Hybrids as in draft-ietf-tls-ecdhe-mlkem: with X25519 the ML-KEM part comes first, with a NIST
        curve the curve's."""
        bernstein, p256, p384 = _Montgomery(keys.x25519), _Curve(keys.p256), _Curve(keys.p384)
        smaller, larger = _Encapsulation(keys.mlkem768), _Encapsulation(keys.mlkem1024)
        self._by_group: Mapping[int, Share] = {
            Group.x25519: bernstein,
            Group.x448: _Montgomery(keys.x448),
            Group.secp256r1: p256,
            Group.secp384r1: p384,
            Group.secp521r1: _Curve(keys.p521),
            Group.X25519MLKEM768: _Both(smaller, bernstein, 1088),
            Group.SecP256r1MLKEM768: _Both(p256, smaller, len(p256.public)),
            Group.SecP384r1MLKEM1024: _Both(p384, larger, len(p384.public)),
        }

    def share(self, group: int) -> Share:
        """Raises TlsFault for a group in which we have none."""
        try:
            return self._by_group[group]
        except KeyError:
            raise TlsFault(f"the server wants a key share of group {group}, which was not offered") from None

    def secret(self, group: int, server: bytes) -> bytes:
        """Raises TlsFault for a share that is none of the group."""
        share = self.share(group)
        try:
            return share.secret(server)
        except ValueError:
            raise TlsFault(f"the server's key share is none of the group {Group(group).name}") from None


# -- the key schedule ------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Suite:
    """A cipher suite of TLS 1.3."""

    digest: str
    key_octets: int
    cipher: type[AESGCM | ChaCha20Poly1305]


SUITES_1_3 = {
    0x1301: Suite("sha256", 16, AESGCM),
    0x1302: Suite("sha384", 32, AESGCM),
    0x1303: Suite("sha256", 32, ChaCha20Poly1305),
}
_NONCE_OCTETS = 12


def expand_label(secret: bytes, label: bytes, context: bytes, size: int, digest: str) -> bytes:
    """HKDF-Expand-Label, at most one block of output."""
    info = size.to_bytes(2, "big") + vector(1, b"tls13 " + label) + vector(1, context)
    return hmac.digest(secret, info + b"\x01", digest)[:size]


def _before_handshake(digest: str) -> bytes:
    """The early secret without a pre-shared key, as the salt of the handshake secret."""
    zeros, empty = bytes(hashlib.new(digest).digest_size), hashlib.new(digest).digest()
    return expand_label(hmac.digest(zeros, zeros, digest), b"derived", empty, len(empty), digest)


_SALTS = {digest: _before_handshake(digest) for digest in ("sha256", "sha384")}


def server_handshake_secret(suite: Suite, shared: bytes, transcript: bytes) -> bytes:
    """server_handshake_traffic_secret; `transcript` is the hash from ClientHello to ServerHello."""
    secret = hmac.digest(_SALTS[suite.digest], shared, suite.digest)
    return expand_label(secret, b"s hs traffic", transcript, len(transcript), suite.digest)


class Decrypter:
    """Decrypts the server's records with its handshake keys (RFC 8446 sections 5.2 and 5.3)."""

    __slots__ = ("_cipher", "_count", "_iv")

    def __init__(self, suite: Suite, secret: bytes) -> None:
        self._cipher = suite.cipher(expand_label(secret, b"key", b"", suite.key_octets, suite.digest))
        iv = expand_label(secret, b"iv", b"", _NONCE_OCTETS, suite.digest)
        self._iv = int.from_bytes(iv, "big")
        self._count = 0

    def decrypt(self, header: bytes, fragment: bytes) -> tuple[int, bytes]:
        """Type and content of a record. Raises TlsFault."""
        nonce = (self._iv ^ self._count).to_bytes(_NONCE_OCTETS, "big")
        self._count += 1
        try:
            inner = self._cipher.decrypt(nonce, fragment, header).rstrip(b"\x00")
        except InvalidTag:
            raise TlsFault("the server sent a record that cannot be decrypted") from None
        if not inner:
            raise TlsFault("the server sent a record without a type")
        return inner[-1], inner[:-1]
