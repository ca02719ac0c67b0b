"""The console's list among 1,000,000 certificates: server time of a page with three filters and free text.

Target: p95 under 60 ms on SQLite and on PostgreSQL, and under 100 ms for the first page of the console. The
floor is one row by its primary key through the same ORM. What is timed is what the page asks of the database,
not its drawing. Texts are such as people type: beginnings of names, domains, serial numbers, fingerprints;
rare, common and found nowhere.
"""

import asyncio
import os
import secrets
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from functools import partial
from itertools import product
from random import Random

from bench._machine import installation, quick, show
from certwright.core.access import Actor, Grant, Role
from certwright.core.query import parse
from certwright.core.revocation import Reason
from certwright.operations.context import Context
from certwright.operations.count_certificates import count_certificates
from certwright.site.configuration import Configuration
from certwright.site.wiring import open_context
from certwright.store.rows import CertificateNameRow, CertificateRow, CertificateTagRow, Row

COUNT = 20_000 if quick() else 1_000_000
CHUNK = 20_000
ROUNDS = 3
TEAMS = [f"team-{number}" for number in range(40)]
OWNERS = [f"person-{number}" for number in range(2000)]
PROFILES = ["tls-server"] * 16 + ["tls-client"] * 3 + ["smime-sign"]
ALGORITHMS = ["ecdsa-p256"] * 3 + ["rsa-2048"]
ADMINISTRATOR = Actor("local:bench", (Grant(Role.ADMINISTRATOR),))
MEMBER = Actor(
    "user:person-7",
    (Grant(Role.OWNER, "owner:person-7"), Grant(Role.OPERATOR, "team:team-7")),
    "",
    "person-7",
)


async def fill(configuration: Configuration) -> None:
    """Servers in 300 domains, people's certificates, some revoked, some without owner."""
    chance = Random(4)
    async with open_context(configuration, "bench") as context:
        now = context.clock().replace(microsecond=0)
        for start in range(0, COUNT, CHUNK):
            rows = [row for n in range(start, start + CHUNK) for row in _certificate(context, chance, n, now)]
            async with context.database.transaction(0) as transaction:
                for row_type in (CertificateRow, CertificateNameRow, CertificateTagRow):
                    await transaction.insert(row_type, [row for row in rows if isinstance(row, row_type)])
        async with context.database.transaction(0) as transaction:
            await transaction.execute("ANALYZE")  # as PostgreSQL does by itself before long
        started = time.perf_counter()
        await count_certificates(context)
        show("counting them all for the overview", seconds=round(time.perf_counter() - started, 2))


def _certificate(context: Context, chance: Random, number: int, now: datetime) -> Iterator[Row]:
    generation = next(iter(context.snapshot.generations.values()))
    serial = bytes([1 + secrets.randbelow(127)]) + secrets.token_bytes(15)
    profile, identifier = chance.choice(PROFILES), context.ledger.new_id()
    person = profile == "smime-sign"
    name = f"person{number}@example.test" if person else f"host{number}.zone{number % 300}.example.test"
    revoked = number % 50 == 0
    ends = now + timedelta(days=chance.randrange(-300, 400), seconds=chance.randrange(86_400))
    yield CertificateRow(
        id=identifier,
        fingerprint=secrets.token_bytes(32),
        generation_id=generation.id,
        authority=chance.choice(["issuing"] * 9 + ["lab"]),
        issuer=generation.row.subject,
        serial=serial,
        subject=f"CN=Person {number},O=Example" if person else "",
        not_before=ends - timedelta(days=90),
        not_after=ends,
        key_algorithm=chance.choice(ALGORITHMS),
        signature_algorithm="ecdsa-with-SHA256",
        is_authority=False,
        spki_sha256=serial + serial,
        profile=profile,
        profile_number=1,
        endpoint="acme/default" if number % 3 else "",
        requester="local:bench",
        team=chance.choice(TEAMS) if number % 5 else "",
        owner=chance.choice(OWNERS) if number % 7 else "",
        environment="",
        standing="issued",
        issuer_certificate=None,
        issued_at=ends - timedelta(days=90),
        replaces=None,
        crl_shard=0,
        revoked_at=now if revoked else None,
        revocation_reason=int(Reason.SUPERSEDED) if revoked else None,
        invalidity_date=None,
        version=1,
    )
    if person:
        yield CertificateNameRow(identifier, 0, "email", name, name)
    else:
        yield CertificateNameRow(identifier, 0, "dns", name, ".".join(reversed(name.split("."))))
    if number % 1000 == 0:
        yield CertificateTagRow(identifier, "payments")


def searches() -> Iterator[tuple[str, str]]:
    """Three fields and a text, in many ways, and the order."""
    from certwright.store.models import Certificate

    some = Certificate.objects.order_by("-id")[COUNT // 2]
    texts = ["host1234", "host", "zone17.example.test", "example.test", '"person 99"', "nowhere.test", "a1b2"]
    texts += [bytes(some.serial).hex(), bytes(some.fingerprint).hex()[:12]]
    filters = [
        "authority:issuing profile:tls-server status:live",
        "authority:lab profile:smime-sign key:rsa-2048",
        "team:team-7 status:expiring key:ecdsa-p256",
        "owner:person-7 status:live authority:issuing",
        "status:revoked endpoint:acme/default profile:tls-server",
        "team:none owner:none status:expired",
        "tag:payments authority:issuing status:live",
        "san:*.zone17.example.test status:live profile:tls-server",
        "authority:nowhere profile:nowhere endpoint:nowhere",
    ]
    for text, some_fields, order in product(texts, filters, ("newest", "expires")):
        yield f"{text} {some_fields}", order


def timed(act: Callable[[], object]) -> float:
    """Milliseconds."""
    started = time.perf_counter()
    act()
    return (time.perf_counter() - started) * 1000


def percentile(times: list[float], share: float) -> float:
    return sorted(times)[min(len(times) - 1, int(len(times) * share))]


def told(name: str, times: list[float], floor: float) -> None:
    show(
        name,
        p50=f"{statistics.median(times):.1f} ms",
        p95=f"{percentile(times, 0.95):.1f} ms",
        most=f"{max(times):.1f} ms",
        p95_to_floor=round(percentile(times, 0.95) / floor),
    )


def measure(kind: str) -> None:
    from certwright.console.certificates.search import Wanted, find
    from certwright.console.overview import overview
    from certwright.store.models import Certificate

    now = datetime.now().astimezone()
    some = list(Certificate.objects.order_by("-id").values_list("pk", flat=True)[:1000:10])
    floor = statistics.median(timed(lambda each=each: Certificate.objects.get(pk=each)) for each in some)
    show(f"{kind}: floor, one row by primary key", median=f"{floor:.2f} ms")
    wanted = [Wanted(parse(text), order) for text, order in searches()]
    for name, actor in (("all", ADMINISTRATOR), ("a team's", MEMBER)):
        times = [timed(lambda w=w, a=actor: find(a, w, now)) for _ in range(ROUNDS) for w in wanted]
        told(f"{kind}: list, {name} certificates, three filters and text", times, floor)
        slowest = max(wanted, key=lambda w, a=actor: timed(partial(find, a, w, now)))
        show(f"{kind}: slowest", query=slowest.query, order=slowest.order)
        plain = [
            timed(lambda o=o, a=actor: find(a, Wanted(order=o), now)) for o in ("newest", "expires") * 20
        ]
        told(f"{kind}: list, {name} certificates, no filter", plain, floor)
        first = [timed(lambda a=actor: overview(a, now)) for _ in range(20)]
        told(f"{kind}: overview, {name}", first, floor)


def measured(kind: str) -> None:
    """In a process of its own: Django is set up for one database."""
    os.environ["DJANGO_SETTINGS_MODULE"] = "certwright.site.settings"
    import django

    django.setup()
    measure(kind)


def main() -> None:
    for kind in ("sqlite", "postgresql"):
        with installation(kind) as (configuration, _token):
            asyncio.run(fill(configuration))
            settings = {
                "CERTWRIGHT_HOME": str(configuration.home),
                "CERTWRIGHT_DATABASE": configuration.database_url,
            }
            program = "import sys; from bench.console import measured; measured(sys.argv[1])"
            subprocess.run([sys.executable, "-c", program, kind], env={**os.environ, **settings}, check=True)


if __name__ == "__main__":
    main()
