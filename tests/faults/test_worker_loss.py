"""A serving process says that no worker lives, while it goes on to answer."""

import math
import time
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

from certwright.operations.context import Context
from certwright.operations.lease import LEASE_SECONDS, WORKER, read_leases, take_lease
from certwright.operations.renew_lists import renew_list
from certwright.store.ledger import Change
from tests.real.certwright import Home, Site
from tests.site.running import until

SECONDS = 60


def not_ready(site: Site) -> dict[str, str]:
    """What is wrong according to a process that is to be sent nothing more; empty when all is well."""
    ready = site.get("http", "/readyz")
    document: dict[str, Any] = ready.json()
    wrong = {name: state for name, state in document["checks"].items() if state != "ok"}
    assert (ready.status_code, document["status"]) == ((503, "unavailable") if wrong else (200, "ready"))
    return wrong


def warnings(site: Site) -> dict[str, str]:
    ready = site.get("http", "/readyz")
    document: dict[str, Any] = ready.json()
    assert (ready.status_code, document["status"]) == (200, "ready")
    found: dict[str, str] = document["warnings"]
    return found


def test_no_worker_is_a_warning(installation: Home, founded: Home) -> None:
    with installation.served(lanes=("fast",)) as site:
        assert "no worker has been seen; start one" in warnings(site)["worker"]
        with installation.served(lanes=("worker",), ports=founded.ports):
            until(lambda: not warnings(site))
        installation.run(long_ago)
        until(lambda: "the worker has not been seen for" in warnings(site).get("worker", ""))


async def long_ago(context: Context) -> None:
    """As if its last sign of life had been two minutes before."""
    leases = (await read_leases(context.database)).values()
    aged = [(row, row._replace(expires_at=row.expires_at - timedelta(minutes=2))) for row in leases]
    await context.ledger.commit(Change(replaced=list(aged)))


def test_a_worker_that_was_gone_before_anything_started_is_in_the_numbers(installation: Home) -> None:
    async def beat(context: Context) -> None:
        await take_lease(context, WORKER + "gone", "1", timedelta(seconds=LEASE_SECONDS), None)
        for _ in range(2):  # the second with a delta
            await renew_list(context, context.snapshot.issuing("issuing").id, 0)

    seen = "certwright_worker_seen_timestamp_seconds"
    delta = 'certwright_delta_crl_next_update_timestamp_seconds{authority="issuing/1"}'
    with installation.served(lanes=("fast",)) as site:
        until(lambda: numbers(site).get(seen) == 0, SECONDS)
    installation.run(beat)
    installation.run(long_ago)
    with installation.served(lanes=("fast",)) as site:
        until(lambda: delta in numbers(site), SECONDS)
        found, now = numbers(site), time.time()
        assert now - found[seen] > 60
        lasts = {what: found[f'{STATUS}{{what="{what}"}}'] for what in ("crl", "delta-crl", "ocsp")}
        assert now < lasts["delta-crl"] < now + 86_400 < lasts["crl"] < lasts["ocsp"] == math.inf
        assert found[delta] == lasts["delta-crl"]


STATUS = "certwright_status_next_update_timestamp_seconds"


def numbers(site: Site) -> dict[str, float]:
    lines = site.get("http", "/metrics").text.splitlines()
    return {
        name: float(value) for name, _, value in (line.rpartition(" ") for line in lines if line[:1] != "#")
    }


def test_lists_that_nobody_renews_take_a_process_out_of_service_before_their_end(installation: Home) -> None:
    """Deltas do not: the complete list holds. That one ends is among the warnings."""

    async def sign(context: Context) -> None:
        for _ in range(2):  # the second with a delta
            await renew_list(context, context.snapshot.issuing("issuing").id, 0)

    async def beat(context: Context) -> None:
        await take_lease(context, WORKER + "here", "1", timedelta(seconds=LEASE_SECONDS), None)

    def ending(kind: str, left: timedelta) -> Callable[[Context], Awaitable[None]]:
        async def act(context: Context) -> None:
            ends, issuing = context.clock() + left, context.snapshot.issuing("issuing").id
            async with context.database.transaction(0) as transaction:
                for table in ENDS[kind]:
                    await transaction.execute(
                        f'UPDATE {table} "generation_id" = ?',
                        (ends, issuing),
                    )

        return act

    installation.run(sign)
    with installation.served(lanes=("fast",)) as site:
        assert not_ready(site) == {}
        soon, minute = timedelta(days=3), timedelta(minutes=1)
        installation.run(ending("lists", soon - minute))
        until(lambda: "lists last until" in not_ready(site).get("lists", ""), SECONDS)
        installation.run(ending("lists", soon + 30 * minute))
        until(lambda: not not_ready(site), SECONDS)
        installation.run(ending("deltas", minute))
        installation.run(beat)
        until(lambda: "a delta CRL ends at" in warnings(site).get("worker", ""), SECONDS)
        assert not not_ready(site)


ENDS = {
    "lists": (
        '"crl_shard" SET "next_update" = ? WHERE',
        '"crl" SET "next_update" = ? WHERE "base_number" = 0 AND',
    ),
    "deltas": ('"crl" SET "next_update" = ? WHERE "base_number" > 0 AND',),
}
