"""CAA (RFC 8659): does the domain's owner permit our authority? Asked at validation, and again when that is old."""

from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta

from ..core.acme_settings import AcmeSettings
from ..core.caa import CaaRequest, CaaSet, check_caa
from ..core.errors import CertwrightError, Reason, Refused, Unavailable
from ..core.names import Identifier, IdentifierKind
from ..core.orders import AuthorizationFacts, Problem
from ..store.snapshot import Snapshot

FindCaa = Callable[[str], Awaitable[CaaSet]]
GOOD_FOR = timedelta(hours=8)
"""How long an answer may be relied upon (RFC 8659 leaves it to policy; CA/Browser Forum 3.2.2.8 says 8 hours)."""


async def caa_problem(
    find: FindCaa,
    settings: AcmeSettings,
    identifier: Identifier,
    wildcard: bool,
    account_uri: str,
    method: str,
) -> Problem | None:
    """Why the domain does not let us issue, or None. Raises Unavailable when nobody can be asked."""
    if not settings.check_caa or identifier.kind is not IdentifierKind.DNS:
        return None
    name = f"*.{identifier.value}" if wildcard else identifier.value
    try:
        found = await find(name)
        check_caa(found, CaaRequest(name, settings.caa_identities, account_uri, method))
    except Unavailable:
        raise
    except CertwrightError as error:
        return Problem("caa", error.detail)
    return None


async def require_caa(
    find: FindCaa,
    settings: AcmeSettings,
    authorizations: tuple[AuthorizationFacts, ...],
    account_uri: str,
    now: datetime,
) -> None:
    """Ask again about what was validated too long ago. Raises Refused, Unavailable."""
    for facts in authorizations:
        if facts.validated_at is not None and now - facts.validated_at < GOOD_FOR:
            continue
        problem = await caa_problem(
            find, settings, facts.target.identifier, facts.target.wildcard, account_uri, facts.attempted_kind
        )
        if problem is not None:
            raise Refused((Reason("caa.refused", problem.detail, "RFC 8659"),))


def account_uri(snapshot: Snapshot, endpoint: str, account: int) -> str:
    """The account's URL under the installation's own address, as CAA records would name it (RFC 8657)."""
    host = snapshot.installation.base_url.partition("://")[2]
    return f"https://{host}/acme/{endpoint}/account/{account}"
