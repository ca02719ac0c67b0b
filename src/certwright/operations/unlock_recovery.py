"""Make the keys under the recovery passphrase usable for one act, and say so in the audit before."""

from ..core.access import Actor, Subject, Verb, require
from ..core.audit import Event, EventKind
from ..ports import KeyProvider
from ..store.ledger import Change
from .context import Context


async def unlock_recovery(context: Context, actor: Actor, provider: KeyProvider) -> None:
    """`provider` opens them. The caller ends the act with `context.keyring.lock()`. Raises Forbidden."""
    require(actor, Verb.MANAGE_AUTHORITIES, Subject())
    now = context.clock()
    event = Event(EventKind.KEY_OPENED, now, actor.name, actor.source, "key-provider:recovery", {})
    await context.ledger.commit(Change(events=[event]))
    context.keyring.unlock(provider)
