"""Durable workflows, by DBOS. The one file that knows it.

A workflow is a function of one JSON object, registered under a name that never changes. Its steps are
recorded as they end; what was begun and not recorded is done again, by this process after a restart or by
another one. An execution owns its workflow by a token, so that one which was overtaken records nothing more.

A version, a number raised by hand, says which process may take over whose work: that of its own version, and
that of an older one when no process of that version lives. Work of a newer version is left alone.
"""

import asyncio
import logging
import threading
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import wraps
from typing import Any, NoReturn, TypeVar

import sqlalchemy
from dbos import DBOS, DBOSConfig, SetWorkflowID
from dbos._serialization import DBOSPortableJSONSerializer, DefaultSerializer
from dbos._sys_db import SystemDatabase, WorkflowStatus
from dbos._utils import INTERNAL_QUEUE_NAME
from sqlalchemy.exc import SQLAlchemyError

from ..core.errors import CertwrightError, IntegrityError, Unavailable

NAME = "certwright"
SCHEMA = "workflows"
CONNECTIONS = 5
THREADS = 8
EXECUTIONS_MAX = 50
CLOSE_SECONDS = 3.0
FORGOTTEN_MAX = 200
RUNNING = ("PENDING", "ENQUEUED")
ENDED = ("SUCCESS", "ERROR", "CANCELLED", "MAX_RECOVERY_ATTEMPTS_EXCEEDED")

Document = dict[str, Any]
Workflow = Callable[[Document], Coroutine[Any, Any, None]]
Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class DurableSettings:
    """`url`: sqlite:///path, or postgresql://... where workflows get a schema of their own; `executor`: a
    name for this process that none had before; `version`: of the workflows' code."""

    url: str
    executor: str
    version: int


@dataclass(frozen=True, slots=True)
class State:
    """What is on record about a workflow. It is `running`, and perhaps `queued` to be taken over, or it has
    ended; `error` is one line when it has failed for good, else empty."""

    identifier: str
    name: str
    order: Document
    executor: str
    version: int
    begun: datetime
    running: bool
    queued: bool
    error: str


async def step(name: str, act: Callable[..., Coroutine[Any, Any, Result]], *arguments: Any) -> Result:
    """Run a step of the workflow that calls this, or give what it gave before; its result must be JSON."""
    return await DBOS.run_step_async({"name": name}, act, *arguments)


class Durable:
    """One per process. Workflows run in the event loop that was running when it was opened.

    Every method raises Unavailable when the database of workflows cannot be used.
    """

    def __init__(self, settings: DurableSettings, workflows: Mapping[str, Workflow]) -> None:
        """Make or upgrade the tables, and begin to take part. Holds the loop up for about 0.1 s."""
        self._version = settings.version
        self._active: dict[str, asyncio.Task[None]] = {}
        _quiet_log()
        _refuse_pickles()
        self._workflows = {name: self._registered(name, one) for name, one in workflows.items()}
        dbos = DBOS(config=_configuration(settings))
        try:
            DBOS.launch()
        except SQLAlchemyError as error:
            DBOS.destroy()
            raise _unavailable(error) from error
        self._store: SystemDatabase = dbos._sys_db

    def _registered(self, name: str, workflow: Workflow) -> Workflow:
        @wraps(workflow)
        async def run(order: Document) -> None:
            identifier, task = DBOS.workflow_id or "", asyncio.current_task()
            assert task is not None
            self._active[identifier] = task
            try:
                await workflow(order)
            finally:
                self._active.pop(identifier, None)

        return DBOS.workflow(name=name, max_recovery_attempts=EXECUTIONS_MAX)(run)

    @property
    def active(self) -> frozenset[str]:
        """What this process is executing."""
        return frozenset(self._active)

    async def start(self, identifier: str, name: str, order: Document) -> None:
        """Put a workflow on record and begin it, unless there is one of this identifier."""
        with SetWorkflowID(identifier):
            await _guarded(DBOS.start_workflow_async(self._workflows[name], order))

    async def states(self, identifiers: Sequence[str]) -> dict[str, State]:
        """What is on record about these workflows; one that was never started is missing."""
        if not identifiers:
            return {}
        found = await _guarded(DBOS.list_workflows_async(workflow_ids=list(identifiers)))
        return {one.workflow_id: _state(one) for one in found}

    async def running(self) -> list[State]:
        """What is under way or waits to be taken over, in all processes."""
        found = await _guarded(DBOS.list_workflows_async(status=list(RUNNING), load_output=False))
        return [_state(one) for one in found]

    async def forget(self, identifiers: Sequence[str]) -> None:
        """Remove workflows that have ended, so that their identifiers are free again."""
        if identifiers:
            await _guarded(DBOS.delete_workflows_async(list(identifiers)))

    async def forget_ended(self, before: datetime) -> int:
        """Remove some of the workflows that ended before a moment; how many."""
        found = await _guarded(
            DBOS.list_workflows_async(
                status=list(ENDED),
                completed_before=before.isoformat(),
                limit=FORGOTTEN_MAX,
                load_input=False,
                load_output=False,
            )
        )
        await self.forget([one.workflow_id for one in found])
        return len(found)

    async def take_over(self, states: Sequence[State]) -> int:
        """Have unfinished work of executors that are gone done by one that lives; how many were taken.

        A workflow goes back into the queue, from which one executor takes it. It does only while it belongs
        to the executor that the state names, so doing this twice does no harm.
        """
        taken = [await _guarded(asyncio.to_thread(self._put_back, one)) for one in states]
        return taken.count(True)

    def _put_back(self, state: State) -> bool:
        return self._store.reenqueue_for_recovery(state.identifier, [state.executor], INTERNAL_QUEUE_NAME)

    async def adopt(self, versions: Sequence[int]) -> None:
        """Let work in the queue that was left by older versions be taken by this one."""
        if versions:
            await _guarded(asyncio.to_thread(self._adopt, [str(one) for one in versions]))

    def _adopt(self, versions: list[str]) -> None:
        table = self._store.tables.workflow_status
        left = (table.c.status == "ENQUEUED", table.c.application_version.in_(versions))
        with self._store.engine.begin() as connection:
            connection.execute(
                sqlalchemy.update(table).where(*left).values(application_version=str(self._version))
            )

    async def drain(self, seconds: float) -> None:
        """Give what this process is executing so much time to end."""
        if self._active:
            await asyncio.wait(self._active.values(), timeout=seconds)

    async def close(self) -> None:
        """Stop taking part. What is not finished stays on record as ours, for others to take over."""
        tasks = list(self._active.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        loop, closed = asyncio.get_running_loop(), asyncio.Event()

        def destroy() -> None:
            DBOS.destroy()
            loop.call_soon_threadsafe(closed.set)

        # DBOS waits for its threads, one of which may wait for a database that is away: not we for them
        threading.Thread(target=destroy, daemon=True).start()
        async with asyncio.timeout(CLOSE_SECONDS):
            await closed.wait()


def _configuration(settings: DurableSettings) -> DBOSConfig:
    return {
        "name": NAME,
        "system_database_url": settings.url,
        "dbos_system_schema": SCHEMA,
        "executor_id": settings.executor,
        "application_version": str(settings.version),
        "serializer": DBOSPortableJSONSerializer(),
        "sys_db_pool_size": CONNECTIONS,
        "max_executor_threads": THREADS,
        "use_listen_notify": False,  # for messages between workflows, which we have not
        "log_level": "WARNING",
    }


def _state(status: WorkflowStatus) -> State:
    arguments = status.input["args"] if isinstance(status.input, dict) else ()
    order = arguments[0] if arguments and isinstance(arguments[0], dict) else {}
    version = status.app_version or ""
    return State(
        status.workflow_id,
        status.name,
        order,
        status.executor_id or "",
        int(version) if version.isdecimal() else 0,
        datetime.fromtimestamp((status.created_at or 0) / 1000, UTC),
        status.status in RUNNING,
        status.status == "ENQUEUED",
        _error(status),
    )


def _error(status: WorkflowStatus) -> str:
    if status.status in (*RUNNING, "SUCCESS"):
        return ""
    if status.status == "ERROR":
        return _line(status.error)
    if status.status == "CANCELLED":
        return "it was cancelled"
    return f"it was begun {status.recovery_attempts} times and never came to an end"


def _line(error: object) -> str:
    return "".join(one if one.isprintable() else " " for one in str(error))[:500] or "no reason given"


async def _guarded(call: Awaitable[Result]) -> Result:
    try:
        return await call
    except SQLAlchemyError as error:
        raise _unavailable(error) from error


def _unavailable(error: SQLAlchemyError) -> Unavailable:
    reason = str(error).partition("(Background")[0]
    return Unavailable(f"the database of workflows cannot be used: {_line(reason)}")


class _Known(logging.Filter):
    """Leaves out what we report ourselves, in one line."""

    def filter(self, record: logging.LogRecord) -> bool:
        return not (record.exc_info and isinstance(record.exc_info[1], CertwrightError))


def _quiet_log() -> None:
    """Into our own log; without a handler DBOS brings one that writes to standard error by itself."""
    logger = logging.getLogger("dbos")
    if not logger.handlers:
        logger.addHandler(logging.NullHandler())
        logger.addFilter(_Known())


def _refuse_pickles() -> None:
    """DBOS unpickles what says that it is pickled. Whoever can write to the database could have this process,
    which holds keys, run anything."""

    def refuse(serializer: DefaultSerializer, text: str) -> NoReturn:
        raise IntegrityError("a workflow's record is a pickled object; ours are JSON")

    DefaultSerializer.deserialize = refuse  # type: ignore[method-assign, assignment]
