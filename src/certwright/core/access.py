"""Who may do what. One pure decision for single objects; lists are filtered by `visible_to` in the store.

A grant is a role within a scope. The scope `*` is everything; `authority:NAME`, `profile:NAME`,
`endpoint:PROTOCOL/NAME`, `team:NAME` and `tag:WORD` narrow it. An actor may do a verb to a subject when one
grant's role has the verb and the grant's scope covers the subject. Whoever a certificate belongs to has the
role `owner` within `owner:NAME`, without being given it. docs/reference/permissions.md has the table for
people.
"""

import re
from dataclasses import dataclass, field
from enum import StrEnum

from .errors import Forbidden, Malformed
from .extensions import PURPOSES
from .profile import Profile

EVERYTHING = "*"
SCOPES = ("authority", "profile", "endpoint", "team", "tag")
"""Kinds of scope that are given; `owner` comes by itself."""
OWNER_SCOPE = "owner"
_KINDS = (*SCOPES, OWNER_SCOPE)
OCSP_SIGNING = PURPOSES["OCSPSigning"]


class Role(StrEnum):
    ADMINISTRATOR = "administrator"
    SECURITY_OFFICER = "security-officer"
    RA_OFFICER = "ra-officer"
    OPERATOR = "operator"
    REQUESTER = "requester"
    AUDITOR = "auditor"
    OWNER = "owner"


GIVEN_ROLES = tuple(role for role in Role if role is not Role.OWNER)
"""Those that somebody gives; the owner's comes by itself."""


class Verb(StrEnum):
    VIEW = "view"
    ISSUE = "issue"
    RENEW = "renew"
    REVOKE = "revoke"
    PUBLISH = "publish"
    MANAGE_AUTHORITIES = "manage-authorities"
    MANAGE_PROFILES = "manage-profiles"
    MANAGE_ENDPOINTS = "manage-endpoints"
    MANAGE_ACCESS = "manage-access"
    MANAGE_POLICY = "manage-policy"
    MANAGE_OWNERS = "manage-owners"
    APPROVE = "approve"
    VIEW_AUDIT = "view-audit"
    DISCOVER = "discover"


_ALL = frozenset(Verb)
VERBS: dict[Role, frozenset[Verb]] = {
    Role.ADMINISTRATOR: _ALL,
    Role.SECURITY_OFFICER: frozenset(
        {Verb.VIEW, Verb.REVOKE, Verb.PUBLISH, Verb.MANAGE_AUTHORITIES, Verb.MANAGE_PROFILES}
        | {Verb.MANAGE_ENDPOINTS, Verb.VIEW_AUDIT, Verb.MANAGE_POLICY, Verb.MANAGE_OWNERS, Verb.DISCOVER}
    ),
    Role.RA_OFFICER: frozenset(
        {Verb.VIEW, Verb.ISSUE, Verb.RENEW, Verb.REVOKE, Verb.APPROVE, Verb.MANAGE_OWNERS}
    ),
    Role.OPERATOR: frozenset({Verb.VIEW, Verb.RENEW, Verb.PUBLISH, Verb.MANAGE_OWNERS, Verb.DISCOVER}),
    Role.REQUESTER: frozenset({Verb.VIEW, Verb.ISSUE, Verb.RENEW}),
    Role.AUDITOR: frozenset({Verb.VIEW, Verb.VIEW_AUDIT}),
    Role.OWNER: frozenset({Verb.VIEW, Verb.RENEW, Verb.REVOKE}),
}


@dataclass(frozen=True, slots=True)
class Grant:
    role: Role
    scope: str = EVERYTHING


@dataclass(frozen=True, slots=True)
class Actor:
    """Who acts: `name` as it stands in the audit (`user:alice`, `local:alice`, `token:deploy`,
    `acme:<thumbprint>`). `user` is the account behind it, if there is one, `teams` those it is in. `revision`
    is that of the configuration whose roles these are, 0 where they come from nowhere else."""

    name: str
    grants: tuple[Grant, ...] = ()
    source: str = ""
    user: str = ""
    teams: tuple[str, ...] = ()
    revision: int = field(default=0, compare=False)

    @property
    def account(self) -> str:
        """The name of the account that acts in person, not by a token, which may be given less."""
        return self.user if self.name == f"user:{self.user}" else ""


@dataclass(frozen=True, slots=True)
class Subject:
    """What is acted on, as far as scopes speak of it. Empty fields mean: not within one."""

    authority: str = ""
    profile: str = ""
    endpoint: str = ""
    team: str = ""
    owner: str = ""
    tags: frozenset[str] = frozenset()


def may(actor: Actor, verb: Verb, subject: Subject) -> bool:
    return any(verb in VERBS[grant.role] and covers(grant.scope, subject) for grant in actor.grants)


def require(actor: Actor, verb: Verb, subject: Subject) -> None:
    """Raises Forbidden naming the actor and the verb."""
    if not may(actor, verb, subject):
        raise Forbidden(f"{actor.name} has no role that permits '{verb}' here; ask an administrator for one")


def covers(scope: str, subject: Subject) -> bool:
    if scope == EVERYTHING:
        return True
    kind, _, name = scope.partition(":")
    if kind == "tag":
        return name in subject.tags
    return kind in _KINDS and bool(name) and getattr(subject, kind) == name


def reach(actor: Actor, verb: Verb) -> tuple[tuple[str, str], ...] | None:
    """Where the actor may do the verb, for lists: pairs of a kind of scope and a name. None is everywhere.

    A subject lies within when one of its fields, by the kind, is the name; then `may` says yes, and only
    then.
    """
    scopes = [grant.scope for grant in actor.grants if verb in VERBS[grant.role]]
    if EVERYTHING in scopes:
        return None
    pairs = [(kind, name) for kind, _, name in (scope.partition(":") for scope in scopes)]
    return tuple(dict.fromkeys(pair for pair in pairs if pair[0] in _KINDS and pair[1]))


def require_to_give(actor: Actor, grant: Grant) -> None:
    """Nobody gives more than they have, and nobody gives what comes by itself. Raises Forbidden naming what
    the actor lacks."""
    if grant.role not in GIVEN_ROLES:
        raise Forbidden("the role owner is had by owning something; say who owns it instead")
    for verb in sorted(_lacking(actor, grant)):
        text = f"{actor.name} may not '{verb}' within {grant.scope}, so cannot give {grant.role} there"
        raise Forbidden(f"{text}; ask somebody who may")


def has_all_of(actor: Actor, grant: Grant) -> bool:
    """May they do, there, everything that this grant permits?"""
    return not _lacking(actor, grant)


def _lacking(actor: Actor, grant: Grant) -> frozenset[Verb]:
    wide_enough = [own for own in actor.grants if own.scope in (EVERYTHING, grant.scope)]
    return VERBS[grant.role].difference(*(VERBS[own.role] for own in wide_enough))


TAG = re.compile(r"[a-z0-9][a-z0-9._-]{0,59}")


def check_tag(tag: str) -> None:
    """Raises Malformed."""
    if not TAG.fullmatch(tag):
        raise Malformed(f"{tag[:80]!r} is no tag: 1 to 60 of a-z, 0-9 and ._-")


def require_to_name(actor: Actor, team: str, owner: str) -> None:
    """Who asks for a certificate names themselves and their own teams as those who answer for it; others only
    where they may say who owns what. Raises Forbidden."""
    if team and team not in actor.teams:
        require(actor, Verb.MANAGE_OWNERS, Subject(team=team))
    if owner and owner != actor.user:
        require(actor, Verb.MANAGE_OWNERS, Subject(team=team, owner=owner))


def speaks_for_issuer(profile: Profile) -> bool:
    """Certificates for authorities and for OCSP signers speak for their issuer about others."""
    return profile.is_authority or OCSP_SIGNING in profile.purposes


def require_for_certificate(actor: Actor, verb: Verb, subject: Subject, speaks: bool) -> None:
    """Like `require`; and one that speaks for its issuer is for whoever manages that authority too, not for
    all who may do the verb to certificates of its profile or endpoint. Raises Forbidden."""
    require(actor, verb, subject)
    if speaks:
        require(actor, Verb.MANAGE_AUTHORITIES, Subject(authority=subject.authority))
