"""Taking in what discovery sees: certificates that are new, each at three places; the same again; and two
passes of health over all of them.

Targets: 5,000 certificates a second taken in, a million judged in ten minutes on two cores (1,667 a second).
The floor is the same rows put into the same tables in the same chunks, with nothing decided.
CERTWRIGHT_BENCH_COUNT says how many certificates.
"""

import asyncio
import hashlib
import os
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519

from bench._machine import installation, quick, show
from certwright.operations.context import Context
from certwright.operations.note_findings import check_health
from certwright.operations.take_sightings import PLACES_MAX, Look, take_sightings
from certwright.ports import Place, Sighting
from certwright.site.configuration import Configuration
from certwright.site.wiring import open_context
from certwright.store.discovery_rows import SightingRow
from certwright.store.rows import CertificateBodyRow, CertificateNameRow, CertificateRow, Row, table_of

COUNT = int(os.environ.get("CERTWRIGHT_BENCH_COUNT", "2000" if quick() else "50000"))
PLACES = 3
AT = datetime(2026, 11, 1, tzinfo=UTC)
KINDS: tuple[type[Row], ...] = (CertificateRow, CertificateBodyRow, CertificateNameRow, SightingRow)


def certificates(count: int) -> Iterator[bytes]:
    """Of one authority, each with a public key of its own, to which nobody has the private one."""
    key = ec.generate_private_key(ec.SECP256R1())
    issuer = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "Bench Issuing")])
    for number in range(count):
        name = f"host{number}.zone{number % 300}.example.test"
        builder = x509.CertificateBuilder(
            issuer,
            x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)]),
            ed25519.Ed25519PublicKey.from_public_bytes(os.urandom(32)),
            x509.random_serial_number(),
            AT,
            AT + timedelta(days=90),
        ).add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        yield builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.DER)


def sightings(made: list[bytes]) -> list[list[Sighting]]:
    """In chunks as a run hands them on."""
    seen = [
        Sighting(Place("tls", str(ip_address(0x0A000000 + number)), 443 + place), AT, (der,))
        for number, der in enumerate(made)
        for place in range(PLACES)
    ]
    return [seen[start : start + PLACES_MAX] for start in range(0, len(seen), PLACES_MAX)]


async def measure(configuration: Configuration, database: str) -> None:
    made = list(certificates(COUNT))
    chunks = sightings(made)
    async with open_context(configuration, "bench") as context:
        for run, what in ((1, "taken in, new"), (2, "taken in again, known")):
            started, cpu = time.perf_counter(), time.process_time()
            for chunk in chunks:
                await take_sightings(context, Look(run), chunk)
            _show(what, database, started, cpu)
        started, cpu = time.perf_counter(), time.process_time()
        await check_health(context)
        _show("judged, findings opened", database, started, cpu)
        started, cpu = time.perf_counter(), time.process_time()
        await check_health(context)
        _show("judged again, nothing new", database, started, cpu)
        await _floor(context, database)


async def _floor(context: Context, database: str) -> None:
    rows = {kind: await context.database.select(kind, "1 = 1") for kind in KINDS}
    async with context.database.transaction(0) as transaction:
        for kind in reversed(KINDS):
            await transaction.execute(f'DELETE FROM "{table_of(kind)}"')
    size = PLACES_MAX // PLACES
    started, cpu = time.perf_counter(), time.process_time()
    for start in range(0, COUNT, size):
        async with context.database.transaction(0) as transaction:
            for kind, found in rows.items():
                share = len(found) * size // COUNT if kind is SightingRow else size
                begin = start * share // size
                await transaction.insert(kind, found[begin : begin + share])
    _show("floor: the same rows, nothing decided", database, started, cpu)


def _show(what: str, database: str, started: float, cpu: float) -> None:
    seconds, spent = time.perf_counter() - started, time.process_time() - cpu
    show(
        f"{what}, {database}",
        certificates_per_second=round(COUNT / seconds),
        cpu_us_each=round(spent * 1e6 / COUNT),
    )


def digest_alone() -> None:
    """What a certificate that is known costs at the least: its digest."""
    made = list(certificates(200)) * 50
    started = time.process_time()
    for der in made:
        hashlib.sha256(der).digest()
    show("floor: SHA-256 alone", us_each=round((time.process_time() - started) * 1e6 / len(made), 1))


def main() -> None:
    digest_alone()
    for database in ("sqlite", "postgresql"):
        with installation(database) as (configuration, _):
            asyncio.run(measure(configuration, database))


if __name__ == "__main__":
    main()
