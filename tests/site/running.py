"""The whole process tree, as `certwright up` starts it, around the toy application."""

import json
import ssl
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx

from certwright.site.configuration import create_django_secret
from tests.real.processes import Server, free_port, start
from tests.site.certificates import Identity, issue

REPOSITORY = Path(__file__).parents[2]
LAUNCH = (
    "import json, sys; from certwright.site.supervisor import *; "
    "replace_process(Plan(**json.loads(sys.argv[1])))"
)
READY = "the toy is served"


@dataclass(frozen=True, slots=True)
class Site:
    """A running site with a home folder and a root of its own."""

    home: Path
    ports: dict[str, int]
    root: Identity
    server: Server = field(repr=False)

    @property
    def pid(self) -> int:
        return self.server.process.pid

    def url(self, listener: str, path: str = "/") -> str:
        scheme = "http" if listener == "http" else "https"
        return f"{scheme}://localhost:{self.ports[listener]}{path}"

    def trust(self, identity: str = "") -> ssl.SSLContext:
        """A client's TLS context; `identity` names a certificate and key in the home folder."""
        context = ssl.create_default_context(cafile=str(self.home / "root.pem"))
        if identity:
            context.load_cert_chain(self.home / f"{identity}.pem", self.home / f"{identity}.key")
        return context

    def get(self, listener: str, path: str, **headers: str) -> httpx.Response:
        return httpx.get(self.url(listener, path), headers=headers, verify=self.trust(), timeout=60)

    def children(self, what: str = "certwright.site.serve") -> list[int]:
        """Processes of the tree that run `what`."""
        return [pid for pid in descendants(self.pid) if what in command_line(pid)]


def make_home(home: Path) -> Identity:
    """Keys and certificates of listeners and clients, and the file that Django needs. Gives the root."""
    home.mkdir(exist_ok=True)
    root = issue("toy root", authority=True)
    (home / "anchor.der").write_bytes(root.der)
    (home / "root.pem").write_bytes(root.certificate_pem)
    issue("listener", root).write(home, "listener")
    create_django_secret(home)
    return root


def plan_of(home: Path, ports: Mapping[str, int], **changes: object) -> str:
    listen = {listener: f"127.0.0.1:{port}" for listener, port in ports.items()}
    environment = {
        "CERTWRIGHT_HOME": str(home),
        **{f"CERTWRIGHT_{listener.upper()}": address for listener, address in listen.items()},
    }
    plan = {
        "home": str(home),
        "listen": listen,
        "workers": 1,
        "announcement": READY,
        "environment": environment,
        "application": "tests.site.toy:build",
        "worker": "tests.site.toy_worker",
        **changes,
    }
    return json.dumps(plan)


def launch(plan: str, log: Path, ready: str = READY, environment: Mapping[str, str] | None = None) -> Server:
    return start(
        [sys.executable, "-c", LAUNCH, plan],
        log=log,
        ready=ready,
        environment=environment,
        folder=REPOSITORY,
    )


@contextmanager
def running(home: Path, environment: Mapping[str, str] | None = None, **changes: object) -> Iterator[Site]:
    """A site with one serving process and a worker, unless `changes` of the plan say otherwise."""
    root = make_home(home)
    ports = {listener: free_port() for listener in ("https", "http", "mtls")}
    with launch(plan_of(home, ports, **changes), home / "log", environment=environment) as server:
        yield Site(home, ports, root, server)


def until(condition: Callable[[], object], seconds: float = 10) -> None:
    """Wait for something that other processes bring about."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise AssertionError("it did not come about")
        time.sleep(0.02)


def descendants(pid: int) -> list[int]:
    try:
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    except FileNotFoundError:
        return []
    found = [int(child) for child in children]
    return found + [deeper for child in found for deeper in descendants(child)]


def command_line(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode()
    except FileNotFoundError:
        return ""


def alive(pid: int) -> bool:
    """Whether the process runs; one that has ended and was not collected does not."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"


def proportional_memory(pid: int) -> int:
    """Proportional set size of a process, in octets."""
    rollup = Path(f"/proc/{pid}/smaps_rollup").read_text()
    kilobytes = next(line.split()[1] for line in rollup.splitlines() if line.startswith("Pss:"))
    return int(kilobytes) * 1024
