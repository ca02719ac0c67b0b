"""How Django's threads reach the loop, and what happens where there is none."""

import asyncio
import threading
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from certwright.core.access import Actor
from certwright.core.errors import Conflict, Forbidden, Unavailable
from certwright.operations import bridge
from certwright.operations.bounded_records import ALL_MAX, EACH_MAX
from certwright.operations.context import Context
from certwright.operations.record_denial import Denials
from certwright.store.rows import AuditEventRow
from tests.real.databases import Database
from tests.real.pki import MovableClock, Secrets, opened


def with_context(database: Database, act: Callable[[Context, MovableClock], Any]) -> Any:
    async def run() -> Any:
        clock = MovableClock()
        async with opened(database.url, Secrets(), clock) as context:
            return await act(context, clock)

    return asyncio.run(run())


def test_without_a_served_process_there_is_no_bridge() -> None:
    with pytest.raises(Unavailable, match="does not serve"):
        bridge.bridge()


def test_an_operation_runs_on_the_loop(database: Database) -> None:
    async def act(context: Context, clock: MovableClock) -> None:
        bridge.connect(context, Denials(context))
        loop_thread = threading.get_ident()

        async def operation(given: Context) -> tuple[int, bool]:
            return threading.get_ident(), given is context

        def fails() -> None:
            async def refuse(given: Context) -> None:
                raise Conflict("not now")

            bridge.bridge().call(refuse)

        try:
            assert await asyncio.to_thread(lambda: bridge.bridge().call(operation)) == (loop_thread, True)
            with pytest.raises(Conflict, match="not now"):
                await asyncio.to_thread(fails)
        finally:
            bridge.disconnect()
        with pytest.raises(Unavailable):
            bridge.bridge()

    with_context(database, act)


def test_an_operation_without_end_is_cancelled(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bridge, "CALL_SECONDS", 0.05)
    ended: list[str] = []

    async def act(context: Context, clock: MovableClock) -> None:
        bridge.connect(context, Denials(context))

        async def endless(given: Context) -> None:
            try:
                await asyncio.sleep(3600)
            except asyncio.CancelledError:
                ended.append("cancelled")
                raise

        async def late_itself(given: Context) -> None:
            raise TimeoutError("its own")

        try:
            with pytest.raises(Unavailable, match="look whether it was done"):
                await asyncio.to_thread(lambda: bridge.bridge().call(endless))
            await asyncio.sleep(0.05)
            with pytest.raises(TimeoutError, match="its own"):
                await asyncio.to_thread(lambda: bridge.bridge().call(late_itself))
        finally:
            bridge.disconnect()

    with_context(database, act)
    assert ended == ["cancelled"]


def test_denials_are_recorded_within_bounds(database: Database) -> None:
    refusal = Forbidden("token:curious has no role")

    async def act(context: Context, clock: MovableClock) -> list[AuditEventRow]:
        denials = Denials(context)
        curious = Actor("token:curious", source="192.0.2.1")
        for _ in range(EACH_MAX + 5):
            await denials.record(curious, "GET /api/v1/\u0000\u2028tokens" + "x" * 1000, refusal)
        for number in range(ALL_MAX + 5):
            await denials.record(Actor(f"token:{number}"), "GET /", refusal)
        clock.offset += timedelta(minutes=1)
        await denials.record(curious, "GET /later", refusal)
        return await context.database.select(AuditEventRow, '"kind" = \'access.denied\' ORDER BY "id"')

    events = with_context(database, act)
    mine = [event for event in events if event.actor == "token:curious"]
    assert len(mine) == EACH_MAX + 1
    assert len(events) == ALL_MAX + 1
    assert mine[0].subject.startswith("rest:GET /api/v1/??tokens")
    assert mine[0].source == "192.0.2.1"
    assert '"more":5' in mine[-1].body
