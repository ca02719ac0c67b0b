"""Searches of the inventory among 1,000,000 certificates that were seen at 3,000,000 places: server time of a
page, for each of the queries that people type.

Target: p95 under 20 ms on SQLite and on PostgreSQL. The floor is one row by its primary key through the same
connection. CERTWRIGHT_BENCH_COUNT says how many certificates, where a million take too long to be made.
"""

import asyncio
import os
import secrets
import statistics
import subprocess
import sys
from collections.abc import Iterator
from datetime import datetime, timedelta
from random import Random

from bench._machine import installation, quick, show
from bench.console import ADMINISTRATOR, CHUNK, MEMBER, OWNERS, TEAMS, percentile, timed
from certwright.core.query import parse
from certwright.core.sightings import KnownPlace
from certwright.operations.context import Context
from certwright.operations.search_certificates import Search, answered, search
from certwright.site.configuration import Configuration
from certwright.site.wiring import open_context
from certwright.store.discovery_rows import SightingRow
from certwright.store.rows import CertificateNameRow, CertificateRow, CertificateTagRow, Row

COUNT = int(os.environ.get("CERTWRIGHT_BENCH_COUNT", "20000" if quick() else "1000000"))
PLACES = 3
ROUNDS = 20
ROW_TYPES = (CertificateRow, CertificateNameRow, CertificateTagRow, SightingRow)
KEYS = ["ecdsa-p256"] * 6 + ["rsa-2048"] * 3 + ["rsa-1024"]
QUERIES = (
    "",
    "host1234",
    "zone17.example.test",
    "nowhere.test",
    'issuer:"Corp Issuing" expires<30d san:*.zone17.example.test owner:none key:rsa<2048',
    "expires<30d owner:none",
    "expires<7d status:live team:team-7",
    "standing:found",
    "standing:found key:rsa<2048",
    "standing:found at:10.7.0.0/16",
    "at:10.7.3.9",
    "at:10.7.0.0/16 port:8443",
    "seen<2d team:none",
    "san:host77* or san:*.zone3.example.test",
    "owner:person-7 status:live",
    "tag:payments environment:production",
    "lifetime>398d",
    "signature:sha1 managed:yes",
    "key:rsa<2048",
    'issuer:"found nowhere"',
    "not at:any environment:production",
    "revoked<1d",
    "(team:team-3 or team:team-4) expires:2026-12 -key:rsa",
)


async def fill(configuration: Configuration) -> None:
    """Seven of ten are ours; each is seen at three places, a tenth of them in the past."""
    chance = Random(5)
    async with open_context(configuration, "bench") as context:
        now = context.clock().replace(microsecond=0)
        for start in range(0, COUNT, CHUNK):
            last = min(start + CHUNK, COUNT)
            rows = [row for number in range(start, last) for row in _one(context, chance, number, now)]
            async with context.database.transaction(0) as transaction:
                for row_type in ROW_TYPES:
                    await transaction.insert(row_type, [row for row in rows if isinstance(row, row_type)])
        async with context.database.transaction(0) as transaction:
            await transaction.execute("ANALYZE")  # as PostgreSQL does by itself before long


def _one(context: Context, chance: Random, number: int, now: datetime) -> Iterator[Row]:
    serial, identifier = bytes([1 + number % 127]) + secrets.token_bytes(15), context.ledger.new_id()
    generation = next(iter(context.snapshot.generations.values()))
    ours = number % 10 < 7
    ends = now + timedelta(days=chance.randrange(-300, 400), seconds=chance.randrange(86_400))
    name = f"host{number}.zone{number % 300}.example.test"
    yield CertificateRow(
        id=identifier,
        fingerprint=secrets.token_bytes(32),
        generation_id=generation.id if ours else None,
        authority="issuing" if ours else "",
        issuer=generation.row.subject if ours else f"CN=Corp Issuing {number % 20},O=Corp",
        serial=serial,
        subject="" if ours else f"CN={name}",
        not_before=ends - timedelta(days=chance.choice((90, 90, 365, 730))),
        not_after=ends,
        key_algorithm=chance.choice(KEYS),
        signature_algorithm="sha1WithRSAEncryption" if number % 200 == 0 else "ecdsa-with-SHA256",
        is_authority=False,
        spki_sha256=serial + serial,
        profile="tls-server" if ours else "",
        profile_number=1,
        endpoint="acme/default" if ours else "",
        requester="local:bench" if ours else "",
        team=chance.choice(TEAMS) if ours and number % 4 else "",
        owner=chance.choice(OWNERS) if ours and number % 3 else "",
        environment=("", "production", "test")[number % 3],
        standing="issued" if ours else ("found", "found", "adopted", "ignored")[number % 4],
        issuer_certificate=None,
        issued_at=now - timedelta(seconds=COUNT - number),
        replaces=None,
        crl_shard=0,
        revoked_at=now - timedelta(hours=number % 900) if ours and number % 50 == 0 else None,
        revocation_reason=4 if ours and number % 50 == 0 else None,
        invalidity_date=None,
        version=1,
    )
    yield CertificateNameRow(identifier, 0, "dns", name, ".".join(reversed(name.split("."))))
    if number % 1000 == 0:
        yield CertificateTagRow(identifier, "payments")
    for place in range(PLACES):
        yield _sighting(context, chance, identifier, number * PLACES + place, now)


def _sighting(context: Context, chance: Random, certificate: int, place: int, now: datetime) -> SightingRow:
    seen = now - timedelta(hours=chance.randrange(300))
    host = f"10.{place % 97}.{place // 97 % 256}.{place // 24832 % 256}"
    port = chance.choice((443, 443, 443, 8443))
    return SightingRow(
        id=context.ledger.new_id(),
        place=KnownPlace("", "tls", host, port, "").digest,
        certificate_id=certificate,
        zone="",
        kind="tls",
        host=host,
        port=port,
        name="",
        chain=b"",
        facts="{}",
        scope_id=1,
        first_run=1,
        last_run=1,
        first_seen_at=seen - timedelta(days=30),
        last_seen_at=seen,
        ended_at=now if place % 10 == 0 else None,
        version=1,
    )


def measured(kind: str) -> None:
    """In a process of its own: Django is set up for one database."""
    os.environ["DJANGO_SETTINGS_MODULE"] = "certwright.site.settings"
    import django

    django.setup()
    from certwright.store.plain_questions import ask

    now = datetime.now().astimezone()
    some = [row[0] for row in ask('SELECT "id" FROM "certificate" LIMIT 100', ())]
    one = 'SELECT * FROM "certificate" WHERE "id" = ?'
    floor = statistics.median(timed(lambda each=each: ask(one, (each,))) for each in some)
    show(f"{kind}: floor, one of {COUNT} by primary key", median=f"{floor:.2f} ms")
    for name, actor in (("all", ADMINISTRATOR), ("a team's", MEMBER)):
        every = []
        for text in QUERIES:
            wanted = Search(parse(text), actor, kind == "sqlite", now)
            found = answered(search(wanted), ask)
            times = [timed(lambda w=wanted: answered(search(w), ask)) for _ in range(ROUNDS)]
            every += times
            slow = percentile(times, 0.95)
            show(
                f"{kind}, {name}: {text or 'no query'}",
                rows=len(found.identifiers),
                p50=f"{statistics.median(times):.1f} ms",
                p95=f"{slow:.1f} ms",
                to_floor=round(slow / floor),
            )
        middle, slow = statistics.median(every), percentile(every, 0.95)
        show(f"{kind}, {name}: every query", p50=f"{middle:.1f} ms", p95=f"{slow:.1f} ms")


def main() -> None:
    for kind in sys.argv[1:] or ("sqlite", "postgresql"):
        with installation(kind) as (configuration, _token):
            asyncio.run(fill(configuration))
            settings = {
                "CERTWRIGHT_HOME": str(configuration.home),
                "CERTWRIGHT_DATABASE": configuration.database_url,
            }
            program = "import sys; from bench.inventory import measured; measured(sys.argv[1])"
            subprocess.run([sys.executable, "-c", program, kind], env={**os.environ, **settings}, check=True)


if __name__ == "__main__":
    main()
