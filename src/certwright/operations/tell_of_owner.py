"""Tell who answers for certificates from now on."""

from urllib.parse import urlencode

from ..core.access import Actor
from ..core.notices import Telling, told
from ..store.ledger import Change
from ..store.rows import CertificateRow
from .context import Context
from .tell import tell


async def tell_new_owner(context: Context, actor: Actor, change: Change) -> bool:
    """One notice for all that a change gives to the same owner, or team where the owner stays, but nothing
    to who does it; is somebody told?"""
    given: dict[str, CertificateRow] = {}
    for before, after in change.replaced:
        if isinstance(before, CertificateRow) and isinstance(after, CertificateRow):
            if after.owner != before.owner and after.owner:
                given.setdefault(f"user:{after.owner}", after)
            elif after.team != before.team and after.team:
                given.setdefault(f"team:{after.team}", after)
    done = 0
    for holder, row in given.items():
        kind, _, name = holder.partition(":")
        text = told(Telling.HANDED_OVER, {"actor": actor.user or actor.name, "name": _shown(row)})
        filtered = urlencode({"status": "live", "owner" if kind == "user" else "team": name})
        but = [actor.user] if actor.user else []
        done += await tell(context, change, [holder], text, f"/console/certificates/?{filtered}", but)
    return bool(done)


def _shown(row: CertificateRow) -> str:
    return row.subject or f"number {row.serial.hex()}"
