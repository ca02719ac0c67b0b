"""How far the identity of an organization was checked, by checks that people have done and their evidence.

The kinds of check are those of the CA/Browser Forum: for organization validation TLS BR 3.2.2.1 and 3.2.2.4,
for extended validation EVG 3.2.2. A check counts while what it rests on is young enough, while it is not
revoked, and while the record says what it has confirmed. Facts that are taken away or grow old never raise
the level.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum

from .evidence_age import IDENTITY_DAYS, MAILBOX_DAYS
from .lifetimes import Schedule
from .names import Identifier, IdentifierKind
from .rules_facts import Validation

DAY = timedelta(days=1)
DOMAIN_SCHEDULE = Schedule(
    "ca/browser-forum domains",
    "TLS BR 4.2.1",
    (
        (datetime(2029, 3, 15, tzinfo=UTC), 10),
        (datetime(2027, 3, 15, tzinfo=UTC), 100),
        (datetime(2026, 3, 15, tzinfo=UTC), 200),
        (datetime.min.replace(tzinfo=UTC), 398),
    ),
)
"""How long the check of a domain may be reused (ballot SC-081v3)."""
ACCOUNT = "user:"


class CheckKind(StrEnum):
    REGISTER = "register"
    ADDRESS = "address"
    CALL_BACK = "call-back"
    DOMAIN = "domain"
    LEGAL_STATUS = "legal-status"
    PHYSICAL_EXISTENCE = "physical-existence"
    OPERATIONAL_EXISTENCE = "operational-existence"
    SIGNATORY = "signatory"
    DUE_DILIGENCE = "due-diligence"


@dataclass(frozen=True, slots=True)
class Kind:
    """What a check of this kind shows. `confirms` are the fields of the record that it speaks of: when one is
    changed, the check counts no more. `documents` says that it takes an uploaded one."""

    title: str
    shows: str
    clause: str
    confirms: tuple[str, ...]
    documents: bool = True


_REGISTERED = (
    *("legal_name", "register_number", "jurisdiction_country", "jurisdiction_state"),
    *("jurisdiction_locality", "category", "organization_identifier"),
)
_ADDRESS = ("legal_name", "street", "postal_code", "locality", "state", "country")
FIELDS = tuple(dict.fromkeys((*_REGISTERED, *_ADDRESS, "phone")))
"""What a record of an organization says, each field as text; empty is not said."""

KINDS: dict[CheckKind, Kind] = {
    CheckKind.REGISTER: Kind(
        "Register extract",
        "The organization is in an official register, by this name and number.",
        "TLS BR 3.2.2.1",
        _REGISTERED,
    ),
    CheckKind.ADDRESS: Kind(
        "Address",
        "The organization has this address, by a register, a bill, a statement or a visit.",
        "TLS BR 3.2.2.1",
        _ADDRESS,
    ),
    CheckKind.CALL_BACK: Kind(
        "Telephone call-back",
        "Somebody called a number from an independent source and spoke with the organization about this.",
        "TLS BR 3.2.5",
        ("legal_name", "phone"),
        documents=False,
    ),
    CheckKind.DOMAIN: Kind(
        "Domain",
        "The organization controls this domain, and whoever asks may use it.",
        "TLS BR 3.2.2.4",
        ("legal_name",),
        documents=False,
    ),
    CheckKind.LEGAL_STATUS: Kind(
        "Legal existence and status",
        "The organization exists in law today: neither dissolved nor inactive.",
        "EVG 3.2.2.2",
        _REGISTERED,
    ),
    CheckKind.PHYSICAL_EXISTENCE: Kind(
        "Physical existence",
        "It does business at this address.",
        "EVG 3.2.2.4",
        _ADDRESS,
    ),
    CheckKind.OPERATIONAL_EXISTENCE: Kind(
        "Operational existence",
        "It has been active for three years, or has an account with a bank.",
        "EVG 3.2.2.6",
        ("legal_name",),
    ),
    CheckKind.SIGNATORY: Kind(
        "Authority of the signatory",
        "Who signs and approves for it is employed by it and may.",
        "EVG 3.2.2.8",
        ("legal_name",),
    ),
    CheckKind.DUE_DILIGENCE: Kind(
        "Due diligence",
        "Somebody who has gathered none of this has gone through all of it and found it consistent.",
        "EVG 3.2.2.13",
        FIELDS,
        documents=False,
    ),
}
FOR_ORGANIZATION = (CheckKind.REGISTER, CheckKind.ADDRESS, CheckKind.CALL_BACK, CheckKind.DOMAIN)
GATHERED = (
    *FOR_ORGANIZATION,
    CheckKind.LEGAL_STATUS,
    CheckKind.PHYSICAL_EXISTENCE,
    CheckKind.OPERATIONAL_EXISTENCE,
    CheckKind.SIGNATORY,
)
"""What the second person goes through."""
FOR_EXTENDED = (*GATHERED, CheckKind.DUE_DILIGENCE)


@dataclass(frozen=True, slots=True)
class Ages:
    """How many days evidence is reused. `domain_days` only shorten what the schedule permits."""

    identity_days: int = IDENTITY_DAYS
    domain_days: int = IDENTITY_DAYS
    mailbox_days: int = MAILBOX_DAYS

    @property
    def mailbox(self) -> timedelta:
        return self.mailbox_days * DAY

    def limit(self, kind: CheckKind, now: datetime) -> timedelta:
        if kind is not CheckKind.DOMAIN:
            return self.identity_days * DAY
        return min(self.domain_days * DAY, timedelta(seconds=DOMAIN_SCHEDULE.maximum(now)))


@dataclass(frozen=True, slots=True)
class Done:
    """A check that somebody has done.

    `people` are who did it and who uploaded its documents: `user:NAME` where there is an account, else the
    actor. `since` is when what it rests on was obtained, from which its age counts. `confirmed` are the
    record's fields as they were then.
    """

    kind: CheckKind
    people: frozenset[str]
    at: datetime
    since: datetime
    confirmed: tuple[tuple[str, str], ...]
    documents: int = 0
    domain: str = ""
    revoked: bool = False


@dataclass(frozen=True, slots=True)
class Vetted:
    """The record of an organization: its fields by name (FIELDS), and every check."""

    fields: tuple[tuple[str, str], ...]
    checks: tuple[Done, ...]

    @property
    def legal_name(self) -> str:
        return dict(self.fields).get("legal_name", "")


@dataclass(frozen=True, slots=True)
class Missing:
    """A check that is not there, or counts no more, and why, in plain words."""

    kind: CheckKind
    why: str

    def __str__(self) -> str:
        return f"{KINDS[self.kind].title.lower()}: {self.why}"


@dataclass(frozen=True, slots=True)
class Level:
    """How far it reaches: none, organization or extended; and what is missing for these two."""

    reached: Validation
    for_organization: tuple[Missing, ...]
    for_extended: tuple[Missing, ...]

    def missing(self, wanted: Validation) -> tuple[Missing, ...]:
        return self.for_extended if wanted is Validation.EXTENDED else self.for_organization


def confirmed_now(kind: CheckKind, fields: Iterable[tuple[str, str]]) -> tuple[tuple[str, str], ...]:
    """What a check of this kind confirms of a record with these fields."""
    return tuple([(name, value) for name, value in fields if name in KINDS[kind].confirms])


def problem(check: Done, fields: tuple[tuple[str, str], ...], ages: Ages, now: datetime) -> str:
    """Why a check does not count; empty if it does."""
    if check.revoked:
        return "it was revoked; do it again"
    end = check.since + ages.limit(check.kind, now)
    if now >= end:
        return f"it expired on {end:%Y-%m-%d}; do it again"
    if set(check.confirmed) != set(confirmed_now(check.kind, fields)):
        return "the record was changed since; do it again"
    if KINDS[check.kind].documents and not check.documents:
        return "it has no document; do it again with one"
    return ""


def counting(vetted: Vetted, ages: Ages, now: datetime) -> tuple[Done, ...]:
    """The checks that count now."""
    return tuple([one for one in vetted.checks if not problem(one, vetted.fields, ages, now)])


def level_of(vetted: Vetted, ages: Ages, now: datetime) -> Level:
    """How far an organization is vetted, with what is missing for more."""
    counted = counting(vetted, ages, now)
    lacking = tuple(_lacking(vetted, counted, GATHERED, ages, now))
    for_organization = tuple([one for one in lacking if one.kind in FOR_ORGANIZATION])
    for_extended = lacking or tuple(_diligence(vetted, counted, ages, now))
    if not for_extended:
        return Level(Validation.EXTENDED, (), ())
    if lacking:
        for_extended = (*lacking, *_lacking(vetted, counted, (CheckKind.DUE_DILIGENCE,), ages, now))
    reached = Validation.NONE if for_organization else Validation.ORGANIZATION
    return Level(reached, for_organization, for_extended)


def _lacking(
    vetted: Vetted, counted: Sequence[Done], kinds: Iterable[CheckKind], ages: Ages, now: datetime
) -> Iterable[Missing]:
    there = {one.kind for one in counted}
    for kind in kinds:
        if kind not in there:
            done = [one for one in vetted.checks if one.kind is kind]
            newest = max(done, key=lambda one: one.at, default=None)
            why = problem(newest, vetted.fields, ages, now) if newest else "it was never done"
            yield Missing(kind, why)


def _diligence(vetted: Vetted, counted: Sequence[Done], ages: Ages, now: datetime) -> Iterable[Missing]:
    """Four eyes (EVG 3.2.2.13): of one due diligence, everything must have been gathered before and by
    others. All of them are accounts: who else an actor is, nobody can tell."""
    done = [one for one in counted if one.kind is CheckKind.DUE_DILIGENCE]
    if not done:
        yield from _lacking(vetted, counted, (CheckKind.DUE_DILIGENCE,), ages, now)
        return
    if not any(_covers_all(one, counted) for one in done):
        why = "a second person, with an account and having gathered none of it, must go through all as it is"
        yield Missing(CheckKind.DUE_DILIGENCE, f"{why} now")


def _covers_all(second: Done, counted: Sequence[Done]) -> bool:
    return {one.kind for one in counted if _covers(second, one)}.issuperset(GATHERED)


def _covers(second: Done, one: Done) -> bool:
    """Was it done before, by others, and all of them are accounts?"""
    people = one.people | second.people
    apart = not one.people & second.people and all(name.startswith(ACCOUNT) for name in people)
    return one.at <= second.at and apart


# -- domains -------------------------------------------------------------------------------------


def domains_of(vetted: Vetted, ages: Ages, now: datetime) -> frozenset[str]:
    """Domains that the organization is known to control now."""
    kind = CheckKind.DOMAIN
    return frozenset([one.domain for one in counting(vetted, ages, now) if one.kind is kind])


def diligent_domains_of(vetted: Vetted, ages: Ages, now: datetime) -> frozenset[str]:
    """Those of them that a second person has gone through, for extended validation."""
    counted = counting(vetted, ages, now)
    seconds = [one for one in counted if one.kind is CheckKind.DUE_DILIGENCE]
    known = [one for one in counted if one.kind is CheckKind.DOMAIN]
    return frozenset([one.domain for one in known if any(_covers(second, one) for second in seconds)])


def within(name: Identifier, domains: frozenset[str]) -> bool:
    """Is it one of these domains or below it? A mail address is where its host is; other kinds never are."""
    if name.kind is IdentifierKind.EMAIL:
        host = name.value.rpartition("@")[2]
    elif name.kind is IdentifierKind.DNS:
        host = name.value.removeprefix("*.")
    else:
        return False
    labels = host.lower().split(".")
    return any(".".join(labels[place:]) in domains for place in range(len(labels)))
