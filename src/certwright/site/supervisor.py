"""The first process of `certwright up`: starts the others, starts them again when they die, ends them all.

It imports the standard library alone and serves nothing, so that it stays small and does not fail. Listening
sockets are bound here and inherited: each serving process has a socket of its own on the same address
(SO_REUSEPORT), over which the kernel spreads connections evenly; while a process is being started again its
socket keeps taking connections, and none is refused.

A child says on a pipe that it is ready, and a serving one goes on to say that it is alive. Until all have
been ready once, one that ends with EX_CONFIG, or dies early time after time, ends everything: whoever started
us must look. Later, what runs is worth more than what does not, and the dead are started again for ever, at
most every five seconds.
"""

import ctypes
import json
import os
import re
import resource
import select
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import NoReturn

from ..core.errors import Conflict, Malformed
from .addresses import parse_listen_address

HEART_VARIABLE = "CERTWRIGHT_HEART"
METRICS_VARIABLE = "PROMETHEUS_MULTIPROC_DIR"
LANES = ("fast", "console", "worker")
EX_CONFIG = 78
BACKLOG = 2048
OPEN_FILES = 65536
STOP_SECONDS = 9.0
HEARTBEAT_SECONDS = 1.0
SILENCE_SECONDS = 30.0
START_SECONDS = 120.0
STEADY_SECONDS = 3.0
PAUSE_SECONDS = (0.1, 5.0)
EARLY_DEATHS_MAX = 7
STOP_SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
PR_SET_PDEATHSIG = 1
PR_SET_CHILD_SUBREAPER = 36


@dataclass(frozen=True, slots=True)
class Plan:
    """What to run. `listen` is listener -> address:port; `lanes` are of LANES; `environment` is added to the
    children's; `announcement` is printed when all serving processes accept connections for the first time."""

    home: str
    listen: dict[str, str]
    workers: int
    lanes: tuple[str, ...] = LANES
    announcement: str = ""
    environment: dict[str, str] = field(default_factory=dict)
    application: str = "certwright.site.application:build"
    worker: str = "certwright.site.work"


def replace_process(plan: Plan) -> NoReturn:
    """Become the supervisor: this process keeps its id and loses all it has imported."""
    arguments = [sys.executable, "-m", "certwright.site.supervisor", json.dumps(asdict(plan))]
    sys.stdout.flush()
    sys.stderr.flush()
    os.execv(sys.executable, arguments)  # noqa: S606 - our own interpreter, no shell


def bind(listener: str, address: str) -> socket.socket:
    """A listening socket that others of ours can share the address with. Raises Malformed, Conflict."""
    host, port = parse_listen_address(address)
    bound = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    try:
        bound.bind((host, port))
        bound.listen(BACKLOG)
    except OSError as error:
        bound.close()
        raise _cannot_listen(listener, address, error) from error
    return bound


def refuse_taken(listener: str, address: str) -> None:
    """SO_REUSEPORT would let a second server of the same user in unseen, and each would get half the
    connections. Raises Conflict when somebody listens there."""
    host, port = parse_listen_address(address)
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            raise _cannot_listen(listener, address, error) from error


def _cannot_listen(listener: str, address: str, error: OSError) -> Conflict:
    return Conflict(
        f"cannot listen on {address}: {error.strerror}; free it, or choose another with `--{listener}` or "
        f"CERTWRIGHT_{listener.upper()}"
    )


@dataclass(slots=True)
class Child:
    """One process of ours, over all its lives. `sockets` are its own; `heart` is the pipe it writes to."""

    name: str
    command: list[str]
    sockets: dict[str, socket.socket] = field(default_factory=dict)
    serves: bool = True
    process: subprocess.Popen[bytes] | None = None
    heart: int = -1
    ready: bool = False
    started: float = 0.0
    heard: float = 0.0
    start_at: float = 0.0
    early_deaths: int = 0

    def settled(self, now: float) -> bool:
        """Whether it has got so far that a death from now on is no failure to start."""
        lived_long = not self.serves and now - self.started >= STEADY_SECONDS
        return self.ready or lived_long


def children_of(plan: Plan) -> list[Child]:
    """Binds every socket. Raises Malformed, Conflict."""
    serving = [lane for lane in plan.lanes if lane in ("fast", "console")]
    children: list[Child] = []
    if serving:
        for name, address in plan.listen.items():
            refuse_taken(name, address)
        command = ["certwright.site.serve", "--lanes", ",".join(serving), "--application", plan.application]
        for number in range(1, plan.workers + 1):
            sockets = {name: bind(name, address) for name, address in plan.listen.items()}
            children.append(Child(f"serving process {number}", command, sockets))
    if "worker" in plan.lanes:
        children.append(Child("worker", [plan.worker], serves=False))
    if not children:
        raise Malformed(f"nothing to run; lanes are {', '.join(LANES)}")
    return children


class Supervisor:
    """Runs a plan until it is told to stop, or until there is no use in going on."""

    def __init__(self, plan: Plan, children: list[Child]) -> None:
        self._plan = plan
        self._children = children
        self._metrics = Path(plan.home) / "run" / "metrics"
        self._environment = {**os.environ, **plan.environment, METRICS_VARIABLE: str(self._metrics)}
        self._strangers = frozenset(_own_children())
        self._process_id = os.getpid()
        self._libc = ctypes.CDLL(None, use_errno=True)
        self._signals: list[int] = []
        self._settled = False
        self._failure = ""
        self._status = 0

    def run(self) -> int:
        """Returns the exit status: 0 after a stop that was asked for."""
        self._prepare()
        wakeup = self._catch_signals()
        while not self._signals and not self._failure:
            self._start_due()
            self._wait(wakeup)
            self._reap()
            self._kill_silent()
            self._announce()
        if self._failure:
            _say(self._failure)
        self._stop(wakeup)
        return self._status

    def _prepare(self) -> None:
        """Many open files; orphans of our children come to us; numbers of an earlier run are gone."""
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        wanted = OPEN_FILES if hard == resource.RLIM_INFINITY else min(OPEN_FILES, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, wanted), hard))
        self._libc.prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
        self._metrics.mkdir(mode=0o700, parents=True, exist_ok=True)
        forget_metrics(self._metrics, lambda pid: not _alive(pid), only_live_gauges=False)

    def _catch_signals(self) -> int:
        """A pipe that becomes readable at every signal."""
        reading, writing = os.pipe()
        os.set_blocking(reading, False)
        os.set_blocking(writing, False)
        signal.set_wakeup_fd(writing, warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda number, frame: None)
        for number in STOP_SIGNALS:
            signal.signal(number, lambda number, frame: self._signals.append(number))
        return reading

    # -- starting

    def _start_due(self) -> None:
        now = time.monotonic()
        for child in self._children:
            if child.process is None and child.start_at <= now:
                self._start(child, now)

    def _start(self, child: Child, now: float) -> None:
        reading, writing = os.pipe()
        os.set_blocking(reading, False)
        listening = [f"--{name}={bound.fileno()}" for name, bound in child.sockets.items()]
        child.process = subprocess.Popen(
            [sys.executable, "-m", *child.command, *listening],
            env={**self._environment, HEART_VARIABLE: str(writing)},
            stdin=subprocess.DEVNULL,
            pass_fds=[*(bound.fileno() for bound in child.sockets.values()), writing],
            preexec_fn=self._die_with_us,  # noqa: PLW1509 - we have one thread
        )
        os.close(writing)
        child.heart, child.ready, child.started, child.heard = reading, False, now, now

    def _die_with_us(self) -> None:
        """In the child, before it becomes another program: if we are killed, it is told to end."""
        self._libc.prctl(PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)
        if os.getppid() != self._process_id:
            os._exit(1)

    # -- watching

    def _wait(self, wakeup: int) -> None:
        hearts = {child.heart: child for child in self._children if child.heart >= 0}
        pauses = [child.start_at - time.monotonic() for child in self._children if child.process is None]
        seconds = max(0.0, min([1.0, *pauses]))
        readable, _, _ = select.select([wakeup, *hearts], [], [], seconds)
        for descriptor in readable:
            beat = _drain(descriptor)
            child = hearts.get(descriptor)
            if child is not None and beat:
                child.ready, child.heard = True, time.monotonic()
            elif child is not None:
                self._close_heart(child)

    def _close_heart(self, child: Child) -> None:
        if child.heart >= 0:
            os.close(child.heart)
            child.heart = -1

    def _reap(self) -> None:
        """Collect what has ended: children, and what they left behind."""
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if pid == 0:
                return
            for child in self._children:
                if child.process is not None and child.process.pid == pid:
                    child.process.returncode = os.waitstatus_to_exitcode(status)
                    self._bury(child, child.process)

    def _bury(self, child: Child, process: subprocess.Popen[bytes]) -> None:
        child.process = None
        self._close_heart(child)
        forget_metrics(self._metrics, lambda pid: pid == process.pid, only_live_gauges=True)
        self._kill_orphans()
        if self._signals or self._failure:
            return
        self._plan_next_life(child, process.returncode)

    def _plan_next_life(self, child: Child, status: int) -> None:
        """A child that was ready comes back at once; one that never was, after longer and longer pauses."""
        now = time.monotonic()
        child.early_deaths = 0 if child.settled(now) else min(child.early_deaths + 1, EARLY_DEATHS_MAX)
        shortest, longest = PAUSE_SECONDS
        child.start_at = now + min(shortest * 2**child.early_deaths, longest)
        if status == EX_CONFIG and not self._settled:
            self._failure = f"the {child.name} cannot run as it is configured; ending"
            self._status = EX_CONFIG
        elif child.early_deaths >= EARLY_DEATHS_MAX and not self._settled:
            self._failure = f"the {child.name} died {EARLY_DEATHS_MAX} times before it was ready; ending"
            self._status = 1
        else:
            _say(f"the {child.name} ended with status {status}; starting it again")

    def _kill_silent(self) -> None:
        """A serving process whose loop stands still is as good as dead, and holds on to its connections."""
        now = time.monotonic()
        for child in self._children:
            patience = SILENCE_SECONDS if child.ready else START_SECONDS
            if child.serves and child.process and now - child.heard > patience:
                _say(f"the {child.name} has not moved for {patience:g} s; killing it")
                child.heard = now
                child.process.kill()

    def _announce(self) -> None:
        """Once, when every child is ready, or has lived long enough to be believed."""
        now = time.monotonic()
        if not self._settled and all(child.process and child.settled(now) for child in self._children):
            self._settled = True
            print(self._plan.announcement, flush=True)  # noqa: T201 - this is what `up` says

    # -- stopping

    def _stop(self, wakeup: int) -> None:
        """SIGTERM to all; SIGKILL after a while, or at a second request to stop."""
        asked, deadline = len(self._signals), time.monotonic() + STOP_SECONDS
        self._signal_all(signal.SIGTERM)
        while self._running() and time.monotonic() < deadline and len(self._signals) == asked:
            select.select([wakeup], [], [], max(0.0, min(0.5, deadline - time.monotonic())))
            _drain(wakeup)
            self._reap()
        self._signal_all(signal.SIGKILL)
        while self._running():
            time.sleep(0.01)
            self._reap()
        self._kill_orphans()

    def _running(self) -> list[subprocess.Popen[bytes]]:
        return [child.process for child in self._children if child.process is not None]

    def _signal_all(self, number: int) -> None:
        for process in self._running():
            with suppress(ProcessLookupError):
                os.kill(process.pid, number)

    def _kill_orphans(self) -> None:
        """Processes that a child of ours had started and left: the kernel has made them ours."""
        ours = {process.pid for process in self._running()}
        for pid in set(_own_children()) - ours - self._strangers:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)


def forget_metrics(folder: Path, gone: Callable[[int], bool], *, only_live_gauges: bool) -> None:
    """Remove the metric files of processes that are gone: all, or those that speak of living ones only."""
    for path in folder.glob("*.db"):
        match = re.fullmatch(r"([a-z_]+)_(\d+)\.db", path.name)
        if match and gone(int(match[2])) and (match[1].startswith("gauge_live") or not only_live_gauges):
            path.unlink(missing_ok=True)


def _alive(pid: int) -> bool:
    return Path(f"/proc/{pid}").exists()


def _own_children() -> Iterable[int]:
    listed = Path(f"/proc/self/task/{os.getpid()}/children").read_text()
    return map(int, listed.split())


def _drain(descriptor: int) -> bool:
    """Read what is there. False at the end of the pipe."""
    with suppress(BlockingIOError):
        return bool(os.read(descriptor, 4096))
    return True


def _say(line: str) -> None:
    sys.stderr.write(f"certwright: {line}\n")
    sys.stderr.flush()


def main() -> int:
    document = json.loads(sys.argv[1])
    plan = Plan(**{**document, "lanes": tuple(document.get("lanes", LANES))})
    try:
        children = children_of(plan)
    except (Malformed, Conflict) as error:
        _say(error.detail)
        return EX_CONFIG if isinstance(error, Malformed) else 1
    return Supervisor(plan, children).run()


if __name__ == "__main__":
    sys.exit(main())
