"""What the benches share: a served installation on loopback, its CPU time, and how results are printed.

Rates depend on the machine and on what else it does; every bench measures a floor in the same run and prints
the ratio to it. Nothing here asserts a time.
"""

import asyncio
import hashlib
import os
import secrets
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from certwright.core.access import Actor, Grant, Role
from certwright.core.audit import Event, EventKind
from certwright.core.keys import KeyAlgorithm
from certwright.core.policy import endpoint_policy_to_document
from certwright.operations.context import Context
from certwright.operations.found_installation import EndpointOrder, save_endpoint
from certwright.site.configuration import Configuration
from certwright.site.installation import initialize
from certwright.site.wiring import open_context
from certwright.store.ledger import Change
from certwright.store.people_rows import ApiTokenRow, RoleGrantRow
from tests.real.packages import need
from tests.real.postgresql import shared as shared_postgresql
from tests.real.postgresql import stop_shared
from tests.real.processes import free_port

TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, slots=True)
class Served:
    """A running installation. `workers` are the serving processes."""

    home: Path
    configuration: Configuration
    https: int
    http: int
    token: str
    pid: int

    def cpu_seconds(self) -> float:
        """CPU time of all its processes so far, user and system."""
        return sum(map(_cpu_of, _tree(self.pid)))

    def metric(self, name: str) -> float:
        """The sum of a metric over its labels and processes."""
        with urllib.request.urlopen(f"http://127.0.0.1:{self.http}/metrics", timeout=10) as answer:
            lines = answer.read().decode().splitlines()
        return sum(float(line.rsplit(" ", 1)[1]) for line in lines if line.startswith(name))


def _tree(pid: int) -> list[int]:
    found, ahead = [], [pid]
    while ahead:
        one = ahead.pop()
        found.append(one)
        try:
            ahead += map(int, Path(f"/proc/{one}/task/{one}/children").read_text().split())
        except FileNotFoundError:
            continue
    return found


def _cpu_of(pid: int) -> float:
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except FileNotFoundError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) / TICKS


def resident(pid: int) -> float:
    """Resident MiB of the largest serving process below `pid`."""
    sizes = []
    for one in _tree(pid):
        try:
            rows = Path(f"/proc/{one}/status").read_text().splitlines()
        except FileNotFoundError:
            continue
        sizes += [int(row.split()[1]) / 1024 for row in rows if row.startswith("VmRSS")]
    return max(sizes)


@contextmanager
def database_url(kind: str) -> Iterator[str]:
    """Nothing for SQLite (the home has its own), the URL of a private cluster for PostgreSQL."""
    if kind == "sqlite":
        yield ""
        return
    folder = Path(tempfile.mkdtemp(prefix="certwright-bench-postgresql-"))
    cluster = shared_postgresql(folder)
    try:
        with cluster.database() as url:
            yield url
    finally:
        stop_shared(folder)
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def installation(
    kind: str = "sqlite", algorithm: str = "ecdsa-p256", **settings: object
) -> Iterator[tuple[Configuration, str]]:
    """A founded home on a fresh database, and a requester's token; gone afterwards."""
    folder = Path(tempfile.mkdtemp(prefix="certwright-bench-"))
    ports = {name: f"127.0.0.1:{free_port()}" for name in ("https", "http", "mtls")}
    try:
        with database_url(kind) as url:
            overrides: dict[str, object] = {**ports, **settings}
            if url:
                overrides["database"] = url
            configuration = Configuration.load(folder / "home", overrides)
            asyncio.run(initialize(configuration, "Bench", KeyAlgorithm(algorithm), lambda text: None))
            yield configuration, asyncio.run(_make_token(configuration))
    finally:
        shutil.rmtree(folder, ignore_errors=True)


async def _make_token(configuration: Configuration) -> str:
    """Also, one ACME client may order more in an hour than anybody needs but a bench."""
    secret = secrets.token_urlsafe(32)
    async with open_context(configuration, "bench") as context:
        now = context.clock()
        digest = hashlib.sha256(secret.encode()).digest()
        token = ApiTokenRow(context.ledger.new_id(), "bench", digest, None, now, "local:bench", None, None, 1)
        grant = RoleGrantRow(context.ledger.new_id(), "token:bench", "administrator", "*")
        event = Event(EventKind.TOKEN_CREATED, now, "local:bench", "", "token:bench", {})
        await context.ledger.commit(Change(inserted=[token, grant], events=[event], configures=True))
        default = context.snapshot.endpoint("acme", "default")
        settings = {**default.settings, "new_orders_per_hour": 1_000_000}
        actor = Actor("local:bench", (Grant(Role.ADMINISTRATOR),))
        policy = endpoint_policy_to_document(default.policy)
        order = EndpointOrder("acme", "default", default.authority, default.profiles, policy, settings)
        await save_endpoint(context, actor, order)
    return secret


@contextmanager
def served(
    configuration: Configuration, token: str, workers: int = 2, lanes: str = "fast"
) -> Iterator[Served]:
    """The installation served by real processes, stopped afterwards."""
    program = (
        "import sys\n"
        "from pathlib import Path\n"
        "from certwright.site.supervisor import Plan, replace_process\n"
        "import json\n"
        "replace_process(Plan(**json.loads(sys.argv[1])))\n"
    )
    import json

    plan = {
        "home": str(configuration.home),
        "listen": {name: str(address) for name, address in configuration.listeners.items()},
        "workers": workers,
        "lanes": lanes.split(","),
        "environment": {**configuration.environment(), "CERTWRIGHT_DATABASE": configuration.database_url},
        "announcement": "ready",
    }
    log = configuration.home / "serve.log"
    with log.open("w") as output:
        process = subprocess.Popen(
            [sys.executable, "-c", program, json.dumps(plan)],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env={**os.environ, "CERTWRIGHT_HOME": str(configuration.home)},
        )
    assert configuration.https is not None
    assert configuration.http is not None
    try:
        _wait(configuration.http.port, process, log)
        yield Served(
            configuration.home,
            configuration,
            configuration.https.port,
            configuration.http.port,
            token,
            process.pid,
        )
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(20)


def _wait(port: int, process: "subprocess.Popen[bytes]", log: Path) -> None:
    for _ in range(200):
        if process.poll() is not None:
            raise SystemExit(f"the server ended early:\n{log.read_text()[-2000:]}")
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz", timeout=2) as answer:
                if answer.status == 200:
                    return
        except OSError:
            time.sleep(0.1)
    raise SystemExit(f"the server did not become ready:\n{log.read_text()[-2000:]}")


@dataclass(frozen=True, slots=True)
class Load:
    """What wrk reported: requests a second, how many, the 50th and 99th percentile, and failures."""

    rate: float
    requests: int
    p50: str
    p99: str
    errors: int


def wrk(url: str, script: str, seconds: int = 10, connections: int = 64, threads: int = 1) -> Load:
    """Load a loopback URL for a bounded time with a Lua script."""
    need("wrk")
    with tempfile.NamedTemporaryFile("w", suffix=".lua") as file:
        file.write(script)
        file.flush()
        command = [
            "wrk",
            f"-t{threads}",
            f"-c{connections}",
            f"-d{seconds}s",
            "--latency",
            "-s",
            file.name,
            url,
        ]
        text = subprocess.run(
            command, capture_output=True, text=True, check=True, timeout=seconds + 60
        ).stdout
    rate = float(_after(text, "Requests/sec:"))
    requests = int(next(line.split()[0] for line in text.splitlines() if "requests in" in line))
    errors = sum(
        int("".join(filter(str.isdigit, part)) or 0)
        for line in text.splitlines()
        if "Non-2xx" in line or "Socket errors" in line
        for part in line.split(":", 1)[1].split(",")
    )
    return Load(rate, requests, _after(text, " 50%"), _after(text, " 99%"), errors)


def _after(text: str, word: str) -> str:
    return next(line.split(word)[1].split()[0] for line in text.splitlines() if word in line)


def per_call(call: object, repeat: int = 2000) -> float:
    """CPU microseconds of one call, the best of five rounds."""
    assert callable(call)
    best = float("inf")
    for _ in range(5):
        started = time.process_time()
        for _ in range(repeat):
            call()
        best = min(best, (time.process_time() - started) / repeat)
    return best * 1e6


def show(name: str, **values: object) -> None:
    """One line of result: `name: key value, key value`."""
    print(
        f"{name}: " + ", ".join(f"{key.replace('_', ' ')} {value}" for key, value in values.items()),
        flush=True,
    )


def quick() -> bool:
    """`CERTWRIGHT_BENCH_QUICK=1`: small and short, to see that a bench runs."""
    return os.environ.get("CERTWRIGHT_BENCH_QUICK") == "1"


__all__ = [
    "Context",
    "Load",
    "Served",
    "installation",
    "per_call",
    "quick",
    "resident",
    "served",
    "show",
    "wrk",
]
