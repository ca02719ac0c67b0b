"""Orders over HTTP: the way to a certificate, and every refusal on it (RFC 8555 section 7.4)."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from cryptography import x509

from certwright.operations.context import Context
from certwright.store.enrolment import load_order
from certwright.store.ledger import Change
from certwright.store.rows import AuditEventRow
from tests.protocols.acme.raw_client import RawClient
from tests.protocols.acme.served import ZONE, Acme, make_csr


def names_of(certificate: x509.Certificate) -> list[str]:
    values = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    return [str(name.value) for name in values]


def moment(text: str) -> datetime:
    assert text.endswith("Z")
    return datetime.fromisoformat(text)


# -- the way to a certificate ------------------------------------------------------------------------


def test_the_whole_way(acme: Acme, client: RawClient) -> None:
    names = (acme.name(), acme.name().upper(), f"*.{acme.name()}")
    reply = client.order(*names)
    order, url = reply.json, reply.headers["location"]
    assert (reply.status, order["status"], order["profile"]) == (201, "pending", "tls-server")
    assert order["identifiers"] == [{"type": "dns", "value": name.lower()} for name in names]
    assert timedelta(days=6) < moment(order["expires"]) - datetime.now(UTC) < timedelta(days=8)
    assert len(order["authorizations"]) == 3
    assert not {"certificate", "error", "notBefore", "notAfter", "replaces"} & order.keys()
    assert client.finalize(order, make_csr(names)).refusal == (403, "orderNotReady")

    acme.prove(client, order)
    assert client.post(url).json == {**order, "status": "ready"}
    reply = client.finalize(order, make_csr(names))
    order = reply.json
    assert (reply.status, order["status"], reply.headers["location"]) == (200, "valid", url)
    assert client.post(url).json == order

    reply = client.post(order["certificate"])
    assert reply.headers["content-type"] == "application/pem-certificate-chain"
    leaf, issuer = x509.load_pem_x509_certificates(reply.content)
    leaf.verify_directly_issued_by(issuer)
    root = x509.load_pem_x509_certificate(acme.home.root.read_bytes())
    issuer.verify_directly_issued_by(root)
    assert names_of(leaf) == [name.lower() for name in names]
    assert client.finalize(order, make_csr(names)).refusal == (403, "orderNotReady")


def test_a_name_and_its_wildcard_are_proved_apart(acme: Acme, client: RawClient) -> None:
    name = acme.name()
    order = client.order(name, f"*.{name}").json
    base, wild = (client.post(url).json for url in order["authorizations"])
    assert base["identifier"] == wild["identifier"] == {"type": "dns", "value": name}
    assert "wildcard" not in base
    assert wild["wildcard"] is True
    assert [one["type"] for one in base["challenges"]] == ["http-01", "dns-01", "tls-alpn-01"]
    assert [one["type"] for one in wild["challenges"]] == ["dns-01"]
    _, chain = acme.issue(client, name, f"*.{name}")
    assert names_of(chain[0]) == [name, f"*.{name}"]


@pytest.mark.parametrize("address", ["192.0.2.1", "2001:DB8::0001"])
def test_addresses_are_not_proved_in_the_dns(client: RawClient, address: str) -> None:
    order = client.order(address).json
    authorization = client.post(order["authorizations"][0]).json
    assert authorization["identifier"] == {"type": "ip", "value": address.lower().replace("0001", "1")}
    assert [one["type"] for one in authorization["challenges"]] == ["http-01", "tls-alpn-01"]


def test_names_said_twice_count_once(acme: Acme, client: RawClient) -> None:
    name = acme.name()
    order = client.order(name, name.upper(), name).json
    assert [one["value"] for one in order["identifiers"]] == [name]
    assert len(order["authorizations"]) == 1


@pytest.mark.parametrize(
    "accept", ["application/pem-certificate-chain", "application/json", "text/html, */*"]
)
def test_the_chain_is_pem_whatever_is_accepted(acme: Acme, client: RawClient, accept: str) -> None:
    order, _ = acme.issue(client, acme.name())
    url = order["certificate"]
    headers = {"content-type": "application/jose+json", "accept": accept}
    reply = client.send("POST", url, client.signed(url, None), headers)
    assert reply.headers["content-type"] == "application/pem-certificate-chain"
    assert reply.content.startswith(b"-----BEGIN CERTIFICATE-----\n")
    assert "alternate" not in reply.links
    assert client.post(f"{url}/0").content == reply.content
    assert client.post(f"{url}/1").refusal == (403, "unauthorized")


def test_what_is_read_has_no_payload(acme: Acme, client: RawClient) -> None:
    order, _ = acme.issue(client, acme.name())
    for url in (order["url"], order["certificate"], client.post(client.kid).json["orders"]):
        assert client.post(url, {}).refusal == (400, "malformed")


def test_what_is_another_accounts(acme: Acme, client: RawClient) -> None:
    other = acme.registered()
    order, chain = acme.issue(client, acme.name())
    authorization = order["authorizations"][0]
    challenge = client.post(authorization).json["challenges"][0]["url"]
    for url in (order["url"], order["certificate"], authorization, challenge):
        assert other.post(url).refusal == (403, "unauthorized")
    csr = make_csr((names_of(chain[0])[0],))
    assert other.finalize(order, csr).refusal == (403, "unauthorized")
    assert other.post(challenge, {}).refusal == (403, "unauthorized")
    assert other.post(authorization, {"status": "deactivated"}).refusal == (403, "unauthorized")


# -- profiles and dates ------------------------------------------------------------------------------


def test_a_profile_is_chosen(acme: Acme, client: RawClient) -> None:
    order, chain = acme.issue(client, acme.name(), profile="tls-server-client")
    assert order["profile"] == "tls-server-client"
    purposes = chain[0].extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    assert x509.ExtendedKeyUsageOID.CLIENT_AUTH in purposes


@pytest.mark.parametrize("profile", ["tls-client", "nothing", "x" * 64])
def test_profiles_that_are_not_offered(acme: Acme, client: RawClient, profile: str) -> None:
    reply = client.order(acme.name(), profile=profile)
    assert reply.refusal == (400, "invalidProfile")
    assert "tls-server-client" in reply.json["detail"]


def test_a_profile_that_is_offered_no_more(acme: Acme) -> None:
    endpoint = acme.endpoint("changing", profiles=("tls-server", "tls-server-client"))
    client = acme.registered(endpoint)
    name = acme.name()
    order = acme.ready(client, name, profile="tls-server-client")
    acme.endpoint(endpoint, profiles=("tls-server",))
    assert client.finalize(order, make_csr((name,))).refusal == (400, "invalidProfile")


def test_the_end_of_validity_is_the_one_ordered(acme: Acme, client: RawClient) -> None:
    end = (datetime.now(UTC) + timedelta(days=3)).replace(microsecond=0)
    order, chain = acme.issue(client, acme.name(), notAfter=end.isoformat())
    assert chain[0].not_valid_after_utc == end
    assert moment(order["notAfter"]) == end


@pytest.mark.parametrize("days", [-1, 0, 500, 365 * 30])
def test_ends_that_cannot_be(acme: Acme, client: RawClient, days: int) -> None:
    end = datetime.now(UTC) + timedelta(days=days)
    assert client.order(acme.name(), notAfter=end.isoformat()).refusal == (400, "malformed")


def test_the_beginning_is_not_for_the_client_to_say(acme: Acme, client: RawClient) -> None:
    begin = datetime.now(UTC) + timedelta(days=1)
    assert client.order(acme.name(), notBefore=begin.isoformat()).refusal == (400, "malformed")


@pytest.mark.parametrize("text", ["tomorrow", "2030-01-01", "2030-02-30T00:00:00Z", 7])
def test_dates_that_are_none(acme: Acme, client: RawClient, text: object) -> None:
    assert client.order(acme.name(), notAfter=text).refusal == (400, "malformed")


# -- refusals of an order ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "payload",
    [
        {},
        {"identifiers": []},
        {"identifiers": {}},
        {"identifiers": ["example.org"]},
        {"identifiers": [{"type": "dns"}]},
        {"identifiers": [{"type": "dns", "value": ""}]},
        {"identifiers": [{"type": "dns", "value": "x" * 2000}]},
        {"identifiers": [{"type": "dns", "value": "a..b"}]},
        {"identifiers": [{"type": "dns", "value": "a\x00.example.org"}]},
        {"identifiers": [{"type": "dns", "value": "bücher.example"}]},
        {"identifiers": [{"type": "dns", "value": "xn--a.example"}]},
        {"identifiers": [{"type": "dns", "value": "192.0.2.1"}]},
        {"identifiers": [{"type": "dns", "value": "a.*.example.org"}]},
        {"identifiers": [{"type": "ip", "value": "192.0.2.256"}]},
        {"identifiers": [{"type": "ip", "value": "fe80::1%eth0"}]},
        {"identifiers": [{"type": "dns", "value": f"n{n}.example.org"} for n in range(101)]},
    ],
)
def test_orders_that_cannot_be_read(client: RawClient, payload: dict[str, Any]) -> None:
    assert client.post(client.directory["newOrder"], payload).refusal == (400, "malformed")


def test_a_hundred_names(client: RawClient) -> None:
    reply = client.order(*(f"n{number}.{ZONE}" for number in range(100)))
    assert (reply.status, len(reply.json["authorizations"])) == (201, 100)


def test_pre_authorization_is_not_offered(acme: Acme, client: RawClient) -> None:
    assert "newAuthz" not in client.directory
    url = f"{acme.site.directory.removesuffix('directory')}new-authz"
    payload = {"identifier": {"type": "dns", "value": acme.name()}}
    assert client.post(url, payload).refusal == (404, "malformed")


def test_kinds_of_names_that_are_not_taken(client: RawClient) -> None:
    identifiers = [{"type": "email", "value": "a@example.org"}, {"type": "dns", "value": "a..b"}]
    reply = client.post(client.directory["newOrder"], {"identifiers": identifiers[:1]})
    assert reply.refusal == (400, "unsupportedIdentifier")
    reply = client.post(client.directory["newOrder"], {"identifiers": identifiers})
    assert reply.refusal == (400, "compound")
    kinds = [part["type"].rpartition(":")[2] for part in reply.json["subproblems"]]
    assert kinds == ["unsupportedIdentifier", "malformed"]


def test_a_policy_that_refuses_names(acme: Acme) -> None:
    policy = {"names": {"allow": {"dns": [f".{ZONE}"]}, "deny": {"dns": [f"secret.{ZONE}"]}}}
    client = acme.registered(acme.endpoint("narrow", policy=policy))
    good = acme.name()
    reply = client.order(good, f"secret.{ZONE}", "elsewhere.example", "192.0.2.1")
    assert reply.refusal == (403, "rejectedIdentifier")
    parts = reply.json["subproblems"]
    assert [part["identifier"] for part in parts] == [
        {"type": "dns", "value": f"secret.{ZONE}"},
        {"type": "dns", "value": "elsewhere.example"},
        {"type": "ip", "value": "192.0.2.1"},
    ]
    assert {part["type"].rpartition(":")[2] for part in parts} == {"rejectedIdentifier"}
    assert "[policy.name.denied]" in parts[0]["detail"]
    assert client.order(f"secret.{ZONE}").refusal == (403, "rejectedIdentifier")
    assert client.order(good).status == 201


def test_wildcards_that_are_not_issued(acme: Acme) -> None:
    client = acme.registered(acme.endpoint("tame", policy={"names": {"wildcards": False}}))
    assert client.order(f"*.{acme.name()}").refusal == (403, "rejectedIdentifier")


def test_names_that_no_challenge_can_prove(acme: Acme) -> None:
    client = acme.registered(acme.endpoint("web-only", {"challenges": ["http-01"]}))
    assert client.order(f"*.{acme.name()}").refusal == (403, "rejectedIdentifier")
    authorization = client.post(client.order(acme.name()).json["authorizations"][0]).json
    assert [one["type"] for one in authorization["challenges"]] == ["http-01"]


def test_what_was_refused_is_in_the_audit(acme: Acme) -> None:
    client = acme.registered(acme.endpoint("audited", policy={"names": {"allow": {"dns": [f".{ZONE}"]}}}))
    assert client.order("elsewhere.example").status == 403
    name = acme.name()
    order = acme.ready(client, name)
    assert client.finalize(order, make_csr((acme.name(),))).refusal == (400, "badCSR")

    async def subjects(context: Context) -> list[str]:
        rows = await context.database.select(
            AuditEventRow, '"kind" = ? ORDER BY "number"', "certificate.refused"
        )
        return [row.subject for row in rows if row.actor == f"acme:{client.kid.rpartition('/')[2]}"]

    assert acme.home.run(subjects) == ["acme-order:new", f"acme-order:{order['url'].rpartition('/')[2]}"]


# -- reuse, deactivation, lists ----------------------------------------------------------------------


def test_an_authorization_is_used_again(acme: Acme, client: RawClient) -> None:
    name, other = acme.name(), acme.registered()
    first = acme.ready(client, name)
    second = client.order(name).json
    assert second["status"] == "ready"
    assert second["authorizations"] == first["authorizations"]
    assert client.finalize(second, make_csr((name,))).json["status"] == "valid"
    assert client.order(f"*.{name}").json["status"] == "pending"
    assert other.order(name).json["status"] == "pending"


def test_pending_authorizations_are_not_used_again(acme: Acme, client: RawClient) -> None:
    name = acme.name()
    assert client.order(name).json["authorizations"] != client.order(name).json["authorizations"]


def test_an_authorization_is_given_up(acme: Acme, client: RawClient) -> None:
    name = acme.name()
    order = acme.ready(client, name)
    url = order["authorizations"][0]
    assert client.post(url, {"status": "revoked"}).refusal == (400, "malformed")
    reply = client.post(url, {"status": "deactivated"})
    assert (reply.status, reply.json["status"]) == (200, "deactivated")
    assert client.post(url, {"status": "deactivated"}).refusal == (409, "malformed")
    assert client.post(order["url"]).json["status"] == "invalid"
    assert client.finalize(order, make_csr((name,))).refusal == (403, "orderNotReady")
    assert client.order(name).json["status"] == "pending"


def test_a_pending_authorization_is_given_up(acme: Acme, client: RawClient) -> None:
    order = client.order(acme.name()).json
    url = order["authorizations"][0]
    challenge = client.challenge(url, "dns-01")
    assert client.post(url, {"status": "deactivated"}).json["status"] == "deactivated"
    assert client.post(challenge["url"], {}).refusal == (400, "malformed")


def test_the_list_of_orders(acme: Acme, client: RawClient) -> None:
    names = [acme.name() for _ in range(53)]
    placed = [client.order(name) for name in names]
    urls = [reply.headers["location"] for reply in placed]
    given_up = placed[1].json["authorizations"][0]
    client.post(given_up, {"status": "deactivated"})
    first = client.post(client.post(client.kid).json["orders"])
    assert first.json["orders"] == [url for url in urls[:50] if url != urls[1]]
    second = client.post(first.links["next"])
    assert second.json["orders"] == urls[50:]
    assert "next" not in second.links


def test_an_empty_list_of_orders(client: RawClient) -> None:
    url = client.post(client.kid).json["orders"]
    for query in ("", "?after=9999999999", "?after=999999999999999999999", "?after=x", "?after=-1", "?"):
        reply = client.post(url + query)
        if query == "?":
            assert reply.refusal == (403, "unauthorized")
        else:
            assert reply.json == {"orders": []}


# -- time --------------------------------------------------------------------------------------------


async def _run_out(context: Context, order: int) -> None:
    """Let an order have expired a second ago, and its authorizations with it."""
    found = await load_order(context.database, order)
    past = context.clock() - timedelta(seconds=1)
    rows = [found.row, *(one.row for one in found.authorizations)]
    change = Change(replaced=[(row, row._replace(expires_at=past)) for row in rows])
    await context.ledger.commit(change)


def test_an_order_that_has_run_out(acme: Acme, client: RawClient) -> None:
    name = acme.name()
    reply = client.order(name)
    url, authorization = reply.headers["location"], reply.json["authorizations"][0]
    challenge = client.challenge(authorization, "dns-01")
    acme.home.run(lambda context: _run_out(context, int(url.rpartition("/")[2])))
    assert client.post(url).json["status"] == "invalid"
    assert client.post(authorization).json["status"] == "expired"
    assert client.post(challenge["url"], {}).refusal == (400, "malformed")
    assert client.finalize(reply.json, make_csr((name,))).refusal == (403, "orderNotReady")
    assert client.post(client.post(client.kid).json["orders"]).json == {"orders": []}


def test_a_ready_order_that_has_run_out(acme: Acme, client: RawClient) -> None:
    """What was proved stays proved, and a new order has it."""
    name = acme.name()
    order = acme.ready(client, name)

    async def run_out(context: Context) -> None:
        found = await load_order(context.database, int(order["url"].rpartition("/")[2]))
        past = found.row._replace(expires_at=context.clock() - timedelta(seconds=1))
        await context.ledger.commit(Change(replaced=[(found.row, past)]))

    acme.home.run(run_out)
    assert client.finalize(order, make_csr((name,))).refusal == (403, "orderNotReady")
    assert client.order(name).json["status"] == "ready"


def test_an_authorization_that_ends_before_the_next_order(acme: Acme, client: RawClient) -> None:
    """It must last as long as the order may stay open, or it is not used again."""
    name = acme.name()
    order = acme.ready(client, name)

    async def shorten(context: Context) -> None:
        found = await load_order(context.database, int(order["url"].rpartition("/")[2]))
        row = found.authorizations[0].row
        soon = row._replace(valid_until=context.clock() + timedelta(days=1))
        await context.ledger.commit(Change(replaced=[(row, soon)]))

    acme.home.run(shorten)
    assert client.order(name).json["status"] == "pending"


# -- settings that change ----------------------------------------------------------------------------


def test_a_way_to_prove_names_that_is_not_offered_any_more(acme: Acme) -> None:
    endpoint = acme.endpoint("withdrawn")
    client, proved, pending = acme.registered(endpoint), acme.name(), acme.name()
    order, late = acme.ready(client, proved), client.order(pending).json
    challenge = acme.publish(client, late["authorizations"][0])["url"]
    acme.endpoint(endpoint, {"challenges": ["http-01"]})
    reply = client.finalize(order, make_csr((proved,)))
    assert reply.refusal == (403, "unauthorized")
    assert "was proved by dns-01, which is not offered here any more" in reply.json["detail"]
    assert client.post(challenge, {}).refusal == (400, "malformed")
    assert client.post(late["authorizations"][0]).json["status"] == "pending"
    again = client.order(proved).json
    assert again["status"] == "pending"
    assert [one["type"] for one in client.post(again["authorizations"][0]).json["challenges"]] == ["http-01"]
    acme.endpoint(endpoint)
    assert client.finalize(order, make_csr((proved,))).json["status"] == "valid"


def test_a_slow_request_does_not_keep_old_settings_alive(acme: Acme) -> None:
    """One that has begun before a change, and whose body comes after it."""
    endpoint, other = acme.endpoint("slowly"), acme.endpoint("slowly-too")
    client = acme.registered(endpoint)
    body = client.signed(client.directory["newOrder"], {"identifiers": []})

    def slowly() -> Iterator[bytes]:
        yield body[:10]
        acme.home.endpoint(endpoint, {"terms_of_service": "https://new.example/"})
        acme.endpoint(other)  # when this change is served, so is the one before it
        yield body[10:]

    headers = {"content-type": "application/jose+json"}
    answer = client.http.post(client.directory["newOrder"], content=slowly(), headers=headers)
    assert answer.status_code == 400
    assert client.get(client.directory_url).json["meta"]["termsOfService"] == "https://new.example/"
