"""Who answers for how many certificates that hold, by team, owner, profile and authority. They are those that
we have issued or adopted: what was found is nobody's until then."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from ..core.access import Actor, Verb
from ..core.errors import TooLarge
from ..store.databases import Database
from .list_certificates import scope_condition

LINES_MAX = 10_000
EXPIRING = timedelta(days=30)
MANAGED = """"standing" NOT IN ('found', 'ignored')"""


@dataclass(frozen=True, slots=True)
class Line:
    """`live` certificates are neither revoked nor on hold nor at their end; `expiring` of them end soon."""

    team: str
    owner: str
    profile: str
    authority: str
    live: int
    expiring: int


async def responsibility_matrix(
    database: Database, actor: Actor, now: datetime, within: timedelta = EXPIRING
) -> list[Line]:
    """Of what the actor may view, in order of team, owner, profile and authority; `expiring` ends `within`
    this time. Raises TooLarge for more than LINES_MAX lines."""
    seen, values = scope_condition(actor, Verb.VIEW)
    columns = '"team", "owner", "profile", "authority"'
    rows = await database.query(
        f'SELECT {columns}, count(*), sum(CASE WHEN "not_after" < ? THEN 1 ELSE 0 END) FROM "certificate" '
        f'WHERE "not_after" > ? AND "revoked_at" IS NULL AND {MANAGED} AND ({seen}) '
        f"GROUP BY {columns} ORDER BY {columns} LIMIT {LINES_MAX + 1}",
        now + within,
        now,
        *values,
    )
    if len(rows) > LINES_MAX:
        raise TooLarge(f"there are more than {LINES_MAX} lines; ask with a role within a narrower scope")
    return [
        Line(team, owner, profile, authority, int(live), int(expiring))
        for team, owner, profile, authority, live, expiring in rows
    ]
