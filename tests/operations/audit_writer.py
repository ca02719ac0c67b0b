"""A process that writes audit events: `python -m tests.operations.audit_writer URL NAME COUNT`."""

import asyncio
import sys
from datetime import UTC, datetime

from certwright.store.databases import open_database
from certwright.store.ledger import Change, Ledger
from tests.operations.audit_logs import event

AT_ONCE = 8


async def main(url: str, name: str, count: int) -> None:
    database = await open_database(url)
    ledger = await Ledger.open(database, name, lambda: datetime.now(UTC))
    for first in range(0, count, AT_ONCE):
        numbers = range(first, min(first + AT_ONCE, count))
        await asyncio.gather(*(ledger.commit(Change(events=[event(f"{name}:{one}")])) for one in numbers))
    await ledger.close()
    await database.close()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], sys.argv[2], int(sys.argv[3])))
