"""Everything the worker does, how often, and under which lease."""

import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from ..operations.break_glass import end_expired_break_glass
from ..operations.check_outside_answers import check_outside_answers
from ..operations.check_outside_lists import check_outside_lists
from ..operations.context import Context
from ..operations.count_certificates import count_certificates
from ..operations.count_networks import count_networks
from ..operations.count_readiness import count_readiness
from ..operations.count_scores import count_scores
from ..operations.expire_requests import ask_for_approved, expire_requests
from ..operations.forget_certificates import FOUND_KEPT, forget_certificates
from ..operations.found_authority import offline
from ..operations.mail_codes import mail_codes
from ..operations.note_findings import check_health
from ..operations.purge_expired import REQUESTS_KEPT, purge_expired
from ..operations.purge_seen import SEEN_KEPT, purge_seen
from ..operations.remind import remind
from ..operations.renew_answers import RENEW_SIGNER, produce_due_answers, signer_payload, signers_due
from ..operations.renew_lists import crl_payload, lasting, lists_due
from ..operations.revoke import PUBLISH_CRL
from ..operations.run_discovery import run_waiting
from ..operations.send_notices import Post, send_notices
from ..operations.sequence_audit import sequence_audit
from ..operations.take_outbox import ask_for
from ..operations.validate import Validations
from ..operations.worker_health import offline_tasks, worker_health
from .clock import Task
from .durable import Durable
from .metrics import Meter
from .outbox import Outbox
from .recovery import Recovery

WORKFLOWS_KEPT = timedelta(days=3)
LOST = timedelta(seconds=60)
"""A challenge that is not settled so long after the client's response was lost with its process."""
SEQUENCE_TURNS_MAX = 100
PURGE_TURNS_MAX = 50
MAIL_TURNS_MAX = 10
COUNT_PAUSE = 50
JUDGE_SECONDS = 900.0
DISCOVERY_SECONDS = 7 * 86400.0


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What the worker is given. `answers`: this host's folder of OCSP answers; `held_checkpoint` gives the
    newest signed note that `keep_checkpoint` has kept outside the database; `renew_listener` renews this
    host's listener certificate when it is due; `requests_kept` is how long requests stay after their end;
    without `post` no mails leave from here; `zone` is the network into which we look; `seen_kept` is how
    long what was seen stays after its end, `found_kept` others' certificates after theirs."""

    context: Context
    validations: Validations
    host: str
    answers: Path
    checkpoint_origin: str
    checkpoint_key: Ed25519PrivateKey
    held_checkpoint: Callable[[], str | None]
    keep_checkpoint: Callable[[str, datetime], None]
    renew_listener: Callable[[datetime], Awaitable[None]]
    requests_kept: timedelta = REQUESTS_KEPT
    post: Post | None = None
    zone: str = ""
    seen_kept: timedelta = SEEN_KEPT
    found_kept: timedelta = FOUND_KEPT


class Duties:
    """The tasks of the clock, bound to what they need."""

    def __init__(self, surroundings: Surroundings, durable: Durable, outbox: Outbox, meter: Meter) -> None:
        self._at = surroundings
        self._context = surroundings.context
        self._durable = durable
        self._outbox = outbox
        self._meter = meter
        self._count_again = 0.0
        self._judge_again = 0.0

    def tasks(self, recovery: Recovery) -> list[Task]:
        host = self._at.host
        found = [
            Task("audit", 1.0, self.sequence, "audit"),
            Task("outbox", 1.0, self._outbox.turn, "outbox", bound=300.0),
            Task("recovery", 2.0, recovery.turn, "recovery"),
            Task("lists", 15.0, self.schedule_lists, "lists"),
            Task("signers", 30.0, self.schedule_signers, "signers"),
            Task("answers", 15.0, self.produce_answers, f"answers/{host}", bound=3600.0),
            Task("listener", 60.0, self.renew_listener, f"listener/{host}"),
            Task("requests", 10.0, self.look_at_requests, "requests"),
            Task("attestation", 60.0, self.remind, "attestation"),
            Task("break-glass", 15.0, self.end_break_glass, "break-glass"),
            Task("purge", 10.0, self.purge, "purge"),
            Task("workflows", 600.0, self.forget_workflows, "workflows"),
            Task("numbers", 10.0, self.measure),
            Task("overview", 10.0, self.count, "overview", bound=600.0),
            Task("discovery", 2.0, self.discover, f"discovery/{self._at.zone}", bound=DISCOVERY_SECONDS),
            Task("outside-lists", 30.0, self.look_at_lists, "outside-lists", bound=3600.0),
            Task("outside-answers", 30.0, self.look_at_answers, "outside-answers", bound=3600.0),
            Task("health", 60.0, self.judge, "health", bound=3600.0),
        ]
        if self._at.post is not None:
            found.append(Task("mail", 5.0, self.mail, "mail", bound=600.0))
        return found + self._validation_tasks()

    def _validation_tasks(self) -> list[Task]:
        perspectives = self._at.validations.perspectives
        if perspectives.here == perspectives.primary:
            return [Task("validations", 60.0, self.sweep_lost, "validations")]
        if perspectives.here in perspectives.others:
            return [Task("perspective", 0.2, self.sweep_owed, f"perspective/{perspectives.here}")]
        return []

    # -- each ------------------------------------------------------------------------------------

    async def sequence(self) -> None:
        """Until all events have their place, or for this time it is enough."""
        for _ in range(SEQUENCE_TURNS_MAX):
            held = self._at.held_checkpoint()
            origin, key = self._at.checkpoint_origin, self._at.checkpoint_key
            note = await sequence_audit(self._context, origin, key, held)
            if note is None:
                return
            self._at.keep_checkpoint(note, self._context.clock())

    async def schedule_lists(self) -> None:
        """Ask for the lists that are due. What a revocation asks for is in the outbox already; where that
        work has failed for good, the list is due still, and asked for again here."""
        now = self._context.clock()
        payloads = []
        for generation in lasting(self._context, now):
            if not offline(generation):
                due = await lists_due(self._context.database, generation, now)
                payloads += [crl_payload(generation.id, shard) for shard in due]
        await ask_for(self._context, PUBLISH_CRL, payloads)

    async def schedule_signers(self) -> None:
        due = signers_due(self._context, self._context.clock())
        await ask_for(self._context, RENEW_SIGNER, [signer_payload(one.id) for one in due])

    async def produce_answers(self) -> None:
        await produce_due_answers(self._context, self._at.answers)

    async def renew_listener(self) -> None:
        await self._at.renew_listener(self._context.clock())

    async def remind(self) -> None:
        await remind(self._context)

    async def mail(self) -> None:
        assert self._at.post is not None
        for _ in range(MAIL_TURNS_MAX):
            codes = await mail_codes(self._context, self._at.post)
            if not await send_notices(self._context, self._at.post) + codes:
                return

    async def sweep_lost(self) -> None:
        await self._at.validations.sweep(self._context.clock() - LOST, anyone=True)

    async def sweep_owed(self) -> None:
        await self._at.validations.sweep(self._context.clock())

    async def look_at_requests(self) -> None:
        for _ in range(PURGE_TURNS_MAX):
            if not await expire_requests(self._context):
                break
        await ask_for_approved(self._context)

    async def end_break_glass(self) -> None:
        await end_expired_break_glass(self._context)

    async def purge(self) -> None:
        for _ in range(PURGE_TURNS_MAX):
            gone = await purge_expired(self._context, self._at.requests_kept)
            if not gone + await purge_seen(self._context, self._at.seen_kept):
                return

    async def forget_workflows(self) -> None:
        before = self._context.clock() - WORKFLOWS_KEPT
        for _ in range(PURGE_TURNS_MAX):
            if not await self._durable.forget_ended(before):
                return

    async def count(self) -> None:
        """However many certificates there are, counting them takes a fiftieth of the time."""
        started = time.monotonic()
        if started < self._count_again:
            return
        await count_certificates(self._context)
        await count_networks(self._context)
        await count_readiness(self._context)
        ended = time.monotonic()
        self._count_again = ended + COUNT_PAUSE * (ended - started)

    async def discover(self) -> None:
        """The runs of our zone. What is cut short here is gone on with once nothing was heard of it."""
        await run_waiting(self._context, self._at.zone)

    async def look_at_lists(self) -> None:
        await check_outside_lists(self._context)

    async def look_at_answers(self) -> None:
        await check_outside_answers(self._context)

    async def judge(self) -> None:
        """Every certificate, for time alone changes what is wrong; what is seen is judged when it is seen."""
        started = time.monotonic()
        if started < self._judge_again:
            return
        await forget_certificates(self._context, self._at.found_kept)
        await check_health(self._context)
        await count_scores(self._context)
        ended = time.monotonic()
        self._judge_again = ended + max(JUDGE_SECONDS, COUNT_PAUSE * (ended - started))

    async def measure(self) -> None:
        self._meter.waiting(self._outbox.waiting)
        health = await worker_health(self._context, self._at.answers)
        self._meter.health(health, await offline_tasks(self._context))
