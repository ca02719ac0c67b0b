"""What somebody asks for in a form, before there is a key: what they can choose from, and what they chose."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from ..core.access import Actor, Subject, Verb, may, reach, require, speaks_for_issuer
from ..core.decide import decide_names
from ..core.distinguished_name import NO_NAME, Attribute, DistinguishedName
from ..core.errors import Conflict, NotFound
from ..core.names import Identifier
from ..core.profile import Profile
from ..core.profiles_builtin import built_in_profiles
from ..core.request import CertificateRequest
from ..store.snapshot import Snapshot
from .issue import IssueOrder

NARROWING = frozenset({"authority", "profile", "team"})
"""Scopes within which a form can ask; endpoints have ways of their own, and tags come later."""


@dataclass(frozen=True, slots=True)
class Choice:
    """A profile, and the authorities under which the actor may ask for a certificate of it."""

    profile: Profile
    authorities: tuple[str, ...]


def choices(snapshot: Snapshot, actor: Actor) -> list[Choice]:
    """What the actor can ask for: built-in profiles in their order, then others by name. Without those that
    speak for their issuer, which are made where authorities are managed."""
    known = list(built_in_profiles())
    ordered = sorted(
        snapshot.profiles.values(),
        key=lambda profile: (
            known.index(profile.name) if profile.name in known else len(known),
            profile.name,
        ),
    )
    issuers = issuing_authorities(snapshot)
    found = [
        Choice(one, tuple([name for name in issuers if _may_ask(actor, name, one.name)]))
        for one in ordered
        if not speaks_for_issuer(one)
    ]
    return [choice for choice in found if choice.authorities]


def choice_of(snapshot: Snapshot, actor: Actor, profile: str) -> Choice:
    """One of them by its profile's name. Raises NotFound, Forbidden, and Conflict where no authority can
    issue."""
    for choice in choices(snapshot, actor):
        if choice.profile.name == profile:
            return choice
    found = snapshot.profile(profile)
    for authority in issuing_authorities(snapshot):
        require(actor, Verb.ISSUE, Subject(authority, profile))
    if speaks_for_issuer(found):
        raise Conflict(f"profile {profile} is of authorities; their certificates are not asked for here")
    raise Conflict("no authority can issue now; ask whoever manages the authorities")


def issuing_authorities(snapshot: Snapshot) -> list[str]:
    """Those that certify others than authorities and can do so now, by name; a root only where there is no
    other."""
    usable = [name for name in sorted(snapshot.authorities) if _can_issue(snapshot, name)]
    below = [name for name in usable if snapshot.authorities[name].kind == "issuing"]
    return below or usable


def _can_issue(snapshot: Snapshot, name: str) -> bool:
    try:
        snapshot.issuing(name)
    except (Conflict, NotFound):
        return False
    return True


def _may_ask(actor: Actor, authority: str, profile: str) -> bool:
    """Perhaps only for one of some teams, which is then to be named."""
    within = reach(actor, Verb.ISSUE)
    if within is None or may(actor, Verb.ISSUE, Subject(authority, profile)):
        return True
    return any(kind == "team" for kind, _name in within)


def teams_to_name(snapshot: Snapshot, actor: Actor) -> tuple[str, ...]:
    """Which the actor may name as answering for it: their own first."""
    others = [name for name in sorted(snapshot.teams) if may(actor, Verb.MANAGE_OWNERS, Subject(team=name))]
    return tuple(dict.fromkeys([*actor.teams, *others]))


def names_others(actor: Actor) -> bool:
    """May they name an account beside their own, for anything at all?"""
    return reach(actor, Verb.MANAGE_OWNERS) != ()


@dataclass(frozen=True, slots=True)
class Wish:
    """What was chosen. Names and subject go over those of a CSR; `days` None is as long as usual."""

    authority: str
    profile: str
    names: tuple[Identifier, ...] = ()
    subject: DistinguishedName = NO_NAME
    days: int | None = None
    team: str = ""
    owner: str = ""

    def order(self, actor: Actor, profile: Profile, request: CertificateRequest, now: datetime) -> IssueOrder:
        """With the key, and what is left open here, of a request."""
        names, subject = self.names or request.identifiers, self.subject or request.subject
        if self.names:
            subject = _without_others(profile, request, names, subject)
        ends = now + timedelta(days=self.days) if self.days else None
        asked = replace(request, identifiers=names, subject=subject, not_after=ends)
        return IssueOrder(actor, asked, self.authority, self.profile, team=self.team, owner=self.owner)


def _without_others(
    profile: Profile, request: CertificateRequest, names: tuple[Identifier, ...], subject: DistinguishedName
) -> DistinguishedName:
    """Without attributes that would bring in a name which is not asked for: somebody has taken it out."""

    def brings_another(rdn: tuple[Attribute, ...]) -> bool:
        alone = replace(request, identifiers=names, subject=DistinguishedName((rdn,)))
        return decide_names(profile, alone, []) != names

    kept = tuple([rdn for rdn in subject.rdns if not brings_another(rdn)])
    return subject if kept == subject.rdns else DistinguishedName(kept)
