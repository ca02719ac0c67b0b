"""The text forms of ACME: JSON (RFC 8259), base64url (RFC 7515 section 2) and times (RFC 3339), read
strictly.

Everything here raises Malformed, whatever the input. Sizes are bounded by the request body, which the caller
bounds before anything is read.
"""

import json
import re
from base64 import urlsafe_b64encode
from binascii import Error as BinasciiError
from binascii import a2b_base64
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import NoReturn

from ...core.errors import Malformed

JsonObject = dict[str, object]

DEPTH_MAX = 16
SHOWN_MAX = 64


def shown(text: str) -> str:
    """A client's own words for an error line: quoted, printable ASCII, cut after 64 characters."""
    return ascii(text if len(text) <= SHOWN_MAX else text[: SHOWN_MAX - 3] + "...")


# -- base64url -----------------------------------------------------------------------------------

_INVALID = ord("!")
_LETTERS = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
_TO_STANDARD = bytes(
    octet if octet in _LETTERS else {ord("-"): ord("+"), ord("_"): ord("/")}.get(octet, _INVALID)
    for octet in range(256)
)
_PADDING = (b"", b"===", b"==", b"=")
# The last character may carry no bits beyond the octets: one spelling for each value (RFC 4648 section 3.5).
_LAST = ("", "", "AQgw", "AEIMQUYcgkosw048")


def decode_base64url(text: str, what: str) -> bytes:
    """Octets from base64url without padding. `what` names the value in the error."""
    rest = len(text) & 3
    try:
        octets = a2b_base64(text.encode("ascii").translate(_TO_STANDARD) + _PADDING[rest], strict_mode=True)
    except (UnicodeEncodeError, BinasciiError):
        raise Malformed(f"{what} is not base64url without padding (RFC 7515 section 2)") from None
    if rest and text[-1] not in _LAST[rest]:
        raise Malformed(f"{what} is not base64url in its one normal spelling (RFC 4648 section 3.5)")
    return octets


def encode_base64url(octets: bytes) -> str:
    return urlsafe_b64encode(octets).rstrip(b"=").decode("ascii")


# -- JSON ----------------------------------------------------------------------------------------


def _unique(pairs: list[tuple[str, object]]) -> JsonObject:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise Malformed("a JSON object has the same member twice")
    return members


def _no_constant(name: str) -> NoReturn:
    raise Malformed(f"{name} is not JSON")


_DECODER = json.JSONDecoder(object_pairs_hook=_unique, parse_constant=_no_constant)
_ENCODER = json.JSONEncoder(separators=(",", ":"))


def decode_object(octets: bytes, what: str) -> JsonObject:
    """A JSON object: UTF-8, no member twice, no depth above 16, no lone surrogates."""
    try:
        text = octets.decode("utf-8")
        value = _DECODER.decode(text)
    except (ValueError, RecursionError):
        raise Malformed(f"{what} is not JSON in UTF-8") from None
    if not isinstance(value, dict):
        raise Malformed(f"{what} is not a JSON object")
    if octets.count(b"{") + octets.count(b"[") > DEPTH_MAX:
        _check_depth(value, what)
    if "\\u" in text:
        _check_surrogates(value, what)
    return value


def _check_depth(value: JsonObject, what: str) -> None:
    level: list[object] = [value]
    for _ in range(DEPTH_MAX):
        level = [child for parent in level for child in _children(parent)]
        if not level:
            return
    raise Malformed(f"{what} nests deeper than {DEPTH_MAX} levels")


def _children(value: object) -> list[object]:
    if isinstance(value, dict):
        return list(value.values())
    return value if isinstance(value, list) else []


def _check_surrogates(value: JsonObject, what: str) -> None:
    try:
        json.dumps(value, ensure_ascii=False).encode("utf-8")
    except UnicodeEncodeError:
        raise Malformed(f"{what} holds half a surrogate pair") from None


def encode_object(document: Mapping[str, object]) -> bytes:
    """Compact JSON in ASCII."""
    return _ENCODER.encode(document).encode("ascii")


def text_member(members: JsonObject, name: str, what: str, limit: int) -> str:
    """A required string member of at most `limit` characters, not empty."""
    value = members.get(name)
    if not isinstance(value, str) or not 0 < len(value) <= limit:
        raise Malformed(f'{what} needs "{name}", a string of 1 to {limit} characters')
    return value


# -- times ---------------------------------------------------------------------------------------

_RFC3339 = re.compile(
    r"\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(\.\d{1,9})?([Zz]|[+-](?:[01]\d|2[0-3]):[0-5]\d)", re.ASCII
)


def decode_time(text: str, what: str) -> datetime:
    """A moment in UTC from RFC 3339 section 5.6, cut to whole seconds as a certificate holds it."""
    if not _RFC3339.fullmatch(text):
        raise Malformed(f"{what} {shown(text)} is not a time in the form of RFC 3339")
    try:
        moment = datetime.fromisoformat(text.upper()).astimezone(UTC)
    except (ValueError, OverflowError):
        raise Malformed(f"{what} {shown(text)} is not a moment that exists") from None
    return moment.replace(microsecond=0)


def encode_time(moment: datetime) -> str:
    """RFC 3339 in UTC, whole seconds. `moment` is aware."""
    return moment.astimezone(UTC).isoformat(timespec="seconds")[:19] + "Z"
