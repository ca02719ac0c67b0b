"""One private PostgreSQL cluster per test run, shared by its workers; a fresh database per test.

The cluster lies in a temporary folder, listens on loopback and on a socket in that folder, asks for a
password, and keeps PostgreSQL's own settings for durability: what the tests see is what production does.
"""

import json
import os
import pwd
import re
import secrets
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

import psycopg
from psycopg import sql

from tests.real.locks import lock
from tests.real.packages import need
from tests.real.processes import free_port

SECONDS = 120
CONNECTIONS = 300


class PostgresqlFailed(Exception):
    """The cluster could not be made or started. The message holds the end of its log."""


@dataclass(frozen=True, slots=True)
class Postgresql:
    """A running cluster: `folder` holds data, socket and log."""

    programs: str
    folder: str
    port: int
    user: str
    password: str

    def url(self, database: str) -> str:
        """The database's address on loopback, as postgresql:// URL with the password in it."""
        return f"postgresql://{self.user}:{self.password}@127.0.0.1:{self.port}/{database}"

    @contextmanager
    def database(self, template: str = "template0") -> Iterator[str]:
        """A database of its own for the block, a copy of `template`; gives its URL. Dropped at the end
        with whoever is still connected."""
        name = f"test_{secrets.token_hex(8)}"
        self.create(name, template)
        try:
            yield self.url(name)
        finally:
            self.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))

    def create(self, name: str, template: str = "template0") -> None:
        """Make a database that stays until the cluster goes."""
        self.execute(
            sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(sql.Identifier(name), sql.Identifier(template))
        )

    def execute(self, statement: sql.Composed) -> None:
        """One administrative statement, outside a transaction."""
        with psycopg.connect(self.url("postgres"), autocommit=True, connect_timeout=10) as connection:
            connection.execute(statement)

    def stop(self) -> None:
        """Stop the server and remove the cluster."""
        self.halt()
        shutil.rmtree(self.folder, ignore_errors=True)

    def halt(self) -> None:
        """Stop at once, as `crash` does, and stay away until `resume`."""
        _run(self.programs, "pg_ctl", "stop", "--pgdata", f"{self.folder}/data", "--mode", "immediate")

    def resume(self) -> None:
        """Start again after `halt`."""
        data, log = f"{self.folder}/data", f"{self.folder}/log"
        _run(self.programs, "pg_ctl", "start", "--pgdata", data, "--log", log, "--wait")

    def crash(self) -> None:
        """Stop at once without a checkpoint, as a power cut would, and start again: recovery from the log."""
        _run(self.programs, "pg_ctl", "restart", "--pgdata", f"{self.folder}/data", "--mode", "immediate")


def shared(run: Path) -> Postgresql:
    """The cluster of this test run, started by whichever worker needs it first. `run` is the run's folder;
    `stop_shared` ends what was started there."""
    state = run / "postgresql.json"
    with lock(run / "postgresql.lock", SECONDS * 2):
        if state.exists():
            return Postgresql(**json.loads(state.read_text()))
        cluster = start()
        state.write_text(json.dumps(asdict(cluster)))
        return cluster


def stop_shared(run: Path) -> None:
    """Stop the cluster that `shared` started for this run, if it did."""
    state = run / "postgresql.json"
    if state.exists():
        Postgresql(**json.loads(state.read_text())).stop()
        state.unlink()


def start() -> Postgresql:
    """Make a cluster in a temporary folder and start it. Raises PostgresqlFailed or PackagesMissing."""
    programs = str(_programs())
    folder = tempfile.mkdtemp(prefix="certwright-postgresql-")
    password = secrets.token_hex(16)
    secret = Path(folder, "password")
    secret.write_text(password)
    if os.geteuid() == 0:
        owner = pwd.getpwnam("postgres")
        for path in (Path(folder), secret):
            os.chown(path, owner.pw_uid, owner.pw_gid)
    cluster = Postgresql(programs, folder, free_port(), "certwright", password)
    try:
        _found(cluster, secret)
        _run(programs, "pg_ctl", "start", "--pgdata", f"{folder}/data", "--log", f"{folder}/log", "--wait")
    except PostgresqlFailed as error:
        log = Path(folder, "log")
        written = log.read_text(errors="replace")[-2000:] if log.exists() else ""
        shutil.rmtree(folder, ignore_errors=True)
        raise PostgresqlFailed(f"{error}\n{written}") from None
    return cluster


def _found(cluster: Postgresql, secret: Path) -> None:
    data = f"{cluster.folder}/data"
    authentication = ["--auth", "scram-sha-256", "--username", cluster.user, "--pwfile", str(secret)]
    _run(
        cluster.programs,
        "initdb",
        "--pgdata",
        data,
        "--encoding",
        "UTF8",
        "--locale",
        "C.UTF-8",
        *authentication,
    )
    secret.unlink()
    with Path(data, "postgresql.conf").open("a") as settings:
        settings.write(f"listen_addresses = '127.0.0.1'\nport = {cluster.port}\n")
        settings.write(f"unix_socket_directories = '{cluster.folder}'\nmax_connections = {CONNECTIONS}\n")


def _programs() -> Path:
    """The newest PostgreSQL's bin folder, installed first if there is none."""
    if not list(Path("/usr/lib/postgresql").glob("*/bin/initdb")):
        need("postgresql")
    found = Path("/usr/lib/postgresql").glob("*/bin/initdb")
    return max(found, key=lambda path: int(re.sub(r"\D", "", path.parts[-3]))).parent


def _run(programs: str, program: str, *arguments: str) -> None:
    """Run one of PostgreSQL's programs, as its own user where we are root (it refuses to run as root)."""
    command = [f"{programs}/{program}", *arguments]
    if os.geteuid() == 0:
        command = ["setpriv", "--reuid=postgres", "--regid=postgres", "--init-groups", *command]
    try:
        subprocess.run(
            command,
            cwd="/",
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            check=True,
            timeout=SECONDS,
        )
    except subprocess.TimeoutExpired:
        raise PostgresqlFailed(f"{program} was not done within {SECONDS} s") from None
    except subprocess.CalledProcessError as error:
        raise PostgresqlFailed(
            f"{program}: {error.stderr.decode(errors='replace').strip()[-1000:]}"
        ) from None
