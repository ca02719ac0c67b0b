"""Answers produced ahead, as one serving process uses them: the newest whole file, less what changed since.

A file knows of the status feed up to a place. Before it comes into use the changes since that place are read
from the store; from then on the feed tells of more. So nothing depends on when a process, a run or the feed
began. A file of another history of the database is never used: its own row and its place in the feed must be
there (see `store.feed`).
"""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from ..core.clocks import CLOCK_LAG
from ..core.errors import CertwrightError, Conflict, IntegrityError, Unavailable
from ..core.ocsp import CertStatus
from ..store.answers import AnswerFile, Run, runs_in
from ..store.databases import Database
from ..store.feed import StatusFeed, has_place

CHANGES_MAX = 200_000
"""Changes since a file was begun of which a process keeps note; with more the file is no longer of use."""
PAGE = 5_000

Report = Callable[[CertwrightError], None]


class ProducedAnswers:
    """The file in use for one authority generation; `issuer` is the first of its `ocsp.issuer_forms`."""

    def __init__(
        self, database: Database, feed: StatusFeed, generation: int, folder: Path, issuer: bytes
    ) -> None:
        self.file: AnswerFile | None = None
        self._database = database
        self._feed = feed
        self._generation = generation
        self._folder = folder
        self._issuer = issuer
        self._signers: frozenset[bytes] = frozenset()
        self._changed: set[bytes] = set()
        self._begins = self._ends = datetime.max.replace(tzinfo=UTC)
        self._seen = -1

    def find(self, serial: bytes, now: datetime) -> bytes | None:
        """An answer that holds: neither of the future nor past its nextUpdate, and nothing has changed since
        it was produced."""
        file = self.file
        if file is None or serial in self._changed or not self._begins <= now < self._ends:
            return None
        return file.answer(serial)

    def status(self, serial: bytes) -> CertStatus | None:
        """The status of a certificate that the file speaks of and that has not changed since. That outlives
        the answers: a change would have been told."""
        if self.file is None or serial in self._changed:
            return None
        return self.file.status(serial)

    def learn(self, serial: bytes) -> None:
        """The feed tells of a change."""
        if self.file is None:
            return
        self._changed.add(serial)
        if len(self._changed) > CHANGES_MAX:
            self._leave()

    def begin_again(self) -> None:
        """The database was put back: what is in use may be of a history that is gone."""
        self._leave()
        self._seen = -1

    def _leave(self) -> None:
        self.file, self._changed = None, set()

    async def refresh(self, signers: frozenset[bytes], report: Report) -> None:
        """Take the newest whole file into use, if there is one that was not looked at yet; `signers` are the
        certificates of the OCSP signers whose answers may be given.

        What is in use stays so until then, unless the database was put back to before it. A file that cannot
        be used is reported and passed over for an older one. Raises Unavailable; then the same is tried again
        next time.
        """
        if self.file is not None and not await is_on_record(self._database, self.file.run):
            await self._feed.begin()
        if signers != self._signers:
            self._signers = signers
            if self.file is not None and not self._is_ours(self.file):
                self._leave()
            self._seen = self.file.run.number if self.file else -1
        runs = [run for run in runs_in(self._folder) if run[0] > self._seen]
        begun = self._feed.begun
        for _, path in reversed(runs):
            try:
                await self._take(path)
                break
            except FileNotFoundError:  # a newer run has removed it since we looked
                continue
            except (IntegrityError, Conflict) as error:
                report(error)
        if runs and begun == self._feed.begun:
            self._seen = runs[-1][0]

    def _is_ours(self, file: AnswerFile) -> bool:
        return not self._signers.isdisjoint(file.run.signer.certificates[:1])

    async def _take(self, path: Path) -> None:
        """Nothing may be awaited between the last look at the feed and taking the file into use."""
        try:
            file = AnswerFile(path, self._issuer)
        except FileNotFoundError:
            raise
        except OSError as error:
            raise Unavailable(f"{path}: {error.strerror}; answers are signed live until it works") from error
        if not self._is_ours(file):
            raise Conflict(f"{path}: its OCSP signer is not on record, or revoked; produce the file anew")
        await asyncio.to_thread(file.verify)
        begun = self._feed.begun
        await self._require_our_history(file)
        changed = await self._changed_since(file)
        if begun != self._feed.begun:
            raise Unavailable("the database was put back; answers are signed live for a moment")
        self.file, self._changed = file, changed
        self._begins, self._ends = file.run.times.this_update - CLOCK_LAG, file.run.times.next_update

    async def _require_our_history(self, file: AnswerFile) -> None:
        """Raises Conflict for what was produced before the database was put back. The feed comes as far as
        the file first, so that from then on it notices."""
        if self._feed.place.seq < file.run.read_to.seq:
            await self._feed.poll()
        if not await is_on_record(self._database, file.run):
            raise Conflict(f"{file.path}: is of a database that was put back since; produce the file anew")

    async def _changed_since(self, file: AnswerFile) -> set[bytes]:
        """Serials whose status changed after the file was begun, as of the feed's present place."""
        position = file.run.feed_position
        found: set[bytes] = set()
        while True:
            told = self._feed.place
            # "+ 0" has SQLite go by the place in the feed, and not read all there ever was of a generation
            rows = await self._database.query(
                'SELECT "seq", "serial" FROM "status_change" WHERE "seq" > ? AND "generation_id" + 0 = ? '
                f'ORDER BY "seq" LIMIT {PAGE}',
                position,
                self._generation,
            )
            found.update(row[1] for row in rows)
            if len(found) > CHANGES_MAX:
                raise Conflict(
                    f"{file.path}: more than {CHANGES_MAX} changes of status since it was produced; "
                    "answers are signed live until the next run"
                )
            if len(rows) < PAGE and told is self._feed.place:
                return found
            position = rows[-1][0] if rows else position


async def is_on_record(database: Database, run: Run) -> bool:
    """Does the database know of this run, and of all that the run may know of? Raises Unavailable."""
    rows = await database.query('SELECT 1 FROM "ocsp_run" WHERE "digest" = ?', run.digest)
    return bool(rows) and await has_place(database, run.read_to)
