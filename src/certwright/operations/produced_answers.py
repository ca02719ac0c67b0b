"""Answers produced ahead, as one serving process uses them: the newest whole file, less what changed since.

A file knows of the status feed up to a place. Before it comes into use the changes since that place are read
from the store; from then on the feed tells of more. So nothing depends on when a process, a run or the feed
began.
"""

import asyncio
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

from ..core.errors import CertwrightError, Conflict, IntegrityError, Unavailable
from ..core.ocsp import CertStatus
from ..store.answers import AnswerFile, runs_in
from ..store.databases import Database
from ..store.feed import StatusFeed

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
        self._changed: set[bytes] = set()
        self._seen = -1

    def find(self, serial: bytes, now: datetime) -> bytes | None:
        """An answer that holds: not past its nextUpdate, and nothing has changed since it was produced."""
        file = self.file
        if file is None or serial in self._changed or file.run.times.next_update <= now:
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
            self.file, self._changed = None, set()

    async def refresh(self, report: Report) -> None:
        """Take the newest whole file into use, if there is one that was not looked at yet.

        What is in use stays so until then. A damaged file is reported and passed over for an older one.
        Raises Unavailable; then the same is tried again next time.
        """
        runs = [run for run in runs_in(self._folder) if run[0] > self._seen]
        for _, path in reversed(runs):
            try:
                await self._take(path)
                break
            except FileNotFoundError:  # a newer run has removed it since we looked
                continue
            except (IntegrityError, Conflict) as error:
                report(error)
        if runs:
            self._seen = runs[-1][0]

    async def _take(self, path: Path) -> None:
        """Nothing may be awaited between the last look at the feed and taking the file into use."""
        try:
            file = AnswerFile(path, self._issuer)
        except FileNotFoundError:
            raise
        except OSError as error:
            raise Unavailable(f"{path}: {error.strerror}; answers are signed live until it works") from error
        await asyncio.to_thread(file.verify)
        self._changed = await self._changed_since(file)
        self.file = file

    async def _changed_since(self, file: AnswerFile) -> set[bytes]:
        """Serials whose status changed after the file was begun, as of the feed's present place."""
        position = file.run.feed_position
        found: set[bytes] = set()
        while True:
            told = self._feed.seq
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
            if len(rows) < PAGE and told == self._feed.seq:
                return found
            position = rows[-1][0] if rows else position
