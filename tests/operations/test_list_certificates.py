"""Lists of certificates: who sees what, every filter, and pages that leave nothing out."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from itertools import combinations, product

import pytest

from certwright.core.access import Actor, Grant, Role, Verb, may
from certwright.core.errors import Malformed
from certwright.core.names import parse_identifier, reversed_name
from certwright.operations.context import Context
from certwright.operations.find_certificate import subject_of
from certwright.operations.list_certificates import CertificateFilter, list_certificates
from certwright.store.ledger import Change
from certwright.store.rows import CertificateNameRow, CertificateRow
from tests.real.databases import Database
from tests.real.pki import ADMINISTRATOR, MovableClock, Secrets, opened

NOW = datetime(2026, 11, 23, 12, 0, 0, tzinfo=UTC)
SCOPES = (
    "*",
    "authority:a",
    "authority:b",
    "profile:p",
    "profile:q",
    "endpoint:acme/x",
    "endpoint:",
    "owner:a",
    "a",
)
NAMES = ("example.test", "www.example.test", "a_b.example.test", "badexample.test")
Body = Callable[[Context], Awaitable[None]]


def run(database: Database, body: Body) -> None:
    async def main() -> None:
        async with opened(database.url, Secrets(), MovableClock()) as context:
            await body(context)

    asyncio.run(main())


def row(number: int, authority: str, profile: str, endpoint: str, days: int) -> CertificateRow:
    return CertificateRow(
        id=number,
        fingerprint=number.to_bytes(32, "big"),
        generation_id=None,
        authority=authority,
        issuer="CN=x",
        serial=number.to_bytes(16, "big"),
        subject="CN=y",
        not_before=NOW,
        not_after=NOW + timedelta(days=days),
        key_algorithm="ecdsa-p256",
        signature_algorithm="ecdsa-with-SHA256",
        is_authority=False,
        spki_sha256=bytes(32),
        profile=profile,
        profile_number=1,
        endpoint=endpoint,
        requester="local:test",
        team="",
        owner="",
        environment="",
        standing="issued",
        issuer_certificate=None,
        issued_at=NOW,
        replaces=None,
        crl_shard=0,
        revoked_at=NOW if number % 3 == 0 else None,
        revocation_reason=1 if number % 3 == 0 else None,
        invalidity_date=None,
        version=1,
    )


async def filled(context: Context) -> list[CertificateRow]:
    """Certificates of every combination, several with the same end."""
    combined = product(("a", "b", ""), ("p", "q"), ("acme/x", "acme/y", ""))
    rows = [row(number, *columns, days=number % 4) for number, columns in enumerate(combined, 1)]
    names = [
        CertificateNameRow(one.id, 0, "dns", name, reversed_name(parse_identifier("dns", name)))
        for one, name in zip(rows, NAMES, strict=False)
    ]
    await context.ledger.commit(Change(inserted=[*rows, *names]))
    return rows


async def everything(
    context: Context, actor: Actor, wanted: CertificateFilter | None = None, size: int = 100
) -> list[int]:
    found: list[int] = []
    place: int | None = None
    while True:
        page = await list_certificates(
            context.database, actor, wanted or CertificateFilter(), NOW, place, size
        )
        assert len(page.rows) <= size
        found += [one.id for one in page.rows]
        place = page.next
        if place is None:
            return found


def test_everybody_sees_what_they_may_see(database: Database) -> None:
    async def body(context: Context) -> None:
        rows = await filled(context)
        grants = [Grant(role, scope) for role, scope in product((Role.AUDITOR, Role.REQUESTER), SCOPES)]
        for given in [(), *combinations(grants, 1), *combinations(grants, 2)]:
            actor = Actor("token:x", tuple(given))
            wanted = {one.id for one in rows if may(actor, Verb.VIEW, subject_of(one))}
            assert set(await everything(context, actor)) == wanted, given

    run(database, body)


@pytest.mark.parametrize("size", [1, 2, 7, 18, 100])
def test_pages_leave_nothing_out_in_either_order(size: int, database: Database) -> None:
    async def body(context: Context) -> None:
        rows = await filled(context)
        assert await everything(context, ADMINISTRATOR, size=size) == [one.id for one in reversed(rows)]
        by_end = [one.id for one in sorted(rows, key=lambda one: (one.not_after, one.id))]
        soon = CertificateFilter(expires_before=NOW + timedelta(days=30))
        assert await everything(context, ADMINISTRATOR, soon, size) == by_end

    run(database, body)


def test_every_filter(database: Database) -> None:
    async def body(context: Context) -> None:
        rows = await filled(context)

        async def matches(wanted: CertificateFilter, expected: Callable[[CertificateRow], bool]) -> None:
            assert set(await everything(context, ADMINISTRATOR, wanted)) == {
                one.id for one in rows if expected(one)
            }

        await matches(CertificateFilter(authority="a"), lambda one: one.authority == "a")
        await matches(
            CertificateFilter(profile="q", revoked=True), lambda one: one.profile == "q" and one.id % 3 == 0
        )
        await matches(CertificateFilter(revoked=False), lambda one: one.id % 3 != 0)
        day = NOW + timedelta(days=1)
        await matches(CertificateFilter(expires_before=day), lambda one: one.not_after < day)
        await matches(CertificateFilter(expires_after=day), lambda one: one.not_after >= day)
        await matches(CertificateFilter(name="example.test"), lambda one: one.id == 1)
        await matches(CertificateFilter(name="EXAMPLE.test"), lambda one: one.id == 1)
        await matches(CertificateFilter(name=".example.test"), lambda one: one.id in {2, 3})
        await matches(CertificateFilter(name=".nothing.test"), lambda one: False)
        with pytest.raises(Malformed):
            await everything(context, ADMINISTRATOR, CertificateFilter(name="not a name"))

    run(database, body)
