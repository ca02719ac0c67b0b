"""Control of a mailbox, shown by a random value that was mailed to it: S/MIME BR 3.2.2.2.

A value goes to the very address that it is about and is good for a day, once, for the account that has asked.
It is not enough that somebody has the mail: a stranger would be made to confirm what others have asked for
(as RFC 8823 section 3 has it, a challenge is bound to the account of its order).
"""

import base64
import hashlib
import hmac
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from .names import Identifier, IdentifierKind
from .vetted_subject import Control
from .vetting import Ages

CODE_OCTETS = 20
"""S/MIME BR 3.2.2.2 wants 112 bits; these are 160, and no padding in base32."""
CODE_CHARACTERS_MAX = 200
GROUP = 4
GOOD_FOR = timedelta(hours=24)
_DOMAIN = b"certwright mailbox code v1\n"
PLACE = "Mail addresses of the account"
"""The page where it is done."""


class MailboxState(StrEnum):
    ASKED = "asked"
    MAILED = "mailed"
    UNANSWERED = "unanswered"
    FAILED = "failed"
    IN_FORCE = "in-force"
    EXPIRED = "expired"
    TAKEN_AWAY = "taken-away"


@dataclass(frozen=True, slots=True)
class MailboxProof:
    """Which account has asked to prove which address, and what came of it. `digest` is that of the newest
    value that was mailed, empty before that and once it is used."""

    account: str
    address: Identifier
    digest: bytes = b""
    good_until: datetime | None = None
    proved_at: datetime | None = None
    failed: bool = False
    taken_away: bool = False


def code_of(octets: bytes) -> str:
    """The value as a mail shows it: groups of letters and digits. `octets` are CODE_OCTETS random ones."""
    text = base64.b32encode(octets).decode()
    return "-".join(text[start : start + GROUP] for start in range(0, len(text), GROUP))


def code_digest(code: str) -> bytes:
    """What is kept of a value, as it was mailed or as somebody has typed it: spaces, hyphens and case do not
    matter."""
    plain = "".join(one for one in code[:CODE_CHARACTERS_MAX] if one.isalnum()).upper()
    return hashlib.sha256(_DOMAIN + plain.encode()).digest()


def state_of(proof: MailboxProof, ages: Ages, now: datetime) -> MailboxState:
    if proof.taken_away:
        return MailboxState.TAKEN_AWAY
    if proof.proved_at is not None:
        return MailboxState.IN_FORCE if now < proof.proved_at + ages.mailbox else MailboxState.EXPIRED
    if proof.failed:
        return MailboxState.FAILED
    if proof.good_until is None:
        return MailboxState.ASKED
    return MailboxState.MAILED if now < proof.good_until else MailboxState.UNANSWERED


def answer_problem(proof: MailboxProof, account: str, code: str, now: datetime) -> str:
    """Why an answer of this account proves nothing, in one line; empty where it does."""
    if not account or account != proof.account:
        return "another account has asked for this proof; ask for one of your own"
    if proof.taken_away or proof.proved_at is not None:
        return "this proof is answered already; ask for a new one"
    if not proof.digest or proof.good_until is None:
        return "nothing was mailed for this proof yet; wait for the mail"
    if now >= proof.good_until:
        return "the code was good for a day, which is over; ask for a new one"
    if not hmac.compare_digest(proof.digest, code_digest(code)):
        return "this is not the code of the newest mail; paste it again, as it stands there"
    return ""


def counting(
    names: Iterable[Identifier], account: str, proofs: Iterable[MailboxProof], ages: Ages, now: datetime
) -> list[MailboxProof]:
    """Those by which the account shows control of one of the names now."""
    wanted = frozenset(names)
    own = [one for one in proofs if account and one.account == account and one.address in wanted]
    return [one for one in own if state_of(one, ages, now) is MailboxState.IN_FORCE]


def control_of(
    names: Sequence[Identifier], account: str, proofs: Sequence[MailboxProof], ages: Ages, now: datetime
) -> Control:
    """What the account that asks for a certificate has shown of its mail addresses, and what it has not."""
    shown = frozenset([one.address for one in counting(names, account, proofs, ages, now)])
    mails = [one for one in names if one.kind is IdentifierKind.EMAIL and one not in shown]
    return Control(shown, {one: _missing(one, account, proofs, ages, now) for one in mails})


def _missing(
    address: Identifier, account: str, proofs: Sequence[MailboxProof], ages: Ages, now: datetime
) -> str:
    if not account:
        return f"nobody has shown control of {address}: ask for it by an account that can, under {PLACE}"
    own = [one for one in proofs if one.account == account and one.address == address]
    ends = [one.proved_at + ages.mailbox for one in own if one.proved_at and not one.taken_away]
    if ends:
        text = f"that {account} controls {address} was shown, and expired on {max(ends):%Y-%m-%d}"
        return f"{text}: do it again under {PLACE}"
    return f"{account} has not shown control of {address}: have a code mailed to it, under {PLACE}"
