"""One of the processes of a replay: reads a chunk of what is on record when it is told to, and judges it.

`replay_policy` starts it and talks to it in lines of JSON. The first says what the replay is; each further
one names a source and the identifier after which to begin, or nothing to have all counted. A chunk is
answered twice: by where it ends, as soon as it is read, so that another process can begin behind it; and by
what was found. The process ends with its standard input.
"""

import asyncio
import json
import sys
from collections import Counter
from collections.abc import Iterator
from datetime import datetime
from typing import Any, TextIO

from ..core.errors import CertwrightError
from ..core.rules_document import rules_from_document
from ..core.rules_replay import Change, Judge
from ..store.databases import Database, open_database
from .replay_rows import Certificates, Judged, Requests, Scope, Source

EXAMPLES = 5
"""Of certificates that change alike, how many are named in a chunk."""
CERTIFICATES, REQUESTS = "certificates", "requests"
Document = dict[str, Any]


class Part:
    """What one process knows: its database, the judge, and where rows come from."""

    def __init__(self, database: Database, job: Document) -> None:
        self._judge = Judge(*[rules_from_document(job[name]) for name in ("old", "new")])
        moments = [datetime.fromisoformat(job[name]) for name in ("at", "now")]
        scope = Scope(moments[0], moments[1], job["everything"], tuple(job["exempt"]))
        self._sources: dict[str, Source] = {
            CERTIFICATES: Certificates(database, self._judge.asks, scope),
            REQUESTS: Requests(database, scope),
        }

    async def count(self) -> Document:
        """How many there are of each source."""
        return {name: await source.count() for name, source in self._sources.items()}

    async def chunk(self, wanted: Document, output: TextIO) -> None:
        """One chunk, in its two lines; the second is left out behind the end."""
        source = self._sources[wanted["source"]]
        rows = await source.read(wanted["after"])
        say(output, {"last": rows[-1][0] if rows else None})
        if rows:
            say(output, self._found(await source.judged(rows), len(rows)))

    def _found(self, judged: Judged, number: int) -> Document:
        """How many of each verdict; of those that change anything, by whom they belong to."""
        judge, outcomes = self._judge, Counter[int]()
        affected, examples = Counter[tuple[Any, ...]](), dict[int, list[int]]()
        for row, alike, facts in judged:
            verdict = judge.judge(alike, facts)
            outcomes[verdict] += 1
            if judge.verdicts[verdict].change is not Change.NONE:
                affected[(verdict, *row[1:5])] += 1
                if len(some := examples.setdefault(verdict, [])) < EXAMPLES:
                    some.append(row[0])
        return {
            "judged": number,
            "verdicts": [self._verdict(verdict, count, examples) for verdict, count in outcomes.items()],
            "affected": [[*key, count] for key, count in affected.items()],
        }

    def _verdict(self, number: int, count: int, examples: dict[int, list[int]]) -> Document:
        verdict = self._judge.verdicts[number]
        return {
            "number": number,
            "change": verdict.change,
            "before": verdict.before,
            "after": verdict.after,
            "rules": verdict.rules,
            "count": count,
            "examples": examples.get(number, []),
        }


def say(output: TextIO, document: Document) -> None:
    output.write(json.dumps(document) + "\n")
    output.flush()


async def serve(lines: Iterator[str], output: TextIO) -> None:
    """Until there are no more lines. What goes wrong is said in a line with `error`."""
    job = json.loads(next(lines))
    try:
        database = await open_database(job["url"])
        part = Part(database, job)
        for line in lines:
            wanted = json.loads(line)
            if "source" in wanted:
                await part.chunk(wanted, output)
            else:
                say(output, await part.count())
        await database.close()
    except CertwrightError as error:
        say(output, {"error": error.detail, "temporary": error.status >= 500})


if __name__ == "__main__":
    asyncio.run(serve(iter(sys.stdin.readline, ""), sys.stdout))
