"""A responder over an installation in the test's own process."""

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509

from certwright.core.errors import CertwrightError
from certwright.operations.answer_ocsp import OcspResponder
from certwright.operations.context import Context
from certwright.protocols.ocsp.http import OcspApplication
from certwright.store.feed import StatusFeed
from certwright.store.snapshot import Generation
from tests.real.pki import MovableClock, Secrets, found, opened
from tests.status.asking import Told, ask, question


@dataclass
class Responding:
    """What one serving process has for OCSP; `reported` is what went wrong in the background."""

    context: Context
    feed: StatusFeed
    responder: OcspResponder
    application: OcspApplication
    reported: list[CertwrightError]

    @property
    def generation(self) -> Generation:
        return self.context.snapshot.issuing("issuing")

    @property
    def issuer(self) -> x509.Certificate:
        assert self.generation.certificate is not None
        return self.generation.certificate

    async def ask(self, serial: bytes, nonce: bytes = b"") -> Told:
        """By POST, with a SHA-1 CertID."""
        body = question(self.issuer, serial, nonce)
        return await ask(self.application, "POST", f"/ocsp/{self.generation.path}", body)

    async def catch_up(self) -> None:
        """What happens in the background within a second."""
        await self.feed.poll()
        await self.responder.refresh(self.reported.append)


async def responding(context: Context, folder: Path, edge: bool = False) -> Responding:
    """As a serving process starts."""
    feed = StatusFeed(context.database, time.monotonic)
    responder = OcspResponder(context, feed, folder, edge)
    await feed.begin()
    reported: list[CertwrightError] = []
    await responder.refresh(reported.append)
    application = OcspApplication(context.snapshots, responder, context.clock)
    return Responding(context, feed, responder, application, reported)


@asynccontextmanager
async def founded(url: str, clock: MovableClock, crl_shards: int = 1) -> AsyncIterator[Context]:
    """A context with root and issuing authority."""
    async with opened(url, Secrets(), clock) as context:
        await found(context, crl_shards=crl_shards)
        yield context
