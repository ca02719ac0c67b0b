"""Orders and authorizations: from rows to the facts that `core.orders` judges, and back."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from ..core.errors import IntegrityError, NotFound
from ..core.names import Identifier, IdentifierKind
from ..core.orders import AuthorizationFacts, OrderFacts, Problem, Target
from .databases import Database
from .rows import AcmeAuthorizationRow, AcmeOrderRow

PARAMETERS_MAX = 1000


@dataclass(frozen=True, slots=True)
class Authorization:
    row: AcmeAuthorizationRow
    facts: AuthorizationFacts


@dataclass(frozen=True, slots=True)
class Order:
    row: AcmeOrderRow
    facts: OrderFacts
    authorizations: tuple[Authorization, ...]


async def load_authorization(database: Database, identifier: int) -> Authorization:
    """Raises NotFound."""
    rows = await database.select(AcmeAuthorizationRow, '"id" = ?', identifier)
    if not rows:
        raise NotFound(f"there is no authorization {identifier}")
    return Authorization(rows[0], authorization_facts(rows[0]))


async def load_order(database: Database, identifier: int) -> Order:
    """An order with its authorizations. Raises NotFound."""
    rows = await database.select(AcmeOrderRow, '"id" = ?', identifier)
    if not rows:
        raise NotFound(f"there is no order {identifier}")
    return await with_authorizations(database, rows[0])


async def with_authorizations(database: Database, row: AcmeOrderRow) -> Order:
    """Raises IntegrityError when an authorization is missing."""
    return (await with_authorizations_of_many(database, [row]))[0]


async def with_authorizations_of_many(database: Database, rows: Sequence[AcmeOrderRow]) -> list[Order]:
    """A page of orders with their authorizations, in one look-up. Raises IntegrityError as above."""
    wanted = {row.id: json.loads(row.authorizations) for row in rows}
    identifiers = sorted({identifier for many in wanted.values() for identifier in many})
    found = {}
    for start in range(0, len(identifiers), PARAMETERS_MAX):
        part = identifiers[start : start + PARAMETERS_MAX]
        marks = ",".join("?" * len(part))
        condition = f'"id" IN ({marks})' if len(part) > 1 else '"id" = ?'
        for one in await database.select(AcmeAuthorizationRow, condition, *part):
            found[one.id] = Authorization(one, authorization_facts(one))
    if len(found) < len(identifiers):
        missing = min(set(identifiers) - found.keys())
        raise IntegrityError(f"authorization {missing} of an order is missing")
    return [_joined(row, tuple(found[identifier] for identifier in wanted[row.id])) for row in rows]


def _joined(row: AcmeOrderRow, authorizations: tuple[Authorization, ...]) -> Order:
    return Order(row, order_facts(row, tuple(one.facts for one in authorizations)), authorizations)


def authorization_facts(row: AcmeAuthorizationRow) -> AuthorizationFacts:
    return AuthorizationFacts(
        key=str(row.id),
        target=Target(Identifier(IdentifierKind(row.kind), row.value), row.wildcard),
        offered=tuple(json.loads(row.challenges)),
        token=row.token,
        expires_at=row.expires_at,
        attempted_kind=row.attempted,
        attempted_at=row.attempted_at,
        validated_at=row.validated_at,
        valid_until=row.valid_until,
        failed_at=row.failed_at,
        problem=read_problem(row.problem),
        deactivated_at=row.deactivated_at,
        revoked_at=row.revoked_at,
    )


def caa_looked_at(row: AcmeAuthorizationRow, wanted: str) -> datetime | None:
    """When the first of those looked CAA records up on whose evidence a valid authorization rests; None where
    one of them did not, or not for whom `wanted` says, or where it is not valid. Others may have looked days
    later, and completed the quorum."""
    if row.validated_at is None:
        return None
    agreeing = [one for one in json.loads(row.evidence or "[]") if not one[2]]
    if not agreeing or any(one[4] != wanted for one in agreeing):
        return None
    return min([row.validated_at, *(datetime.fromisoformat(one[1]) for one in agreeing)])


def with_authorization_facts(row: AcmeAuthorizationRow, facts: AuthorizationFacts) -> AcmeAuthorizationRow:
    """The row as it shall be after facts have grown."""
    return row._replace(
        attempted=facts.attempted_kind,
        attempted_at=facts.attempted_at,
        validated_at=facts.validated_at,
        valid_until=facts.valid_until,
        failed_at=facts.failed_at,
        problem=write_problem(facts.problem),
        deactivated_at=facts.deactivated_at,
        revoked_at=facts.revoked_at,
    )


def order_facts(row: AcmeOrderRow, authorizations: tuple[AuthorizationFacts, ...]) -> OrderFacts:
    return OrderFacts(
        key=str(row.id),
        identifiers=read_identifiers(row.identifiers),
        authorizations=authorizations,
        expires_at=row.expires_at,
        finalized_at=row.finalized_at,
        issued_at=row.issued_at,
        certificate=str(row.certificate) if row.certificate else "",
        failed_at=row.failed_at,
        problem=read_problem(row.problem),
    )


def with_order_facts(row: AcmeOrderRow, facts: OrderFacts) -> AcmeOrderRow:
    return row._replace(
        finalized_at=facts.finalized_at,
        issued_at=facts.issued_at,
        failed_at=facts.failed_at,
        problem=write_problem(facts.problem),
    )


def read_identifiers(text: str) -> tuple[Identifier, ...]:
    return tuple(Identifier(IdentifierKind(kind), value) for kind, value in json.loads(text))


def write_identifiers(identifiers: tuple[Identifier, ...]) -> str:
    return json.dumps([[one.kind, one.value] for one in identifiers])


def read_problem(text: str) -> Problem | None:
    return Problem(*json.loads(text)) if text else None


def write_problem(problem: Problem | None) -> str:
    return json.dumps([problem.type, problem.detail]) if problem else ""
