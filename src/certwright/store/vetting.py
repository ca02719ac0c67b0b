"""Organizations and mailboxes: from rows to the facts that `core.vetting` and `core.mailbox` judge."""

import json
from collections.abc import Sequence
from dataclasses import dataclass

from ..core.errors import NotFound
from ..core.mailbox import MailboxProof
from ..core.names import Identifier, IdentifierKind
from ..core.vetting import FIELDS, CheckKind, Done, Vetted
from .databases import Database
from .vetting_rows import EvidenceRow, MailboxProofRow, OrganizationRow, VettingCheckRow

IDENTIFIER_MAX = 2**63 - 1
TOGETHER_MAX = 200
"""How many organizations are loaded with their checks at a time."""


@dataclass(frozen=True, slots=True)
class Organization:
    """An organization with its checks and documents, the oldest first."""

    row: OrganizationRow
    checks: tuple[VettingCheckRow, ...]
    documents: tuple[EvidenceRow, ...]
    vetted: Vetted


async def load_organization(database: Database, identifier: int) -> Organization:
    """Raises NotFound."""
    known = 0 <= identifier <= IDENTIFIER_MAX
    rows = await database.select(OrganizationRow, '"id" = ?', identifier) if known else []
    if not rows:
        raise NotFound(f"there is no organization {identifier}")
    return (await with_checks(database, rows))[0]


async def with_checks(database: Database, rows: Sequence[OrganizationRow]) -> list[Organization]:
    """At most TOGETHER_MAX of them."""
    taken = rows[:TOGETHER_MAX]
    if not taken:
        return []
    within = f'"organization_id" IN ({",".join("?" * len(taken))}) ORDER BY "id"'
    identifiers = [row.id for row in taken]
    checks = await database.select(VettingCheckRow, within, *identifiers)
    documents = await database.select(EvidenceRow, within, *identifiers)
    return [
        _organization(
            row,
            tuple([one for one in checks if one.organization_id == row.id]),
            tuple([one for one in documents if one.organization_id == row.id]),
        )
        for row in taken
    ]


def _organization(
    row: OrganizationRow, checks: tuple[VettingCheckRow, ...], documents: tuple[EvidenceRow, ...]
) -> Organization:
    uploaders = {one.id: one.person for one in documents}
    done = tuple([done_of(one, uploaders) for one in checks])
    return Organization(row, checks, documents, Vetted(fields_of(row), done))


def fields_of(row: OrganizationRow) -> tuple[tuple[str, str], ...]:
    """What the record says, as FIELDS names it."""
    return tuple([(name, getattr(row, name)) for name in FIELDS])


def done_of(row: VettingCheckRow, uploaders: dict[int, str]) -> Done:
    """A check as a fact. `uploaders` are the people behind documents, by identifier."""
    documents = documents_of(row)
    return Done(
        CheckKind(row.kind),
        frozenset([row.person, *[uploaders[one] for one in documents if one in uploaders]]),
        row.at,
        row.since,
        tuple([(str(name), str(value)) for name, value in json.loads(row.confirmed)]),
        sum(one in uploaders for one in documents),
        row.domain,
        row.revoked_at is not None,
    )


def documents_of(row: VettingCheckRow) -> tuple[int, ...]:
    """Identifiers of the evidence that a check names."""
    return tuple([int(one) for one in json.loads(row.documents)])


def proof_of(row: MailboxProofRow) -> MailboxProof:
    """A proof as a fact."""
    return MailboxProof(
        row.account,
        Identifier(IdentifierKind.EMAIL, row.address),
        row.digest,
        row.good_until,
        row.proved_at,
        bool(row.problem),
        row.taken_away_at is not None,
    )
