"""Homes with an installation in them, workers that run there, and a look into both."""

import asyncio
import json
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec

from certwright.core.audit import EventKind
from certwright.core.keys import KeyAlgorithm
from certwright.core.names import parse_identifier
from certwright.core.request import request_for
from certwright.operations.context import Context
from certwright.operations.issue import IssueOrder, issue
from certwright.operations.verify_audit import verify_audit
from certwright.site.configuration import Configuration
from certwright.site.installation import initialize, read_checkpoint_key
from certwright.site.wiring import open_context
from certwright.store.rows import CertificateRow, CrlRow, OutboxRow
from tests.real.pki import ADMINISTRATOR
from tests.real.processes import Server, start
from tests.worker.process import STEPS

REPOSITORY = Path(__file__).parents[2]
SECONDS = 30
Result = TypeVar("Result")


@dataclass(slots=True)
class Home:
    """An installation. Every method opens it anew, as another process would."""

    configuration: Configuration
    started: int = 0
    environment_of_workers: dict[str, str] = field(default_factory=dict)

    @property
    def path(self) -> Path:
        return self.configuration.home

    @property
    def environment(self) -> dict[str, str]:
        """For processes that shall work in this home."""
        return {
            "CERTWRIGHT_HOME": str(self.path),
            "CERTWRIGHT_DATABASE": self.configuration.database_url,
            "CERTWRIGHT_LOG_FORMAT": "json",
        }

    @contextmanager
    def worker(self, **options: object) -> Iterator[Server]:
        """A worker that is ready; ended in order at the end of the block, if it still runs."""
        with self.start(**options) as server:
            yield server

    def start(self, ready: str = '"working"', **options: object) -> Server:
        """A worker that has said that it is `ready`."""
        self.started += 1
        return start(
            [sys.executable, "-m", "tests.worker.process", json.dumps(options)],
            log=self.path.parent / f"worker-{self.started}.log",
            ready=ready,
            environment={**self.environment, **self.environment_of_workers},
            folder=REPOSITORY,
        )

    def run(self, body: Callable[[Context], Awaitable[Result]]) -> Result:
        async def main() -> Result:
            async with self.opened() as context:
                return await body(context)

        return asyncio.run(main())

    @asynccontextmanager
    async def opened(self) -> AsyncIterator[Context]:
        async with open_context(self.configuration, "test") as context:
            yield context

    def steps(self) -> list[str]:
        """What work of the kind `test.wait` has noted: process, begin or end, name."""
        path = self.path / STEPS
        return path.read_text().splitlines() if path.exists() else []

    def let(self, name: str) -> None:
        """Let work that waits for this name go on."""
        (self.path / name).touch()


def found(folder: Path, database: str) -> Home:
    """A new installation, in a database with tables."""
    configuration = Configuration.load(folder / "home", {"database": database})
    asyncio.run(initialize(configuration, "Example", KeyAlgorithm.ECDSA_P256, lambda line: None))
    return Home(configuration)


def until(condition: Callable[[], object], seconds: float = SECONDS) -> None:
    """Wait for something that other processes bring about."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not come about"
        time.sleep(0.05)


async def until_true(condition: Callable[[], Awaitable[object]], seconds: float = SECONDS) -> None:
    deadline = time.monotonic() + seconds
    while not await condition():
        assert time.monotonic() < deadline, "it did not come about"
        await asyncio.sleep(0.05)


async def issued(context: Context, name: str, authority: str = "issuing") -> CertificateRow:
    key = ec.generate_private_key(ec.SECP256R1()).public_key()
    request = request_for(key, identifiers=(parse_identifier("dns", name),))
    return (await issue(context, IssueOrder(ADMINISTRATOR, request, authority, "tls-server"))).row


async def outbox(context: Context) -> list[OutboxRow]:
    return await context.database.select(OutboxRow, '1 = 1 ORDER BY "id"')


async def lists(context: Context, authority: str = "issuing/1", delta: bool = False) -> list[CrlRow]:
    """The lists there are of shard 0, by number."""
    generation = context.snapshot.generation(authority)
    sign = ">" if delta else "="
    return await context.database.select(
        CrlRow,
        f'"generation_id" = ? AND "shard" = 0 AND "base_number" {sign} 0 ORDER BY "number"',
        generation.id,
    )


def serials(row: CrlRow) -> set[int]:
    return {entry.serial_number for entry in x509.load_der_x509_crl(row.der)}


def serial_of(row: CertificateRow) -> int:
    return int.from_bytes(row.serial, "big")


async def numbers_published(context: Context) -> list[int]:
    """CRL numbers of the issuing authority's only shard, from the audit, which forgets none."""
    rows = await context.database.query(
        'SELECT "body" FROM "audit_event" WHERE "kind" = ? AND "subject" = ?',
        EventKind.CRL_PUBLISHED,
        "authority:issuing/1",
    )
    return [json.loads(row[0])["detail"]["number"] for row in rows]


async def audit_problems(home: Home, context: Context) -> list[str]:
    """What a check of the whole log finds, against the newest checkpoint kept outside the database."""
    folder = home.path / "audit"
    _, verifier = read_checkpoint_key(folder)
    held = (folder / "newest-checkpoint").read_text()
    report = await verify_audit(context.database, ADMINISTRATOR, [verifier], [held])
    return [str(one) for one in report.discrepancies]


async def unplaced(context: Context) -> int:
    """How many events have no place in the tree yet."""
    rows = await context.database.query('SELECT sum("events" - "sequenced") FROM "audit_writer"')
    return int(rows[0][0] or 0)
