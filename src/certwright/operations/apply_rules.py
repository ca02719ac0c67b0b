"""The organisation's rules of issuance, as the snapshot has them, applied to one issuance."""

import json
from datetime import datetime

from ..core.access import Actor
from ..core.approval import ApprovalNeeded, Granted, check_granted, missing_steps
from ..core.errors import Refused
from ..core.lifetimes import lifetime_of
from ..core.policy import Approved
from ..core.profile_document import shape_of
from ..core.rules import NO_RULES, NeedsApproval, Refuse, RuleSet, decide
from ..core.rules_document import rules_from_document
from ..core.rules_facts import IssuanceFacts
from ..core.vetted_subject import Reached
from ..store.snapshot import Snapshot

RULES = "rules"
ORIGINS = {"local": "cli", "token": "rest", "user": "console"}
"""Where somebody acts, by the kind of their name; a protocol's accounts are named by the protocol."""


def rules_in_force(snapshot: Snapshot) -> RuleSet:
    """Made ready once for each snapshot."""
    if snapshot.policy is None:
        return NO_RULES
    if RULES not in snapshot.derived:
        snapshot.derived[RULES] = rules_from_document(json.loads(snapshot.policy.document))
    found: RuleSet = snapshot.derived[RULES]
    return found


def origin_of(actor: Actor) -> str:
    """The protocol or surface that an actor comes by: `acme`, `rest`, `cli`, `console`, `system`."""
    return origin_named(actor.name)


def origin_named(actor: str) -> str:
    """The same by the actor's name."""
    kind = actor.partition(":")[0]
    return ORIGINS.get(kind, kind)


def facts_of(
    approved: Approved,
    authority: str,
    endpoint: str,
    actor: Actor,
    owned: tuple[str, str, frozenset[str]],
    reached: Reached,
    now: datetime,
) -> IssuanceFacts:
    """What rules can speak of. `owned` are team, owner and tags, `reached` how far it was validated."""
    team, owner, tags = owned
    return IssuanceFacts(
        profile=approved.profile.name,
        authority=authority,
        origin=origin_of(actor),
        requester=actor.name,
        algorithm=approved.request.algorithm,
        lifetime=lifetime_of(approved.not_before, approved.not_after),
        at=now,
        endpoint=endpoint,
        team=team,
        owner=owner,
        names=approved.names,
        subject=approved.subject,
        tags=tags,
        validation=reached.validation,
        missing=reached.missing,
    )


def apply_rules(snapshot: Snapshot, facts: IssuanceFacts, granted: Granted | None) -> None:
    """Raises Refused with the reasons of every rule, ApprovalNeeded with the steps that were not passed."""
    if granted is not None:
        check_granted(granted, facts, shape_of(snapshot.profile(facts.profile)))
    decision = decide(rules_in_force(snapshot), facts)
    if isinstance(decision, Refuse):
        raise Refused(decision.reasons)
    if isinstance(decision, NeedsApproval):
        missing = missing_steps(decision.steps, granted.steps if granted else ())
        if missing:
            assert snapshot.policy is not None
            needed = NeedsApproval(missing, decision.rules)
            raise ApprovalNeeded(facts, needed, snapshot.policy.number, snapshot.revision)
