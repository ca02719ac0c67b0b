"""Put on record that a worker has taken over what others had begun and not finished."""

from collections.abc import Sequence

from ..core.audit import Event, EventKind, JsonValue, shown
from ..store.ledger import Change
from .context import Context

EXECUTORS_SHOWN, EXECUTOR_SHOWN = 20, 200


async def record_recovery(context: Context, worker: str, executors: Sequence[str], count: int) -> None:
    """`executors` are gone; `worker` has `count` pieces of their work done anew. Raises Unavailable."""
    detail: dict[str, JsonValue] = {
        "executors": [shown(one, EXECUTOR_SHOWN) for one in executors[:EXECUTORS_SHOWN]],
        "workflows": count,
    }
    event = Event(
        EventKind.WORKER_RECOVERED, context.clock(), "system:worker", "", f"worker:{worker}", detail
    )
    await context.ledger.commit(Change(events=[event]))
