"""Change where relying parties reach us. What is issued from now on says so; what is out does not."""

from urllib.parse import urlsplit

from ..core.access import Actor, Subject, Verb, require
from ..core.audit import Event, EventKind
from ..core.errors import Malformed
from ..store.ledger import Change, revision_after
from ..store.rows import InstallationRow
from .context import Context, decide_again


async def save_base_url(context: Context, actor: Actor, url: str) -> InstallationRow:
    """The installation's row after it. Raises Forbidden, Malformed for what is no http or https URL."""
    return await decide_again(context, lambda: _save(context, actor, url.rstrip("/")))


async def _save(context: Context, actor: Actor, url: str) -> InstallationRow:
    require(actor, Verb.MANAGE_AUTHORITIES, Subject())
    parts = urlsplit(url)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise Malformed(f"{url[:200]!r} is no URL like http://pki.example")
    row = context.snapshot.installation
    # the row's revision guards it and is the configuration's, so it moves here and not by `configures`
    after = row._replace(base_url=url, revision=revision_after(row.revision))
    detail = {"setting": "url", "before": row.base_url, "after": url}
    event = Event(
        EventKind.SETTING_SAVED, context.clock(), actor.name, actor.source, "installation:1", detail
    )
    await context.ledger.commit(Change(replaced=[(row, after)], events=[event]))
    await context.snapshots.refresh()
    return after
