"""Take back an authority that awaits its certificate: its key goes, name and subject are free again."""

from ..core.access import Actor, Subject, Verb, require
from ..core.audit import Event, EventKind, shown
from ..core.errors import Conflict
from ..core.keys import KeyAlgorithm
from ..ports import KeyReference
from ..store.guarded_rows import Absent
from ..store.ledger import Change
from ..store.rows import EndpointRow, IssuanceIntentRow
from ..store.snapshot import Generation
from .context import Context, decide_again
from .found_authority import NAME_SHOWN, commit_retirement


async def withdraw_authority(context: Context, actor: Actor, name: str) -> Generation:
    """What it was. It is retired before its key is destroyed, so that nobody puts it in force meanwhile; one
    cut short goes on when it is repeated.

    Raises Forbidden, NotFound, Unavailable, and Conflict when it has a certificate, may have one signed by
    its own key, or has an endpoint.
    """
    require(actor, Verb.MANAGE_AUTHORITIES, Subject(authority=name))
    await decide_again(context, lambda: _retire(context, actor, name))
    return await decide_again(context, lambda: _remove(context, actor, name))


async def _retire(context: Context, actor: Actor, name: str) -> None:
    generation = _awaiting(context, name)
    context.keyring.provider(generation.row.key_provider)
    if generation.authority.retired_at is None:
        await commit_retirement(context, actor, generation.authority, _unused(generation))


async def _remove(context: Context, actor: Actor, name: str) -> Generation:
    generation, now = _awaiting(context, name), context.clock()
    row = generation.row
    reference = KeyReference(KeyAlgorithm(row.key_algorithm), row.key_reference)
    context.keyring.provider(row.key_provider).destroy(reference)
    detail = {"subject": shown(row.subject, NAME_SHOWN), "spki_sha256": row.spki_sha256.hex()}
    subject = f"authority:{generation.path}"
    change = Change(
        removed=[row, generation.authority],
        absent=_unused(generation),
        events=[Event(EventKind.AUTHORITY_WITHDRAWN, now, actor.name, actor.source, subject, detail)],
        revision=context.snapshot.revision,
        configures=True,
    )
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
    begun = f"the certificate of authority {name} may be signed already; repeat the order, and retire it"
    return [
        Absent(EndpointRow, "authority_id", generation.authority.id, Conflict(bound)),
        Absent(IssuanceIntentRow, "generation_id", generation.id, Conflict(begun)),
    ]
