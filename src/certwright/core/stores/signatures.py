"""Certificates of signatures in CMS (RFC 5652 section 5): of who has signed, of who has said when, and more.

Signatures stand in signatures, as attributes that are not signed: further ones of Authenticode, time stamps,
which are signatures of their own (RFC 3161), and counter-signatures (RFC 5652 section 11.4). None of them is
verified.
"""

from collections.abc import Iterator
from dataclasses import replace
from typing import NamedTuple

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm

from .. import ber, der
from ..errors import CertwrightError, Malformed, TooLarge
from ..unreadable import UNREADABLE
from .chains import Findings, FoundCertificate, chains_from, unique
from .signed_data import certificates_of, signed_fields
from .values import Entry, Role, Store, StoreFormat

DEPTH_MAX = 4
LEVELS_MAX = 100
"""Of elements in elements: each signature in another lies eight below it."""
SIGNERS_MAX = 64
"""Of a file, time stampers among them."""
_NESTED = "1.3.6.1.4.1.311.2.4.1"
_TIME_STAMPS = {"1.3.6.1.4.1.311.3.3.1", "1.2.840.113549.1.9.16.2.14"}
"""Of Authenticode, and of RFC 3161 appendix A, which Java signs by."""
_COUNTER_SIGNATURE = "1.2.840.113549.1.9.6"
_NAMES = {Role.SIGNER: "signer", Role.TIME_STAMPER: "time stamper"}


class _Signer(NamedTuple):
    """By `issuer` (DER) and `serial` (content of the INTEGER), or by `key_identifier`."""

    role: Role
    issuer: bytes
    serial: bytes
    key_identifier: bytes


class Signatures:
    """What was found in the signatures of one file so far."""

    def __init__(self) -> None:
        self._findings = Findings.none()
        self._known: set[bytes] = set()
        self._signers: list[_Signer] = []

    def read(self, octets: bytes, place: str = "") -> None:
        """Go through a signature; what cannot be read of it is a problem at `place`."""
        try:
            contents = ber.definite(octets, "CMS", LEVELS_MAX)
            self._signed(der.Reader(contents, "CMS"), Role.SIGNER, 0, place)
        except CertwrightError as error:
            self._findings.problem(place or "signature", error.detail)

    def problem(self, text: str) -> None:
        self._findings.problem("signature", text)

    def entries(self) -> tuple[Entry, ...]:
        """A chain for each who has signed, in the order of their signatures, then what else is in them."""
        certificates = self._findings.certificates
        by_name, by_key = self._indexes()
        heads: dict[tuple[Role, int], None] = {}
        missing = False
        for signer in self._signers:
            index = by_name.get((signer.issuer, signer.serial), by_key.get(signer.key_identifier))
            if index is not None:
                heads[signer.role, index] = None
            missing = missing or (index is None and signer.role is Role.SIGNER)
        chains = chains_from(certificates, [index for _, index in heads])
        found = [_entry(certificates, chains[index], role) for role, index in heads]
        others = sorted(set(chains) - {index for _, index in heads})
        found += [_entry(certificates, chains[index], Role.ENCLOSED) for index in others]
        if missing:
            found.append(Entry("signer", problem="the certificate of who has signed is not in it"))
        return unique((*found, *self._findings.problems))

    def _indexes(self) -> tuple[dict[tuple[bytes, bytes], int], dict[bytes, int]]:
        """Where the first certificate of an issuer and serial number is, and of a key identifier."""
        found = list(enumerate(self._findings.certificates))[::-1]
        by_name = {(one.outline.issuer, one.outline.serial): index for index, one in found}
        if not any(signer.key_identifier for signer in self._signers):
            return by_name, {}
        by_key = {_key_identifier(one.outline.der): index for index, one in found}
        return by_name, {key: index for key, index in by_key.items() if key}

    # -- one signature ---------------------------------------------------------------------------

    def _signed(self, octets: der.Reader, role: Role, depth: int, place: str) -> None:
        """A ContentInfo with SignedData. Raises Malformed, TooLarge."""
        if depth > DEPTH_MAX:
            raise TooLarge(f"signatures in signatures, more than {DEPTH_MAX} deep")
        fields = signed_fields(octets)
        for one in certificates_of(fields):
            if one not in self._known:
                self._known.add(one)
                self._findings.certificate(one, place or "certificate")
        if fields.peek() == 0xA1:  # revocation lists
            fields.element()
        signers = fields.inside(der.SET)
        while not signers.at_end():
            self._signer(signers.inside(), role, depth, place)

    def _signer(self, fields: der.Reader, role: Role, depth: int, place: str) -> None:
        """SignerInfo (RFC 5652 section 5.3)."""
        if len(self._signers) >= SIGNERS_MAX:
            raise TooLarge(f"more than {SIGNERS_MAX} have signed it")
        fields.integer()
        if fields.peek() == der.SEQUENCE:
            named = fields.inside()
            self._signers.append(_Signer(role, named.whole(der.SEQUENCE), named.content(der.INTEGER), b""))
        else:
            self._signers.append(_Signer(role, b"", b"", fields.content(0x80)))
        fields.element(der.SEQUENCE)
        if fields.peek() == 0xA0:
            fields.element()
        fields.element(der.SEQUENCE)
        fields.element(der.OCTET_STRING)
        if fields.peek() == 0xA1:
            for kind, value in _attributes(fields.inside(0xA1)):
                try:
                    self._attribute(kind, value, role, depth + 1, place)
                except Malformed as error:
                    self._findings.problem(place or "signature", error.detail)

    def _attribute(self, kind: str, value: der.Reader, role: Role, depth: int, place: str) -> None:
        if kind == _NESTED:
            self._signed(value, role, depth, place)
        elif kind in _TIME_STAMPS:
            self._signed(value, Role.TIME_STAMPER, depth, place)
        elif kind == _COUNTER_SIGNATURE:
            if depth > DEPTH_MAX:
                raise TooLarge(f"counter-signatures of counter-signatures, more than {DEPTH_MAX} deep")
            self._signer(value.inside(), Role.TIME_STAMPER, depth, place)


def _attributes(attributes: der.Reader) -> Iterator[tuple[str, der.Reader]]:
    """Each value with its attribute's type."""
    while not attributes.at_end():
        attribute = attributes.inside()
        kind, values = attribute.object_identifier(), attribute.inside(der.SET)
        while not values.at_end():
            yield kind, der.Reader(values.whole(), "CMS")


def _key_identifier(certificate: bytes) -> bytes:
    try:
        parsed = x509.load_der_x509_certificate(certificate)
        return parsed.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value.digest
    except (*UNREADABLE, UnsupportedAlgorithm, x509.ExtensionNotFound):
        return b""


def is_signed(octets: bytes) -> bool:
    """Has anybody signed a SignedData (definite lengths), or does it hold certificates alone?"""
    try:
        fields = signed_fields(der.Reader(octets, "CMS"))
        while fields.peek() in {0xA0, 0xA1}:
            fields.element()
        return not fields.inside(der.SET).at_end()
    except Malformed:
        return False


def read_signature(octets: bytes) -> Store:
    """A signature that is a file of its own. Nothing is raised."""
    found = Signatures()
    found.read(octets)
    return Store(StoreFormat.PKCS7, found.entries())


def _entry(certificates: list[FoundCertificate], chain: list[int], role: Role) -> Entry:
    name = _NAMES.get(role) or certificates[chain[0]].outline.title()
    return replace(Entry(name, tuple(certificates[index].outline.der for index in chain)), role=role)
