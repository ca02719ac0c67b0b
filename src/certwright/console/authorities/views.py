"""The tree of authorities with its health, and one authority: its generations and their status data."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_http_methods, require_safe

from ...core.access import Actor, Subject, Verb
from ...core.errors import NotFound
from ...operations.authority_health import GenerationHealth, ListState, authority_health
from ...operations.bridge import bridge
from ...operations.context import Context
from ...operations.found_authority import offline
from ...operations.publish_status import publish_status, replace_signers
from ...operations.shown import has_anywhere, open_verbs
from ...operations.view_configuration import generation_status, list_authorities, parent_of, view_authority
from ...store.models import Crl
from ...store.rows import AuthorityRow
from ...store.snapshot import Snapshot
from ..acting import actor_of, run
from ..acts import Act, perform
from ..downloads import given_out

STATES = {
    "in-force": (_("in force"), "green"),
    "awaits-certificate": (_("awaits its certificate"), "yellow"),
    "below-revoked": (_("below a revoked one"), "red"),
    "retired": (_("retired"), "secondary"),
}


# -- the tree ------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Node:
    """An authority in the tree, `depth` steps below the uppermost that is seen. `health` is of the newest
    generation."""

    authority: AuthorityRow
    parent: str
    depth: int
    state: str
    health: GenerationHealth
    problems: tuple[str, ...]

    @property
    def lists_end(self) -> datetime | None:
        return min((one.next_update for one in self.health.lists), default=None)

    @property
    def pending(self) -> int:
        return sum(one.pending for one in self.health.lists)


@require_safe
def authorities(request: HttpRequest) -> HttpResponse:
    actor = actor_of(request)
    context = {
        "tree": run(request, _tree),
        "states": STATES,
        "may_found": has_anywhere(actor, (Verb.MANAGE_AUTHORITIES,)),
    }
    return render(request, "authorities/list.html", context)


async def _tree(context: Context, actor: Actor) -> list[Node]:
    snapshot = context.snapshot
    rows = {row.name: row for row in list_authorities(snapshot, actor)}
    health = {name: await authority_health(context, actor, name) for name in rows}
    parents = {name: parent_of(snapshot, found[0].generation) for name, found in health.items()}
    nodes = []
    for name, depth in _walk(parents):
        found = health[name]
        problems = tuple(line for one in found for line in one.problems)
        state = generation_status(snapshot, found[0].generation)
        nodes.append(Node(rows[name], parents[name], depth, state, found[0], problems))
    return nodes


def _walk(parents: dict[str, str], above: str = "", depth: int = 0) -> Iterator[tuple[str, int]]:
    """Every name with its depth, each after what has signed it; whose signer is not seen stands on top."""
    for name, parent in sorted(parents.items()):
        if parent == above or (not above and parent not in parents):
            yield name, depth
            yield from _walk(parents, name, depth + 1)


# -- one -----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class ShownList:
    """A shard's newest list, when it was made, how many are on it, and where it is given out."""

    state: ListState
    made_at: datetime | None
    entries: int
    address: str


@dataclass(frozen=True, slots=True)
class ShownGeneration:
    health: GenerationHealth
    state: str
    offline: bool
    fingerprint: str
    lists: list[ShownList]
    replaceable: bool


@require_http_methods(["GET", "HEAD", "POST"])
def authority(request: HttpRequest, name: str) -> HttpResponse:
    row = view_authority(bridge().context.snapshot, actor_of(request), name)
    outcome = perform(request, name, ACTS, {})
    if not outcome.status:
        return redirect("authority", name=name)
    health = run(request, lambda context, actor: authority_health(context, actor, name))
    return render(
        request, "authorities/one.html", _told(request, row, health, outcome.forms), status=outcome.status
    )


def _told(
    request: HttpRequest, row: AuthorityRow, health: list[GenerationHealth], forms: dict[str, Any]
) -> dict[str, Any]:
    snapshot, actor = bridge().context.snapshot, actor_of(request)
    verbs = open_verbs(actor, (Verb.PUBLISH, Verb.MANAGE_AUTHORITIES), Subject(authority=row.name))
    generations = [_shown(snapshot, one) for one in health]
    pending = health[0].generation.certificate is None
    return {
        "authority": row,
        "parent": parent_of(snapshot, health[0].generation),
        "below": below(snapshot, actor, row.name),
        "endpoints": sorted(path for path, one in snapshot.endpoints.items() if one.authority == row.name),
        "generations": generations,
        "states": STATES,
        "forms": forms,
        "pending": pending,
        "offline": any(one.offline for one in generations),
        "publishes": Verb.PUBLISH in verbs and not pending,
        "manages": Verb.MANAGE_AUTHORITIES in verbs,
    }


def below(snapshot: Snapshot, actor: Actor, name: str) -> list[str]:
    """Authorities that it has signed, or shall, of those that are seen."""
    names = [row.name for row in list_authorities(snapshot, actor)]
    newest = {one: snapshot.of_authority(one)[0] for one in names}
    return [one for one, generation in newest.items() if parent_of(snapshot, generation) == name]


def _shown(snapshot: Snapshot, health: GenerationHealth) -> ShownGeneration:
    generation = health.generation
    made = {
        (shard, number): (at, entries)
        for shard, number, at, entries in Crl.objects.filter(
            generation=generation.id, base_number=0, number__in=[one.number for one in health.lists]
        ).values_list("shard", "number", "this_update", "entries")
    }
    lists = []
    for one in health.lists:
        at, entries = made.get((one.shard, one.number), (None, 0))
        lists.append(ShownList(one, at, entries, f"/crl/{generation.path}/{one.shard}.crl"))
    octets = generation.row.certificate
    return ShownGeneration(
        health,
        generation_status(snapshot, generation),
        offline(generation),
        hashlib.sha256(octets).hexdigest() if octets else "",
        lists,
        octets is not None and not offline(generation),
    )


@require_safe
def download(request: HttpRequest, name: str, number: int, kind: str) -> HttpResponse:
    """The authority's certificate; its chain goes up to the root."""
    snapshot = bridge().context.snapshot
    view_authority(snapshot, actor_of(request), name)
    generation = snapshot.generation(f"{name}/{number}")
    if generation.row.certificate is None:
        raise NotFound(f"authority {name} awaits its certificate, so there is none to take")
    return given_out((generation.row.certificate, *generation.chain), kind, f"{name}-{number}")


ACTS = {
    "publish": Act(
        lambda context, actor, name, given: publish_status(context, actor, name),
        _("The lists are signed anew and published."),
    ),
    "signer": Act(
        lambda context, actor, name, given: replace_signers(context, actor, name),
        _("There is a new OCSP signer; answers are signed with it from now on."),
    ),
}
