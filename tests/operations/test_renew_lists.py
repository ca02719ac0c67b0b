"""When lists are due, and that OpenSSL takes what comes of it."""

import json
import subprocess
from datetime import timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from certwright.core.pem import pem
from certwright.core.revocation import Reason
from certwright.operations.context import Context
from certwright.operations.find_certificate import certificate_der
from certwright.operations.renew_lists import Due, crl_payload, lists_due, renew_list
from certwright.operations.revoke import release_certificate
from certwright.store.rows import CertificateRow, CrlRow, OutboxRow
from tests.operations.installed import issued, later, revoked, with_installation
from tests.real.databases import Database
from tests.real.pki import ADMINISTRATOR, MovableClock


async def due(context: Context) -> dict[int, Due]:
    return await lists_due(context.database, context.snapshot.issuing("issuing"), context.clock())


async def renew(context: Context, shard: int = 0) -> CrlRow | None:
    return await renew_list(context, context.snapshot.issuing("issuing").id, shard)


async def delta(context: Context, number: int) -> CrlRow:
    [row] = await context.database.select(CrlRow, '"number" = ? AND "base_number" > 0', number)
    return row


def serials(row: CrlRow | None) -> list[int]:
    assert row is not None
    return [entry.serial_number for entry in x509.load_der_x509_crl(row.der)]


def serial_of(row: CertificateRow) -> int:
    return int.from_bytes(row.serial, "big")


def test_a_new_authority_gets_a_scheduled_list_and_then_a_delta(database: Database) -> None:
    async def body(context: Context, clock: MovableClock) -> None:
        assert await due(context) == {0: Due.SCHEDULED}
        first = await renew(context)
        assert first is not None
        assert first.scheduled
        assert await due(context) == {0: Due.PLAIN}
        second = await renew(context)
        assert second is not None
        assert not second.scheduled
        assert (await delta(context, second.number)).base_number == first.number
        assert await due(context) == {}
        assert await renew(context) is None

    with_installation(database, body)


def test_a_change_makes_a_list_due_once(database: Database) -> None:
    async def body(context: Context, clock: MovableClock) -> None:
        await renew(context), await renew(context)
        held, other = await issued(context), await issued(context)
        await revoked(context, held, Reason.CERTIFICATE_HOLD)
        await revoked(context, other)
        assert await due(context) == {0: Due.PLAIN}
        row = await renew(context)
        assert sorted(serials(row)) == sorted(map(serial_of, (held, other)))
        assert row is not None
        assert sorted(serials(await delta(context, row.number))) == sorted(map(serial_of, (held, other)))
        assert await renew(context) is None
        await release_certificate(context, ADMINISTRATOR, held.fingerprint.hex(), context.clock())
        assert serials(await renew(context)) == [serial_of(other)]

    with_installation(database, body)


def test_time_makes_lists_due(database: Database) -> None:
    """Half a day: the delta. A day: a scheduled list."""

    async def body(context: Context, clock: MovableClock) -> None:
        await renew(context), await renew(context)
        later(clock, hours=11.9)
        assert await due(context) == {}
        later(clock, hours=0.2)
        assert await due(context) == {0: Due.PLAIN}
        await renew(context)
        later(clock, hours=12)
        assert await due(context) == {0: Due.SCHEDULED}
        row = await renew(context)
        assert row is not None
        assert row.scheduled
        assert await due(context) == {}

    with_installation(database, body)


def test_nothing_is_ever_out_of_date_and_ended_entries_leave(database: Database) -> None:
    """Looked at every six hours for months: there always is a complete list and a delta that hold."""

    async def body(context: Context, clock: MovableClock) -> None:
        row = await revoked(context, await issued(context))
        await renew(context), await renew(context)
        listed = []
        for _ in range(4 * 130):
            later(clock, hours=6)
            for base in ("= 0", "> 0"):
                [newest] = await context.database.select(
                    CrlRow, f'"base_number" {base} ORDER BY "number" DESC LIMIT 1'
                )
                assert newest.next_update > context.clock()
            while await renew(context):
                continue
            [newest] = await context.database.select(
                CrlRow, '"base_number" = 0 ORDER BY "number" DESC LIMIT 1'
            )
            listed.append((context.clock(), serial_of(row) in serials(newest)))
        assert all(named for at, named in listed if at < row.not_after)
        assert not any(named for at, named in listed if at > row.not_after + timedelta(days=3))

    with_installation(database, body)


def test_only_the_shard_with_a_change_is_due(database: Database) -> None:
    async def body(context: Context, clock: MovableClock) -> None:
        for shard in range(4):
            await renew(context, shard), await renew(context, shard)
        row = await revoked(context, await issued(context))
        assert await due(context) == {row.crl_shard: Due.PLAIN}
        signed = await renew(context, row.crl_shard)
        assert serials(signed) == [serial_of(row)]
        assert await due(context) == {}

    with_installation(database, body, crl_shards=4)


def test_a_revocation_asks_for_its_list_as_the_clock_does(database: Database) -> None:
    """So that both are one piece of work."""

    async def body(context: Context, clock: MovableClock) -> None:
        row = await revoked(context, await issued(context))
        [asked] = await context.database.select(OutboxRow, "1 = 1")
        assert row.generation_id is not None
        assert asked.payload == crl_payload(row.generation_id, row.crl_shard)
        assert json.loads(asked.payload) == {"generation": row.generation_id, "shard": row.crl_shard}

    with_installation(database, body)


def test_openssl_reads_the_lists_and_refuses_the_revoked(database: Database, tmp_path: Path) -> None:
    async def body(context: Context, clock: MovableClock) -> None:
        good, bad = await issued(context), await issued(context)
        await revoked(context, bad, Reason.KEY_COMPROMISE)
        row = await renew(context)
        root = await renew_list(context, context.snapshot.issuing("root").id, 0)
        assert row is not None
        assert root is not None
        issuing = context.snapshot.issuing("issuing")
        files = {
            "root.pem": pem(context.snapshot.issuing("root").der),
            "issuing.pem": pem(issuing.der),
            "lists.pem": crl_pem(row) + crl_pem(root),
            "good.pem": pem(await certificate_der(context.database, good.id)),
            "bad.pem": pem(await certificate_der(context.database, bad.id)),
        }
        for name, content in files.items():
            (tmp_path / name).write_bytes(content)

    with_installation(database, body)
    assert verified(tmp_path, "good.pem").returncode == 0
    refused = verified(tmp_path, "bad.pem")
    assert refused.returncode != 0
    assert "certificate revoked" in refused.stderr
    shown = openssl(tmp_path, "crl", "-in", "lists.pem", "-noout", "-text")
    assert "Key Compromise" in shown.stdout
    assert "X509v3 CRL Number" in shown.stdout


def crl_pem(row: CrlRow) -> bytes:
    return x509.load_der_x509_crl(row.der).public_bytes(Encoding.PEM)


def verified(folder: Path, name: str) -> "subprocess.CompletedProcess[str]":
    chain = ("-CAfile", "root.pem", "-untrusted", "issuing.pem", "-CRLfile", "lists.pem")
    return openssl(folder, "verify", "-crl_check_all", "-x509_strict", *chain, name)


def openssl(folder: Path, *arguments: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(["openssl", *arguments], cwd=folder, capture_output=True, text=True, timeout=30)
