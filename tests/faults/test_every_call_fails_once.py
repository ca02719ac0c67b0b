"""Every call to the store and to a key fails once, at every step of issuing and revoking.

Afterwards no certificate exists outside that is not on record, the audit chains are whole, and asking again
succeeds. A call fails either before it has done anything, or after it has been done, as when a connection is
lost between a commit and its answer.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest

from certwright.core.audit import EventRow, Head
from certwright.core.audit_verify import verify_rows
from certwright.core.errors import CertwrightError, Conflict, Unavailable
from certwright.core.keys import PrivateKey
from certwright.core.request import parse_csr
from certwright.core.revocation import Reason
from certwright.operations.context import Context
from certwright.operations.issue import Issued, IssueOrder, issue
from certwright.operations.publish_crl import ListTimes, publish_crl
from certwright.operations.revoke import revoke_certificate
from certwright.plugins.keys.software import SoftwareKeys
from certwright.ports import KeyReference, KeySpec
from certwright.store.databases import Database, Transaction
from certwright.store.rows import AuditEventRow, AuditWriterRow, CertificateBodyRow, StatusChangeRow
from tests.real.pki import ADMINISTRATOR, MovableClock, Secrets, found, make_csr, opened


class Faults:
    """Counts calls, and fails the chosen one, before or after it is done."""

    def __init__(self) -> None:
        self.calls = 0
        self.fail_at = -1
        self.after = False

    def arm(self, fail_at: int, after: bool) -> None:
        self.calls, self.fail_at, self.after = 0, fail_at, after

    def before_call(self) -> bool:
        """Fails here, or says whether to fail once the call is done."""
        self.calls += 1
        if self.calls - 1 != self.fail_at:
            return False
        if not self.after:
            raise Unavailable("fault injected before the call")
        return True

    async def around(self, call: Callable[[], Awaitable[Any]]) -> Any:
        fail_after = self.before_call()
        result = await call()
        if fail_after:
            raise Unavailable("fault injected after the call")
        return result


class FaultyTransaction:
    def __init__(self, inner: Transaction, faults: Faults) -> None:
        self._inner, self._faults = inner, faults

    async def hold(self, exclusive: bool) -> None:
        await self._faults.around(lambda: self._inner.hold(exclusive))

    async def execute(self, sql: str, parameters: Any = ()) -> Any:
        return await self._faults.around(lambda: self._inner.execute(sql, parameters))

    async def insert(self, row_type: Any, rows: Any) -> None:
        await self._faults.around(lambda: self._inner.insert(row_type, rows))

    async def present(self, row_type: Any, column: str, values: Any) -> Any:
        return await self._faults.around(lambda: self._inner.present(row_type, column, values))


class FaultyDatabase:
    """The real database with faults before and after every call, the commit among them."""

    def __init__(self, inner: Database, faults: Faults) -> None:
        self._inner, self._faults = inner, faults
        self.lanes = inner.lanes

    async def select(self, row_type: Any, condition: str, *parameters: Any) -> Any:
        return await self._faults.around(lambda: self._inner.select(row_type, condition, *parameters))

    async def query(self, sql: str, *parameters: Any) -> Any:
        return await self._faults.around(lambda: self._inner.query(sql, *parameters))

    @asynccontextmanager
    async def transaction(self, lane: int) -> AsyncIterator[Any]:
        fail_after = False
        async with self._inner.transaction(lane) as transaction:
            yield FaultyTransaction(transaction, self._faults)
            fail_after = self._faults.before_call()
        if fail_after:
            raise Unavailable("fault injected after the commit")

    async def close(self) -> None:
        await self._inner.close()


class FaultyKeys:
    """Software keys whose every opening and signature may fail; `local` chooses the path with an intent."""

    def __init__(self, inner: SoftwareKeys, faults: Faults, local: bool) -> None:
        self._inner, self._faults, self.local = inner, faults, local

    def create(self, spec: KeySpec) -> KeyReference:
        return self._inner.create(spec)

    def open(self, key: KeyReference) -> PrivateKey:
        fail_after = self._faults.before_call()
        private_key = self._inner.open(key)
        if fail_after:
            raise Unavailable("fault injected after the key was opened")
        sign = private_key.sign

        def faulty_sign(*arguments: Any) -> bytes:
            fails = self._faults.before_call()
            signature: bytes = sign(*arguments)
            if fails:
                raise Unavailable("fault injected after the signature")
            return signature

        private_key.sign = faulty_sign  # type: ignore[method-assign]
        return private_key

    def destroy(self, key: KeyReference) -> None:
        self._inner.destroy(key)


Act = Callable[[Context, int], Awaitable[list[Issued]]]


async def act_issue(context: Context, number: int) -> list[Issued]:
    request = parse_csr(make_csr(f"host{number}.example.test"))
    return [await issue(context, IssueOrder(ADMINISTRATOR, request, "issuing", "tls-server"))]


async def act_revoke(context: Context, number: int) -> list[Issued]:
    """Issue in peace, then revoke and publish under faults."""
    rows = await context.database.query(
        'SELECT "fingerprint" FROM "certificate" WHERE "requester" = ? AND "revoked_at" IS NULL '
        'AND "profile" = ? LIMIT 1',
        "local:stock",
        "tls-server",
    )
    try:
        await revoke_certificate(context, ADMINISTRATOR, rows[0][0].hex(), Reason.SUPERSEDED, context.clock())
    except Conflict as error:
        assert "already revoked" in error.detail  # noqa: PT017 - most of the time there is no error
    await publish_crl(context, context.snapshot.issuing("issuing"), 0, scheduled=False, times=ListTimes())
    return []


async def stock(context: Context, count: int) -> None:
    """Certificates to be revoked."""
    from certwright.core.access import Actor

    actor = Actor("local:stock", ADMINISTRATOR.grants)
    for number in range(count):
        request = parse_csr(make_csr(f"stock{number}.example.test"))
        await issue(context, IssueOrder(actor, request, "issuing", "tls-server"))


async def check_facts(database: Database, released: list[Issued]) -> None:
    """What was released is on record; the chains are whole; the feed has no gap."""
    bodies = {row.certificate_id: row.der for row in await database.select(CertificateBodyRow, "1 = 1")}
    for issued in released:
        assert bodies[issued.row.id] == issued.der
    certificates = await database.query('SELECT "id" FROM "certificate"')
    assert {row[0] for row in certificates} == set(bodies)
    heads = await database.select(AuditWriterRow, "1 = 1")
    rows = [EventRow(*row) for row in await database.select(AuditEventRow, '1 = 1 ORDER BY "id"')]
    assert not list(verify_rows(rows, {head.id: Head(head.events, head.head) for head in heads}))
    issued_events = [row for row in rows if row.kind == "certificate.issued"]
    assert len(issued_events) == len(certificates)
    feed = [row.seq for row in await database.select(StatusChangeRow, '1 = 1 ORDER BY "seq"')]
    assert feed == list(range(1, len(feed) + 1))
    numbers = await database.query('SELECT "number" FROM "crl" WHERE "base_number" = 0 ORDER BY "id"')
    assert len(numbers) == len(set(numbers))


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("local", [True, False], ids=["local-key", "module-key"])
@pytest.mark.parametrize("act", [act_issue, act_revoke])
def test_every_call_fails_once(database, act: Act, local: bool, after: bool) -> None:
    async def main() -> None:
        kept, clock, faults = Secrets(), MovableClock(), Faults()
        inner = SoftwareKeys(SoftwareKeys.Settings(kept.key_encryption_key))
        providers = {"faulty": FaultyKeys(inner, faults, local)}
        released: list[Issued] = []
        async with opened(database.url, kept, clock) as context:
            context.keyring._providers.update(providers)
            await found(context, provider="faulty")
            await stock(context, 90)
        number = failures = 0
        while True:
            wrap = lambda real: FaultyDatabase(real, faults)  # noqa: E731
            async with opened(database.url, kept, clock, providers, wrap) as context:
                faults.arm(number, after)
                try:
                    released += await act(context, number)
                    reached = faults.calls > number
                except CertwrightError:
                    reached = True
                    failures += 1
                faults.arm(-1, after)
                released += await act(context, number)
                await check_facts(context.database, released)
            if not reached:
                break
            number += 1
            assert number < 85
        assert failures >= 5

    asyncio.run(main())
