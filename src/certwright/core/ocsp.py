"""OCSP answers (RFC 6960): the octets to sign, and the response around the signature.

All answers of one producing run, or of one second of live signing, share the responder, the times and the
issuer part of the CertID. A `Template` encodes those once; an answer is then the template with serial,
status and signature spliced in. `tbs_response` encodes any answer from its parts, for several certificates
at once and for serials of another length; on what a template can do, both give the same octets.

The responder names itself by key hash (RFC 6960 section 4.2.2.3), which survives a new certificate for the
same key.
"""

import hashlib
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import NewType

from cryptography import x509
from cryptography.x509 import ocsp

from . import der
from .errors import IntegrityError, Malformed
from .keys import key_identifier
from .revocation import Reason, RevocationFacts

NONCE_OCTETS_MAX = 128
SINGLE_RESPONSES_MAX = 20
SERIAL_OCTETS = 16
SAMPLE = 64

# OCSPResponse without responseBytes (RFC 6960 section 4.2.1)
MALFORMED_REQUEST = bytes.fromhex("30030a0101")
INTERNAL_ERROR = bytes.fromhex("30030a0102")
TRY_LATER = bytes.fromhex("30030a0103")
UNAUTHORIZED = bytes.fromhex("30030a0106")

# -- what is asked -------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class CertId:
    """Which certificate (RFC 6960 section 4.1.1), in the octets of the request.

    `issuer` is hashAlgorithm, issuerNameHash and issuerKeyHash in a row, whole elements; `serial` the
    content octets of serialNumber. Answers repeat both as they are: some clients compare octets.
    """

    issuer: bytes
    serial: bytes

    @property
    def number(self) -> int:
        return int.from_bytes(self.serial, "big", signed=True)


_HASHES = (("sha1", "2b0e03021a"), ("sha256", "608648016503040201"))
_NULL = der.tlv(der.NULL, b"")


def issuer_forms(issuer_name_der: bytes, issuer_spki_der: bytes) -> tuple[bytes, ...]:
    """Every `CertId.issuer` under which a client may name this issuer.

    SHA-1 and then SHA-256, each with NULL for the hash's parameters and then without: clients do both.
    The first is by far the most used, and what answers are produced for ahead of time.
    """
    spki = der.Reader(issuer_spki_der, "SubjectPublicKeyInfo").inside()
    spki.element()
    key_octets = spki.content(der.BIT_STRING)[1:]
    forms = []
    for name, identifier in _HASHES:
        hashes = b"".join(
            der.octet_string(hashlib.new(name, octets, usedforsecurity=False).digest())
            for octets in (issuer_name_der, key_octets)
        )
        algorithm = der.tlv(der.OBJECT_IDENTIFIER, bytes.fromhex(identifier))
        forms += [der.sequence(algorithm, null) + hashes for null in (_NULL, b"")]
    return tuple(forms)


# -- what is answered ----------------------------------------------------------------------------

CertStatus = NewType("CertStatus", bytes)
"""CertStatus in DER: `GOOD`, `UNKNOWN` or what `revoked` gives."""

GOOD = CertStatus(b"\x80\x00")
UNKNOWN = CertStatus(b"\x82\x00")


def revoked(facts: RevocationFacts) -> CertStatus:
    """RevokedInfo. Like a CRL entry it says `unspecified` by leaving the reason out."""
    content = der.generalized_time(facts.revoked_at)
    if facts.reason is not Reason.UNSPECIFIED:
        content += bytes((0xA0, 3, der.ENUMERATED, 1, facts.reason))
    return CertStatus(der.tlv(0xA1, content))


@dataclass(frozen=True, slots=True)
class Times:
    """When an answer was made and how long it holds, in whole seconds of UTC (RFC 6960 section 2.4).

    `archive_cutoff`, when given, says from when on status is kept for ended certificates (4.4.4).
    """

    produced_at: datetime
    this_update: datetime
    next_update: datetime
    archive_cutoff: datetime | None = None

    def __post_init__(self) -> None:
        if self.next_update.replace(microsecond=0) <= self.this_update.replace(microsecond=0):
            raise Malformed("OCSP answer: nextUpdate must be later than thisUpdate")


@dataclass(frozen=True, slots=True)
class Responder:
    """Who signs: its key, the scheme, and the certificates sent along (the delegated signer's own)."""

    key_hash: bytes
    signature_algorithm_identifier: bytes
    certificates: tuple[bytes, ...] = ()


def responder(
    spki_der: bytes, signature_algorithm_identifier: bytes, certificates: tuple[bytes, ...]
) -> Responder:
    """A responder from its key (SubjectPublicKeyInfo) and its certificates in DER."""
    return Responder(key_identifier(spki_der), signature_algorithm_identifier, certificates)


@dataclass(frozen=True, slots=True)
class SingleResponse:
    cert_id: CertId
    status: CertStatus


_NONCE = der.object_identifier("1.3.6.1.5.5.7.48.1.2")
_ARCHIVE_CUTOFF = der.object_identifier("1.3.6.1.5.5.7.48.1.6")
_EXTENDED_REVOKE = der.object_identifier("1.3.6.1.5.5.7.48.1.9")
_BASIC = der.object_identifier("1.3.6.1.5.5.7.48.1.1")
_SUCCESSFUL = bytes.fromhex("0a0100")


def tbs_response(
    signer: Responder,
    times: Times,
    singles: tuple[SingleResponse, ...],
    nonce: bytes = b"",
    extended_revoke: bool = False,
) -> bytes:
    """ResponseData in DER (RFC 6960 section 4.2.1).

    `nonce` is the request's, empty for none (RFC 9654: 1 to 128 octets). `extended_revoke` says that the
    responder calls certificates revoked that were never issued (section 4.4.8). Raises Malformed.
    """
    if not 1 <= len(singles) <= SINGLE_RESPONSES_MAX:
        raise Malformed(f"an OCSP answer is about 1 to {SINGLE_RESPONSES_MAX} certificates")
    validity = _validity(times)
    responses = [_single(one.cert_id, one.status, validity) for one in singles]
    extensions = (_nonce_extension(nonce) if nonce else b"") + (
        der.sequence(_EXTENDED_REVOKE, der.octet_string(_NULL)) if extended_revoke else b""
    )
    return der.sequence(
        _responder_id(signer),
        der.generalized_time(times.produced_at),
        der.sequence(*responses),
        der.tlv(0xA1, der.sequence(extensions)) if extensions else b"",
    )


def _single(cert_id: CertId, status: CertStatus, validity: bytes) -> bytes:
    return der.sequence(_cert_id(cert_id), status, validity)


def _cert_id(cert_id: CertId) -> bytes:
    return der.sequence(cert_id.issuer, der.tlv(der.INTEGER, cert_id.serial))


def _validity(times: Times) -> bytes:
    validity = der.generalized_time(times.this_update) + der.tlv(
        0xA0, der.generalized_time(times.next_update)
    )
    if times.archive_cutoff is not None:
        cutoff = der.octet_string(der.generalized_time(times.archive_cutoff))
        validity += der.tlv(0xA1, der.sequence(der.sequence(_ARCHIVE_CUTOFF, cutoff)))
    return validity


def _responder_id(signer: Responder) -> bytes:
    return der.tlv(0xA2, der.octet_string(signer.key_hash))


def _nonce_extension(nonce: bytes) -> bytes:
    if len(nonce) > NONCE_OCTETS_MAX:
        raise Malformed(f"OCSP: a nonce has 1 to {NONCE_OCTETS_MAX} octets (RFC 9654)")
    return der.sequence(_NONCE, der.octet_string(der.octet_string(nonce)))


def assemble(signer: Responder, tbs: bytes, signature: bytes) -> bytes:
    """OCSPResponse in DER around signed ResponseData."""
    front, back = _around(signer, len(tbs), len(signature))
    return b"".join((front, tbs, back, signature, _certificates(signer)))


def _certificates(signer: Responder) -> bytes:
    if not signer.certificates:
        return b""
    return der.tlv(0xA0, der.sequence(*signer.certificates))


@lru_cache(maxsize=256)
def _around(signer: Responder, tbs_size: int, signature_size: int) -> tuple[bytes, bytes]:
    """What stands before the ResponseData, and between it and the signature."""
    back = signer.signature_algorithm_identifier + (der.header(der.BIT_STRING, signature_size + 1) + b"\x00")
    front = b""
    size = tbs_size + len(back) + signature_size + len(_certificates(signer))
    for tag, before in (
        (der.SEQUENCE, b""),
        (der.OCTET_STRING, _BASIC),
        (der.SEQUENCE, b""),
        (0xA0, _SUCCESSFUL),
        (der.SEQUENCE, b""),
    ):
        front = before + der.header(tag, size + len(front)) + front
    return front, back


# -- the same, spliced ---------------------------------------------------------------------------


class Template:
    """Answers about one certificate with a serial of 16 octets, for one responder, issuer and run.

    What depends on lengths alone (status, nonce, signature) is encoded the first time it is needed and
    kept: at most one entry for each length there is.
    """

    __slots__ = (
        "_back",
        "_count",
        "_front",
        "_heads",
        "_nonces",
        "_read_back",
        "_signer",
        "_times",
        "_validity",
        "issuer",
    )

    def __init__(self, signer: Responder, times: Times, issuer: bytes) -> None:
        """`issuer` is one of `issuer_forms`."""
        self.issuer = issuer
        self._signer = signer
        self._times = times
        self._validity = _validity(times)
        self._back = _certificates(signer)
        self._heads: dict[tuple[int, int], bytes] = {}
        self._front: dict[tuple[int, int], tuple[bytes, bytes]] = {}
        self._nonces: dict[int, bytes] = {}
        self._read_back: set[int] = set()
        self._count = 0

    def to_read_back(self, status: CertStatus, nonce: bytes = b"") -> bool:
        """Is the next such answer to be read back before it is signed? Every one about a revocation is, the
        first with a nonce of its length, and of the others each `SAMPLE`th: they differ in serial and nonce.
        """
        self._count += 1
        if len(nonce) in self._read_back and status == GOOD and self._count % SAMPLE:
            return False
        self._read_back.add(len(nonce))
        return True

    def tbs(self, serial: bytes, status: CertStatus, nonce: bytes = b"") -> bytes:
        """ResponseData. `serial` is 16 octets as they stand in the certificate. Raises Malformed."""
        if len(serial) != SERIAL_OCTETS:
            raise Malformed(f"an OCSP template is for serials of {SERIAL_OCTETS} octets, not {len(serial)}")
        lengths = (len(status), len(nonce))
        head = self._heads.get(lengths) or self._new_head(lengths)
        if nonce:
            before = self._nonces.get(len(nonce)) or self._before_nonce(len(nonce))
            return b"".join((head, serial, status, self._validity, before, nonce))
        return b"".join((head, serial, status, self._validity))

    def answer(self, tbs: bytes, signature: bytes) -> bytes:
        """OCSPResponse around what `tbs` has made, and its signature."""
        lengths = (len(tbs), len(signature))
        front, back = self._front.get(lengths) or self._new_front(lengths)
        return b"".join((front, tbs, back, signature, self._back))

    def _new_head(self, lengths: tuple[int, int]) -> bytes:
        """The octets before the serial, cut out of an answer encoded the long way."""
        status_size, nonce_size = lengths
        single = SingleResponse(CertId(self.issuer, bytes(SERIAL_OCTETS)), CertStatus(bytes(status_size)))
        whole = tbs_response(self._signer, self._times, (single,), bytes(nonce_size))
        after = SERIAL_OCTETS + status_size + len(self._validity)
        if nonce_size:
            after += len(_nonce_response(bytes(nonce_size)))
        self._heads[lengths] = head = whole[:-after]
        return head

    def _before_nonce(self, octets: int) -> bytes:
        self._nonces[octets] = before = _nonce_response(bytes(octets))[:-octets]
        return before

    def _new_front(self, lengths: tuple[int, int]) -> tuple[bytes, bytes]:
        self._front[lengths] = around = _around(self._signer, *lengths)
        return around


def _nonce_response(nonce: bytes) -> bytes:
    return der.tlv(0xA1, der.sequence(_nonce_extension(nonce)))


# -- the check before the signature --------------------------------------------------------------


def check_response(
    tbs: bytes,
    signer: Responder,
    times: Times,
    singles: tuple[SingleResponse, ...],
    nonce: bytes = b"",
    extended_revoke: bool = False,
) -> None:
    """Read ResponseData back with another decoder and compare it with what was meant.

    Arguments as for `tbs_response`. Raises IntegrityError naming the field that differs.
    """
    try:
        found = ocsp.load_der_ocsp_response(assemble(signer, tbs, b"\x00"))
        _same("responder", found.responder_key_hash, signer.key_hash)
        _same("producedAt", found.produced_at_utc, times.produced_at.replace(microsecond=0))
        planned_extensions = _planned_extensions(nonce, extended_revoke)
        _same("extensions", [(one.value, one.critical) for one in found.extensions], planned_extensions)
        responses = list(found.responses)
        _same("number of single responses", len(responses), len(singles))
        for one, planned in zip(responses, singles, strict=True):
            _check_single(one, planned, times, tbs)
    except (ValueError, x509.DuplicateExtension) as error:
        raise IntegrityError(f"the OCSP answer to be signed cannot be read back: {error}") from error


def _planned_extensions(nonce: bytes, extended_revoke: bool) -> list[tuple[x509.ExtensionType, bool]]:
    planned: list[tuple[x509.ExtensionType, bool]] = []
    if nonce:
        planned.append((x509.OCSPNonce(nonce), False))
    if extended_revoke:
        identifier = x509.ObjectIdentifier("1.3.6.1.5.5.7.48.1.9")
        planned.append((x509.UnrecognizedExtension(identifier, _NULL), False))
    return planned


def _check_single(found: ocsp.OCSPSingleResponse, planned: SingleResponse, times: Times, tbs: bytes) -> None:
    hashes = der.octet_string(found.issuer_name_hash) + der.octet_string(found.issuer_key_hash)
    _same("issuer", planned.cert_id.issuer[-len(hashes) :], hashes)
    _same("serialNumber", found.serial_number, planned.cert_id.number)
    # Decoding does not tell every form of the hash algorithm apart, and clients compare octets.
    _same("CertID as planned", _cert_id(planned.cert_id) in tbs, True)
    _same("status", _status_of(found), planned.status)
    _same("thisUpdate", found.this_update_utc, times.this_update.replace(microsecond=0))
    _same("nextUpdate", found.next_update_utc, times.next_update.replace(microsecond=0))


def _status_of(found: ocsp.OCSPSingleResponse) -> CertStatus:
    if found.revocation_time_utc is None:
        return GOOD if found.certificate_status is ocsp.OCSPCertStatus.GOOD else UNKNOWN
    flag = found.revocation_reason
    reason = Reason.UNSPECIFIED if flag is None else Reason.labelled(flag.value)
    return revoked(RevocationFacts(found.revocation_time_utc, reason))


def _same(what: str, found: object, planned: object) -> None:
    if found != planned:
        raise IntegrityError(f"the OCSP answer to be signed has {what} {found!r} where {planned!r} was meant")
