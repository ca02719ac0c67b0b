"""What every test may ask for. The database fixtures give the kind that CERTWRIGHT_TEST_DATABASE names."""

import os
import random
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import is_hypothesis_test, settings

from tests.real import databases
from tests.real import postgresql as real_postgresql
from tests.real import softhsm as real_softhsm
from tests.real.databases import Database
from tests.real.postgresql import Postgresql
from tests.real.softhsm import SoftHsm

if TYPE_CHECKING:
    from tests.real.certwright import Home, Site

RUN = "CERTWRIGHT_TEST_RUN"
KIND = os.environ.get("CERTWRIGHT_TEST_DATABASE", "sqlite")
FULL = os.environ.get("CERTWRIGHT_TEST_FULL") == "1"
SEED = "CERTWRIGHT_TEST_SEED"
SHORT_ON_POSTGRESQL = (
    *("operations/", "status/", "store/", "real/test_databases.py", "real/test_postgresql.py"),
    *("faults/test_kill.py", "faults/test_database_loss.py", "faults/test_interleaved.py"),
    *("faults/test_concurrency.py", "faults/test_every_call_fails_once.py", "faults/test_lost_answers.py"),
    *("worker/test_worker.py", "worker/test_durable.py", "worker/test_kills.py", "worker/test_audit.py"),
    *("cli/test_databases.py", "api/test_lists.py", "api/test_published_faults.py", "console/test_search.py"),
    *("protocols/acme/test_http_orders.py", "protocols/acme/test_http_finalize.py"),
)
"""Where it matters which database it is, by how paths below this folder begin: what reads and writes rows,
and what must survive. The short run does what comes after that, commands, pages, protocols' messages and
clients, on SQLite alone."""
MEMORY = Path("/dev/shm")
ROOM_OCTETS = 8 << 30
DATABASE_FIXTURES = {"database", "empty_database", "db", "transactional_db", "founded"}

# A slow machine is no failure, hence no deadline. The short run takes the same examples every time, so
# that it says the same twice; the full run looks for new ones, from a seed that it prints.
settings.register_profile("short", deadline=None, derandomize=True, max_examples=40)
settings.register_profile("full", deadline=None, max_examples=1000, print_blob=True)
settings.load_profile("full" if FULL else "short")


def pytest_configure(config: pytest.Config) -> None:
    if KIND not in {"sqlite", "postgresql"}:
        raise pytest.UsageError(f"CERTWRIGHT_TEST_DATABASE is {KIND!r}; it must be sqlite or postgresql")
    for name in ("NO_PROXY", "no_proxy"):  # what the tests talk to is on loopback
        os.environ[name] = "127.0.0.1,::1,localhost,.localhost"
    if not hasattr(config, "workerinput"):
        if "TMPDIR" not in os.environ and has_room(MEMORY):
            os.environ["TMPDIR"] = tempfile.tempdir = str(MEMORY)
        os.environ[RUN] = tempfile.mkdtemp(prefix="certwright-tests-")
        if FULL:  # workers find it here
            os.environ.setdefault(SEED, str(random.SystemRandom().randrange(1, 2**32)))
    if FULL:
        config.option.hypothesis_seed = os.environ[SEED]  # as `--hypothesis-seed`, which is looked at next


def has_room(folder: Path) -> bool:
    """Whether temporary files may lie there: databases keep their settings, but waiting for a disk, which
    a killed process never notices, is most of their time."""
    if not folder.is_dir():
        return False
    known = os.statvfs(folder)
    return not known.f_flag & os.ST_NOEXEC and known.f_bavail * known.f_frsize >= ROOM_OCTETS


def pytest_report_header() -> list[str]:
    return [f"{SEED}={os.environ[SEED]} repeats what chance chose"] if FULL else []


def pytest_unconfigure(config: pytest.Config) -> None:
    """The first process of the run stops what its workers shared, whatever became of them."""
    if not hasattr(config, "workerinput") and RUN in os.environ:
        run = Path(os.environ.pop(RUN))
        real_postgresql.stop_shared(run)
        shutil.rmtree(run, ignore_errors=True)


def pytest_ignore_collect(collection_path: Path) -> bool | None:
    """What the short run on PostgreSQL leaves out need not be read."""
    left_out = not FULL and collection_path.suffix == ".py" and not runs_short(collection_path)
    return True if left_out and collection_path.name != "conftest.py" else None


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    for item in items:
        if DATABASE_FIXTURES.intersection(getattr(item, "fixturenames", ())) or item.get_closest_marker(
            "django_db"
        ):
            item.add_marker("database")
        if is_longer(item):
            item.add_marker("longer")
    left_out = [item for item in items if not is_taken(item)]
    gone = set(left_out)
    items[:] = [item for item in items if item not in gone]
    config.hook.pytest_deselected(items=left_out)


def is_taken(item: pytest.Item) -> bool:
    """The full run takes what the short one leaves out or does smaller, and nothing twice."""
    short = item.get_closest_marker("full") is None and runs_short(item.path)
    return not short or item.get_closest_marker("longer") is not None if FULL else short


def is_longer(item: pytest.Item) -> bool:
    """Whether it asks how long to be."""
    chance = {"full", "seed"}.intersection(getattr(item, "fixturenames", ()))
    return bool(chance) or is_hypothesis_test(getattr(item, "obj", None))


def runs_short(path: Path) -> bool:
    """Whether the short run looks into this file, on this kind of database."""
    place = path.relative_to(Path(__file__).parent).as_posix()
    return KIND == "sqlite" or place.startswith(SHORT_ON_POSTGRESQL)


@pytest.fixture(scope="session")
def full() -> bool:
    """Whether this is the long run: then do 200 where the short one does 20."""
    return FULL


@pytest.fixture(scope="session")
def seed() -> int:
    """What fuzzing begins from: the same in every short run, new in each full one. CERTWRIGHT_TEST_SEED
    repeats a run."""
    return int(os.environ.get(SEED, "1"))


@pytest.fixture(scope="session")
def postgresql() -> Postgresql:
    """The run's PostgreSQL cluster, shared by all workers. Ask it for a database of your own."""
    return real_postgresql.shared(Path(os.environ[RUN]))


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    """A database with our tables and no rows, of the kind this run is for; gone after the test."""
    with databases.with_tables(KIND, Path(os.environ[RUN]), tmp_path) as made:
        yield made


@pytest.fixture
def empty_database(tmp_path: Path) -> Iterator[Database]:
    """Like `database`, without tables: for what makes them itself."""
    with databases.empty(KIND, Path(os.environ[RUN]), tmp_path) as made:
        yield made


@pytest.fixture(scope="session")
def softhsm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SoftHsm]:
    """A PKCS#11 token for this worker process; SOFTHSM2_CONF points at it. Keep apart by key labels."""
    token = real_softhsm.make(tmp_path_factory.mktemp("softhsm"))
    with pytest.MonkeyPatch.context() as environment:
        for name, value in token.environment.items():
            environment.setenv(name, value)
        yield token


@pytest.fixture(scope="session")
def founded(tmp_path_factory: pytest.TempPathFactory) -> "Home":
    """An installation, founded once for this worker process. Copy it (`real.certwright.copy`) to serve it."""
    from tests.real import certwright as real_certwright  # most tests do without, and start sooner

    return real_certwright.found(tmp_path_factory.mktemp("founded") / "home", KIND, Path(os.environ[RUN]))


@pytest.fixture
def installation(founded: "Home", tmp_path: Path) -> Iterator["Home"]:
    """An installation of the test's own, not served; settings may still be made."""
    from tests.real import certwright as real_certwright

    with real_certwright.copy(founded, tmp_path / "home", Path(os.environ[RUN])) as home:
        yield home


@pytest.fixture
def certwright(installation: "Home") -> Iterator["Site"]:
    """An installation of the test's own, served by one process."""
    with installation.served() as site:
        yield site
