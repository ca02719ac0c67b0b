"""How sound the estate is, in numbers."""

from django.http import HttpRequest, StreamingHttpResponse
from ninja import Query, Router

from ..core.access import Actor
from ..operations.bill_of_materials import bill_pieces, read_query
from ..operations.context import Context
from ..operations.count_readiness import list_readiness, readiness_document
from ..operations.count_scores import list_scores, trend_document
from . import health_schemas as schemas
from .web import Document, actor_of, require_known_parameters, run

router = Router(tags=["health"])


@router.get("/scores", response=schemas.ScoreList, operation_id="list_scores")
def scores_listed(request: HttpRequest, wanted: Query[schemas.ScoreQuery]) -> Document:
    """List the scores of teams, as they were counted last."""
    require_known_parameters(request, schemas.ScoreQuery)

    async def act(context: Context, actor: Actor) -> Document:
        found = await list_scores(context, actor, wanted.days)
        return {"scores": [trend_document(one) for one in found.trends], "total": found.total}

    return run(request, act)


@router.get("/cbom", response=schemas.BillOfMaterials, operation_id="export_cbom")
def bill_exported(request: HttpRequest, wanted: Query[schemas.BillQuery]) -> StreamingHttpResponse:
    """Give out a cryptographic bill of materials, CycloneDX 1.6, as it is written."""
    require_known_parameters(request, schemas.BillQuery)
    pieces = bill_pieces(actor_of(request), read_query(wanted.query))
    return StreamingHttpResponse(pieces, content_type="application/json")


@router.get("/readiness", response=schemas.ReadinessList, operation_id="list_readiness")
def readiness_listed(request: HttpRequest) -> Document:
    """List how far systems are towards post-quantum cryptography, as it was counted last."""

    async def act(context: Context, actor: Actor) -> Document:
        return readiness_document(await list_readiness(context, actor))

    return run(request, act)
