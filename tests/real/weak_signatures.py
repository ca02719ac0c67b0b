"""What builders do not sign any more: certificates and lists with SHA-1."""

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec

from certwright.core import der

SHA256, SHA1 = bytes.fromhex("300a06082a8648ce3d040302"), bytes.fromhex("300906072a8648ce3d0401")
"""AlgorithmIdentifiers: ecdsa-with-SHA256, ecdsa-with-SHA1."""


def weakly_signed(signed: bytes, key: ec.EllipticCurvePrivateKey) -> bytes:
    """A certificate or list (DER) that is signed with SHA-256, signed with SHA-1 in its place."""
    fields = der.Reader(signed, "signed").inside().inside()
    parts = []
    while not fields.at_end():
        parts.append(fields.whole())
    tbs = der.sequence(*[SHA1 if part == SHA256 else part for part in parts])
    return der.sequence(tbs, SHA1, der.bit_string(key.sign(tbs, ec.ECDSA(hashes.SHA1()))))
