"""The log to take away, as it is read: a million events are never in memory.

`log` is the whole log in the form that `certwright audit verify --export` checks; `jsonl` and `csv` are what
the filters find. That somebody took a copy goes on record first.
"""

import json
from collections.abc import AsyncIterator, Iterable, Iterator
from typing import Any, TypeVar

from django.http import HttpRequest, HttpResponseBase, StreamingHttpResponse
from django.views.decorators.http import require_safe

from ...core.access import Actor
from ...core.audit_export import encode
from ...core.audit_records import Record
from ...core.errors import NotFound
from ...core.tables import csv_line
from ...operations.bridge import bridge
from ...operations.context import Context
from ...operations.export_audit import export_audit
from ...operations.find_events import FoundEvents, find_events
from ...operations.list_events import EventFilter, Place, event_document
from ...operations.verify_audit import record_export
from ..acting import actor_of, run
from ..surroundings import surroundings
from .filters import FilterForm

Item = TypeVar("Item")
TOGETHER = 500
MEDIA = {"csv": "text/csv", "jsonl": "application/jsonl", "log": "application/jsonl"}
COLUMNS = ("id", "at", "kind", "actor", "source", "subject", "detail")


@require_safe
def export(request: HttpRequest, kind: str) -> HttpResponseBase:
    if kind not in MEDIA:
        raise NotFound("the log is given out as csv, jsonl or log")
    form, actor = FilterForm(request.GET), actor_of(request)
    wanted = form.wanted()
    run(request, record_export)
    if kind == "log":
        lines: Iterator[str] = _whole()
    else:
        lines = (_csv if kind == "csv" else _jsonl)(_events(actor, wanted, form.text_wanted))
    response = StreamingHttpResponse(lines, content_type=f"{MEDIA[kind]}; charset=utf-8")
    name = f"audit-{bridge().context.clock():%Y-%m-%d}.{'jsonl' if kind == 'log' else kind}"
    response["Content-Disposition"] = f'attachment; filename="{name}"'
    return response


# -- the whole log -------------------------------------------------------------------------------


def _whole() -> Iterator[str]:
    """Records are read on the loop that has the database, some at a time, as the reader takes them."""
    keys = surroundings().audit_trust().keys
    records = export_audit(bridge().context.database, keys)
    while part := bridge().call(lambda context: _some(records)):
        yield "".join(map(encode, part))


async def _some(records: AsyncIterator[Record]) -> list[Record]:
    """The next ones; none at the end."""
    part: list[Record] = []
    async for record in records:
        part.append(record)
        if len(part) >= TOGETHER:
            break
    return part


# -- what the filters find -----------------------------------------------------------------------


def _events(actor: Actor, wanted: EventFilter, text: str) -> Iterator[list[dict[str, Any]]]:
    """Documents, page by page, the newest first."""
    before: Place | None = None
    while True:
        found = bridge().call(_page(actor, wanted, text, before))
        yield [event_document(row) for row in found.rows]
        before = found.after
        if before is None:
            return


def _page(actor: Actor, wanted: EventFilter, text: str, before: Place | None) -> Any:
    async def read(context: Context) -> FoundEvents:
        return await find_events(context.database, actor, wanted, text, TOGETHER, before)

    return read


def _jsonl(pages: Iterable[list[dict[str, Any]]]) -> Iterator[str]:
    for page in pages:
        yield "".join(json.dumps(one) + "\n" for one in page)


def _csv(pages: Iterable[list[dict[str, Any]]]) -> Iterator[str]:
    yield csv_line(COLUMNS)
    for page in pages:
        yield "".join(csv_line(_cells(one)) for one in page)


def _cells(event: dict[str, Any]) -> Iterator[str]:
    for name in COLUMNS:
        value = event[name]
        yield json.dumps(value) if isinstance(value, dict) else str(value)
