"""Typed audit events, and the hash chain on which each writer strings its own.

Every process that writes events is a *writer* with a number of its own. It counts its events from 1
without a gap, and each event's body names the chain value of the one before it:

    body   canonical JSON (RFC 8785) of every field, with writer, number and the previous chain value
    chain  SHA-256 of CHAIN_DOMAIN, the previous chain value and the body in UTF-8
    leaf   what enters the Merkle tree for the event: the chain value, then the body in UTF-8

The chain finds what was changed, dropped or moved among rows that no checkpoint covers yet; the
Merkle tree and its signed checkpoints find it in all others, even when a chain was written anew.
`audit_verify` checks rows, `audit_records` whole logs; docs/reference/audit.md describes the formats
for outsiders.
"""

import hashlib
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from functools import lru_cache
from json.encoder import encode_basestring as _quoted
from typing import NamedTuple, Self, TypeAlias

from .errors import Malformed, TooLarge

JsonValue: TypeAlias = "bool | int | str | Sequence[JsonValue] | Mapping[str, JsonValue] | None"

WRITER_MAX = 2**31 - 1
NUMBER_MAX = 2**32 - 1
ACTOR_CHARACTERS_MAX = 256
SOURCE_CHARACTERS_MAX = 256
SUBJECT_CHARACTERS_MAX = 512
DETAIL_OCTETS_MAX = 8 * 1024
DETAIL_DEPTH_MAX = 8
DETAIL_KEY_CHARACTERS_MAX = 64
INTEGER_MAX = 2**53 - 1
"""Integers past this are not the same number to every reader of JSON (RFC 8259 section 6)."""
BODY_OCTETS_MAX = 16 * 1024
CHAIN_OCTETS = 32

CHAIN_DOMAIN = b"certwright audit event v1\n"
GENESIS_DOMAIN = b"certwright audit genesis v1\n"

_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_NAME = re.compile(rf"[ -~]{{1,{DETAIL_KEY_CHARACTERS_MAX}}}")
_ZERO = timedelta(0)


class Described(StrEnum):
    """Names that each carry one line on what they mean."""

    description: str

    def __new__(cls, value: str, description: str = "") -> Self:
        member = str.__new__(cls, value)
        member._value_ = value
        member.description = description
        return member


class EventKind(Described):
    """Everything that is put on record: its name, and what has happened when it stands there."""

    INSTALLATION_FOUNDED = "installation.founded", "This installation was set up."

    AUTHORITY_FOUNDED = "authority.founded", "An authority was founded with a new key."
    AUTHORITY_IMPORTED = "authority.imported", "An authority with its key was taken over."
    AUTHORITY_CSR_CREATED = (
        "authority.csr-created",
        "A certification request was given out, for an outside authority to sign.",
    )
    AUTHORITY_CERTIFICATE_ACCEPTED = (
        "authority.certificate-accepted",
        "A certificate that an outside authority signed for ours was put in use.",
    )
    AUTHORITY_SUBORDINATE_SIGNED = (
        "authority.subordinate-signed",
        "An outside subordinate authority's certificate was signed by one of ours.",
    )
    AUTHORITY_RETIRED = "authority.retired", "An authority was retired and issues no longer."
    AUTHORITY_WITHDRAWN = (
        "authority.withdrawn",
        "An authority that awaited its certificate was taken back, and its key destroyed.",
    )

    KEY_CREATED = "key.created", "A private key was made by a key provider."
    KEY_HANDED_OVER = (
        "key.handed-over",
        "A private key was made for somebody, and given to them with its certificate; it was never kept.",
    )
    KEY_OPENED = "key.opened", "A key kept under a passphrase was opened for one act."

    PROFILE_SAVED = "profile.saved", "A version of a certificate profile was saved."
    POLICY_SAVED = "policy.saved", "A version of the organisation's rules of issuance was put in force."
    POLICY_REPLAYED = "policy.replayed", "A draft of the rules was to be run over all that is on record."
    DISCOVERY_ASKED = "discovery.asked", "Places were to be looked at for certificates."
    DISCOVERY_ENDED = "discovery.ended", "A look for certificates came to its end, failed or was cancelled."
    SCOPE_SAVED = "discovery.scope-saved", "What is looked at again and again was set or changed."
    SCOPE_REMOVED = "discovery.scope-removed", "A scope is not looked at any more."
    FINDING_ACKNOWLEDGED = "finding.acknowledged", "Somebody is at what is wrong with a certificate."
    FINDING_ACCEPTED = "finding.accepted", "What is wrong with a certificate is to stay so for a time."
    ENDPOINT_SAVED = "endpoint.saved", "An enrolment endpoint was made or changed."
    ENDPOINT_REMOVED = "endpoint.removed", "An enrolment endpoint was removed."
    SETTING_SAVED = "setting.saved", "A setting of the installation was changed."

    PRACTICE_TEXT_SAVED = (
        "practice.text-saved",
        "The organization's own text of a section of a practice document was changed.",
    )
    PRACTICE_PUBLISHED = "practice.published", "A version of a practice document was signed and published."

    GRANT_GIVEN = "grant.given", "A role within a scope was given to somebody."
    GRANT_WITHDRAWN = "grant.withdrawn", "A role within a scope was withdrawn from somebody."
    TOKEN_CREATED = "token.created", "An access token was made."
    TOKEN_REVOKED = "token.revoked", "An access token was revoked."
    ACCESS_DENIED = "access.denied", "A known actor was refused an act."

    USER_CREATED = "user.created", "An account was made."
    USER_CHANGED = "user.changed", "What an account is called, or its mail address, was changed."
    USER_PASSWORD_SET = "user.password-set", "An account got another password."
    USER_DISABLED = "user.disabled", "An account was disabled; its sessions and tokens are worthless."
    USER_ENABLED = "user.enabled", "A disabled account was enabled again."
    TEAM_CREATED = "team.created", "A team was made."
    TEAM_CHANGED = "team.changed", "A team's description or mail address was changed."
    TEAM_MEMBER_ADDED = "team.member-added", "An account was put in a team, and has its roles."
    TEAM_MEMBER_REMOVED = "team.member-removed", "An account was taken out of a team."

    REQUEST_MADE = "request.made", "A request for a certificate was made that waits for approval."
    REQUEST_APPROVED = "request.approved", "Somebody approved a step of a request."
    REQUEST_REJECTED = "request.rejected", "Somebody rejected a request, which ends it."
    REQUEST_WITHDRAWN = "request.withdrawn", "A request was withdrawn before it was decided."
    REQUEST_EXPIRED = "request.expired", "A step of a request was not decided in time, which ends it."
    REQUEST_EXTENDED = (
        "request.extended",
        "An approved request waits again: the rules want more steps by now.",
    )
    REQUEST_FAILED = "request.failed", "An approved request could not be issued, which ends it."
    APPROVAL_DELEGATED = "approval.delegated", "Somebody handed their right to approve on, for a time."
    APPROVAL_TAKEN_BACK = "approval.taken-back", "A right to approve that was handed on was taken back."
    LOGIN_SUCCEEDED = "login.succeeded", "A person logged in to the console."
    LOGIN_FAILED = "login.failed", "A log-in, or a proof asked for anew, failed."
    LOGIN_LOCKED = (
        "login.locked",
        "Log-ins failed too often; an address, for one account or for all, must wait.",
    )
    LOGIN_ENDED = "login.ended", "A person logged out."
    MFA_ENROLLED = "mfa.enrolled", "An account got a second factor, a passkey, or new recovery codes."
    MFA_REMOVED = "mfa.removed", "A second factor or a passkey was taken from an account."
    SESSION_REVOKED = "session.revoked", "Sessions of an account were ended by a person."

    CERTIFICATE_INTENDED = (
        "certificate.intended",
        "A certificate is about to be signed by a key outside this process; recorded before.",
    )
    CERTIFICATE_ISSUED = "certificate.issued", "A certificate was issued, first or as a renewal."
    CERTIFICATE_REFUSED = "certificate.refused", "A request for a certificate was refused."
    CERTIFICATE_REVOKED = "certificate.revoked", "A certificate was revoked for good."
    CERTIFICATE_HELD = "certificate.held", "A certificate was put on hold."
    CERTIFICATE_RELEASED = "certificate.released", "A certificate was released from hold."
    CERTIFICATE_ASSIGNED = (
        "certificate.assigned",
        "Another team or account answers for a certificate; `before` says who did.",
    )
    CERTIFICATE_TAGGED = "certificate.tagged", "Tags were put on a certificate, or taken off."
    CERTIFICATE_PLACED = "certificate.placed", "It was said what environment a certificate is used in."
    CERTIFICATE_DESCRIBED = "certificate.described", "Fields of a certificate were filled in or emptied."
    FIELD_DEFINED = "field.defined", "A field for certificates was defined."
    FIELD_CHANGED = "field.changed", "A field for certificates was changed, retired or brought back."
    CERTIFICATE_ADOPTED = (
        "certificate.adopted",
        "A certificate of others is one that we answer for from now on.",
    )
    CERTIFICATE_IGNORED = (
        "certificate.ignored",
        "A certificate of others does not matter to us; `reason` says why.",
    )

    ATTESTATION_OPENED = (
        "attestation.opened",
        "Who answers for certificates was asked whether they are needed still.",
    )
    ATTESTATION_ANSWERED = "attestation.answered", "It was said whether a certificate is needed still."
    ATTESTATION_REMINDED = "attestation.reminded", "Who had not answered was reminded, or told of to others."
    ATTESTATION_CLOSED = "attestation.closed", "A campaign takes no answers any more."
    NOTICE_FAILED = "notice.failed", "A notice could not be mailed; it stands in the console alone."

    ORGANIZATION_SAVED = "organization.saved", "The record of an organization was made or changed."
    VETTING_CHECKED = "vetting.checked", "Somebody checked something of an organization."
    VETTING_REVOKED = "vetting.revoked", "A check of an organization was revoked and counts no more."
    MAILBOX_ASKED = "mailbox.asked", "An account asked for a code by mail, to show that an address is theirs."
    MAILBOX_FAILED = "mailbox.failed", "The code could not be mailed to the address."
    MAILBOX_PROVED = "mailbox.proved", "An account showed control of a mail address by the code mailed to it."
    MAILBOX_TAKEN_AWAY = "mailbox.taken-away", "A proof of a mail address counts no more, by an officer."
    EVIDENCE_UPLOADED = "evidence.uploaded", "A document on an organization was kept."
    EVIDENCE_REFUSED = "evidence.refused", "The virus scanner refused a document on an organization."
    EVIDENCE_READ = "evidence.read", "A document on an organization was downloaded."

    CRL_PUBLISHED = "crl.published", "A CRL, whole, delta or shard, was signed and published."
    OCSP_PRODUCED = "ocsp.produced", "A batch of OCSP answers was signed ahead."
    OCSP_SIGNER_ISSUED = "ocsp-signer.issued", "A delegated OCSP signer got its certificate."

    ACME_ACCOUNT_CREATED = "acme.account-created", "An ACME account was made."
    ACME_ACCOUNT_CHANGED = "acme.account-changed", "An ACME account's contacts were changed."
    ACME_ACCOUNT_DEACTIVATED = "acme.account-deactivated", "An ACME account was deactivated."
    ACME_ACCOUNT_REVOKED = "acme.account-revoked", "An ACME account was revoked by an administrator."
    ACME_ACCOUNT_KEY_CHANGED = "acme.account-key-changed", "An ACME account changed its key."
    ACME_ORDER_CREATED = "acme.order-created", "An ACME order was placed."
    ACME_AUTHORIZATION_VALIDATED = (
        "acme.authorization-validated",
        "Control of an identifier was proved.",
    )
    ACME_AUTHORIZATION_FAILED = (
        "acme.authorization-failed",
        "Control of an identifier could not be proved.",
    )
    ACME_AUTHORIZATION_DEACTIVATED = (
        "acme.authorization-deactivated",
        "An ACME client gave an authorization back.",
    )
    ACME_EXTERNAL_ACCOUNT_KEY_CREATED = (
        "acme.external-account-key-created",
        "A key for external account binding was made.",
    )
    ACME_EXTERNAL_ACCOUNT_KEY_REVOKED = (
        "acme.external-account-key-revoked",
        "A key for external account binding was revoked.",
    )

    PROPOSAL_MADE = "proposal.made", "A dangerous act was proposed, for another person to confirm."
    PROPOSAL_CONFIRMED = "proposal.confirmed", "Another person confirmed a dangerous act."
    PROPOSAL_WITHDRAWN = "proposal.withdrawn", "A proposed act was taken back."
    PROPOSAL_CARRIED_OUT = "proposal.carried-out", "A confirmed act was done by who had proposed it."
    BREAK_GLASS_OPENED = (
        "break-glass.opened",
        "The rule of the second person was suspended on the machine itself.",
    )
    BREAK_GLASS_USED = "break-glass.used", "A dangerous act was done while that rule was suspended."
    BREAK_GLASS_ENDED = "break-glass.ended", "The rule of the second person is in force again."

    WORKER_RECOVERED = "worker.recovered", "A worker took over the unfinished work of a dead one."
    WORKER_JOB_FAILED = "worker.job-failed", "A piece of durable work failed for good."
    AUDIT_EXPORTED = "audit.exported", "The audit log was exported."
    AUDIT_DISCREPANCY_FOUND = "audit.discrepancy-found", "The audit log failed its verification."


@dataclass(frozen=True, slots=True)
class Event:
    """One fact to put on record.

    `at` is aware and UTC. `actor` is who acted (`local:alice`, `acme:<thumbprint>`), `source` where
    the act came from (an address; empty for our own), `subject` what it was done to, as `kind:name`.
    `detail` is JSON without fractions and never holds a secret. No control characters outside it.
    """

    kind: EventKind
    at: datetime
    actor: str
    source: str
    subject: str
    detail: Mapping[str, JsonValue]


class EventRow(NamedTuple):
    """One row of the table of events, column by column. `id` is `writer << 32 | number`."""

    id: int
    writer: int
    number: int
    at: datetime
    kind: str
    actor: str
    source: str
    subject: str
    body: str
    chain: bytes


class Head(NamedTuple):
    """How far a writer has come: the number of its newest event and that event's chain value."""

    number: int
    chain: bytes


def genesis(writer: int) -> bytes:
    """The chain value before a writer's first event: SHA-256 of a domain and the writer's 8 octets."""
    return hashlib.sha256(GENESIS_DOMAIN + writer.to_bytes(8, "big")).digest()


def chain_value(previous: bytes, body: bytes) -> bytes:
    """The chain value of an event from the one before it and its own body."""
    return hashlib.sha256(CHAIN_DOMAIN + previous + body).digest()


def leaf_entry(row: EventRow) -> bytes:
    """What the Merkle tree hashes for an event; its body binds writer and number."""
    return row.chain + row.body.encode()


@dataclass(frozen=True, slots=True)
class Chain:
    """Where one writer stands. A value: appending gives rows and the chain after them.

    Keep the new chain once the rows are durable; when the commit fails, go on from the old one.
    """

    writer: int
    number: int
    head: bytes

    @classmethod
    def start(cls, writer: int) -> "Chain":
        """The chain of a new writer, 1 to WRITER_MAX. Raises Malformed."""
        if not 1 <= writer <= WRITER_MAX:
            raise Malformed(f"audit writer {writer} is not between 1 and {WRITER_MAX}")
        return cls(writer, 0, genesis(writer))

    def append(self, event: Event) -> tuple[EventRow, "Chain"]:
        """The event's row and the chain after it. Raises Malformed, TooLarge."""
        (row,), chain = self.extend((event,))
        return row, chain

    def extend(self, events: Iterable[Event]) -> tuple[list[EventRow], "Chain"]:
        """The rows of several events, in order, and the chain after them.

        Raises Malformed for an event that cannot be put on record, TooLarge past a bound. Nothing is
        ever shortened.
        """
        rows, writer, number, head = [], self.writer, self.number, self.head
        for event in events:
            number += 1
            body = _body(writer, number, event, head)
            octets = _utf8(body)
            head = chain_value(head, octets)
            rows.append(
                EventRow(
                    writer << 32 | number,
                    writer,
                    number,
                    event.at,
                    event.kind.value,
                    event.actor,
                    event.source,
                    event.subject,
                    body,
                    head,
                )
            )
        if number > NUMBER_MAX:
            raise TooLarge(f"audit writer {writer} is full at {NUMBER_MAX} events; start a new one")
        return rows, Chain(writer, number, head)


# -- strangers' text -----------------------------------------------------------------------------


def shown(text: str, limit: int) -> str:
    """Text of others as an event may hold it: at most `limit` octets of JSON, 32 or more, and always takable.

    What cannot be seen or could mislead the eye stands as an escape (`\\x0a`, `\\u202e`), a backslash as two.
    What is too long ends in `\u2026(+N)`, N characters left out; no text that is whole ends so.
    """
    if len(text) <= limit and _PLAIN.fullmatch(text):
        return text
    pieces: list[str] = []
    left, kept = limit, 0
    for character in text[:limit]:
        piece = character if character.isprintable() and character not in _MARKS else _escaped(character)
        left -= len(_utf8(_quoted(piece))) - 2
        if left < 0:
            break
        pieces.append(piece)
        kept += left >= _MARK_OCTETS
    if len(pieces) == len(text):
        return "".join(pieces)
    return f"{''.join(pieces[:kept])}\u2026(+{len(text) - kept})"


_PLAIN = re.compile(r"[ !#-\[\]-~]*")
_MARKS = frozenset("\\\u2026")
_MARK_OCTETS = 16


def _escaped(character: str) -> str:
    code = ord(character)
    if character == "\\":
        return "\\\\"
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


# -- the body ------------------------------------------------------------------------------------


def _body(writer: int, number: int, event: Event, previous: bytes) -> str:
    """Canonical JSON of all fields: names sorted, no spaces (RFC 8785)."""
    _check_texts(event.actor, event.source, event.subject)
    return (
        f'{{"actor":{_quoted(event.actor)},"at":"{moment(event.at)}",'
        f'"detail":{_detail(event.detail)},"kind":"{event.kind.value}","number":{number},'
        f'"previous":"{previous.hex()}","source":{_quoted(event.source)},'
        f'"subject":{_quoted(event.subject)},"writer":{writer}}}'
    )


def _check_texts(actor: str, source: str, subject: str) -> None:
    if not actor:
        raise Malformed("an audit event has no actor; name who acted")
    if (
        len(actor) > ACTOR_CHARACTERS_MAX
        or len(source) > SOURCE_CHARACTERS_MAX
        or len(subject) > SUBJECT_CHARACTERS_MAX
    ):
        raise TooLarge(
            f"actor, source or subject of an audit event is longer than {ACTOR_CHARACTERS_MAX},"
            f" {SOURCE_CHARACTERS_MAX} or {SUBJECT_CHARACTERS_MAX} characters"
        )
    if _CONTROL.search(actor) or _CONTROL.search(source) or _CONTROL.search(subject):
        raise Malformed("actor, source or subject of an audit event holds a control character")


def moment(at: datetime) -> str:
    """RFC 3339 with microseconds and `Z`."""
    if at.tzinfo is not UTC and at.utcoffset() != _ZERO:
        raise Malformed(f"the time of an audit event is not in UTC: {at.isoformat()}")
    return at.isoformat(timespec="microseconds")[:26] + "Z"


def _detail(detail: Mapping[str, JsonValue]) -> str:
    text = canonical(detail)
    if len(text) > DETAIL_OCTETS_MAX or len(_utf8(text)) > DETAIL_OCTETS_MAX:
        raise TooLarge(f"the detail of an audit event is larger than {DETAIL_OCTETS_MAX} octets")
    return text


def canonical(value: JsonValue, depth: int = 0) -> str:
    """Canonical JSON (RFC 8785) of the part of JSON that events use.

    Names are 1 to 64 printable ASCII characters, so that every order of sorting is the same; numbers
    are integers of at most 53 bits. Raises Malformed for anything else, TooLarge past the depth.
    """
    if isinstance(value, str):
        return _quoted(value)
    if value is None or isinstance(value, bool):
        return _CONSTANTS[value]
    if isinstance(value, int):
        if not -INTEGER_MAX <= value <= INTEGER_MAX:
            raise Malformed("an integer in an audit event has over 53 bits; give it as text")
        return str(int(value))
    if depth >= DETAIL_DEPTH_MAX:
        raise TooLarge(f"the detail of an audit event is deeper than {DETAIL_DEPTH_MAX} levels")
    if isinstance(value, (dict, Mapping)):
        members = [f"{_name(name)}:{canonical(value[name], depth + 1)}" for name in _sorted(value)]
        return "{" + ",".join(members) + "}"
    if isinstance(value, (list, tuple)):
        return "[" + ",".join([canonical(item, depth + 1) for item in value]) + "]"
    raise Malformed(f"a {type(value).__name__} has no place in the detail of an audit event")


_CONSTANTS = {None: "null", True: "true", False: "false"}


def _sorted(value: Mapping[str, JsonValue]) -> list[str]:
    try:
        return sorted(value)
    except TypeError as error:
        raise Malformed("a detail of an audit event is named by something that is not text") from error


@lru_cache(maxsize=1024)
def _name(name: object) -> str:
    """A name as JSON. The same few names come with every event."""
    if isinstance(name, str) and _NAME.fullmatch(name):
        return _quoted(name)
    raise Malformed(
        f"{str(name)[:80]!r} names a detail of an audit event;"
        f" 1 to {DETAIL_KEY_CHARACTERS_MAX} printable ASCII characters can"
    )


def _utf8(text: str) -> bytes:
    try:
        return text.encode()
    except UnicodeEncodeError as error:
        raise Malformed("an audit event holds half a surrogate pair, which no UTF-8 can") from error
