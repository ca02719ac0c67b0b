"""From outbox rows to workflows, named by their rows: nothing is lost or started twice between the two.

Rows of one kind and payload are one piece of work, named by the first of them. Its workflow notes which rows
it answers, does the work, and takes those rows away; rows that come meanwhile start the next one when it has
ended. So at most one workflow per piece of work runs at a time, and since the outbox is looked at once a
second, at most one begins in a second.

Where the two records differ the row decides: while it is there, the work is not done. Where a workflow has
ended well and its row is there, the database was put back to before that, or there were more rows than one
workflow answers; it is begun anew.
"""

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import structlog

from ..core.errors import Conflict, Malformed, Unavailable
from ..operations.attestation import FILL
from ..operations.context import Context
from ..operations.hand_over import hand_over_follow_up
from ..operations.issue_approved import ISSUE_APPROVED, issue_approved
from ..operations.manage_users import HAND_OVER
from ..operations.policy_replays import REPLAY, replay_follow_up
from ..operations.remind import fill_campaign
from ..operations.renew_answers import RENEW_SIGNER, renew_signer
from ..operations.renew_lists import renew_list
from ..operations.revoke import PUBLISH_CRL
from ..operations.take_outbox import Work, give_up_work, rows_of, settle_work, waiting_work
from .durable import Document, Durable, State, Workflow, step

log = structlog.get_logger(__name__)

Payload = dict[str, Any]
Act = Callable[[Context, Payload], Awaitable[None]]

PAUSES = (1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 60.0)
"""Seconds between attempts; after the last one the work has failed for good."""
TEMPORARY = (Unavailable, Conflict)


@dataclass(frozen=True, slots=True)
class Order:
    """What a workflow is asked to do. `row` and `created_at` name the outbox row it is for."""

    kind: str
    payload: str
    row: int
    created_at: str

    def document(self) -> Document:
        return {"kind": self.kind, "payload": self.payload, "row": self.row, "created_at": self.created_at}


def order_of(work: Work) -> Order:
    row = work.row
    return Order(row.kind, row.payload, row.id, row.created_at.isoformat())


def read_order(document: Document) -> Order:
    """As any version of ours has written it: what a version added is missing in orders of those before."""
    return Order(
        str(document["kind"]),
        str(document["payload"]),
        int(document["row"]),
        str(document.get("created_at", "")),
    )


async def _publish_crl(context: Context, payload: Payload) -> None:
    await renew_list(context, int(payload["generation"]), int(payload["shard"]))


async def _renew_signer(context: Context, payload: Payload) -> None:
    await renew_signer(context, int(payload["generation"]))


async def _issue_approved(context: Context, payload: Payload) -> None:
    await issue_approved(context, int(payload["request"]))


KINDS: Mapping[str, Act] = {
    PUBLISH_CRL: _publish_crl,
    RENEW_SIGNER: _renew_signer,
    ISSUE_APPROVED: _issue_approved,
    HAND_OVER: hand_over_follow_up,
    FILL: fill_campaign,
    REPLAY: replay_follow_up,
}
"""What is done for each kind of follow-up. Each may be done twice, and judges by the facts whether there is
anything to do."""


def workflows(context: Context, kinds: Mapping[str, Act]) -> dict[str, Workflow]:
    """A workflow for each kind, named by it. Its steps and their names are for ever: see the reference."""
    return {kind: _workflow(context, act) for kind, act in kinds.items()}


def _workflow(context: Context, act: Act) -> Workflow:
    async def gather(kind: str, payload: str, created_at: str) -> list[int]:
        until = context.clock()
        if created_at:  # by a clock that may have been ahead of ours
            until = max(until, datetime.fromisoformat(created_at))
        return await rows_of(context.database, kind, payload, until)

    async def attempt(payload: str) -> None:
        await _attempt(context, act, _read_payload(payload))

    async def settle(rows: list[int]) -> None:
        await settle_work(context, rows)

    async def run(document: Document) -> None:
        order = read_order(document)
        rows = await step("gather", gather, order.kind, order.payload, order.created_at)
        await step("act", attempt, order.payload)
        await step("settle", settle, rows)

    return run


def _read_payload(text: str) -> Payload:
    payload = json.loads(text)
    if not isinstance(payload, dict):
        raise Malformed("a follow-up's payload is not a JSON object")
    return payload


async def _attempt(context: Context, act: Act, payload: Payload) -> None:
    """Do it; what may pass by itself is waited for, a bounded time. Raises what the last attempt raises."""
    for pause in PAUSES:
        try:
            return await act(context, payload)
        except TEMPORARY as error:
            log.warning("work is tried again", payload=payload, error=error.detail, pause=pause)
        await asyncio.sleep(pause)
    return await act(context, payload)


class Outbox:
    """Turns rows into workflows; `turn` is called once a second by one process at a time."""

    def __init__(self, context: Context, durable: Durable, kinds: Mapping[str, Act]) -> None:
        self.waiting = 0
        self._context = context
        self._durable = durable
        self._kinds = kinds
        self._reported: set[str] = set()

    async def turn(self) -> None:
        """Begin what is not begun, and put on record what has failed. Raises Unavailable."""
        if not await self._look():
            return
        busy = {(one.name, one.order.get("payload")) for one in await self._durable.running()}
        ours = await self._look()  # after that: what has ended by now has taken its rows away
        states = await self._durable.states([str(work.row.id) for work in ours])
        for work in ours:
            if (work.row.kind, work.row.payload) not in busy:
                await self._begin(work, states.get(str(work.row.id)))

    async def _look(self) -> list[Work]:
        """What waits and is of a kind that we know."""
        found = await waiting_work(self._context.database)
        self.waiting = sum(work.rows for work in found)
        return [work for work in found if self._knows(work)]

    def _knows(self, work: Work) -> bool:
        """Work of a kind that this version does not know stays, and is reported once."""
        kind = work.row.kind
        if kind not in self._kinds and kind not in self._reported:
            self._reported.add(kind)
            log.error("work of an unknown kind is left in the outbox", kind=kind, rows=work.rows)
        return kind in self._kinds

    async def _begin(self, work: Work, state: State | None) -> None:
        identifier, order = str(work.row.id), order_of(work)
        if state is not None and state.error and _same(state, order):
            log.error("work has failed for good", kind=order.kind, payload=order.payload, error=state.error)
            await give_up_work(self._context, work, state.error, state.begun)
            return
        if state is not None:
            await self._durable.forget([identifier])
        await self._durable.start(identifier, order.kind, order.document())


def _same(state: State, order: Order) -> bool:
    """Was this workflow for this very row? After a restored backup identifiers may come twice."""
    return state.name == order.kind and read_order(state.order) == order
