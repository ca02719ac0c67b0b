"""The worker process: `python -m certwright.site.work`, started by the supervisor.

It ends when it is told to, within ten seconds however it goes, and by itself when its event loop has stood
still for a minute; the supervisor then starts another.
"""

import gc

if __name__ == "__main__":
    gc.disable()  # until all is loaded, as in serve.py

import asyncio
import os
import signal
import sqlite3
import sys
from collections.abc import Awaitable, Callable
from contextlib import suppress
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path

import uvloop

from ..core.errors import CertwrightError, NotFound, Unavailable
from ..operations.context import Context
from ..worker import main as worker
from ..worker.duties import Surroundings
from .configuration import Configuration
from .installation import held_checkpoint, keep_checkpoint, read_checkpoint_key
from .instruments import LedgerMeter
from .listener_certificate import due, issue_listener_certificate
from .logs import configure_logging, report_validation
from .mail import post_of
from .metrics import use_metrics_folder
from .supervisor import EX_CONFIG, HEART_VARIABLE
from .wiring import open_context, require_initialized, validations

EX_TEMPFAIL = 75
LAST_SECONDS = 9
STILL_SECONDS = 60
WORKFLOWS = "workflows.sqlite3"

Work = Callable[[Surroundings, str, asyncio.Event, Callable[[], None]], Awaitable[None]]


def workflows_url(configuration: Configuration) -> str:
    """Beside the embedded database in a file of its own, in PostgreSQL in a schema of its own."""
    if configuration.database_url.startswith("postgresql://"):
        return configuration.database_url
    path = configuration.home / WORKFLOWS
    prepare_file(path)
    return f"sqlite:///{path}"


def prepare_file(path: Path) -> None:
    """For our eyes alone, and in WAL mode, which the file remembers."""
    path.touch(mode=0o600)
    connection = sqlite3.connect(path, timeout=LAST_SECONDS)
    try:
        connection.execute("PRAGMA journal_mode=WAL")
    finally:
        connection.close()


def surroundings_of(configuration: Configuration, context: Context) -> Surroundings:
    """Raises NotFound when the home lacks the key that signs checkpoints."""
    folder = configuration.home / "audit"
    try:
        key, verifier = read_checkpoint_key(folder)
    except FileNotFoundError as error:
        raise NotFound(f"{error.filename} is missing; copy it from where this was founded") from error

    async def renew_listener(now: datetime) -> None:
        if {"https", "mtls"} & set(configuration.listeners) and due(configuration, now):
            await issue_listener_certificate(context, configuration, now)

    return Surroundings(
        context,
        validations(configuration, context, report_validation),
        os.uname().nodename,
        configuration.home / "ocsp",
        verifier.name,
        key,
        partial(held_checkpoint, folder),
        partial(keep_checkpoint, folder),
        renew_listener,
        timedelta(days=configuration.requests.kept_days),
        post_of(configuration),
        configuration.discovery.zone,
        timedelta(days=configuration.discovery.kept_days),
        timedelta(days=configuration.discovery.certificates_kept_days),
    )


def _beat() -> None:
    """Tell the supervisor that we are ready, and put off the end by one's own hand."""
    signal.alarm(STILL_SECONDS)
    heart = int(os.environ.get(HEART_VARIABLE, "-1"))
    if heart >= 0:
        with suppress(BrokenPipeError, BlockingIOError):
            os.write(heart, b".")


async def _run(configuration: Configuration, work: Work) -> None:
    stop = asyncio.Event()

    def told_to_stop() -> None:
        if not stop.is_set():
            signal.alarm(LAST_SECONDS)
            stop.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, told_to_stop)
    async with open_context(configuration, "worker") as context:
        context.key_lists()  # now, since what is wrong with them ends the start
        context.anchors()
        surroundings = surroundings_of(configuration, context)
        meter = LedgerMeter(context.ledger)
        gc.collect()
        gc.freeze()
        gc.enable()

        def beat() -> None:
            meter.flush()
            _beat()

        try:
            await work(surroundings, workflows_url(configuration), stop, beat)
        finally:
            await surroundings.validations.close()


def main(work: Work = worker.run) -> int:
    """The exit status: EX_CONFIG when it would be no use to try again. `work` is `worker.run`, or like it."""
    try:
        configuration = Configuration.load()
        configure_logging(configuration.log_level, configuration.log_format)
        require_initialized(configuration)
        use_metrics_folder(configuration.run_folder)
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(_run(configuration, work))
    except Unavailable as error:
        return _failed(error, EX_TEMPFAIL)
    except CertwrightError as error:
        return _failed(error, EX_CONFIG)
    return 0


def _failed(error: CertwrightError, status: int) -> int:
    sys.stderr.write(f"certwright: {error.detail}\n")
    return status


if __name__ == "__main__":
    sys.exit(main())
