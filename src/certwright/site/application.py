"""What one serving process serves: context, feeds and protocol handlers, wired together."""

import asyncio
import time
from contextlib import AsyncExitStack
from pathlib import Path

import structlog

from ..api.fast import FastApi
from ..core.errors import CertwrightError, Unavailable
from ..operations import bridge
from ..operations.answer_ocsp import OcspResponder
from ..operations.audit_health import require_signed
from ..operations.context import Context
from ..operations.record_denial import Denials
from ..operations.serve_status import PublishedLists
from ..operations.worker_health import (
    WorkerHealth,
    offline_tasks,
    require_lasting,
    require_no_offline_task,
    require_worker,
    worker_health,
)
from ..protocols.acme.http import AcmeApplication
from ..protocols.crl.http import PublicationApplication
from ..protocols.ocsp.http import OcspApplication
from ..protocols.practice.http import PracticeApplication
from ..store.feed import StatusFeed
from .configuration import Configuration
from .dispatch import Application, Handler
from .installation import NONCE_CONTEXT
from .instruments import Instruments
from .listener_certificate import listener_file, read_material
from .listeners import Listeners
from .logs import report_validation
from .wiring import open_context, require_initialized, validations

LOOK_AT_FILES_SECONDS = 5.0
LAST_USES_SECONDS = 2.0

log = structlog.get_logger(__name__)


def report(error: CertwrightError) -> None:
    """What went wrong in the background; it is tried again."""
    log.warning("in the background", error=error.detail)


async def build(configuration: Configuration) -> Application:
    """Open everything for this process's event loop. Raises NotFound before `init`, Unavailable."""
    require_initialized(configuration)
    stack = AsyncExitStack()
    context = await stack.enter_async_context(open_context(configuration, "serve"))
    log.info("lists of keys that are refused", **context.key_lists().sizes())
    feed = StatusFeed(context.database, time.monotonic)
    answers = configuration.home / "ocsp"
    responder = OcspResponder(context, feed, answers, configuration.ocsp_edge)
    await feed.begin()
    checks = validations(configuration, context, report_validation)
    nonce_key = context.keyring.decrypt(context.snapshot.installation.nonce_key, NONCE_CONTEXT)
    acme = AcmeApplication(context, checks, nonce_key, configuration.reached_as)
    ocsp = OcspApplication(context.snapshots, responder, context.clock)
    published = PublicationApplication(context.snapshots, PublishedLists(context.database), context.clock)
    practice = PracticeApplication(context.database, context.clock)
    denials = Denials(context)
    fast_api = FastApi(context, denials)
    bridge.connect(context, denials)
    instruments = Instruments(context, feed, responder, answers)
    background = Background(configuration, context, feed, responder, instruments)

    async def close() -> None:
        bridge.disconnect()
        await background.stop()
        await checks.close()
        await stack.aclose()

    return Application(
        handlers=(
            Handler("/acme/", acme),
            Handler("/api/v1/certificates", fast_api, methods=frozenset({"POST"})),
            Handler("/api/v1/certificates/", fast_api),
            Handler("/ocsp/", ocsp, plain=True),
            Handler("/crl/", published, plain=True),
            Handler("/ca/", published, plain=True),
            Handler("/practice/", practice, plain=True),
        ),
        tls=read_material(configuration, anchors(context)),
        readiness={
            "configuration": background.check_snapshot,
            "status": background.check_feed,
            "lists": background.check_lists,
            "audit": background.check_audit,
        },
        warnings={
            "worker": background.check_worker,
            "offline": background.check_offline,
            "break-glass": background.check_glass,
        },
        on_startup=(background.start,),
        on_shutdown=(close,),
    )


def anchors(context: Context) -> tuple[bytes, ...]:
    """Under which a client's certificate may stand: our authorities, of any level."""
    return tuple(
        generation.row.certificate
        for generation in context.snapshot.generations.values()
        if generation.row.certificate
    )


class Background:
    """What a serving process does beside answering: follow configuration, status, and files."""

    def __init__(
        self,
        configuration: Configuration,
        context: Context,
        feed: StatusFeed,
        responder: OcspResponder,
        instruments: Instruments,
    ) -> None:
        self._configuration = configuration
        self._context = context
        self._feed = feed
        self._responder = responder
        self._instruments = instruments
        self._tasks: list[asyncio.Task[None]] = []

    async def start(self, listeners: Listeners) -> None:
        loop = asyncio.get_running_loop()
        self._tasks = [
            loop.create_task(self._context.snapshots.follow(report)),
            loop.create_task(self._feed.follow(report)),
            loop.create_task(self._responder.follow(report)),
            loop.create_task(self._instruments.follow(report)),
            loop.create_task(
                self._context.token_uses.follow(self._context.database, self._context.ledger, report)
            ),
            loop.create_task(self._follow_files(listeners)),
        ]

    async def _follow_files(self, listeners: Listeners) -> None:
        """Take a renewed listener certificate into use."""
        path = listener_file(self._configuration)
        seen = _modified(path)
        while True:
            await asyncio.sleep(LOOK_AT_FILES_SECONDS)
            try:
                if _modified(path) != seen:
                    seen = _modified(path)
                    await listeners.reload(read_material(self._configuration, anchors(self._context)))
            except CertwrightError as error:
                report(error)

    async def stop(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._instruments.flush()
        await self._write_last_uses()

    async def _write_last_uses(self) -> None:
        """Of tokens; not worth to hold the end of the process up for."""
        context = self._context
        try:
            async with asyncio.timeout(LAST_USES_SECONDS):
                await context.token_uses.write(context.database, context.ledger)
        except TimeoutError:
            log.warning("the last uses of tokens were not written in time")
        except CertwrightError as error:
            report(error)

    async def check_audit(self) -> None:
        """What is logged comes under a signature, unless the worker refuses."""
        await require_signed(self._context.database, self._context.clock())

    def check_snapshot(self) -> None:
        if self._context.snapshots.stale:
            raise Unavailable("the configuration could not be confirmed for ten seconds")

    async def check_lists(self) -> None:
        """What the worker renews must last for days."""
        require_lasting(await self._worker_health(), self._context.clock())

    async def check_worker(self) -> None:
        """Without one, answers are good until what it has signed ends: days."""
        require_worker(await self._worker_health(), self._context.clock())

    async def check_offline(self) -> None:
        """What waits for a person with the recovery passphrase."""
        require_no_offline_task(await offline_tasks(self._context))

    def check_glass(self) -> None:
        """Everybody shall see that dangerous acts need no second person just now."""
        glass = self._context.snapshot.broken_glass(self._context.clock())
        if glass is not None:
            raise Unavailable(f"no second person is needed until {glass.ends_at:%Y-%m-%d %H:%M} UTC")

    async def _worker_health(self) -> WorkerHealth:
        return await worker_health(self._context, self._configuration.home / "ocsp")

    def check_feed(self) -> None:
        if self._feed.stale and not self._configuration.ocsp_edge:
            raise Unavailable("the status feed could not be read for ten seconds")


def _modified(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except FileNotFoundError:
        return 0.0
