"""`/profiles`, `/endpoints` and external account keys."""

from typing import Any

from django.http import HttpRequest
from ninja import Body, Path, Router

from ..core.access import Actor, Subject, Verb, may, require
from ..core.errors import Malformed, NotFound
from ..core.policy import endpoint_policy_to_document
from ..core.profile_document import to_document
from ..operations.bridge import bridge
from ..operations.context import Context
from ..operations.external_account_keys import (
    create_account_key,
    list_account_keys,
    revoke_account_key,
)
from ..operations.found_installation import EndpointOrder, save_endpoint
from ..operations.remove_endpoint import remove_endpoint
from ..operations.save_profile import save_profile
from ..store.rows import AcmeExternalAccountKeyRow
from ..store.snapshot import Endpoint as StoredEndpoint
from . import schemas
from .web import Document, actor_of, run

router = Router()


# -- profiles ------------------------------------------------------------------------------------


@router.get("/profiles", response=schemas.ProfileList, tags=["profiles"])
def list_profiles(request: HttpRequest) -> Document:
    """List the profiles within the caller's scopes, each in its newest version."""
    actor, profiles = actor_of(request), bridge().context.snapshot.profiles
    seen = [name for name in sorted(profiles) if may(actor, Verb.VIEW, Subject(profile=name))]
    return {"profiles": [to_document(profiles[name]) for name in seen]}


@router.get("/profiles/{name}", response=schemas.ProfileDocument, tags=["profiles"])
def show_profile(request: HttpRequest, name: str) -> Document:
    """Show a profile in its newest version."""
    profile = bridge().context.snapshot.profile(name)
    require(actor_of(request), Verb.VIEW, Subject(profile=name))
    return to_document(profile)


@router.put(
    "/profiles/{name}", response=schemas.ProfileDocument, tags=["profiles"], operation_id="save_profile"
)
def put_profile(request: HttpRequest, name: str, document: Body[dict[str, Any]]) -> Document:
    """Save a new version of a profile. `version` is the one that the document was made from."""
    if document.get("name") != name:
        raise Malformed("body.name: must be the name in the address")
    return to_document(run(request, lambda context, actor: save_profile(context, actor, document)))


# -- endpoints -----------------------------------------------------------------------------------


@router.get("/endpoints", response=schemas.EndpointList, tags=["endpoints"])
def list_endpoints(request: HttpRequest) -> Document:
    """List the enrolment endpoints within the caller's scopes, those out of use too."""
    actor, endpoints = actor_of(request), bridge().context.snapshot.endpoints
    seen = [one for _, one in sorted(endpoints.items()) if may(actor, Verb.VIEW, _subject(one))]
    return {"endpoints": [_endpoint(one) for one in seen]}


@router.get("/endpoints/{protocol}/{name}", response=schemas.Endpoint, tags=["endpoints"])
def show_endpoint(request: HttpRequest, protocol: str, name: str) -> Document:
    """Show an endpoint."""
    endpoint = _known(f"{protocol}/{name}")
    require(actor_of(request), Verb.VIEW, _subject(endpoint))
    return _endpoint(endpoint)


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
    order = EndpointOrder(
        protocol, name, body.authority, tuple(body.profiles), dict(body.policy), dict(body.settings)
    )
    run(request, lambda context, actor: save_endpoint(context, actor, order))
    return _endpoint(_known(f"{protocol}/{name}"))


@router.delete(
    "/endpoints/{protocol}/{name}",
    response=schemas.Endpoint,
    tags=["endpoints"],
    operation_id="remove_endpoint",
)
def delete_endpoint(request: HttpRequest, protocol: str, name: str) -> Document:
    """Take an endpoint out of use. Saving it again brings it back."""
    run(request, lambda context, actor: remove_endpoint(context, actor, protocol, name))
    return _endpoint(_known(f"{protocol}/{name}"))


def _known(path: str) -> StoredEndpoint:
    endpoint = bridge().context.snapshot.endpoints.get(path)
    if endpoint is None:
        raise NotFound(f"there is no endpoint {path[:120]!r}")
    return endpoint


def _subject(endpoint: StoredEndpoint) -> Subject:
    return Subject(authority=endpoint.authority, endpoint=endpoint.path)


def _endpoint(endpoint: StoredEndpoint) -> Document:
    return {
        "protocol": endpoint.row.protocol,
        "name": endpoint.row.name,
        "authority": endpoint.authority,
        "profiles": list(endpoint.profiles),
        "policy": endpoint_policy_to_document(endpoint.policy),
        "settings": endpoint.settings,
        "enabled": endpoint.row.enabled,
    }


# -- external account keys -----------------------------------------------------------------------

KEYS = "/endpoints/acme/{endpoint}/external-account-keys"


@router.get(
    KEYS,
    response=schemas.AccountKeyList,
    tags=["external account keys"],
    operation_id="list_external_account_keys",
)
def list_keys(request: HttpRequest, endpoint: str) -> Document:
    """List the external account keys of an ACME endpoint; never the keys themselves."""

    async def act(context: Context, actor: Actor) -> list[AcmeExternalAccountKeyRow]:
        return await list_account_keys(context.database, context.snapshot, actor, endpoint)

    return {"external_account_keys": [_key(row) for row in run(request, act)]}


@router.post(
    KEYS,
    response={201: schemas.NewAccountKey},
    tags=["external account keys"],
    operation_id="create_external_account_key",
)
def create_key(request: HttpRequest, endpoint: str, body: schemas.AccountKeyBody) -> Document:
    """Make a key with which one ACME account can be bound (RFC 8555 section 7.3.4)."""
    made = run(
        request,
        lambda context, actor: create_account_key(context, actor, endpoint, body.name, body.expires_at),
    )
    return _key(made.row) | {"key": made.key}


@router.delete(
    "/external-account-keys/{name}",
    response=schemas.AccountKey,
    tags=["external account keys"],
    operation_id="revoke_external_account_key",
)
def revoke_key(request: HttpRequest, name: Path[schemas.Name]) -> Document:
    """Let a key bind no account any more; one that it has bound goes on."""
    return _key(run(request, lambda context, actor: revoke_account_key(context, actor, name)))


def _key(row: AcmeExternalAccountKeyRow) -> Document:
    return {
        "name": row.name,
        "created_at": row.created_at.isoformat(),
        "expires_at": row.expires_at.isoformat() if row.expires_at else None,
        "revoked_at": row.revoked_at.isoformat() if row.revoked_at else None,
        "account": str(row.account) if row.account is not None else None,
    }
