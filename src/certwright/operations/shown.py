"""What is worth showing to somebody: the ways open to them. Operations decide again when they act."""

from collections.abc import Iterable

from ..core.access import Actor, Subject, Verb, may, reach


def seen_scopes(actor: Actor) -> tuple[tuple[str, str], ...] | None:
    """Within what they may view certificates, as pairs of a kind of scope and a name; None is everywhere."""
    return reach(actor, Verb.VIEW)


def has_anywhere(actor: Actor, verbs: Iterable[Verb]) -> bool:
    """May they do one of the verbs to anything at all?"""
    return any(reach(actor, verb) != () for verb in verbs)


def reads_audit(actor: Actor) -> bool:
    return may(actor, Verb.VIEW_AUDIT, Subject())


def open_verbs(actor: Actor, verbs: Iterable[Verb], subject: Subject) -> frozenset[Verb]:
    """Those of the verbs that they may do to it."""
    return frozenset(verb for verb in verbs if may(actor, verb, subject))
