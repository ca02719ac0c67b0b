"""Pages of the search, put together, are what the filters say: however few rows are looked at in one go."""

import os
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from certwright.core.access import Actor, Grant, Role, Verb, may
from certwright.operations.find_certificate import subject_of
from certwright.store.rows import CertificateRow
from tests.conftest import KIND, RUN
from tests.real import databases, tables
from tests.real.orm import set_up

pytestmark = pytest.mark.database
NOW = datetime(2026, 6, 1, tzinfo=UTC)
COUNT = 200
NAMES = [f"host{number}.zone{number % 4}.example.test" for number in range(COUNT)]
CHANCE = Random(1)


def _row(number: int) -> CertificateRow:
    return CertificateRow(
        id=number * 3 + 1,
        fingerprint=CHANCE.randbytes(32),
        generation_id=None,
        authority=("one", "two")[number % 2],
        issuer="CN=Issuer",
        serial=CHANCE.randbytes(16),
        subject=f"CN=Person {number}" if number % 5 == 0 else "",
        not_before=NOW - timedelta(days=90),
        not_after=NOW + timedelta(days=number % 60 - 20, hours=1),
        key_algorithm="ecdsa-p256",
        signature_algorithm="ecdsa-with-SHA256",
        is_authority=False,
        spki_sha256=bytes(32),
        profile=("server", "client", "mail")[number % 3],
        profile_number=1,
        endpoint="",
        requester="local:test",
        team=("", "red", "blue")[number % 3],
        owner=("", "ann")[number % 7 == 0],
        environment="",
        standing="issued",
        issuer_certificate=None,
        issued_at=NOW,
        replaces=None,
        crl_shard=0,
        revoked_at=NOW if number % 11 == 0 else None,
        revocation_reason=(4, 6)[number % 2] if number % 11 == 0 else None,
        invalidity_date=None,
        version=1,
    )


ROWS = [_row(number) for number in range(COUNT)]


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    set_up()
    from django.db import connections

    from certwright.store.models import Certificate, CertificateName, CertificateTag

    with databases.with_tables(KIND, Path(os.environ[RUN]), tmp_path_factory.mktemp("search")) as made:
        connections["default"].close()
        connections.settings["default"].update(tables._connection(made.url))
        del connections["default"]
        Certificate.objects.bulk_create([Certificate(**row._asdict()) for row in ROWS])
        labels = [".".join(reversed(name.split("."))) for name in NAMES]
        CertificateName.objects.bulk_create(
            CertificateName(certificate_id=row.id, position=0, kind="dns", value=name, reversed_value=back)
            for row, name, back in zip(ROWS, NAMES, labels, strict=True)
        )
        CertificateTag.objects.bulk_create(
            CertificateTag(certificate_id=row.id, tag="pay") for row in ROWS[::13]
        )
        yield
        connections["default"].close()


def _text(text: str) -> Callable[[CertificateRow], bool]:
    def found(row: CertificateRow) -> bool:
        name = NAMES[(row.id - 1) // 3]
        begins = name.startswith(text) or row.subject.lower().startswith(f"cn={text}")
        return begins or name == text or name.endswith(f".{text}") or row.fingerprint.hex().startswith(text)

    return found


def _status(status: str) -> Callable[[CertificateRow], bool]:
    tests: dict[str, Callable[[CertificateRow], bool]] = {
        "live": lambda row: row.revoked_at is None and row.not_after > NOW,
        "expiring": lambda row: row.revoked_at is None and NOW < row.not_after < NOW + timedelta(days=30),
        "expired": lambda row: row.not_after <= NOW,
        "revoked": lambda row: row.revoked_at is not None and row.revocation_reason != 6,
        "hold": lambda row: row.revocation_reason == 6,
    }
    return tests[status]


FILTERS: dict[str, Callable[[Any], Callable[[CertificateRow], bool]]] = {
    "text": _text,
    "status": _status,
    "authority": lambda value: lambda row: row.authority == value,
    "profile": lambda value: lambda row: row.profile == value,
    "owner": lambda value: lambda row: row.owner == ("" if value == "-" else value),
    "team": lambda value: lambda row: row.team == ("" if value == "-" else value),
    "tag": lambda value: lambda row: row in ROWS[::13],
    "name": lambda value: lambda row: NAMES[(row.id - 1) // 3].endswith(value),
    "expires_before": lambda value: lambda row: row.not_after < value,
    "expires_after": lambda value: lambda row: row.not_after >= value,
}
TEXTS = [
    *("host1", "host", "zone3.example.test", "example.test", "person 1", "nowhere"),
    *("host7.zone3.example.test", ROWS[9].fingerprint.hex()[:7], ROWS[9].fingerprint.hex()),
]
wishes = st.fixed_dictionaries(
    {},
    optional={
        "text": st.sampled_from(TEXTS),
        "status": st.sampled_from(["live", "expiring", "expired", "revoked", "hold"]),
        "authority": st.sampled_from(["one", "two", "none"]),
        "profile": st.sampled_from(["server", "mail"]),
        "owner": st.sampled_from(["ann", "-", "bob"]),
        "team": st.sampled_from(["red", "-"]),
        "tag": st.just("pay"),
        "name": st.sampled_from([".zone2.example.test", "host9.zone1.example.test"]),
        "expires_before": st.just(NOW + timedelta(days=10)),
        "expires_after": st.just(NOW - timedelta(days=5)),
        "order": st.sampled_from(["newest", "expires", "-expires"]),
    },
)
scopes = st.sampled_from(["*", "team:red", "owner:ann", "tag:pay", "authority:one", "profile:none"])
actors = st.lists(st.builds(Grant, st.just(Role.AUDITOR), scopes), min_size=1, max_size=3).map(
    lambda grants: Actor("user:any", tuple(grants))
)


def test_pages_together_are_all_that_is_wanted(filled: None, monkeypatch: pytest.MonkeyPatch) -> None:
    from certwright.console.certificates import search

    monkeypatch.setattr(search, "FEW", 12)
    monkeypatch.setattr(search, "LOOK", 30)

    @given(wishes, actors, st.sampled_from([4, 50]))
    def check(wish: dict[str, Any], actor: Actor, limit: int) -> None:
        wanted = search.Wanted(**wish)
        seen: list[int] = []
        after: int | None = None
        for _ in range(COUNT):
            found = search.find(actor, wanted, NOW, after, limit)
            assert len(found.rows) <= limit
            seen += [row.pk for row in found.rows]
            after = found.after
            if after is None:
                break
        assert after is None
        tests = [FILTERS[name](value) for name, value in wish.items() if name != "order"]
        expected = [row for row in ROWS if all(test(row) for test in tests) and _may(actor, row)]
        key: Callable[[CertificateRow], Any] = lambda row: (row.not_after, row.id)  # noqa: E731
        if wanted.sorted_by == "newest":
            key = lambda row: row.id  # noqa: E731
        expected.sort(key=key, reverse=wanted.sorted_by != "expires")
        assert seen == [row.id for row in expected]

    check()


def _may(actor: Actor, row: CertificateRow) -> bool:
    return may(actor, Verb.VIEW, subject_of(row, frozenset({"pay"}) if row in ROWS[::13] else frozenset()))
