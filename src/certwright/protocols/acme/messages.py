"""Payloads of signed requests: octets to values. What they ask for is judged in `rules`.

Every function raises Malformed for what it cannot read. Members that RFC 8555 does not know are ignored, as
it demands (section 7.3); a member that is null counts as absent.
"""

from dataclasses import dataclass
from datetime import datetime

from ...core.errors import Malformed
from .encoding import JsonObject, decode_base64url, decode_object, decode_time, text_member

CONTACTS_MAX = 10
CONTACT_MAX = 512
PROFILE_MAX = 64
IDENTIFIER_TYPE_MAX = 32
IDENTIFIER_VALUE_MAX = 1024
CERTIFICATE_KEY_MAX = 256
DER_MAX = 48 * 1024


def is_post_as_get(payload: bytes) -> bool:
    """A zero-length payload asks to read (RFC 8555 section 6.3)."""
    return not payload


@dataclass(frozen=True, slots=True)
class NewAccount:
    """newAccount (RFC 8555 section 7.3). `contacts` and `binding` are read by `rules` and `nested` only when
    an account is to be made: for a key that has one already, all but `only_return_existing` is ignored."""

    only_return_existing: bool
    terms_agreed: bool
    contacts: object
    binding: object


def parse_new_account(payload: bytes) -> NewAccount:
    members = decode_object(payload, "the newAccount payload")
    return NewAccount(
        only_return_existing=_flag(members, "onlyReturnExisting"),
        terms_agreed=_flag(members, "termsOfServiceAgreed"),
        contacts=members.get("contact"),
        binding=members.get("externalAccountBinding"),
    )


@dataclass(frozen=True, slots=True)
class AccountUpdate:
    """A POST to an account (sections 7.3.2 and 7.3.6). `contacts` None: leave them as they are."""

    contacts: object
    deactivate: bool


def parse_account_update(payload: bytes) -> AccountUpdate:
    members = decode_object(payload, "the account payload")
    return AccountUpdate(members.get("contact"), members.get("status") == "deactivated")


@dataclass(frozen=True, slots=True)
class NewOrder:
    """newOrder (section 7.4; `replaces`: RFC 9773 section 5; `profile`: draft-ietf-acme-profiles section 4).

    `identifiers` are (type, value) as sent. Empty strings and None: not asked for.
    """

    identifiers: tuple[tuple[str, str], ...]
    not_before: datetime | None
    not_after: datetime | None
    profile: str
    replaces: str


def parse_new_order(payload: bytes) -> NewOrder:
    members = decode_object(payload, "the newOrder payload")
    identifiers = members.get("identifiers")
    if not isinstance(identifiers, list) or not identifiers:
        raise Malformed('the newOrder payload needs "identifiers", an array that is not empty')
    return NewOrder(
        identifiers=tuple(map(_identifier, identifiers)),
        not_before=_time(members, "notBefore"),
        not_after=_time(members, "notAfter"),
        profile=_text(members, "profile", PROFILE_MAX),
        replaces=_text(members, "replaces", CERTIFICATE_KEY_MAX),
    )


def _identifier(member: object) -> tuple[str, str]:
    if not isinstance(member, dict):
        raise Malformed('an entry of "identifiers" is not a JSON object')
    return (
        text_member(member, "type", "an identifier", IDENTIFIER_TYPE_MAX),
        text_member(member, "value", "an identifier", IDENTIFIER_VALUE_MAX),
    )


def parse_challenge_response(payload: bytes) -> None:
    """The client is ready (section 7.5.1). Challenges we know have no response fields; all are ignored."""
    decode_object(payload, "the challenge response")


def parse_authorization_update(payload: bytes) -> None:
    """The client gives the authorization up (section 7.5.2); there is nothing else to ask for."""
    if decode_object(payload, "the authorization payload").get("status") != "deactivated":
        raise Malformed('the only change to an authorization is {"status": "deactivated"}')


def parse_finalize(payload: bytes) -> bytes:
    """The DER of the certification request (section 7.4)."""
    return _der(decode_object(payload, "the finalize payload"), "csr")


@dataclass(frozen=True, slots=True)
class Revocation:
    """revokeCert (section 7.6). `reason` None: the client gave none."""

    certificate: bytes
    reason: int | None


def parse_revocation(payload: bytes) -> Revocation:
    members = decode_object(payload, "the revokeCert payload")
    reason = members.get("reason")
    if reason is not None and type(reason) is not int:
        raise Malformed('"reason" is not a whole number')
    return Revocation(_der(members, "certificate"), reason)


def _flag(members: JsonObject, name: str) -> bool:
    value = members.get(name)
    if value is not None and not isinstance(value, bool):
        raise Malformed(f'"{name}" is not true or false')
    return value is True


def _text(members: JsonObject, name: str, limit: int) -> str:
    return "" if members.get(name) is None else text_member(members, name, "the newOrder payload", limit)


def _time(members: JsonObject, name: str) -> datetime | None:
    text = _text(members, name, 40)
    return decode_time(text, f'"{name}"') if text else None


def _der(members: JsonObject, name: str) -> bytes:
    return decode_base64url(text_member(members, name, "the payload", 4 * DER_MAX // 3), f'"{name}"')
