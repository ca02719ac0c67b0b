"""What a log of RFC 6962 says: its entries, in the presentation language of TLS, and its signed tree head.

Entries are written by strangers. Nothing is believed of one but that its octets are the leaf's; `extra_data`
is under no signature of the log.
"""

from dataclasses import dataclass

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.serialization import load_der_public_key

from ...core.errors import IntegrityError, Malformed
from ...core.merkle import HASH_OCTETS, SIZE_MAX

LogKey = ec.EllipticCurvePublicKey | rsa.RSAPublicKey
X509_ENTRY, PRECERT_ENTRY = 0, 1
LEAF_BEGINS = b"\0\0"
"""Of a MerkleTreeLeaf: version 1, and that a TimestampedEntry follows."""
CERTIFICATE_LENGTH = 3
_SHA256, _RSA, _ECDSA = 4, 1, 3
_TREE_HEAD = b"\x00\x01"
MILLISECONDS_MAX = 2**64 - 1
RSA_BITS_MIN = 2048


@dataclass(frozen=True, slots=True)
class Logged:
    """An entry. `certificate` is DER of what was logged, the precertificate itself where it is one; `tbs` is
    then what the leaf has of it, without the poison, and else empty; `issuer` is the first of the chain, if
    any."""

    certificate: bytes
    tbs: bytes
    issuer: bytes

    @property
    def is_precertificate(self) -> bool:
        return bool(self.tbs)


@dataclass(frozen=True, slots=True)
class TreeHead:
    """`timestamp` is in milliseconds since 1970, `root` 32 octets."""

    size: int
    timestamp: int
    root: bytes


class Octets:
    """Reads from the front; `at` is how far it is. Raises Malformed where they end too early."""

    def __init__(self, data: bytes, what: str) -> None:
        self._data, self._what, self.at = data, what, 0

    def take(self, count: int) -> bytes:
        taken = self._data[self.at : self.at + count]
        if len(taken) != count:
            raise Malformed(f"{self._what}: ends too early, at octet {len(self._data)}")
        self.at += count
        return taken

    def number(self, octets: int) -> int:
        return int.from_bytes(self.take(octets), "big")

    def vector(self, octets: int) -> bytes:
        """With its length in front, of so many octets."""
        return self.take(self.number(octets))

    def since(self, start: int) -> bytes:
        """What was taken from there on."""
        return self._data[start : self.at]

    @property
    def left(self) -> int:
        return len(self._data) - self.at

    def finish(self) -> None:
        if self.at != len(self._data):
            raise Malformed(f"{self._what}: extra octets after octet {self.at}")


def take_timestamped(octets: Octets) -> tuple[int, bytes, bytes]:
    """Takes a TimestampedEntry (RFC 6962 section 3.4): its type; the certificate, or what the leaf has of a
    precertificate; and its extensions. Raises Malformed."""
    octets.take(8)
    kind = octets.number(2)
    if kind not in (X509_ENTRY, PRECERT_ENTRY):
        raise Malformed(f"the leaf has an entry of the unknown type {kind}")
    if kind == PRECERT_ENTRY:
        octets.take(HASH_OCTETS)
    return kind, octets.vector(CERTIFICATE_LENGTH), octets.vector(2)


def read_entry(leaf_input: bytes, extra_data: bytes) -> Logged:
    """An entry of get-entries (RFC 6962 sections 3.4 and 4.6). Raises Malformed."""
    leaf = Octets(leaf_input, "the leaf")
    if leaf.take(2) != LEAF_BEGINS:
        raise Malformed("the leaf is none of version 1")
    kind, logged, _ = take_timestamped(leaf)
    leaf.finish()
    extra = Octets(extra_data, "the extra data")
    precertificate = extra.vector(CERTIFICATE_LENGTH) if kind == PRECERT_ENTRY else b""
    chain = extra.vector(CERTIFICATE_LENGTH)
    extra.finish()
    issuer = Octets(chain, "the chain").vector(CERTIFICATE_LENGTH) if chain else b""
    if not logged or (kind == PRECERT_ENTRY and not precertificate):
        raise Malformed("the entry holds no certificate")
    return Logged(precertificate, logged, issuer) if kind == PRECERT_ENTRY else Logged(logged, b"", issuer)


def read_log_key(spki: bytes) -> LogKey:
    """ECDSA with P-256, or RSA from 2048 bits on (RFC 6962 section 2.1.4). Raises Malformed."""
    try:
        key = load_der_public_key(spki)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise Malformed("the log's key cannot be read") from error
    if isinstance(key, ec.EllipticCurvePublicKey) and isinstance(key.curve, ec.SECP256R1):
        return key
    if isinstance(key, rsa.RSAPublicKey) and key.key_size >= RSA_BITS_MIN:
        return key
    raise Malformed(f"the log's key must be ECDSA with P-256, or RSA of at least {RSA_BITS_MIN} bits")


def verify_tree_head(key: LogKey, head: TreeHead, signature: bytes) -> None:
    """The signature of get-sth (RFC 6962 section 3.5). Raises Malformed, IntegrityError where it is not the
    key's."""
    if not 0 <= head.size <= SIZE_MAX or not 0 <= head.timestamp <= MILLISECONDS_MAX:
        raise Malformed("the tree head has a size or a time that none can have")
    if len(head.root) != HASH_OCTETS:
        raise Malformed(f"the tree head's root must be {HASH_OCTETS} octets")
    signed = Octets(signature, "the tree head's signature")
    algorithms, value = (signed.number(1), signed.number(1)), signed.vector(2)
    signed.finish()
    text = _TREE_HEAD + head.timestamp.to_bytes(8, "big") + head.size.to_bytes(8, "big") + head.root
    try:
        if isinstance(key, rsa.RSAPublicKey) and algorithms == (_SHA256, _RSA):
            key.verify(value, text, padding.PKCS1v15(), hashes.SHA256())
        elif isinstance(key, ec.EllipticCurvePublicKey) and algorithms == (_SHA256, _ECDSA):
            key.verify(value, text, ec.ECDSA(hashes.SHA256()))
        else:
            raise IntegrityError("the tree head is signed with another algorithm than the log's key")
    except InvalidSignature as error:
        raise IntegrityError("the tree head is not signed by the log's key") from error
