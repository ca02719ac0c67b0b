"""Dangerous acts that one person must not do alone, and what another person's confirmation is worth.

Whoever starts an act for which the rule is on makes a *proposal*: the kind of act and everything it would
touch, as one document without secrets. Another person confirms that document. A confirmation is a
permission for exactly this document, for the person who proposed it, once: they do the same again, and now
it is done.

Persons are told apart by `person_of`. Tokens of an account count as that account; a token of nobody and a
service stand for no person, so that nobody proposes as a program and confirms as themselves. Those who act
on the machine itself hold the key-encryption key, all of them alike: they are one person together.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from .access import Actor, Subject, Verb, require
from .audit import Described, JsonValue
from .errors import Conflict, Forbidden, Malformed

HOURS = 24
HOURS_MAX = 24 * 30
_LOCAL = "local:"


class Kind(Described):
    """Kinds of dangerous acts: the name in settings, and what it stands for."""

    FOUND_AUTHORITY = "found-authority", "Found an authority, or certify an outside one."
    IMPORT_AUTHORITY = "import-authority", "Take over an authority with its key."
    RETIRE_AUTHORITY = "retire-authority", "Retire an authority, or revoke its certificate."
    CHANGE_POLICY = "change-policy", "Put rules of issuance in force."
    CHANGE_ROLES = "change-roles", "Give or withdraw a role, or change who is in a team that has one."
    BULK_REVOKE = "bulk-revoke", "Revoke several certificates at once."
    RESET_LOGIN = "reset-login", "Give an account of another person a new password, or take its factors."
    RELAX_RULE = "relax-second-person", "Ask for a second person less often than before."


CHOSEN = tuple(kind for kind in Kind if kind is not Kind.RELAX_RULE)
"""Those that the rule is turned on for one by one; to relax the rule needs a second person while it is on."""


@dataclass(frozen=True, slots=True)
class Rule:
    """For which kinds of acts a second person is needed, and for how long a proposal or a confirmation
    holds."""

    kinds: frozenset[Kind] = frozenset()
    hours: int = HOURS

    def needs(self, kind: Kind) -> bool:
        return bool(self.kinds) if kind is Kind.RELAX_RULE else kind in self.kinds

    def relaxed_by(self, after: "Rule") -> bool:
        return not self.kinds <= after.kinds or after.hours > self.hours


NO_RULE = Rule()


def make_rule(kinds: list[str], hours: int) -> Rule:
    """Raises Malformed for what is no kind, and for hours out of bounds."""
    known = {kind.value: kind for kind in CHOSEN}
    for kind in kinds:
        if kind not in known:
            raise Malformed(f"{kind[:60]!r} is no dangerous act; known are {', '.join(known)}")
    if not 1 <= hours <= HOURS_MAX:
        raise Malformed(f"a proposal holds for 1 to {HOURS_MAX} hours, not {hours}")
    return Rule(frozenset(known[kind] for kind in kinds), hours)


@dataclass(frozen=True, slots=True)
class Act:
    """One dangerous act. `arguments` say all that it touches and hold no secret; `verb` over each of
    `subjects` is what one must be permitted to do to confirm it."""

    kind: Kind
    verb: Verb
    subjects: tuple[Subject, ...]
    arguments: Mapping[str, JsonValue]

    def document(self) -> str:
        """JSON, the same text for the same act."""
        return json.dumps(self.arguments, sort_keys=True)

    def digest(self) -> bytes:
        """SHA-256 of the kind, a line feed and the document."""
        return hashlib.sha256(f"{self.kind}\n{self.document()}".encode()).digest()


def person_of(actor: Actor) -> str:
    """Which person acts, as `user:NAME` or `local:NAME`; empty for what stands for none."""
    if actor.user:
        return f"user:{actor.user}"
    return actor.name if actor.name.startswith(_LOCAL) else ""


def same_person(one: str, other: str) -> bool:
    """Two accounts of the machine are one person, and so are an account and the machine's of the same
    name."""
    both_local = one.startswith(_LOCAL) and other.startswith(_LOCAL)
    return both_local or one.partition(":")[2] == other.partition(":")[2]


def require_person(actor: Actor) -> str:
    """Raises Forbidden for what stands for no person."""
    person = person_of(actor)
    if not person:
        text = f"this needs a second person, and {actor.name} is nobody's: it is a program"
        raise Forbidden(f"{text}; log in, or use a token of your own account")
    return person


# -- proposals -----------------------------------------------------------------------------------


class State(StrEnum):
    WAITING = "waiting"
    CONFIRMED = "confirmed"
    DONE = "done"
    WITHDRAWN = "withdrawn"
    EXPIRED = "expired"


@dataclass(frozen=True, slots=True)
class Proposal:
    """What decides over a proposal. `person` has made it and `confirmed_by` another, empty before."""

    person: str
    digest: bytes
    verb: Verb
    subjects: tuple[Subject, ...]
    expires_at: datetime
    confirmed_by: str = ""
    withdrawn: bool = False
    done: bool = False


def state_of(proposal: Proposal, now: datetime) -> State:
    if proposal.done:
        return State.DONE
    if proposal.withdrawn:
        return State.WITHDRAWN
    if proposal.expires_at <= now:
        return State.EXPIRED
    return State.CONFIRMED if proposal.confirmed_by else State.WAITING


def confirm(proposal: Proposal, actor: Actor, now: datetime, hours: int) -> Proposal:
    """It, confirmed, for so many hours from now.

    Raises Conflict where it waits for nobody any more, Forbidden for whoever is no other person, or may not
    do it themselves.
    """
    state = state_of(proposal, now)
    if state is not State.WAITING:
        raise Conflict(f"this proposal is {state}, and waits for nobody any more")
    person = require_person(actor)
    if same_person(person, proposal.person):
        raise Forbidden(
            f"{proposal.person} has proposed this, and {actor.name} is the same person; ask another"
        )
    for subject in proposal.subjects:
        require(actor, proposal.verb, subject)
    return replace(proposal, confirmed_by=person, expires_at=now + timedelta(hours=hours))


def require_withdrawable(proposal: Proposal, now: datetime) -> None:
    """Raises Conflict for what has ended already."""
    state = state_of(proposal, now)
    if state not in (State.WAITING, State.CONFIRMED):
        raise Conflict(f"this proposal is {state} already")


def permits(proposal: Proposal, person: str, digest: bytes, now: datetime) -> bool:
    """May this person do the act with this digest, once, because of it?"""
    mine = proposal.person == person and proposal.digest == digest
    return mine and state_of(proposal, now) is State.CONFIRMED


# -- documents -----------------------------------------------------------------------------------


def subject_document(subject: Subject) -> dict[str, Any]:
    """What of it is not empty."""
    texts = {name: getattr(subject, name) for name in ("authority", "profile", "endpoint", "team", "owner")}
    found: dict[str, Any] = {name: text for name, text in texts.items() if text}
    return found | ({"tags": sorted(subject.tags)} if subject.tags else {})


def subject_from_document(document: Mapping[str, Any]) -> Subject:
    return Subject(**{**document, "tags": frozenset(document.get("tags", ()))})
