"""What a process counts and measures of its work, for Prometheus (docs/reference/metrics.md).

The hot paths add to plain numbers and dictionaries; what is new in them goes to prometheus_client a few times
a second. That library is imported only when the folder for metrics has been set up.
"""

import asyncio
import math
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from ..core.errors import CertwrightError
from ..operations.answer_ocsp import OcspResponder
from ..operations.authority_health import list_states
from ..operations.context import Context
from ..operations.worker_health import worker_health
from ..store.feed import StatusFeed
from ..store.ledger import Ledger
from ..store.snapshot import Generation
from ..worker.metrics import HealthGauges

FLUSH_SECONDS = 0.25
LISTS_SECONDS = 15.0
Report = Callable[[CertwrightError], None]


class LedgerMeter:
    """Commits, and what is on record by them: one for each process that writes."""

    def __init__(self, ledger: Ledger) -> None:
        from prometheus_client import Counter

        self._ledger = ledger
        self._commits = Counter(
            "certwright_ledger_commits", "Durable commits, each of what many requests may have left behind."
        )
        self._events = _Growing(
            Counter("certwright_events", "Audit events put on record, by kind.", ["kind"]), ledger.recorded
        )
        self._told = 0

    def flush(self) -> None:
        commits = self._ledger.commits
        self._commits.inc(commits - self._told)
        self._told = commits
        self._events.flush()


class _Growing:
    """A counter with one label, kept in step with a dictionary whose numbers only grow."""

    def __init__(self, counter: Any, numbers: Mapping[str, int]) -> None:
        self._counter = counter
        self._numbers = numbers
        self._told: dict[str, int] = {}

    def flush(self) -> None:
        for name, number in self._numbers.items():
            news = number - self._told.get(name, 0)
            if news:
                self._counter.labels(name).inc(news)
                self._told[name] = number


class Instruments:
    """Those of a serving process. `answers` holds this host's produced answers."""

    def __init__(self, context: Context, feed: StatusFeed, responder: OcspResponder, answers: Path) -> None:
        from prometheus_client import Counter

        self._context = context
        self._feed = feed
        self._folder = answers
        self._health = HealthGauges()
        self._ledger = LedgerMeter(context.ledger)
        self._answers = _Growing(
            Counter("certwright_ocsp_answers", "OCSP answers given, by where they came from.", ["kind"]),
            responder.answered,
        )
        self._feed_age = _gauge("certwright_status_feed_age_seconds", _FEED_AGE, mode="livemax")
        self._configuration_age = _gauge("certwright_configuration_age_seconds", _AGE, mode="livemax")
        self._lists_end = _gauge("certwright_crl_next_update_timestamp_seconds", _LISTS, "authority")
        self._deltas_end = _gauge("certwright_delta_crl_next_update_timestamp_seconds", _DELTAS, "authority")
        self._pending = _gauge("certwright_crl_pending_changes", _PENDING, "authority")
        self._signers_end = _gauge("certwright_ocsp_signer_not_after_timestamp_seconds", _SIGNER, "authority")
        self._ends = _gauge("certwright_authority_not_after_timestamp_seconds", _END, "authority")

    def flush(self) -> None:
        """Write out what was counted. Some microseconds."""
        self._ledger.flush()
        self._answers.flush()
        self._feed_age.set(self._feed.age)
        self._configuration_age.set(self._context.snapshots.age)

    async def measure(self) -> None:
        """Look whether a worker lives, and how the status data of every authority in force stands. Raises
        Unavailable."""
        now = self._context.clock()
        health = await worker_health(self._context, self._folder)
        self._health.seen(health.seen_at)
        self._health.last_until(health)
        for generation in list(self._context.snapshot.generations.values()):
            if generation.row.not_after is not None and generation.row.not_after > now:
                await self._measure(generation)

    async def _measure(self, generation: Generation) -> None:
        assert generation.row.not_after is not None
        self._ends.labels(generation.path).set(generation.row.not_after.timestamp())
        lists = await list_states(self._context.database, generation)
        if lists:
            self._lists_end.labels(generation.path).set(min(one.next_update for one in lists).timestamp())
        deltas = [one.delta_next_update.timestamp() for one in lists if one.delta_next_update]
        self._deltas_end.labels(generation.path).set(min(deltas, default=math.inf))
        self._pending.labels(generation.path).set(sum(one.pending for one in lists))
        signer = self._context.snapshot.signer(generation.id, self._context.clock())
        self._signers_end.labels(generation.path).set(signer.not_after.timestamp() if signer else 0)

    async def follow(self, report: Report) -> None:
        """Keep the metrics fresh until cancelled; what goes wrong is reported and tried again."""
        loop, due = asyncio.get_running_loop(), 0.0
        while True:
            self.flush()
            if loop.time() >= due:
                due = loop.time() + LISTS_SECONDS
                try:
                    await self.measure()
                except CertwrightError as error:
                    report(error)
            await asyncio.sleep(FLUSH_SECONDS)


_FEED_AGE = "Seconds since the status feed was last read to its end, of the process for which it is longest."
_AGE = "Seconds since the configuration was last confirmed, of the process for which it is longest."
_LISTS = "The earliest nextUpdate of an authority's newest complete CRLs."
_DELTAS = "The earliest nextUpdate of an authority's newest delta CRLs; +Inf where there is none."
_PENDING = "Changes of status that an authority's newest CRLs do not have yet."
_SIGNER = "When an authority's OCSP signer ends; 0 where there is none."
_END = "When an authority's own certificate ends."


def _gauge(name: str, text: str, *labels: str, mode: Any = "livemostrecent") -> Any:
    """A gauge that goes with its process; of several processes' the newest counts, or as `mode` says."""
    from prometheus_client import Gauge

    return Gauge(name, text, labels, multiprocess_mode=mode)
