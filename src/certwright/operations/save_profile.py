"""Save a certificate profile as a new version; the older ones stay, to explain the past."""

import json
from dataclasses import replace

from ..core.access import Actor, Subject, Verb, require, speaks_for_issuer
from ..core.audit import Event, EventKind
from ..core.errors import Conflict
from ..core.lint import refuse_errors
from ..core.lint.dry_run import profile_findings
from ..core.profile import Profile
from ..core.profile_document import from_document, to_document
from ..store.ledger import Change
from ..store.rows import ProfileRow
from .context import Context, decide_again


async def save_profile(context: Context, actor: Actor, document: object) -> Profile:
    """The profile as saved, one version up. `version` in the document is the one it was made from.

    One for authorities or OCSP signers is for whoever manages every authority. Raises Malformed naming the
    field, Forbidden, Refused when every certificate of it would be refused, Conflict when the profile has
    moved on since that version.
    """
    return await decide_again(context, lambda: _save(context, actor, document))


async def _save(context: Context, actor: Actor, document: object) -> Profile:
    wanted = from_document(document)
    require(actor, Verb.MANAGE_PROFILES, Subject(profile=wanted.name))
    if speaks_for_issuer(wanted):
        require(actor, Verb.MANAGE_AUTHORITIES, Subject())
    refuse_errors(profile_findings(wanted))
    snapshot = context.snapshot
    current = snapshot.profiles.get(wanted.name)
    if current is not None and current.version != wanted.version:
        raise Conflict(
            f"profile {wanted.name} is at version {current.version}, the document was made from version"
            f" {wanted.version}; take the present one, change that, and save it"
        )
    saved = replace(wanted, version=current.version + 1 if current else 1)
    now = context.clock()
    row = ProfileRow(
        context.ledger.new_id(),
        saved.name,
        saved.version,
        json.dumps(to_document(saved), sort_keys=True),
        now,
    )
    detail = {"version": saved.version}
    event = Event(EventKind.PROFILE_SAVED, now, actor.name, actor.source, f"profile:{saved.name}", detail)
    await context.ledger.commit(
        Change(inserted=[row], events=[event], revision=snapshot.revision, configures=True)
    )
    await context.snapshots.refresh()
    return saved
