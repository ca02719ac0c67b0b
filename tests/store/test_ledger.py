"""The ledger: all of a change or nothing of it, the guilty one alone, and an audit chain without a gap."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta

import pytest

from certwright.core import audit
from certwright.core.audit import Event, EventKind
from certwright.core.audit_verify import WRITERS_MAX
from certwright.core.errors import Conflict, Moved, Reconfigured
from certwright.store.databases import Database, Duplicate, open_database
from certwright.store.guarded_rows import Absent
from certwright.store.ledger import WRITER_STEP_MAX, WRITERS, Change, Ledger
from certwright.store.rows import (
    AcmeAccountRow,
    AcmeAuthorizationRow,
    AcmeNonceRow,
    AuditEventRow,
    AuditWriterRow,
    AuthorityRow,
    CompromisedKeyRow,
    CounterRow,
    EndpointRow,
    InstallationRow,
    OutboxRow,
    StatusChangeRow,
)
from tests.faults.interposed import BEGIN, Interposed, nothing
from tests.operations.installed import row_of

NOW = datetime(2026, 11, 23, 12, 0, 0, 123456, UTC)
Body = Callable[[Database, Ledger], Awaitable[None]]


def run(url: str, body: Body) -> None:
    async def main() -> None:
        database = await open_database(url)
        ledger = await Ledger.open(database, "test", lambda: NOW)
        try:
            await body(database, ledger)
        finally:
            await ledger.close()
            await database.close()

    asyncio.run(main())


def key(number: int) -> CompromisedKeyRow:
    return CompromisedKeyRow(number.to_bytes(32, "big"), f"list:{number}", NOW)


def event(number: int) -> Event:
    return Event(EventKind.ACCESS_DENIED, NOW, "local:test", "", f"thing:{number}", {"number": number})


def written(number: int) -> Change:
    return Change(inserted=[key(number)], events=[event(number)])


async def chain_is_whole(database: Database) -> int:
    """Every event of every writer is there, in its chain, up to the writer's head; how many there are."""
    heads = await database.select(AuditWriterRow, "1 = 1")
    rows = [audit.EventRow(*row) for row in await database.select(AuditEventRow, '1 = 1 ORDER BY "id"')]
    from certwright.core.audit import Head
    from certwright.core.audit_verify import verify_rows

    assert not list(verify_rows(rows, {head.id: Head(head.events, head.head) for head in heads}))
    return len(rows)


def test_values_come_back_as_they_went_in(database) -> None:
    async def body(store: Database, ledger: Ledger) -> None:
        row = InstallationRow(1, "Ünïcode", "http://pki.example", True, 7, NOW, b"\x00\xff")
        await ledger.commit(Change(inserted=[row]))
        assert await store.select(InstallationRow, '"created_at" = ?', NOW) == [row]

    run(database.url, body)


def test_one_bad_change_fails_alone(database) -> None:
    async def body(store: Database, ledger: Ledger) -> None:
        await ledger.commit(written(3))
        results = await asyncio.gather(
            *(ledger.commit(written(n)) for n in range(40)), return_exceptions=True
        )
        assert [n for n, result in enumerate(results) if result is not None] == [3]
        assert isinstance(results[3], Duplicate)
        assert len(await store.select(CompromisedKeyRow, "1 = 1")) == 40
        assert await chain_is_whole(store) == 40

    run(database.url, body)


def test_a_nonce_is_taken_once_even_at_the_same_moment(database) -> None:
    def spend() -> Change:
        guard = Absent(AcmeNonceRow, "fingerprint", b"n" * 16, Conflict("taken"))
        return Change(inserted=[AcmeNonceRow(b"n" * 16, NOW)], absent=[guard])

    async def body(store: Database, ledger: Ledger) -> None:
        other = await Ledger.open(store, "other", lambda: NOW)
        tries = [ledger.commit(spend()) for _ in range(5)] + [other.commit(spend()) for _ in range(5)]
        results = await asyncio.gather(*tries, return_exceptions=True)
        assert results.count(None) == 1
        assert {str(result) for result in results if result} == {"taken"}

    run(database.url, body)


def test_replaced_rows_must_be_as_they_were_read(database) -> None:
    async def body(store: Database, ledger: Ledger) -> None:
        await ledger.commit(Change(inserted=[InstallationRow(1, "a", "", True, 1, NOW, b"")]))
        [row] = await store.select(InstallationRow, "1 = 1")
        await ledger.commit(Change(replaced=[(row, row._replace(organization="b", revision=2))]))
        with pytest.raises(Moved):
            await ledger.commit(
                Change(replaced=[(row, row._replace(organization="c", revision=2))], events=[event(1)])
            )
        assert [one.organization for one in await store.select(InstallationRow, "1 = 1")] == ["b"]
        assert await chain_is_whole(store) == 0

    run(database.url, body)


def test_kept_rows_must_be_as_they_were_read(database) -> None:
    """Those of two tables; and what ends in the very same commit is not kept."""

    async def body(store: Database, ledger: Ledger) -> None:
        accounts = [row_of(AcmeAccountRow, NOW, id=n, thumbprint=f"{n}", version=1) for n in range(1, 4)]
        proofs = [row_of(AcmeAuthorizationRow, NOW, id=n, account_id=n, version=5) for n in range(1, 4)]
        ended = [(row, row._replace(deactivated_at=NOW)) for row in (accounts[0], proofs[1])]
        rows = [row._replace(deactivated_at=None, revoked_at=None) for row in (*accounts, *proofs)]
        kept = [[rows[n], rows[n + 3]] for n in range(3)]
        endpoint = row_of(EndpointRow, NOW, id=0, authority_id=0, version=1)
        await ledger.commit(Change(inserted=[row_of(AuthorityRow, NOW, id=0, version=1), endpoint, *rows]))

        results = await asyncio.gather(
            *(ledger.commit(Change(inserted=[key(n)], kept=kept[n], events=[event(n)])) for n in range(3)),
            *(ledger.commit(Change(replaced=[(before, after)])) for before, after in ended),
            return_exceptions=True,
        )
        assert [type(result) for result in results] == [Moved, Moved, *[type(None)] * 3]
        for n, what in enumerate(("acme_account", "acme_authorization")):
            with pytest.raises(Moved, match=f"the {what} has changed meanwhile"):
                await ledger.commit(Change(inserted=[key(n)], kept=kept[n]))
        with pytest.raises(Moved):
            await ledger.commit(Change(inserted=[key(9)], kept=[rows[2]._replace(id=99)]))
        assert await store.select(CompromisedKeyRow, "1 = 1") == [key(2)]
        assert await chain_is_whole(store) == 1

    run(database.url, body)


def test_a_decision_under_an_old_configuration_does_not_pass(database) -> None:
    async def body(store: Database, ledger: Ledger) -> None:
        await ledger.commit(Change(inserted=[InstallationRow(1, "a", "", True, 1, NOW, b"")]))
        await ledger.commit(Change(configures=True, revision=1))
        with pytest.raises(Reconfigured):
            await ledger.commit(Change(inserted=[key(1)], revision=1))
        with pytest.raises(Reconfigured):
            await ledger.commit(Change(configures=True, revision=1))
        [row] = await store.select(InstallationRow, "1 = 1")
        assert row.revision > 1
        await ledger.commit(Change(inserted=[key(2)], revision=row.revision))
        assert await store.select(InstallationRow, "1 = 1") == [row]

    run(database.url, body)


def test_an_event_that_cannot_be_written_stops_its_change_only(database) -> None:
    async def body(store: Database, ledger: Ledger) -> None:
        bad = written(1)
        bad.events.append(Event(EventKind.ACCESS_DENIED, NOW, "", "", "", {}))
        results = await asyncio.gather(
            ledger.commit(written(0)), ledger.commit(bad), ledger.commit(written(2)), return_exceptions=True
        )
        assert [result is None for result in results] == [True, False, True]
        assert await chain_is_whole(store) == 2

    run(database.url, body)


def test_many_writers_leave_whole_chains(database) -> None:
    async def body(store: Database, ledger: Ledger) -> None:
        ledgers = [ledger, *[await Ledger.open(store, f"w{n}", lambda: NOW) for n in range(3)]]
        await asyncio.gather(
            *(one.commit(written(n * 100 + i)) for n, one in enumerate(ledgers) for i in range(50))
        )
        assert await chain_is_whole(store) == 200
        identifiers = {one.new_id() for one in ledgers for _ in range(10)}
        assert len(identifiers) == 40

    run(database.url, body)


def test_a_database_that_was_put_back_names_nothing_a_second_time(database) -> None:
    """Each time the writers since then are lost. Three that agree by chance are one in ten millions."""

    async def body(store: Database, ledger: Ledger) -> None:
        kept = await store.select(CounterRow, '"name" = ?', WRITERS)
        given = set()
        for _ in range(3):
            given.add((await Ledger.open(store, "lost", lambda: NOW)).new_id())
            async with store.transaction(0) as transaction:
                await transaction.execute('DELETE FROM "audit_writer" WHERE "name" LIKE ?', ("lost%",))
                sql = 'UPDATE "counter" SET "value" = ? WHERE "name" = ?'
                await transaction.execute(sql, (kept[0].value, WRITERS))
        assert len(given) > 1
        assert ledger.new_id() < min(given)

    run(database.url, body)


def test_writers_are_enough_for_all_that_an_audit_log_may_have() -> None:
    average = (1 + WRITER_STEP_MAX) / 2
    assert WRITERS_MAX * average < audit.WRITER_MAX * 0.99


def test_counters_grow_and_follow_ups_are_kept(database) -> None:
    async def body(store: Database, ledger: Ledger) -> None:
        taken = await asyncio.gather(*(ledger.take("crl/1") for _ in range(10)))
        assert sorted(taken) == list(range(1, 11))
        await ledger.commit(Change(follow_ups=[("crl.publish", "{}")]))
        assert [row.kind for row in await store.select(OutboxRow, "1 = 1")] == ["crl.publish"]
        assert await store.select(CounterRow, '"name" = ?', "crl/1") == [CounterRow("crl/1", 10)]

    run(database.url, body)


def test_purge_deletes_only_what_is_past(database) -> None:
    async def body(store: Database, ledger: Ledger) -> None:
        rows = [AcmeNonceRow(bytes([n]) * 16, NOW + timedelta(minutes=n)) for n in range(10)]
        await ledger.commit(Change(inserted=list(rows)))
        assert await ledger.purge(AcmeNonceRow, "expires_at", NOW + timedelta(minutes=5), limit=3) == 3
        assert await ledger.purge(AcmeNonceRow, "expires_at", NOW + timedelta(minutes=5)) == 2
        assert len(await store.select(AcmeNonceRow, "1 = 1")) == 5

    run(database.url, body)


def test_status_changes_need_their_certificate_and_come_in_order(database) -> None:
    async def body(store: Database, ledger: Ledger) -> None:
        orphan = StatusChangeRow(0, 99, 99, b"s", 0, True, 1, None, NOW)
        with pytest.raises(Conflict):
            await ledger.commit(Change(status_changes=[orphan]))
        assert not await store.query('SELECT 1 FROM "counter" WHERE "name" = ?', "status")

    run(database.url, body)


# -- changes of one batch --------------------------------------------------------------------------


def installed(revision: int) -> InstallationRow:
    return InstallationRow(1, "a", "", True, revision, NOW, b"")


async def at_once(ledger: Ledger, *changes: Change) -> list[str]:
    """Hand them in together, so that they may share a batch; what became of each."""
    found = await asyncio.gather(*map(ledger.commit, changes), return_exceptions=True)
    return [type(one).__name__ for one in found]


@pytest.mark.parametrize("second", [Change(revision=7), Change(revision=7, configures=True)])
def test_a_decision_does_not_share_a_batch_with_what_overtakes_it(database, second: Change) -> None:
    async def body(store: Database, ledger: Ledger) -> None:
        await ledger.commit(Change(inserted=[installed(7)]))
        before, first = written(1), Change(events=[event(2)], revision=7, configures=True)
        before.revision = 7
        second.events = [event(3)]
        assert await at_once(ledger, before, first, second) == ["NoneType", "NoneType", "Reconfigured"]
        rows = await store.select(AuditEventRow, '1 = 1 ORDER BY "id"')
        assert [row.subject for row in rows] == ["thing:1", "thing:2"]

    run(database.url, body)


def test_what_stands_on_no_configuration_is_not_held_up_by_a_new_one(database) -> None:
    async def body(store: Database, ledger: Ledger) -> None:
        await ledger.commit(Change(inserted=[installed(7)]))
        commits = ledger.commits
        assert set(await at_once(ledger, Change(configures=True), written(1), written(2))) == {"NoneType"}
        assert ledger.commits == commits + 1

    run(database.url, body)


def test_hundreds_who_are_overtaken_hear_of_it_together(database) -> None:
    async def body(store: Database, ledger: Ledger) -> None:
        await ledger.commit(Change(inserted=[installed(7)]))
        counting = Interposed(store)
        other = await Ledger.open(counting, "other", lambda: NOW)
        counting.at(BEGIN, *[nothing] * 10)
        overtaken = [Change(inserted=[key(number)], revision=7) for number in range(300)]
        found = await at_once(other, Change(configures=True), *overtaken)
        assert found == ["NoneType", *["Reconfigured"] * 300]
        assert counting.steps[BEGIN], "one attempt for each of them"

    run(database.url, body)


def test_a_guard_sees_what_is_compromised_before_it_in_the_batch(database) -> None:
    def guarded(number: int) -> Change:
        guard = Absent(CompromisedKeyRow, "spki_sha256", key(number).spki_sha256, Conflict("compromised"))
        return Change(events=[event(number)], absent=[guard])

    async def body(store: Database, ledger: Ledger) -> None:
        found = await at_once(ledger, guarded(1), written(1), guarded(1), guarded(2))
        assert found == ["NoneType", "NoneType", "Conflict", "NoneType"]
        assert await chain_is_whole(store) == 3

    run(database.url, body)
