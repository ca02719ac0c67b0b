"""Anybody's certificate as columns of the inventory: what is searched for, counted and judged.

Our own certificates are planned and need no decoding. Others' come as they are: with names of no known form,
keys of sizes that nobody should have, algorithms we cannot check. What is needed to tell one certificate from
another must be readable; of the rest, what cannot be read is left out, and `faults` says so.
"""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from cryptography import x509

from . import der
from .distinguished_name import name_text
from .errors import CertwrightError, Malformed, Refused
from .general_names import decode_general_name, read_general_name
from .names import Identifier, IdentifierKind
from .status_urls import answer_urls, list_urls
from .unreadable import UNREADABLE

DER_OCTETS_MAX = 4 * 1024 * 1024
NAMES_MAX = 1_000
NAME_CHARACTERS_MAX = 2_048
SERIAL_OCTETS_MAX = 64

_CURVES = {
    "1.2.840.10045.3.1.1": "ecdsa-p192",
    "1.3.132.0.33": "ecdsa-p224",
    "1.2.840.10045.3.1.7": "ecdsa-p256",
    "1.3.132.0.34": "ecdsa-p384",
    "1.3.132.0.35": "ecdsa-p521",
    "1.3.132.0.10": "ecdsa-secp256k1",
    "1.3.36.3.3.2.8.1.1.7": "ecdsa-brainpoolp256r1",
    "1.3.36.3.3.2.8.1.1.11": "ecdsa-brainpoolp384r1",
    "1.3.36.3.3.2.8.1.1.13": "ecdsa-brainpoolp512r1",
}
_KEYS = {
    "1.3.101.110": "x25519",
    "1.3.101.111": "x448",
    "1.3.101.112": "ed25519",
    "1.3.101.113": "ed448",
    "2.16.840.1.101.3.4.3.17": "ml-dsa-44",
    "2.16.840.1.101.3.4.3.18": "ml-dsa-65",
    "2.16.840.1.101.3.4.3.19": "ml-dsa-87",
    "1.2.643.7.1.1.1.1": "gost-256",
    "1.2.643.7.1.1.1.2": "gost-512",
    "1.2.840.10046.2.1": "dh",
}
_RSA = ("1.2.840.113549.1.1.1", "1.2.840.113549.1.1.10", "2.5.8.1.1")
_EC, _DSA = "1.2.840.10045.2.1", "1.2.840.10040.4.1"
SIGNATURE_NAMES = {
    "1.2.840.113549.1.1.2": "md2WithRSAEncryption",
    "1.2.840.113549.1.1.4": "md5WithRSAEncryption",
    "1.2.840.113549.1.1.5": "sha1WithRSAEncryption",
    "1.3.14.3.2.29": "sha1WithRSAEncryption",
    "1.2.840.113549.1.1.10": "RSASSA-PSS",
    "1.2.840.113549.1.1.11": "sha256WithRSAEncryption",
    "1.2.840.113549.1.1.12": "sha384WithRSAEncryption",
    "1.2.840.113549.1.1.13": "sha512WithRSAEncryption",
    "1.2.840.113549.1.1.14": "sha224WithRSAEncryption",
    "1.2.840.10040.4.3": "dsa-with-SHA1",
    "2.16.840.1.101.3.4.3.1": "dsa-with-SHA224",
    "2.16.840.1.101.3.4.3.2": "dsa-with-SHA256",
    "1.2.840.10045.4.1": "ecdsa-with-SHA1",
    "1.2.840.10045.4.3.1": "ecdsa-with-SHA224",
    "1.2.840.10045.4.3.2": "ecdsa-with-SHA256",
    "1.2.840.10045.4.3.3": "ecdsa-with-SHA384",
    "1.2.840.10045.4.3.4": "ecdsa-with-SHA512",
    "1.3.101.112": "Ed25519",
    "1.3.101.113": "Ed448",
    "2.16.840.1.101.3.4.3.17": "ML-DSA-44",
    "2.16.840.1.101.3.4.3.18": "ML-DSA-65",
    "2.16.840.1.101.3.4.3.19": "ML-DSA-87",
}


class Fault(StrEnum):
    """What of a certificate cannot be read."""

    EXTENSIONS = "extensions"
    NAMES = "names"
    NAMES_MANY = "names-many"
    KEY = "key"


@dataclass(frozen=True, slots=True)
class Decoded:
    """One certificate. `issuer` and `subject` are RFC 4514 text, `serial` the content octets of the INTEGER;
    `names` are kind and value, at most NAMES_MAX of `names_count`, in normal form where they have one;
    `lists` URLs of the CRLs that cover it, `answers` those at which OCSP answers about it."""

    fingerprint: bytes
    issuer: str
    serial: bytes
    subject: str
    not_before: datetime
    not_after: datetime
    key_algorithm: str
    signature_algorithm: str
    is_authority: bool
    spki_sha256: bytes
    names: tuple[Identifier, ...]
    names_count: int
    faults: tuple[Fault, ...]
    lists: tuple[str, ...] = ()
    answers: tuple[str, ...] = ()

    @property
    def names_itself(self) -> bool:
        """Issuer and subject are one name: it may be self-signed (RFC 5280 section 3.2)."""
        return self.issuer == self.subject


def decode(certificate: bytes) -> Decoded:
    """Read a certificate from DER. Raises Malformed, in one line, for what is none or too large."""
    if len(certificate) > DER_OCTETS_MAX:
        raise Malformed(f"a certificate of {len(certificate)} octets is larger than {DER_OCTETS_MAX}")
    try:
        parsed = x509.load_der_x509_certificate(certificate)
        signature = parsed.signature_algorithm_oid.dotted_string
        not_before, not_after = parsed.not_valid_before_utc, parsed.not_valid_after_utc
        serial, issuer_der, subject_der, spki = fields_of(parsed.tbs_certificate_bytes)
    except UNREADABLE as error:
        raise Malformed("these octets are no certificate (RFC 5280 section 4.1)") from error
    issuer, subject = name_text(issuer_der), name_text(subject_der)
    key_algorithm, key_faults = _key(spki)
    extensions = _extensions(parsed, issuer == subject)
    return Decoded(
        fingerprint=hashlib.sha256(certificate).digest(),
        issuer=issuer,
        serial=serial,
        subject=subject,
        not_before=not_before,
        not_after=not_after,
        key_algorithm=key_algorithm,
        signature_algorithm=SIGNATURE_NAMES.get(signature, signature[:60]),
        is_authority=extensions.authority,
        spki_sha256=hashlib.sha256(spki).digest(),
        names=extensions.names,
        names_count=extensions.names_count,
        faults=(*key_faults, *extensions.faults),
        lists=extensions.lists,
        answers=extensions.answers,
    )


def fields_of(tbs: bytes) -> tuple[bytes, bytes, bytes, bytes]:
    """Serial number, issuer, subject and SubjectPublicKeyInfo as they stand there (RFC 5280 section 4.1),
    whatever they are: negative serial numbers and keys of no known kind exist too. Raises Malformed."""
    fields = der.Reader(tbs, "TBSCertificate").inside()
    if fields.peek() == _VERSION:
        fields.element()
    serial = fields.content(der.INTEGER)
    if len(serial) > SERIAL_OCTETS_MAX:
        raise Malformed(f"a serial number of {len(serial)} octets is longer than {SERIAL_OCTETS_MAX}")
    fields.element()  # signature
    issuer = fields.whole()
    fields.element()  # validity
    return serial, issuer, fields.whole(), fields.whole()


_VERSION = 0xA0


def _key(spki: bytes) -> tuple[str, tuple[Fault, ...]]:
    """Algorithm and size in one word, and what cannot be read of it."""
    try:
        fields = der.Reader(spki, "SubjectPublicKeyInfo").inside()
        algorithm = fields.inside()
        oid = algorithm.object_identifier()
        if oid in _RSA:
            return f"rsa-{_modulus_bits(fields.content(der.BIT_STRING))}", ()
        if oid == _EC:
            curve = "" if algorithm.at_end() else algorithm.object_identifier()
            return _CURVES.get(curve, f"ecdsa-{curve}"[:40]), ()
        if oid == _DSA:
            return f"dsa-{algorithm.inside().integer().bit_length()}", ()
    except Malformed:
        return "unreadable", (Fault.KEY,)
    return _KEYS.get(oid, oid[:40]), ()


def _modulus_bits(content: bytes) -> int:
    return der.Reader(content[1:], "RSAPublicKey").inside().integer().bit_length()


@dataclass(slots=True)
class _Extensions:
    names: tuple[Identifier, ...] = ()
    names_count: int = 0
    faults: tuple[Fault, ...] = ()
    authority: bool = False
    lists: tuple[str, ...] = ()
    answers: tuple[str, ...] = ()


def _extensions(parsed: x509.Certificate, one_name: bool) -> _Extensions:
    """Of version 1 only roots sign others, which say nothing of it."""
    read = _Extensions(authority=parsed.version is x509.Version.v1 and one_name)
    names: list[x509.GeneralName] = []
    try:
        for extension in parsed.extensions:
            if isinstance(extension.value, x509.SubjectAlternativeName):
                names = list(extension.value)
            elif isinstance(extension.value, x509.BasicConstraints):
                read.authority = extension.value.ca
            elif isinstance(extension.value, x509.CRLDistributionPoints):
                read.lists = list_urls(extension.value)
            elif isinstance(extension.value, x509.AuthorityInformationAccess):
                read.answers = answer_urls(extension.value)
    except UNREADABLE:
        return _Extensions(faults=(Fault.EXTENSIONS,))
    read.names, read.names_count = tuple(_identifiers(names[:NAMES_MAX])), len(names)
    if len(read.names) < len(names[:NAMES_MAX]):
        read.faults += (Fault.NAMES,)
    if len(names) > NAMES_MAX:
        read.faults += (Fault.NAMES_MANY,)
    return read


def _identifiers(names: list[x509.GeneralName]) -> Iterator[Identifier]:
    """Names that a text stands for. One that is not in normal form is found as it stands."""
    for name in names:
        try:
            yield decode_general_name(name)
        except (Refused, *UNREADABLE):
            continue
        except CertwrightError:
            yield from _as_it_stands(name)


def _as_it_stands(name: x509.GeneralName) -> Iterator[Identifier]:
    try:
        kind, text = read_general_name(name)
    except (CertwrightError, *UNREADABLE):
        return
    if text.isprintable() and len(text) <= NAME_CHARACTERS_MAX:
        yield Identifier(kind, text.lower() if kind is IdentifierKind.DNS else text)
