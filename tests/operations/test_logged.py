"""From a log of Certificate Transparency to the alert: a scope that watches our names, run to its end."""

import asyncio
import hashlib
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding

from certwright.operations.context import Context
from certwright.operations.discovery_runs import DiscoveryOrder, RunStatus, run_status
from certwright.operations.discovery_scopes import ScopeOrder, run_scope, save_scope
from certwright.operations.findings import FindingFilter, list_findings
from certwright.operations.note_findings import check_health
from certwright.operations.run_discovery import run_discovery
from certwright.site.configuration import Configuration
from certwright.site.discovery import source_opener
from certwright.store.rows import CertificateRow
from tests.operations.approving import rules
from tests.operations.test_judge_health import ONLY_OURS
from tests.plugins.discovery.fake_ct_log import FakeLog, entry, pre_entry, precertificate, served
from tests.plugins.discovery.fake_static_log import FakeStaticLog
from tests.real.databases import Database
from tests.real.pki import ADMINISTRATOR, MovableClock, Secrets, found, opened
from tests.real.tls_servers import present
from tests.real.toy_chains import BEGIN, ToyAuthority, new_key

ELSEWHERE = ToyAuthority("Elsewhere")


def to_be_signed(name: str) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(x509.Name([]))
        .issuer_name(x509.load_der_x509_certificate(ELSEWHERE.certificate).subject)
        .not_valid_before(BEGIN)
        .not_valid_after(BEGIN + timedelta(days=90))
        .serial_number(x509.random_serial_number())
        .public_key(new_key().public_key())
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=True)
    )


@pytest.mark.parametrize("kind", [FakeLog, FakeStaticLog])
def test_a_name_of_ours_from_an_authority_that_is_not_allowed(
    database: Database, tmp_path: Path, kind: type[FakeLog]
) -> None:
    """The precertificate and the certificate are kept as two, and are one to whoever counts keys."""
    server = present(tmp_path / "log", ("localhost",))
    final = to_be_signed("x.example.test")
    poisoned, tbs = precertificate(final, ELSEWHERE.key)
    whole = final.sign(ELSEWHERE.key, hashes.SHA256()).public_bytes(Encoding.DER)
    stranger = ELSEWHERE.sign("y", None, "y.test")
    log = kind(
        [
            entry(stranger, ELSEWHERE.certificate),
            pre_entry(poisoned, tbs, ELSEWHERE.certificate),
            entry(whole, ELSEWHERE.certificate),
        ]
    )

    async def body(context: Context) -> None:
        await found(context)
        await rules(context, ONLY_OURS)
        settings = {"key": log.spki, "names": ["example.test"], "start": "0"}
        order = DiscoveryOrder("ct-log", (log.url,), settings={**settings, "trust": server.leaf.read_text()})
        await save_scope(context, ADMINISTRATOR, ScopeOrder("log", order, 60))
        row = await run_discovery(context, await run_scope(context, ADMINISTRATOR, "log"))
        assert (run_status(row, context.clock()), row.problem, row.problems) == (RunStatus.DONE, "", 0)
        others = """NOT "is_authority" AND "standing" = 'found'"""
        known = await context.database.select(CertificateRow, others)
        digests = {hashlib.sha256(one).digest() for one in (poisoned, whole)}
        assert {one.fingerprint for one in known} == digests
        await check_health(context)
        wanted = FindingFilter(code="authority.not-allowed")
        alerts = await list_findings(context, ADMINISTRATOR, wanted)
        assert {one.certificate_id for one in alerts} == {one.id for one in known}
        assert await list_findings(context, ADMINISTRATOR, FindingFilter(code="key.shared")) == []

    async def main() -> None:
        clock = MovableClock()
        opener = source_opener(Configuration.load(overrides={"egress": {"allow_loopback": True}}))
        async with (
            opened(database.url, Secrets(), clock) as bare,
            served(log, server.whole, server.key),
        ):
            await body(replace(bare, open_source=opener))

    asyncio.run(main())
