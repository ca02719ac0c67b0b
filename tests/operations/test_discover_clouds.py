"""Accounts and clusters in the inventory: a scope with its credentials, its run, and what is known then."""

import asyncio
import json
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager, nullcontext
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from certwright.core.access import Actor, Grant, Role
from certwright.operations.discovery_runs import DiscoveryOrder, RunStatus, run_status
from certwright.operations.discovery_scopes import ScopeOrder, run_scope, save_scope
from certwright.operations.run_discovery import run_discovery
from certwright.site.configuration import Configuration
from certwright.site.discovery import source_opener
from certwright.store.discovery_rows import DiscoveryRunRow, SightingRow
from certwright.store.rows import CertificateRow
from tests.core.stores.made import chain, key_pem, pem
from tests.plugins.discovery.aws import import_certificate, user_who_may
from tests.plugins.discovery.cluster import INGRESSES, TOKEN, Cluster, kubeconfig, served
from tests.real import moto as real_aws
from tests.real.databases import Database
from tests.real.moto import Moto
from tests.real.pki import MovableClock, Secrets, opened

OPERATOR = Actor("user:op", (Grant(Role.OPERATOR),))
CHAIN = chain()


@pytest.fixture(scope="module")
def moto() -> Iterator[Moto]:
    with tempfile.TemporaryDirectory() as name, real_aws.served(Path(name)) as server:
        yield server


Far = Callable[[], AbstractAsyncContextManager[DiscoveryOrder]]
"""Something to look at, while it is there, and how."""


def looked(
    database: Database, far: Far
) -> tuple[DiscoveryRunRow, list[SightingRow], list[CertificateRow], str]:
    """A run of a new scope, what is in the inventory then, and all that the database has of it in clear."""

    async def main() -> tuple[DiscoveryRunRow, list[SightingRow], list[CertificateRow], str]:
        clock = MovableClock()
        opener = source_opener(Configuration.load(overrides={"egress": {"allow_loopback": True}}))
        async with opened(database.url, Secrets(), clock) as bare, far() as look:
            context = replace(bare, open_source=opener)
            scope = await save_scope(context, OPERATOR, ScopeOrder("cloud", look, 60))
            row = await run_discovery(context, await run_scope(context, OPERATOR, "cloud"))
            assert run_status(row, clock()) is RunStatus.DONE
            seen = await context.database.select(SightingRow, '1 = 1 ORDER BY "name"')
            known = await context.database.select(CertificateRow, '1 = 1 ORDER BY "subject"')
            tables = await context.database.query('SELECT "body" FROM "audit_event"')
            return row, seen, known, f"{scope} {row} {seen} {tables}"

    return asyncio.run(main())


def secrets_in(text: str, settings: Mapping[str, Any], *names: str) -> list[str]:
    return [name for name in names if settings[name] in text]


def test_an_account_of_aws(database: Database, moto: Moto) -> None:
    moto.forget()
    arn = import_certificate(moto, CHAIN, key_pem(CHAIN.server.key), *CHAIN.ders)
    may = user_who_may(moto, "looks", "acm:*")
    credentials = ("access_key_id", "secret_access_key")
    settings = {name: getattr(may, name) for name in credentials} | {"endpoints": {"*": moto.url}}
    order = DiscoveryOrder("aws", ("eu-central-1",), settings=settings)
    with moto.guarded():
        row, seen, known, text = looked(database, partial(nullcontext, order))
    assert (row.seen, row.problems) == (1, len(REFUSED))
    (sighting,) = seen
    assert (sighting.kind, sighting.host, sighting.name) == ("aws", "eu-central-1/acm", arn)
    assert json.loads(sighting.facts)["type"] == "imported"
    assert "CN=www.example.test" in {one.subject for one in known}
    assert secrets_in(text, settings, *credentials) == []


REFUSED = ("acm-pca", "elb", "elbv2")
"""What its policy does not allow."""


def test_a_cluster(database: Database) -> None:
    cluster = Cluster()
    for name in ("www", "shop"):
        cluster.add_tls(name, pem(*CHAIN.ders), key_pem(CHAIN.server.key))
    cluster.add(INGRESSES, "front", spec={"tls": [{"hosts": ["www.example.test"], "secretName": "www"}]})
    cluster.denied.add("configmaps")

    @asynccontextmanager
    async def far() -> AsyncIterator[DiscoveryOrder]:
        async with served(cluster.behave) as port:
            settings = {"kubeconfig": kubeconfig(port), "page": 1}
            yield DiscoveryOrder("kubernetes", ("*",), settings=settings)

    row, seen, known, text = looked(database, far)
    assert (row.seen, row.problems) == (2, 1)
    assert [one.name for one in seen] == [f"payments/secrets/{name}#tls.crt" for name in ("shop", "www")]
    assert json.loads(seen[1].facts)["serves"][0]["names"] == ["www.example.test"]
    assert "CN=www.example.test" in {one.subject for one in known}
    assert TOKEN not in text
