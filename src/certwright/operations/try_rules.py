"""What rules would say to one certificate that nobody has asked for."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from ..core.access import Actor, Subject, Verb, require
from ..core.approval_steps import approval_step_to_document
from ..core.distinguished_name import parse_name
from ..core.errors import Malformed
from ..core.names import Identifier, IdentifierKind, parse_identifier
from ..core.rules import NeedsApproval, Refuse, RuleSet, decide
from ..core.rules_facts import StoredFacts
from .apply_rules import origin_named

NAMES_MAX = 100


@dataclass(frozen=True, slots=True)
class Trial:
    """`names` are `host.test`, or with their kind, `ip:192.0.2.1`. `requester` is an actor's name; empty
    is whoever tries. `days` is how long it would live."""

    profile: str
    authority: str
    names: tuple[str, ...] = ()
    endpoint: str = ""
    requester: str = ""
    team: str = ""
    owner: str = ""
    subject: str = ""
    key_algorithm: str = "ecdsa-p256"
    days: int = 90


def try_rules(actor: Actor, rules: RuleSet, trial: Trial, at: datetime) -> dict[str, Any]:
    """The outcome (`allowed`, `approval`, `refused`), the rules that it comes from, reasons and steps.

    Raises Forbidden, Malformed for names that are none.
    """
    require(actor, Verb.VIEW, Subject())
    if len(trial.names) > NAMES_MAX:
        raise Malformed(f"at most {NAMES_MAX} names can be tried")
    parse_name(trial.subject)
    names = [_name(text) for text in trial.names]
    requester = trial.requester or actor.name
    facts = StoredFacts(
        profile=trial.profile,
        authority=trial.authority,
        origin=origin_named(requester),
        requester=requester,
        key_algorithm=trial.key_algorithm,
        not_before=at,
        not_after=at + timedelta(days=trial.days, seconds=-1),
        issued_at=at,
        endpoint=trial.endpoint,
        team=trial.team,
        owner=trial.owner,
        names=[(name.kind.value, name.value) for name in names],
        subject=trial.subject,
    )
    decision = decide(rules, facts)
    if isinstance(decision, Refuse):
        reasons = [reason.message for reason in decision.reasons]
        return {"outcome": "refused", "rules": list(decision.rules), "reasons": reasons, "steps": []}
    if isinstance(decision, NeedsApproval):
        steps = [approval_step_to_document(step) for step in decision.steps]
        return {"outcome": "approval", "rules": list(decision.rules), "reasons": [], "steps": steps}
    return {"outcome": "allowed", "rules": [], "reasons": [], "steps": []}


def _name(text: str) -> Identifier:
    kind, colon, value = text.partition(":")
    if colon and kind in tuple(IdentifierKind):
        return parse_identifier(IdentifierKind(kind), value)
    return parse_identifier(IdentifierKind.DNS, text)
