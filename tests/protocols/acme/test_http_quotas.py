"""How many accounts and orders an hour (RFC 8555 section 6.6), and accounts that are revoked."""

from typing import Any

import httpx

from certwright.core.errors import CertwrightError
from certwright.operations.context import Context
from certwright.operations.manage_acme_accounts import list_accounts, revoke_account
from tests.protocols.acme.raw_client import RawClient, Reply
from tests.protocols.acme.served import Acme, make_csr
from tests.protocols.acme.test_http_accounts import account_key
from tests.real.certwright import ADMINISTRATOR


def limited(reply: Reply) -> int:
    """It is refused so, and when to come again."""
    assert reply.refusal == (429, "rateLimited"), reply.content
    seconds = int(reply.headers["retry-after"])
    assert 0 < seconds <= 3600
    return seconds


def comes_from(client: RawClient, address: str) -> RawClient:
    client.http.close()
    transport = httpx.HTTPTransport(verify=client.trust, local_address=address)
    client.http = httpx.Client(transport=transport, timeout=30)
    return client


def new_account(client: RawClient, **payload: Any) -> Reply:
    return client.post(client.directory["newAccount"], payload)


def test_new_accounts(acme: Acme) -> None:
    endpoint = acme.endpoint("few-accounts", {"new_accounts_per_hour": 2})
    first = acme.registered(endpoint)
    acme.registered(endpoint)
    stranger = acme.client(endpoint)
    assert limited(new_account(stranger)) > 1700
    assert acme.home.run(lambda context: accounts(context, endpoint)) == 2
    assert new_account(acme.client(endpoint, first.key)).status == 200
    assert new_account(stranger, onlyReturnExisting=True).refusal == (400, "accountDoesNotExist")
    bound = stranger.binding("few-1", account_key(acme, endpoint, "few-1"))
    assert new_account(stranger, externalAccountBinding=bound).status == 201
    limited(new_account(acme.client(endpoint)))
    assert new_account(comes_from(acme.client(endpoint), "127.0.0.9")).status == 201


async def accounts(context: Context, endpoint: str) -> int:
    rows = await list_accounts(context.database, context.snapshot, ADMINISTRATOR, endpoint, 100)
    return len(rows)


def test_new_orders(acme: Acme) -> None:
    """Accounts without a binding share what their network may, one with a binding has its own."""
    endpoint = acme.endpoint("few-orders", {"new_orders_per_hour": 3})
    one, other = acme.registered(endpoint), acme.registered(endpoint)
    begun = one.order(acme.name())
    assert [begun.status, other.order(acme.name()).status, one.order("x_.y!").status] == [201, 201, 400]
    limited(one.order(acme.name()))
    limited(other.order(acme.name()))
    assert one.post(begun.headers["location"]).json["status"] == "pending"
    bound = acme.client(endpoint)
    binding = bound.binding("few-2", account_key(acme, endpoint, "few-2"))
    bound.register(externalAccountBinding=binding)
    assert [bound.order(acme.name()).status for _ in range(4)] == [201, 201, 201, 429]
    acme.endpoint(endpoint, {"new_orders_per_hour": 0})
    assert [one.order(acme.name()).status for _ in range(5)] == [201] * 5


def test_what_was_limited_is_not_taken_when_sent_again(acme: Acme) -> None:
    endpoint = acme.endpoint("few-again", {"new_orders_per_hour": 1})
    client = acme.registered(endpoint)
    client.order(acme.name())
    url = client.directory["newOrder"]
    body = client.signed(url, {"identifiers": [{"type": "dns", "value": acme.name()}]})
    limited(client.post_body(url, body))
    acme.endpoint(endpoint, {"new_orders_per_hour": 0})
    assert client.post_body(url, body).refusal == (400, "badNonce")
    assert client.order(acme.name()).status == 201


# -- revoked accounts --------------------------------------------------------------------------------


def revoked(acme: Acme, client: RawClient, endpoint: str = "default") -> str:
    """Revoke its account; why not, if not."""

    async def act(context: Context) -> str:
        try:
            await revoke_account(context, ADMINISTRATOR, endpoint, client.kid.rpartition("/")[2])
        except CertwrightError as error:
            return error.detail
        return ""

    return acme.home.run(act)


def test_a_revoked_account_may_nothing(acme: Acme) -> None:
    client, name = acme.registered(), acme.name()
    order = acme.ready(client, name)
    assert "no such account" in revoked(acme, client, acme.endpoint("elsewhere"))
    assert revoked(acme, client) == ""
    again = new_account(acme.client(key=client.key))
    assert again.json["detail"] == "the account is revoked"
    for reply in (
        again,
        client.post(client.kid),
        client.order(acme.name()),
        client.finalize(order, make_csr((name,))),
    ):
        assert reply.refusal == (401, "unauthorized")
    assert revoked(acme, client).endswith("is revoked already")


def test_a_deactivated_account_is_not_revoked(acme: Acme) -> None:
    client = acme.registered()
    client.post(client.kid, {"status": "deactivated"})
    assert revoked(acme, client).endswith("is deactivated already")
