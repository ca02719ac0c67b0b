"""What a run has seen, place by place."""

from ..core.access import Actor
from ..store.among import AT_ONCE, among
from ..store.discovery_rows import SightingRow
from ..store.rows import CertificateRow
from .context import Context
from .discovery_runs import find_run
from .seen_documents import Document, place_documents


async def list_seen(
    context: Context, actor: Actor, run: int, after: int = 0, limit: int = 100
) -> tuple[list[Document], int | None]:
    """Up to `limit` places at which this run was the last to see something, at most AT_ONCE, after the
    sighting of that identifier; and where the next page begins. Raises Forbidden, NotFound."""
    row = await find_run(context.database, actor, run)
    limit = max(1, min(limit, AT_ONCE))
    rows = await context.database.select(
        SightingRow,
        '"ended_at" IS NULL AND "scope_id" = ? AND "last_run" = ? AND "id" > ? '
        f'ORDER BY "id" LIMIT {limit + 1}',
        *(row.scope_id, run, after),
    )
    shown = rows[:limit]
    if not shown:
        return [], None
    condition, values = among("id", sorted({one.certificate_id for one in shown}))
    certificates = await context.database.select(CertificateRow, condition, *values)
    documents = await place_documents(context, shown, {one.id: one for one in certificates})
    return documents, shown[-1].id if len(rows) > limit else None
