"""The seal: a signing key signs octets that were checked, and each admission once.

A certificate is admitted when its octets, read back by another decoder, equal the plan and the lints find
no error. CRLs, OCSP answers and requests come checked by the modules that build them; here it is made sure
that octets of one kind cannot pass for another, and that they speak in the name of this key's holder. What
is registered is the SHA-256 of exactly these octets. The seal stops mistakes, not code in the process.
"""

import hashlib
import itertools
from collections import OrderedDict
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, TypeVar

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa

from . import der, keys
from .cms import check_signed_attributes
from .errors import IntegrityError, Malformed
from .keys import SIGNATURES, KeyAlgorithm, PrivateKey, PublicKey
from .lint import lint_frame, lint_varying, refuse_errors
from .lint.decoded import UNREADABLE, Decoded, Frame, Layout, layout_of, parse, read_frame, read_varying
from .lint.finding import Finding
from .plan import VERSION_3, CertificatePlan, Shape

ADMITTED_MAX = 65_536
SHAPES_MAX = 4096
SAMPLE = 64
_TIMES = (der.UTC_TIME, der.GENERALIZED_TIME)


class Kind(StrEnum):
    """Kinds of octets a key may sign."""

    CERTIFICATE = "certificate"
    CRL = "crl"
    OCSP = "ocsp"
    CSR = "csr"
    DOCUMENT = "document"


AUTHORITY_KINDS = frozenset({Kind.CERTIFICATE, Kind.CRL, Kind.OCSP, Kind.CSR})
OCSP_SIGNER_KINDS = frozenset({Kind.OCSP, Kind.CSR})
DOCUMENT_SIGNER_KINDS = frozenset({Kind.DOCUMENT})


@dataclass(frozen=True, slots=True)
class Sealed:
    """Octets that were admitted: hand `tbs` to `SealedKey.sign`. `findings` are below error severity."""

    kind: Kind
    tbs: bytes
    digest: bytes
    findings: tuple[Finding, ...] = ()


@dataclass(frozen=True, slots=True)
class _Linted:
    """A shape's frame as read back, compared and linted, and the octets it was read from.

    `constant` are the octets of the extensions that all certificates of the shape share; they come first.
    """

    frame: Frame
    fixed: tuple[bytes, bytes, bytes]
    constant: bytes
    findings: tuple[Finding, ...]

    def begins(self, layout: Layout) -> bool:
        """Are these the octets that the frame was read from, as far as they do not vary?"""
        return (
            layout.fixed == self.fixed
            and layout.extensions.startswith(self.constant)
            and (layout.subject != b"\x30\x00") is self.frame.has_subject
        )

    def ends(self, extensions: tuple[x509.Extension[Any], ...]) -> bool:
        """Are these, after the constant ones, the extensions that the frame has, with the same heads?"""
        heads = self.frame.heads[len(self.frame.extensions) :]
        return heads == tuple([(found.oid.dotted_string, found.critical) for found in extensions])


class Seal:
    """What one signing key may sign. One for each open key and process; an admission is for one signature.

    `name` is the DER of the key holder's subject: certificates and CRLs must be issued, and requests made,
    in this name.
    """

    def __init__(self, name: bytes, public_key: PublicKey, kinds: frozenset[Kind]) -> None:
        self.spki = keys.spki(public_key)
        self.algorithm = keys.algorithm_of(public_key)
        self._name = name
        self._key_hash = keys.key_identifier(self.spki)
        self._kinds = kinds
        self._admitted: OrderedDict[bytes, bool] = OrderedDict()
        self._linted: OrderedDict[Shape, _Linted] = OrderedDict()

    def seal_certificate(self, plan: CertificatePlan, tbs: bytes) -> Sealed:
        """Read the octets back, compare them with the plan, lint, and admit them.

        Raises IntegrityError when octets and plan differ or the plan is not for this key, Refused when a
        lint finds an error.
        """
        self._require(Kind.CERTIFICATE)
        shape = plan.shape
        if shape.issuer.name != self._name or shape.issuer.algorithm is not self.algorithm:
            raise IntegrityError("the certificate is planned for another issuer than the holder of this key")
        layout, decoded = self._read_back(tbs, shape)
        _compare(plan, decoded, layout)
        linted = self._linted.get(shape)
        if linted is None or linted.frame is not decoded.frame:
            linted = self._lint_shape(shape, layout, decoded)
        findings = linted.findings + lint_varying(decoded, shape.profile)
        refuse_errors(findings)
        return self._register(Kind.CERTIFICATE, tbs, shape.profile.is_authority, findings)

    def _read_back(self, tbs: bytes, shape: Shape) -> tuple[Layout, Decoded]:
        """Decode; a frame whose octets were read and linted before is not read again."""
        try:
            layout = layout_of(tbs)
            linted = self._linted.get(shape)
            if linted is not None and linted.begins(layout):
                certificate = parse(tbs, layout, len(linted.constant))
                varying = tuple(certificate.extensions)
                if linted.ends(varying):
                    return layout, read_varying(certificate, layout, varying, linted.frame)
            certificate = parse(tbs, layout)
            extensions = tuple(certificate.extensions)
            frame = read_frame(certificate, layout, extensions)
            return layout, read_varying(certificate, layout, extensions, frame)
        except UNREADABLE as error:
            raise IntegrityError(f"the certificate to be signed cannot be read back: {error}") from error

    def _lint_shape(self, shape: Shape, layout: Layout, decoded: Decoded) -> _Linted:
        """Compare and lint a frame met for the first time. Raises IntegrityError."""
        constant = _compare_frame(shape, decoded.frame, layout)
        findings = lint_frame(decoded, shape.profile)
        linted = _Linted(decoded.frame, layout.fixed, constant, findings)
        _put(self._linted, shape, linted, SHAPES_MAX)
        return linted

    def admit(self, kind: Kind, tbs: bytes) -> Sealed:
        """Admit octets of a CRL, an OCSP answer, a request or document attributes, checked by their module.

        Raises IntegrityError when they are not of that kind, not in this key's name, or the key may not
        sign the kind. Certificates go through `seal_certificate` alone.
        """
        self._require(kind)
        try:
            if kind is Kind.DOCUMENT:
                check_signed_attributes(tbs)
            else:
                self._check_structure(kind, der.Reader(tbs, f"{kind} to be signed"))
        except Malformed as error:
            raise IntegrityError(f"not admitted as {kind}: {error}") from error
        return self._register(kind, tbs, kind is not Kind.OCSP, ())

    def _check_structure(self, kind: Kind, outer: der.Reader) -> None:
        fields = outer.inside()
        outer.finish()
        if kind is Kind.CRL:
            self._check_crl(fields)
        elif kind is Kind.OCSP:
            self._check_ocsp(fields)
        elif kind is Kind.CSR:
            self._check_csr(fields)
        else:
            raise Malformed("certificates are admitted with their plan only")
        fields.finish()

    def _check_crl(self, fields: der.Reader) -> None:
        """TBSCertList (RFC 5280 section 5.1), version 2."""
        if fields.integer() != 1 or fields.whole(der.SEQUENCE) != SIGNATURES[self.algorithm].identifier:
            raise Malformed("not a version 2 CRL signed with this key's algorithm")
        if fields.whole(der.SEQUENCE) != self._name:
            raise Malformed("the CRL's issuer is not the holder of this key")
        for _ in range(2):
            if fields.element()[0] not in _TIMES:
                raise Malformed("thisUpdate and nextUpdate expected")
        if fields.peek() == der.SEQUENCE:
            fields.element()
        fields.element(0xA0)

    def _check_ocsp(self, fields: der.Reader) -> None:
        """ResponseData (RFC 6960 section 4.2.1); the responder is this key, or the holder's name."""
        if fields.peek() == 0xA0:
            fields.element()
        by_name = fields.peek() == 0xA1
        responder = fields.content(0xA1 if by_name else 0xA2)
        if responder != (self._name if by_name else der.octet_string(self._key_hash)):
            raise Malformed("the responder is not the holder of this key")
        fields.element(der.GENERALIZED_TIME)
        fields.element(der.SEQUENCE)
        if not fields.at_end():
            fields.element(0xA1)

    def _check_csr(self, fields: der.Reader) -> None:
        """CertificationRequestInfo (RFC 2986 section 4.1) for this key."""
        if fields.integer() != 0 or fields.whole(der.SEQUENCE) != self._name:
            raise Malformed("not a version 1 request in the name of this key's holder")
        if fields.whole(der.SEQUENCE) != self.spki:
            raise Malformed("the request is for another key")
        fields.element(0xA0)

    def _require(self, kind: Kind) -> None:
        if kind not in self._kinds:
            raise IntegrityError(f"this key may not sign a {kind}; it signs {', '.join(sorted(self._kinds))}")

    def _register(self, kind: Kind, tbs: bytes, always_verify: bool, findings: tuple[Finding, ...]) -> Sealed:
        digest = hashlib.sha256(tbs).digest()
        _put(self._admitted, digest, always_verify, ADMITTED_MAX)
        return Sealed(kind, tbs, digest, findings)

    def spend(self, tbs: bytes) -> bool:
        """Take the admission of these octets away for good; says whether the signature must be verified.

        Raises IntegrityError when they are not admitted, or no more.
        """
        try:
            return self._admitted.pop(hashlib.sha256(tbs).digest())
        except KeyError:
            raise IntegrityError(
                "these octets are not sealed, or their seal is spent; nothing was signed"
            ) from None


class SealedKey:
    """A private key that signs what its seal has admitted, and nothing else.

    Safe to call from an executor's thread. RSA signatures are verified after signing, since one fault gives
    the key away; of the others every 64th, and all on authority certificates, CRLs and requests.
    """

    def __init__(self, private_key: PrivateKey, seal: Seal) -> None:
        """Raises IntegrityError when the seal was made for another key."""
        self._private_key = private_key
        self._public_key = private_key.public_key()
        self._seal = seal
        self._count = itertools.count()
        self._always = isinstance(self._public_key, rsa.RSAPublicKey)
        if keys.spki(self._public_key) != seal.spki:
            raise IntegrityError("the seal was made for another key")

    @property
    def algorithm(self) -> KeyAlgorithm:
        return self._seal.algorithm

    def sign(self, tbs: bytes) -> bytes:
        """The signature over admitted octets. The admission is spent even when signing fails.

        Raises IntegrityError when they are not admitted or the signature does not verify; Unavailable when
        the module that holds the key is not there.
        """
        always = self._seal.spend(tbs)
        signature = keys.sign(self._private_key, tbs)
        if always or self._always or next(self._count) % SAMPLE == 0:
            try:
                keys.verify(self._public_key, signature, tbs)
            except Malformed as error:
                raise IntegrityError(
                    "the signature just made does not verify: the key or module is faulty"
                ) from error
        return signature


# -- comparing -------------------------------------------------------------------------------------


def _compare(plan: CertificatePlan, decoded: Decoded, layout: Layout) -> None:
    """What varies, as read back, must be what was planned. Raises IntegrityError naming the field.

    The subject's octets are compared too, since values do not tell string types apart.
    """
    shape = plan.shape
    if (
        decoded.serial == plan.serial
        and decoded.not_before == plan.not_before
        and decoded.not_after == plan.not_after
        and decoded.subject == plan.subject
        and layout.subject == plan.subject.encode()
        and decoded.spki == plan.spki
        and decoded.names == plan.names
        and decoded.key_identifier == (plan.key_identifier if shape.has_subject_key_identifier else None)
        and keys.algorithm_of(decoded.public_key) is shape.key_algorithm
    ):
        return
    fields = ("serial", "not_before", "not_after", "subject", "spki", "names", "key_identifier")
    differing = [name for name in fields if getattr(decoded, name) != getattr(plan, name)]
    raise IntegrityError(
        f"the certificate read back differs from the plan in {', '.join(differing) or 'its encoding'}"
    )


def _compare_frame(shape: Shape, frame: Frame, layout: Layout) -> bytes:
    """What the shape says, as read back, must be what was planned. Gives the constant extensions' octets."""
    checks = {
        "version": frame.version == VERSION_3,
        "signature algorithm": frame.signature_identifier == shape.signature_identifier,
        "issuer": frame.issuer == shape.issuer.name,
        "key algorithm": frame.key_algorithm is shape.key_algorithm,
        "subject": frame.has_subject is not shape.names_critical,
        "extensions": frame.heads == shape.heads and frame.extensions == shape.constant,
    }
    if differing := [name for name, same in checks.items() if not same]:
        raise IntegrityError(f"the certificate read back differs from the plan in {', '.join(differing)}")
    constant = b"".join([extension.encode() for extension in shape.constant])
    if not layout.extensions.startswith(constant):
        raise IntegrityError(
            "the certificate read back differs from the plan in how its extensions are encoded"
        )
    return constant


K = TypeVar("K")
V = TypeVar("V")


def _put(kept: "OrderedDict[K, V]", key: K, value: V, most: int) -> None:
    """Keep at most so many; the oldest goes. An admission dropped so can no longer be signed."""
    kept[key] = value
    while len(kept) > most:
        kept.popitem(last=False)
