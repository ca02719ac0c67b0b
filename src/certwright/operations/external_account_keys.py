"""Keys of ACME external account binding (RFC 8555 section 7.3.4), made, listed, revoked. Each binds one."""

import base64
import re
from dataclasses import dataclass, field
from datetime import datetime

from ..core.access import Actor, Subject, Verb, require
from ..core.audit import Event, EventKind
from ..core.envelope import RANDOM_BYTES
from ..core.errors import Conflict, Malformed, NotFound
from ..store.databases import Database
from ..store.guarded_rows import Absent
from ..store.ledger import Change
from ..store.rows import AcmeExternalAccountKeyRow
from ..store.snapshot import Endpoint, Snapshot
from .acme_lookups import binding_context
from .context import Context

KEY_OCTETS = 32
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")


@dataclass(frozen=True, slots=True)
class NewAccountKey:
    """`row.name` is the key identifier for the client, `key` its MAC key in base64url; shown once."""

    row: AcmeExternalAccountKeyRow
    key: str = field(repr=False)


async def create_account_key(
    context: Context, actor: Actor, endpoint: str, name: str, expires_at: datetime | None
) -> NewAccountKey:
    """A key for one account to come. Raises NotFound, Forbidden, Malformed, Conflict for a name in use."""
    bound = context.snapshot.endpoint("acme", endpoint)
    _require(actor, bound)
    now = context.clock()
    if not NAME.fullmatch(name):
        raise Malformed(f"{name[:100]!r} is no key name: 1 to 100 letters, digits and ._-")
    if expires_at is not None and expires_at <= now:
        raise Malformed("a key must not have expired when it is made; give a later time")
    secret = _secret(context.random(KEY_OCTETS))
    row = AcmeExternalAccountKeyRow(
        id=context.ledger.new_id(),
        endpoint_id=bound.row.id,
        name=name,
        key=context.keyring.encrypt(secret, binding_context(name), context.random(RANDOM_BYTES)),
        created_at=now,
        expires_at=expires_at,
        revoked_at=None,
        account=None,
        version=1,
    )
    taken = Conflict(f"there is an external account key {name} already; choose another name")
    change = Change(
        inserted=[row],
        absent=[Absent(AcmeExternalAccountKeyRow, "name", name, taken)],
        events=[_event(EventKind.ACME_EXTERNAL_ACCOUNT_KEY_CREATED, actor, bound, name, now)],
    )
    await context.ledger.commit(change)
    return NewAccountKey(row, base64.urlsafe_b64encode(secret).rstrip(b"=").decode())


async def revoke_account_key(context: Context, actor: Actor, name: str) -> AcmeExternalAccountKeyRow:
    """Let the key bind no account any more; one that it has bound goes on.

    Raises NotFound, Forbidden, Conflict when it is revoked already.
    """
    rows = await context.database.select(AcmeExternalAccountKeyRow, '"name" = ?', name)
    bound = _endpoint_of(context.snapshot, rows[0]) if rows else None
    if bound is None:
        raise NotFound(f"there is no external account key {name[:100]!r}")
    _require(actor, bound)
    row, now = rows[0], context.clock()
    if row.revoked_at is not None:
        raise Conflict(f"external account key {name} is revoked already")
    after = row._replace(revoked_at=now)
    event = _event(EventKind.ACME_EXTERNAL_ACCOUNT_KEY_REVOKED, actor, bound, name, now)
    await context.ledger.commit(Change(replaced=[(row, after)], events=[event]))
    return after


async def list_account_keys(
    database: Database, snapshot: Snapshot, actor: Actor, endpoint: str
) -> list[AcmeExternalAccountKeyRow]:
    """The keys of an endpoint, by name. Raises NotFound, Forbidden."""
    bound = snapshot.endpoint("acme", endpoint)
    _require(actor, bound)
    return await database.select(AcmeExternalAccountKeyRow, '"endpoint_id" = ? ORDER BY "name"', bound.row.id)


def _secret(octets: bytes) -> bytes:
    """Without its first bit, so that no command line reads the key's base64url as an option: `-` stands
    for bits that begin with one. 255 bits are left."""
    return bytes((octets[0] & 0x7F,)) + octets[1:]


def _endpoint_of(snapshot: Snapshot, row: AcmeExternalAccountKeyRow) -> Endpoint | None:
    return next((one for one in snapshot.endpoints.values() if one.row.id == row.endpoint_id), None)


def _require(actor: Actor, endpoint: Endpoint) -> None:
    require(actor, Verb.MANAGE_ENDPOINTS, Subject(authority=endpoint.authority, endpoint=endpoint.path))


def _event(kind: EventKind, actor: Actor, endpoint: Endpoint, name: str, at: datetime) -> Event:
    detail = {"endpoint": endpoint.path}
    return Event(kind, at, actor.name, actor.source, f"external-account-key:{name}", detail)
