"""Workflows by themselves: started once by their name, and never read from a pickle."""

import asyncio
import pickle
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from dbos._serialization import DBOSDefaultSerializer

from certwright.core.errors import IntegrityError, Unavailable
from certwright.worker.durable import Document, Durable, DurableSettings, step
from tests.worker.running import until_true

Body = Callable[[Durable], Awaitable[None]]
"""Workflows run in the loop of the test, in the test's own process."""


def with_durable(url: str, workflow: Callable[[Document], Awaitable[None]], body: Body) -> None:
    async def main() -> None:
        durable = Durable(DurableSettings(url, "test", 1), {"a.kind": workflow})  # type: ignore[dict-item]
        try:
            await body(durable)
        finally:
            await durable.close()

    asyncio.run(main())


async def ended(durable: Durable, identifier: str) -> bool:
    return not (await durable.states([identifier]))[identifier].running


def test_a_workflow_is_started_once_by_its_name(tmp_path: Path) -> None:
    done: list[int] = []

    async def act(number: int) -> int:
        done.append(number)
        return number

    async def workflow(order: Document) -> None:
        await step("act", act, order["number"])

    async def body(durable: Durable) -> None:
        for _ in range(3):
            await durable.start("17", "a.kind", {"number": 1})
        await until_true(lambda: ended(durable, "17"))
        await durable.start("17", "a.kind", {"number": 2})
        state = (await durable.states(["17", "18"]))["17"]
        assert (state.name, state.order, state.version, state.error) == ("a.kind", {"number": 1}, 1, "")
        assert await durable.running() == []
        await durable.forget(["17"])
        await durable.start("17", "a.kind", {"number": 3})
        await until_true(lambda: ended(durable, "17"))

    with_durable(f"sqlite:///{tmp_path / 'workflows.sqlite3'}", workflow, body)
    assert done == [1, 3]


def test_what_fails_says_why_in_one_line(tmp_path: Path) -> None:
    async def workflow(order: Document) -> None:
        raise Unavailable("the module is away\nreally")

    async def body(durable: Durable) -> None:
        await durable.start("17", "a.kind", {})
        await until_true(lambda: ended(durable, "17"))
        assert (await durable.states(["17"]))["17"].error == "the module is away really"

    with_durable(f"sqlite:///{tmp_path / 'workflows.sqlite3'}", workflow, body)


def test_records_that_are_pickled_are_refused(tmp_path: Path) -> None:
    async def workflow(order: Document) -> None:
        return None

    async def body(durable: Durable) -> None:
        with pytest.raises(IntegrityError, match="pickled"):
            DBOSDefaultSerializer.deserialize(DBOSDefaultSerializer.serialize(pickle.dumps("anything")))

    with_durable(f"sqlite:///{tmp_path / 'workflows.sqlite3'}", workflow, body)


def test_a_database_that_is_not_there_is_told_in_one_line(tmp_path: Path) -> None:
    async def workflow(order: Document) -> None:
        return None

    async def body(durable: Durable) -> None:
        raise AssertionError("it must not come to this")

    with pytest.raises(Unavailable, match="the database of workflows cannot be used"):
        with_durable(f"sqlite:///{tmp_path / 'no' / 'folder.sqlite3'}", workflow, body)
