"""CAA at an endpoint that looks it up: issuer, account, method, wildcard, and again when it is old."""

import json
from datetime import timedelta

import pytest

from certwright.operations.context import Context
from certwright.store.enrolment import load_authorization
from certwright.store.ledger import Change
from tests.protocols.acme.raw_client import RawClient
from tests.protocols.acme.served import ZONE, Acme, make_csr

OURS = "ca.test"
KIND = "urn:ietf:params:acme:error:caa"


@pytest.fixture(scope="module")
def endpoint(acme: Acme) -> str:
    return acme.endpoint("caa", {"check_caa": True, "caa_identities": [OURS]})


@pytest.fixture
def strict(acme: Acme, endpoint: str) -> RawClient:
    """An account at the endpoint that looks at CAA."""
    return acme.registered(endpoint)


def records(acme: Acme, name: str, *values: str) -> None:
    label = name.removesuffix(f".{ZONE}")
    acme.dns.remove(ZONE, label, "CAA")
    if values:
        acme.dns.add(ZONE, label, "CAA", *values)


def error(acme: Acme, client: RawClient, name: str) -> str:
    """The type of error of a challenge whose record is right; empty when it is valid."""
    authorization = client.order(name).json["authorizations"][0]
    client.post(acme.publish(client, authorization)["url"], {})
    found = client.poll(authorization, "pending")
    kind: str = found["challenges"][0].get("error", {}).get("type", "")
    assert (found["status"] == "valid") == (kind == "")
    return kind


def test_the_directory_says_who_we_are(strict: RawClient) -> None:
    assert strict.directory["meta"]["caaIdentities"] == [OURS]


def test_without_records(acme: Acme, strict: RawClient) -> None:
    assert error(acme, strict, acme.name()) == ""


@pytest.mark.parametrize(
    ("value", "allowed"),
    [
        (f'0 issue "{OURS}"', True),
        ('0 issue "other.test"', False),
        ('0 issue ";"', False),
        (f'0 issue "{OURS}; validationmethods=dns-01,http-01"', True),
        (f'0 issue "{OURS}; validationmethods=http-01"', False),
        (f'0 issue "{OURS}; accounturi=https://other.test/1"', False),
        ('0 iodef "mailto:a@example.org"', True),
        ('128 unknown "x"', False),
        ('0 issuewild ";"', True),
    ],
)
def test_records(acme: Acme, strict: RawClient, client: RawClient, value: str, allowed: bool) -> None:
    name = acme.name()
    records(acme, name, value)
    assert error(acme, strict, name) == ("" if allowed else KIND)
    assert error(acme, client, name) == ""


def test_the_parents_records_hold_too(acme: Acme, strict: RawClient) -> None:
    parent = acme.name()
    records(acme, parent, '0 issue "other.test"')
    assert error(acme, strict, f"below.{parent}") == KIND
    records(acme, f"below.{parent}", f'0 issue "{OURS}"')
    assert error(acme, strict, f"below.{parent}") == ""


@pytest.mark.parametrize(("value", "allowed"), [(OURS, True), (";", False), ("other.test", False)])
def test_wildcards(acme: Acme, strict: RawClient, value: str, allowed: bool) -> None:
    name = acme.name()
    records(acme, name, f'0 issue "{OURS}"', f'0 issuewild "{value}"')
    assert error(acme, strict, f"*.{name}") == ("" if allowed else KIND)
    assert error(acme, strict, name) == ""


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "[::1]"])
def test_the_account_under_any_of_our_names(acme: Acme, strict: RawClient, endpoint: str, host: str) -> None:
    name = acme.name()
    records(acme, name, f'0 issue "{OURS}; accounturi={strict.kid.replace("localhost", host)}"')
    assert error(acme, strict, name) == ""
    assert error(acme, acme.registered(endpoint), name) == KIND


async def age(context: Context, authorization: int) -> None:
    """Make an authorization nine hours older."""
    found = await load_authorization(context.database, authorization)
    assert found.row.validated_at
    older = found.row._replace(
        attempted_at=found.row.validated_at - timedelta(hours=10),
        created_at=found.row.created_at - timedelta(hours=10),
        validated_at=found.row.validated_at - timedelta(hours=9),
    )
    await context.ledger.commit(Change(replaced=[(found.row, older)]))


def test_what_was_looked_up_long_ago_is_looked_up_again(acme: Acme, strict: RawClient) -> None:
    name = acme.name()
    order = acme.ready(strict, name)
    records(acme, name, '0 issue "other.test"')
    acme.home.run(lambda context: age(context, int(order["authorizations"][0].rpartition("/")[2])))
    reply = strict.finalize(order, make_csr((name,)))
    assert reply.refusal == (403, "caa")
    assert strict.post(order["url"]).json["status"] == "ready"
    records(acme, name, f'0 issue "{OURS}"')
    assert strict.finalize(order, make_csr((name,))).json["status"] == "valid"


async def _age_first_evidence(context: Context, authorization: int) -> None:
    """As if one perspective had looked nine hours before the last one completed the quorum."""
    found = await load_authorization(context.database, authorization)
    assert found.row.validated_at
    early = (found.row.validated_at - timedelta(hours=9)).isoformat()
    evidence = [["far away", early, "", "[]", json.dumps([OURS])], *json.loads(found.row.evidence)]
    after = found.row._replace(evidence=json.dumps(evidence))
    await context.ledger.commit(Change(replaced=[(found.row, after)]))


def test_the_oldest_look_counts(acme: Acme, strict: RawClient) -> None:
    name = acme.name()
    order = acme.ready(strict, name)
    records(acme, name, '0 issue "other.test"')
    identifier = int(order["authorizations"][0].rpartition("/")[2])
    acme.home.run(lambda context: _age_first_evidence(context, identifier))
    assert strict.finalize(order, make_csr((name,))).refusal == (403, "caa")


def test_what_was_looked_up_just_now_is_not(acme: Acme, strict: RawClient) -> None:
    name = acme.name()
    order = acme.ready(strict, name)
    records(acme, name, '0 issue "other.test"')
    assert strict.finalize(order, make_csr((name,))).json["status"] == "valid"


@pytest.mark.parametrize(
    "before",
    [{}, {"check_caa": True, "caa_identities": ["older.test"]}],
    ids=["not-looked-at", "for-others"],
)
def test_what_was_not_looked_up_for_these_identities_is_looked_up(
    acme: Acme, before: dict[str, object]
) -> None:
    """CAA is switched on, or its identities change, after the names were proved."""
    endpoint = acme.endpoint(f"later-{len(before)}", before)
    client, name = acme.registered(endpoint), acme.name()
    records(acme, name, '0 issue "older.test"')
    order = acme.ready(client, name)
    acme.endpoint(endpoint, {"check_caa": True, "caa_identities": [OURS]})
    assert client.finalize(order, make_csr((name,))).refusal == (403, "caa")
    again = client.order(name).json
    assert again["status"] == "ready"
    assert client.finalize(again, make_csr((name,))).refusal == (403, "caa")
    records(acme, name, f'0 issue "{OURS}"')
    assert client.finalize(again, make_csr((name,))).json["status"] == "valid"
    acme.endpoint(endpoint)
    assert client.finalize(order, make_csr((name,))).json["status"] == "valid"
