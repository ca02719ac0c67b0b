"""Challenges over HTTP, checked for real: http-01, dns-01, tls-alpn-01 (RFC 8555 section 8, 8737, 8738)."""

import asyncio
import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from cryptography import x509

from certwright.operations.context import Context
from certwright.site.wiring import validations
from certwright.store.enrolment import load_authorization
from tests.protocols.acme.raw_client import RawClient
from tests.protocols.acme.responders import Web, challenge_certificate, tls_server, web_server
from tests.protocols.acme.served import Acme, make_csr, until
from tests.site.running import command_line, descendants


@pytest.fixture
def web(acme: Acme) -> Iterator[Web]:
    with web_server(acme.address) as server:
        yield server


def ready(acme: Acme) -> bool:
    try:
        return acme.site.get("https", "/readyz").status_code == 200
    except httpx.TransportError:
        return False


def placed(client: RawClient, name: str, kind: str) -> tuple[str, str, dict[str, str]]:
    """An order's URL, its authorization's, and the challenge."""
    reply = client.order(name)
    authorization = reply.json["authorizations"][0]
    return reply.headers["location"], authorization, client.challenge(authorization, kind)


def failed(client: RawClient, order: str, authorization: str, challenge: dict[str, str]) -> dict[str, Any]:
    """The error of a challenge that fails, and with it authorization and order."""
    client.post(challenge["url"], {})
    found = client.poll(authorization, "pending")
    assert found["status"] == "invalid"
    assert client.post(order).json["status"] == "invalid"
    (shown,) = found["challenges"]
    assert (shown["type"], shown["status"]) == (challenge["type"], "invalid")
    error: dict[str, Any] = client.post(challenge["url"]).json["error"]
    assert shown["error"] == error
    assert client.post(challenge["url"], {}).refusal == (400, "malformed")
    return error


def issued(client: RawClient, order: str, name: str) -> x509.Certificate:
    """Finalize what is ready."""
    reply = client.finalize(client.post(order).json, make_csr((name,)))
    chain = client.post(reply.json["certificate"]).content
    return x509.load_pem_x509_certificates(chain)[0]


# -- http-01 -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["name", "address"])
def test_http_01(acme: Acme, client: RawClient, web: Web, kind: str) -> None:
    name = acme.name() if kind == "name" else acme.address
    order, authorization, challenge = placed(client, name, "http-01")
    web.pages[challenge["token"]] = client.key_authorization(challenge["token"]) + "\n"
    reply = client.post(challenge["url"], {})
    assert reply.links["up"] == authorization
    found = client.poll(authorization, "pending")
    assert found["status"] == "valid"
    (shown,) = found["challenges"]
    assert (shown["type"], shown["status"]) == ("http-01", "valid")
    assert shown["validated"].endswith("Z")
    assert web.asked == [challenge["token"]]
    names = issued(client, order, name).extensions.get_extension_for_class(x509.SubjectAlternativeName)
    assert [str(one.value) for one in names.value] == [name]


@pytest.mark.parametrize("page", ["", "something else", "{token}.wrong"])
def test_http_01_with_another_answer(acme: Acme, client: RawClient, web: Web, page: str) -> None:
    order, authorization, challenge = placed(client, acme.name(), "http-01")
    web.pages[challenge["token"]] = page.replace("{token}", challenge["token"])
    error = failed(client, order, authorization, challenge)
    assert error["type"] == "urn:ietf:params:acme:error:incorrectResponse"


def test_http_01_where_nobody_answers(acme: Acme, client: RawClient) -> None:
    error = failed(client, *placed(client, acme.name(), "http-01"))
    assert error["type"] == "urn:ietf:params:acme:error:connection"
    assert "5002" in error["detail"]


def test_a_challenge_that_is_being_checked(acme: Acme, client: RawClient, web: Web) -> None:
    order, authorization, challenge = placed(client, acme.name(), "http-01")
    other = client.challenge(authorization, "dns-01")
    web.pages[challenge["token"]] = client.key_authorization(challenge["token"])
    web.open.clear()
    reply = client.post(challenge["url"], {})
    assert (reply.status, reply.json["status"]) == (200, "processing")
    assert int(reply.headers["retry-after"]) > 0
    reply = client.post(authorization)
    assert reply.json["status"] == "pending"
    assert int(reply.headers["retry-after"]) > 0
    assert [one["status"] for one in reply.json["challenges"]] == ["processing", "pending", "pending"]
    assert client.post(challenge["url"], {}).json["status"] == "processing"
    assert client.post(other["url"], {}).refusal == (400, "malformed")
    assert client.post(order).json["status"] == "pending"
    web.open.set()
    assert client.poll(authorization, "pending")["status"] == "valid"
    assert web.asked == [challenge["token"]]
    reply = client.post(challenge["url"], {})
    assert (reply.status, reply.json["status"]) == (200, "valid")


def test_a_response_is_an_object(acme: Acme, client: RawClient) -> None:
    _, authorization, challenge = placed(client, acme.name(), "http-01")
    for payload in (b"x", b"[]", b'"y"', b"{"):
        assert client.post(challenge["url"], payload).refusal == (400, "malformed")
    assert client.post(authorization).json["status"] == "pending"
    base = challenge["url"].rpartition("/")[0]
    for kind in ("dns-account-01", "nothing"):
        assert client.post(f"{base}/{kind}", {}).refusal == (404, "malformed")


def test_a_check_that_was_lost_with_its_process(acme: Acme, client: RawClient, web: Web) -> None:
    _, authorization, challenge = placed(client, acme.name(), "http-01")
    web.pages[challenge["token"]] = client.key_authorization(challenge["token"])
    web.open.clear()
    client.post(challenge["url"], {})
    until(lambda: bool(web.asked))
    serving = [pid for pid in descendants(acme.site.pid) if "certwright.site.serve" in command_line(pid)]
    for pid in serving:
        os.kill(pid, signal.SIGKILL)
    web.open.set()
    until(lambda: ready(acme))
    client.http.close()
    again = acme.client(key=client.key)
    again.kid = client.kid
    assert again.post(authorization).json["status"] == "pending"

    async def sweep(context: Context) -> None:
        checks = validations(acme.home.configuration, context, lambda error: None)
        assert await checks.sweep(context.clock()) >= 1
        for _ in range(200):
            if (await load_authorization(context.database, identifier)).facts.validated_at:
                return
            await asyncio.sleep(0.05)

    identifier = int(authorization.rpartition("/")[2])
    acme.home.run(sweep)
    assert again.post(authorization).json["status"] == "valid"


# -- dns-01 ------------------------------------------------------------------------------------------


def test_dns_01_without_a_record(acme: Acme, client: RawClient) -> None:
    error = failed(client, *placed(client, f"*.{acme.name()}", "dns-01"))
    assert error["type"] == "urn:ietf:params:acme:error:dns"


def test_dns_01_with_another_record(acme: Acme, client: RawClient) -> None:
    name = acme.name()
    acme.dns.add("acme.test", f"_acme-challenge.{name.partition('.')[0]}", "TXT", "something")
    error = failed(client, *placed(client, name, "dns-01"))
    assert error["type"] == "urn:ietf:params:acme:error:incorrectResponse"


def test_dns_01_among_other_records(acme: Acme, client: RawClient) -> None:
    name = acme.name()
    acme.dns.add("acme.test", f"_acme-challenge.{name.partition('.')[0]}", "TXT", "something", "more")
    acme.issue(client, name, f"*.{name}")


# -- tls-alpn-01 -------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["name", "address"])
def test_tls_alpn_01(acme: Acme, client: RawClient, tmp_path: Path, kind: str) -> None:
    name = acme.name() if kind == "name" else acme.address
    order, authorization, challenge = placed(client, name, "tls-alpn-01")
    certificate = challenge_certificate(name, client.key_authorization(challenge["token"]), tmp_path)
    with tls_server(acme.address, certificate) as names:
        client.post(challenge["url"], {})
        assert client.poll(authorization, "pending")["status"] == "valid"
    reverse = ".".join(reversed(acme.address.split("."))) + ".in-addr.arpa"
    assert names == [name if kind == "name" else reverse]
    issued(client, order, name)


def test_tls_alpn_01_with_another_digest(acme: Acme, client: RawClient, tmp_path: Path) -> None:
    name = acme.name()
    order, authorization, challenge = placed(client, name, "tls-alpn-01")
    certificate = challenge_certificate(name, client.key_authorization("another token"), tmp_path)
    with tls_server(acme.address, certificate):
        error = failed(client, order, authorization, challenge)
    assert error["type"] == "urn:ietf:params:acme:error:incorrectResponse"


def test_tls_alpn_01_where_nobody_answers(acme: Acme, client: RawClient) -> None:
    error = failed(client, *placed(client, acme.name(), "tls-alpn-01"))
    assert error["type"] == "urn:ietf:params:acme:error:connection"
