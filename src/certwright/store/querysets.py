"""Lists as their reader may see them. `visible_to` says the same as `core.access.may`; a test holds it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.db.models import Q, QuerySet

from ..core.access import Actor, Verb, reach

if TYPE_CHECKING:
    from .models import Certificate


class CertificateQuerySet(QuerySet["Certificate"]):
    def visible_to(self, actor: Actor) -> CertificateQuerySet:
        """Certificates that the actor may view."""
        scopes = reach(actor, Verb.VIEW)
        if scopes is None:
            return self.all()
        seen = Q(pk__in=[])
        for kind, name in scopes:  # the kinds of scope are columns of the same names
            seen |= Q(**{kind: name})
        return self.filter(seen)
