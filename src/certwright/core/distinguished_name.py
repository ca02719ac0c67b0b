"""Distinguished names: values, their DER (RFC 5280 section 4.1.2.4) and their text (RFC 4514).

A `DistinguishedName` holds its relative names in encoding order, the most general first (C, O, CN). The
text form of RFC 4514 is the other way round: `CN=www,O=Example,C=DE`.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from cryptography import x509

from . import der
from .documents import is_oid
from .errors import Malformed

Attribute = tuple[str, str]
DN_OCTETS_MAX = 8192
_RDNS_MAX = 32


@dataclass(frozen=True, slots=True)
class AttributeType:
    """`upper_bound` counts characters (RFC 5280 appendix A.1, RFC 4519); `tag` is the string type used."""

    oid: str
    short: str
    upper_bound: int
    tag: int = der.UTF8_STRING


_TYPES = (
    AttributeType("2.5.4.3", "CN", 64),
    AttributeType("2.5.4.4", "SN", 64),
    AttributeType("2.5.4.5", "serialNumber", 64, der.PRINTABLE_STRING),
    AttributeType("2.5.4.6", "C", 2, der.PRINTABLE_STRING),
    AttributeType("2.5.4.7", "L", 128),
    AttributeType("2.5.4.8", "ST", 128),
    AttributeType("2.5.4.9", "street", 128),
    AttributeType("2.5.4.10", "O", 64),
    AttributeType("2.5.4.11", "OU", 64),
    AttributeType("2.5.4.12", "title", 64),
    AttributeType("2.5.4.15", "businessCategory", 128),
    AttributeType("2.5.4.17", "postalCode", 40),
    AttributeType("2.5.4.42", "GN", 64),
    AttributeType("2.5.4.43", "initials", 64),
    AttributeType("2.5.4.44", "generationQualifier", 64),
    AttributeType("2.5.4.46", "dnQualifier", 64, der.PRINTABLE_STRING),
    AttributeType("2.5.4.65", "pseudonym", 128),
    AttributeType("2.5.4.97", "organizationIdentifier", 256),
    AttributeType("0.9.2342.19200300.100.1.1", "UID", 256),
    AttributeType("0.9.2342.19200300.100.1.25", "DC", 63, der.IA5_STRING),
    AttributeType("1.2.840.113549.1.9.1", "emailAddress", 255, der.IA5_STRING),
    AttributeType("1.3.6.1.4.1.311.60.2.1.1", "jurisdictionL", 128),  # these three: EVG 7.1.4.2.4
    AttributeType("1.3.6.1.4.1.311.60.2.1.2", "jurisdictionST", 128),
    AttributeType("1.3.6.1.4.1.311.60.2.1.3", "jurisdictionC", 2, der.PRINTABLE_STRING),
)
_BY_OID = {kind.oid: kind for kind in _TYPES}
_BY_SHORT = {kind.short.lower(): kind for kind in _TYPES} | {
    "surname": _BY_OID["2.5.4.4"],
    "givenname": _BY_OID["2.5.4.42"],
    "email": _BY_OID["1.2.840.113549.1.9.1"],
    "s": _BY_OID["2.5.4.8"],
}
_ENCODED_OID = {kind.oid: der.object_identifier(kind.oid) for kind in _TYPES}
_PRINTABLE = re.compile(r"[A-Za-z0-9 '()+,./:=?-]+")
_NUMERIC_STRING, _T61_STRING, _UNIVERSAL_STRING, _BMP_STRING = 18, 20, 28, 30
_CODECS = {
    der.UTF8_STRING: "utf-8",
    der.PRINTABLE_STRING: "ascii",
    der.IA5_STRING: "ascii",
    _NUMERIC_STRING: "ascii",
    _T61_STRING: "latin-1",
    _BMP_STRING: "utf-16-be",
    _UNIVERSAL_STRING: "utf-32-be",
}
# RFC 5280 section 4.1.2.4; the last two for names that were there before. TeletexString is not among them,
# since everybody reads it in a way of his own.
_DIRECTORY_STRINGS = (der.UTF8_STRING, der.PRINTABLE_STRING, _UNIVERSAL_STRING, _BMP_STRING)

_COUNTRIES = frozenset({"2.5.4.6", "1.3.6.1.4.1.311.60.2.1.3"})

COMMON_NAME = "2.5.4.3"
ORGANIZATION = "2.5.4.10"
EMAIL_ADDRESS = "1.2.840.113549.1.9.1"


@dataclass(frozen=True, slots=True)
class DistinguishedName:
    """Relative names from the most general to the most specific; each is one or more (OID, value).

    `exact` is the DER in which its holder has it, with other string types than ours perhaps; empty for our
    own encoding.
    """

    rdns: tuple[tuple[Attribute, ...], ...] = ()
    exact: bytes = field(default=b"", compare=False, repr=False)

    def __str__(self) -> str:
        return ",".join("+".join(f"{short_name(oid)}={_escaped(value)}" for oid, value in rdn)
                        for rdn in reversed(self.rdns))  # fmt: skip

    def __bool__(self) -> bool:
        return bool(self.rdns)

    def attributes(self) -> Iterator[Attribute]:
        for rdn in self.rdns:
            yield from rdn

    def values(self, oid: str) -> tuple[str, ...]:
        """All values of one attribute type, in order."""
        return tuple([value for rdn in self.rdns for found, value in rdn if found == oid])

    def encode(self) -> bytes:
        """DER of the Name. Raises Malformed for a value that its attribute type does not permit."""
        return self.exact or _encode_name(self.rdns)


NO_NAME = DistinguishedName()


@lru_cache(maxsize=1024)
def _encode_name(rdns: tuple[tuple[Attribute, ...], ...]) -> bytes:
    encoded = []
    for rdn in rdns:
        elements = [encode_attribute(oid, value) for oid, value in rdn]
        elements.sort()
        encoded.append(der.tlv(der.SET, b"".join(elements)))
    return der.tlv(der.SEQUENCE, b"".join(encoded))


def name_of(attributes: Iterable[Attribute]) -> DistinguishedName:
    """A name with one attribute in each relative name: pairs of (short name or OID, value), checked."""
    pairs = [(attribute_oid(name), value) for name, value in attributes]
    for oid, value in pairs:
        check_value(oid, value)
    return DistinguishedName(tuple([(pair,) for pair in pairs]))


def attribute_oid(name: str) -> str:
    """Dotted OID of a short name or dotted text. Raises Malformed."""
    kind = _BY_SHORT.get(name.lower())
    if kind is not None:
        return kind.oid
    if is_oid(name):
        return name
    raise Malformed(
        f"unknown name attribute {name[:40]!r}; use a short name like CN, O, OU, C or a dotted OID"
    )


def short_name(oid: str) -> str:
    """Short name of an attribute type, or its OID where it has none here."""
    kind = _BY_OID.get(oid)
    return kind.short if kind else oid


def upper_bound(oid: str) -> int:
    """Longest value in characters; 256 for a type not known here."""
    kind = _BY_OID.get(oid)
    return kind.upper_bound if kind else 256


def check_value(oid: str, value: str) -> int:
    """The DER string tag for this value. Raises Malformed naming the attribute and what is wrong."""
    kind = _BY_OID.get(oid)
    bound, tag = (kind.upper_bound, kind.tag) if kind else (256, der.UTF8_STRING)
    if not value or len(value) > bound:
        raise Malformed(f"{short_name(oid)} must have 1 to {bound} characters, not {len(value)}")
    if not value.isprintable():
        raise Malformed(f"{short_name(oid)}={value[:40]!r} holds a control character or invisible separator")
    if tag == der.PRINTABLE_STRING and not _PRINTABLE.fullmatch(value):
        raise Malformed(f"{short_name(oid)}={value[:40]!r} has characters outside PrintableString")
    if tag == der.IA5_STRING and not value.isascii():
        raise Malformed(f"{short_name(oid)}={value[:40]!r} has characters outside ASCII")
    if oid in _COUNTRIES and not (len(value) == 2 and value.isalpha() and value.isupper()):
        text = f"{short_name(oid)}={value!r} is not a country code of two capital letters (ISO 3166)"
        raise Malformed(text)
    return tag


def encode_attribute(oid: str, value: str) -> bytes:
    """DER AttributeTypeAndValue. Raises Malformed."""
    tag = check_value(oid, value)
    encoded_oid = _ENCODED_OID.get(oid) or der.object_identifier(oid)
    return der.tlv(der.SEQUENCE, encoded_oid + der.tlv(tag, value.encode()))


@lru_cache(maxsize=4096)
def decode_name(encoded: bytes) -> DistinguishedName:
    """A Name from DER; any of the string types that certificates in the field carry.

    Bounds of single attributes are not applied, since other people's names break them. Raises Malformed.
    """
    if len(encoded) > DN_OCTETS_MAX:
        raise Malformed(f"a distinguished name of {len(encoded)} octets is longer than {DN_OCTETS_MAX}")
    outer = der.Reader(encoded, "distinguished name")
    rdns = []
    names = outer.inside()
    outer.finish()
    while not names.at_end():
        rdns.append(_decode_rdn(names.inside(der.SET)))
        if len(rdns) > _RDNS_MAX:
            raise Malformed(f"a distinguished name has more than {_RDNS_MAX} parts")
    return DistinguishedName(tuple(rdns))


@lru_cache(maxsize=1024)
def name_text(encoded: bytes) -> str:
    """A Name from DER as RFC 4514 text that any database keeps: issuers are compared by it. Raises
    Malformed."""
    return str(decode_name(encoded)).replace("\x00", "\\00")


def _decode_rdn(rdn: der.Reader) -> tuple[Attribute, ...]:
    attributes = []
    while not rdn.at_end():
        pair = rdn.inside()
        oid, tag = pair.object_identifier(), pair.peek()
        content = pair.content()
        pair.finish()
        if tag not in _CODECS:
            raise Malformed(
                f"distinguished name: {short_name(oid)} has string type {tag}, which is not a text type"
            )
        try:
            attributes.append((oid, content.decode(_CODECS[tag])))
        except UnicodeDecodeError:
            raise Malformed(f"distinguished name: {short_name(oid)} is not valid text of its type") from None
    if not attributes:
        raise Malformed("distinguished name: a relative name is empty")
    return tuple(attributes)


def check_exact(name: DistinguishedName) -> None:
    """Can a certificate have the name in its holder's own encoding? Raises Malformed naming what cannot be:
    a string type that its attribute does not have (RFC 5280 A.1), or what is not DER."""
    names = der.Reader(name.exact, "distinguished name").inside()
    while not names.at_end():
        rdn, elements = names.inside(der.SET), []
        while not rdn.at_end():
            elements.append(rdn.whole(der.SEQUENCE))
            _check_type(der.Reader(elements[-1], "distinguished name").inside())
        if elements != sorted(elements):
            raise Malformed("distinguished name: the parts of a relative name are not in the order of DER")


def _check_type(pair: der.Reader) -> None:
    oid, tag = pair.object_identifier(), pair.peek()
    kind = _BY_OID.get(oid)
    if kind is not None and tag not in ((kind.tag,) if kind.tag != der.UTF8_STRING else _DIRECTORY_STRINGS):
        raise Malformed(f"{short_name(oid)} has string type {tag}, which it cannot have")


def name_from_x509(name: x509.Name) -> DistinguishedName:
    """The value of a name that `cryptography` has parsed. Raises Malformed for values that are no text."""
    rdns = tuple([tuple([(part.oid.dotted_string, _text(part)) for part in rdn]) for rdn in name.rdns])
    if len(rdns) > _RDNS_MAX:
        raise Malformed(f"a distinguished name has more than {_RDNS_MAX} parts")
    return DistinguishedName(rdns)


def _text(part: x509.NameAttribute[Any]) -> str:
    value = part.value
    if isinstance(value, str):
        return value
    raise Malformed(f"distinguished name: {short_name(part.oid.dotted_string)} is not a text value")


# -- RFC 4514 --------------------------------------------------------------------------------------

_SPECIAL = frozenset(',+"\\<>;=')
_PLAIN = re.compile(r"[A-Za-z0-9*._@:/-]+(?: [A-Za-z0-9*._@:/-]+)*")


def _escaped(value: str) -> str:
    """RFC 4514 section 2.4."""
    if _PLAIN.fullmatch(value):
        return value
    last = len(value) - 1
    return "".join(
        [_escaped_character(character, index == 0, index == last) for index, character in enumerate(value)]
    )


def _escaped_character(character: str, first: bool, last: bool) -> str:
    if character in _SPECIAL or (character == " " and (first or last)) or (character == "#" and first):
        return "\\" + character
    if character.isprintable():
        return character
    return "".join([f"\\{octet:02x}" for octet in character.encode("utf-8", "replace")])


def parse_name(text: str) -> DistinguishedName:
    """A name from RFC 4514 text, the most specific part first: `CN=www,O=Example,C=DE`. Raises Malformed."""
    if len(text) > DN_OCTETS_MAX:
        raise Malformed(f"a distinguished name longer than {DN_OCTETS_MAX} characters")
    rdns: list[tuple[Attribute, ...]] = []
    rdn: list[Attribute] = []
    position = 0
    while position < len(text):
        pair, position, separator = _parse_pair(text, position)
        rdn.append(pair)
        if separator != "+":
            rdns.append(tuple(rdn))
            rdn = []
        if separator and position >= len(text):
            raise Malformed(f"distinguished name {text[:80]!r} ends in {separator!r}")
    if len(rdns) > _RDNS_MAX:
        raise Malformed(f"a distinguished name has more than {_RDNS_MAX} parts")
    return DistinguishedName(tuple(reversed(rdns)))


def _parse_pair(text: str, position: int) -> tuple[Attribute, int, str]:
    """One `type=value` from `position`; gives the pair, where the next begins, and the separator met."""
    equals = text.find("=", position)
    if equals < 0:
        raise Malformed(
            f"distinguished name {text[:80]!r}: {text[position:][:40]!r} is not of the form CN=value"
        )
    oid = attribute_oid(text[position:equals].strip())
    octets, kept, position = bytearray(), 0, equals + 1
    while position < len(text) and text[position] == " ":
        position += 1
    if text[position : position + 1] == "#":
        raise Malformed(
            f"distinguished name: write the value of {short_name(oid)} as text, not as #hexadecimal"
        )
    while position < len(text) and text[position] not in ",+":
        if text[position] == "\\":
            octet, position = _unescape(text, position)
            octets += octet
            kept = len(octets)
        else:
            octets += text[position].encode("utf-8", "replace")
            kept = len(octets) if text[position] != " " else kept
            position += 1
    try:
        value = octets[:kept].decode()
    except UnicodeDecodeError:
        raise Malformed(f"distinguished name: the value of {short_name(oid)} is not UTF-8") from None
    check_value(oid, value)
    separator = text[position : position + 1]
    return (oid, value), position + 1, separator


def _unescape(text: str, position: int) -> tuple[bytes, int]:
    pair = text[position + 1 : position + 3]
    if re.fullmatch(r"[0-9A-Fa-f]{2}", pair):
        return bytes.fromhex(pair), position + 3
    if pair and pair[0] in ' ",#+;<=>\\':
        return pair[0].encode(), position + 2
    raise Malformed(f"distinguished name {text[:80]!r}: bad escape at character {position}")
