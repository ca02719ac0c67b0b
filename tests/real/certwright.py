"""Certwright itself: an installation founded as `certwright init` does it, served as real processes.

`founded` makes one; each test takes a copy of it (a folder, and a database of the run's kind) and serves that
on loopback ports of its own. Nothing is shared between copies. The settings of a copy stand in its
certwright.toml, so that whatever is given its folder finds them, the command line too.
"""

import asyncio
import json
import os
import random
import shutil
import socket
import ssl
import sys
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, TypeVar

import httpx

from certwright.core.access import Actor, Grant, Role
from certwright.core.keys import KeyAlgorithm
from certwright.operations.context import Context
from certwright.operations.found_installation import EndpointOrder, save_endpoint
from certwright.operations.save_base_url import save_base_url
from certwright.site.configuration import Configuration
from certwright.site.installation import initialize
from certwright.site.supervisor import Plan
from certwright.site.wiring import now, open_context
from tests.real import postgresql, processes, signed

Result = TypeVar("Result")
Settings = Mapping[str, Any]

ADMINISTRATOR = Actor("local:test", (Grant(Role.ADMINISTRATOR),))
LISTENERS = ("https", "http", "mtls")
CHECKOUT = Path(__file__).resolve().parents[2]
PORTS = range(20_000, 32_000)  # below those that the kernel gives to outgoing connections
READY = "certwright is served"
SECONDS = 90


@dataclass(frozen=True, slots=True)
class Home:
    """An installation that nobody serves yet. `recovery_passphrase` opens the root's key; `password` is the
    administrator's first."""

    folder: Path
    ports: dict[str, int]
    database_url: str = field(repr=False)
    recovery_passphrase: str = field(repr=False)
    password: str = field(repr=False)

    @property
    def root(self) -> Path:
        """The root certificate, PEM: what clients must trust."""
        return self.folder / "root.pem"

    @property
    def configuration(self) -> Configuration:
        return Configuration.load(self.folder)

    def configure(self, settings: Settings) -> None:
        """Write settings into certwright.toml, tables as mappings; before it is served."""
        written = self.folder / "settings.json"
        known: dict[str, Any] = json.loads(written.read_text()) if written.exists() else {}
        known.update(settings)
        written.write_text(json.dumps(known))
        (self.folder / "certwright.toml").write_text(_toml(known))

    def run(self, act: Callable[[Context], Awaitable[Result]], clock: Callable[[], datetime] = now) -> Result:
        """Run operations in this process on the same database, beside whatever serves it."""

        async def within() -> Result:
            async with open_context(self.configuration, "test", clock) as context:
                return await act(context)

        return asyncio.run(within())

    def endpoint(
        self,
        name: str,
        settings: Settings | None = None,
        policy: Settings | None = None,
        profiles: tuple[str, ...] = ("tls-server",),
        authority: str = "issuing",
    ) -> None:
        """Make or change an ACME endpoint. Those who serve know of it a quarter of a second later."""
        order = EndpointOrder("acme", name, authority, profiles, dict(policy or {}), dict(settings or {}))
        self.run(lambda context: save_endpoint(context, ADMINISTRATOR, order))

    @contextmanager
    def served(
        self,
        workers: int = 1,
        lanes: tuple[str, ...] = ("fast", "console"),
        ports: dict[str, int] | None = None,
        environment: Mapping[str, str] | None = None,
    ) -> Iterator["Site"]:
        """Serve it for the block, under a supervisor with `workers` serving processes. Other `ports` than the
        home's own make a second site of the same installation."""
        ports = ports or self.ports
        overrides = {name: f"127.0.0.1:{port}" for name, port in ports.items()}
        configuration = Configuration.load(self.folder, overrides)
        listen = {name: str(address) for name, address in configuration.listeners.items()}
        plan = Plan(
            str(self.folder),
            listen,
            workers,
            lanes,
            READY,
            configuration.environment() | dict(environment or {}),
        )
        log = self.folder / f"log-{ports['https']}"
        with processes.start(
            [sys.executable, "-m", "certwright.site.supervisor", json.dumps(asdict(plan))],
            log=log,
            port=ports["https"] if {"fast", "console"} & set(lanes) else None,
            ready=READY,
            seconds=SECONDS,
            folder=CHECKOUT,
        ) as server:
            yield Site(self, ports, server)


@dataclass(frozen=True, slots=True)
class Site:
    """A running installation."""

    home: Home
    ports: dict[str, int]
    server: processes.Server = field(repr=False)

    @property
    def pid(self) -> int:
        """Of the supervisor."""
        return self.server.process.pid

    @property
    def directory(self) -> str:
        """The ACME directory of the default endpoint."""
        return self.acme("default")

    def acme(self, endpoint: str) -> str:
        return self.url("https", f"/acme/{endpoint}/directory")

    def url(self, listener: str, path: str = "/") -> str:
        scheme = "http" if listener == "http" else "https"
        return f"{scheme}://localhost:{self.ports[listener]}{path}"

    def trust(self) -> ssl.SSLContext:
        return ssl.create_default_context(cafile=str(self.home.root))

    def client(self) -> httpx.Client:
        """Keeps its connection, and with that the serving process it speaks to."""
        return httpx.Client(verify=self.trust(), timeout=30)

    def get(self, listener: str, path: str, **headers: str) -> httpx.Response:
        return httpx.get(self.url(listener, path), headers=headers, verify=self.trust(), timeout=30)


def found(
    folder: Path,
    kind: str,
    run: Path,
    algorithm: KeyAlgorithm = KeyAlgorithm.ECDSA_P256,
    cluster: postgresql.Postgresql | None = None,
) -> Home:
    """Found an installation of this kind of database in a new folder; about a second. `run` is the test run's
    shared folder, `cluster` another PostgreSQL than the run's."""
    ports = claim_ports(run)
    folder.mkdir(parents=True)
    url = f"sqlite:///{folder / 'certwright.sqlite3'}"
    if kind == "postgresql":
        cluster = cluster or postgresql.shared(run)
        name = f"founded_{ports['https']}"
        cluster.create(name)
        url = cluster.url(name)
    settings = _settings(ports, kind, url)
    (folder / "certwright.toml").write_text(_toml(settings))
    configuration = Configuration.load(folder)
    made = asyncio.run(initialize(configuration, "Example, Inc.", algorithm, lambda text: None))
    home = Home(folder, ports, url, made.recovery_passphrase, made.password)
    home.configure(settings)
    return home


@contextmanager
def copy(original: Home, folder: Path, run: Path, *, same_ports: bool = False) -> Iterator[Home]:
    """A copy of an installation that is not being served, for the block.

    With `same_ports` it takes those of the original, so that the pointers in the issuing authority's own
    certificate lead to it too; only one such copy may be served at a time.
    """
    ports = original.ports if same_ports else claim_ports(run)
    shutil.copytree(original.folder, folder)
    with _copied_database(original, folder, run) as url:
        home = Home(folder, ports, url, original.recovery_passphrase, original.password)
        home.configure(_settings(ports, url.partition(":")[0], url))
        if not same_ports:
            home.run(lambda context: save_base_url(context, ADMINISTRATOR, home.configuration.url))
        yield home
        signed.keep(url, folder / "ocsp")


@contextmanager
def _copied_database(original: Home, folder: Path, run: Path) -> Iterator[str]:
    if original.database_url.startswith("sqlite"):
        yield f"sqlite:///{folder / 'certwright.sqlite3'}"
        return
    with postgresql.shared(run).database(original.database_url.rpartition("/")[2]) as url:
        yield url


def _settings(ports: Mapping[str, int], kind: str, url: str) -> dict[str, Any]:
    listen = {name: f"127.0.0.1:{port}" for name, port in ports.items()}
    return listen | ({"database": url} if kind == "postgresql" else {})


def claim_ports(run: Path) -> dict[str, int]:
    """A free loopback port for each listener, which no other test of this run is given."""
    return {name: _claim_port(run) for name in LISTENERS}


def _claim_port(run: Path) -> int:
    claimed = run / "ports"
    claimed.mkdir(exist_ok=True)
    for port in random.sample(PORTS, 100):
        with suppress(OSError), socket.socket() as probe:
            probe.bind(("127.0.0.1", port))
            os.close(os.open(claimed / str(port), os.O_CREAT | os.O_EXCL))
            return port
    raise processes.ServerFailed("no free port in a hundred tries")


def _toml(settings: Settings, above: str = "") -> str:
    """Settings and tables of them, within each other too; strings, numbers, truth values and lists are
    written as in JSON."""
    plain = [
        f"{json.dumps(name)} = {json.dumps(value)}"
        for name, value in settings.items()
        if not _is_table(value)
    ]
    for table, values in settings.items():
        if _is_table(values):
            name = f"{above}{json.dumps(table)}"
            plain += [f"[{name}]", _toml(values, f"{name}.")]
    return "\n".join(plain) + "\n"


def _is_table(value: object) -> bool:
    return isinstance(value, Mapping)
