"""What is worth showing to somebody: the ways open to them. Operations decide again when they act."""

from collections.abc import Iterable

from ..core.access import Actor, Subject, Verb, may, reach, require
from ..core.errors import Forbidden


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


def require_page(actor: Actor, verb: Verb, subject: Subject) -> None:
    """For a page that has nothing but a form to do this with. Raises Forbidden."""
    require(actor, verb, subject)


def require_anywhere(actor: Actor, verb: Verb) -> None:
    """For a page that has nothing but a form to do this with to something yet to be named. Raises
    Forbidden."""
    if not has_anywhere(actor, (verb,)):
        raise Forbidden(
            f"{actor.name} has no role that permits '{verb}' anywhere; ask an administrator for one"
        )
