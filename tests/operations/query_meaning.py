"""What a query means, said once more in plain Python, and certificates to ask it of."""

import ipaddress
import operator
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from random import Random

from certwright.core.errors import Malformed
from certwright.core.names import Identifier, IdentifierKind, parse_identifier, reversed_name
from certwright.core.query import All, Either, Not, Query, Term, Text, bounds
from certwright.core.query_fields import (
    CUSTOM,
    Choice,
    Compared,
    Days,
    KeySize,
    Network,
    Number,
    Octets,
    Pattern,
    Presence,
    Span,
)
from certwright.store.discovery_rows import FindingRow, SightingRow
from certwright.store.rows import (
    CertificateFieldRow,
    CertificateNameRow,
    CertificateRow,
    CertificateTagRow,
)

NOW = datetime(2026, 6, 1, tzinfo=UTC)
CHANCE = Random(1)
COMPARE = {"<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge, ":": operator.eq}
KEYS = ("ecdsa-p256", "rsa-1024", "rsa-2048", "rsa-16384", "dsa-1024", "ed25519")
HOSTS = (
    "10.1.0.7",
    "10.1.200.9",
    "10.2.0.7",
    "192.0.2.1",
    "10.1.example.test",
    "2001:db8::1",
    "www.zone1.test",
)
STANDINGS = ("issued", "issued", "found", "adopted", "ignored")


@dataclass(frozen=True)
class Known:
    """All that is on record of one certificate."""

    row: CertificateRow
    names: list[CertificateNameRow]
    tags: list[CertificateTagRow]
    places: list[SightingRow]
    findings: list[FindingRow]
    fields: list[CertificateFieldRow]


def known(number: int) -> Known:
    """One of many: what it has depends on its number."""
    row = _row(number)
    identifiers = [
        Identifier(IdentifierKind.DNS, f"host{number}.zone{number % 4}.example.test"),
        Identifier(IdentifierKind.EMAIL, f"Person{number}@mail.test"),
    ]
    names = [
        CertificateNameRow(row.id, place, name.kind, name.value, reversed_name(name))
        for place, name in enumerate(identifiers[: 1 + number % 2])
    ]
    tags = [
        CertificateTagRow(row.id, tag) for tag in ("pay", "shop")[: (number % 13 == 0) + (number % 26 == 0)]
    ]
    places = [_place(row.id, number, which) for which in range((0, 0, 1, 3)[number % 4])]
    findings = [_finding(row.id, number, code) for code in ("weak-key", "sha1")[: number % 7 == 0]]
    return Known(row, names, tags, places, findings, list(_fields(row.id, number)))


def _fields(certificate: int, number: int) -> Iterator[CertificateFieldRow]:
    if number % 3 == 0:
        value = number % 40 * 100 - 50
        yield CertificateFieldRow(certificate, "cost", "number", str(value), value)
    if number % 4 == 0:
        day = (NOW + timedelta(days=number % 60 - 30)).date().isoformat()
        yield CertificateFieldRow(certificate, "audit", "date", day, None)
    if number % 5 == 0:
        yield CertificateFieldRow(certificate, "note", "text", ("2026-06-01", "Shop 7")[number % 2], None)


def _row(number: int) -> CertificateRow:
    end = NOW + timedelta(days=number % 60 - 20, hours=1)
    standing = STANDINGS[number % 5]
    return CertificateRow(
        id=number * 3 + 1,
        fingerprint=CHANCE.randbytes(32),
        generation_id=None,
        authority=("one", "two")[number % 2] if standing == "issued" else "",
        issuer=("CN=Corp Issuing,O=Größe AG", "CN=Other 100%_x\\y")[number % 2],
        serial=(b"\x00" if number % 3 == 0 else b"") + bytes([128 + number % 100]) + CHANCE.randbytes(9),
        subject=f"CN=Person {number},O=Example" if number % 5 == 0 else "",
        not_before=end - timedelta(days=(30, 90, 398, 825)[number % 4]),
        not_after=end,
        key_algorithm=KEYS[number % len(KEYS)],
        signature_algorithm=("ecdsa-with-SHA256", "sha1WithRSAEncryption")[number % 3 == 0],
        is_authority=number % 17 == 0,
        spki_sha256=bytes(32),
        profile=("server", "client", "mail")[number % 3] if standing == "issued" else "",
        profile_number=1,
        endpoint=("", "acme/default")[number % 4 == 0],
        requester="local:test",
        team=("", "red", "blue")[number % 3],
        owner=("", "ann", "red")[number % 7 % 3],
        environment=("", "production", "test")[number % 8 % 3],
        standing=standing,
        issuer_certificate=None,
        issued_at=NOW - timedelta(days=number % 20, minutes=1),
        replaces=None,
        crl_shard=0,
        revoked_at=NOW - timedelta(days=number % 9) if number % 11 == 0 else None,
        revocation_reason=(4, 6)[number % 2] if number % 11 == 0 else None,
        invalidity_date=None,
        version=1,
    )


def _place(certificate: int, number: int, which: int) -> SightingRow:
    seen = NOW - timedelta(days=number % 15 + which)
    return SightingRow(
        id=certificate * 10 + which,
        place=CHANCE.randbytes(16),
        certificate_id=certificate,
        zone=("", "dmz")[number % 2],
        kind=("tls", "kubernetes")[which % 2],
        host=HOSTS[(number // 4 + which) % len(HOSTS)],
        port=(443, 8443, 0)[(number + which) % 3],
        name="",
        chain=b"",
        facts="{}",
        scope_id=0,
        first_run=1,
        last_run=1,
        first_seen_at=seen,
        last_seen_at=seen,
        ended_at=NOW if (number + which) % 5 < 2 else None,
        version=1,
    )


def _finding(certificate: int, number: int, code: str) -> FindingRow:
    return FindingRow(
        *(certificate, code, "warning", certificate, 0, "", "", NOW),
        NOW if number % 2 else None,
        *("", None, "", 1),
    )


def holds(query: Query, of: Known) -> bool:
    match query:
        case All():
            places = [part for part in query.parts if _of_place(part)]
            others = [part for part in query.parts if part not in places]
            return all(holds(part, of) for part in others) and (not places or _somewhere(places, of))
        case Either():
            return any(holds(part, of) for part in query.parts)
        case Not():
            return not holds(query.part, of)
        case Text():
            return _begins(query.text.lower(), of)
    return _somewhere([query], of) if _of_place(query) else _term(query, of)


def _of_place(query: Query) -> bool:
    return isinstance(query, Term) and query.field.of_place and str(query.value) != "none"


def _somewhere(terms: list[Query], of: Known) -> bool:
    now = [place for place in of.places if place.ended_at is None]
    return any(all(_there(term, place) for term in terms if isinstance(term, Term)) for place in now)


def _there(term: Term, place: SightingRow) -> bool:
    value = term.value
    if isinstance(value, Presence):
        return True
    if isinstance(value, Number):
        return bool(COMPARE[term.operator](place.port, value.number))
    if term.name == "seen":
        return _between(term, place.last_seen_at)
    if isinstance(value, Network):
        return (
            re.fullmatch(r"[0-9.]+", place.host) is not None
            and ipaddress.ip_address(place.host) in value.network
        )
    assert isinstance(value, Pattern)
    return _word(value, {"at": place.host, "place": place.kind, "zone": place.zone}[term.name])


def _begins(text: str, of: Known) -> bool:
    domain = text.strip(".")
    for name in of.names:
        parts = [name.value.startswith(text), name.reversed_value == _back(domain)]
        if any(parts) or name.reversed_value.startswith(_back(domain) + "."):
            return True
    digits = re.sub(r"[:\s]", "", text)
    octets = (of.row.fingerprint.hex(), of.row.serial.hex())
    if re.fullmatch("[0-9a-f]{4,64}", digits) and any(one.startswith(digits) for one in octets):
        return True
    return _lower(of.row.subject).startswith(f"cn={text}")


def _custom(term: Term, of: Known) -> bool:
    value = term.value
    (there,) = [one for one in of.fields if one.field == term.name.removeprefix(CUSTOM)] or [None]
    if isinstance(value, Presence):
        return value.present == (there is not None)
    if there is None:
        return False
    if isinstance(value, Pattern):
        return _word(value, there.value)
    assert isinstance(value, Compared)
    if there.kind == "number" and value.number is not None:
        return bool(COMPARE[term.operator](int(there.value), value.number))
    return there.kind == "date" and value.date is not None and _day(term, value.date, there.value)


def _day(term: Term, wanted: Days | Span, value: str) -> bool:
    """By whole days: 30d from now is within the day that then is."""
    day = date.fromisoformat(value)
    if isinstance(wanted, Span):
        last = (NOW + timedelta(seconds=wanted.seconds) - timedelta(microseconds=term.operator == "<")).date()
        if term.operator in ("<", "<="):
            return NOW.date() <= day <= last
        return day > last if term.operator == ">" else day >= last
    begin, end = wanted.begin.date(), wanted.end.date()
    if term.operator in ("<", ">="):
        return bool(COMPARE[term.operator](day, begin))
    return day < end if term.operator == "<=" else day >= end


def _term(term: Term, of: Known) -> bool:
    name, value, row = term.name, term.value, of.row
    if name.startswith(CUSTOM):
        return _custom(term, of)
    if isinstance(value, Choice):
        return _choice(name, value.word, of)
    if name in ("at", "place", "zone", "seen"):  # none
        return not any(place.ended_at is None for place in of.places)
    several = {
        "san": [one.value for one in of.names],
        "tag": [one.tag for one in of.tags],
        "finding": [one.code for one in of.findings if one.closed_at is None],
        "responsible": [one for one in (row.team, row.owner) if one],
    }
    if name in several:
        if isinstance(value, Presence):
            return value.present == bool(several[name])
        assert isinstance(value, Pattern)
        return any(_name(value, one) if name == "san" else _word(value, one) for one in several[name])
    return _column(term, of.row)


def _column(term: Term, row: CertificateRow) -> bool:
    name, value = term.name, term.value
    moments = {
        "expires": row.not_after,
        "begins": row.not_before,
        "issued": row.issued_at,
        "revoked": row.revoked_at,
    }
    if name in moments:
        moment = moments[name]
        if isinstance(value, Presence):
            return value.present == (moment is not None)
        return moment is not None and _between(term, moment)
    if isinstance(value, Span):
        return bool(COMPARE[term.operator](row.not_after - row.not_before, timedelta(seconds=value.seconds)))
    if isinstance(value, Octets):
        return _octets(value, getattr(row, name), name == "serial")
    if isinstance(value, KeySize):
        family, _, bits = row.key_algorithm.partition("-")
        return family == value.family and bool(COMPARE[value.operator](int(bits), value.bits))
    text = str(getattr(row, {"key": "key_algorithm", "signature": "signature_algorithm"}.get(name, name)))
    if isinstance(value, Presence):
        return value.present == bool(text)
    assert isinstance(value, Pattern)
    if name == "key":
        return _word(value, text) or (value.exact is not None and text.startswith(value.exact + "-"))
    return _like(("", *value.parts, ""), text) if term.field.kind == "text" else _word(value, text)


def _choice(name: str, word: str, of: Known) -> bool:
    row = of.row
    if name == "standing":
        return row.standing == word
    if name == "status":
        return word in set(_states(row))
    facts = {
        "managed": row.standing in ("issued", "adopted"),
        "ca": row.is_authority,
        "gone": bool(of.places) and all(place.ended_at is not None for place in of.places),
    }
    return facts[name] == (word == "yes")


def _states(row: CertificateRow) -> Iterator[str]:
    if row.not_after <= NOW:
        yield "expired"
    elif row.revoked_at is None:
        yield "live"
        if row.not_after < NOW + timedelta(days=30):
            yield "expiring"
    if row.revoked_at is not None:
        yield "hold" if row.revocation_reason == 6 else "revoked"


def _between(term: Term, moment: datetime) -> bool:
    return all(COMPARE[way](moment, bound) for way, bound in bounds(term, NOW))


def _octets(value: Octets, octets: bytes, signed: bool) -> bool:
    if value.begins:
        return octets.hex().startswith(value.digits)
    return octets.hex() == value.digits or (signed and octets.hex() == f"00{value.digits}")


def _name(value: Pattern, name: str) -> bool:
    try:
        exact = parse_identifier("dns", value.exact or "").value
    except Malformed:
        exact = (value.exact or "").lower()
    if value.exact is not None and not value.exact.startswith("."):
        return name in (value.exact, exact)
    if value.exact is not None and len(value.exact) > 1:
        return name.endswith(value.exact.lower())
    if len(value.parts) == 2 and value.parts[0] and not value.parts[1]:
        return name.startswith(value.parts[0].lower())
    return _like(value.parts, name)


def _word(value: Pattern, text: str) -> bool:
    return text == value.exact if value.exact is not None else _like(value.parts, text)


def _like(parts: tuple[str, ...], text: str) -> bool:
    pattern = ".*".join(re.escape(_lower(part)) for part in parts)
    return re.fullmatch(pattern, _lower(text), re.DOTALL) is not None


def _lower(text: str) -> str:
    """ASCII letters only."""
    return "".join(one.lower() if one.isascii() else one for one in text)


def _back(name: str) -> str:
    return ".".join(reversed(name.split(".")))
