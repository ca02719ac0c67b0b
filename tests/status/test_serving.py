"""Real serving processes: they know what changed before they started and while they run, without a worker."""

import time
from contextlib import ExitStack
from datetime import datetime

import httpx
import pytest
from cryptography import x509
from cryptography.x509 import ocsp
from cryptography.x509.ocsp import OCSPCertStatus, OCSPResponseStatus

from certwright.core.revocation import Reason
from certwright.operations.context import Context
from certwright.operations.produce_ocsp import produce_ocsp
from certwright.operations.renew_answers import newest_run
from certwright.operations.revoke import release_certificate, revoke_certificate
from certwright.store.rows import CertificateRow
from tests.real.certwright import Home, Site
from tests.real.pki import ADMINISTRATOR
from tests.status.asking import issued, question

GOOD, REVOKED = OCSPCertStatus.GOOD, OCSPCertStatus.REVOKED
CONNECTIONS = 20  # enough that every serving process has some
SECONDS = 10
CONTENT = {"content-type": "application/ocsp-request"}


class Asking:
    """Asks over connections of its own about one certificate."""

    def __init__(self, site: Site, row: CertificateRow, stack: ExitStack) -> None:
        self.issuer, self.path = site.home.run(_issuer)
        self.site, self.row = site, row
        self.clients = [stack.enter_context(site.client()) for _ in range(CONNECTIONS)]

    def states(self, nonce: bytes = b"") -> set[OCSPCertStatus]:
        body = question(self.issuer, self.row.serial, nonce)
        return {self.told(client, body).certificate_status for client in self.clients}

    def told(self, client: httpx.Client, body: bytes) -> ocsp.OCSPResponse:
        url = self.site.url("http", f"/ocsp/{self.path}")
        answer = ocsp.load_der_ocsp_response(client.post(url, content=body, headers=CONTENT).content)
        assert answer.response_status is OCSPResponseStatus.SUCCESSFUL
        return answer

    def wait_for(self, state: OCSPCertStatus) -> None:
        """Until every process says so; with and without a nonce, and from then on always."""
        deadline = time.monotonic() + SECONDS
        while self.states() != {state}:
            assert time.monotonic() < deadline
        assert self.states(b"0123456789abcdef") == {state}


async def _issuer(context: Context) -> tuple[x509.Certificate, str]:
    generation = context.snapshot.issuing("issuing")
    assert generation.certificate is not None
    return generation.certificate, generation.path


def change(home: Home, row: CertificateRow, reason: Reason | None) -> None:
    """Revoke, hold, or with None release, in this process."""

    async def act(context: Context) -> None:
        reference, now = row.fingerprint.hex(), context.clock()
        if reason is None:
            await release_certificate(context, ADMINISTRATOR, reference, now)
        else:
            await revoke_certificate(context, ADMINISTRATOR, reference, reason, now)

    home.run(act)


def produce(home: Home) -> datetime:
    """Produce the issuing authority's answers; when they say that they were."""

    async def act(context: Context) -> datetime:
        generation, folder = context.snapshot.issuing("issuing"), home.folder / "ocsp"
        assert await produce_ocsp(context, generation, folder) > 0
        run = newest_run(generation, folder)
        assert run is not None
        return run.times.produced_at

    return home.run(act)


@pytest.mark.parametrize("produced", [True, False], ids=["produced", "live"])
def test_a_change_is_seen_by_every_process_without_a_worker(installation: Home, produced: bool) -> None:
    row = installation.run(issued)
    if produced:
        produce(installation)
    with ExitStack() as stack:
        site = stack.enter_context(installation.served(workers=2, lanes=("fast",)))
        asking = Asking(site, row, stack)
        assert asking.states() == {GOOD}
        for reason, state in (
            (Reason.CERTIFICATE_HOLD, REVOKED),
            (None, GOOD),
            (Reason.KEY_COMPROMISE, REVOKED),
        ):
            change(installation, row, reason)
            asking.wait_for(state)


def test_what_changed_since_the_answers_were_produced_is_known_from_the_start(installation: Home) -> None:
    row = installation.run(issued)
    produce(installation)
    change(installation, row, Reason.SUPERSEDED)
    with ExitStack() as stack:
        site = stack.enter_context(installation.served(workers=2, lanes=("fast",)))
        asking = Asking(site, row, stack)
        assert asking.states() == {REVOKED}
        time.sleep(1.5)  # by now the file is in use
        assert asking.states() == {REVOKED}


def test_answers_produced_while_serving_come_into_use(installation: Home) -> None:
    row = installation.run(issued)
    with ExitStack() as stack:
        site = stack.enter_context(installation.served(workers=2, lanes=("fast",)))
        asking = Asking(site, row, stack)
        body = question(asking.issuer, row.serial)
        for _ in range(2):
            time.sleep(1.1)  # answers of one second look alike
            produced = produce(installation)
            deadline = time.monotonic() + SECONDS
            while {asking.told(one, body).produced_at_utc for one in asking.clients} != {produced}:
                assert time.monotonic() < deadline
            change(installation, installation.run(issued), Reason.SUPERSEDED)
            assert {asking.told(one, body).produced_at_utc for one in asking.clients} == {produced}
