"""How sound the estate is, in numbers."""

from django.http import HttpRequest
from ninja import Query, Router

from ..core.access import Actor
from ..operations.context import Context
from ..operations.count_scores import list_scores, trend_document
from . import health_schemas as schemas
from .web import Document, require_known_parameters, run

router = Router(tags=["health"])


@router.get("/scores", response=schemas.ScoreList, operation_id="list_scores")
def scores_listed(request: HttpRequest, wanted: Query[schemas.ScoreQuery]) -> Document:
    """List the scores of teams, as they were counted last."""
    require_known_parameters(request, schemas.ScoreQuery)

    async def act(context: Context, actor: Actor) -> Document:
        found = await list_scores(context, actor, wanted.days)
        return {"scores": [trend_document(one) for one in found.trends], "total": found.total}

    return run(request, act)
