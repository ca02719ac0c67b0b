"""What validation an issuance has: its subject beside the records of vetted organizations, its names beside
what was proved of them.

Values are compared as RFC 4519 has it (caseIgnoreMatch, after the preparation of RFC 4518): characters that
nobody sees are left out, compatible forms are one (NFKC), case does not matter, and neither does how many
spaces stand between words or around them.
"""

import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from .distinguished_name import COMMON_NAME, EMAIL_ADDRESS, ORGANIZATION, DistinguishedName, short_name
from .names import Identifier, IdentifierKind
from .rules_facts import Validation
from .vetting import Ages, Vetted, diligent_domains_of, domains_of, level_of, within

SERIAL_NUMBER, COUNTRY, CATEGORY = "2.5.4.5", "2.5.4.6", "2.5.4.15"
JURISDICTION_COUNTRY = "1.3.6.1.4.1.311.60.2.1.3"
ATTRIBUTES: dict[str, str] = {
    ORGANIZATION: "legal_name",
    COUNTRY: "country",
    "2.5.4.7": "locality",
    "2.5.4.8": "state",
    "2.5.4.9": "street",
    "2.5.4.17": "postal_code",
    SERIAL_NUMBER: "register_number",
    CATEGORY: "category",
    "2.5.4.97": "organization_identifier",
    "1.3.6.1.4.1.311.60.2.1.1": "jurisdiction_locality",
    "1.3.6.1.4.1.311.60.2.1.2": "jurisdiction_state",
    JURISDICTION_COUNTRY: "jurisdiction_country",
}
"""Attributes of a subject that a record vouches for, by OID, and the field that they must equal."""
NAMES = frozenset({COMMON_NAME, EMAIL_ADDRESS})
"""Attributes that are held against the alternative names instead."""
EXTENDED_HAS = (ORGANIZATION, COUNTRY, SERIAL_NUMBER, CATEGORY, JURISDICTION_COUNTRY)
"""What the subject of an extended validation must have (EVG 7.1.4.2)."""
_UNSEEN = frozenset("\u00ad\u034f\u1806\ufffc") | {chr(code) for code in (*range(0x180B, 0x180F),)}
_UNSEEN |= {chr(code) for code in range(0xFE00, 0xFE10)}


@dataclass(frozen=True, slots=True)
class Control:
    """Of which names control was shown one by one, by a challenge or a mail; domains of organizations come on
    top. `missing` says of others what is to be done, where more can be said than that nobody has."""

    shown: frozenset[Identifier] = frozenset()
    missing: Mapping[Identifier, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Reached:
    """`validation` is how far it goes; `missing` says in plain words what stands before each level."""

    validation: Validation = Validation.NONE
    organization: str = ""
    missing: Mapping[Validation, tuple[str, ...]] = field(default_factory=dict)


def prepared(value: str) -> str:
    """A value as it is compared (RFC 4518 section 2)."""
    seen = [" " if one.isspace() else one for one in value if not _unseen(one)]
    folded = unicodedata.normalize("NFKC", "".join(seen)).casefold()
    return " ".join(unicodedata.normalize("NFKC", folded).split())


def _unseen(character: str) -> bool:
    if character in _UNSEEN:
        return True
    return unicodedata.category(character) in ("Cc", "Cf") and not character.isspace()


def differences(subject: DistinguishedName, names: Sequence[Identifier], vetted: Vetted) -> tuple[str, ...]:
    """What of a subject neither its organization's record nor one of its names vouches for."""
    fields = dict(vetted.fields)
    found = []
    for oid, value in subject.attributes():
        if oid in NAMES:
            if not _is_one_of(oid, value, names, vetted):
                found.append(f"{short_name(oid)} {value!r} is none of the names; leave it out")
            continue
        name = ATTRIBUTES.get(oid)
        if name is None:
            found.append(f"{short_name(oid)} is nothing that vetting confirms; leave it out")
        elif not fields.get(name):
            found.append(f"the record has no {name.replace('_', ' ')}, so {short_name(oid)} cannot be said")
        elif prepared(fields[name]) != prepared(value):
            text = f"{short_name(oid)} is {fields[name]!r} in the record, not {value!r}"
            found.append(text)
    return tuple(found)


def _is_one_of(oid: str, value: str, names: Sequence[Identifier], vetted: Vetted) -> bool:
    """A common name may be the organization's own, too."""
    if oid == EMAIL_ADDRESS:
        return any(one.kind is IdentifierKind.EMAIL and one.value == value for one in names)
    return prepared(value) == prepared(vetted.legal_name) or any(one.value == value for one in names)


def reached(
    subject: DistinguishedName,
    names: Sequence[Identifier],
    control: Control,
    organizations: Iterable[Vetted],
    ages: Ages,
    now: datetime,
) -> Reached:
    """How far an issuance is validated. `organizations` are those that the certificate may be for; it is the
    one that its O names."""
    known = tuple(organizations)
    named = subject.values(ORGANIZATION)
    wanted = {prepared(value) for value in named}
    mine = [one for one in known if {prepared(one.legal_name)} == wanted]
    covering = mine or known
    domains = frozenset[str]().union(*[domains_of(one, ages, now) for one in covering])
    uncovered = _uncovered(names, control, domains)
    base = Validation.DOMAIN if names and not uncovered else Validation.NONE
    of_names = uncovered or (() if names else ("there are no names to be proved",))
    if not mine:
        why = _nobody(named)
        missing = {Validation.DOMAIN: of_names, Validation.ORGANIZATION: why, Validation.EXTENDED: why}
        return Reached(base, "", missing)
    best = [_beside(subject, names, control, one, ages, now) for one in mine]
    of_record = min(best, key=_lacking)
    missing = {**of_record.missing, Validation.DOMAIN: of_names}
    return Reached(
        base if of_record.validation is Validation.NONE else of_record.validation,
        of_record.organization,
        missing,
    )


def _uncovered(names: Sequence[Identifier], control: Control, domains: frozenset[str]) -> tuple[str, ...]:
    without = [one for one in names if one not in control.shown and not within(one, domains)]
    return tuple([control.missing.get(one, f"nobody has shown control of {one}") for one in without])


def _unseen_by_others(
    names: Sequence[Identifier], control: Control, diligent: frozenset[str]
) -> tuple[str, ...]:
    text = "nobody else has gone through what shows control of {}; have the due diligence done"
    without = [one for one in names if one not in control.shown and not within(one, diligent)]
    return tuple([text.format(one) for one in without])


def _lacking(one: Reached) -> tuple[int, int]:
    return len(one.missing[Validation.EXTENDED]), len(one.missing[Validation.ORGANIZATION])


def _nobody(named: tuple[str, ...]) -> tuple[str, ...]:
    if not named:
        return ("the subject has no O, which names the organization",)
    return (f"no record of an organization for this team has the legal name {named[0]!r}",)


def _beside(
    subject: DistinguishedName,
    names: Sequence[Identifier],
    control: Control,
    vetted: Vetted,
    ages: Ages,
    now: datetime,
) -> Reached:
    """The same beside one record: no other's domains count, and for extended validation only those that
    somebody else has gone through."""
    level, wrong = level_of(vetted, ages, now), differences(subject, names, vetted)
    known, diligent = domains_of(vetted, ages, now), diligent_domains_of(vetted, ages, now)
    of_organization = _uncovered(names, control, known)
    of_extended = () if of_organization else _unseen_by_others(names, control, diligent)
    lacks = [short_name(oid) for oid in EXTENDED_HAS if not subject.values(oid)]
    absent = (f"the subject has no {', '.join(lacks)} (EVG 7.1.4.2)",) if lacks else ()
    missing = {
        Validation.ORGANIZATION: (*wrong, *of_organization, *map(str, level.for_organization)),
        Validation.EXTENDED: (
            *wrong,
            *of_organization,
            *absent,
            *map(str, level.for_extended),
            *of_extended,
        ),
    }
    found = [one for one in (Validation.EXTENDED, Validation.ORGANIZATION) if not missing[one]]
    return Reached(found[0] if found else Validation.NONE, vetted.legal_name, missing)
