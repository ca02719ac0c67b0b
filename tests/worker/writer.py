"""Writes audit events as a process of its own does: `python -m tests.worker.writer NAME COUNT`."""

import asyncio
import random
import sys

from certwright.core.audit import Event, EventKind
from certwright.operations.context import Context
from certwright.site.configuration import Configuration
from certwright.site.wiring import now, open_context
from certwright.store.ledger import Change

TOGETHER = 8


async def write(context: Context, name: str, number: int) -> None:
    event = Event(EventKind.ACCESS_DENIED, now(), f"local:{name}", "", f"thing:{number}", {"number": number})
    await context.ledger.commit(Change(events=[event] * random.randint(1, 3)))


async def main(name: str, count: int) -> None:
    async with open_context(Configuration.load(), name) as context:
        for first in range(0, count, TOGETHER):
            numbers = range(first, min(first + TOGETHER, count))
            await asyncio.gather(*(write(context, name, number) for number in numbers))


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], int(sys.argv[2])))
