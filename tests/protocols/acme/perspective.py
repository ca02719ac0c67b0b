"""A perspective: a process that checks what the others check, from where it stands, as its settings say.

`python -m tests.protocols.acme.perspective`, with CERTWRIGHT_HOME; until it is told to end.
"""

import asyncio
import signal
import sys
from contextlib import suppress

from certwright.core.errors import CertwrightError
from certwright.site.configuration import Configuration
from certwright.site.wiring import open_context, validations


async def look() -> None:
    configuration = Configuration.load()
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    async with open_context(configuration, f"perspective/{configuration.validation.zone}") as context:
        checks = validations(configuration, context, report)
        sys.stdout.write("looking\n")
        sys.stdout.flush()
        while not stop.is_set():
            await context.snapshots.refresh()
            await checks.sweep(context.clock())
            with suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), 0.1)
        await checks.close()


def report(error: CertwrightError) -> None:
    sys.stderr.write(f"{error.detail}\n")


if __name__ == "__main__":
    asyncio.run(look())
