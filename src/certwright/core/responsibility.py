"""Who answers for a certificate: what may be changed about that, by whom. One pure decision for each row.

Whoever may `manage-owners` over a certificate as it was may say who answers for it from now on; whoever owns
it may hand it on to a colleague of the team that answers for it, and change nothing else. Nobody gains a
right for themselves by it: not by putting themselves down as its owner, and not by a team or tag within which
they have a role.
"""

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace

from .access import Actor, Role, Subject, Verb, check_tag, covers, may, require
from .errors import Conflict, Forbidden, Malformed
from .standing import Standing

TAGS_MAX = 20
"""Tags of one certificate."""
REASON_MAX = 500
ENVIRONMENT = re.compile(r"[a-z0-9][a-z0-9._-]{0,59}")


@dataclass(frozen=True, slots=True)
class Assignment:
    """What shall be. `team` and `owner` None leave what is there, empty text takes it away; tags of `tagged`
    are put on, those of `untagged` are taken off. `environment` is as `team`. Others' certificates are
    adopted or ignored by `standing`; to ignore one takes a `reason`. `fields` are the organization's own, by
    name; an empty text takes away what is there."""

    team: str | None = None
    owner: str | None = None
    tagged: frozenset[str] = frozenset()
    untagged: frozenset[str] = frozenset()
    environment: str | None = None
    standing: Standing | None = None
    reason: str = ""
    fields: Mapping[str, str] = field(default_factory=dict)

    @property
    def names(self) -> bool:
        """Does it say who answers for the certificate?"""
        return self.team is not None or self.owner is not None

    @property
    def describes(self) -> bool:
        """Does it say what the certificate is to us, or what it is used in?"""
        return self.environment is not None or self.standing is not None or bool(self.fields)

    def check(self) -> None:
        """Raises Malformed for one that says nothing, contradicts itself, or has a word that is no tag."""
        if not (self.names or self.tagged or self.untagged or self.describes):
            raise Malformed(
                "there is nothing to assign; give a team, an owner, a tag, an environment or a field"
            )
        self._check_standing()
        for tag in sorted(self.tagged | self.untagged):
            check_tag(tag)
        if both := sorted(self.tagged & self.untagged):
            raise Malformed(f"tag {both[0]} cannot be both put on and taken off")

    def _check_standing(self) -> None:
        if self.environment and not ENVIRONMENT.fullmatch(self.environment):
            raise Malformed(f"{self.environment[:80]!r} is no environment: 1 to 60 of a-z, 0-9 and ._-")
        if self.standing not in (None, Standing.ADOPTED, Standing.IGNORED):
            raise Malformed(
                "a certificate of others is adopted or ignored; nobody can say that it is otherwise"
            )
        if (self.standing is Standing.IGNORED) != bool(self.reason.strip()):
            raise Malformed("give a reason to ignore certificates, and only to ignore them")
        if len(self.reason) > REASON_MAX or not self.reason.isprintable():
            raise Malformed(f"a reason is at most {REASON_MAX} printable characters in one line")


def assigned(before: Subject, wanted: Assignment) -> Subject:
    """The certificate as it shall be. Raises Malformed when it would have too many tags."""
    tags = (before.tags | wanted.tagged) - wanted.untagged
    if len(tags) > max(TAGS_MAX, len(before.tags)):
        raise Malformed(f"a certificate has at most {TAGS_MAX} tags; take some off first")
    return replace(
        before,
        team=before.team if wanted.team is None else wanted.team,
        owner=before.owner if wanted.owner is None else wanted.owner,
        tags=tags,
    )


def standing_after(before: str, wanted: Assignment) -> str:
    """What the certificate is to us from now on. Raises Conflict for one that we have issued."""
    if wanted.standing is None:
        return before
    if before == Standing.ISSUED:
        raise Conflict(
            "this certificate was issued by an authority of ours; only those of others are adopted"
        )
    return wanted.standing.value


def require_to_assign(
    actor: Actor,
    person: Actor,
    before: Subject,
    after: Subject,
    colleagues: Collection[str],
    *,
    describes: bool = False,
) -> None:
    """`person` is the account behind the actor with all its roles, or the actor itself; `colleagues` are the
    accounts in the team that answers for the certificate; `describes` is whether more than who answers for it
    is to change. Raises Forbidden."""
    if describes or not _hands_on(actor, before, after, colleagues):
        require(actor, Verb.MANAGE_OWNERS, before)
    for who in (actor, person):
        gained = sorted(verb for verb in Verb if may(who, verb, after) and not may(who, verb, before))
        if gained:
            text = f"by this {actor.name} would come to '{gained[0]}' what it may not '{gained[0]}' now"
            raise Forbidden(f"{text}; ask somebody who may")


def _hands_on(actor: Actor, before: Subject, after: Subject, colleagues: Collection[str]) -> bool:
    """Does its owner give it to a colleague of the same team, and do nothing else?"""
    own = any(grant.role is Role.OWNER and covers(grant.scope, before) for grant in actor.grants)
    together = bool(before.team) and before.team in actor.teams and after.owner in colleagues
    return own and together and after == replace(before, owner=after.owner)
