"""Lists as their reader may see them. `visible_to` says the same as `core.access.may`; a test holds it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.db.models import Q, QuerySet

from ..core.access import EVERYTHING, VERBS, Actor, Verb

if TYPE_CHECKING:
    from .models import Certificate

_COLUMNS = {"authority": "authority", "profile": "profile", "endpoint": "endpoint"}


class CertificateQuerySet(QuerySet["Certificate"]):
    def visible_to(self, actor: Actor) -> CertificateQuerySet:
        return self.filter(_scope_filter(actor, Verb.VIEW))


def _scope_filter(actor: Actor, verb: Verb) -> Q:
    """The rows that some grant with this verb covers."""
    seen = Q(pk__in=[])
    for grant in actor.grants:
        if verb not in VERBS[grant.role]:
            continue
        if grant.scope == EVERYTHING:
            return Q()
        kind, _, name = grant.scope.partition(":")
        if kind in _COLUMNS and name:
            seen |= Q(**{_COLUMNS[kind]: name})
    return seen
