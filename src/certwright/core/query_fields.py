"""What a query can ask of a certificate: the fields, what their values are, and how each is read from text.

docs/reference/search.md shows the same table to people; a test compares the two.
"""

import ipaddress
import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from enum import StrEnum

from .custom_fields import NAME, WHOLE
from .documents import duration
from .standing import Standing
from .wording import gettext_noop as _

STATUSES = ("live", "expiring", "expired", "revoked", "hold")
YES, NO = "yes", "no"
YEAR_LEAST, YEAR_MOST = 1900, 9998
SPAN_MOST = 1000 * 365 * 86400
BITS_MAX, PORT_MAX = 999_999, 65_535
_SPAN = re.compile(r"(0|[1-9][0-9]{0,10})([smhdwy])")
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 7 * 86400, "y": 365 * 86400}
_DAY = re.compile(r"([0-9]{4})(?:-([0-9]{2})(?:-([0-9]{2}))?)?")
_KEY = re.compile(r"([a-z]+)(<=|>=|<|>)([1-9][0-9]{0,5})")
_OCTETS = re.compile(r"([0-9a-f]{2,128})(\*?)")
_PLAIN = re.compile(r'[^\s()"\\*<>=:-][^\s()"\\*]*')


class Unreadable(Exception):
    """What belongs there instead, to be told with the column."""


# -- values --------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Presence:
    """`any`, or `none`."""

    present: bool

    def __str__(self) -> str:
        return "any" if self.present else "none"


@dataclass(frozen=True, slots=True)
class Pattern:
    """Text, with anything between its parts; one part is just that text."""

    parts: tuple[str, ...]

    @property
    def exact(self) -> str | None:
        return self.parts[0] if len(self.parts) == 1 else None

    def __str__(self) -> str:
        plain = self.exact not in ("any", "none") and all(_PLAIN.fullmatch(part) for part in self.parts)
        if plain:
            return "*".join(self.parts)
        return f'"{"*".join(map(escaped, self.parts))}"'


def escaped(text: str) -> str:
    """As it stands between quotation marks."""
    return re.sub(r'(["\\*])', r"\\\1", text)


@dataclass(frozen=True, slots=True)
class Octets:
    """Hexadecimal digits, all of them or how they begin."""

    digits: str
    begins: bool

    def __str__(self) -> str:
        return self.digits + ("*" if self.begins else "")


@dataclass(frozen=True, slots=True)
class KeySize:
    """A family of keys, `rsa` or `dsa`, and what its size is compared with, in bits."""

    family: str
    operator: str
    bits: int

    def __str__(self) -> str:
        return f"{self.family}{self.operator}{self.bits}"


@dataclass(frozen=True, slots=True)
class Days:
    """A day, a month or a year in UTC, as ISO 8601 has it."""

    text: str

    @property
    def begin(self) -> datetime:
        year, month, day = (int(part) if part else 1 for part in self._parts())
        return datetime(year, month, day, tzinfo=UTC)

    @property
    def end(self) -> datetime:
        """When the next begins."""
        _, month, day = self._parts()
        begin = self.begin
        if day:
            return begin + timedelta(days=1)
        months = begin.month if month else 12
        return begin.replace(year=begin.year + months // 12, month=months % 12 + 1)

    def _parts(self) -> tuple[str | None, str | None, str | None]:
        match = _DAY.fullmatch(self.text)
        assert match is not None
        return match[1], match[2], match[3]

    def __str__(self) -> str:
        return self.text


@dataclass(frozen=True, slots=True)
class Span:
    """A time without a date."""

    seconds: int

    def __str__(self) -> str:
        return duration(self.seconds)


@dataclass(frozen=True, slots=True)
class Network:
    """Addresses of IPv4 that begin alike."""

    network: ipaddress.IPv4Network

    def __str__(self) -> str:
        return str(self.network)


@dataclass(frozen=True, slots=True)
class Number:
    number: int

    def __str__(self) -> str:
        return str(self.number)


@dataclass(frozen=True, slots=True)
class Compared:
    """What a field of the organization's own is compared with: a number, a date or a distance from now. Which
    of them it is depends on the field: 2026 is a number and a year."""

    text: str

    @property
    def number(self) -> int | None:
        return int(self.text) if WHOLE.fullmatch(self.text) else None

    @property
    def date(self) -> "Days | Span | None":
        if match := _SPAN.fullmatch(self.text):
            return Span(int(match[1]) * _SECONDS[match[2]])
        return Days(self.text) if _is_date(self.text) else None

    def __str__(self) -> str:
        return self.text


@dataclass(frozen=True, slots=True)
class Choice:
    word: str

    def __str__(self) -> str:
        return self.word


Value = Presence | Pattern | Octets | KeySize | Days | Span | Network | Number | Choice | Compared


# -- fields --------------------------------------------------------------------------------------


class Kind(StrEnum):
    """What a field's values are."""

    WORD = "word"
    TEXT = "text"
    OCTETS = "digits"
    KEY = "key"
    DATE = "date"
    LENGTH = "length"
    NUMBER = "number"
    HOST = "host"
    CHOICE = "choice"
    CUSTOM = "custom"


COMPARED = (Kind.DATE, Kind.LENGTH, Kind.NUMBER, Kind.CUSTOM)
"""Kinds that take `<`, `<=`, `>` and `>=`."""


@dataclass(frozen=True, slots=True)
class Field:
    """`of_place` is asked of a place at which the certificate is now. `ahead` are dates in the future, whose
    distance counts from now on; that of others counts back."""

    name: str
    kind: Kind
    meaning: str
    example: str
    choices: tuple[str, ...] = ()
    of_place: bool = False
    ahead: bool = False


_ALL = (
    Field("issuer", Kind.TEXT, _("the issuer's name holds this"), 'issuer:"Corp Issuing"'),
    Field("subject", Kind.TEXT, _("the subject holds this"), "subject:payments"),
    Field("san", Kind.WORD, _("it has this alternative name"), "san:*.pay.example"),
    Field("serial", Kind.OCTETS, _("its serial number"), "serial:0a1b2c*"),
    Field("fingerprint", Kind.OCTETS, _("SHA-256 of it"), "fingerprint:9f86d0*"),
    Field("key", Kind.KEY, _("algorithm and size of its key"), "key:rsa<2048"),
    Field("signature", Kind.TEXT, _("the signature's algorithm holds this"), "signature:sha1"),
    Field("ca", Kind.CHOICE, _("it may sign certificates"), "ca:yes", (YES, NO)),
    Field("authority", Kind.WORD, _("our authority that has issued it"), "authority:issuing"),
    Field("profile", Kind.WORD, _("the profile it was issued by"), "profile:tls-server"),
    Field("endpoint", Kind.WORD, _("where it was asked for"), "endpoint:acme/default"),
    Field("team", Kind.WORD, _("the team that answers for it"), "team:none"),
    Field("owner", Kind.WORD, _("the account that answers for it"), "owner:ann"),
    Field("responsible", Kind.WORD, _("a team or account of this name answers for it"), "responsible:web"),
    Field("tag", Kind.WORD, _("it has this tag"), "tag:shop"),
    Field("environment", Kind.WORD, _("what it is used in"), "environment:production"),
    Field("standing", Kind.CHOICE, _("what it is to us"), "standing:found", tuple(Standing)),
    Field("managed", Kind.CHOICE, _("we have issued or adopted it"), "managed:no", (YES, NO)),
    Field("status", Kind.CHOICE, _("whether it holds"), "status:live", STATUSES),
    Field("expires", Kind.DATE, _("when it ends"), "expires<30d", ahead=True),
    Field("begins", Kind.DATE, _("when it begins"), "begins>=2026-01-01"),
    Field("issued", Kind.DATE, _("when we issued it, or first saw it"), "issued<7d"),
    Field("revoked", Kind.DATE, _("when it was revoked or put on hold"), "revoked:any"),
    Field("lifetime", Kind.LENGTH, _("from its begin to its end"), "lifetime>398d"),
    Field("field", Kind.CUSTOM, _("the organization's own field of this name"), "field.ticket:4711"),
    Field("finding", Kind.WORD, _("something is wrong with it"), "finding:any"),
    Field("gone", Kind.CHOICE, _("it was somewhere, and is nowhere now"), "gone:yes", (YES, NO)),
    Field("at", Kind.HOST, _("host, address or network"), "at:10.1.0.0/16", of_place=True),
    Field("port", Kind.NUMBER, _("port"), "port:8443", of_place=True),
    Field("place", Kind.WORD, _("kind of place"), "place:tls", of_place=True),
    Field("zone", Kind.WORD, _("zone of the network"), "zone:dmz", of_place=True),
    Field("seen", Kind.DATE, _("when it was last seen there"), "seen<7d", of_place=True),
)
FIELDS = {field.name: field for field in _ALL}
CUSTOM = "field."
SYNONYMS = {"name": "san", "env": "environment", "host": "at", "ends": "expires", "kind": "place"}


def field_named(name: str) -> Field | None:
    """The field that a query means by a name, in either case; those of the organization's own are all those
    that there may be."""
    name = name.lower()
    if name.startswith(CUSTOM) and NAME.fullmatch(name.removeprefix(CUSTOM)):
        return replace(FIELDS["field"], name=name, ahead=True)
    return FIELDS.get(SYNONYMS.get(name, name)) if name != "field" else None


def read_value(field: Field, operator: str, parts: tuple[str, ...], quoted: bool) -> Value:
    """The value of a field as it was typed, split where a `*` stands. Raises Unreadable."""
    if operator != ":" and field.kind not in COMPARED:
        raise Unreadable(f"{field.name} cannot be compared; write {field.example}")
    text = "*".join(parts).strip().lower()
    if operator == ":" and text in ("any", "none") and not quoted and field.kind in _MAY_BE_NONE:
        return Presence(text == "any")
    if field.kind in (Kind.WORD, Kind.TEXT) or (field.kind is Kind.CUSTOM and operator == ":"):
        return Pattern(parts)
    value = _READERS[field.kind](field, operator, text)
    if isinstance(value, Span) and operator == ":":
        raise Unreadable(f"a length of time is compared; write {field.name}<{value} or {field.name}>{value}")
    return value


_MAY_BE_NONE = (Kind.WORD, Kind.TEXT, Kind.HOST, Kind.DATE, Kind.CUSTOM)


def _octets(field: Field, operator: str, text: str) -> Value:
    match = _OCTETS.fullmatch(re.sub(r"[:\s]", "", text).removeprefix("0x"))
    if match is None or (len(match[1]) % 2 and not match[2]):
        raise Unreadable(
            f"{field.name} is hexadecimal, two digits an octet, or its beginning with * after it"
        )
    return Octets(match[1], bool(match[2]))


def _key(field: Field, operator: str, text: str) -> Value:
    match = _KEY.fullmatch(text)
    if match is not None and match[1] in ("rsa", "dsa"):
        return KeySize(match[1], match[2], int(match[3]))
    if match is not None or re.search(r"[<>]", text):
        raise Unreadable("the size of rsa and dsa keys is compared, in bits; write key:rsa<2048")
    return Pattern(tuple(text.split("*")))


def _date(field: Field, operator: str, text: str) -> Value:
    if _SPAN.fullmatch(text):
        return _span(field, operator, text)
    if not _is_date(text):
        raise Unreadable(f"{field.name} takes a date as 2026-12-31, 2026-12 or 2026, or 30d from now")
    return Days(text)


def _is_date(text: str) -> bool:
    match = _DAY.fullmatch(text)
    try:
        return match is not None and YEAR_LEAST <= Days(text).begin.year <= YEAR_MOST
    except ValueError:  # a month or day that there is not
        return False


def _span(field: Field, operator: str, text: str) -> Value:
    match = _SPAN.fullmatch(text)
    seconds = int(match[1]) * _SECONDS[match[2]] if match else SPAN_MOST + 1
    if seconds > SPAN_MOST:
        raise Unreadable(f"{field.name} takes a length of time of at most 1000y as 12h, 30d, 8w or 1y")
    return Span(seconds)


def _number(field: Field, operator: str, text: str) -> Value:
    if not re.fullmatch(r"[0-9]{1,5}", text) or int(text) > PORT_MAX:
        raise Unreadable(f"{field.name} takes a number from 0 to {PORT_MAX}")
    return Number(int(text))


def _host(field: Field, operator: str, text: str) -> Value:
    if "/" not in text:
        return Pattern(tuple(text.split("*")))
    try:
        return Network(ipaddress.IPv4Network(text, strict=False))
    except ValueError:
        raise Unreadable(
            "a network is written as 10.1.0.0/16; one of IPv6 by its beginning, at:2001:db8:*"
        ) from None


def _compared(field: Field, operator: str, text: str) -> Value:
    value = Compared(text)
    if _SPAN.fullmatch(text):
        _span(field, operator, text)
    elif value.number is None and value.date is None:
        raise Unreadable(
            f"{field.name} is compared with a whole number, a date as 2026-12-31, or 30d from now"
        )
    return value


def _choice(field: Field, operator: str, text: str) -> Value:
    if text not in field.choices:
        raise Unreadable(f"{field.name} is one of {', '.join(field.choices)}")
    return Choice(text)


_READERS: dict[Kind, Callable[[Field, str, str], Value]] = {
    Kind.OCTETS: _octets,
    Kind.KEY: _key,
    Kind.DATE: _date,
    Kind.LENGTH: _span,
    Kind.NUMBER: _number,
    Kind.HOST: _host,
    Kind.CHOICE: _choice,
    Kind.CUSTOM: _compared,
}
