"""`/profiles` and `/endpoints`."""

from typing import Any

from django.http import HttpRequest
from ninja import Body, Path, Query, Router
from pydantic import Field

from ..core.access import Actor
from ..core.errors import Malformed
from ..core.policy import endpoint_policy_to_document
from ..core.profile_document import to_document
from ..operations.bridge import bridge
from ..operations.context import Context
from ..operations.found_installation import EndpointOrder, save_endpoint
from ..operations.read_profile import VERSION_MAX, read_profile
from ..operations.remove_endpoint import remove_endpoint
from ..operations.save_profile import save_profile
from ..operations.view_configuration import list_endpoints, list_profiles, view_endpoint
from ..store.snapshot import Endpoint as StoredEndpoint
from . import schemas
from .web import Document, actor_of, require_known_parameters, run

router = Router()


# -- profiles ------------------------------------------------------------------------------------


@router.get("/profiles", response=schemas.ProfileList, tags=["profiles"], operation_id="list_profiles")
def list_visible_profiles(request: HttpRequest) -> Document:
    """List the profiles within the caller's scopes, each in its newest version."""
    seen = list_profiles(bridge().context.snapshot, actor_of(request))
    return {"profiles": list(map(to_document, seen))}


class ProfileQuery(schemas.Query):
    version: int | None = Field(None, ge=1, le=VERSION_MAX, description="An older one. Without: the newest.")


@router.get("/profiles/{name}", response=schemas.ProfileDocument, tags=["profiles"])
def show_profile(request: HttpRequest, name: str, wanted: Query[ProfileQuery]) -> Document:
    """Show a profile in its newest version, or an older one."""
    require_known_parameters(request, ProfileQuery)

    async def act(context: Context, actor: Actor) -> Document:
        found = await read_profile(context.database, context.snapshot, actor, name, wanted.version)
        return to_document(found)

    return run(request, act)


@router.put(
    "/profiles/{name}", response=schemas.ProfileDocument, tags=["profiles"], operation_id="save_profile"
)
def put_profile(request: HttpRequest, name: str, document: Body[dict[str, Any]]) -> Document:
    """Save a new version of a profile. `version` is the one that the document was made from."""
    if document.get("name") != name:
        raise Malformed("body.name: must be the name in the address")
    return to_document(run(request, lambda context, actor: save_profile(context, actor, document)))


# -- endpoints -----------------------------------------------------------------------------------


@router.get("/endpoints", response=schemas.EndpointList, tags=["endpoints"], operation_id="list_endpoints")
def list_visible_endpoints(request: HttpRequest) -> Document:
    """List the enrolment endpoints within the caller's scopes, those out of use too."""
    seen = list_endpoints(bridge().context.snapshot, actor_of(request))
    return {"endpoints": list(map(_endpoint, seen))}


@router.get("/endpoints/{protocol}/{name}", response=schemas.Endpoint, tags=["endpoints"])
def show_endpoint(request: HttpRequest, protocol: str, name: str) -> Document:
    """Show an endpoint."""
    return _seen(request, protocol, name)


@router.put(
    "/endpoints/{protocol}/{name}",
    response=schemas.Endpoint,
    tags=["endpoints"],
    operation_id="save_endpoint",
)
def put_endpoint(
    request: HttpRequest, protocol: Path[schemas.Name], name: Path[schemas.Name], body: schemas.EndpointBody
) -> Document:
    """Make an endpoint, or change it. It can be used at once."""
    documents = dict(body.policy), dict(body.settings)
    order = EndpointOrder(
        protocol, name, body.authority, tuple(body.profiles), *documents, body.team, body.owner
    )
    run(request, lambda context, actor: save_endpoint(context, actor, order))
    return _seen(request, protocol, name)


@router.delete(
    "/endpoints/{protocol}/{name}",
    response=schemas.Endpoint,
    tags=["endpoints"],
    operation_id="remove_endpoint",
)
def delete_endpoint(request: HttpRequest, protocol: str, name: str) -> Document:
    """Take an endpoint out of use. Saving it again brings it back."""
    run(request, lambda context, actor: remove_endpoint(context, actor, protocol, name))
    return _seen(request, protocol, name)


def _seen(request: HttpRequest, protocol: str, name: str) -> Document:
    return _endpoint(view_endpoint(bridge().context.snapshot, actor_of(request), protocol, name))


def _endpoint(endpoint: StoredEndpoint) -> Document:
    return {
        "protocol": endpoint.row.protocol,
        "name": endpoint.row.name,
        "authority": endpoint.authority,
        "profiles": list(endpoint.profiles),
        "policy": endpoint_policy_to_document(endpoint.policy),
        "settings": endpoint.settings,
        "team": endpoint.row.team,
        "owner": endpoint.row.owner,
        "enabled": endpoint.row.enabled,
    }
