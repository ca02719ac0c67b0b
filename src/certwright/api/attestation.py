"""`/attestation`: campaigns, what they ask, answers, and the record."""

from django.http import HttpRequest
from ninja import Query, Router

from ..core.access import Actor
from ..core.errors import NotFound
from ..operations.asked_about import asked_about, campaign_progress
from ..operations.attestation import (
    CampaignOrder,
    answer_items,
    attestation_record,
    close_campaign,
    find_campaign,
    list_campaigns,
    open_campaign,
)
from ..operations.attestation_documents import asked_document, campaign_document, record_document
from ..operations.context import Context
from ..operations.list_certificates import CertificateFilter
from . import attestation_schemas as schemas
from .paging import IDENTIFIER_MAX, read_cursor, write_cursor
from .web import Document, require_known_parameters, run

router = Router(tags=["attestation"])


@router.get("/attestation", response=schemas.CampaignList, operation_id="list_campaigns")
def list_all_campaigns(request: HttpRequest) -> Document:
    """List the campaigns, the newest first."""

    async def act(context: Context, actor: Actor) -> Document:
        rows = await list_campaigns(context.database, actor)
        return {"campaigns": [campaign_document(row) for row in rows]}

    return run(request, act)


@router.post("/attestation", response={201: schemas.Campaign}, operation_id="open_campaign")
def open_one(request: HttpRequest, body: schemas.CampaignBody) -> Document:
    """Open a campaign: whoever answers for a selected certificate is asked whether it is needed still."""
    given = {name: value for name, value in dict(body.filter).items() if value is not None}
    order = CampaignOrder(body.title, body.text, CertificateFilter(**given), body.due_at, body.repeat_days)
    return campaign_document(run(request, lambda context, actor: open_campaign(context, actor, order)))


@router.get("/attestation/{identifier}", response=schemas.CountedCampaign, operation_id="show_campaign")
def show_one(request: HttpRequest, identifier: str) -> Document:
    """Show a campaign, and how many certificates have which answer."""
    number = _number(identifier)

    async def act(context: Context, actor: Actor) -> Document:
        row = await find_campaign(context.database, number)
        return campaign_document(row, await campaign_progress(context.database, number))

    return run(request, act)


@router.post("/attestation/{identifier}/close", response=schemas.Campaign, operation_id="close_campaign")
def close_one(request: HttpRequest, identifier: str, body: schemas.CloseBody) -> Document:
    """Close a campaign: it takes no answers any more."""
    number = _number(identifier)
    return campaign_document(
        run(request, lambda context, actor: close_campaign(context, actor, number, repeat=body.repeat))
    )


@router.get("/attestation/{identifier}/asked", response=schemas.AskedList, operation_id="list_asked")
def list_asked(request: HttpRequest, identifier: str, wanted: Query[schemas.AskedQuery]) -> Document:
    """List the certificates about which the caller is asked, with what was said of each."""
    require_known_parameters(request, schemas.AskedQuery)
    number = _number(identifier)
    after = read_cursor(wanted.after, by_time=False)[1] if wanted.after else None

    async def act(context: Context, actor: Actor) -> Document:
        found, place = await asked_about(
            context.database, actor, number, every=wanted.every, after=after, limit=wanted.limit
        )
        following = write_cursor((None, place)) if place is not None else None
        return {"certificates": list(map(asked_document, found)), "next": following}

    return run(request, act)


@router.post("/attestation/{identifier}/answers", response=schemas.Answered, operation_id="answer_campaign")
def answer(request: HttpRequest, identifier: str, body: schemas.AnswersBody) -> Document:
    """Say of certificates whether they are needed still: of all that are named, or of none."""
    number, certificates = _number(identifier), [int(one) for one in body.certificates]
    done = run(
        request,
        lambda context, actor: answer_items(context, actor, number, certificates, body.answer, body.comment),
    )
    return {"answers": done}


@router.get("/attestation/{identifier}/record", response=schemas.Record, operation_id="show_record")
def show_record(request: HttpRequest, identifier: str) -> Document:
    """Give the record of a campaign: what was said of every certificate that the caller may view."""
    number = _number(identifier)

    async def act(context: Context, actor: Actor) -> Document:
        lines = await attestation_record(context.database, actor, number)
        return {"lines": list(map(record_document, lines))}

    return run(request, act)


def _number(text: str) -> int:
    """Raises NotFound: what is no number names nothing."""
    if not (text.isascii() and text.isdecimal()) or len(text) > 20 or int(text) > IDENTIFIER_MAX:
        raise NotFound(f"there is no attestation campaign {text[:40]!r}")
    return int(text)
