"""Renewal information: when a certificate should be replaced (RFC 9773)."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from ...core.errors import Malformed
from ...core.names import Identifier
from ...core.orders import OrderStatus
from .encoding import JsonObject, decode_base64url, encode_base64url, encode_time
from .problems import AcmeProblem, ProblemType, malformed, unauthorized

KEY_IDENTIFIER_MAX = 64
SERIAL_OCTETS_MAX = 20

SHORT_LIFETIME = timedelta(days=10)
RETRY_AFTER_MIN, RETRY_AFTER_MAX = 60, 6 * 3600


@dataclass(frozen=True, slots=True)
class CertificateKey:
    """A certificate by its authority key identifier and serial number (RFC 9773 section 4.1). Its text form
    is that of the RFC, and two are equal exactly when their texts are."""

    key_identifier: bytes
    serial: int

    def __str__(self) -> str:
        size = self.serial.bit_length() // 8 + 1
        serial = self.serial.to_bytes(size, "big")
        return f"{encode_base64url(self.key_identifier)}.{encode_base64url(serial)}"


def parse_certificate_key(text: str) -> CertificateKey:
    """Raises Malformed. The serial is the content of its DER: positive, and in the fewest octets."""
    first, dot, second = text.partition(".")
    key_identifier = decode_base64url(first, "the key identifier of the certificate")
    serial = decode_base64url(second, "the serial number of the certificate")
    if not dot or not 0 < len(key_identifier) <= KEY_IDENTIFIER_MAX:
        raise Malformed("a certificate is named by key identifier, full stop, serial (RFC 9773 section 4.1)")
    number = int.from_bytes(serial, "big", signed=True)
    if number <= 0 or len(serial) != number.bit_length() // 8 + 1 or len(serial) > SERIAL_OCTETS_MAX:
        raise Malformed(
            "the serial number is not a positive DER integer of at most 20 octets (RFC 5280 4.1.2.2)"
        )
    return CertificateKey(key_identifier, number)


@dataclass(frozen=True, slots=True)
class Window:
    """When renewal is suggested. `start` lies before `end` by a second or more."""

    start: datetime
    end: datetime


def suggested_window(
    not_before: datetime, not_after: datetime, jitter: bytes, replace_since: datetime | None = None
) -> Window:
    """A window one thirtieth of the lifetime wide, at two thirds of the lifetime (half of it below ten
    days).

    `jitter`, any octets that stay the same for a certificate, moves it forward by up to its own width, so
    that certificates issued together are not renewed together. `replace_since`: revoked, or to be replaced,
    since then; the window then lies in the past, and clients renew at once.
    """
    if replace_since is not None:
        return Window(replace_since - timedelta(hours=1), replace_since)
    lifetime = not_after - not_before
    width = max(lifetime / 30, timedelta(seconds=1))
    shift = int.from_bytes(jitter, "big") / 256 ** len(jitter)
    start = not_before + lifetime * (1 / 2 if lifetime < SHORT_LIFETIME else 2 / 3) - width * shift
    return Window(start, start + width)


def retry_after(not_before: datetime, not_after: datetime) -> int:
    """Seconds until a client should ask again: a twentieth of the lifetime, between a minute and six
    hours."""
    share = int((not_after - not_before).total_seconds()) // 20
    return min(max(share, RETRY_AFTER_MIN), RETRY_AFTER_MAX)


def renewal_info_object(window: Window, explanation_url: str = "") -> JsonObject:
    """RFC 9773 section 4.2."""
    members: JsonObject = {
        "suggestedWindow": {"start": encode_time(window.start), "end": encode_time(window.end)}
    }
    if explanation_url:
        members["explanationURL"] = explanation_url
    return members


def renewal_info(
    not_before: datetime, not_after: datetime, jitter: bytes, replace_since: datetime | None
) -> tuple[JsonObject, int]:
    """The object, and the seconds until a client should ask again; arguments as of `suggested_window`."""
    window = suggested_window(not_before, not_after, jitter, replace_since)
    return renewal_info_object(window), retry_after(not_before, not_after)


@dataclass(frozen=True, slots=True)
class Predecessor:
    """The certificate an order says it replaces. `replacing`: the status of the order that has been marked as
    replacing it before, if any."""

    account: str
    identifiers: frozenset[Identifier]
    replacing: OrderStatus | None


def check_replaces(predecessor: Predecessor, account: str, identifiers: Iterable[Identifier]) -> None:
    """RFC 9773 section 5: same account, one name in common at least, not replaced already.

    Raises AcmeProblem unauthorized, malformed or alreadyReplaced.
    """
    if predecessor.account != account:
        raise unauthorized('the certificate of "replaces" was not issued to this account')
    if predecessor.identifiers.isdisjoint(identifiers):
        raise malformed('the certificate of "replaces" has no name in common with this order')
    if predecessor.replacing not in (None, OrderStatus.INVALID):
        raise already_replaced()


def already_replaced() -> AcmeProblem:
    return AcmeProblem(
        ProblemType.ALREADY_REPLACED,
        'the certificate of "replaces" is being replaced by another order already',
    )
