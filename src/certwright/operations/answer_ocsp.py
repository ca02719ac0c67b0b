"""Answer OCSP requests: from answers produced ahead where they hold, signed live where they do not.

An answer produced ahead is given for the usual form of question (one certificate, no nonce) unless the status
feed has told of a change since. Everything else is looked up and signed with the delegated signer's key. A
process that has not been able to confirm the feed for ten seconds says `tryLater`.
"""

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from ..core import keys, ocsp
from ..core.errors import CertwrightError, Unavailable
from ..core.ocsp import CertId, CertStatus, SingleResponse
from ..core.revocation import Reason, RevocationFacts
from ..store.answers import Answers
from ..store.feed import StatusFeed
from ..store.rows import OcspSignerRow, StatusChangeRow
from ..store.snapshot import Generation
from .context import Context
from .keyring import Signer

LIVE_VALIDITY = timedelta(hours=12)
STATUSES_MAX = 50_000
ANSWERS_MAX = 20_000


@dataclass(frozen=True, slots=True)
class Answer:
    """An OCSPResponse. The times are None for an error answer, which nobody may keep."""

    body: bytes
    this_update: datetime | None = None
    next_update: datetime | None = None


@dataclass(slots=True)
class _Source:
    """What this process has at hand for one generation."""

    forms: tuple[bytes, ...]
    produced: Answers
    signer: OcspSignerRow | None = None
    key: Signer | None = None
    responder: ocsp.Responder | None = None


class OcspResponder:
    """One per event loop. `folder` holds the produced answers, a folder for each generation."""

    def __init__(self, context: Context, feed: StatusFeed, folder: Path) -> None:
        self._context = context
        self._feed = feed
        self._folder = folder
        self._sources: dict[int, _Source] = {}
        self._changed: dict[tuple[int, bytes], StatusChangeRow] = {}
        self._statuses: OrderedDict[tuple[int, bytes], CertStatus] = OrderedDict()
        self._answers: OrderedDict[tuple[int, CertId], Answer] = OrderedDict()
        feed.listen(self._learn)

    def _learn(self, rows: list[StatusChangeRow]) -> None:
        """What the feed tells is newer than anything kept here."""
        for row in rows:
            self._changed[row.generation_id, row.serial] = row
            self._statuses.pop((row.generation_id, row.serial), None)
        self._answers.clear()

    def refresh(self, report: Callable[[CertwrightError], None]) -> None:
        """Take newer produced answers into use, and forget the changes they know of."""
        for source in self._sources.values():
            try:
                source.produced.refresh()
            except CertwrightError as error:
                report(error)
        positions = {
            generation: source.produced.current.run.feed_position
            for generation, source in self._sources.items()
            if source.produced.current
        }
        self._changed = {
            key: row for key, row in self._changed.items() if row.seq > positions.get(key[0], -1)
        }

    async def answer(
        self, generation: Generation, cert_ids: tuple[CertId, ...], nonce: bytes, now: datetime
    ) -> Answer:
        """Answer one parsed request. Never raises for what the client asked; Unavailable when we cannot speak."""
        if self._feed.stale:
            return Answer(ocsp.TRY_LATER)
        source = self._sources.get(generation.id) or self._open(generation)
        if len(cert_ids) == 1 and not nonce:
            return self._kept(generation, source, cert_ids[0], now) or await self._keep(
                generation, source, cert_ids[0], now
            )
        return await self._sign(generation, source, cert_ids, nonce, now)

    def _open(self, generation: Generation) -> _Source:
        certificate = generation.certificate
        if certificate is None or generation.public_key is None:
            raise Unavailable(f"authority {generation.path} has no certificate yet")
        forms = ocsp.issuer_forms(certificate.subject.public_bytes(), keys.spki(generation.public_key))
        produced = Answers(self._folder / str(generation.id), forms[0])
        produced.refresh()
        source = self._sources[generation.id] = _Source(forms, produced)
        return source

    def _kept(self, generation: Generation, source: _Source, cert_id: CertId, now: datetime) -> Answer | None:
        """An answer that is already signed: produced ahead, or live a moment ago."""
        if cert_id.issuer == source.forms[0] and (generation.id, cert_id.serial) not in self._changed:
            current = source.produced.current
            if current is not None and current.run.times.next_update > now:
                body = current.answer(cert_id.serial)
                if body is not None:
                    return Answer(body, current.run.times.this_update, current.run.times.next_update)
        answer = self._answers.get((generation.id, cert_id))
        if (
            answer is not None
            and answer.next_update is not None
            and answer.next_update - now > LIVE_VALIDITY / 2
        ):
            return answer
        return None

    async def _keep(self, generation: Generation, source: _Source, cert_id: CertId, now: datetime) -> Answer:
        position = self._feed.seq
        answer = await self._sign(generation, source, (cert_id,), b"", now)
        if answer.next_update is not None and position == self._feed.seq:
            self._answers[generation.id, cert_id] = answer
            while len(self._answers) > ANSWERS_MAX:
                self._answers.popitem(last=False)
        return answer

    async def _sign(
        self,
        generation: Generation,
        source: _Source,
        cert_ids: tuple[CertId, ...],
        nonce: bytes,
        now: datetime,
    ) -> Answer:
        if not any(cert_id.issuer in source.forms for cert_id in cert_ids):
            return Answer(ocsp.UNAUTHORIZED)
        singles = tuple(
            [SingleResponse(one, await self._status(generation, source, one)) for one in cert_ids]
        )
        key, responder = self._signer(generation, source, now)
        this_update = now.replace(microsecond=0)
        times = ocsp.Times(this_update, this_update, this_update + LIVE_VALIDITY)
        tbs = ocsp.tbs_response(responder, times, singles, nonce)
        signature = await self._context.keyring.ocsp(key, tbs)
        return Answer(ocsp.assemble(responder, tbs, signature), times.this_update, times.next_update)

    def _signer(
        self, generation: Generation, source: _Source, now: datetime
    ) -> tuple[Signer, ocsp.Responder]:
        row = self._context.snapshot.signers.get(generation.id)
        if row is None or row.not_after <= now:
            raise Unavailable(
                f"authority {generation.path} has no OCSP signer in force; is the worker running?"
            )
        if source.signer is not row or source.key is None or source.responder is None:
            source.signer, source.key = row, self._context.keyring.ocsp_signer(row)
            source.responder = self._context.keyring.ocsp_responder(row)
        return source.key, source.responder

    async def _status(self, generation: Generation, source: _Source, cert_id: CertId) -> CertStatus:
        """`unknown` for other issuers' and never issued serials, after the store has been asked."""
        if cert_id.issuer not in source.forms:
            return ocsp.UNKNOWN
        key = (generation.id, cert_id.serial)
        changed = self._changed.get(key)
        if changed is not None:
            return status_of(changed)
        known = self._statuses.get(key)
        return known if known is not None else await self._look_up(key)

    async def _look_up(self, key: tuple[int, bytes]) -> CertStatus:
        position = self._feed.seq
        rows = await self._context.database.query(
            'SELECT "revoked_at" IS NOT NULL, "seq" FROM "certificate" c LEFT JOIN "status_change" s '
            'ON s."certificate_id" = c."id" WHERE c."generation_id" = ? AND c."serial" = ? '
            'ORDER BY s."seq" DESC LIMIT 1',
            *key,
        )
        if not rows:
            return ocsp.UNKNOWN
        status = ocsp.GOOD
        if rows[0][1] is not None:
            [change] = await self._context.database.select(StatusChangeRow, '"seq" = ?', rows[0][1])
            status = status_of(change)
        if position == self._feed.seq:
            self._statuses[key] = status
            while len(self._statuses) > STATUSES_MAX:
                self._statuses.popitem(last=False)
        return status


def status_of(change: StatusChangeRow) -> CertStatus:
    """CertStatus after a change of status."""
    if not change.revoked:
        return ocsp.GOOD
    return ocsp.revoked(RevocationFacts(change.at, Reason(change.reason), change.invalidity_date))
