"""Fields of the organization's own that certificates have."""

from django.http import HttpRequest
from ninja import Path, Router

from ..core.access import Actor
from ..core.custom_fields import CustomField, FieldKind
from ..operations.context import Context
from ..operations.custom_fields import field_document, list_fields, save_field
from . import inventory_schemas as schemas
from .web import Document, run

router = Router(tags=["fields"])


@router.get("/fields", response=schemas.FieldList, operation_id="list_fields")
def fields_listed(request: HttpRequest) -> Document:
    """List the organization's own fields of certificates, retired ones too."""

    async def act(context: Context, actor: Actor) -> Document:
        return {"fields": list(map(field_document, await list_fields(context, actor)))}

    return run(request, act)


@router.put("/fields/{name}", response=schemas.CustomField, operation_id="save_field")
def field_saved(request: HttpRequest, name: Path[schemas.FieldName], body: schemas.FieldBody) -> Document:
    """Define a field, or change all of it but its kind; retire it, or bring it back."""
    field = CustomField(
        name, body.title, FieldKind(body.kind), tuple(body.choices), body.help or "", body.retired
    )

    async def act(context: Context, actor: Actor) -> Document:
        return dict(field_document(await save_field(context, actor, field)))

    return run(request, act)
