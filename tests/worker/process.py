"""A worker in a process of its own, as the supervisor starts it, but with short leases.

    python -m tests.worker.process '{"version": 1, "older_orders": false}'

Beside the real kinds of work it knows `test.wait`: it writes to `steps` in the home folder that it begins,
waits for the file named in the payload, and writes that it ends. `test.freeze` is the same, but the first
process that does it stands still altogether until there is a file `thaw`.
"""

import asyncio
import json
import os
import sys
import time
from functools import partial
from pathlib import Path

from certwright.operations.context import Context
from certwright.site import work
from certwright.worker import outbox
from certwright.worker.durable import Document
from certwright.worker.main import run

LEASE_SECONDS = 1.0
WAIT = "test.wait"
FREEZE = "test.freeze"
STEPS = "steps"


async def wait(context: Context, payload: outbox.Payload) -> None:
    home = Path(os.environ["CERTWRIGHT_HOME"])
    note(home, f"begin {payload['go']}")
    while not (home / str(payload["go"])).exists():  # noqa: ASYNC110 - another process makes it
        await asyncio.sleep(0.02)
    note(home, f"end {payload['go']}")


async def freeze(context: Context, payload: outbox.Payload) -> None:
    home = Path(os.environ["CERTWRIGHT_HOME"])
    first = not (home / STEPS).exists()
    note(home, f"begin {payload['go']}")
    if first:
        await context.ledger.close()  # nothing is under way, so no lock is held
        while not (home / "thaw").exists():
            time.sleep(0.02)  # noqa: ASYNC251 - the loop is to stand still
    note(home, f"end {payload['go']}")


def note(home: Path, line: str) -> None:
    with (home / STEPS).open("a") as file:
        file.write(f"{os.getpid()} {line}\n")


def older_document(order: outbox.Order) -> Document:
    """An order as the version before wrote it, which did not yet say when its row was made."""
    return {"kind": order.kind, "payload": order.payload, "row": order.row}


if __name__ == "__main__":
    options = json.loads(sys.argv[1])
    if options.get("older_orders"):
        outbox.Order.document = older_document  # type: ignore[method-assign]
    kinds = {**outbox.KINDS, WAIT: wait, FREEZE: freeze}
    version = options.get("version", 1)
    sys.exit(work.main(partial(run, kinds=kinds, version=version, lease_seconds=LEASE_SECONDS)))
