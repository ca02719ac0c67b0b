"""Private keys that sign and do nothing else: the key classes of `cryptography`, without a way out.

What `cryptography` asks of a private key when it builds a certificate, a request, a CRL or an OCSP
answer is `sign` and `public_key`. These classes have both and refuse the rest. That stops mistakes;
code that runs in this process and means harm is stopped by a key that lies in a hardware module.
"""

from collections.abc import Callable
from typing import Generic, NoReturn, Self, SupportsIndex, TypeVar, cast

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, mldsa, padding, rsa, utils
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    KeySerializationEncryption,
    PrivateFormat,
)

from ...core.errors import Reason, Refused
from ...core.keys import PrivateKey, PublicKey

Data = bytes | bytearray | memoryview
# Takes what `sign` of the key's class takes after the key itself, in the same order.
Signer = Callable[..., bytes]
Public = TypeVar("Public")


class _SignOnly(Generic[Public]):
    """The public key and the function that signs. A copy is the key itself; none is pickled."""

    def __init__(self, public_key: Public, signer: Signer) -> None:
        self._public_key = public_key
        self._signer = signer

    def public_key(self) -> Public:
        return self._public_key

    def private_bytes(
        self,
        encoding: Encoding,
        format: PrivateFormat,  # noqa: A002 (the name that cryptography gave it)
        encryption_algorithm: KeySerializationEncryption,
    ) -> NoReturn:
        refuse_to("export", self)

    def private_bytes_raw(self) -> NoReturn:
        refuse_to("export", self)

    def private_numbers(self) -> NoReturn:
        refuse_to("export", self)

    def __reduce_ex__(self, protocol: SupportsIndex) -> NoReturn:
        refuse_to("export", self)

    def __copy__(self) -> Self:
        return self

    def __deepcopy__(self, memo: dict[int, object]) -> Self:
        return self


def refuse_to(act: str, key: object) -> NoReturn:
    """Raise Refused: this key signs and does nothing else."""
    kind = type(key).__name__.removesuffix("Key")
    raise Refused((Reason("key.sign-only", f"a private key of kind {kind} signs only: no {act}"),))


class RsaKey(_SignOnly[rsa.RSAPublicKey], rsa.RSAPrivateKey):
    @property
    def key_size(self) -> int:
        return self._public_key.key_size

    def sign(
        self,
        data: bytes,
        padding: padding.AsymmetricPadding,
        algorithm: utils.Prehashed | hashes.HashAlgorithm | utils.NoDigestInfo,
    ) -> bytes:
        return self._signer(data, padding, algorithm)

    def decrypt(self, ciphertext: bytes, padding: padding.AsymmetricPadding) -> NoReturn:
        refuse_to("decryption", self)


class EllipticCurveKey(_SignOnly[ec.EllipticCurvePublicKey], ec.EllipticCurvePrivateKey):
    @property
    def curve(self) -> ec.EllipticCurve:
        return self._public_key.curve

    @property
    def key_size(self) -> int:
        return self._public_key.key_size

    def sign(self, data: Data, signature_algorithm: ec.EllipticCurveSignatureAlgorithm) -> bytes:
        return self._signer(data, signature_algorithm)

    def exchange(self, algorithm: ec.ECDH, peer_public_key: ec.EllipticCurvePublicKey) -> NoReturn:
        refuse_to("key agreement", self)


class Ed25519Key(_SignOnly[ed25519.Ed25519PublicKey], ed25519.Ed25519PrivateKey):
    def sign(self, data: Data) -> bytes:
        return self._signer(data)


class Ed448Key(_SignOnly[ed448.Ed448PublicKey], ed448.Ed448PrivateKey):
    def sign(self, data: Data) -> bytes:
        return self._signer(data)


class _MlDsaKey(_SignOnly[Public]):
    def sign(self, data: Data, context: Data | None = None) -> bytes:
        return self._signer(data, context)

    def sign_mu(self, mu: Data) -> NoReturn:
        refuse_to("signature of a precomputed representative", self)


class MlDsa44Key(_MlDsaKey[mldsa.MLDSA44PublicKey], mldsa.MLDSA44PrivateKey):
    pass


class MlDsa65Key(_MlDsaKey[mldsa.MLDSA65PublicKey], mldsa.MLDSA65PrivateKey):
    pass


class MlDsa87Key(_MlDsaKey[mldsa.MLDSA87PublicKey], mldsa.MLDSA87PrivateKey):
    pass


_CLASSES: tuple[tuple[type, type], ...] = (
    (rsa.RSAPublicKey, RsaKey),
    (ec.EllipticCurvePublicKey, EllipticCurveKey),
    (ed25519.Ed25519PublicKey, Ed25519Key),
    (ed448.Ed448PublicKey, Ed448Key),
    (mldsa.MLDSA44PublicKey, MlDsa44Key),
    (mldsa.MLDSA65PublicKey, MlDsa65Key),
    (mldsa.MLDSA87PublicKey, MlDsa87Key),
)


def sign_only(public_key: PublicKey, signer: Signer) -> PrivateKey:
    """The private key of `public_key` whose signatures `signer` makes."""
    for public_class, private_class in _CLASSES:
        if isinstance(public_key, public_class):
            return cast(PrivateKey, private_class(public_key, signer))
    raise TypeError(f"no key class for {type(public_key).__name__}")
