"""Find certificates a page at a time, in bounded time however many there are and whatever is asked.

What has an index is tried first: where it finds no more than FEW, everything else is asked of those alone.
Otherwise rows are looked at in the order of the list, LOOK of them at the most; where the page is not full by
then, the answer says how far it came, and the next page goes on from there. So no filter needs an index of
its own, which every certificate that is issued would pay for.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from django.db.models import Exists, OuterRef, Q, QuerySet

from ...core.access import Actor
from ...core.errors import Malformed
from ...core.names import IdentifierKind, parse_identifier, reversed_name
from ...core.revocation import Reason
from ...operations.shown import seen_scopes
from ...store.models import Certificate, CertificateName, CertificateTag
from . import text as texts

PAGE = 50
FEW = 2000
LOOK = 4_000
SOON = timedelta(days=30)
STATUSES = ("live", "expiring", "expired", "revoked", "hold")
NEWEST, EXPIRES, EXPIRES_LAST = "newest", "expires", "-expires"
ORDERS = {NEWEST: ("-id",), EXPIRES: ("not_after", "id"), EXPIRES_LAST: ("-not_after", "-id")}


@dataclass(frozen=True, slots=True)
class Wanted:
    """What to find; what is empty or None does not matter. `name` is a DNS name, or `.example.test` for all
    below; `serial` octets in hexadecimal. An `owner` or `team` of "-" means
    none."""

    text: str = ""
    authority: str = ""
    profile: str = ""
    endpoint: str = ""
    status: str = ""
    owner: str = ""
    team: str = ""
    key_algorithm: str = ""
    expires_after: datetime | None = None
    expires_before: datetime | None = None
    name: str = ""
    serial: str = ""
    tag: str = ""
    order: str = ""

    @property
    def sorted_by(self) -> str:
        by_expiry = self.expires_after or self.expires_before or self.status in ("expiring", "expired")
        return self.order or (EXPIRES if by_expiry else NEWEST)


@dataclass(frozen=True, slots=True)
class Found:
    """`after` goes on; None at the end. `matches` is how many there are in all, where that is known; `looked`
    how many rows were looked at where the page is not full."""

    rows: list[Certificate]
    after: int | None
    matches: int | None = None
    looked: int | None = None


@dataclass(frozen=True, slots=True)
class _Indexed:
    """A condition that an index answers: identifiers by one or several ways, and the same asked of a row."""

    ways: list[texts.Identifiers]
    condition: Q


@dataclass(slots=True)
class _Walk:
    """Rows in order, from after a place."""

    wanted: Wanted
    after: int | None
    bounds: Q = field(default_factory=Q)

    def rows(self, certificates: QuerySet[Certificate]) -> QuerySet[Certificate]:
        rows = certificates.filter(self.bounds).order_by(*ORDERS[self.wanted.sorted_by])
        return rows if self.after is None else rows.filter(self._beyond(self.after))

    def _beyond(self, identifier: int) -> Q:
        """Behind the row with this identifier."""
        if self.wanted.sorted_by == NEWEST:
            return Q(id__lt=identifier)
        end = Certificate.objects.filter(pk=identifier).values_list("not_after", flat=True).first()
        if end is None:
            raise Malformed("the list cannot go on from there; begin it anew")
        word = "gt" if self.wanted.sorted_by == EXPIRES else "lt"
        same = Q(not_after=end, **{f"id__{word}": identifier})
        return Q(**{f"not_after__{word}e": end}) & (Q(**{f"not_after__{word}": end}) | same)


def find(actor: Actor, wanted: Wanted, now: datetime, after: int | None = None, limit: int = PAGE) -> Found:
    """Certificates that the actor may see. Raises Malformed."""
    plain = Certificate.objects.filter(_plain(wanted, now)).visible_to(actor)
    indexed = list(_indexed(actor, wanted))
    walk = _Walk(wanted, after, _expiry(wanted, now))
    for one in indexed:
        few = _few(one)
        if few is not None:
            others = [other.condition for other in indexed if other is not one]
            return _among(walk, plain.filter(*others, pk__in=few), limit)
    return _walked(walk, plain.filter(*[one.condition for one in indexed]), limit)


def everything(actor: Actor, wanted: Wanted, now: datetime) -> Iterator[list[Certificate]]:
    """All that `find` finds, a page after the other; raises Malformed."""
    after: int | None = None
    while True:
        found = find(actor, wanted, now, after, limit=1000)
        yield found.rows
        if found.after is None:
            return
        after = found.after


def _among(walk: _Walk, certificates: QuerySet[Certificate], limit: int) -> Found:
    rows = list(walk.rows(certificates)[: limit + 1])
    matches = certificates.filter(walk.bounds).count() if len(rows) > limit or walk.after else len(rows)
    return Found(rows[:limit], rows[limit - 1].pk if len(rows) > limit else None, matches)


def _walked(walk: _Walk, certificates: QuerySet[Certificate], limit: int) -> Found:
    """Look at LOOK rows at the most."""
    ahead = walk.rows(Certificate.objects.all()).values_list("pk", flat=True)
    last = next(iter(ahead[LOOK : LOOK + 1]), None)
    window = walk.rows(certificates)
    if last is not None:
        window = window.filter(_window(walk, last))
    rows = list(window[: limit + 1])
    if len(rows) > limit:
        return Found(rows[:limit], rows[limit - 1].pk)
    return Found(rows, last, looked=LOOK if last is not None else None)


def _window(walk: _Walk, last: int) -> Q:
    """Up to the row with this identifier, it included."""
    if walk.wanted.sorted_by == NEWEST:
        return Q(id__gte=last)
    end = Certificate.objects.filter(pk=last).values_list("not_after", flat=True)[0]
    word = "lt" if walk.wanted.sorted_by == EXPIRES else "gt"
    same = Q(not_after=end, **{f"id__{word}e": last})
    return Q(**{f"not_after__{word}e": end}) & (Q(**{f"not_after__{word}": end}) | same)


def _few(one: _Indexed) -> set[int] | None:
    """Identifiers, if they are few."""
    found: set[int] = set()
    for way in one.ways:
        found.update(way[: FEW + 1])
        if len(found) > FEW:
            return None
    return found


def _plain(wanted: Wanted, now: datetime) -> Q:
    """What is asked of each row, without an index."""
    given = {
        name: getattr(wanted, name)
        for name in ("authority", "profile", "endpoint", "key_algorithm")
        if getattr(wanted, name)
    }
    condition = Q(**given)
    for name in ("owner", "team"):
        if getattr(wanted, name) == "-":
            condition &= Q(**{name: ""})
    if wanted.status in ("live", "expiring"):
        return condition & Q(revoked_at__isnull=True, not_after__gt=now)
    if wanted.status == "expired":
        return condition & Q(not_after__lte=now)
    if wanted.status in ("revoked", "hold"):
        on_hold = Q(revocation_reason=int(Reason.CERTIFICATE_HOLD))
        return condition & (on_hold if wanted.status == "hold" else ~on_hold)
    return condition


def _expiry(wanted: Wanted, now: datetime) -> Q:
    bounds = Q()
    if wanted.expires_after:
        bounds &= Q(not_after__gte=wanted.expires_after)
    if wanted.expires_before:
        bounds &= Q(not_after__lt=wanted.expires_before)
    if wanted.status == "expiring":
        bounds &= Q(not_after__gt=now, not_after__lt=now + SOON)
    if wanted.status == "expired":
        bounds &= Q(not_after__lte=now)
    return bounds


def _indexed(actor: Actor, wanted: Wanted) -> Iterator[_Indexed]:
    """What an index answers, what finds the fewest first."""
    if wanted.serial:
        serial = _hexadecimal(wanted.serial)
        yield _Indexed([_identifiers(Certificate.objects.all().with_serial(serial))], Q(serial=serial))
    if wanted.text:
        yield _Indexed(texts.parts(wanted.text), texts.condition(wanted.text))
    if wanted.name:
        yield _named(wanted.name)
    if wanted.tag:
        yield _tagged(wanted.tag)
    for name in ("owner", "team"):
        value = getattr(wanted, name)
        if value and value != "-":
            yield _held(name, value)
    if wanted.status in ("revoked", "hold"):
        revoked = Q(revoked_at__isnull=False)
        yield _Indexed([_identifiers(Certificate.objects.filter(revoked))], revoked)
    scope = _scope(actor)
    if scope is not None:
        yield scope


def _scope(actor: Actor) -> _Indexed | None:
    """What somebody may see who may not see everything, if indices say it."""
    scopes = seen_scopes(actor)
    if scopes is None or not all(kind in ("owner", "team", "tag") for kind, _ in scopes):
        return None
    ways = [
        way for kind, name in scopes for way in (_tagged(name) if kind == "tag" else _held(kind, name)).ways
    ]
    return _Indexed(ways, Q())  # `visible_to` is the condition


def _held(column: str, name: str) -> _Indexed:
    """By owner or team. The index leaves out those without, which is said again so that it is used."""
    held = Certificate.objects.filter(**{column: name}).exclude(**{column: ""})
    return _Indexed([_identifiers(held)], Q(**{column: name}))


def _tagged(tag: str) -> _Indexed:
    tags = CertificateTag.objects.filter(tag=tag)
    each = Exists(tags.filter(certificate_id=OuterRef("pk")))
    return _Indexed([tags.values_list("certificate_id", flat=True)], Q(each))


def _named(name: str) -> _Indexed:
    """Raises Malformed."""
    found = Certificate.objects.all().named(name)
    value = reversed_name(parse_identifier(IdentifierKind.DNS, name.removeprefix(".")))
    beginning = Q(reversed_value__startswith=f"{value}.") if name.startswith(".") else Q(reversed_value=value)
    each = CertificateName.objects.filter(beginning, certificate_id=OuterRef("pk"))
    return _Indexed([_identifiers(found)], Q(Exists(each)))


def _identifiers(certificates: QuerySet[Certificate]) -> QuerySet[Certificate, int]:
    return certificates.order_by().values_list("pk", flat=True)


def _hexadecimal(text: str) -> bytes:
    digits = text.replace(":", "").replace(" ", "").lower().removeprefix("0x")
    try:
        return bytes.fromhex(digits)
    except ValueError:
        raise Malformed(f"{text[:80]!r} is no serial number in hexadecimal") from None
