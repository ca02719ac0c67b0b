"""The worker's numbers, for Prometheus."""

import math
from datetime import datetime

from ..operations.worker_health import OfflineTask, WorkerHealth


class HealthGauges:
    """Whether a worker lives and how long what it has signed lasts: of the newest process to say so. Serving
    processes say it too, so that it is told where no worker has started at all.

    Must be made after the folder for metrics is set up; the library is imported here for that reason.
    """

    def __init__(self) -> None:
        from prometheus_client import Gauge

        self._seen = Gauge(
            "certwright_worker_seen_timestamp_seconds",
            "When a worker last gave a sign of life; 0 when none did within the hour.",
            multiprocess_mode="mostrecent",
        )
        self._ends = Gauge(
            "certwright_status_next_update_timestamp_seconds",
            "Earliest nextUpdate of the CRLs, deltas, or produced OCSP answers, that the worker renews.",
            ["what"],
            multiprocess_mode="mostrecent",
        )

    def seen(self, at: datetime | None) -> None:
        self._seen.set(at.timestamp() if at else 0)

    def last_until(self, health: WorkerHealth) -> None:
        """Where there is nothing to renew it lasts for ever."""
        for what, ends in (
            ("crl", health.lists_end),
            ("delta-crl", health.deltas_end),
            ("ocsp", health.answers_end),
        ):
            self._ends.labels(what).set(ends.timestamp() if ends else math.inf)


class Meter:
    """What a worker counts and measures; to be made as `HealthGauges` is."""

    def __init__(self) -> None:
        from prometheus_client import Counter, Gauge

        self._runs = Counter(
            "certwright_worker_task_runs", "Runs of the worker's tasks, by outcome.", ["task", "outcome"]
        )
        self._seconds = Counter(
            "certwright_worker_task_seconds", "Seconds spent in the worker's tasks.", ["task"]
        )
        self._health = HealthGauges()
        self._waiting = Gauge(
            "certwright_outbox_rows", "Follow-ups that wait to be done.", multiprocess_mode="mostrecent"
        )
        self._offline = Gauge(
            "certwright_offline_tasks",
            "What only the recovery passphrase can renew, and is due: CRLs and OCSP signers.",
            ["what"],
            multiprocess_mode="mostrecent",
        )

    def task(self, name: str, seconds: float, *, failed: bool) -> None:
        self._runs.labels(name, "failed" if failed else "done").inc()
        self._seconds.labels(name).inc(seconds)

    def waiting(self, rows: int) -> None:
        self._waiting.set(rows)

    def seen(self, now: datetime) -> None:
        self._health.seen(now)

    def health(self, health: WorkerHealth, offline: list[OfflineTask]) -> None:
        self._health.last_until(health)
        for what in ("crl", "ocsp-signer"):
            self._offline.labels(what).set(sum(one.what == what for one in offline))
