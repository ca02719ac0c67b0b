"""Opens what is encrypted with a password: PKCS #5 (RFC 8018) and PKCS #12 (RFC 7292 appendix B).

The rounds of a derivation are paid for out of an `Effort` before they are done.
"""

import hashlib
import hmac
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.decrepit.ciphers.algorithms import TripleDES
from cryptography.hazmat.primitives import padding
from cryptography.hazmat.primitives.ciphers import Cipher, CipherAlgorithm
from cryptography.hazmat.primitives.ciphers.aead import AESCCM
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import CBC
from cryptography.hazmat.primitives.keywrap import InvalidUnwrap, aes_key_unwrap_with_padding

from .. import der
from ..errors import Malformed, TooLarge
from .rc2 import decrypt_rc2
from .values import Effort

SCRYPT_OCTETS_MAX = 64 * 1024 * 1024
SALT_OCTETS_MAX = 1024
CODE_KEY_OCTETS_MAX = 256

_PKCS12 = "1.2.840.113549.1.12.1."
_PBES2, PBKDF2, PBMAC1 = (f"1.2.840.113549.1.5.{last}" for last in (13, 12, 14))
SCRYPT = "1.3.6.1.4.1.11591.4.11"
_DES_EDE3_CBC, _RC2_CBC = "1.2.840.113549.3.7", "1.2.840.113549.3.2"
_AES_CBC = {"2.16.840.1.101.3.4.1.2": 16, "2.16.840.1.101.3.4.1.22": 24, "2.16.840.1.101.3.4.1.42": 32}
_AES_CCM = {"2.16.840.1.101.3.4.1.7": 16, "2.16.840.1.101.3.4.1.27": 24, "2.16.840.1.101.3.4.1.47": 32}
_AES_WRAP_PAD = {"2.16.840.1.101.3.4.1.8": 16, "2.16.840.1.101.3.4.1.28": 24, "2.16.840.1.101.3.4.1.48": 32}
HMACS = {
    "1.2.840.113549.2.7": "sha1",
    "1.2.840.113549.2.8": "sha224",
    "1.2.840.113549.2.9": "sha256",
    "1.2.840.113549.2.10": "sha384",
    "1.2.840.113549.2.11": "sha512",
    "2.16.840.1.101.3.4.2.14": "sha3_256",
    "2.16.840.1.101.3.4.2.16": "sha3_512",
}
HASHES = {
    "1.2.840.113549.2.5": "md5",
    "1.3.14.3.2.26": "sha1",
    "2.16.840.1.101.3.4.2.4": "sha224",
    "2.16.840.1.101.3.4.2.1": "sha256",
    "2.16.840.1.101.3.4.2.2": "sha384",
    "2.16.840.1.101.3.4.2.3": "sha512",
}
# RFC 7292 appendix C: cipher and octets of key; the RC4 variants are not read
_PBES1 = {3: ("3des", 24), 4: ("2des", 16), 5: ("rc2", 16), 6: ("rc2", 5)}


class WrongPassword(Exception):
    """The password does not open it; or it is damaged, which cannot be told apart."""


@dataclass(frozen=True, slots=True)
class Password:
    """A password as PKCS #5 takes it (UTF-8) and as PKCS #12 does (RFC 7292 appendix B.1)."""

    plain: bytes
    wide: bytes


def passwords_of(texts: Sequence[str]) -> tuple[Password, ...]:
    """The empty one in both of its forms: as text with its end, and as nothing at all."""
    found = [Password(text.encode(), text.encode("utf-16-be") + b"\0\0") for text in texts]
    if "" in texts:
        found.append(Password(b"", b""))
    return tuple(found)


def openings(
    algorithm: bytes, secret: bytes, passwords: Sequence[Password], effort: Effort
) -> Iterator[bytes]:
    """What each password makes of `secret`, encrypted by `algorithm` (AlgorithmIdentifier, DER). One that is
    wrong may leave what looks padded; only who reads it knows.

    Raises Malformed for an algorithm that is not known, TooLarge.
    """
    for password in passwords:
        try:
            yield _decrypt(der.Reader(algorithm, "algorithm").inside(), secret, password, effort)
        except WrongPassword:
            continue


def _decrypt(algorithm: der.Reader, secret: bytes, password: Password, effort: Effort) -> bytes:
    oid = algorithm.object_identifier()
    if oid == _PBES2:
        scheme = algorithm.inside()
        derivation, cipher = scheme.inside(), scheme.inside()
        return _pbes2(derivation, cipher, secret, password.plain, effort)
    number = oid.removeprefix(_PKCS12)
    if oid.startswith(_PKCS12) and number.isdecimal() and int(number) in _PBES1:
        return _pbes1(int(number), algorithm.inside(), secret, password.wide, effort)
    raise Malformed(f"it is encrypted by algorithm {oid}, which is not read here")


# -- derivations ---------------------------------------------------------------------------------


def derive_pkcs12(
    purpose: int, hash_name: str, password: bytes, salt: bytes, rounds: int, size: int, effort: Effort
) -> bytes:
    """`size` octets by RFC 7292 appendix B.2; `purpose` is 1 for a key, 2 for an IV, 3 for a MAC."""
    digest = hashlib.new(hash_name, usedforsecurity=False)
    block, width = digest.block_size, digest.digest_size
    pieces = -(-size // width)
    effort.spend(rounds, pieces)
    filled = _filled(_checked_salt(salt), block) + _filled(password, block)
    made = b""
    for _ in range(pieces):
        one = bytes((purpose,)) * block + filled
        for _ in range(rounds):
            one = hashlib.new(hash_name, one, usedforsecurity=False).digest()
        made += one
        more = int.from_bytes(_filled(one, block), "big") + 1
        filled = b"".join(
            ((int.from_bytes(filled[at : at + block], "big") + more) % (1 << 8 * block)).to_bytes(
                block, "big"
            )
            for at in range(0, len(filled), block)
        )
    return made[:size]


def _filled(octets: bytes, block: int) -> bytes:
    """Repeated up to a multiple of the block."""
    size = -(-len(octets) // block) * block
    return (octets * (size // len(octets) + 1))[:size] if octets else b""


def derive(derivation: der.Reader, password: bytes, size: int, effort: Effort) -> bytes:
    """`size` octets by PBKDF2 (RFC 8018 section 5.2) or scrypt (RFC 7914), as an AlgorithmIdentifier says."""
    oid = derivation.object_identifier()
    parameters = derivation.inside()
    if oid == PBKDF2:
        salt, rounds = _checked_salt(parameters.content(der.OCTET_STRING)), parameters.integer()
        if parameters.peek() == der.INTEGER:
            parameters.integer()
        function = "1.2.840.113549.2.7" if parameters.at_end() else parameters.inside().object_identifier()
        if function not in HMACS:
            raise Malformed(f"its key derivation uses {function}, which is not read here")
        effort.spend(rounds, -(-size // width(HMACS[function])))
        return hashlib.pbkdf2_hmac(HMACS[function], password, salt, rounds, size)
    if oid == SCRYPT:
        salt = _checked_salt(parameters.content(der.OCTET_STRING))
        cost, block, parallel = parameters.integer(), parameters.integer(), parameters.integer()
        return _scrypt(password, salt, (cost, block, parallel), size, effort)
    raise Malformed(f"its key derivation is {oid}, which is not read here")


def derive_code_key(derivation: bytes, password: Password, effort: Effort) -> bytes:
    """The key of a code (PBMAC1, RFC 9579 section 6), whose length is said where the derivation is."""
    fields = der.Reader(derivation, "derivation").inside()
    oid, parameters = fields.object_identifier(), fields.inside()
    parameters.content(der.OCTET_STRING)
    for _ in range(3 if oid == SCRYPT else 1):
        parameters.integer()
    if parameters.peek() != der.INTEGER or not 1 <= (size := parameters.integer()) <= CODE_KEY_OCTETS_MAX:
        raise Malformed("its code's key has no length")
    return derive(der.Reader(derivation, "derivation").inside(), password.plain, size, effort)


def _scrypt(password: bytes, salt: bytes, work: tuple[int, int, int], size: int, effort: Effort) -> bytes:
    cost, block, parallel = work
    if min(work) < 1 or cost < 2 or cost & (cost - 1):
        raise Malformed("its scrypt parameters are none")
    if max(work) > SCRYPT_OCTETS_MAX or 128 * cost * block * parallel > SCRYPT_OCTETS_MAX:
        raise TooLarge(f"its scrypt parameters ask for more than {SCRYPT_OCTETS_MAX} octets of memory")
    effort.spend(cost * block, parallel)
    maximum = 2 * SCRYPT_OCTETS_MAX
    return hashlib.scrypt(password, salt=salt, n=cost, r=block, p=parallel, maxmem=maximum, dklen=size)


def _checked_salt(salt: bytes) -> bytes:
    if len(salt) > SALT_OCTETS_MAX:
        raise TooLarge(f"a salt of {len(salt)} octets; at most {SALT_OCTETS_MAX} are read")
    return salt


# -- ciphers -------------------------------------------------------------------------------------


def _pbes1(number: int, parameters: der.Reader, secret: bytes, password: bytes, effort: Effort) -> bytes:
    salt, rounds = parameters.content(der.OCTET_STRING), parameters.integer()
    cipher, size = _PBES1[number]
    key = derive_pkcs12(1, "sha1", password, salt, rounds, size, effort)
    vector = derive_pkcs12(2, "sha1", password, salt, rounds, 8, effort)
    if cipher == "rc2":
        return _unpadded(decrypt_rc2(key, vector, secret), 64)
    return _cbc(TripleDES(key + key[:8] if size == 16 else key), vector, secret)


def _pbes2(
    derivation: der.Reader, cipher: der.Reader, secret: bytes, password: bytes, effort: Effort
) -> bytes:
    oid = cipher.object_identifier()
    if oid in _AES_CBC:
        vector = cipher.content(der.OCTET_STRING)
        return _cbc_of(AES, derive(derivation, password, _AES_CBC[oid], effort), vector, secret)
    if oid == _DES_EDE3_CBC:
        vector = cipher.content(der.OCTET_STRING)
        return _cbc_of(TripleDES, derive(derivation, password, 24, effort), vector, secret)
    if oid == _RC2_CBC:
        parameters = cipher.inside()
        bits = {160: 40, 120: 64, 58: 128}.get(parameters.integer(), 0)
        vector, key = parameters.content(der.OCTET_STRING), derive(derivation, password, 16, effort)
        return _unpadded(decrypt_rc2(key, vector, secret, bits), 64)
    if oid in _AES_CCM:
        return _ccm(cipher.inside(), derive(derivation, password, _AES_CCM[oid], effort), secret)
    if oid in _AES_WRAP_PAD:
        return _unwrapped(derive(derivation, password, _AES_WRAP_PAD[oid], effort), secret)
    raise Malformed(f"it is encrypted by algorithm {oid}, which is not read here")


def _cbc_of(cipher: Callable[[bytes], CipherAlgorithm], key: bytes, vector: bytes, secret: bytes) -> bytes:
    return _cbc(cipher(key), vector, secret)


def _cbc(cipher: CipherAlgorithm, vector: bytes, secret: bytes) -> bytes:
    bits: int = cipher.block_size  # type: ignore[attr-defined]
    if len(vector) * 8 != bits or not secret or len(secret) * 8 % bits:
        raise Malformed("what is encrypted is no whole number of blocks")
    opener = Cipher(cipher, CBC(vector)).decryptor()
    return _unpadded(opener.update(secret) + opener.finalize(), bits)


def _unpadded(octets: bytes, bits: int) -> bytes:
    remover = padding.PKCS7(bits).unpadder()
    try:
        return remover.update(octets) + remover.finalize()
    except ValueError as error:
        raise WrongPassword from error


def _ccm(parameters: der.Reader, key: bytes, secret: bytes) -> bytes:
    """RFC 5084 section 3.1."""
    nonce = parameters.content(der.OCTET_STRING)
    tag = parameters.integer() if parameters.peek() == der.INTEGER else 12
    if not 7 <= len(nonce) <= 13 or tag not in range(4, 17, 2) or len(secret) < tag:
        raise Malformed("its CCM parameters are none")
    try:
        return AESCCM(key, tag_length=tag).decrypt(nonce, secret, None)
    except (InvalidTag, ValueError) as error:
        raise WrongPassword from error


def _unwrapped(key: bytes, secret: bytes) -> bytes:
    """RFC 5649."""
    try:
        return aes_key_unwrap_with_padding(key, secret)
    except (InvalidUnwrap, ValueError) as error:
        raise WrongPassword from error


def authenticated(key: bytes, hash_name: str, octets: bytes, code: bytes) -> bool:
    return hmac.compare_digest(hmac.digest(key, octets, hash_name), code)


def width(hash_name: str) -> int:
    """Octets of a digest."""
    return hashlib.new(hash_name, usedforsecurity=False).digest_size
