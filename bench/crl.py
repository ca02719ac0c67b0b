"""CRLs with 1,000,000 entries: the whole list after one revocation, and one of 128 shards.

Targets: whole in under 1 s and 400 MB, a dirty shard in under 10 ms. Measured is everything from the
revocation's place in the feed to the list on record: reading the last list, putting the change in, reading
the result back with another decoder, signing, verifying, durable commits. The floor is what no signer can go
below: SHA-256 over the list and one signature.
"""

import asyncio
import hashlib
import multiprocessing
import time
from collections.abc import Callable
from pathlib import Path

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec

from bench._machine import installation, per_call, quick, show
from bench._population import populate
from certwright.core.access import Actor, Grant, Role
from certwright.core.distinguished_name import parse_name
from certwright.core.keys import KeyAlgorithm
from certwright.core.revocation import Reason
from certwright.operations.context import Context
from certwright.operations.found_authority import AuthorityOrder, found_authority
from certwright.operations.publish_crl import ListTimes, publish_crl
from certwright.operations.revoke import revoke_certificate
from certwright.site.configuration import Configuration
from certwright.site.wiring import open_context

ENTRIES = 20_000 if quick() else 1_000_000
SHARDS = 128
ROUNDS = 5
BENCH = Actor("local:bench", (Grant(Role.ADMINISTRATOR),))


async def prepare(context: Context) -> None:
    """One authority with all entries in one list, one with a shard's part of them, and some to be revoked."""
    order = AuthorityOrder(
        "sharded",
        "root",
        parse_name("CN=Bench Sharded"),
        KeyAlgorithm.ECDSA_P256,
        "software",
        crl_shards=SHARDS,
    )
    await found_authority(context, BENCH, order)
    for name, count in (("issuing", ENTRIES), ("sharded", ENTRIES // SHARDS)):
        generation = context.snapshot.issuing(name)
        await populate(context, generation, count, revoked=True)
        await populate(context, generation, ROUNDS)
        await publish_crl(context, generation, 0, True, ListTimes())


async def measure(context: Context, name: str) -> None:
    generation = context.snapshot.issuing(name)
    waiting = await context.database.query(
        'SELECT "fingerprint" FROM "certificate" WHERE "generation_id" = ? AND "revoked_at" IS NULL '
        'AND "requester" = ?',
        generation.id,
        "local:bench",
    )
    walls, processors, commits = [], [], 0
    before = peak()
    for row in waiting:
        await revoke_certificate(context, BENCH, row[0].hex(), Reason.SUPERSEDED, context.clock())
        commits -= context.ledger.commits
        wall, processor = time.perf_counter(), time.process_time()
        signed = await publish_crl(context, generation, 0, False, ListTimes())
        walls.append(time.perf_counter() - wall)
        processors.append(time.process_time() - processor)
        commits += context.ledger.commits
    whole = name == "issuing"
    base = floor(signed.der)
    show(
        f"CRL, {signed.entries} entries" + ("" if whole else f", one of {SHARDS} shards"),
        size=f"{len(signed.der) / 1e6:.2f} MB",
        time=f"{median(walls) * 1e3:.1f} ms (target {'1000' if whole else '10'} ms)",
        CPU=f"{median(processors) * 1e6:.0f} us",
        floor=f"{base:.0f} us",
        ratio=f"{median(processors) * 1e6 / base:.1f}",
        commits=f"{commits / len(walls):.1f} each",
        peak=f"{peak():.0f} MB" + (" (target 400 MB)" if whole else "") + f", before {before:.0f} MB",
    )


def floor(der: bytes) -> float:
    """CPU microseconds of hashing and signing a list of this size."""
    key = ec.generate_private_key(ec.SECP256R1())
    sign = per_call(lambda: key.sign(bytes(32), ec.ECDSA(hashes.SHA256())))
    return sign + per_call(lambda: hashlib.sha256(der).digest(), 3)


def median(values: list[float]) -> float:
    return sorted(values)[len(values) // 2]


def peak() -> float:
    """The most this process has had resident, in MB."""
    rows = Path("/proc/self/status").read_text().splitlines()
    return next(int(row.split()[1]) * 1024 / 1e6 for row in rows if row.startswith("VmHWM"))


def in_process(work: Callable[..., object], home: Path, *arguments: str) -> None:
    """In a process of its own, so that what it has resident is its own."""
    process = multiprocessing.get_context("spawn").Process(target=run, args=(work, home, *arguments))
    process.start()
    process.join()
    if process.exitcode:
        raise SystemExit(f"{work} failed")


def run(work: Callable[..., object], home: Path, *arguments: str) -> None:
    async def main() -> None:
        async with open_context(Configuration.load(home), "bench") as context:
            await work(context, *arguments)  # type: ignore[misc]

    asyncio.run(main())


def main() -> None:
    with installation("sqlite") as (configuration, _):
        in_process(prepare, configuration.home)
        in_process(measure, configuration.home, "issuing")
        in_process(measure, configuration.home, "sharded")


if __name__ == "__main__":
    main()
