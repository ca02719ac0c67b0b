"""What the worker does by itself, when it is due."""

import json
from datetime import timedelta

import pytest

from certwright.operations.context import Context
from certwright.site.listener_certificate import listener_file
from certwright.site.metrics import metrics_text
from certwright.store.ledger import Change
from certwright.store.rows import (
    AcmeAccountRow,
    AcmeAuthorizationRow,
    OcspSignerRow,
    PerspectiveResultRow,
)
from tests.operations.installed import row_of
from tests.real.challenge_ports import challenge_ports
from tests.worker.running import Home, until, until_true

pytestmark = pytest.mark.database


def test_a_missing_listener_certificate_is_issued(home: Home) -> None:
    certificate = listener_file(home.configuration)
    before = certificate.read_bytes()
    certificate.unlink()
    with home.worker():
        until(certificate.exists)
    assert certificate.read_bytes() != before


def test_an_ocsp_signer_is_renewed_and_answers_are_signed_by_the_new_one(home: Home) -> None:
    async def age(context: Context) -> None:
        """The issuing authority's signer has a day left of its fortnight."""
        now, issuing = context.clock(), context.snapshot.issuing("issuing")
        async with context.database.transaction(0) as transaction:
            await transaction.execute(
                'UPDATE "ocsp_signer" SET "not_before" = ?, "not_after" = ? WHERE "generation_id" = ?',
                (now - timedelta(days=13), now + timedelta(days=1), issuing.id),
            )

    async def renewed(context: Context) -> None:
        issuing = context.snapshot.issuing("issuing").id

        async def in_force() -> bool:
            rows = await context.database.select(OcspSignerRow, '"generation_id" = ?', issuing)
            return len(rows) == 2

        await until_true(in_force)

    home.run(age)
    with home.worker():
        home.run(renewed)


def test_numbers_are_there_to_be_asked_for_when_it_is_gone(home: Home) -> None:
    server = home.start()
    until(lambda: b"certwright_status_next_update" in numbers(home))
    until(lambda: b"certwright_worker_seen_timestamp_seconds" in numbers(home))
    server.kill()
    text = numbers(home).decode()
    assert 'certwright_worker_task_runs_total{outcome="done",task="audit"}' in text
    assert 'certwright_offline_tasks{what="crl"} 0.0' in text


def numbers(home: Home) -> bytes:
    folder = home.path / "run" / "metrics"
    return metrics_text(folder) if folder.exists() else b""


def test_a_worker_of_another_zone_says_what_it_sees(home: Home) -> None:
    """A client has responded to a challenge; from here nobody listens there."""
    zones = {
        "CERTWRIGHT_VALIDATION__ZONE": "elsewhere",
        "CERTWRIGHT_VALIDATION__PRIMARY_ZONE": "local",
        "CERTWRIGHT_VALIDATION__OTHER_ZONES": "elsewhere",
        "CERTWRIGHT_VALIDATION__QUORUM": "1",
    }

    async def attempt(context: Context) -> None:
        now, endpoint = context.clock(), context.snapshot.endpoint("acme", "default").row.id
        account, authorization = context.ledger.new_id(), context.ledger.new_id()
        rows = [
            row_of(
                AcmeAccountRow,
                now,
                id=account,
                endpoint_id=endpoint,
                thumbprint="t" * 43,
                deactivated_at=None,
            ),
            row_of(
                AcmeAuthorizationRow,
                now,
                id=authorization,
                account_id=account,
                kind="ip",
                value="127.0.0.1",
                token="t" * 43,
                challenges=json.dumps(["http-01"]),
                expires_at=now + timedelta(hours=1),
                attempted="http-01",
                attempted_at=now,
                version=2,
            ),
        ]
        await context.ledger.commit(Change(inserted=list(rows)))

    async def seen(context: Context) -> None:
        async def heard() -> bool:
            return bool(await context.database.select(PerspectiveResultRow, "1 = 1"))

        await until_true(heard)
        [result] = await context.database.select(PerspectiveResultRow, "1 = 1")
        assert (result.perspective, result.attempt) == ("elsewhere", 2)
        assert result.problem == "connection"

    home.environment_of_workers.update(zones)
    with challenge_ports(), home.worker():
        home.run(attempt)
        home.run(seen)
