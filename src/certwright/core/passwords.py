"""Passwords as they are kept: Argon2id (RFC 9106), in the text form that Django reads.

Django verifies them when people log in, and says which are too weak; here they are made, without Django.
"""

from cryptography.hazmat.primitives.kdf.argon2 import Argon2id

SALT_OCTETS = 16
_LENGTH = 32
_ITERATIONS, _LANES, _MEMORY_KIB = 2, 8, 100 * 1024
"""As Django 5.2 has them, so that it finds nothing to renew at the first log-in."""


def hash_password(password: str, salt: bytes) -> str:
    """The text to be kept; `salt` has SALT_OCTETS random octets. Takes about 0.1 s and 100 MiB."""
    derivation = Argon2id(
        salt=salt, length=_LENGTH, iterations=_ITERATIONS, lanes=_LANES, memory_cost=_MEMORY_KIB
    )
    return "argon2" + derivation.derive_phc_encoded(password.encode())
