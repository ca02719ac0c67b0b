"""`/practice`: certificate policy and certification practice statement."""

from django.http import HttpRequest
from ninja import Router

from ..core.access import Actor
from ..core.practice.document import OwnText
from ..operations.context import Context
from ..operations.practice_documents import draft_document, text_document, version_document
from ..operations.practice_text import list_texts, save_practice_text
from ..operations.publish_practice import Draft, draft_practice, parse_kind, publish_practice
from ..operations.serve_practice import ListedVersion, list_versions, listed
from . import practice_schemas as schemas
from .web import Document, run

router = Router(tags=["practice"])


@router.get("/practice", response=schemas.PracticeList, operation_id="list_practice_versions")
def list_published(request: HttpRequest) -> Document:
    """List the published versions of the practice documents, the newest first."""

    async def act(context: Context, actor: Actor) -> list[ListedVersion]:
        return await list_versions(context.database, actor)

    return {"versions": [version_document(one) for one in run(request, act)]}


@router.get("/practice/{kind}/draft", response=schemas.PracticeDraft, operation_id="draft_practice")
def draft(request: HttpRequest, kind: str) -> Document:
    """Show what the next version would say, and how it differs from the newest by section."""

    async def act(context: Context, actor: Actor) -> Draft:
        return await draft_practice(context.database, context.snapshot, actor, parse_kind(kind))

    return draft_document(run(request, act))


@router.post("/practice/{kind}", response={201: schemas.PracticeVersion}, operation_id="publish_practice")
def publish(request: HttpRequest, kind: str, body: schemas.PracticeBody) -> Document:
    """Sign the next version and publish it. Only when it says something new."""

    async def act(context: Context, actor: Actor) -> Document:
        row = await publish_practice(
            context, actor, parse_kind(kind), body.authority or "issuing", body.effective_at
        )
        return version_document(listed(row))

    return run(request, act)


@router.get("/practice/{kind}/texts", response=schemas.PracticeTexts, operation_id="list_practice_texts")
def texts(request: HttpRequest, kind: str) -> Document:
    """List the organization's own texts, by section."""

    async def act(context: Context, actor: Actor) -> dict[str, OwnText]:
        return await list_texts(context.database, actor, parse_kind(kind))

    return {"texts": [text_document(number, one) for number, one in run(request, act).items()]}


@router.put(
    "/practice/{kind}/texts/{section}", response=schemas.PracticeText, operation_id="save_practice_text"
)
def save_text(request: HttpRequest, kind: str, section: str, body: schemas.PracticeTextBody) -> Document:
    """Save the organization's own text of a section, for the next version. Empty: none."""

    async def act(context: Context, actor: Actor) -> OwnText:
        return await save_practice_text(context, actor, parse_kind(kind), section, body.text, body.replaces)

    return text_document(section, run(request, act))
