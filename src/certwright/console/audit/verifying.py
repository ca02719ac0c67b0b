"""Check the log now, for as long as somebody may wait; a longer one is checked on the command line."""

import asyncio
import threading

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_POST

from ...core.access import Actor
from ...core.audit_records import Report
from ...core.errors import Conflict
from ...operations.context import Context
from ...operations.verify_audit import record_discrepancies, verify_audit
from ..acting import run
from ..surroundings import surroundings

SECONDS = 20.0
_one_at_a_time = threading.Lock()


@require_POST
def verify(request: HttpRequest) -> HttpResponse:
    """Against the key and the newest checkpoint that this machine keeps outside the database."""
    if not _one_at_a_time.acquire(blocking=False):
        raise Conflict("the log is being checked already; look again in a moment")
    try:
        report, read = run(request, _verify)
    finally:
        _one_at_a_time.release()
    return render(request, "audit/verified.html", {"report": report, "read": read, "seconds": SECONDS})


async def _verify(context: Context, actor: Actor) -> tuple[Report | None, tuple[int, int]]:
    """The report, None where there was no time; and how many of how many events were read."""
    trust, read = surroundings().audit_trust(), [0, 0]

    def progress(done: int, total: int) -> None:
        read[:] = done, total

    try:
        async with asyncio.timeout(SECONDS):
            report = await verify_audit(context.database, actor, trust.keys, trust.held, progress)
    except TimeoutError:
        return None, (read[0], read[1])
    if report.found:
        await record_discrepancies(context, actor, report.found, report.discrepancies[0].text)
    return report, (read[0], read[1])
