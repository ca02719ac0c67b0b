"""Replay: judge what is on record by a draft of the rules, beside those in force, before it is switched on.

Two processes read and judge, a chunk each, so that two cores are at work and the caller's event loop goes on;
where there is one core there is one process. Nothing is written, and what is held in memory is numbers.
"""

import asyncio
import json
import os
import sys
from asyncio.subprocess import PIPE, Process
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from ..core.access import speaks_for_issuer
from ..core.errors import CertwrightError, Unavailable
from ..core.rules import RuleSet
from ..core.rules_document import rules_to_document
from ..core.rules_replay import Change
from ..store.databases import Database
from ..store.snapshot import Snapshot
from .replay_part import CERTIFICATES, EXAMPLES, REQUESTS
from .replay_rows import LEAST, Scope

PROCESSES_MAX = 2
LINE_OCTETS_MAX = 16 * 1024 * 1024
_PACKAGE_PARENT = str(Path(__file__).resolve().parents[2])
# found where this process found it, after everything else; the working directory is not searched (-P)
_PROGRAM = (
    "import runpy, sys; sys.path.append(sys.argv[1]); "
    "runpy.run_module('certwright.operations.replay_part', run_name='__main__')"
)
Document = dict[str, Any]
Progress = Callable[[int, int], None]


@dataclass(slots=True)
class Tally:
    """What a replay has found in one source. `outcomes` count under both sets; `by` is, for each change, how
    many for each rule that is the cause, and for each team, owner, authority and profile; `examples` are the
    first identifiers for each change and rule."""

    judged: int = 0
    before: "Counter[str]" = field(default_factory=Counter)
    after: "Counter[str]" = field(default_factory=Counter)
    changes: "Counter[str]" = field(default_factory=Counter)
    by: "dict[str, dict[str, Counter[str]]]" = field(default_factory=dict)
    examples: dict[tuple[str, str], list[int]] = field(default_factory=dict)

    def add(self, found: Document) -> None:
        """What `replay_part` has found in a chunk."""
        self.judged += found["judged"]
        changes: dict[int, str] = {}
        for verdict in found["verdicts"]:
            change = changes[verdict["number"]] = verdict["change"]
            self.before[verdict["before"]] += verdict["count"]
            self.after[verdict["after"]] += verdict["count"]
            self.changes[change] += verdict["count"]
            if change != Change.NONE:
                self._affected(change, verdict)
        for number, authority, profile, team, owner, count in found["affected"]:
            named = {"team": team, "owner": owner, "authority": authority, "profile": profile}
            for dimension, name in named.items():
                self._by(changes[number], dimension)[name] += count

    def _affected(self, change: str, verdict: Document) -> None:
        for rule in verdict["rules"]:
            self._by(change, "rule")[rule] += verdict["count"]
            some = [*self.examples.get((change, rule), ()), *verdict["examples"]]
            self.examples[change, rule] = sorted(some)[:EXAMPLES]

    def _by(self, change: str, dimension: str) -> "Counter[str]":
        return self.by.setdefault(change, {}).setdefault(dimension, Counter())


@dataclass(frozen=True, slots=True)
class ReplayOrder:
    """`draft` beside `current`. Everything is judged as if it were asked for `at` a moment; `everything`
    takes certificates that have ended or are revoked too."""

    current: RuleSet
    draft: RuleSet
    at: datetime
    everything: bool = False


@dataclass(frozen=True, slots=True)
class Replayed:
    certificates: Tally
    requests: Tally
    processes: int


async def replay_policy(
    database: Database,
    snapshot: Snapshot,
    order: ReplayOrder,
    now: datetime,
    progress: Progress = lambda done, total: None,
) -> Replayed:
    """Judge all certificates and requests within. `progress` is told how many of how many are judged; what it
    raises ends the replay, as a cancelled task does. Raises Unavailable, IntegrityError.
    """
    tallies = {CERTIFICATES: Tally(), REQUESTS: Tally()}
    job = {"url": database.url, **_job(order, replay_scope(snapshot, order, now))}
    async with _parts(job) as parts:
        total = sum((await parts[0].ask({})).values())

        def found(source: str, chunk: Document) -> None:
            tallies[source].add(chunk)
            progress(sum(tally.judged for tally in tallies.values()), total)

        for source in tallies:
            await _Walk(source, found).together(parts)
    return Replayed(tallies[CERTIFICATES], tallies[REQUESTS], len(parts))


def replay_scope(snapshot: Snapshot, order: ReplayOrder, now: datetime) -> Scope:
    """Certificates of authorities and their OCSP signers, of which the rules do not speak, are passed."""
    exempt = sorted(name for name, one in snapshot.profiles.items() if speaks_for_issuer(one))
    return Scope(order.at, now, order.everything, tuple(exempt))


def _job(order: ReplayOrder, scope: Scope) -> Document:
    return {
        "old": rules_to_document(order.current),
        "new": rules_to_document(order.draft),
        "at": scope.at.isoformat(),
        "now": scope.now.isoformat(),
        "everything": scope.everything,
        "exempt": scope.exempt,
    }


class _Walk:
    """Parts go through one source together: whoever is free reads the next chunk, one at a time, and judges
    it while another reads."""

    def __init__(self, source: str, found: Callable[[str, Document], None]) -> None:
        self._source, self._found = source, found
        self._turn = asyncio.Lock()
        self._after, self._ended = LEAST, False

    async def together(self, parts: list["_Part"]) -> None:
        try:
            async with asyncio.TaskGroup() as group:
                for part in parts:
                    group.create_task(self.along(part))
        except ExceptionGroup as failed:
            raise failed.exceptions[0] from failed

    async def along(self, part: "_Part") -> None:
        while True:
            async with self._turn:
                if self._ended:
                    return
                last = (await part.ask({"source": self._source, "after": self._after}))["last"]
                if last is None:
                    self._ended = True
                    return
                self._after = last
            self._found(self._source, await part.answer())


@dataclass(frozen=True, slots=True)
class _Part:
    process: Process

    async def ask(self, wanted: Document) -> Document:
        assert self.process.stdin is not None
        try:
            self.process.stdin.write(json.dumps(wanted).encode() + b"\n")
            await self.process.stdin.drain()
        except OSError:
            pass  # it has ended; why, its last line says
        return await self.answer()

    async def answer(self) -> Document:
        """Raises Unavailable when it has ended without one."""
        assert self.process.stdout is not None
        line = await self.process.stdout.readline()
        if not line.endswith(b"\n"):
            raise Unavailable("a process of the replay has ended before its time; run the replay again")
        document: Document = json.loads(line)
        if "error" in document:
            raise (Unavailable if document["temporary"] else CertwrightError)(document["error"])
        return document


@asynccontextmanager
async def _parts(job: Document) -> AsyncIterator[list[_Part]]:
    """Processes with their job, gone afterwards. What they are told is in no argument or variable."""
    parts: list[_Part] = []
    try:
        for _ in range(min(PROCESSES_MAX, len(os.sched_getaffinity(0)))):
            process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-P", "-c", _PROGRAM, _PACKAGE_PARENT),
                stdin=PIPE,
                stdout=PIPE,
                limit=LINE_OCTETS_MAX,
            )
            parts.append(_Part(process))
            assert process.stdin is not None
            process.stdin.write(json.dumps(job).encode() + b"\n")
        yield parts
    finally:
        for part in parts:
            if part.process.returncode is None:
                part.process.kill()
        await asyncio.gather(*[part.process.wait() for part in parts])
