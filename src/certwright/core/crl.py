"""Certificate revocation lists (RFC 5280 section 5): entries kept encoded, whole lists put around them.

An entry is encoded once, when its certificate is revoked. A list is the front octets, the kept entries
and the back octets; nobody re-encodes a million entries because one was added. Entries stand in the
order they were added, which RFC 5280 leaves free. A process that starts anew takes the entries out of
the last list it finds (`entries_of`).

Complete and delta lists of one scope share one numbering sequence (RFC 5280 section 5.2.3), and a delta
carries the same issuing distribution point as its base (section 5.2.4).
"""

import hashlib
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache

from cryptography import x509

from . import der
from .errors import IntegrityError, Malformed
from .revocation import Reason, RevocationFacts, StatusChange
from .unreadable import UNREADABLE

Buffer = bytes | bytearray | memoryview

CRL_OCTETS_MAX = 1 << 31
NUMBER_OCTETS_MAX = 20
URLS_MAX = 16
SHARDS_MAX = 65536

# Up to here, searching the octets for each serial is quicker than one walk over all entries.
_FEW = 16


@dataclass(frozen=True, slots=True)
class CrlHeader:
    """Everything a list says besides its entries. Raises Malformed when the parts contradict each other.

    `issuer_name_der` is the issuer's subject Name as it stands in its certificate;
    `authority_key_identifier` the octets of its subject key identifier; `issuing_distribution_point` the
    full URLs that the certificates of this shard carry, none for a list without shards;
    `freshest_crl` where the delta list is; `base_crl_number` makes this a delta of that list.
    """

    issuer_name_der: bytes
    signature_algorithm_identifier: bytes
    this_update: datetime
    next_update: datetime
    crl_number: int
    authority_key_identifier: bytes
    base_crl_number: int | None = None
    issuing_distribution_point: tuple[str, ...] = ()
    freshest_crl: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.next_update.replace(microsecond=0) <= self.this_update.replace(microsecond=0):
            raise Malformed("CRL: nextUpdate must be later than thisUpdate")
        if not 0 <= self.crl_number < 1 << (8 * NUMBER_OCTETS_MAX - 1):
            raise Malformed("CRL: the number must be positive and fit in 20 octets (RFC 5280 section 5.2.3)")
        if self.base_crl_number is not None and not 0 <= self.base_crl_number < self.crl_number:
            raise Malformed("CRL: the base of a delta must have a smaller number than the delta")
        if self.base_crl_number is not None and self.freshest_crl:
            raise Malformed("CRL: a delta must not say where the delta is (RFC 5280 section 5.2.6)")
        for url in self.issuing_distribution_point + self.freshest_crl:
            if not url.isascii() or not url.isprintable() or not 1 <= len(url) <= 2048:
                raise Malformed(f"CRL: {url[:80]!r} is not a URL of 1 to 2048 printable ASCII characters")
        if max(len(self.issuing_distribution_point), len(self.freshest_crl)) > URLS_MAX:
            raise Malformed(f"CRL: more than {URLS_MAX} URLs for one distribution point")


def shard_of(serial: int, shards: int) -> int:
    """Which of an authority's `shards` lists speaks of this serial: the remainder, for good.

    Serials are random, so the shards fill evenly. The count of shards of an authority never changes,
    since certificates carry the shard's URL.
    """
    if not 1 <= shards <= SHARDS_MAX:
        raise Malformed(f"an authority has 1 to {SHARDS_MAX} CRL shards, not {shards}")
    return serial % shards


# -- entries -------------------------------------------------------------------------------------

_REASONS = {reason: bytes.fromhex("300a0603551d1504030a01") + bytes((reason.value,)) for reason in Reason}
_INVALIDITY_DATE = bytes.fromhex("0603551d18")


def entry(
    serial: int | bytes,
    revoked_at: datetime,
    reason: Reason = Reason.UNSPECIFIED,
    invalidity_date: datetime | None = None,
) -> bytes:
    """One element of revokedCertificates. `serial` is a number, or 16 octets with the first bit clear.

    `unspecified` is said by leaving the reason out (RFC 5280 section 5.3.1).
    """
    content = _serial(serial) + _after_serial(revoked_at, reason, invalidity_date)
    return bytes((der.SEQUENCE, len(content))) + content


def _serial(serial: int | bytes) -> bytes:
    if isinstance(serial, int):
        if not 0 <= serial < 1 << (8 * NUMBER_OCTETS_MAX - 1):
            raise Malformed("CRL: a serial number must be positive and fit in 20 octets")
        return der.integer(serial)
    if len(serial) != 16 or not 0 < serial[0] < 0x80:
        raise Malformed("CRL: a serial given in octets has 16 of them, the first from 1 to 127")
    return b"\x02\x10" + serial


# Bulk revocations share their second: encoding the time anew is three quarters of an entry's cost.
@lru_cache(maxsize=4096)
def _after_serial(revoked_at: datetime, reason: Reason, invalidity_date: datetime | None) -> bytes:
    extensions = b"" if reason is Reason.UNSPECIFIED else _REASONS[reason]
    if invalidity_date is not None:
        date = der.octet_string(der.generalized_time(invalidity_date))
        extensions += der.sequence(_INVALIDITY_DATE, date)
    return der.time(revoked_at) + (der.sequence(extensions) if extensions else b"")


def count_of(entries: Buffer) -> int:
    """How many entries. Raises IntegrityError when the octets are not entries end to end."""
    count = position = 0
    size = len(entries)
    while position < size:
        position = _end_of_entry(entries, position, size)
        count += 1
    return count


def _end_of_entry(entries: Buffer, position: int, size: int) -> int:
    end = position + 2 + entries[position + 1] if position + 4 <= size else size + 1
    if end > size or end > position + 0x81 or entries[position] != 0x30:
        raise IntegrityError(f"the kept CRL entries are damaged at octet {position}; encode them anew")
    return end


def without(entries: Buffer, serials: Collection[int]) -> bytearray:
    """The entries, less those of the given serials. A serial that has none is no error.

    Raises IntegrityError when the octets are not entries end to end.
    """
    entries = bytes(entries)
    unwanted = {_serial(serial) for serial in serials}
    if len(unwanted) <= _FEW:
        unwanted = {serial for serial in unwanted if serial in entries}
        if not unwanted:
            return bytearray(entries)
    kept, since, position, size = bytearray(), 0, 0, len(entries)
    while position < size:
        end = _end_of_entry(entries, position, size)
        if entries[position + 2 : position + 4 + entries[position + 3]] in unwanted:
            kept += entries[since:position]
            since = end
        position = end
    kept += entries[since:]
    return kept


def with_changes(entries: Buffer, changes: Iterable[StatusChange], ended: Collection[int] = ()) -> bytearray:
    """The entries of a complete list after `changes`, in the order they happened.

    A changed certificate's old entry goes; a new one is added unless it was released. `ended` are the
    serials that may leave the list (`revocation.may_leave_crl`). Saying a change twice changes nothing.
    """
    latest = {change.serial: change for change in changes}
    kept = without(entries, latest.keys() | set(ended))
    for change in latest.values():
        if change.facts is not None and change.serial not in ended:
            kept += _entry_of(change.serial, change.facts)
    return kept


def delta_entries(changes: Iterable[StatusChange]) -> bytes:
    """The entries of a delta list: what happened since its base, in the order it happened.

    Only a certificate's last state counts; a released hold is listed with removeFromCRL, dated at its
    release, also when the base had not listed it yet: a list in between may have (RFC 5280 section 5.2.4).
    """
    latest = {change.serial: change for change in changes}
    return b"".join(
        entry(change.serial, change.at, Reason.REMOVE_FROM_CRL)
        if change.facts is None
        else _entry_of(change.serial, change.facts)
        for change in latest.values()
    )


def _entry_of(serial: int, facts: RevocationFacts) -> bytes:
    return entry(serial, facts.revoked_at, facts.reason, facts.invalidity_date)


def entries_of(crl_der: bytes) -> memoryview:
    """The encoded entries within a CRL, not copied; empty when it has none. Raises Malformed."""
    outer = der.Reader(crl_der, "CRL")
    tbs = outer.inside().inside()
    outer.finish()
    if tbs.peek() == der.INTEGER:
        tbs.element()
    tbs.element(der.SEQUENCE)
    tbs.element(der.SEQUENCE)
    while tbs.peek() in (der.UTC_TIME, der.GENERALIZED_TIME):
        tbs.element()
    if tbs.peek() != der.SEQUENCE:
        return memoryview(b"")
    _, _, start, end = tbs.element(der.SEQUENCE)
    return memoryview(crl_der)[start:end]


# -- the whole list ------------------------------------------------------------------------------

_VERSION_2 = der.integer(1)
_AUTHORITY_KEY_IDENTIFIER = der.object_identifier("2.5.29.35")
_CRL_NUMBER = der.object_identifier("2.5.29.20")
_DELTA_CRL_INDICATOR = der.object_identifier("2.5.29.27")
_ISSUING_DISTRIBUTION_POINT = der.object_identifier("2.5.29.28")
_FRESHEST_CRL = der.object_identifier("2.5.29.46")
_CRITICAL = der.boolean(True)


def tbs_parts(header: CrlHeader, entries: Buffer) -> tuple[bytes, Buffer, bytes]:
    """The to-be-signed octets as front, entries and back; `entries` is handed through, not copied."""
    if len(entries) > CRL_OCTETS_MAX:
        raise Malformed("CRL: more than 2 GiB of entries; give the authority more shards")
    front = b"".join(
        (
            _VERSION_2,
            header.signature_algorithm_identifier,
            header.issuer_name_der,
            der.time(header.this_update),
            der.time(header.next_update),
            # RFC 5280 section 5.1.2.6: absent, not empty, when there is none
            der.header(der.SEQUENCE, len(entries)) if entries else b"",
        )
    )
    back = _extensions(header)
    size = len(front) + len(entries) + len(back)
    return der.header(der.SEQUENCE, size) + front, entries, back


def _extensions(header: CrlHeader) -> bytes:
    parts = [
        _extension(_AUTHORITY_KEY_IDENTIFIER, der.sequence(der.tlv(0x80, header.authority_key_identifier))),
        _extension(_CRL_NUMBER, der.integer(header.crl_number)),
    ]
    if header.base_crl_number is not None:
        parts.append(_extension(_DELTA_CRL_INDICATOR, der.integer(header.base_crl_number), True))
    if header.issuing_distribution_point:
        point = der.sequence(_full_name(header.issuing_distribution_point))
        parts.append(_extension(_ISSUING_DISTRIBUTION_POINT, point, True))
    if header.freshest_crl:
        points = der.sequence(der.sequence(_full_name(header.freshest_crl)))
        parts.append(_extension(_FRESHEST_CRL, points))
    return der.tlv(0xA0, der.sequence(*parts))


def _extension(identifier: bytes, value: bytes, critical: bool = False) -> bytes:
    return der.sequence(identifier, _CRITICAL if critical else b"", der.octet_string(value))


def _full_name(urls: tuple[str, ...]) -> bytes:
    """DistributionPointName fullName (RFC 5280 section 4.2.1.13) within its outer tag."""
    names = b"".join(der.tlv(0x86, url.encode("ascii")) for url in urls)
    return der.tlv(0xA0, der.tlv(0xA0, names))


def digest(parts: Iterable[Buffer], algorithm: str) -> bytes:
    """Hash of the parts in a row, without joining them. `algorithm` as `hashlib` names it."""
    state = hashlib.new(algorithm)
    for part in parts:
        state.update(part)
    return state.digest()


def assemble(
    parts: tuple[Buffer, ...], signature_algorithm_identifier: bytes, signature: bytes
) -> tuple[Buffer, ...]:
    """The whole CertificateList as parts, for `b"".join` or `writev`. `parts` come from `tbs_parts`."""
    back = signature_algorithm_identifier + der.bit_string(signature)
    size = sum(map(len, parts)) + len(back)
    return der.header(der.SEQUENCE, size), *parts, back


# -- the check before the signature --------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Expected:
    """What a list must turn out to hold, known from elsewhere than the entries: how many there are, some
    that are there, and some serials that are not."""

    count: int
    listed: tuple[tuple[int, RevocationFacts], ...] = ()
    absent: tuple[int, ...] = ()


def check_crl(
    tbs: bytes,
    header: CrlHeader,
    count: int,
    listed: Iterable[tuple[int, RevocationFacts]] = (),
    absent: Iterable[int] = (),
) -> None:
    """Read the to-be-signed octets back with another decoder and compare them with what was meant.

    `count` is the number of entries expected; every entry is decoded. `listed` and `absent` are looked
    up one by one (each a walk over the list, so give those that changed). Raises IntegrityError naming
    the field that differs.
    """
    whole = b"".join(assemble((tbs,), header.signature_algorithm_identifier, b"\x00"))
    try:
        crl = x509.load_der_x509_crl(whole)
        _check_fields(tbs, crl, header, count)
        _check_extensions(crl, header)
        for serial, facts in listed:
            _same(f"entry {serial:x}", _found(crl, serial), _seconds(facts))
        for serial in absent:
            _same(f"entry {serial:x}", _found(crl, serial), None)
    except (*UNREADABLE, Malformed) as error:
        raise IntegrityError(f"the CRL to be signed cannot be read back: {error}") from error


def _check_fields(tbs: bytes, crl: x509.CertificateRevocationList, header: CrlHeader, count: int) -> None:
    _same("number of entries", len(crl), count)
    _same("thisUpdate", crl.last_update_utc, header.this_update.replace(microsecond=0))
    _same("nextUpdate", crl.next_update_utc, header.next_update.replace(microsecond=0))
    # The name is compared as it stands: decoding and encoding it again could hide a difference.
    fields = der.Reader(tbs, "CRL").inside()
    _same("version", fields.integer(), 1)
    _same("signature algorithm", fields.whole(), header.signature_algorithm_identifier)
    _same("issuer", fields.whole(), header.issuer_name_der)


def _check_extensions(crl: x509.CertificateRevocationList, header: CrlHeader) -> None:
    found = [(one.value, one.critical) for one in crl.extensions]
    planned = _planned_extensions(header)
    _same("number of extensions", len(found), len(planned))
    for value in planned:
        _same(f"extension {value[0].oid.dotted_string}", value in found, True)


def _planned_extensions(header: CrlHeader) -> list[tuple[x509.ExtensionType, bool]]:
    planned: list[tuple[x509.ExtensionType, bool]] = [
        (x509.AuthorityKeyIdentifier(header.authority_key_identifier, None, None), False),
        (x509.CRLNumber(header.crl_number), False),
    ]
    if header.base_crl_number is not None:
        planned.append((x509.DeltaCRLIndicator(header.base_crl_number), True))
    if header.issuing_distribution_point:
        names = [x509.UniformResourceIdentifier(url) for url in header.issuing_distribution_point]
        point = x509.IssuingDistributionPoint(names, None, False, False, None, False, False)
        planned.append((point, True))
    if header.freshest_crl:
        names = [x509.UniformResourceIdentifier(url) for url in header.freshest_crl]
        points = [x509.DistributionPoint(names, None, None, None)]
        planned.append((x509.FreshestCRL(points), False))
    return planned


def _found(crl: x509.CertificateRevocationList, serial: int) -> RevocationFacts | None:
    found = crl.get_revoked_certificate_by_serial_number(serial)
    if found is None:
        return None
    reason, date = Reason.UNSPECIFIED, None
    for extension in found.extensions:
        if isinstance(extension.value, x509.CRLReason):
            reason = Reason.labelled(extension.value.reason.value)
        elif isinstance(extension.value, x509.InvalidityDate):
            date = extension.value.invalidity_date_utc
    return RevocationFacts(found.revocation_date_utc, reason, date)


def _seconds(facts: RevocationFacts) -> RevocationFacts:
    date = facts.invalidity_date
    return RevocationFacts(
        facts.revoked_at.replace(microsecond=0),
        facts.reason,
        date.replace(microsecond=0) if date else None,
    )


def _same(what: str, found: object, planned: object) -> None:
    if found != planned:
        raise IntegrityError(f"the CRL to be signed has {what} {found!r} where {planned!r} was meant")
