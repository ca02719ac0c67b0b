"""Read a profile, also in a version that certificates were once made by."""

import json

from ..core.access import Actor, Subject, Verb, require
from ..core.errors import NotFound
from ..core.profile import Profile
from ..core.profile_document import from_document
from ..store.databases import Database
from ..store.rows import ProfileRow
from ..store.snapshot import Snapshot

VERSION_MAX = 2**31 - 1


async def read_profile(
    database: Database, snapshot: Snapshot, actor: Actor, name: str, version: int | None = None
) -> Profile:
    """The newest version, or that of this number, 1 to VERSION_MAX. Raises NotFound, Forbidden."""
    newest = snapshot.profile(name)
    require(actor, Verb.VIEW, Subject(profile=name))
    if version is None or version == newest.version:
        return newest
    for row in await database.select(ProfileRow, '"name" = ? AND "number" = ?', name, version):
        return from_document(json.loads(row.document))
    raise NotFound(f"profile {name} has no version {version}; the newest is {newest.version}")
