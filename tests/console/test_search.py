"""Pages of the search, put together, are what the query means: however few rows are looked at in one go, and
on the loop as beside the ORM."""

import asyncio
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from certwright.core.access import Actor, Grant, Role, Verb, may
from certwright.core.query import All, Query, Text, parse
from certwright.core.query_fields import FIELDS
from certwright.operations import search_certificates
from certwright.operations.find_certificate import subject_of
from certwright.operations.list_certificates import CertificateFilter, list_certificates
from certwright.store.databases import Database, open_database
from certwright.store.rows import CustomFieldRow
from tests.conftest import KIND, RUN
from tests.core.toy_queries import composed, terms
from tests.operations.query_meaning import NOW, Known, holds, known
from tests.real import databases, tables
from tests.real.orm import set_up
from tests.real.pki import ADMINISTRATOR

pytestmark = pytest.mark.database
COUNT = 200
ALL = [known(number) for number in range(COUNT)]
ROWS = [one.row for one in ALL]
FIELD_ROWS = [
    CustomFieldRow(number, name, name, "text", "[]", "", None, 1)
    for number, name in enumerate(("cost", "audit", "note", "a-1", "nowhere", "ticket"), 1)
]


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    set_up()
    from django.db import connections

    from certwright.store import models

    with databases.with_tables(KIND, Path(os.environ[RUN]), tmp_path_factory.mktemp("search")) as made:
        connections["default"].close()
        connections.settings["default"].update(tables._connection(made.url))
        del connections["default"]
        for model, rows in (
            (models.Certificate, ROWS),
            (models.CertificateName, [row for one in ALL for row in one.names]),
            (models.CertificateTag, [row for one in ALL for row in one.tags]),
            (models.Sighting, [row for one in ALL for row in one.places]),
            (models.Finding, [row for one in ALL for row in one.findings]),
            (models.CertificateField, [row for one in ALL for row in one.fields]),
            (models.CustomField, FIELD_ROWS),
        ):
            model.objects.bulk_create([model(**row._asdict()) for row in rows])
        yield made.url
        connections["default"].close()


likely = st.sampled_from(
    [
        *(field.example for field in FIELDS.values()),
        *(
            "host1",
            "host",
            "zone3.example.test",
            "example.test",
            '"person 1"',
            "nowhere",
            "@",
            "person1@mail.test",
        ),
        *(ROWS[9].fingerprint.hex()[:7], ROWS[9].fingerprint.hex(), ROWS[9].serial.hex()[:4]),
        *(
            f"serial:{ROWS[3].serial.hex()}",
            f"serial:{ROWS[3].serial.hex()[2:]}",
            f"serial:{ROWS[1].serial[:1].hex()}*",
        ),
        *(f"fingerprint:{ROWS[5].fingerprint.hex()}", f"fingerprint:{ROWS[5].fingerprint.hex()[:3]}*"),
        *(
            "issuer:corp",
            "issuer:größe",
            "issuer:100%_x",
            r'issuer:"x\\\\y"',
            "issuer:corp*AG",
            "signature:SHA1",
        ),
        *("san:host1*", "san:*.zone2.example.test", "san:.zone1.example.test", "san:*1.zone1*", "san:any"),
        *(
            "san:HOST9.zone1.example.test",
            "san:person1@mail.test",
            "san:Person1@mail.test",
            "key:rsa",
            "key:ecdsa",
        ),
        *(
            "key:rsa<2048",
            "key:rsa>=2048",
            "key:rsa>1024",
            "key:rsa-1024",
            "key:r*24",
            "subject:none",
            "ca:no",
        ),
        *(
            "owner:ann",
            "owner:none",
            "team:red",
            "team:r*",
            "team:any",
            "responsible:red",
            "responsible:none",
        ),
        *("tag:pay", "tag:none", "environment:prod*", "authority:one", "profile:mail", "endpoint:acme/*"),
        *(f"standing:{one}" for one in ("issued", "found", "adopted", "ignored")),
        *(f"status:{one}" for one in ("live", "expiring", "expired", "revoked", "hold")),
        *("expires<10d", "expires>10d", "expires:2026-06", "expires<2026-05-25", "begins<1y", "issued<5d"),
        *("revoked:none", "revoked<4d", "lifetime>=90d", "lifetime<398d", "finding:weak-key", "finding:none"),
        *("field.cost:250", "field.cost<300", "field.cost>=-50", "field.cost:any", "field.note:none"),
        *(
            "field.audit<7d",
            "field.audit>=2026-06",
            "field.audit<=2026",
            "field.audit>10d",
            "field.cost>2026",
        ),
        *('field.note:"shop*"', "field.note>2020-01-01", "field.audit:2026-06*", "field.nowhere:none"),
        *("gone:no", "at:10.1.0.7", "at:10.1.0.0/16", "at:10.0.0.0/7", "at:10.1.0.0/25", "at:10.1.0.7/32"),
        *(
            "at:0.0.0.0/0",
            "at:10.1.*",
            "at:*.zone1.test",
            "at:none",
            "at:any",
            "port:443",
            "port<1000",
            "seen<5d",
        ),
        *(
            "zone:dmz",
            "place:kube*",
            "at:10.1.0.0/16 port:443",
            "at:10.1.0.7 or at:2001:db8:*",
            "managed:yes",
        ),
    ]
).map(parse)
wished = composed(likely) | st.lists(likely, min_size=2, max_size=4).map(lambda parts: All(tuple(parts)))
odd = composed(terms() | st.text("abcost1.@:= 09", min_size=1, max_size=5).filter(str.strip).map(Text))
scopes = st.sampled_from(["*", "team:red", "owner:ann", "tag:pay", "authority:one", "profile:none"])
actors = st.lists(st.builds(Grant, st.just(Role.AUDITOR), scopes), min_size=1, max_size=3).map(
    lambda grants: Actor("user:any", tuple(grants))
)


def expected(query: Query, actor: Actor = ADMINISTRATOR) -> list[int]:
    return [one.row.id for one in ALL if holds(query, one) and _may(actor, one)]


def _may(actor: Actor, one: Known) -> bool:
    return may(actor, Verb.VIEW, subject_of(one.row, frozenset(tag.tag for tag in one.tags)))


@pytest.mark.longer
def test_pages_together_are_all_that_is_wanted(filled: str, monkeypatch: pytest.MonkeyPatch) -> None:
    from certwright.console.certificates import search

    monkeypatch.setattr(search_certificates, "FEW", 12)
    monkeypatch.setattr(search_certificates, "LOOK", 30)
    ends = {row.id: row.not_after for row in ROWS}
    orders = st.sampled_from(["", "newest", "expires", "-expires"])

    @given(wished | odd, actors, orders, st.sampled_from([4, 50]))
    def check(query: Query, actor: Actor, order: str, limit: int) -> None:
        wanted = search.Wanted(query, order)
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
        wished = expected(query, actor)
        by = search_certificates.Search(query, actor, True, NOW, order).sorted_by
        key: Any = (lambda one: one) if by == "newest" else (lambda one: (ends[one], one))
        assert seen == sorted(wished, key=key, reverse=by != "expires"), str(query)

    check()


@pytest.mark.longer
def test_the_loop_finds_the_same(filled: str) -> None:
    """All in one go, without an index's help."""
    with asyncio.Runner() as runner:
        database: Database = runner.run(open_database(filled))

        @given(wished | odd)
        def check(query: Query) -> None:
            selected = CertificateFilter(query=str(query))
            page = runner.run(list_certificates(database, ADMINISTRATOR, selected, NOW, limit=1000))
            assert [row.id for row in page.rows] == expected(query)[::-1], str(query)

        check()
        runner.run(database.close())
