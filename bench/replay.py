"""A draft of the rules over 1,000,000 certificates on record, before it is switched on.

Target: under 60 s on two cores, on SQLite and on PostgreSQL. The floor is reading what the replay reads, by
the same queries in one process, and judging nothing. Two drafts: one that looks at names, which are different
in every certificate, and one that does not. CERTWRIGHT_BENCH_COUNT makes it fewer certificates.
"""

import asyncio
import os
import resource
import secrets
import time
from collections.abc import Iterator
from datetime import datetime, timedelta
from random import Random

from bench._machine import installation, quick, show
from bench.rules import RULES
from certwright.core.rules_replay import Judge
from certwright.core.rules_toml import rules_from_toml
from certwright.operations.context import Context
from certwright.operations.replay_policy import ReplayOrder, replay_policy
from certwright.operations.replay_rows import LEAST, Certificates, Scope
from certwright.site.configuration import Configuration
from certwright.site.wiring import open_context
from certwright.store.rows import (
    CertificateNameRow,
    CertificateRow,
    CertificateTagRow,
    Row,
    columns_of,
    table_of,
)

COUNT = 10_000 if quick() else int(os.environ.get("CERTWRIGHT_BENCH_COUNT", "1000000"))
CHUNK = 5_000
DRAFTS = {
    "names": '[[rule]]\nname = "zones"\nwhen.names.dns = [".zone7.example.test"]\nrefuse = "Another one."\n',
    "no names": '[[rule]]\nname = "rsa"\nlimits.keys = ["ecdsa-p256"]\n',
}
PLAIN = '[[rule]]\nname = "lifetime"\nwhen.profiles = ["tls-*"]\nlimits.maximum_lifetime = "398d"\n'
"""Rules that are in force beside the draft without names; beside the other, those of bench/rules.py."""


async def fill(configuration: Configuration, kind: str) -> None:
    """Servers with one to three names in 300 domains, of 40 teams and 2000 owners: some made here, the others
    after their pattern by the database itself."""
    chance = Random(4)
    async with open_context(configuration, "bench") as context:
        now = context.clock().replace(microsecond=0)
        rows = [row for n in range(CHUNK) for row in _certificate(context, chance, n, now)]
        async with context.database.transaction(0) as transaction:
            for row_type in (CertificateRow, CertificateNameRow, CertificateTagRow):
                await transaction.insert(row_type, [row for row in rows if isinstance(row, row_type)])
        first, last = rows[0][0], context.ledger.new_id()
        assert last - first < 10 * CHUNK
        for copy in range(1, COUNT // CHUNK):
            async with context.database.transaction(0) as transaction:
                for row_type in (CertificateRow, CertificateNameRow):
                    await transaction.execute(_copied(row_type, kind, copy), (first, last))
        async with context.database.transaction(0) as transaction:
            await transaction.execute("ANALYZE")  # as PostgreSQL does by itself before long


def _copied(row_type: type[Row], kind: str, copy: int) -> str:
    """SQL for another of every row, with identifiers, keys and names of its own."""
    digest = "randomblob(32)" if kind == "sqlite" else f"sha256(\"fingerprint\" || 'copy {copy}')"
    key = "id" if row_type is CertificateRow else "certificate_id"
    changed = {
        key: f'"{key}" + {copy * CHUNK * 10}',
        "fingerprint": digest,
        "serial": digest,
        "value": f"'c{copy}-' || \"value\"",
        "reversed_value": f"\"reversed_value\" || '-c{copy}'",
    }
    columns = columns_of(row_type)
    shown = ", ".join([changed.get(column, f'"{column}"') for column in columns])
    names, table = ", ".join([f'"{column}"' for column in columns]), table_of(row_type)
    return f'INSERT INTO "{table}" ({names}) SELECT {shown} FROM "{table}" WHERE "{key}" >= ? AND "{key}" < ?'


def _certificate(context: Context, chance: Random, number: int, now: datetime) -> Iterator[Row]:
    generation = next(iter(context.snapshot.generations.values()))
    serial = bytes([1 + secrets.randbelow(127)]) + secrets.token_bytes(15)
    identifier, ends = context.ledger.new_id(), now + timedelta(seconds=chance.randrange(1, 89 * 86_400))
    yield CertificateRow(
        id=identifier,
        fingerprint=secrets.token_bytes(32),
        generation_id=generation.id,
        authority=chance.choice(["internal", "internal", "public"]),
        issuer=generation.row.subject,
        serial=serial,
        subject=f"CN=host{number}.zone{number % 300}.example.test",
        not_before=ends - timedelta(days=90) + timedelta(seconds=1),
        not_after=ends,
        key_algorithm=chance.choice(["ecdsa-p256"] * 6 + ["rsa-3072"]),
        signature_algorithm="ecdsa-with-SHA256",
        is_authority=False,
        spki_sha256=serial + serial,
        profile=chance.choice(["tls-server", "tls-server", "tls-client", "device"]),
        profile_number=1,
        endpoint="acme/default" if number % 3 else "",
        requester=f"acme:{number % 5000}" if number % 3 else "token:deploy",
        team=f"team-{number % 40}",
        owner=f"person-{number % 2000}",
        environment="",
        standing="issued",
        issuer_certificate=None,
        issued_at=ends - timedelta(days=90),
        replaces=None,
        crl_shard=0,
        revoked_at=None,
        revocation_reason=None,
        invalidity_date=None,
        version=1,
    )
    for position in range(1 + number % 3):
        name = f"host{number}-{position}.zone{number % 300}.example.test"
        yield CertificateNameRow(identifier, position, "dns", name, ".".join(reversed(name.split("."))))
    if number % 1000 == 0:
        yield CertificateTagRow(identifier, "appliance")


async def floor(context: Context, asks: frozenset[str]) -> float:
    """Seconds to read all that is asked, in this process."""
    started, after = time.perf_counter(), LEAST
    now = context.clock()
    source = Certificates(context.database, asks, Scope(now, now, False, ()))
    while rows := await source.read(after):
        await source.judged(rows)
        after = rows[-1][0]
    return time.perf_counter() - started


def _cpu_of_children() -> float:
    """Seconds, of processes that have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


async def measure(configuration: Configuration, kind: str, title: str, current: str) -> None:
    async with open_context(configuration, "bench") as context:
        old = rules_from_toml(current)
        new = rules_from_toml(current + DRAFTS[title])
        base = await floor(context, Judge(old, new).asks)
        calls: list[int] = []
        before = _cpu_of_children()
        started, order = time.perf_counter(), ReplayOrder(old, new, context.clock())
        found = await replay_policy(
            context.database,
            context.snapshot,
            order,
            context.clock(),
            lambda done, total: calls.append(done),
        )
        seconds, used = time.perf_counter() - started, _cpu_of_children() - before
        assert found.certificates.judged >= COUNT  # and a few of the installation itself
        show(
            f"replay on {kind}, {title}",
            seconds=f"{seconds:.1f} (target 60 for 1,000,000)",
            CPU=f"{used / COUNT * 1e6:.1f} us a certificate",
            floor=f"{base:.1f} s",
            ratio=f"{seconds / base:.2f}",
            processes=found.processes,
            affected=found.certificates.judged - found.certificates.changes["unchanged"],
            progress=f"told {len(calls)} times",
        )


def main() -> None:
    for kind in os.environ.get("CERTWRIGHT_BENCH_DATABASES", "sqlite,postgresql").split(","):
        with installation(kind) as (configuration, _):
            asyncio.run(fill(configuration, kind))
            asyncio.run(measure(configuration, kind, "names", RULES))
            asyncio.run(measure(configuration, kind, "no names", PLAIN))


if __name__ == "__main__":
    main()
