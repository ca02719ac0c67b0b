"""Answer OCSP requests: from answers produced ahead where they hold, signed live where they do not.

An answer produced ahead is given for the usual form of question (one certificate, no nonce) unless the status
feed has told of a change since. Everything else is looked up and signed with the delegated signer's key. A
process that has not been able to confirm the feed for ten seconds says `tryLater`, or as an edge responder
goes on with answers produced ahead until their nextUpdate.
"""

import asyncio
from collections import Counter, OrderedDict
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from ..core import keys, ocsp
from ..core.clocks import of_the_future
from ..core.errors import CertwrightError, Unavailable
from ..core.ocsp import CertId, CertStatus, SingleResponse
from ..store.feed import StatusFeed
from ..store.rows import OcspSignerRow, StatusChangeRow
from ..store.snapshot import Generation
from .context import Context
from .keyring import Signer
from .look_up_status import StatusLookups
from .produced_answers import ProducedAnswers, Report

LIVE_VALIDITY = timedelta(hours=12)
ANSWERS_MAX = 20_000
ANSWERS_OCTETS_MAX = 32 * 1024 * 1024
REFRESH_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class Answer:
    """An OCSPResponse. The times are None where nobody may keep it: with a nonce, and for errors."""

    body: bytes
    this_update: datetime | None = None
    next_update: datetime | None = None


@dataclass(frozen=True, slots=True)
class _Moment:
    """What all live answers of one second and signer have in common; templates by the issuer's form."""

    signer: OcspSignerRow
    responder: ocsp.Responder
    times: ocsp.Times
    templates: dict[bytes, ocsp.Template]

    def template(self, singles: tuple[SingleResponse, ...]) -> ocsp.Template | None:
        """None for an answer that is not of the usual kind."""
        cert_id = singles[0].cert_id
        if len(singles) > 1 or len(cert_id.serial) != ocsp.SERIAL_OCTETS:
            return None
        template = self.templates.get(cert_id.issuer)
        if template is None:
            template = ocsp.Template(self.responder, self.times, cert_id.issuer)
            self.templates[cert_id.issuer] = template
        return template


@dataclass(slots=True)
class _Source:
    """What this process has at hand for one generation."""

    forms: tuple[bytes, ...]
    produced: ProducedAnswers
    ends: datetime
    signer: OcspSignerRow | None = None
    key: Signer | None = None
    responder: ocsp.Responder | None = None
    moment: _Moment | None = None


class OcspResponder:
    """One per event loop. `folder` holds the produced answers, a folder for each generation.

    `edge`: go on with produced answers while the status feed cannot be read.
    """

    def __init__(self, context: Context, feed: StatusFeed, folder: Path, edge: bool = False) -> None:
        self._context = context
        self._feed = feed
        self._folder = folder
        self._edge = edge
        self._sources: dict[int, _Source] = {}
        self._lookups = StatusLookups(context.database, feed)
        self._live = _LiveAnswers()
        self.answered: Counter[str] = Counter()
        """By kind: produced (ahead), kept (of a moment ago), signed, unauthorized, try-later."""
        self._signers: frozenset[bytes] = frozenset()
        feed.listen(self._learn, self._begin_again)

    def _learn(self, rows: list[StatusChangeRow]) -> None:
        """What the feed tells is newer than anything kept here."""
        for row in rows:
            self._lookups.forget(row.generation_id, row.serial)
            source = self._sources.get(row.generation_id)
            if source is not None:
                source.produced.learn(row.serial)
                self._live.forget(row.generation_id, [CertId(form, row.serial) for form in source.forms])

    def _begin_again(self) -> None:
        """The database was put back: nothing kept here need be so any more."""
        self._lookups.begin_again()
        self._live = _LiveAnswers()
        for source in self._sources.values():
            source.produced.begin_again()

    async def refresh(self, report: Report) -> None:
        """Take newer produced answers of every generation into use, and leave all that were signed by an
        OCSP signer that is revoked since. What goes wrong is reported."""
        snapshot = self._context.snapshot
        self._heed_signers(frozenset(row.certificate for row in snapshot.signers.values()))
        for generation in snapshot.generations.values():
            if generation.certificate is not None:
                signers = frozenset(row.certificate for row in snapshot.signers_of.get(generation.id, ()))
                try:
                    await self._source(generation).produced.refresh(signers, report)
                except CertwrightError as error:
                    report(error)

    def _heed_signers(self, signers: frozenset[bytes]) -> None:
        if not self._signers <= signers:
            self._live = _LiveAnswers()
        self._signers = signers

    async def follow(self, report: Report) -> None:
        """Refresh until cancelled."""
        while True:
            await self.refresh(report)
            await asyncio.sleep(REFRESH_SECONDS)

    async def answer(
        self, generation: Generation, cert_ids: tuple[CertId, ...], nonce: bytes, now: datetime
    ) -> Answer:
        """Answer one parsed request. Raises Unavailable when we cannot speak, whatever the client asked."""
        source = self._sources.get(generation.id) or self._source(generation)
        usual, live = len(cert_ids) == 1 and not nonce, self._live
        if self._feed.stale:
            kept = self._produced(source, cert_ids[0], now) if self._edge and usual else None
            self.answered["produced" if kept else "try-later"] += 1
            return kept or Answer(ocsp.TRY_LATER)
        if usual:
            kept = self._produced(source, cert_ids[0], now)
            if kept is not None:
                self.answered["produced"] += 1
                return kept
            kept = live.find(generation.id, cert_ids[0], now)
            if kept is not None:
                self.answered["kept"] += 1
                return kept
        if source.ends <= now or not any(cert_id.issuer in source.forms for cert_id in cert_ids):
            self.answered["unauthorized"] += 1
            return Answer(ocsp.UNAUTHORIZED)
        place = self._feed.place
        singles = await self._singles(generation, source, cert_ids)
        answer = await self._sign(generation, source, singles, nonce, now)
        # that a serial stays unknown nobody would tell us, so it is not kept
        if usual and singles[0].status != ocsp.UNKNOWN and place is self._feed.place:
            live.keep(generation.id, cert_ids[0], answer)
        self.answered["signed"] += 1
        return answer

    def _source(self, generation: Generation) -> _Source:
        source = self._sources.get(generation.id)
        if source is None:
            if generation.certificate is None or generation.public_key is None:
                raise Unavailable(f"authority {generation.path} has no certificate yet")
            name = generation.certificate.subject.public_bytes()
            forms = ocsp.issuer_forms(name, keys.spki(generation.public_key))
            produced = ProducedAnswers(
                self._context.database, self._feed, generation.id, self._folder / str(generation.id), forms[0]
            )
            source = _Source(forms, produced, generation.as_issuer.not_after)
            self._sources[generation.id] = source
        return source

    def _produced(self, source: _Source, cert_id: CertId, now: datetime) -> Answer | None:
        produced = source.produced
        if produced.file is None or cert_id.issuer != source.forms[0]:
            return None
        body = produced.find(cert_id.serial, now)
        if body is None:
            return None
        times = produced.file.run.times
        return Answer(body, times.this_update, times.next_update)

    async def _singles(
        self, generation: Generation, source: _Source, cert_ids: tuple[CertId, ...]
    ) -> tuple[SingleResponse, ...]:
        """What there is to say about each; `unknown` about other issuers' certificates."""
        singles = []
        for one in cert_ids:
            status: CertStatus | None = ocsp.UNKNOWN
            if one.issuer in source.forms:
                status = source.produced.status(one.serial)
            singles.append(SingleResponse(one, status or await self._lookups.find(generation.id, one.serial)))
        return tuple(singles)

    async def _sign(
        self,
        generation: Generation,
        source: _Source,
        singles: tuple[SingleResponse, ...],
        nonce: bytes,
        now: datetime,
    ) -> Answer:
        row, key, responder = await self._signer(generation, source, now)
        moment = source.moment
        this_second = now.replace(microsecond=0)
        if moment is None or moment.signer is not row or moment.times.this_update != this_second:
            moment = source.moment = self._begin(generation, source, row, responder, this_second)
        times, template = moment.times, moment.template(singles)
        body = await self._context.keyring.ocsp(key, responder, times, singles, nonce, template)
        return Answer(body) if nonce else Answer(body, times.this_update, times.next_update)

    def _begin(
        self,
        generation: Generation,
        source: _Source,
        row: OcspSignerRow,
        responder: ocsp.Responder,
        this_update: datetime,
    ) -> _Moment:
        """Answers hold for LIVE_VALIDITY, but not past the signer's or the authority's end."""
        until = min(this_update + LIVE_VALIDITY, row.not_after, source.ends)
        if until <= this_update:
            raise Unavailable(f"authority {generation.path}: its OCSP signer ends this second", retry_after=1)
        return _Moment(row, responder, ocsp.Times(this_update, this_update, until), {})

    async def _signer(
        self, generation: Generation, source: _Source, now: datetime
    ) -> tuple[OcspSignerRow, Signer, ocsp.Responder]:
        row = self._context.snapshot.signer(generation.id, now)
        if row is None or row.not_after <= now:
            raise Unavailable(
                f"authority {generation.path} has no OCSP signer in force; is the worker running?"
            )
        if source.signer is not row or source.key is None or source.responder is None:
            await self._context.keyring.ready(row)
            source.signer, source.key = row, self._context.keyring.ocsp_signer(row)
            source.responder = self._context.keyring.ocsp_responder(row)
        return row, source.key, source.responder


class _LiveAnswers:
    """Answers signed live a moment ago, the newest of them; none is given past half its validity, or where it
    begins in the future."""

    def __init__(self) -> None:
        self._kept: OrderedDict[tuple[int, CertId], Answer] = OrderedDict()
        self._octets = 0

    def find(self, generation: int, cert_id: CertId, now: datetime) -> Answer | None:
        answer = self._kept.get((generation, cert_id))
        if answer is None or answer.this_update is None or answer.next_update is None:
            return None
        if answer.next_update - now <= LIVE_VALIDITY / 2 or of_the_future(answer.this_update, now):
            return None
        return answer

    def keep(self, generation: int, cert_id: CertId, answer: Answer) -> None:
        if answer.next_update is None:
            return
        self.forget(generation, [cert_id])
        self._kept[generation, cert_id] = answer
        self._octets += len(answer.body)
        while len(self._kept) > ANSWERS_MAX or self._octets > ANSWERS_OCTETS_MAX:
            _, oldest = self._kept.popitem(last=False)
            self._octets -= len(oldest.body)

    def forget(self, generation: int, cert_ids: list[CertId]) -> None:
        for cert_id in cert_ids:
            gone = self._kept.pop((generation, cert_id), None)
            self._octets -= len(gone.body) if gone else 0
