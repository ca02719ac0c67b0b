"""The first rows of an installation: itself, the built-in profiles, and later the default endpoint."""

import json
from dataclasses import dataclass

from ..core.access import Actor, Subject, Verb, require
from ..core.acme_settings import acme_settings_from_document
from ..core.audit import Event, EventKind, shown
from ..core.errors import Conflict, Malformed
from ..core.policy import endpoint_policy_from_document
from ..core.profile_document import to_document
from ..core.profiles_builtin import built_in_profiles
from ..store.databases import Database
from ..store.ledger import Change, Clock, Ledger
from ..store.rows import AuthorityRow, EndpointRow, InstallationRow, ProfileRow
from ..store.snapshot import Endpoint, Snapshot
from .context import Context, decide_again
from .found_authority import NAME
from .manage_users import require_in_use

INSTALLATION = 1
DOCUMENT_SHOWN = 3000


@dataclass(frozen=True, slots=True)
class Founding:
    """`base_url` is where relying parties reach us; `nonce_key` is enveloped already."""

    organization: str
    base_url: str
    embedded: bool
    nonce_key: bytes


async def found_installation(
    database: Database, ledger: Ledger, founding: Founding, actor: Actor, clock: Clock
) -> None:
    """Write the installation's own row and the built-in profiles. Raises Conflict when there is one."""
    if await database.select(InstallationRow, '"id" = 1'):
        raise Conflict("this database holds an installation already; give another database, or use it")
    now = clock()
    installation = InstallationRow(
        id=INSTALLATION,
        organization=founding.organization,
        base_url=founding.base_url.rstrip("/"),
        embedded=founding.embedded,
        revision=1,
        created_at=now,
        nonce_key=founding.nonce_key,
    )
    profiles = [
        ProfileRow(
            ledger.new_id(), name, profile.version, json.dumps(to_document(profile), sort_keys=True), now
        )
        for name, profile in built_in_profiles().items()
    ]
    detail = {"organization": founding.organization, "base_url": founding.base_url}
    event = Event(EventKind.INSTALLATION_FOUNDED, now, actor.name, actor.source, "installation:1", detail)
    await ledger.commit(Change(inserted=[installation, *profiles], events=[event]))


@dataclass(frozen=True, slots=True)
class EndpointOrder:
    """An endpoint to be. `policy` and `settings` are documents as in docs/reference/endpoints.md. `team` and
    `owner` answer for what is issued there; None leaves them as they are, empty text is nobody."""

    protocol: str
    name: str
    authority: str
    profiles: tuple[str, ...]
    policy: dict[str, object]
    settings: dict[str, object]
    team: str | None = None
    owner: str | None = None


async def save_endpoint(context: Context, actor: Actor, order: EndpointOrder) -> EndpointRow:
    """Make an endpoint, or change the one of this protocol and name.

    Raises Forbidden, NotFound, Malformed, and Conflict when it would be bound to a retired authority.
    """
    return await decide_again(context, lambda: _save_endpoint(context, actor, order))


async def _save_endpoint(context: Context, actor: Actor, order: EndpointOrder) -> EndpointRow:
    path = f"{order.protocol}/{order.name}"
    snapshot, now = context.snapshot, context.clock()
    before = snapshot.endpoints.get(path)
    _require_endpoint(actor, before, order)
    if order.protocol != "acme":
        raise Malformed(f"there is no protocol {order.protocol[:40]!r} for endpoints; known is acme")
    if not NAME.fullmatch(order.name):
        raise Malformed(f"{order.name[:80]!r} is no endpoint name: 1 to 64 of a-z, 0-9 and hyphens")
    acme_settings_from_document(order.settings)
    endpoint_policy_from_document(order.policy)
    if not order.profiles:
        raise Malformed(f"endpoint {path} offers no profile; name at least one, the default first")
    for profile in order.profiles:
        snapshot.profile(profile)
    team, owner = await _answering(context, actor, before, order)
    row = EndpointRow(
        id=before.row.id if before else context.ledger.new_id(),
        protocol=order.protocol,
        name=order.name,
        authority_id=_authority_for(snapshot, before, order).id,
        profiles=json.dumps(order.profiles),
        policy=json.dumps(order.policy, sort_keys=True),
        settings=json.dumps(order.settings, sort_keys=True),
        team=team,
        owner=owner,
        enabled=True,
        version=before.row.version if before else 1,
    )
    detail = {
        "authority": order.authority,
        "profiles": list(order.profiles),
        "policy": shown(row.policy, DOCUMENT_SHOWN),
        "settings": shown(row.settings, DOCUMENT_SHOWN),
        "team": team,
        "owner": owner,
    }
    event = Event(EventKind.ENDPOINT_SAVED, now, actor.name, actor.source, f"endpoint:{path}", detail)
    change = Change(events=[event], revision=snapshot.revision, configures=True)
    if before is None:
        change.inserted.append(row)
    else:
        change.replaced.append((before.row, row))
    await context.ledger.commit(change)
    await context.snapshots.refresh()
    return row


async def _answering(
    context: Context, actor: Actor, before: Endpoint | None, order: EndpointOrder
) -> tuple[str, str]:
    """The team and the owner that the endpoint shall have. Raises Forbidden, NotFound, Conflict for a
    disabled account."""
    old = (before.row.team, before.row.owner) if before else ("", "")
    team, owner = (
        there if wanted is None else wanted
        for wanted, there in zip((order.team, order.owner), old, strict=True)
    )
    if (team, owner) != old:
        path = f"{order.protocol}/{order.name}"
        require(actor, Verb.MANAGE_OWNERS, Subject(order.authority, "", path, *old))
    if team and team != old[0]:
        context.snapshot.team(team)
    if owner and owner != old[1]:
        await require_in_use(context, owner)
    return team, owner


def _authority_for(snapshot: Snapshot, before: Endpoint | None, order: EndpointOrder) -> AuthorityRow:
    """Nothing is newly bound to what is retired, which may be about to be withdrawn. Raises NotFound,
    Conflict."""
    authority = snapshot.authority(order.authority)
    bound = before is not None and before.authority == authority.name
    if authority.retired_at and not bound:
        since = f"{authority.retired_at:%Y-%m-%d}"
        raise Conflict(f"authority {authority.name} is retired since {since}; use another")
    return authority


def _require_endpoint(actor: Actor, before: Endpoint | None, order: EndpointOrder) -> None:
    """Whoever manages an endpoint may change it; to bind it to an authority takes the right there."""
    if before is not None:
        require(actor, Verb.MANAGE_ENDPOINTS, Subject(authority=before.authority, endpoint=before.path))
    if before is None or before.authority != order.authority:
        require(actor, Verb.MANAGE_ENDPOINTS, Subject(authority=order.authority))
