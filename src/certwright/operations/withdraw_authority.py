"""Take back an authority that awaits its certificate: its key goes, name and subject are free again."""

from ..core.access import Actor, Subject, Verb, require
from ..core.audit import Event, EventKind, shown
from ..core.errors import Conflict, NotFound
from ..core.keys import KeyAlgorithm
from ..ports import KeyReference
from ..store.guarded_rows import Absent
from ..store.ledger import Change
from ..store.people_rows import RoleGrantRow
from ..store.rows import EndpointRow, IssuanceIntentRow
from ..store.snapshot import Generation
from .context import Context, decide_again
from .found_authority import NAME_SHOWN, commit_retirement
from .withdraw_role import withdrawal


async def withdraw_authority(context: Context, actor: Actor, name: str) -> Generation:
    """What it was. It is retired, its key is destroyed, its rows go, in this order: once it is retired,
    nothing refuses any more; and while its rows are there, one cut short goes on when it is repeated.

    Raises Forbidden, NotFound, Unavailable, and Conflict when it has a certificate, may have one signed by
    its own key, or has an endpoint.
    """
    require(actor, Verb.MANAGE_AUTHORITIES, Subject(authority=name))
    generation = await decide_again(context, lambda: _retire(context, actor, name))
    row = generation.row
    reference = KeyReference(KeyAlgorithm(row.key_algorithm), row.key_reference)
    await context.keyring.destroy(row.key_provider, reference)
    return await decide_again(context, lambda: _remove(context, actor, generation))


async def _retire(context: Context, actor: Actor, name: str) -> Generation:
    """The generation, once it is durable that it is unused and retired: what is retired gets neither an
    intent nor an endpoint, since those stand on the configuration."""
    generation = _awaiting(context, name)
    context.keyring.provider(generation.row.key_provider)
    unused = _unused(generation)
    if generation.authority.retired_at is None:
        await commit_retirement(context, actor, generation.authority, unused)
    else:
        await context.ledger.commit(Change(absent=unused, revision=context.snapshot.revision))
    return generation


async def _remove(context: Context, actor: Actor, unused: Generation) -> Generation:
    """By its identifier: another one may have its name by now. Raises NotFound."""
    generation, now = context.snapshot.generations.get(unused.id), context.clock()
    if generation is None:
        raise NotFound(f"authority {unused.authority.name} is withdrawn already")
    row = generation.row
    detail = {"subject": shown(row.subject, NAME_SHOWN), "spki_sha256": row.spki_sha256.hex()}
    subject = f"authority:{generation.path}"
    change = Change(
        removed=[row, generation.authority],
        events=[Event(EventKind.AUTHORITY_WITHDRAWN, now, actor.name, actor.source, subject, detail)],
        revision=context.snapshot.revision,
        configures=True,
    )
    # a later authority of this name is another one, and nobody's yet
    grants = await context.database.select(RoleGrantRow, '"scope" = ?', f"authority:{unused.authority.name}")
    change.join(withdrawal(grants, actor, now))
    await context.ledger.commit(change)
    await context.snapshots.refresh()
    return generation


def _awaiting(context: Context, name: str) -> Generation:
    """Raises NotFound, Conflict."""
    context.snapshot.authority(name)
    generations = context.snapshot.of_authority(name)
    if len(generations) != 1 or generations[0].certificate is not None:
        raise Conflict(f"authority {name} has a certificate already; retire it instead")
    return generations[0]


def _unused(generation: Generation) -> list[Absent]:
    """The guards that no endpoint needs it, and that its key has not been about to certify itself."""
    name = generation.authority.name
    bound = f"an endpoint enrols, or has enrolled, with authority {name}; bind that to another one first"
    begun = f"the certificate of authority {name} may be signed already"
    if generation.authority.retired_at is None:
        begun = f"{begun}; repeat the order, and retire it"
    else:
        begun = f"{begun}, so that it stays on record; order another name and subject"
    return [
        Absent(EndpointRow, "authority_id", generation.authority.id, Conflict(bound)),
        Absent(IssuanceIntentRow, "generation_id", generation.id, Conflict(begun)),
    ]
