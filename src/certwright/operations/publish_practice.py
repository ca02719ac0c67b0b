"""Publish a practice document: rendered from the configuration, signed, and on record for ever.

The key that signs a version is made for it, certified through the same pipeline as everything else, and is
nowhere once the version is signed: there is nothing to guard or to renew, and nobody can sign another
document in its name.
"""

import asyncio
import hashlib
import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from ..core.access import Actor, Grant, Role, Subject, Verb, require
from ..core.audit import Event, EventKind, JsonValue
from ..core.cms import SIGNING_ALGORITHMS
from ..core.errors import Conflict, Malformed, NotFound
from ..core.keys import KeyAlgorithm
from ..core.policy import EVERYTHING
from ..core.practice.document import (
    Difference,
    Kind,
    Statement,
    Version,
    differences,
    make_statement,
    to_document,
)
from ..core.practice.html import render_html
from ..core.practice.pdf import render_pdf
from ..core.practice.provisions import provisions
from ..core.profile import Profile
from ..core.request import request_for
from ..ports import KeySpec
from ..store.databases import Database
from ..store.ledger import Change
from ..store.rows import PracticeStatementRow
from ..store.snapshot import Generation, Snapshot
from .context import Context, decide_again
from .issue import IssueOrder, certify, exempt, record
from .keyring import DocumentKey
from .practice_facts import practice_address, practice_facts
from .practice_text import own_texts
from .signer_name import named_profile, signer_name

PROFILE, PROVIDER = "document-signing", "software"
SIGNER_NAME = "Practice documents"
SYSTEM = Actor("system:practice", (Grant(Role.ADMINISTRATOR),))


@dataclass(frozen=True, slots=True)
class Draft:
    """What would be published now. `before` is the newest version, None before the first; `changes` are
    against that one."""

    statement: Statement
    document: dict[str, Any]
    before: PracticeStatementRow | None
    changes: tuple[Difference, ...]


def parse_kind(text: str) -> Kind:
    """Raises NotFound."""
    if text not in tuple(Kind):
        raise NotFound(f"there is no practice document {text[:40]!r}; known are cp and cps")
    return Kind(text)


async def newest(database: Database, kind: Kind) -> PracticeStatementRow | None:
    rows = await database.select(
        PracticeStatementRow, '"kind" = ? ORDER BY "number" DESC LIMIT 1', kind.value
    )
    return rows[0] if rows else None


async def draft_practice(database: Database, snapshot: Snapshot, actor: Actor, kind: Kind) -> Draft:
    """Publishes nothing. Raises Forbidden."""
    require(actor, Verb.MANAGE_POLICY, Subject())
    facts = practice_facts(snapshot)
    statement = make_statement(
        kind,
        facts.organization,
        practice_address(snapshot, kind),
        provisions(facts, kind),
        await own_texts(database, kind),
    )
    before = await newest(database, kind)
    document = to_document(statement)
    old = json.loads(before.document) if before else {}
    return Draft(statement, document, before, differences(old, document))


def draft_html(draft: Draft, now: datetime) -> str:
    """The draft as the page that it would be."""
    return render_html(draft.statement, Version(0, now, now))


async def publish_practice(
    context: Context,
    actor: Actor,
    kind: Kind,
    authority: str = "issuing",
    effective_at: datetime | None = None,
) -> PracticeStatementRow:
    """Sign the next version under a certificate of `authority` and publish it.

    Raises Forbidden, Conflict when nothing has changed since the version before or another came between,
    Malformed for a date of the past, NotFound, Refused, Unavailable.
    """
    require(actor, Verb.MANAGE_POLICY, Subject())
    return await decide_again(context, lambda: _publish(context, actor, kind, authority, effective_at))


async def _publish(
    context: Context, actor: Actor, kind: Kind, authority: str, effective_at: datetime | None
) -> PracticeStatementRow:
    now = context.clock().replace(microsecond=0)
    if effective_at is not None and effective_at < now:
        raise Malformed(f"a version cannot be in effect since {effective_at:%Y-%m-%d %H:%M}, in the past")
    draft = await draft_practice(context.database, context.snapshot, actor, kind)
    if draft.before and not draft.changes:
        raise Conflict(f"version {draft.before.number} of the {kind} says all of this; there is nothing new")
    version = Version(draft.before.number + 1 if draft.before else 1, now, effective_at or now)
    generation = context.snapshot.issuing(authority)
    profile = named_profile(context.snapshot.profile(PROFILE), generation, SIGNER_NAME)
    html = render_html(draft.statement, version).encode()
    pdf = await asyncio.to_thread(render_pdf, draft.statement, version)
    change, row = await _signed(context, actor, generation, profile, draft, version, html, pdf)
    await context.ledger.commit(change)
    return row


async def _signed(
    context: Context,
    actor: Actor,
    generation: Generation,
    profile: Profile,
    draft: Draft,
    version: Version,
    html: bytes,
    pdf: bytes,
) -> tuple[Change, PracticeStatementRow]:
    """The signed version and what goes on record with it. The key is destroyed at the end."""
    algorithm = _algorithm(profile)
    label = f"practice/{draft.statement.kind}/{version.number}/{context.ledger.new_id()}"
    reference, public_key = await context.keyring.create(PROVIDER, KeySpec(algorithm, label))
    try:
        request = request_for(public_key, signer_name(generation, SIGNER_NAME))
        certified = await certify(
            context, generation, profile, EVERYTHING, request, SYSTEM, version.created_at, exempt
        )
        key = DocumentKey(PROVIDER, algorithm, reference.reference, certified.der)
        signature = await context.keyring.document_signature(
            key, generation.served_chain, pdf, version.created_at
        )
    finally:
        await context.keyring.destroy(PROVIDER, reference)
    change = record(context, certified, generation, IssueOrder(SYSTEM, request), version.created_at)
    row = _row(context, actor, draft, version, html, pdf, signature, certified.der)
    change.inserted.append(row)
    change.events.append(_event(actor, row, draft.changes))
    return change, row


def _algorithm(profile: Profile) -> KeyAlgorithm:
    for algorithm in SIGNING_ALGORITHMS:
        if algorithm in profile.keys:
            return algorithm
    raise Conflict(f"profile {profile.name} takes no key that documents are signed with: RSA or ECDSA")


def _row(
    context: Context,
    actor: Actor,
    draft: Draft,
    version: Version,
    html: bytes,
    pdf: bytes,
    signature: bytes,
    certificate: bytes,
) -> PracticeStatementRow:
    return PracticeStatementRow(
        id=context.ledger.new_id(),
        kind=draft.statement.kind.value,
        number=version.number,
        created_at=version.created_at,
        created_by=actor.name,
        effective_at=version.effective_at,
        document=json.dumps(draft.document, sort_keys=True),
        html=html,
        html_sha256=hashlib.sha256(html).digest(),
        pdf=pdf,
        pdf_sha256=hashlib.sha256(pdf).digest(),
        signature=signature,
        signer=hashlib.sha256(certificate).digest(),
    )


def _event(actor: Actor, row: PracticeStatementRow, changes: tuple[Difference, ...]) -> Event:
    detail: dict[str, JsonValue] = {
        "html_sha256": row.html_sha256.hex(),
        "pdf_sha256": row.pdf_sha256.hex(),
        "signer": row.signer.hex(),
        "effective_at": row.effective_at.isoformat(),
        "changed_sections": [one.number for one in changes],
    }
    subject = f"practice:{row.kind}/{row.number}"
    return Event(EventKind.PRACTICE_PUBLISHED, row.created_at, actor.name, actor.source, subject, detail)
