"""Keys in a hardware module, through PKCS#11: made there, used there, never seen here.

A reference is the key's CKA_ID. Hashing is done here and the token signs the digest (EdDSA: the whole
message), so that no more than it must goes to the token. PKCS#11 3.0, section 6.
"""

import hashlib
import os
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, padding, rsa, utils

from ...core import der
from ...core.errors import IntegrityError, Malformed, NotFound, Reason, Refused
from ...core.keys import KeyAlgorithm, PrivateKey, PublicKey, algorithm_of
from ...ports import SECRET, KeyReference, KeySpec
from .label import encoded_label
from .pkcs11_pool import Opening, Pool
from .sign_only import Data, Signer, sign_only

MAXIMUM_SESSIONS = 64
_IDENTIFIER_BYTES = 16
_MAXIMUM_IDENTIFIER = 64
_SECONDS_TO_GENERATE = 300

# PKCS#11 3.0: CKM_RSA_PKCS_KEY_PAIR_GEN, CKM_EC_KEY_PAIR_GEN, CKM_EC_EDWARDS_KEY_PAIR_GEN,
# CKM_RSA_PKCS, CKM_ECDSA, CKM_EDDSA
_GENERATE_RSA, _GENERATE_EC, _GENERATE_EDWARDS = 0x0000, 0x1040, 0x1055
_SIGN_RSA, _SIGN_ECDSA, _SIGN_EDDSA = 0x0001, 0x1041, 0x1057


@dataclass(frozen=True, slots=True)
class _Shape:
    """How a key is asked for: generating mechanism, and bits or CKA_EC_PARAMS."""

    mechanism: int
    parameters: bytes


_SHAPES = {
    KeyAlgorithm.RSA_2048: _Shape(_GENERATE_RSA, b"2048"),
    KeyAlgorithm.RSA_3072: _Shape(_GENERATE_RSA, b"3072"),
    KeyAlgorithm.RSA_4096: _Shape(_GENERATE_RSA, b"4096"),
    KeyAlgorithm.ECDSA_P256: _Shape(_GENERATE_EC, der.object_identifier("1.2.840.10045.3.1.7")),
    KeyAlgorithm.ECDSA_P384: _Shape(_GENERATE_EC, der.object_identifier("1.3.132.0.34")),
    KeyAlgorithm.ECDSA_P521: _Shape(_GENERATE_EC, der.object_identifier("1.3.132.0.35")),
    KeyAlgorithm.ED25519: _Shape(_GENERATE_EDWARDS, der.object_identifier("1.3.101.112")),
    KeyAlgorithm.ED448: _Shape(_GENERATE_EDWARDS, der.object_identifier("1.3.101.113")),
}
_CURVES: dict[KeyAlgorithm, ec.EllipticCurve] = {
    KeyAlgorithm.ECDSA_P256: ec.SECP256R1(),
    KeyAlgorithm.ECDSA_P384: ec.SECP384R1(),
    KeyAlgorithm.ECDSA_P521: ec.SECP521R1(),
}
_EDWARDS_BYTES = {KeyAlgorithm.ED25519: 32, KeyAlgorithm.ED448: 57}
# DigestInfo of RFC 8017 section 9.2, note 1, up to the digest
_DIGEST_INFO = {
    "sha256": bytes.fromhex("3031300d060960864801650304020105000420"),
    "sha384": bytes.fromhex("3041300d060960864801650304020205000430"),
    "sha512": bytes.fromhex("3051300d060960864801650304020305000440"),
}


class Pkcs11Keys:
    """KeyProvider for one token of one PKCS#11 module. Have as many as there are tokens.

    Nothing is loaded or opened before the first use in a process, nor shared with a forked one.
    """

    local = False

    @dataclass(frozen=True, slots=True)
    class Settings:
        """`module` is the path of the vendor's library, `token` the label of the token in it, `pin` the
        user PIN. `sessions` is how many signatures run side by side, each in a process of about 20 MB.
        `timeout_seconds` bounds one signature. `environment` holds NAME=value entries for the module."""

        module: str
        token: str
        pin: str = field(repr=False, metadata=SECRET)
        sessions: int = 4
        timeout_seconds: int = 10
        environment: tuple[str, ...] = ()

    def __init__(self, settings: Settings) -> None:
        """Raises Malformed for settings out of bounds."""
        self._opening = _opening(settings)
        self.signatures_at_once = settings.sessions
        self._pools: dict[int, Pool] = {}

    def create(self, spec: KeySpec) -> KeyReference:
        """A key pair made in the token: CKA_TOKEN, CKA_SENSITIVE, not CKA_EXTRACTABLE.

        Raises Refused for an algorithm the token has not, Malformed for a bad label, Unavailable.
        """
        shape, label = _SHAPES.get(spec.algorithm), encoded_label(spec.label)
        if shape is None:
            text = f"{self._opening.name} does not make keys of algorithm {spec.algorithm}"
            raise Refused((Reason("key.not-offered", text),))
        identifier = os.urandom(_IDENTIFIER_BYTES)
        mechanism = b"%d" % shape.mechanism
        pool = self._pool()
        pool.ask(b"ready", mechanism)
        values = pool.ask_once(
            _SECONDS_TO_GENERATE, b"generate", mechanism, shape.parameters, identifier, label
        )
        _public_key(spec.algorithm, values)
        return KeyReference(spec.algorithm, identifier)

    def open(self, key: KeyReference) -> PrivateKey:
        """The key; its signatures are made in the token and raise Unavailable as this does. Raises
        NotFound, IntegrityError when the token holds a key of another algorithm by this CKA_ID."""
        public_key = _public_key(key.algorithm, self._pool().ask(b"public", _identifier(key)))
        return sign_only(public_key, self._signer(key))

    def destroy(self, key: KeyReference) -> None:
        """Remove both halves from the token. Raises Unavailable."""
        self._pool().ask(b"destroy", _identifier(key))

    def close(self) -> None:
        """End the helper processes of this process; the next use starts others."""
        self._pool().end()

    def _pool(self) -> Pool:
        """The pool of this process. No lock: one held by another thread at a fork would stay held."""
        process = os.getpid()
        pool = self._pools.get(process)
        if pool is None:
            for other in list(self._pools):
                if other != process and (inherited := self._pools.pop(other, None)):
                    inherited.abandon()
            pool = self._pools.setdefault(process, Pool(self._opening))
        return pool

    def _signer(self, key: KeyReference) -> Signer:
        identifier = _identifier(key)

        def sign(mechanism: int, data: bytes) -> bytes:
            return self._pool().ask(b"sign", identifier, b"%d" % mechanism, data)[0]

        if key.algorithm in _CURVES:
            return partial(_sign_ecdsa, sign, (_CURVES[key.algorithm].key_size + 7) // 8)
        return partial(_sign_eddsa if key.algorithm in _EDWARDS_BYTES else _sign_rsa, sign)


# -- signatures: the last arguments are those of `sign` of the key classes -----------------------------

_Token = Callable[[int, bytes], bytes]
_Digest = hashes.HashAlgorithm | utils.Prehashed | utils.NoDigestInfo


def _sign_rsa(token: _Token, data: Data, scheme: padding.AsymmetricPadding, algorithm: _Digest) -> bytes:
    if not isinstance(scheme, padding.PKCS1v15):
        raise _not_offered(f"RSA with padding {scheme.name}")
    name, digest = _digest(data, algorithm)
    return token(_SIGN_RSA, _DIGEST_INFO[name] + digest)


def _sign_ecdsa(token: _Token, octets: int, data: Data, scheme: ec.EllipticCurveSignatureAlgorithm) -> bytes:
    if not isinstance(scheme, ec.ECDSA) or scheme.deterministic_signing:
        raise _not_offered("deterministic ECDSA")
    _, digest = _digest(data, scheme.algorithm)
    # The leftmost bits of a digest longer than the group's order (FIPS 186-5 section 6.4.1); not every
    # token cuts it itself.
    signature = token(_SIGN_ECDSA, digest[:octets])
    return utils.encode_dss_signature(
        int.from_bytes(signature[:octets], "big"), int.from_bytes(signature[octets:], "big")
    )


def _sign_eddsa(token: _Token, data: Data) -> bytes:
    return token(_SIGN_EDDSA, bytes(data))


def _digest(data: Data, algorithm: _Digest) -> tuple[str, bytes]:
    """Name and value of the digest, made here unless it was made before."""
    # `cryptography` gives no other way to the hash of a Prehashed, and its own keys read it there.
    inner = algorithm._algorithm if isinstance(algorithm, utils.Prehashed) else algorithm
    if isinstance(inner, utils.NoDigestInfo) or inner.name not in _DIGEST_INFO:
        raise _not_offered(f"a digest other than {', '.join(_DIGEST_INFO)}")
    digest = bytes(data) if inner is not algorithm else hashlib.new(inner.name, data).digest()
    if len(digest) != inner.digest_size:
        raise Malformed(f"a {inner.name} digest has {inner.digest_size} bytes, not {len(digest)}")
    return inner.name, digest


def _not_offered(what: str) -> Refused:
    return Refused((Reason("key.not-offered", f"keys in PKCS#11 tokens do not sign {what} here"),))


# -- values in and out -----------------------------------------------------------------------------


def _opening(settings: Pkcs11Keys.Settings) -> Opening:
    if not settings.module.startswith("/") or not 0 < len(settings.token) <= 32:
        raise Malformed("a PKCS#11 module is an absolute path, its token a label of 1 to 32 characters")
    if not 1 <= settings.sessions <= MAXIMUM_SESSIONS or not 1 <= settings.timeout_seconds <= 120:
        raise Malformed(f"PKCS#11 takes 1 to {MAXIMUM_SESSIONS} sessions and a timeout of 1 to 120 seconds")
    try:
        "".join((settings.module, settings.token, settings.pin, *settings.environment)).encode()
    except UnicodeEncodeError as error:
        raise Malformed(f"a setting of a PKCS#11 module is no Unicode text: {error.reason}") from error
    environment = []
    for entry in settings.environment:
        name, equals, value = entry.partition("=")
        if not name or not equals or "\0" in entry:
            raise Malformed("entries of the environment of a PKCS#11 module read NAME=value")
        environment.append((name, value))
    return Opening(
        module=settings.module,
        token=settings.token,
        pin=settings.pin,
        environment=tuple(environment),
        sessions=settings.sessions,
        seconds=settings.timeout_seconds,
    )


def _identifier(key: KeyReference) -> bytes:
    if not 0 < len(key.reference) <= _MAXIMUM_IDENTIFIER:
        raise NotFound(f"a PKCS#11 reference is a CKA_ID of 1 to {_MAXIMUM_IDENTIFIER} bytes")
    return key.reference


def _public_key(algorithm: KeyAlgorithm, values: list[bytes]) -> PublicKey:
    """From modulus and exponent, or CKA_EC_POINT. Raises IntegrityError for another algorithm's."""
    try:
        if len(values) == 2:
            modulus, exponent = (int.from_bytes(value, "big") for value in values)
            public_key: PublicKey = rsa.RSAPublicNumbers(exponent, modulus).public_key()
        else:
            public_key = _from_point(algorithm, values[0])
        found = algorithm_of(public_key)
    except (ValueError, Refused) as error:  # the latter: an RSA key of a size we do not have
        raise _other_algorithm(algorithm) from error
    if found != algorithm:
        raise _other_algorithm(algorithm)
    return public_key


def _from_point(algorithm: KeyAlgorithm, value: bytes) -> PublicKey:
    curve = _CURVES.get(algorithm)
    octets = 1 + 2 * ((curve.key_size + 7) // 8) if curve else _EDWARDS_BYTES.get(algorithm, 0)
    # PKCS#11 wants the point inside an OCTET STRING; some tokens give it bare.
    point = value[-octets:]
    if octets == 0 or value not in (point, der.octet_string(point)):
        raise _other_algorithm(algorithm)
    if curve:
        return ec.EllipticCurvePublicKey.from_encoded_point(curve, point)
    if algorithm is KeyAlgorithm.ED25519:
        return ed25519.Ed25519PublicKey.from_public_bytes(point)
    return ed448.Ed448PublicKey.from_public_bytes(point)


def _other_algorithm(algorithm: KeyAlgorithm) -> IntegrityError:
    return IntegrityError(f"the key that the PKCS#11 token has by this CKA_ID is not {algorithm}")
