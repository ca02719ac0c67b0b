"""Lists as their reader may see them. `visible_to` says the same as `core.access.may`; a test holds it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.apps import apps
from django.db import connections
from django.db.models import Q, QuerySet

from ..core.access import Actor, Verb, reach
from ..core.names import IdentifierKind, parse_identifier, reversed_name
from .people_rows import CertificateRequestRow
from .rows import CertificateRow, columns_of

if TYPE_CHECKING:
    from .models import Certificate, CertificateRequest  # noqa: F401 - named in the base classes' types


class CertificateQuerySet(QuerySet["Certificate"]):
    def visible_to(self, actor: Actor) -> CertificateQuerySet:
        """Certificates that the actor may view."""
        scopes = reach(actor, Verb.VIEW)
        if scopes is None:
            return self.all()
        seen = Q(pk__in=[])
        for kind, name in scopes:
            seen |= self._tagged(name) if kind == "tag" else Q(**{kind: name})  # the others are columns
        return self.filter(seen)

    def _tagged(self, tag: str) -> Q:
        tags = _model("CertificateTag").objects.using(self.db).filter(tag=tag)
        return Q(pk__in=tags.values("certificate_id"))

    def tagged(self, tag: str) -> CertificateQuerySet:
        """With this tag on them."""
        return self.filter(self._tagged(tag))

    def named(self, name: str) -> CertificateQuerySet:
        """With this DNS name among the alternative names; `.example.test` is any name below that.

        Raises Malformed.
        """
        below = name.startswith(".")
        value = reversed_name(parse_identifier(IdentifierKind.DNS, name[below:]))
        wanted = self._below(value) if below else Q(reversed_value=value)
        names = _model("CertificateName").objects.using(self.db).filter(wanted)
        return self.filter(pk__in=names.values("certificate_id"))

    def _below(self, value: str) -> Q:
        """Names are stored back to front, so all below a domain are one range of an index. PostgreSQL finds
        it by LIKE, whatever order its characters have, SQLite by comparing octets."""
        if connections[self.db].vendor == "postgresql":
            return Q(reversed_value__startswith=f"{value}.")
        return Q(reversed_value__gte=f"{value}.", reversed_value__lt=f"{value}/")  # "/" follows "."

    def with_serial(self, serial: bytes) -> CertificateQuerySet:
        """With this serial number. Asked for issuer by issuer, as the index has it."""
        ours = list(_model("AuthorityGeneration").objects.using(self.db).values_list("id", flat=True))
        issued = Q(generation__in=ours, serial=serial)
        return self.filter(issued | Q(generation__isnull=True, serial=serial))

    def rows(self) -> list[CertificateRow]:
        """As operations know them."""
        found = self.values_list(*columns_of(CertificateRow))
        return [CertificateRow(*map(_octets, values)) for values in found]


class CertificateRequestQuerySet(QuerySet["CertificateRequest"]):
    def visible_to(self, actor: Actor, others: tuple[Actor, ...] = ()) -> CertificateRequestQuerySet:
        """Requests that the actor may view, and those that `others` see for whom they stand; as
        `operations.find_request.visible` has it."""
        scopes = [reach(one, Verb.VIEW) for one in (actor, *others)]
        if None in scopes:
            return self.all()
        seen = Q(requester=actor.name)
        if actor.account:
            seen |= Q(requester_user=actor.account)
        for kind, name in (pair for pairs in scopes for pair in pairs or ()):
            if kind != "tag":  # a request has no tags yet
                seen |= Q(**{kind: name})
        return self.filter(seen | self._naming([name for one in (actor, *others) for name in _named(one)]))

    def _naming(self, names: list[str]) -> Q:
        """Those whose steps name one of these."""
        approvers = _model("RequestApprover").objects.using(self.db).filter(approver__in=names)
        return Q(pk__in=approvers.values("request_id"))

    def rows(self) -> list[CertificateRequestRow]:
        """As operations know them."""
        found = self.values_list(*columns_of(CertificateRequestRow))
        return [CertificateRequestRow(*map(_octets, values)) for values in found]


def _named(actor: Actor) -> list[str]:
    """What a step can name an account by that acts in person."""
    if not actor.account:
        return []
    return [f"user:{actor.account}", *(f"team:{team}" for team in actor.teams)]


def _model(name: str) -> Any:
    """A model by name: this file is imported by the models."""
    return apps.get_model("store", name)


def _octets(value: Any) -> Any:
    """PostgreSQL's driver gives octets as a view of memory."""
    return bytes(value) if isinstance(value, memoryview) else value
