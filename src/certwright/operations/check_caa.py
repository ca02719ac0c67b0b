"""CAA (RFC 8659): does the domain's owner permit our authority?

Asked at validation, and again before issuance where that is long ago, or was not asked for those we are now.
"""

import asyncio
import json
from collections.abc import Awaitable, Callable, Coroutine
from datetime import datetime, timedelta

from ..core.acme_settings import AcmeSettings
from ..core.caa import CaaRequest, CaaSet, check_caa
from ..core.errors import CertwrightError, Reason, Refused, Unavailable
from ..core.names import Identifier, IdentifierKind
from ..core.orders import Problem
from ..store.enrolment import Authorization, caa_looked_at

FindCaa = Callable[[str], Awaitable[CaaSet]]
GOOD_FOR = timedelta(hours=8)
"""How long an answer may be relied upon: 8 hours in CA/Browser Forum 3.2.2.8, since RFC 8659 says nothing."""
CAA_REFUSED = "caa.refused"
AT_ONCE = 10
SECONDS = 20
"""Of the look-ups before an issuance, which go to servers of the applicant's own: how many there are at once,
and how long all together may take."""


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


def caa_evidence(settings: AcmeSettings, identifier: Identifier) -> str:
    """For whom the CAA records of a name are looked up under these settings, empty if they are not."""
    looked_up = settings.check_caa and identifier.kind is IdentifierKind.DNS
    return json.dumps(settings.caa_identities) if looked_up else ""


async def require_caa(
    find: FindCaa,
    settings: AcmeSettings,
    authorizations: tuple[Authorization, ...],
    account_uris: tuple[str, ...],
    now: datetime,
) -> bool:
    """Ask about what any perspective has not looked at, or for other identities, or too long ago; false:
    there was nothing to ask. Raises Refused, Unavailable."""
    due = [one for one in authorizations if _is_due(one, settings, now)]
    places = asyncio.Semaphore(AT_ONCE)

    async def ask(authorization: Authorization) -> None:
        target, method = authorization.facts.target, authorization.facts.attempted_kind
        async with places:
            problem = await caa_problem(
                find, settings, target.identifier, target.wildcard, account_uris, method
            )
        if problem is not None:
            raise _refused(problem.detail)

    try:
        async with asyncio.timeout(SECONDS):
            await _all_of([ask(one) for one in due])
    except TimeoutError:
        text = f"the CAA look-ups for {len(due)} names took more than {SECONDS} s; try again"
        raise _refused(text) from None
    return bool(due)


async def _all_of(asking: list[Coroutine[None, None, None]]) -> None:
    """At the first failure the others are given up."""
    tasks = [asyncio.ensure_future(one) for one in asking]
    try:
        await asyncio.gather(*tasks)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def _is_due(authorization: Authorization, settings: AcmeSettings, now: datetime) -> bool:
    wanted = caa_evidence(settings, authorization.facts.target.identifier)
    if not wanted:
        return False
    looked = caa_looked_at(authorization.row, wanted)
    return looked is None or now - looked >= GOOD_FOR


def _refused(text: str) -> Refused:
    return Refused((Reason(CAA_REFUSED, text, "RFC 8659"),))


def account_uris(services: tuple[str, ...], endpoint: str, account: int) -> tuple[str, ...]:
    """The account's URL under each address by which we are reached, as CAA records would name it."""
    return tuple(f"{service}/acme/{endpoint}/account/{account}" for service in services)
