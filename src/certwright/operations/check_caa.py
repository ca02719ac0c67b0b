"""CAA (RFC 8659): does the domain's owner permit our authority? Asked at validation, and again if old."""

from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta

from ..core.acme_settings import AcmeSettings
from ..core.caa import CaaRequest, CaaSet, check_caa
from ..core.errors import CertwrightError, Reason, Refused, Unavailable
from ..core.names import Identifier, IdentifierKind
from ..core.orders import Problem
from ..store.enrolment import Authorization, first_looked_at

FindCaa = Callable[[str], Awaitable[CaaSet]]
GOOD_FOR = timedelta(hours=8)
"""How long an answer may be relied upon: 8 hours in CA/Browser Forum 3.2.2.8, since RFC 8659 says nothing."""


async def caa_problem(
    find: FindCaa,
    settings: AcmeSettings,
    identifier: Identifier,
    wildcard: bool,
    account_uris: tuple[str, ...],
    method: str,
) -> Problem | None:
    """Why the domain does not let us issue, or None. Raises Unavailable when nobody can be asked.

    `account_uris` are all by which the account may be known (RFC 8657 section 3), the usual one first.
    """
    if not settings.check_caa or identifier.kind is not IdentifierKind.DNS:
        return None
    name = f"*.{identifier.value}" if wildcard else identifier.value
    try:
        found = await find(name)
    except Unavailable:
        raise
    except CertwrightError as error:
        return Problem("caa", error.detail)
    refusals = []
    for uri in account_uris:
        try:
            check_caa(found, CaaRequest(name, settings.caa_identities, uri, method))
        except Refused as error:
            refusals.append(error)
        else:
            return None
    return Problem("caa", refusals[0].detail)


async def require_caa(
    find: FindCaa,
    settings: AcmeSettings,
    authorizations: tuple[Authorization, ...],
    account_uris: tuple[str, ...],
    now: datetime,
) -> None:
    """Ask again about what any perspective has looked at too long ago. Raises Refused, Unavailable."""
    for authorization in authorizations if settings.check_caa else ():
        looked = first_looked_at(authorization.row)
        if looked is not None and now - looked < GOOD_FOR:
            continue
        target, method = authorization.facts.target, authorization.facts.attempted_kind
        problem = await caa_problem(find, settings, target.identifier, target.wildcard, account_uris, method)
        if problem is not None:
            raise Refused((Reason("caa.refused", problem.detail, "RFC 8659"),))


def account_uris(services: tuple[str, ...], endpoint: str, account: int) -> tuple[str, ...]:
    """The account's URL under each address by which we are reached, as CAA records would name it."""
    return tuple(f"{service}/acme/{endpoint}/account/{account}" for service in services)
