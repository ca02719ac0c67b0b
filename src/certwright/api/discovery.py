"""`/discovery` and `/findings`: what is looked for, what was seen, and what is wrong with it."""

import base64
import binascii

from django.http import HttpRequest, HttpResponse
from ninja import Query, Router

from ..core.access import Actor
from ..core.errors import NotFound
from ..core.import_rows import ImportRow
from ..operations.context import Context
from ..operations.discovery_runs import (
    DiscoveryOrder,
    ask_discovery,
    cancel_run,
    find_run,
    list_runs,
    run_document,
)
from ..operations.discovery_scopes import (
    ScopeOrder,
    find_scope,
    list_scopes,
    remove_scope,
    run_scope,
    save_scope,
    scope_document,
)
from ..operations.findings import (
    FindingFilter,
    accept_finding,
    acknowledge_finding,
    find_finding,
    finding_documents,
    list_findings,
)
from ..operations.import_certificates import import_certificates, imported_document
from ..operations.list_seen import list_seen
from ..store.discovery_rows import FindingRow
from . import discovery_schemas as schemas
from .paging import read_cursor, write_cursor
from .schemas import NoBody
from .web import BearerToken, Document, require_known_parameters, run

IMPORT_OCTETS_MAX = 2 * 1024 * 1024
router = Router(tags=["discovery"])


def _look(body: schemas.LookBody) -> DiscoveryOrder:
    return DiscoveryOrder(body.source, tuple(body.targets), tuple(body.exclude), body.settings, body.zone)


def _after(text: str) -> int | None:
    return read_cursor(text, by_time=False)[1] if text else None


def _number(text: str, what: str) -> int:
    """Raises NotFound: what is no number names nothing."""
    if not (text.isascii() and text.isdecimal() and len(text) < 20) or int(text) >= 2**63:
        raise NotFound(f"there is no {what} {text[:40]!r}")
    return int(text)


# -- runs ----------------------------------------------------------------------------------------


@router.get("/discovery/runs", response=schemas.RunList, operation_id="list_discovery_runs")
def discovery_runs_listed(request: HttpRequest, wanted: Query[schemas.PageQuery]) -> Document:
    """List runs, the newest first."""
    require_known_parameters(request, schemas.PageQuery)

    async def act(context: Context, actor: Actor) -> Document:
        rows = await list_runs(context.database, actor, after=_after(wanted.after), limit=wanted.limit + 1)
        now, page = context.clock(), rows[: wanted.limit]
        further = write_cursor((None, page[-1].id)) if len(rows) > wanted.limit else None
        return {"runs": [run_document(row, now) for row in page], "next": further}

    return run(request, act)


@router.post("/discovery/runs", response={202: schemas.Run}, operation_id="start_discovery")
def discovery_started(
    request: HttpRequest, response: HttpResponse, body: schemas.LookBody
) -> tuple[int, Document]:
    """Have a worker look at places once."""

    async def act(context: Context, actor: Actor) -> Document:
        return run_document(await ask_discovery(context, actor, _look(body)), context.clock())

    document = run(request, act)
    response["Location"] = f"/api/v1/discovery/runs/{document['id']}"
    return 202, document


@router.get("/discovery/runs/{identifier}", response=schemas.Run, operation_id="show_discovery_run")
def discovery_run_shown(request: HttpRequest, identifier: str) -> Document:
    """Show how far a run is."""

    async def act(context: Context, actor: Actor) -> Document:
        row = await find_run(context.database, actor, _number(identifier, "discovery run"))
        return run_document(row, context.clock())

    return run(request, act)


@router.get("/discovery/runs/{identifier}/seen", response=schemas.SeenList, operation_id="list_seen")
def discovery_seen_listed(
    request: HttpRequest, identifier: str, wanted: Query[schemas.PageQuery]
) -> Document:
    """List the places at which a run was the last to see a certificate, with what is wrong there."""
    require_known_parameters(request, schemas.PageQuery)

    async def act(context: Context, actor: Actor) -> Document:
        number = _number(identifier, "discovery run")
        after = _after(wanted.after) or 0
        documents, further = await list_seen(context, actor, number, after, wanted.limit)
        return {"seen": documents, "next": write_cursor((None, further)) if further else None}

    return run(request, act)


@router.post("/discovery/runs/{identifier}/cancel", response=schemas.Run, operation_id="cancel_discovery")
def discovery_cancelled(request: HttpRequest, identifier: str, body: NoBody) -> Document:
    """Stop a run. What it has seen stays."""

    async def act(context: Context, actor: Actor) -> Document:
        row = await cancel_run(context, actor, _number(identifier, "discovery run"))
        return run_document(row, context.clock())

    return run(request, act)


# -- scopes --------------------------------------------------------------------------------------


@router.get("/discovery/scopes", response=schemas.ScopeList, operation_id="list_discovery_scopes")
def discovery_scopes_listed(request: HttpRequest) -> Document:
    """List what is looked at again and again."""

    async def act(context: Context, actor: Actor) -> Document:
        return {"scopes": [scope_document(row) for row in await list_scopes(context.database, actor)]}

    return run(request, act)


@router.get("/discovery/scopes/{name}", response=schemas.Scope, operation_id="show_discovery_scope")
def discovery_scope_shown(request: HttpRequest, name: str) -> Document:
    """Show one."""

    async def act(context: Context, actor: Actor) -> Document:
        return scope_document(await find_scope(context.database, actor, name))

    return run(request, act)


@router.put("/discovery/scopes/{name}", response=schemas.Scope, operation_id="save_discovery_scope")
def discovery_scope_saved(request: HttpRequest, name: str, body: schemas.ScopeBody) -> Document:
    """Make or change one, from the `version` that was read."""

    async def act(context: Context, actor: Actor) -> Document:
        order = ScopeOrder(name, _look(body), body.every_minutes, tuple(body.quiet))
        return scope_document(await save_scope(context, actor, order, body.version))

    return run(request, act)


@router.delete("/discovery/scopes/{name}", response=schemas.Scope, operation_id="remove_discovery_scope")
def discovery_scope_removed(request: HttpRequest, name: str) -> Document:
    """Look at it no more. What it has seen stays."""

    async def act(context: Context, actor: Actor) -> Document:
        return scope_document(await remove_scope(context, actor, name))

    return run(request, act)


@router.post("/discovery/scopes/{name}/run", response={202: schemas.Run}, operation_id="run_discovery_scope")
def discovery_scope_run(
    request: HttpRequest, response: HttpResponse, name: str, body: NoBody
) -> tuple[int, Document]:
    """Have a worker look at it now."""

    async def act(context: Context, actor: Actor) -> Document:
        return run_document(await run_scope(context, actor, name), context.clock())

    document = run(request, act)
    response["Location"] = f"/api/v1/discovery/runs/{document['id']}"
    return 202, document


# -- imports -------------------------------------------------------------------------------------


@router.post(
    "/discovery/imports",
    response=schemas.Imported,
    operation_id="import_certificates",
    auth=BearerToken(lambda: IMPORT_OCTETS_MAX),
)
def certificates_imported(request: HttpRequest, body: schemas.ImportBody) -> Document:
    """Take in rows of a table of certificates from another manager."""
    rows = [_import_row(row) for row in body.rows]

    async def act(context: Context, actor: Actor) -> Document:
        return imported_document(await import_certificates(context, actor, rows, body.source))

    return run(request, act)


def _import_row(row: schemas.ImportedRow) -> ImportRow:
    try:
        octets = base64.b64decode(row.certificate, validate=True)
    except (binascii.Error, ValueError):
        octets = b""
    problem = "" if octets else "the field certificate has no base64"
    said = row.team, row.owner, row.environment, frozenset(row.tags)
    return ImportRow(
        row.number, octets, *said, problem, {name: text for name, text in row.fields.items() if text}
    )


# -- findings ------------------------------------------------------------------------------------


@router.get("/findings", response=schemas.FindingList, operation_id="list_findings")
def findings_listed(request: HttpRequest, wanted: Query[schemas.FindingQuery]) -> Document:
    """List what is wrong with certificates, the newest first."""
    require_known_parameters(request, schemas.FindingQuery)

    async def act(context: Context, actor: Actor) -> Document:
        chosen = FindingFilter(
            wanted.code, wanted.severity or "", wanted.team or "", state=wanted.state or ""
        )
        rows = await list_findings(context, actor, chosen, _after(wanted.after), wanted.limit + 1)
        page = rows[: wanted.limit]
        further = write_cursor((None, page[-1].id)) if len(rows) > wanted.limit else None
        return {"findings": await finding_documents(context, page), "next": further}

    return run(request, act)


@router.get("/findings/{identifier}", response=schemas.Finding, operation_id="show_finding")
def finding_shown(request: HttpRequest, identifier: str) -> Document:
    """Show one."""

    async def act(context: Context, actor: Actor) -> Document:
        row, _ = await find_finding(context.database, actor, _number(identifier, "finding"))
        return await _told(context, row)

    return run(request, act)


@router.post(
    "/findings/{identifier}/acknowledge", response=schemas.Finding, operation_id="acknowledge_finding"
)
def finding_acknowledged(request: HttpRequest, identifier: str, body: NoBody) -> Document:
    """Say that somebody is at it."""

    async def act(context: Context, actor: Actor) -> Document:
        row = await acknowledge_finding(context, actor, _number(identifier, "finding"))
        return await _told(context, row)

    return run(request, act)


@router.post("/findings/{identifier}/accept", response=schemas.Finding, operation_id="accept_finding")
def finding_accepted(request: HttpRequest, identifier: str, body: schemas.AcceptBody) -> Document:
    """Let it stay so for a time, with a reason."""

    async def act(context: Context, actor: Actor) -> Document:
        number = _number(identifier, "finding")
        return await _told(context, await accept_finding(context, actor, number, body.until, body.reason))

    return run(request, act)


async def _told(context: Context, row: FindingRow) -> Document:
    return (await finding_documents(context, [row]))[0]
