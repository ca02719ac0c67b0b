"""When OCSP answers are to be produced anew, and OCSP signers to be renewed.

Answers lie in files of the host that serves them, so every host looks after its own.
"""

import json
from datetime import datetime, timedelta
from pathlib import Path

from ..core import ocsp
from ..core.clocks import of_the_future
from ..core.errors import IntegrityError, NotFound, Reason, Refused
from ..core.keys import spki
from ..store.answers import AnswerFile, Run, runs_in
from ..store.databases import Database
from ..store.rows import OcspSignerRow
from ..store.snapshot import Generation
from .context import Context, decide_again
from .found_authority import offline
from .issue_ocsp_signer import issue_ocsp_signer, needs_signer
from .produce_ocsp import produce_ocsp
from .produced_answers import is_on_record
from .renew_lists import lasting

RENEW_SIGNER = "ocsp-signer.renew"
CHANGES_MAX = 50_000
"""Changes of status after which a run is made anew: each process keeps note of those since the last one."""
PAUSE = timedelta(minutes=10)
"""Between runs of one generation and signer: near the signer's end they hold ever shorter."""


def newest_run(generation: Generation, folder: Path) -> Run | None:
    """What the newest file of answers says of itself; None without one, or with a damaged one."""
    runs = runs_in(folder / str(generation.id))
    if not runs or generation.certificate is None or generation.public_key is None:
        return None
    forms = ocsp.issuer_forms(generation.certificate.subject.public_bytes(), spki(generation.public_key))
    try:
        return AnswerFile(runs[-1][1], forms[0]).run
    except (IntegrityError, FileNotFoundError):
        return None


def answers_due(run: Run | None, signer: OcspSignerRow, now: datetime) -> bool:
    """None yet, or past a third of their validity, or of the future, or signed by another signer than
    today's."""
    if run is None or run.signer.certificates[:1] != (signer.certificate,):
        return True
    times = run.times
    if of_the_future(times.this_update, now):
        return True
    third = times.this_update + (times.next_update - times.this_update) / 3
    return now >= max(third, times.produced_at + PAUSE)


async def produce_due_answers(context: Context, folder: Path) -> int:
    """Produce the answers of every generation where they are due; how many generations that were.

    Raises Unavailable.
    """
    produced = 0
    for generation in lasting(context, context.clock()):
        now = context.clock()
        signer = context.snapshot.signer(generation.id, now)
        if signer is None or signer.not_after <= now:
            continue
        run = newest_run(generation, folder)
        if answers_due(run, signer, now) or (run and await _is_behind(context.database, run)):
            await produce_ocsp(context, generation, folder)
            produced += 1
    return produced


async def _is_behind(database: Database, run: Run) -> bool:
    """Much has changed since, or the database was put back to before it."""
    sql = f'SELECT 1 FROM "status_change" WHERE "seq" > ? ORDER BY "seq" LIMIT 1 OFFSET {CHANGES_MAX}'
    return not await is_on_record(database, run) or bool(await database.query(sql, run.feed_position))


# -- signers -------------------------------------------------------------------------------------


def signers_due(context: Context, now: datetime) -> list[Generation]:
    """Generations that need a new signer and whose key is at hand."""
    return [one for one in lasting(context, now) if not offline(one) and needs_signer(context, one, now)]


def signer_payload(generation: int) -> str:
    """How a signer's renewal stands in the outbox."""
    return json.dumps({"generation": generation})


async def renew_signer(context: Context, generation_id: int) -> OcspSignerRow | None:
    """Give a generation a new OCSP signer if it needs one; its row, None where it does not.

    Raises NotFound, Refused, Conflict, Unavailable.
    """
    return await decide_again(context, lambda: _renew_signer(context, generation_id))


async def _renew_signer(context: Context, generation_id: int) -> OcspSignerRow | None:
    generation = (await context.snapshots.refresh()).generations.get(generation_id)
    if generation is None:
        raise NotFound(f"there is no authority generation {generation_id}")
    if offline(generation):
        text = f"authority {generation.path} is offline; renew its signer with the recovery passphrase"
        raise Refused((Reason("authority.offline", text),))
    now = context.clock()
    if generation not in lasting(context, now) or not needs_signer(context, generation, now):
        return None
    return await issue_ocsp_signer(context, generation)
