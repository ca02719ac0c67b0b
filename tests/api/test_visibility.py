"""What a list shows is what `may` says, on a real database: Django's querysets and the operations' SQL."""

import asyncio
import os
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import product
from pathlib import Path

import django
import pytest
from hypothesis import given
from hypothesis import strategies as st

from certwright.core.access import Actor, Grant, Role, Verb, may
from certwright.operations.find_certificate import subject_of
from certwright.operations.list_certificates import CertificateFilter, list_certificates
from certwright.store.databases import open_database
from certwright.store.rows import CertificateRow
from tests.conftest import KIND, RUN
from tests.real import databases, tables
from tests.real.databases import Database

pytestmark = pytest.mark.database
NAMES = ("", "one", "two")
COLUMNS = ("authority", "profile", "endpoint", "team", "owner")
AT = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Database]:
    """A database with a certificate for every combination of what scopes speak of."""
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("DJANGO_SETTINGS_MODULE", "tests.real.tables")
        django.setup()  # no matter if another test of this process has set it up already
    from django.db import connections

    with databases.with_tables(KIND, Path(os.environ[RUN]), tmp_path_factory.mktemp("seen")) as made:
        connections["default"].close()
        connections.settings["default"].update(tables._connection(made.url))
        del connections["default"]
        _fill()
        yield made
        connections["default"].close()


def _fill() -> None:
    from certwright.store.models import Certificate, CertificateTag

    rows, tags = [], []
    for number, values in enumerate(product(NAMES, repeat=len(COLUMNS))):
        row = _row(number)._replace(**dict(zip(COLUMNS, values, strict=True)))
        rows.append(Certificate(**row._asdict()))
        tags += [CertificateTag(certificate_id=row.id, tag=tag) for tag in tags_of(row.id)]
    Certificate.objects.bulk_create(rows)
    CertificateTag.objects.bulk_create(tags)


def tags_of(identifier: int) -> frozenset[str]:
    return frozenset(name for place, name in enumerate(NAMES[1:]) if identifier >> place & 1)


def _row(number: int) -> CertificateRow:
    return CertificateRow(
        id=number + 1,
        fingerprint=number.to_bytes(32, "big"),
        generation_id=None,
        authority="",
        issuer="CN=Issuer",
        serial=number.to_bytes(16, "big"),
        subject="",
        not_before=AT,
        not_after=AT + timedelta(days=number),
        key_algorithm="ecdsa-p256",
        spki_sha256=bytes(32),
        profile="",
        profile_number=1,
        endpoint="",
        requester="local:test",
        team="",
        owner="",
        issued_at=AT,
        replaces=None,
        crl_shard=0,
        revoked_at=None,
        revocation_reason=None,
        invalidity_date=None,
        version=1,
    )


scopes = st.one_of(
    st.just("*"),
    st.builds(
        lambda kind, name: f"{kind}:{name}",
        st.sampled_from([*COLUMNS, "tag", ""]),
        st.sampled_from([*NAMES, "three", "*", "%", "one' OR 1=1 --"]),
    ),
)
actors = st.lists(st.builds(Grant, st.sampled_from(Role), scopes), max_size=4).map(
    lambda grants: Actor("token:any", tuple(grants))
)


def test_lists_show_what_may_be_seen(filled: Database) -> None:
    from certwright.store.models import Certificate

    async def by_operation(actor: Actor) -> set[int]:
        database = await open_database(filled.url)
        try:
            page = await list_certificates(database, actor, CertificateFilter(), limit=1000)
        finally:
            await database.close()
        return {row.id for row in page.rows}

    everything = Certificate.objects.all().rows()
    assert len(everything) == len(NAMES) ** len(COLUMNS)

    @given(actors)
    def agree(actor: Actor) -> None:
        expected = {row.id for row in everything if may(actor, Verb.VIEW, subject_of(row, tags_of(row.id)))}
        assert {row.id for row in Certificate.objects.all().visible_to(actor).rows()} == expected
        assert asyncio.run(by_operation(actor)) == expected

    agree()


def test_rows_come_as_operations_know_them(filled: Database) -> None:
    from certwright.store.models import Certificate

    first = Certificate.objects.order_by("id").rows()[0]
    assert first == _row(0)
    found = Certificate.objects.all().with_serial((3).to_bytes(16, "big")).rows()
    assert [row.id for row in found] == [4]
