"""OCSP answers of other authorities (RFC 6960, RFC 5019): what is asked, and what of it is believed.

An answer is believed when it is about exactly the certificate that was asked about, says until when it holds,
and is signed by the authority itself or by somebody to whom the same authority has given a certificate for
this (section 4.2.2.2). What is past its time says nothing: anybody on the way can give out an old one again.
"""

import base64
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from urllib.parse import quote

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.x509 import ocsp
from cryptography.x509.oid import ExtendedKeyUsageOID

from . import der
from .decoded import fields_of
from .errors import Malformed
from .keys import key_identifier
from .ocsp import CertId, issuer_forms
from .outside_lists import AHEAD
from .revocation import Reason
from .strangers_signatures import disbelief, disbelief_of_answer, fits
from .told_status import ToldStatus
from .unreadable import UNREADABLE

ANSWER_OCTETS_MAX = 64 * 1024
SIGNERS_MAX = 4
"""Certificates of an answer that are tried as its signer's."""
_WHAT = "the OCSP answer that is there"
_SHA1 = "1.3.14.3.2.26"


@dataclass(frozen=True, slots=True)
class Question:
    """About which certificate whom is asked. The CertID is by SHA-1: every responder knows that one
    (RFC 5019 section 2.1.1)."""

    cert_id: CertId
    issuer: x509.Certificate = field(repr=False)

    @property
    def request(self) -> bytes:
        """OCSPRequest in DER, without a nonce, so that answers can be made ahead and kept on the way."""
        cert_id = der.sequence(self.cert_id.issuer, der.tlv(der.INTEGER, self.cert_id.serial))
        return der.sequence(der.sequence(der.sequence(der.sequence(cert_id))))

    def url(self, responder: str) -> str:
        """What to GET (RFC 6960 appendix A.1)."""
        return f"{responder.rstrip('/')}/{quote(base64.b64encode(self.request), safe='')}"


def question(certificate: bytes, issuer: bytes) -> Question:
    """About a certificate, by those who have signed it; both in DER. Raises Malformed for what is none."""
    try:
        parsed, above = x509.load_der_x509_certificate(certificate), x509.load_der_x509_certificate(issuer)
        serial, issuer_name, _, _ = fields_of(parsed.tbs_certificate_bytes)
        _, _, _, spki = fields_of(above.tbs_certificate_bytes)
    except UNREADABLE as error:
        raise Malformed("these octets are no certificate (RFC 5280 section 4.1)") from error
    return Question(CertId(issuer_forms(issuer_name, spki)[0], serial), above)


@dataclass(frozen=True, slots=True)
class OutsideAnswer:
    """An answer that was really given. `status` is None where the responder does not know the certificate;
    times are in UTC."""

    status: ToldStatus | None
    this_update: datetime
    next_update: datetime

    def is_over(self, now: datetime) -> bool:
        """Then it says nothing any more."""
        return self.next_update < now


def read_answer(octets: bytes, asked: Question, now: datetime) -> OutsideAnswer:
    """What a responder says of what it was asked. Raises Malformed, in one line that begins with what it is,
    for an answer that is not to be believed."""
    if len(octets) > ANSWER_OCTETS_MAX:
        raise Malformed(f"{_WHAT} is larger than {ANSWER_OCTETS_MAX} octets")
    try:
        response = ocsp.load_der_ocsp_response(octets)
        if response.response_status is not ocsp.OCSPResponseStatus.SUCCESSFUL:
            raise Malformed(f"{_WHAT} is an error: {_ERRORS[response.response_status]}")
        _check_signed(response, asked, now)
        at = _place(response, asked)
        found = _read(list(response.responses)[at])
    except (UnsupportedAlgorithm, *UNREADABLE) as error:
        raise Malformed("what is there is no OCSP answer that can be read") from error
    if found.this_update > now + AHEAD:
        raise Malformed(f"{_WHAT} is of the future ({found.this_update:%Y-%m-%d})")
    if found.next_update < found.this_update:
        raise Malformed(f"{_WHAT} is over before it begins")
    return found


_ERRORS = {
    ocsp.OCSPResponseStatus.MALFORMED_REQUEST: "the responder cannot read what it is asked",
    ocsp.OCSPResponseStatus.INTERNAL_ERROR: "the responder has failed (internalError)",
    ocsp.OCSPResponseStatus.TRY_LATER: "it is to be asked later (tryLater)",
    ocsp.OCSPResponseStatus.SIG_REQUIRED: "the responder wants questions to be signed (sigRequired)",
    ocsp.OCSPResponseStatus.UNAUTHORIZED: "the responder does not answer about it (unauthorized)",
}


def _read(single: ocsp.OCSPSingleResponse) -> OutsideAnswer:
    if single.next_update_utc is None:
        raise Malformed(f"{_WHAT} does not say until when it holds")
    return OutsideAnswer(_status(single), single.this_update_utc, single.next_update_utc)


def _status(single: ocsp.OCSPSingleResponse) -> ToldStatus | None:
    if single.certificate_status is ocsp.OCSPCertStatus.GOOD:
        return ToldStatus()
    if single.revocation_time_utc is None:
        return None
    flag = single.revocation_reason
    reason = Reason.UNSPECIFIED if flag is None else Reason.labelled(flag.value)
    if reason is Reason.REMOVE_FROM_CRL:
        raise Malformed(f"{_WHAT} gives a reason that revokes nothing (removeFromCRL)")
    return ToldStatus(single.revocation_time_utc, reason)


# -- who has signed it -----------------------------------------------------------------------------


def _check_signed(response: ocsp.OCSPResponse, asked: Question, now: datetime) -> None:
    """By the authority, or by somebody whom it has named for it (RFC 6960 section 4.2.2.2). Raises
    Malformed."""
    oid = response.signature_algorithm_oid
    if weak := disbelief_of_answer(oid):
        raise Malformed(f"{_WHAT} {weak}")
    why = "is signed neither by the authority nor by a responder of it"
    for signer in _named(response, asked):
        unfit = "" if signer is asked.issuer else _unfit(signer, asked.issuer, now)
        if unfit:
            why = unfit
        elif fits(signer.public_key(), oid, response.signature, response.tbs_response_bytes):
            return
    raise Malformed(f"{_WHAT} {why}")


def _named(response: ocsp.OCSPResponse, asked: Question) -> Iterator[x509.Certificate]:
    """Whom the answer names as its signer: the authority, or what comes with the answer."""
    for certificate in (asked.issuer, *response.certificates[:SIGNERS_MAX]):
        if response.responder_key_hash is None:
            if certificate.subject == response.responder_name:
                yield certificate
        elif key_identifier(fields_of(certificate.tbs_certificate_bytes)[3]) == response.responder_key_hash:
            yield certificate


_KNOWN = (x509.BasicConstraints, x509.KeyUsage, x509.ExtendedKeyUsage, x509.OCSPNoCheck)


def _unfit(signer: x509.Certificate, issuer: x509.Certificate, now: datetime) -> str:
    """Why a certificate gives nobody the right to answer in the authority's stead, empty where it does."""
    if weak := disbelief(signer):
        return f"is signed by a responder whose certificate {weak}"
    try:
        signer.verify_directly_issued_by(issuer)
    except (InvalidSignature, UnsupportedAlgorithm, ValueError, TypeError):
        return "is signed by a responder whose certificate is not from the authority"
    if not signer.not_valid_before_utc <= now <= signer.not_valid_after_utc:
        return "is signed by a responder whose certificate is not valid now"
    for extension in signer.extensions:
        if extension.critical and not isinstance(extension.value, _KNOWN):
            return "is signed by a responder whose certificate is bound to something that is not known here"
    if not _may_answer(signer.extensions):
        return "is signed by somebody whose certificate is not for signing answers"
    return ""


def _may_answer(extensions: x509.Extensions) -> bool:
    """Only who is named for it: any use (anyExtendedKeyUsage) is not this one."""
    purposes = [one.value for one in extensions if isinstance(one.value, x509.ExtendedKeyUsage)]
    uses = [one.value for one in extensions if isinstance(one.value, x509.KeyUsage)]
    return any(ExtendedKeyUsageOID.OCSP_SIGNING in one for one in purposes) and all(
        one.digital_signature or one.content_commitment for one in uses
    )


# -- what it is about ------------------------------------------------------------------------------


def _place(response: ocsp.OCSPResponse, asked: Question) -> int:
    """Which of its single responses is about what was asked: exactly one (RFC 6960 section 3.2). Raises
    Malformed, for critical extensions too: nothing here is known that could be one."""
    singles, extensions = _inside(response.tbs_response_bytes)
    _require_none_critical(extensions)
    places = []
    for at, single in enumerate(singles):
        if _is_about(single.inside(), asked.cert_id):
            places.append(at)
            single.element()  # certStatus
            single.element(der.GENERALIZED_TIME)
            if single.peek() == _NEXT_UPDATE:
                single.element()
            if not single.at_end():
                _require_none_critical(single.inside(_EXTENSIONS))
    if len(places) != 1:
        raise Malformed(f"{_WHAT} is {'about it twice' if places else 'about another certificate'}")
    return places[0]


_VERSION, _NEXT_UPDATE, _EXTENSIONS = 0xA0, 0xA0, 0xA1


def _inside(tbs: bytes) -> tuple[list[der.Reader], der.Reader | None]:
    """Readers over each SingleResponse of ResponseData, and over its Extensions."""
    fields = der.Reader(tbs, "ResponseData").inside()
    if fields.peek() == _VERSION:
        fields.element()
    fields.element()  # responderID
    fields.element(der.GENERALIZED_TIME)
    responses, singles = fields.inside(), []
    while not responses.at_end():
        singles.append(responses.inside())
    return singles, None if fields.at_end() else fields.inside(_EXTENSIONS)


def _is_about(cert_id: der.Reader, asked: CertId) -> bool:
    """The same hashes and serial number, octet for octet; parameters of the hash are NULL or absent."""
    ours = der.Reader(asked.issuer, "CertID")
    ours.element()
    oid = cert_id.inside().object_identifier()
    hashes = (cert_id.whole(der.OCTET_STRING), cert_id.whole(der.OCTET_STRING))
    same = hashes == (ours.whole(), ours.whole())
    return oid == _SHA1 and same and cert_id.content(der.INTEGER) == asked.serial


def _require_none_critical(explicit: der.Reader | None) -> None:
    extensions = explicit.inside() if explicit is not None else None
    while extensions is not None and not extensions.at_end():
        extension = extensions.inside()
        extension.object_identifier()
        if extension.peek() == der.BOOLEAN and extension.content(der.BOOLEAN) != b"\x00":
            raise Malformed(f"{_WHAT} is bound to something that is not known here")
