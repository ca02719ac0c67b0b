"""Two processes on one database do the same at once, or one changes what the other stands on."""

import asyncio
import json
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from certwright.core.access import Actor
from certwright.core.request import parse_csr
from certwright.operations.context import Context
from certwright.operations.found_authority import retire_authority
from certwright.operations.issue import IssueOrder, issue
from certwright.store.rows import AuditEventRow, CertificateRow, StatusChangeRow
from tests.faults.facts import check_audit, check_records_hold
from tests.real.certwright import CHECKOUT
from tests.real.databases import Database
from tests.real.pki import ADMINISTRATOR, MovableClock, Secrets, found, make_csr, opened

SECONDS = 120
STOCK = Actor("local:stock", ADMINISTRATOR.grants)
KEPT = Secrets()


class Rival:
    """One process of the two."""

    def __init__(self, url: str, act: str, **wanted: Any) -> None:
        document = {"url": url, "key": KEPT.key_encryption_key.hex(), "act": act, **wanted}
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tests.faults.rival", json.dumps(document)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            cwd=CHECKOUT,
            text=True,
        )

    def ready(self) -> None:
        assert self.process.stdout is not None
        assert self.process.stdout.readline() == "ready\n"

    def go(self) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write("\n")
        self.process.stdin.flush()

    def next(self) -> dict[str, Any]:
        assert self.process.stdout is not None
        outcome: dict[str, Any] = json.loads(self.process.stdout.readline())
        return outcome

    def rest(self) -> list[dict[str, Any]]:
        """What became of everything, once it has ended."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.close()
        found = [json.loads(line) for line in self.process.stdout]
        assert self.process.wait(SECONDS) == 0
        return found


@contextmanager
def rivals(*both: Rival) -> Iterator[None]:
    """They begin together, and are gone after the block."""
    try:
        for rival in both:
            rival.ready()
        for rival in both:
            rival.go()
        yield
    finally:
        for rival in both:
            rival.process.kill()
            rival.process.wait()
            for stream in (rival.process.stdin, rival.process.stdout):
                if stream is not None:
                    stream.close()


def within(url: str, body: Callable[[Context], Awaitable[Any]]) -> Any:
    async def main() -> Any:
        async with opened(url, KEPT, MovableClock()) as context:
            return await body(context)

    return asyncio.run(main())


async def stock(context: Context, count: int) -> list[str]:
    await found(context)
    request = parse_csr(make_csr("a.example.test"))
    order = IssueOrder(STOCK, request, "issuing", "tls-server")
    made = await asyncio.gather(*[issue(context, order) for _ in range(count)])
    return [one.row.fingerprint.hex() for one in made]


async def holds(context: Context) -> None:
    await check_records_hold(context)
    await check_audit(context)


def test_the_same_authorities_founded_at_once(database: Database) -> None:
    within(database.url, lambda context: stock(context, 0))
    names = [f"same-{number}" for number in range(12)]
    both = Rival(database.url, "found", names=names), Rival(database.url, "found", names=names)
    with rivals(*both):
        outcomes = [one for rival in both for one in rival.rest()]

    async def check(context: Context) -> None:
        for name in names:
            mine = [one for one in outcomes if one["act"] == name]
            [generation] = context.snapshot.of_authority(name)
            assert generation.certificate is not None, mine
            keys = {one["result"] for one in mine if "result" in one}
            assert keys <= {generation.row.spki_sha256.hex()}
            assert keys
            for one in mine:
                if "error" in one:
                    assert one["error"] == "Conflict", one
                    assert f"there is an authority {name} already" in one["detail"]
            digest = generation.row.spki_sha256
            assert len(await context.database.select(CertificateRow, '"spki_sha256" = ?', digest)) == 1
        await holds(context)

    within(database.url, check)


def test_the_same_certificates_revoked_at_once(database: Database) -> None:
    """In opposite orders, with lists signed by both in between."""
    references = within(database.url, lambda context: stock(context, 100))
    both = (
        Rival(database.url, "revoke", references=references),
        Rival(database.url, "revoke", references=references[::-1]),
    )
    with rivals(*both):
        outcomes = [one for rival in both for one in rival.rest()]
    answers = Counter(one["act"] for one in outcomes if one.get("result") is True)
    assert answers == Counter(references)
    for one in outcomes:
        if "error" in one:
            assert one["error"] == "Conflict", one
            assert "already revoked" in one["detail"] or "are being signed by others" in one["detail"]
    numbers = [one["result"] for one in outcomes if one["act"] == "crl" and "result" in one]
    assert len(numbers) == len(set(numbers))

    async def check(context: Context) -> None:
        assert len(await context.database.select(StatusChangeRow, "1 = 1")) == len(references)
        await holds(context)

    within(database.url, check)


def test_a_profile_saved_while_another_process_issues(database: Database) -> None:
    """In the order of commits no certificate follows the old version of its profile."""
    within(database.url, lambda context: stock(context, 0))
    issuing, saving = Rival(database.url, "issue"), Rival(database.url, "configure", times=15)
    with rivals(issuing, saving):
        saved = saving.rest()
        issued = issuing.rest()
    assert [one.get("result") for one in saved] == list(range(2, 17))
    # Under a storm of changes an issuance may have to be told to come again; it is not issued otherwise.
    assert {one.get("error", "") for one in issued} <= {"", "Reconfigured"}
    assert len({one["result"][1] for one in issued if "result" in one}) > 1

    async def check(context: Context) -> None:
        told = {one["result"][0]: one["result"][1] for one in issued if "result" in one}
        for row in await context.database.select(CertificateRow, '"profile" = ?', "tls-server"):
            assert told.pop(row.fingerprint.hex(), row.profile_number) == row.profile_number
        assert not told
        await holds(context)

    within(database.url, check)


@pytest.mark.parametrize("attempt", range(3))
def test_an_authority_retired_while_another_process_issues(database: Database, attempt: int) -> None:
    """What was answered came before; once retiring has been answered, nothing more is committed."""
    within(database.url, lambda context: stock(context, 0))
    issuing = Rival(database.url, "issue")

    async def retire(context: Context) -> int:
        await retire_authority(context, ADMINISTRATOR, "issuing")
        rows = await context.database.query('SELECT count(*) FROM "certificate"')
        count: int = rows[0][0]
        return count

    with rivals(issuing):
        for _ in range(5 + attempt * 7):
            assert "result" in issuing.next()
        count = within(database.url, retire)
        until = time.monotonic() + SECONDS
        while "result" in (outcome := issuing.next()):
            assert time.monotonic() < until
        assert outcome["error"] == "Conflict"
        assert "issuing is retired" in outcome["detail"]
        issuing.rest()

    async def check(context: Context) -> None:
        assert (await context.database.query('SELECT count(*) FROM "certificate"'))[0][0] == count
        kinds = [row.kind for row in await context.database.select(AuditEventRow, "1 = 1")]
        assert kinds.count("authority.retired") == 1
        await holds(context)

    within(database.url, check)
