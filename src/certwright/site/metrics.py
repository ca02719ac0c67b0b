"""Prometheus metrics of all processes of this home.

Each process writes its numbers to memory-mapped files of its own in `run/metrics` (the multi-process mode of
prometheus_client); whichever process is asked adds them up. So the answer does not depend on which serving
process took the request, the worker is in it, and counters stay when a process dies. Gauges of the `live`
modes go with their process: the supervisor takes their files away.

The hot path counts in a plain dictionary, written out once a second and when metrics are asked for.
"""

import os
from collections import defaultdict
from pathlib import Path
from typing import Any

from .supervisor import METRICS_VARIABLE

CONTENT_TYPE = b"text/plain; version=0.0.4; charset=utf-8"


def use_metrics_folder(run_folder: Path) -> Path:
    """Where this process's metrics go. Must come before the first import of prometheus_client."""
    folder = Path(os.environ.setdefault(METRICS_VARIABLE, str(run_folder / "metrics")))
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    return folder


class RequestMeter:
    """Requests and seconds by route and status, gathered here and given to prometheus_client by `flush`."""

    def __init__(self) -> None:
        from prometheus_client import Counter

        self._requests = Counter(
            "certwright_http_requests", "Requests answered, by route and status.", ["route", "status"]
        )
        self._seconds = Counter(
            "certwright_http_request_seconds", "Seconds spent on answering, by route.", ["route"]
        )
        self.counts: defaultdict[tuple[str, int], int] = defaultdict(int)
        self.seconds: defaultdict[str, float] = defaultdict(float)

    def flush(self) -> None:
        counts, self.counts = self.counts, defaultdict(int)
        seconds, self.seconds = self.seconds, defaultdict(float)
        for (route, status), number in counts.items():
            self._requests.labels(route, str(status)).inc(number)
        for route, spent in seconds.items():
            self._seconds.labels(route).inc(spent)


def metrics_text(folder: Path) -> bytes:
    """The numbers of all processes, in the text format. Reads files; takes some milliseconds."""
    from prometheus_client import CollectorRegistry, generate_latest
    from prometheus_client.multiprocess import MultiProcessCollector

    class Written(MultiProcessCollector):
        """Passes over a file that a process has made this moment, and not given its size yet."""

        def collect(self) -> Any:
            files = [str(path) for path in folder.glob("*.db") if _has_size(path)]
            return self.merge(files, accumulate=True)  # type: ignore[no-untyped-call]

    registry = CollectorRegistry()
    Written(registry, path=str(folder))  # type: ignore[no-untyped-call]
    return generate_latest(registry)


def _has_size(path: Path) -> bool:
    try:
        return path.stat().st_size > 0
    except FileNotFoundError:
        return False
