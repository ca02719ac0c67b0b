"""When the store cannot be reached, or holds what cannot be: what the client hears, and what is left."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from certwright.operations.context import Context
from certwright.store.enrolment import load_order
from certwright.store.ledger import Change
from certwright.store.rows import AcmeOrderRow
from tests.protocols.acme.raw_client import RawClient
from tests.protocols.acme.served import Acme, make_csr, until
from tests.real.certwright import Home


@contextmanager
def nobody_else_may_write(home: Home) -> Iterator[None]:
    """Hold the database's lock, as a backup gone wrong would."""
    connection = sqlite3.connect(
        home.database_url.removeprefix("sqlite:///"), isolation_level=None, timeout=30
    )
    try:
        connection.execute("BEGIN IMMEDIATE")
        yield
    finally:
        connection.rollback()
        connection.close()


@pytest.fixture
def sqlite(acme: Acme) -> None:
    if not acme.home.database_url.startswith("sqlite"):
        pytest.skip("the lock of a SQLite file")


@pytest.mark.usefixtures("sqlite")
def test_a_database_that_cannot_be_written(acme: Acme, client: RawClient) -> None:
    name = acme.name()
    ready = acme.ready(client, name)
    with nobody_else_may_write(acme.home):
        for reply in (client.order(acme.name()), client.finalize(ready, make_csr((name,)))):
            assert reply.refusal == (503, "serverInternal")
            assert int(reply.headers["retry-after"]) > 0
            assert reply.headers["replay-nonce"]
        assert client.post(ready["url"]).json["status"] == "ready"
    assert client.finalize(ready, make_csr((name,))).json["status"] == "valid"
    assert client.post(client.post(client.kid).json["orders"]).json["orders"] == [ready["url"]]


def test_facts_that_contradict_each_other(acme: Acme, client: RawClient) -> None:
    """The client learns that it is our fault and not what it is; the log has it."""
    order = client.order(acme.name()).headers["location"]

    async def spoil(context: Context) -> None:
        row = (await load_order(context.database, int(order.rpartition("/")[2]))).row
        await context.ledger.commit(Change(replaced=[(row, row._replace(authorizations="[1]"))]))

    acme.home.run(spoil)
    reply = client.post(order)
    assert reply.refusal == (500, "serverInternal")
    assert reply.headers["replay-nonce"]
    until(lambda: "authorization 1 of an order is missing" in acme.site.server.output)
    assert client.post(client.kid).status == 200


def test_what_nobody_foresaw(acme: Acme, client: RawClient) -> None:
    order = client.order(acme.name()).headers["location"]

    async def spoil(context: Context) -> None:
        row = (await load_order(context.database, int(order.rpartition("/")[2]))).row
        assert isinstance(row, AcmeOrderRow)
        await context.ledger.commit(Change(replaced=[(row, row._replace(identifiers="secret"))]))

    acme.home.run(spoil)
    reply = client.post(order)
    assert reply.refusal == (500, "serverInternal")
    assert "secret" not in reply.content.decode()
    assert "JSON" not in reply.content.decode()
    until(lambda: "JSONDecodeError" in acme.site.server.output)
