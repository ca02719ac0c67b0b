"""Somebody whose process is killed once their approval is on record, before the certificate is.

python -m tests.worker.approver NUMBER
"""

import asyncio
import os
import signal
import sys
from dataclasses import replace
from pathlib import Path

from certwright.operations.decide_request import approve_request
from certwright.site.configuration import Configuration
from certwright.site.wiring import open_context
from certwright.store.ledger import Ledger
from tests.faults.interposed import BEGIN, Interposed, nothing
from tests.operations.approving import ALICE


async def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


async def approve(number: int) -> None:
    configuration = Configuration.load(Path(os.environ["CERTWRIGHT_HOME"]))
    async with open_context(configuration, "approver") as context:
        database = Interposed(context.database)
        ledger = await Ledger.open(database, "dying", context.clock)  # type: ignore[arg-type]
        database.at(BEGIN, nothing, die)
        await approve_request(replace(context, database=database, ledger=ledger), ALICE, number)


if __name__ == "__main__":
    asyncio.run(approve(int(sys.argv[1])))
