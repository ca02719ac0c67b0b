"""The responder: what it says about whom, from which source, until when."""

import asyncio
import os
from datetime import timedelta
from pathlib import Path

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.ocsp import OCSPCertStatus, OCSPResponseStatus

from certwright.core import ocsp
from certwright.core.errors import IntegrityError, Unavailable
from certwright.core.revocation import Reason
from certwright.operations.answer_ocsp import LIVE_VALIDITY
from certwright.operations.context import Context
from certwright.operations.produce_ocsp import produce_ocsp
from certwright.operations.revoke import release_certificate, revoke_certificate
from certwright.plugins.keys.software import SoftwareKeys
from certwright.store.databases import Database as Store
from certwright.store.rows import CertificateRow
from tests.real.databases import Database
from tests.real.pki import ADMINISTRATOR, MovableClock, Secrets, found, opened
from tests.status.asking import ask, ends, issued, question
from tests.status.responding import founded, responding

REVOKED, GOOD, UNKNOWN = OCSPCertStatus.REVOKED, OCSPCertStatus.GOOD, OCSPCertStatus.UNKNOWN
NEVER_ISSUED = bytes.fromhex("41000000000000000000000000000001")


async def revoke(context: Context, row: CertificateRow, reason: Reason = Reason.SUPERSEDED) -> None:
    await revoke_certificate(context, ADMINISTRATOR, row.fingerprint.hex(), reason, context.clock())


async def release(context: Context, row: CertificateRow) -> None:
    await release_certificate(context, ADMINISTRATOR, row.fingerprint.hex(), context.clock())


async def seldom_revoked(context: Context, count: int) -> list[CertificateRow]:
    """Certificates of which every third is revoked."""
    rows = [await issued(context, f"host{number}.example.test") for number in range(count)]
    for row in rows[::3]:
        await revoke(context, row)
    return rows


# -- answers produced ahead, and what changed since ------------------------------------------------


def test_produced_answers_say_what_the_store_says(database: Database, tmp_path: Path) -> None:
    async def main() -> None:
        async with founded(database.url, MovableClock()) as context:
            rows = await seldom_revoked(context, 70)
            generation = context.snapshot.issuing("issuing")
            assert await produce_ocsp(context, generation, tmp_path) >= len(rows)
            here = await responding(context, tmp_path)
            produced = (await here.ask(rows[0].serial)).ocsp.produced_at_utc
            for number, row in enumerate(rows):
                answer = (await here.ask(row.serial)).ocsp
                assert answer.certificate_status is (GOOD if number % 3 else REVOKED)
                assert answer.produced_at_utc == produced
                assert not answer.extensions

    asyncio.run(main())


def test_a_change_after_the_file_was_begun_counts_whenever_it_came(
    database: Database, tmp_path: Path
) -> None:
    """Before the process started, while it runs, and in the file of the next run."""

    async def main() -> None:
        async with founded(database.url, MovableClock()) as context:
            before, after, held = [await issued(context, f"{name}.test") for name in ("a", "b", "c")]
            await revoke(context, held, Reason.CERTIFICATE_HOLD)
            generation = context.snapshot.issuing("issuing")
            await produce_ocsp(context, generation, tmp_path)
            await revoke(context, before)
            here = await responding(context, tmp_path)
            await revoke(context, after)
            await release(context, held)
            await here.feed.poll()
            expected = {before.serial: REVOKED, after.serial: REVOKED, held.serial: GOOD}
            for serial, status in expected.items():
                assert (await here.ask(serial)).ocsp.certificate_status is status
            await produce_ocsp(context, generation, tmp_path)
            await revoke(context, held, Reason.KEY_COMPROMISE)
            await here.catch_up()
            expected[held.serial] = REVOKED
            for serial, status in expected.items():
                assert (await here.ask(serial)).ocsp.certificate_status is status
            assert not here.reported

    asyncio.run(main())


def test_a_change_that_comes_while_a_file_is_taken_up_is_not_lost(database: Database, tmp_path: Path) -> None:
    async def main() -> None:
        async with founded(database.url, MovableClock()) as context:
            rows = [await issued(context, f"host{number}.test") for number in range(12)]
            generation = context.snapshot.issuing("issuing")
            here = await responding(context, tmp_path)
            for row in rows:
                await produce_ocsp(context, generation, tmp_path)
                taking = asyncio.create_task(here.responder.refresh(here.reported.append))
                await asyncio.sleep(0)
                await revoke(context, row)
                await asyncio.gather(taking, here.feed.poll())
                assert (await here.ask(row.serial)).ocsp.certificate_status is REVOKED
            assert not here.reported

    asyncio.run(main())


def test_a_damaged_file_is_reported_once_and_not_used(database: Database, tmp_path: Path) -> None:
    async def main() -> None:
        async with founded(database.url, MovableClock()) as context:
            row = await issued(context)
            generation = context.snapshot.issuing("issuing")
            await produce_ocsp(context, generation, tmp_path)
            here = await responding(context, tmp_path)
            first = (await here.ask(row.serial)).body
            await produce_ocsp(context, generation, tmp_path)
            newest = max((tmp_path / str(generation.id)).glob("*.answers"))
            damage(newest)
            await here.catch_up()
            await here.catch_up()
            assert [type(error) for error in here.reported] == [IntegrityError]
            assert (await here.ask(row.serial)).body == first
            again = await responding(context, tmp_path)
            assert (await again.ask(row.serial)).body == first

    asyncio.run(main())


def damage(path: Path) -> None:
    """Change an octet among the records."""
    content = bytearray(path.read_bytes())
    content[-200] ^= 1
    replacement = path.with_suffix(".new")
    replacement.write_bytes(content)
    os.replace(replacement, path)


def test_too_many_changes_make_a_file_useless_not_memory(
    database: Database, tmp_path: Path, monkeypatch: object
) -> None:
    async def main() -> None:
        async with founded(database.url, MovableClock()) as context:
            rows = [await issued(context, f"host{number}.test") for number in range(6)]
            await produce_ocsp(context, context.snapshot.issuing("issuing"), tmp_path)
            here = await responding(context, tmp_path)
            for row in rows[:5]:
                await revoke(context, row)
            await here.feed.poll()
            states = [(await here.ask(row.serial)).ocsp.certificate_status for row in rows]
            assert states == [REVOKED] * 5 + [GOOD]
            again = await responding(context, tmp_path)
            assert again.reported
            states = [(await again.ask(row.serial)).ocsp.certificate_status for row in rows]
            assert states == [REVOKED] * 5 + [GOOD]

    from certwright.operations import produced_answers

    monkeypatch.setattr(produced_answers, "CHANGES_MAX", 4)  # type: ignore[attr-defined]
    asyncio.run(main())


# -- live ----------------------------------------------------------------------------------------


def test_revocation_hold_and_release_show_in_live_answers(database: Database, tmp_path: Path) -> None:
    async def main() -> None:
        async with founded(database.url, MovableClock()) as context:
            here = await responding(context, tmp_path)
            row = await issued(context)
            assert (await here.ask(row.serial)).ocsp.certificate_status is GOOD
            await revoke(context, row, Reason.CERTIFICATE_HOLD)
            await here.feed.poll()
            answer = (await here.ask(row.serial)).ocsp
            assert answer.certificate_status is REVOKED
            assert answer.revocation_reason is not None
            assert answer.revocation_reason.value == "certificateHold"
            await release(context, row)
            await here.feed.poll()
            assert (await here.ask(row.serial)).ocsp.certificate_status is GOOD

    asyncio.run(main())


def test_an_answer_never_outlives_its_signer(database: Database, tmp_path: Path) -> None:
    async def main() -> None:
        clock = MovableClock()
        async with founded(database.url, clock) as context:
            row = await issued(context)
            here = await responding(context, tmp_path)
            signer = context.snapshot.signers_of[here.generation.id][0]
            clock.offset = signer.not_after - timedelta(hours=2) - clock()
            answer = (await here.ask(row.serial)).ocsp
            assert ends(answer) <= signer.not_after
            await produce_ocsp(context, here.generation, tmp_path)
            await here.catch_up()
            assert ends((await here.ask(row.serial)).ocsp) <= signer.not_after
            clock.offset += timedelta(hours=3)
            told = await here.ask(row.serial)
            assert told.ocsp.response_status is OCSPResponseStatus.TRY_LATER
            assert told.headers["cache-control"] == "no-store"

    asyncio.run(main())


def test_an_answer_never_outlives_the_authority(database: Database, tmp_path: Path) -> None:
    """The signer's own end stands in for nothing here: it is moved past the authority's."""

    async def main() -> None:
        clock = MovableClock()
        async with founded(database.url, clock) as context:
            row = await issued(context)
            here = await responding(context, tmp_path)
            generation, issuer_ends = here.generation, here.generation.as_issuer.not_after
            signers = context.snapshot.signers_of
            longer = signers[generation.id][0]._replace(not_after=issuer_ends + timedelta(days=9))
            signers[generation.id] = (longer,)
            clock.offset = issuer_ends - timedelta(hours=1) - clock()
            assert ends((await here.ask(row.serial)).ocsp) <= issuer_ends
            await produce_ocsp(context, generation, tmp_path)
            await here.catch_up()
            assert ends((await here.ask(row.serial)).ocsp) <= issuer_ends
            clock.offset += timedelta(hours=2)
            told = await here.ask(row.serial)
            assert told.ocsp.response_status is OCSPResponseStatus.UNAUTHORIZED

    asyncio.run(main())


def test_a_live_answer_is_kept_for_half_its_validity(database: Database, tmp_path: Path) -> None:
    async def main() -> None:
        clock = MovableClock()
        async with founded(database.url, clock) as context:
            row = await issued(context)
            here = await responding(context, tmp_path)
            first = (await here.ask(row.serial)).body
            assert (await here.ask(row.serial)).body == first
            clock.offset += LIVE_VALIDITY * 2 / 3
            later = (await here.ask(row.serial)).ocsp
            assert ends(later) - clock() > LIVE_VALIDITY * 0.9

    asyncio.run(main())


def test_unknown_is_said_after_the_store_was_read_and_never_kept(database: Database, tmp_path: Path) -> None:
    """A certificate that is put on record after somebody has asked for it is good at once."""

    async def main() -> None:
        async with founded(database.url, MovableClock()) as context:
            here = await responding(context, tmp_path)
            row = await issued(context)
            for _ in range(3):
                assert (await here.ask(NEVER_ISSUED)).ocsp.certificate_status is UNKNOWN
            imported = row._replace(
                id=context.ledger.new_id(), serial=NEVER_ISSUED, fingerprint=os.urandom(32)
            )
            from certwright.store.ledger import Change

            await context.ledger.commit(Change(inserted=[imported]))
            assert (await here.ask(NEVER_ISSUED)).ocsp.certificate_status is GOOD

    asyncio.run(main())


def test_many_unknown_serials_at_once_are_looked_up_together(database: Database, tmp_path: Path) -> None:
    async def main() -> None:
        async with founded(database.url, MovableClock()) as context:
            here = await responding(context, tmp_path)
            rows = [await issued(context, f"host{number}.test") for number in range(5)]
            strangers = [b"\x41" + os.urandom(15) for _ in range(500)]
            asked = strangers + [row.serial for row in rows]
            told = await asyncio.gather(*(here.ask(serial) for serial in asked))
            assert [one.ocsp.certificate_status for one in told] == [UNKNOWN] * 500 + [GOOD] * 5

    asyncio.run(main())


def test_forms_of_the_certid_and_nonces(database: Database, tmp_path: Path) -> None:
    async def main() -> None:
        async with founded(database.url, MovableClock()) as context:
            here = await responding(context, tmp_path)
            row = await issued(context)
            path = f"/ocsp/{here.generation.path}"
            for algorithm in (hashes.SHA1(), hashes.SHA256()):
                for nonce in (b"", b"0123456789abcdef"):
                    body = question(here.issuer, row.serial, nonce, algorithm)
                    told = await ask(here.application, "POST", path, body)
                    assert told.ocsp.certificate_status is GOOD
                    assert isinstance(told.ocsp.hash_algorithm, type(algorithm))
                    nonces = [one.value.nonce for one in told.ocsp.extensions]
                    assert nonces == ([nonce] if nonce else [])
            stranger = question(here.issuer, row.serial, algorithm=hashes.SHA384())
            told = await ask(here.application, "POST", path, stranger)
            assert told.ocsp.response_status is OCSPResponseStatus.UNAUTHORIZED
            told = await ask(here.application, "POST", "/ocsp/nobody/1", question(here.issuer, row.serial))
            assert told.ocsp.response_status is OCSPResponseStatus.UNAUTHORIZED

    asyncio.run(main())


def test_a_process_that_cannot_read_the_feed_says_try_later(database: Database, tmp_path: Path) -> None:
    async def main() -> None:
        async with founded(database.url, MovableClock()) as context:
            row = await issued(context)
            await produce_ocsp(context, context.snapshot.issuing("issuing"), tmp_path)
            here = await responding(context, tmp_path)
            here.feed.confirmed -= 11
            assert (await here.ask(row.serial)).body == ocsp.TRY_LATER
            await here.feed.poll()
            assert (await here.ask(row.serial)).ocsp.certificate_status is GOOD

    asyncio.run(main())


def test_an_edge_responder_goes_on_until_next_update(database: Database, tmp_path: Path) -> None:
    async def main() -> None:
        clock = MovableClock()
        async with founded(database.url, clock) as context:
            row, late = await issued(context), await issued(context, "late.example.test")
            await revoke(context, row)
            await produce_ocsp(context, context.snapshot.issuing("issuing"), tmp_path)
            here = await responding(context, tmp_path, edge=True)
            await revoke(context, late)
            await here.feed.poll()
            here.feed.confirmed -= 11
            answer = (await here.ask(row.serial)).ocsp
            assert answer.certificate_status is REVOKED
            assert (await here.ask(late.serial)).body == ocsp.TRY_LATER
            assert (await here.ask(row.serial, b"0123456789abcdef")).body == ocsp.TRY_LATER
            clock.offset += ends(answer) - clock()
            assert (await here.ask(row.serial)).body == ocsp.TRY_LATER

    asyncio.run(main())


class RemoteKeys(SoftwareKeys):
    """Keys as if they lay in a module: they sign in an executor."""

    local = False


def test_answers_of_a_key_module(database: Database, tmp_path: Path) -> None:
    async def main() -> None:
        kept = Secrets()
        remote = {"module": RemoteKeys(SoftwareKeys.Settings(kept.key_encryption_key))}
        async with opened(database.url, kept, MovableClock(), remote) as context:
            await found(context, provider="module")
            rows = await seldom_revoked(context, 20)
            await produce_ocsp(context, context.snapshot.issuing("issuing"), tmp_path)
            here = await responding(context, tmp_path)
            for number, row in enumerate(rows):
                for nonce in (b"", b"0123456789abcdef"):
                    answer = (await here.ask(row.serial, nonce)).ocsp
                    assert answer.certificate_status is (GOOD if number % 3 else REVOKED)
                    signer = answer.certificates[0].public_key()
                    assert isinstance(signer, ec.EllipticCurvePublicKey)
                    signer.verify(answer.signature, answer.tbs_response_bytes, ec.ECDSA(hashes.SHA256()))

    asyncio.run(main())


class Away:
    """A store that can be made unreachable."""

    def __init__(self, real: Store) -> None:
        self._real, self.away = real, False

    def __getattr__(self, name: str) -> object:
        if self.away:
            raise Unavailable("the database cannot be reached")
        return getattr(self._real, name)


def test_while_the_store_is_away_what_is_not_known_is_tried_later(database: Database, tmp_path: Path) -> None:
    async def main() -> None:
        stores: list[Away] = []

        def wrap(real: Store) -> Store:
            stores.append(Away(real))
            return stores[0]  # type: ignore[return-value]

        async with opened(database.url, Secrets(), MovableClock(), wrap=wrap) as context:
            await found(context)
            known, other = await issued(context), await issued(context, "other.example.test")
            here = await responding(context, tmp_path)
            assert (await here.ask(known.serial)).ocsp.certificate_status is GOOD
            stores[0].away = True
            told = await asyncio.gather(*(here.ask(other.serial) for _ in range(5)))
            assert {one.body for one in told} == {ocsp.TRY_LATER}
            assert (await here.ask(known.serial, b"0123456789abcdef")).ocsp.certificate_status is GOOD
            stores[0].away = False
            assert (await here.ask(other.serial)).ocsp.certificate_status is GOOD

    asyncio.run(main())
