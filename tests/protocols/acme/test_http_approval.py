"""Orders that wait for approval (RFC 8555 section 7.4): processing, then valid or invalid."""

import json
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

from certwright.core.access import Actor, Grant, Role
from certwright.core.rules_toml import rules_from_toml
from certwright.operations.context import Context
from certwright.operations.decide_request import approve_request, reject_request
from certwright.operations.expire_requests import expire_requests
from certwright.operations.save_policy import save_policy
from certwright.site.wiring import now
from certwright.store.people_rows import CertificateRequestRow
from certwright.store.rows import AcmeOrderRow
from tests.protocols.acme.raw_client import RawClient
from tests.protocols.acme.served import ZONE, Acme, make_csr
from tests.real.certwright import ADMINISTRATOR

OFFICER = Actor("user:olga", (Grant(Role.RA_OFFICER),), "", "olga")
RULES = f"""
[[rule]]
name = "pay"
when.names.dns = [".pay.{ZONE}"]
approval = [{{ step = "pki", from = ["role:ra-officer"] }}]

[[rule]]
name = "no-shop"
when.names.dns = [".shop.{ZONE}"]
limits.names.deny.dns = [".shop.{ZONE}"]

[[rule]]
name = "no-bank"
when.names.dns = [".bank.{ZONE}"]
refuse = "Banks are not for machines."
"""


@pytest.fixture(scope="module", autouse=True)
def rules(acme: Acme) -> Iterator[None]:
    """Served from when a directory that was made after them is."""

    async def save(context: Context) -> None:
        await save_policy(context, ADMINISTRATOR, rules_from_toml(RULES), "")

    acme.home.run(save)
    acme.endpoint("after-the-rules")
    return


def name(acme: Acme, below: str) -> str:
    return acme.name().replace(ZONE, f"{below}.{ZONE}")


def processing(acme: Acme, client: RawClient) -> tuple[dict[str, Any], int]:
    """A finalized order, with its URL, that waits; and the number of its request."""
    wanted = name(acme, "pay")
    order = acme.ready(client, wanted)
    reply = client.finalize(order, make_csr((wanted,)))
    assert (reply.status, reply.json["status"]) == (200, "processing"), reply.content
    assert int(reply.headers["retry-after"]) >= 1
    assert "certificate" not in reply.json
    return order, number_of(acme, order["url"])


def number_of(acme: Acme, url: str) -> int:
    async def look(context: Context) -> int:
        order = int(url.rpartition("/")[2])
        [row] = await context.database.select(CertificateRequestRow, '"acme_order" = ?', order)
        return row.id

    return acme.home.run(look)


def decide(acme: Acme, number: int, *, approve: bool = True) -> None:
    async def act(context: Context) -> None:
        if approve:
            await approve_request(context, OFFICER, number)
        else:
            await reject_request(context, OFFICER, number, "not this one")

    acme.home.run(act)


def test_an_approved_order_becomes_valid(acme: Acme, client: RawClient) -> None:
    order, number = processing(acme, client)
    again = client.finalize(order, make_csr((order["identifiers"][0]["value"],)))
    assert again.refusal == (403, "orderNotReady")
    assert client.post(order["url"]).json["status"] == "processing"
    decide(acme, number)
    found = client.post(order["url"])
    assert found.json["status"] == "valid"
    assert "retry-after" not in found.headers
    chain = client.post(found.json["certificate"])
    assert chain.content.startswith(b"-----BEGIN CERTIFICATE-----")


def test_a_rejected_order_becomes_invalid(acme: Acme, client: RawClient) -> None:
    order, number = processing(acme, client)
    decide(acme, number, approve=False)
    found = client.post(order["url"]).json
    assert found["status"] == "invalid"
    assert found["error"]["type"] == "urn:ietf:params:acme:error:unauthorized"
    assert "not this one" in found["error"]["detail"]


def test_an_order_on_which_nobody_decides_becomes_invalid(acme: Acme, client: RawClient) -> None:
    order, _ = processing(acme, client)

    async def expire(context: Context) -> None:
        await expire_requests(context)

    acme.home.run(expire, lambda: now() + timedelta(days=14))
    found = client.post(order["url"]).json
    assert found["status"] == "invalid"
    assert "nobody decided" in found["error"]["detail"]


def test_an_account_that_is_gone_gets_nothing(acme: Acme, client: RawClient) -> None:
    order, number = processing(acme, client)
    assert client.post(client.kid, {"status": "deactivated"}).status == 200
    decide(acme, number)

    async def look(context: Context) -> AcmeOrderRow:
        identifier = int(order["url"].rpartition("/")[2])
        [row] = await context.database.select(AcmeOrderRow, '"id" = ?', identifier)
        return row

    row = acme.home.run(look)
    assert row.issued_at is None
    assert "deactivated" in json.loads(row.problem)[1]


@pytest.mark.parametrize(
    ("below", "problem", "told"),
    [("shop", "rejectedIdentifier", "policy.rule.name"), ("bank", "unauthorized", "Banks are not")],
)
def test_what_a_rule_refuses(acme: Acme, client: RawClient, below: str, problem: str, told: str) -> None:
    wanted = name(acme, below)
    order = acme.ready(client, wanted)
    reply = client.finalize(order, make_csr((wanted,)))
    assert reply.refusal == (403, problem)
    assert told in reply.json["detail"]
    assert client.post(order["url"]).json["status"] == "ready"
