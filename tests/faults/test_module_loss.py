"""Authorities whose keys are in a PKCS#11 module, and the module goes away: nothing is lost or made up, and
issuance works again when it is back, in the same process."""

import asyncio
import json
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives.hashes import SHA1
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import ocsp

from certwright.core.distinguished_name import parse_name
from certwright.core.errors import CertwrightError, Unavailable
from certwright.core.keys import KeyAlgorithm
from certwright.core.request import parse_csr
from certwright.core.revocation import Reason
from certwright.operations.check_issuance import INTENTS_MAX, unresolved_intents
from certwright.operations.context import Context
from certwright.operations.found_authority import AuthorityOrder, found_authority
from certwright.operations.issue import Issued, IssueOrder, issue
from certwright.operations.issue_ocsp_signer import issue_ocsp_signer
from certwright.operations.publish_crl import ListTimes, publish_crl
from certwright.operations.revoke import revoke_certificate
from certwright.store.databases import Database
from certwright.store.rows import AuthorityRow, CertificateRow, IssuanceIntentRow
from tests.faults.conftest import SECONDS, Opener
from tests.faults.facts import check_audit, check_records_hold, check_told
from tests.faults.interposed import COMMITTED, Interposed
from tests.faults.load import Client, Load, Told, make_token
from tests.real import softhsm as real_softhsm
from tests.real.certwright import Home
from tests.real.p11_kit import RemoteToken
from tests.real.pki import ADMINISTRATOR, MovableClock, Secrets, found, make_csr, opened
from tests.real.softhsm import SoftHsm
from tests.site.running import descendants, until

AUTHORITY = "in-module"


def order_of(name: str, provider: str, parent: str = "root") -> AuthorityOrder:
    subject = parse_name(f"CN={name},O=Test")
    return AuthorityOrder(name, "issuing", subject, KeyAlgorithm.ECDSA_P256, provider, parent)


async def issued_by(context: Context, authority: str, name: str = "a.example.test") -> Issued:
    request = parse_csr(make_csr(name))
    return await issue(context, IssueOrder(ADMINISTRATOR, request, authority, "tls-server"))


async def again(act: Callable[[], Awaitable[object]]) -> None:
    """Within bounds: after a failed start of a helper the next waits a second."""
    until = time.monotonic() + 60
    while True:
        try:
            await act()
            return
        except Unavailable:
            assert time.monotonic() < until, "it does not work again"
            await asyncio.sleep(0.1)


class Issuing:
    """Tasks that issue until told to stop, and what became of each attempt."""

    def __init__(self, context: Context, tasks: int) -> None:
        self.told = Told()
        self.outcomes: list[str] = []
        self._context = context
        self._stop = asyncio.Event()
        self._tasks = [asyncio.create_task(self._work(number)) for number in range(tasks)]

    async def _work(self, number: int) -> None:
        while not self._stop.is_set():
            try:
                issued = await issued_by(self._context, "issuing", f"host{number}.example.test")
                self.told.issued[issued.row.fingerprint.hex()] = issued.der
                self.outcomes.append("issued")
            except CertwrightError as error:
                self.outcomes.append(type(error).__name__)
                await asyncio.sleep(0.02)

    async def wait_for(self, outcome: str, count: int) -> None:
        """Until the newest outcomes are all of this kind."""
        until = time.monotonic() + 60
        while self.outcomes[-count:] != [outcome] * count:
            assert time.monotonic() < until, Counter(self.outcomes)
            await asyncio.sleep(0.01)

    async def stop(self) -> None:
        self._stop.set()
        await asyncio.gather(*self._tasks)


def test_a_module_that_is_killed_in_mid_signature_under_load(
    database, remote_token: RemoteToken, keys_of: Opener, full: bool
) -> None:
    async def main() -> None:
        providers = {"hsm": keys_of(remote_token)}
        async with opened(database.url, Secrets(), MovableClock(), providers) as context:
            await found(context, provider="hsm")
            issuing = Issuing(context, 16)
            for _ in range(20 if full else 1):
                await issuing.wait_for("issued", 30)
                remote_token.freeze()
                await asyncio.sleep(SECONDS / 4)
                remote_token.kill()
                await issuing.wait_for("Unavailable", 30)
                remote_token.start()
            await issuing.wait_for("issued", 30)
            await issuing.stop()
            assert set(issuing.outcomes) == {"issued", "Unavailable"}
            await check_told(context.database, issuing.told)
            await check_records_hold(context)
            await check_audit(context)
            await every_signature_was_intended(context)

    asyncio.run(main())


async def every_signature_was_intended(context: Context) -> None:
    intents = {row.serial for row in await context.database.select(IssuanceIntentRow, "1 = 1")}
    serials = {row.serial for row in await context.database.select(CertificateRow, "1 = 1")}
    count, first = await unresolved_intents(context.database, ADMINISTRATOR)
    assert serials < intents
    assert count == len(intents - serials)
    assert {row.serial for row in first} <= intents - serials
    assert len(first) == min(count, INTENTS_MAX)


def test_lists_and_answers_are_signed_in_the_module(
    database, remote_token: RemoteToken, keys_of: Opener
) -> None:
    async def main() -> None:
        kept, providers = Secrets(), {"hsm": keys_of(remote_token)}
        async with opened(database.url, kept, MovableClock(), providers) as context:
            await found(context, provider="hsm")
            issued = await issued_by(context, "issuing")
            reference = issued.row.fingerprint.hex()
            await revoke_certificate(context, ADMINISTRATOR, reference, Reason.SUPERSEDED, context.clock())
            generation = context.snapshot.issuing("issuing")
            remote_token.kill()
            with pytest.raises(Unavailable):
                await publish_crl(context, generation, 0, True, ListTimes())
            with pytest.raises(Unavailable):
                await issue_ocsp_signer(context, generation)
            assert not await context.database.query('SELECT 1 FROM "crl"')
            remote_token.start()
            await again(lambda: publish_crl(context, generation, 0, True, ListTimes()))
            await again(lambda: issue_ocsp_signer(context, generation))
            signed = (await context.database.query('SELECT "der" FROM "crl" WHERE "base_number" = 0'))[0][0]
            assert generation.public_key is not None
            assert x509.load_der_x509_crl(signed).is_signature_valid(generation.public_key)
            [entry] = x509.load_der_x509_crl(signed)
            assert entry.serial_number == int.from_bytes(issued.row.serial, "big")
            await check_records_hold(context)

    asyncio.run(main())


@pytest.mark.parametrize("away_at", ["key", "certificate"])
def test_founding_is_taken_up_when_the_module_is_back(
    database, remote_token: RemoteToken, keys_of: Opener, away_at: str
) -> None:
    held: list[Interposed] = []
    order = order_of(AUTHORITY, "hsm")

    def wrap(inner: Database) -> Any:
        held.append(Interposed(inner))
        return held[-1]

    async def lose() -> None:
        remote_token.kill()

    async def main() -> None:
        kept, clock = Secrets(), MovableClock()
        async with opened(database.url, kept, clock, {"hsm": keys_of(remote_token)}, wrap) as context:
            await found(context)
            if away_at == "key":
                await lose()
            else:  # with the commit of the key's record
                held[0].at(COMMITTED, lose)
            with pytest.raises(Unavailable):
                await found_authority(context, ADMINISTRATOR, order)
            rows = await context.database.select(AuthorityRow, '"name" = ?', AUTHORITY)
            assert len(rows) == (away_at == "certificate")
        async with opened(database.url, kept, clock, {"hsm": keys_of(remote_token)}) as context:
            with pytest.raises(Unavailable):
                await found_authority(context, ADMINISTRATOR, order)
            pending = context.snapshot.of_authority(AUTHORITY)
            remote_token.start()
            await again(lambda: found_authority(context, ADMINISTRATOR, order))
            made = context.snapshot.issuing(AUTHORITY)
            assert [one.row.key_reference for one in pending] == [made.row.key_reference] * len(rows)
            await issued_by(context, AUTHORITY)
            await check_records_hold(context)

    asyncio.run(main())


def test_a_module_that_hangs_holds_up_nobody_else(
    database, remote_token: RemoteToken, keys_of: Opener
) -> None:
    """Not even when its key has not been opened yet, and while the module takes the request and is silent."""

    async def main() -> None:
        kept, clock = Secrets(), MovableClock()
        async with opened(database.url, kept, clock, {"hsm": keys_of(remote_token)}) as context:
            await found(context)
            await found_authority(context, ADMINISTRATOR, order_of(AUTHORITY, "hsm"))
        async with opened(database.url, kept, clock, {"hsm": keys_of(remote_token)}) as context:
            remote_token.freeze()
            try:
                waiting = asyncio.create_task(issued_by(context, AUTHORITY))
                await asyncio.sleep(0)
                for _ in range(10):
                    await issued_by(context, "issuing")
                assert not waiting.done()
                with pytest.raises(Unavailable):
                    await waiting
            finally:
                remote_token.thaw()
            await again(lambda: issued_by(context, AUTHORITY))

    asyncio.run(main())


# -- by configuration ----------------------------------------------------------------------------


def table(name: str, wanted: SoftHsm | RemoteToken) -> dict[str, object]:
    hsm = wanted.hsm if isinstance(wanted, RemoteToken) else wanted
    environment = [f"{key}={value}" for key, value in wanted.environment.items()]
    return {
        "name": name,
        "module": str(wanted.module),
        "token": hsm.token,
        "pin": hsm.pin,
        "timeout_seconds": SECONDS,
        "sessions": 2,
        "environment": environment,
    }


def test_several_modules_at_once_by_configuration(
    installation: Home, remote_token: RemoteToken, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Three tokens: one behind a server, one of another store, one beside it. One goes away, the others
    sign.
    """
    store = real_softhsm.make(tmp_path / "store", "first")
    beside = store.add_token("second")
    tables = [table("remote", remote_token), table("local", store), table("beside", beside)]
    monkeypatch.setenv("CERTWRIGHT_PKCS11", json.dumps(tables))

    async def act(context: Context) -> None:
        root = AuthorityOrder("top", "root", parse_name("CN=Top"), KeyAlgorithm.RSA_2048, "local")
        await found_authority(context, ADMINISTRATOR, root)
        for name in ("remote", "local", "beside", "software"):
            await found_authority(context, ADMINISTRATOR, order_of(f"in-{name}", name, "top"))
            await issued_by(context, f"in-{name}")
        remote_token.kill()
        with pytest.raises(Unavailable, match="PKCS#11 token 'certwright'"):
            await issued_by(context, "in-remote")
        for name in ("local", "beside", "software"):
            await issued_by(context, f"in-{name}")
        remote_token.start()
        await again(lambda: issued_by(context, "in-remote"))

    installation.run(act)


def test_over_rest_the_answer_is_to_come_again(
    installation: Home, remote_token: RemoteToken, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CERTWRIGHT_PKCS11", json.dumps([table("hsm", remote_token)]))

    async def prepare(context: Context) -> None:
        root = AuthorityOrder("top", "root", parse_name("CN=Top"), KeyAlgorithm.ECDSA_P256, "hsm")
        await found_authority(context, ADMINISTRATOR, root)
        made = await found_authority(context, ADMINISTRATOR, order_of(AUTHORITY, "hsm", "top"))
        await issue_ocsp_signer(context, made)

    installation.run(prepare)
    token = make_token(installation)
    with installation.served(workers=2, lanes=("fast",)) as site:
        before = set(descendants(site.pid))
        load = Load(installation, token, 6, seed=1, authority=AUTHORITY)
        with load.running():
            load.wait_for(30)
            remote_token.freeze()
            time.sleep(SECONDS / 4)
            remote_token.kill()
            client = Client(installation, token)
            answer = client.issue("away.example.test", authority=AUTHORITY)
            assert answer.status == 503
            assert int(answer.headers["retry-after"]) > 0
            assert answer.document["detail"].startswith("PKCS#11 token 'certwright'")
            assert client.issue("software.example.test").status == 201
            client.close()
            remote_token.start()
            load.wait_for(30)
        assert load.summary().wrong == []
        serving = {pid for pid in before if pid in descendants(site.pid)}
        assert len(serving) >= 2
        answers_by_ocsp(site.url("http", f"/ocsp/{AUTHORITY}/1"), load.summary())
        assert site.server.output.count("starting it again") == 0

    async def stock(context: Context) -> None:
        await check_told(context.database, load.summary())
        await check_records_hold(context)
        await check_audit(context)
        await every_signature_was_intended_by(context, AUTHORITY)

    installation.run(stock)


def answers_by_ocsp(url: str, told: Told) -> None:
    """One good, one revoked, signed by the delegated key that is in the module too. A process whose helpers
    have just failed to start says `tryLater` for a second."""
    issuer = x509.load_der_x509_certificate(httpx.get(url.replace("/ocsp/", "/ca/") + ".cer").content)
    revoked = next(iter(told.revoked))
    good = next(one for one in told.issued if one not in told.revoked)

    def status(fingerprint: str) -> ocsp.OCSPCertStatus | None:
        leaf = x509.load_der_x509_certificate(told.issued[fingerprint])
        request = ocsp.OCSPRequestBuilder().add_certificate(leaf, issuer, SHA1()).build()
        headers = {"content-type": "application/ocsp-request"}
        answer = ocsp.load_der_ocsp_response(
            httpx.post(url, content=request.public_bytes(Encoding.DER), headers=headers).content
        )
        successful = answer.response_status is ocsp.OCSPResponseStatus.SUCCESSFUL
        assert successful or answer.response_status is ocsp.OCSPResponseStatus.TRY_LATER
        return answer.certificate_status if successful else None

    until(lambda: status(good) is ocsp.OCSPCertStatus.GOOD)
    until(lambda: status(revoked) is ocsp.OCSPCertStatus.REVOKED)


async def every_signature_was_intended_by(context: Context, authority: str) -> None:
    generation = context.snapshot.issuing(authority).id
    rows = await context.database.select(CertificateRow, '"generation_id" = ?', generation)
    intents = await context.database.select(IssuanceIntentRow, '"generation_id" = ?', generation)
    assert {row.serial for row in rows} <= {row.serial for row in intents}
