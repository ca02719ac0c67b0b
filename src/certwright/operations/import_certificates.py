"""Take in certificates that another manager has kept, with who answers for them there.

A row that cannot be taken in says why, and the others go on. A certificate that is there already stays as it
is, but for what its row says of it; to import the same table twice changes nothing the second time.
"""

import hashlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

from ..core.access import Actor, Subject, Verb, require
from ..core.errors import CertwrightError, Malformed
from ..core.import_rows import ImportRow
from ..core.responsibility import Assignment
from ..core.sightings import problem_line
from ..core.standing import Standing
from ..ports import Place, Sighting
from ..store.among import among
from ..store.rows import CertificateRow
from .assign_owner import assign_owner
from .context import Context
from .note_findings import judge_again
from .take_sightings import PLACES_MAX, Look, take_sightings

KIND = "import"
PROBLEMS_MAX = 1_000
Document = dict[str, Any]
Progress = Callable[[int], None]


@dataclass(slots=True)
class Imported:
    """`rows` were read, `new` certificates not known before, of `assigned` it is said who answers for them;
    `problems` are of rows, at most PROBLEMS_MAX of `problems_count`."""

    rows: int = 0
    new: int = 0
    assigned: int = 0
    problems_count: int = 0
    problems: list[tuple[int, str]] = field(default_factory=list)

    def wrong(self, row: int, text: str) -> None:
        self.problems_count += 1
        if len(self.problems) < PROBLEMS_MAX:
            self.problems.append((row, problem_line(text)))


async def import_certificates(
    context: Context,
    actor: Actor,
    rows: Iterable[ImportRow],
    source: str,
    progress: Progress = lambda done: None,
) -> Imported:
    """`source` is what people call the table. Raises Forbidden, Unavailable, Malformed where two rows have
    one number, and what reading a row raises."""
    require(actor, Verb.DISCOVER, Subject())
    imported, run, ahead = Imported(), context.ledger.new_id(), iter(rows)
    while some := list(islice(ahead, PLACES_MAX)):
        imported.rows += len(some)
        await _take(context, actor, some, (source, run), imported)
        progress(imported.rows)
    return imported


async def _take(
    context: Context, actor: Actor, rows: list[ImportRow], where: tuple[str, int], imported: Imported
) -> None:
    source, run = where
    if len({row.number for row in rows}) < len(rows):
        raise Malformed("two rows have the same number; give each its own")
    for row in rows:
        if row.problem:
            imported.wrong(row.number, row.problem)
    by_place = {f"row {row.number}": row for row in rows if row.certificate}
    now = context.clock()
    taken = await take_sightings(
        context,
        Look(run),
        [Sighting(Place(KIND, source, 0, name), now, (row.certificate,)) for name, row in by_place.items()],
    )
    imported.new += taken.new
    for place, text in taken.problems:
        imported.wrong(by_place.pop(place.name).number, text)
    for row in by_place.values():
        await _assign(context, actor, row, imported)
    await judge_again(context, taken.certificates)


async def _assign(context: Context, actor: Actor, row: ImportRow, imported: Imported) -> None:
    if not (row.team or row.owner or row.environment or row.tags or row.fields):
        return
    digest = hashlib.sha256(row.certificate).digest()
    condition, values = among("fingerprint", [digest])
    (known,) = await context.database.select(CertificateRow, condition, *values)
    adopts = known.standing in (Standing.FOUND, Standing.IGNORED)
    wanted = Assignment(
        team=row.team or None,
        owner=row.owner or None,
        tagged=row.tags,
        environment=row.environment or None,
        standing=Standing.ADOPTED if adopts else None,
        fields=row.fields,
    )
    try:
        await assign_owner(context, actor, [digest.hex()], wanted)
    except CertwrightError as error:
        imported.wrong(row.number, error.detail)
    else:
        imported.assigned += 1


def imported_document(imported: Imported) -> Document:
    return {
        "rows": imported.rows,
        "new": imported.new,
        "assigned": imported.assigned,
        "problems_count": imported.problems_count,
        "problems": [{"row": row, "problem": text} for row, text in imported.problems],
    }
