"""Publish an authority's status data at somebody's wish: its lists, and an OCSP signer where one is due.

For an authority whose key is under the recovery passphrase this is the only way, since no process can use it.
"""

from dataclasses import dataclass

from ..core.access import Actor, Subject, Verb, require
from ..core.errors import Conflict
from ..store.rows import CrlRow, OcspSignerRow
from ..store.snapshot import Generation
from .context import Context, decide_again
from .found_authority import offline
from .issue_ocsp_signer import OFFLINE_MARGIN, issue_ocsp_signer, needs_signer
from .keyring import RECOVERY
from .publish_crl import OFFLINE_TIMES, ListTimes, publish_crl
from .renew_lists import lasting


@dataclass(frozen=True, slots=True)
class Published:
    """What was signed for one generation. `signer` is None where the present one is still good."""

    generation: Generation
    lists: tuple[CrlRow, ...]
    signer: OcspSignerRow | None


async def publish_status(context: Context, actor: Actor, authority: str) -> tuple[Published, ...]:
    """Sign the lists of every generation of an authority.

    Raises NotFound, Forbidden, and Conflict when its key is locked away, or it has no certificate yet.
    """
    await context.snapshots.refresh()  # its signer may have been revoked this moment
    context.snapshot.authority(authority)
    require(actor, Verb.PUBLISH, Subject(authority=authority))
    generations = [one for one in context.snapshot.of_authority(authority) if one.certificate is not None]
    if not generations:
        raise Conflict(f"authority {authority} has no certificate yet, so nothing to publish")
    return tuple([await _publish(context, actor, generation) for generation in generations])


async def replace_signers(context: Context, actor: Actor, authority: str) -> tuple[OcspSignerRow, ...]:
    """Give every generation of an authority that still holds a new OCSP signer, though the old one is good.

    Raises NotFound, Forbidden, Refused, and Conflict as `publish_status`.
    """
    await context.snapshots.refresh()
    context.snapshot.authority(authority)
    require(actor, Verb.PUBLISH, Subject(authority=authority))
    holding = [one for one in lasting(context, context.clock()) if one.authority.name == authority]
    if not holding:
        raise Conflict(f"authority {authority} has no certificate that still holds, so no OCSP signer")
    for generation in holding:
        context.keyring.provider(generation.row.key_provider)
    return tuple([await _replace_signer(context, generation) for generation in holding])


async def _replace_signer(context: Context, generation: Generation) -> OcspSignerRow:
    return await decide_again(context, lambda: issue_ocsp_signer(context, generation))


async def put_in_service(context: Context, actor: Actor, generation: Generation) -> Published:
    """What a new authority needs before relying parties can ask about its certificates. Raises as above."""
    require(actor, Verb.MANAGE_AUTHORITIES, Subject(authority=generation.authority.name))
    return await _publish(context, actor, generation)


async def _publish(context: Context, actor: Actor, generation: Generation) -> Published:
    context.keyring.provider(generation.row.key_provider)
    times = OFFLINE_TIMES if offline(generation) else ListTimes()
    lists = [
        await publish_crl(context, generation, shard, scheduled=True, times=times, actor=actor)
        for shard in range(generation.authority.crl_shards)
    ]
    signer = None
    if needs_signer(context, generation, context.clock()) or _ends_before_list(context, generation, times):
        signer = await decide_again(context, lambda: issue_ocsp_signer(context, generation))
    return Published(generation, tuple(lists), signer)


def _ends_before_list(context: Context, generation: Generation, times: ListTimes) -> bool:
    """Where each signature takes a person, the signer is renewed with the list, so that one visit a year is
    enough."""
    now = context.clock()
    signer = context.snapshot.signer(generation.id, now)
    lasts = signer is not None and signer.not_after - now >= times.complete - OFFLINE_MARGIN
    return offline(generation) and not lasts


def usable_authorities(context: Context) -> list[str]:
    """Names of the authorities that have a certificate, and a key that is not locked away."""
    usable = []
    for name in sorted(context.snapshot.authorities):
        generations = context.snapshot.of_authority(name)
        providers = {one.row.key_provider for one in generations if one.certificate is not None}
        if providers and (RECOVERY not in providers or context.keyring.unlocked):
            usable.append(name)
    return usable
