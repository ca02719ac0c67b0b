"""Secrets at rest: an AES-256-GCM envelope, and the keys that open it.

A key-encryption key (32 bytes, kept outside the store) wraps a data key made for one secret; the data key
encrypts the secret. A context, such as "key/issuing-1/ecdsa-p256", is bound to both, so that an envelope
moved to another place does not open there. Layout, version 1:

    version 1 | key-encryption key identifier 8 | nonce 12 | wrapped data key 48 | secret + tag 16

AES-GCM is NIST SP 800-38D; scrypt is RFC 7914. Random bytes are parameters.
"""

import base64
import hashlib
import re
import unicodedata
from dataclasses import dataclass

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

from .errors import Conflict, IntegrityError, Malformed, TooLarge

VERSION = 1
KEY_BYTES = 32
NONCE_BYTES = 12
RANDOM_BYTES = KEY_BYTES + NONCE_BYTES
SALT_BYTES = 16
RECOVERY_BYTES = 16
MAXIMUM_SECRET = 65_536
MAXIMUM_CONTEXT = 512
MINIMUM_PASSPHRASE = 12
MAXIMUM_PASSPHRASE = 1024

_TAG = 16
_IDENTIFIER = 8
_NONCE_AT = 1 + _IDENTIFIER
_WRAPPED_AT = _NONCE_AT + NONCE_BYTES
_SECRET_AT = _WRAPPED_AT + KEY_BYTES + _TAG
_MAXIMUM_ENVELOPE = _SECRET_AT + MAXIMUM_SECRET + _TAG
# A data key encrypts one secret and never another, so its nonce need not differ.
_ONLY_NONCE = bytes(NONCE_BYTES)


# -- the envelope --------------------------------------------------------------------------------


def encrypt(kek: bytes, secret: bytes, context: str, random: bytes) -> bytes:
    """The envelope around `secret` (0 to 65,536 bytes). `random` is 44 fresh random bytes, used once.

    Raises TooLarge past a bound, Malformed for a key or randomness of the wrong length.
    """
    if len(secret) > MAXIMUM_SECRET:
        raise TooLarge(f"a secret of {len(secret)} bytes; at most {MAXIMUM_SECRET} fit an envelope")
    _require_length("random bytes for an envelope", random, RANDOM_BYTES)
    data_key, nonce = random[:KEY_BYTES], random[KEY_BYTES:]
    sealed = AESGCM(data_key).encrypt(_ONLY_NONCE, secret, _bound_to("secret", context))
    return _wrap(kek, data_key, context, nonce) + sealed


def decrypt(kek: bytes, envelope: bytes, context: str) -> bytes:
    """The secret inside `envelope`.

    Raises Conflict when it was encrypted under another key-encryption key, IntegrityError when it is
    damaged, of an unknown version, or bound to another context.
    """
    data_key = _unwrap(kek, envelope, context)
    try:
        return AESGCM(data_key).decrypt(_ONLY_NONCE, envelope[_SECRET_AT:], _bound_to("secret", context))
    except InvalidTag as error:
        raise _damaged(context) from error


def check_key_encryption_key(kek: bytes) -> None:
    """Raises Malformed for a key of another length than 32 bytes."""
    _require_length("a key-encryption key", kek, KEY_BYTES)


def key_identifier(kek: bytes) -> bytes:
    """Eight bytes that tell key-encryption keys apart and say nothing else of them."""
    check_key_encryption_key(kek)
    return hashlib.sha256(b"certwright key-encryption key\x00" + kek).digest()[:_IDENTIFIER]


def envelope_key_identifier(envelope: bytes) -> bytes:
    """Which key-encryption key opens this envelope. Raises IntegrityError when it is no envelope."""
    if not _SECRET_AT + _TAG <= len(envelope) <= _MAXIMUM_ENVELOPE:
        raise IntegrityError(f"an encrypted secret of {len(envelope)} bytes is no whole envelope")
    if envelope[0] != VERSION:
        raise IntegrityError(
            f"an encrypted secret of version {envelope[0]}; this release reads version {VERSION}"
        )
    return envelope[1:_NONCE_AT]


def _wrap(kek: bytes, data_key: bytes, context: str, nonce: bytes) -> bytes:
    head = bytes((VERSION,)) + key_identifier(kek)
    return head + nonce + AESGCM(kek).encrypt(nonce, data_key, head + _bound_to("key", context))


def _unwrap(kek: bytes, envelope: bytes, context: str) -> bytes:
    found, given = envelope_key_identifier(envelope), key_identifier(kek)
    if found != given:
        raise Conflict(
            f"{context} is encrypted under another key-encryption key (id {found.hex()}); "
            f"the one given has id {given.hex()}: give the key or passphrase it was encrypted with"
        )
    nonce, wrapped = envelope[_NONCE_AT:_WRAPPED_AT], envelope[_WRAPPED_AT:_SECRET_AT]
    bound = envelope[:_NONCE_AT] + _bound_to("key", context)
    try:
        return AESGCM(kek).decrypt(nonce, wrapped, bound)
    except InvalidTag as error:
        raise _damaged(context) from error


def _bound_to(part: str, context: str) -> bytes:
    name = context.encode(errors="surrogatepass")
    if not 0 < len(name) <= MAXIMUM_CONTEXT:
        raise Malformed(f"the context of a secret has 1 to {MAXIMUM_CONTEXT} bytes, not {len(name)}")
    return f"certwright envelope {VERSION} {part}\x00".encode() + name


def _damaged(context: str) -> IntegrityError:
    return IntegrityError(
        f"the encrypted secret {context} was changed or belongs elsewhere; restore it from a backup"
    )


def _require_length(what: str, value: bytes, length: int) -> None:
    if len(value) != length:
        raise Malformed(f"{what} must be {length} bytes, not {len(value)}")


# -- key-encryption keys -------------------------------------------------------------------------


def parse_key_encryption_key(text: str) -> bytes:
    """The key in a file or environment variable: 32 bytes in hexadecimal or base64. Raises Malformed."""
    word = text[:256].strip()
    try:
        if re.fullmatch(r"[0-9A-Fa-f]{64}", word):
            key = bytes.fromhex(word)
        else:
            key = base64.b64decode(word.rstrip("=") + "=", validate=True)
    except ValueError:
        key = b""
    if len(key) != KEY_BYTES:
        raise Malformed("this is no key-encryption key: that is 32 bytes in base64 or hexadecimal")
    if len(set(key)) < KEY_BYTES // 4:
        raise Malformed("this is no key-encryption key: it is not random")
    return key


def key_encryption_key_text(kek: bytes) -> str:
    """One line of base64 that `parse_key_encryption_key` reads."""
    _require_length("a key-encryption key", kek, KEY_BYTES)
    return base64.b64encode(kek).decode()


@dataclass(frozen=True, slots=True)
class Derivation:
    """How a passphrase becomes a key-encryption key: scrypt's salt and cost. No secret; store it beside
    what it opens. Memory in bytes is 128 * 2**log2_n * r. Raises Malformed out of bounds."""

    salt: bytes
    log2_n: int = 17
    r: int = 8
    p: int = 1

    def __post_init__(self) -> None:
        if not (14 <= self.log2_n <= 20 and self.r == 8 and 1 <= self.p <= 4):
            raise Malformed("scrypt cost out of bounds: log2 N 14 to 20, r 8, p 1 to 4")
        if not SALT_BYTES <= len(self.salt) <= 64:
            raise Malformed(f"a salt has {SALT_BYTES} to 64 bytes, not {len(self.salt)}")

    def text(self) -> str:
        """One line, read back by `parse_derivation`."""
        return f"scrypt:{self.log2_n}:{self.r}:{self.p}:{self.salt.hex()}"


def parse_derivation(text: str) -> Derivation:
    """Read what `Derivation.text` wrote. Raises Malformed."""
    match = re.fullmatch(r"scrypt:(\d{1,2}):(\d{1,2}):(\d{1,2}):((?:[0-9a-f]{2}){16,64})", text.strip())
    if match is None:
        raise Malformed("passphrase parameters read scrypt:<log2 N>:<r>:<p>:<salt in hexadecimal>")
    return Derivation(bytes.fromhex(match[4]), log2_n=int(match[1]), r=int(match[2]), p=int(match[3]))


def kek_from_passphrase(passphrase: str, derivation: Derivation) -> bytes:
    """Key-encryption key from a passphrase of 12 to 1024 characters (RFC 7914). Takes about 0.3 s.

    The same words typed on another keyboard give the same key (Unicode NFKC). Raises Malformed.
    """
    if not MINIMUM_PASSPHRASE <= len(passphrase) <= MAXIMUM_PASSPHRASE:
        raise Malformed(
            f"a passphrase has {MINIMUM_PASSPHRASE} to {MAXIMUM_PASSPHRASE} characters, not {len(passphrase)}"
        )
    words = unicodedata.normalize("NFKC", passphrase).encode(errors="surrogatepass")
    scrypt = Scrypt(derivation.salt, KEY_BYTES, 2**derivation.log2_n, derivation.r, derivation.p)
    return scrypt.derive(words)


# -- the recovery passphrase ---------------------------------------------------------------------

# Digits and letters without i, l, o and u; those read as 1, 1, 0 and v.
_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"
_MISREAD = str.maketrans("ilou", "110v")
_GROUPS = 7
# Odd weights: any one wrong character changes the check character of its group.
_WEIGHTS = (1, 3, 7, 13)


def recovery_passphrase(random: bytes) -> str:
    """16 random bytes as seven groups of five, such as "k3v0q-...": to be printed once and typed back.

    Each group ends in a check character, and 12 bits check the whole. Raises Malformed.
    """
    _require_length("random bytes for a recovery passphrase", random, RECOVERY_BYTES)
    number = int.from_bytes(random, "big") << 12 | _whole_check(random)
    digits = [number >> 5 * place & 31 for place in reversed(range(4 * _GROUPS))]
    groups = [digits[4 * index : 4 * index + 4] for index in range(_GROUPS)]
    return "-".join(
        "".join(_ALPHABET[digit] for digit in (*group, _group_check(index, group)))
        for index, group in enumerate(groups)
    )


def read_recovery_passphrase(text: str) -> str:
    """What was typed, as `recovery_passphrase` printed it; spaces, hyphens and capitals do not matter.

    Raises Malformed that names the group with the typing error.
    """
    typed = re.sub(r"[\s-]+", "", text[:MAXIMUM_PASSPHRASE]).lower().translate(_MISREAD)
    if len(typed) != 5 * _GROUPS:
        raise Malformed(
            f"a recovery passphrase has {_GROUPS} groups of 5 characters, {5 * _GROUPS} in all; "
            f"this one has {len(typed)}"
        )
    digits = [_group_digits(index, typed[5 * index : 5 * index + 5]) for index in range(_GROUPS)]
    number = 0
    for digit in (digit for group in digits for digit in group):
        number = number << 5 | digit
    random = (number >> 12).to_bytes(RECOVERY_BYTES, "big")
    if number & 0xFFF != _whole_check(random):
        raise Malformed("there is a typing error in this recovery passphrase; compare every group")
    return recovery_passphrase(random)


def kek_from_recovery_passphrase(text: str, derivation: Derivation) -> bytes:
    """Key-encryption key from a typed recovery passphrase. Raises Malformed that names a typing error."""
    return kek_from_passphrase(read_recovery_passphrase(text), derivation)


def _group_digits(index: int, group: str) -> list[int]:
    digits = [_ALPHABET.find(character) for character in group]
    if -1 in digits or digits[4] != _group_check(index, digits[:4]):
        raise Malformed(
            f"there is a typing error in group {index + 1} of {_GROUPS} of the recovery passphrase"
        )
    return digits[:4]


def _group_check(index: int, digits: list[int]) -> int:
    weighted = sum(weight * digit for weight, digit in zip(_WEIGHTS, digits, strict=True))
    return (weighted + 5 * index + 1) & 31


def _whole_check(random: bytes) -> int:
    return int.from_bytes(hashlib.sha256(b"recovery passphrase\x00" + random).digest()[:2]) >> 4
