"""The worker's numbers, for Prometheus."""

from datetime import datetime

from ..operations.worker_health import OfflineTask, WorkerHealth


class Meter:
    """Must be made after the folder for metrics is set up; the library is imported here for that reason."""

    def __init__(self) -> None:
        from prometheus_client import Counter, Gauge

        self._runs = Counter(
            "certwright_worker_task_runs", "Runs of the worker's tasks, by outcome.", ["task", "outcome"]
        )
        self._seconds = Counter(
            "certwright_worker_task_seconds", "Seconds spent in the worker's tasks.", ["task"]
        )
        self._seen = Gauge(
            "certwright_worker_seen_timestamp_seconds",
            "When a worker last gave a sign of life.",
            multiprocess_mode="max",
        )
        self._waiting = Gauge(
            "certwright_outbox_rows", "Follow-ups that wait to be done.", multiprocess_mode="mostrecent"
        )
        self._ends = Gauge(
            "certwright_status_next_update_timestamp_seconds",
            "Earliest nextUpdate of the CRLs, or produced OCSP answers, that the worker renews.",
            ["what"],
            multiprocess_mode="mostrecent",
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
        self._seen.set(now.timestamp())

    def health(self, health: WorkerHealth, offline: list[OfflineTask]) -> None:
        for what, ends in (("crl", health.lists_end), ("ocsp", health.answers_end)):
            if ends is not None:
                self._ends.labels(what).set(ends.timestamp())
        for what in ("crl", "ocsp-signer"):
            self._offline.labels(what).set(sum(one.what == what for one in offline))
