"""The configuration as an actor may view it: lists hold what is within the actor's scopes, and one that lies
outside of them is Forbidden."""

import json

from ..core.access import Actor, Subject, Verb, may, require
from ..core.errors import NotFound
from ..core.profile import Profile
from ..store.rows import AuthorityRow
from ..store.snapshot import Endpoint, Generation, Snapshot


def list_profiles(snapshot: Snapshot, actor: Actor) -> list[Profile]:
    """In their newest versions, by name."""
    found = sorted(snapshot.profiles.items())
    return [one for name, one in found if may(actor, Verb.VIEW, Subject(profile=name))]


def list_endpoints(snapshot: Snapshot, actor: Actor) -> list[Endpoint]:
    """By path, those out of use too."""
    return [one for _, one in sorted(snapshot.endpoints.items()) if may(actor, Verb.VIEW, _of_endpoint(one))]


def view_endpoint(snapshot: Snapshot, actor: Actor, protocol: str, name: str) -> Endpoint:
    """In use or not. Raises NotFound, Forbidden."""
    endpoint = snapshot.endpoints.get(f"{protocol}/{name}")
    if endpoint is None:
        raise NotFound(f"there is no {protocol[:40]} endpoint {name[:60]!r}")
    require(actor, Verb.VIEW, _of_endpoint(endpoint))
    return endpoint


def list_authorities(snapshot: Snapshot, actor: Actor) -> list[AuthorityRow]:
    """By name, retired ones too."""
    found = sorted(snapshot.authorities.items())
    return [one for name, one in found if may(actor, Verb.VIEW, Subject(authority=name))]


def view_authority(snapshot: Snapshot, actor: Actor, name: str) -> AuthorityRow:
    """Raises NotFound, Forbidden."""
    authority = snapshot.authority(name)
    require(actor, Verb.VIEW, Subject(authority=name))
    return authority


def generation_status(snapshot: Snapshot, generation: Generation) -> str:
    """One of awaits-certificate, retired, below-revoked, in-force."""
    if generation.certificate is None:
        return "awaits-certificate"
    if generation.authority.retired_at or generation.row.retired_at:
        return "retired"
    return "below-revoked" if generation.id in snapshot.revoked_above else "in-force"


def parent_of(snapshot: Snapshot, generation: Generation) -> str:
    """The name of the authority that has signed it, or shall; empty for a root, and for an outside one."""
    if not generation.chain:
        ordered: dict[str, str] = json.loads(generation.row.ordered)
        return ordered["parent"]
    signers = (one for one in snapshot.generations.values() if one.row.certificate == generation.chain[0])
    return next((one.authority.name for one in signers), "")


def _of_endpoint(endpoint: Endpoint) -> Subject:
    return Subject(authority=endpoint.authority, endpoint=endpoint.path)
