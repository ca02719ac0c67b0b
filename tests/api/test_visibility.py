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

from certwright.core.access import Actor, Grant, Role, Subject, Verb, may
from certwright.operations.find_certificate import subject_of
from certwright.operations.find_request import visible
from certwright.operations.list_certificates import CertificateFilter, list_certificates
from certwright.operations.list_requests import visible_condition
from certwright.store.approvals import request_of
from certwright.store.databases import open_database
from certwright.store.people_rows import CertificateRequestRow
from certwright.store.rows import CertificateRow
from tests.conftest import KIND, RUN
from tests.operations.installed import row_of
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
    _fill_requests()


APPROVERS = ("", "team:one", "user:one", "user:two")


def _fill_requests() -> None:
    """Some of everybody's, whose steps name somebody or not."""
    from certwright.store.models import CertificateRequest, RequestApprover

    rows, named = [], []
    for number, values in enumerate(product(NAMES, repeat=len(COLUMNS))):
        requester = ("user:one", "token:any", "token:two", "user:two")[number % 4]
        row = _request(number, requester, ("one", "", "two")[number % 3])
        row = row._replace(**dict(zip(COLUMNS, values, strict=True)))
        rows.append(CertificateRequest(**row._asdict()))
        if approver := APPROVERS[number // 2 % 4]:
            named.append(RequestApprover(id=row.id, request_id=row.id, approver=approver))
    CertificateRequest.objects.bulk_create(rows)
    RequestApprover.objects.bulk_create(named)


def _request(number: int, requester: str, user: str) -> CertificateRequestRow:
    plain = row_of(CertificateRequestRow, AT)
    return plain._replace(id=number + 1, requester=requester, requester_user=user, steps="[]")


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
        signature_algorithm="ecdsa-with-SHA256",
        is_authority=False,
        spki_sha256=bytes(32),
        profile="",
        profile_number=1,
        endpoint="",
        requester="local:test",
        team="",
        owner="",
        environment="",
        standing="issued",
        issuer_certificate=None,
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


@pytest.mark.longer
def test_lists_show_what_may_be_seen(filled: Database) -> None:
    from certwright.store.models import Certificate

    async def by_operation(actor: Actor) -> set[int]:
        database = await open_database(filled.url)
        try:
            page = await list_certificates(
                database, actor, CertificateFilter(), datetime.now(UTC), limit=1000
            )
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


account_names = st.sampled_from(["", "one", "two"])
people = st.builds(
    lambda grants, user, person, teams: Actor(
        f"user:{user}" if user and person else "token:any", tuple(grants), "", user, tuple(sorted(teams))
    ),
    st.lists(st.builds(Grant, st.sampled_from(Role), scopes), max_size=3),
    account_names,
    st.booleans(),
    st.sets(st.sampled_from(["one", "three"])),
)


def sees(actor: Actor, row: CertificateRequestRow, approver: str) -> bool:
    """Told anew: by name, by what the steps name, by role."""
    in_person = actor.user != "" and actor.name == f"user:{actor.user}"
    own = row.requester == actor.name or (in_person and row.requester_user == actor.user)
    named = in_person and approver in {f"user:{actor.user}", *(f"team:{team}" for team in actor.teams)}
    subject = Subject(row.authority, row.profile, row.endpoint, row.team, row.owner)
    return own or named or may(actor, Verb.VIEW, subject)


@pytest.mark.longer
def test_requests_are_seen_by_whom_they_concern(filled: Database) -> None:
    from certwright.store.models import CertificateRequest, RequestApprover

    everything = CertificateRequest.objects.all().rows()
    approvers = dict(RequestApprover.objects.values_list("request_id", "approver"))
    assert len(everything) == len(NAMES) ** len(COLUMNS)

    async def by_operation(actor: Actor, others: tuple[Actor, ...]) -> set[int]:
        database = await open_database(filled.url)
        condition, values = visible_condition(actor, others)
        try:
            return {row.id for row in await database.select(CertificateRequestRow, condition, *values)}
        finally:
            await database.close()

    @given(people, st.lists(people, max_size=2).map(tuple))
    def agree(actor: Actor, others: tuple[Actor, ...]) -> None:
        requests = [request_of(row, (), named_in(approvers, row.id)) for row in everything]
        expected = {
            row.id
            for row in everything
            if sees(actor, row, approvers.get(row.id, ""))
            or any(by_right(one, row, approvers.get(row.id, "")) for one in others)
        }
        assert {one.row.id for one in requests if visible(one, actor, others)} == expected
        found = CertificateRequest.objects.all().visible_to(actor, others).rows()
        assert {row.id for row in found} == expected
        assert asyncio.run(by_operation(actor, others)) == expected

    agree()


def by_right(actor: Actor, row: CertificateRequestRow, approver: str) -> bool:
    """What a deputy sees: not what the other has asked for."""
    return sees(actor, row._replace(requester="", requester_user=""), approver)


def named_in(approvers: dict[int, str], request: int) -> frozenset[str]:
    return frozenset({approvers[request]} if request in approvers else ())


def test_rows_come_as_operations_know_them(filled: Database) -> None:
    from certwright.store.models import Certificate

    first = Certificate.objects.order_by("id").rows()[0]
    assert first == _row(0)
    found = Certificate.objects.all().with_serial((3).to_bytes(16, "big")).rows()
    assert [row.id for row in found] == [4]
