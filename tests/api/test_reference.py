"""The OpenAPI document, its page, and the reference for people: the same routes in each."""

import re
import socket
from typing import Any

import pytest
import schemathesis

from tests.api.callers import Api
from tests.architecture.source import CHECKOUT
from tests.real.certwright import Site

METHODS = {"get", "post", "put", "delete"}


@pytest.fixture(scope="module")
def document(api: Api) -> Any:
    return api.client.get("/api/v1/openapi.json").json()


def routes(document: Any) -> set[str]:
    return {
        f"{method.upper()} {path.removeprefix('/api/v1')}"
        for path, methods in document["paths"].items()
        for method in methods
    }


def test_the_reference_has_every_route(document: Any) -> None:
    text = (CHECKOUT / "docs/reference/rest.md").read_text()
    assert set(re.findall(r"^\| `([A-Z]+ /[^`]*)` \|", text, re.MULTILINE)) == routes(document)


def test_every_route_is_described(document: Any) -> None:
    assert document["openapi"] == "3.1.0"
    identifiers = []
    for methods in document["paths"].values():
        assert set(methods) <= METHODS
        for operation in methods.values():
            identifiers.append(operation["operationId"])
            assert operation["summary"].endswith(".")
            assert operation["security"] == [{"BearerToken": []}]
            assert {"4XX", "5XX"} < set(operation["responses"])
            assert len(operation["tags"]) == 1
    assert len(set(identifiers)) == len(identifiers)
    assert document["components"]["securitySchemes"]["BearerToken"]["scheme"] == "bearer"


def test_nobody_can_send_more_than_a_route_asks_for(api: Api, document: Any) -> None:
    """Mass assignment: every document that is taken is closed, and so is every one within it; and routes
    keep to what they declare."""
    schemas = document["components"]["schemas"]
    taken: set[str] = set()

    def walk(schema: Any) -> None:
        if isinstance(schema, list):
            for one in schema:
                walk(one)
        elif isinstance(schema, dict):
            name = str(schema.get("$ref", "")).rpartition("/")[2]
            if name and name not in taken:
                taken.add(name)
                walk(schemas[name])
            walk(list(schema.values()))

    for methods in document["paths"].values():
        walk([operation.get("requestBody", {}) for operation in methods.values()])
    objects = {name for name in taken if schemas[name].get("type") == "object"}
    assert len(objects) > 20
    assert [name for name in sorted(objects) if schemas[name].get("additionalProperties") is not False] == []
    refused = api.ask("POST", "/teams", json={"name": "sneaked", "is_superuser": True})
    assert refused.status_code == 400, refused.text
    assert "sneaked" not in api.ask("GET", "/teams").text


def test_it_is_valid_openapi(document: Any) -> None:
    """By the specification's own schema for 3.1."""
    schemathesis.openapi.from_dict(document).validate()
    operation = document["paths"]["/api/v1/whoami"]["get"]
    broken = {**operation, "responses": "none"}
    paths = {**document["paths"], "/api/v1/whoami": {"get": broken}}
    with pytest.raises(ValueError, match='"none" is not of type'):
        schemathesis.openapi.from_dict({**document, "paths": paths}).validate()


def test_the_page_has_every_route_and_needs_nothing_from_elsewhere(api: Api, document: Any) -> None:
    answer = api.client.get("/api/docs")
    policy = answer.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert not re.search(r"<script|<style|style=|//[a-z]", answer.text)
    for route in routes(document):
        method, _, path = route.partition(" ")
        assert f"<code>{method} /api/v1{path}</code>" in answer.text
    for linked in re.findall(r'href="(/static/[^"]+)"', answer.text):
        assert api.client.get(linked).status_code == 200
    assert "`" not in answer.text
    assert "<code>version</code> is the one that the document was made from" in answer.text
    assert "expires_before" in answer.text  # a parameter
    assert "invalidity_date" in answer.text  # a field of a body
    assert "revocation_reason" in answer.text  # a field of an answer


def test_both_say_nothing_of_the_installation(api: Api) -> None:
    for path in ("/api/v1/openapi.json", "/api/docs"):
        text = api.client.get(path).text
        assert "Example, Inc." not in text
        assert "localhost" not in text


@pytest.mark.parametrize("path", ["", "/", "/nothing", "/certificates/", "/openapi.json/", "/v2"])
def test_what_is_not_there_is_a_problem_document(api: Api, path: str) -> None:
    answer = api.ask("GET", path)
    assert answer.status_code in (400, 404)
    assert answer.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("DELETE", "/certificates", "GET, POST"),
        ("POST", "/whoami", "GET"),
        ("PATCH", "/tokens/x", "DELETE"),
        ("OPTIONS", "/grants", "DELETE, GET, POST"),
        ("HEAD", "/whoami", "GET"),
    ],
)
def test_other_methods_are_named(api: Api, method: str, path: str, allowed: str) -> None:
    answer = api.ask(method, path)
    assert (answer.status_code, answer.headers["allow"]) == (405, allowed)
    assert answer.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize(
    "query", [b"name=%ff%fe", b"name=%", b"name=\xff", b"&&==", b"name=a&name=b", b"%00=%00"]
)
def test_a_query_of_any_octets_is_answered(api: Api, served: Site, query: bytes) -> None:
    token = api.tokens["auditor"].encode()
    head = b"GET /api/v1/certificates?%b HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n" % query
    plain = socket.create_connection(("localhost", served.ports["https"]), 10)
    with served.trust().wrap_socket(plain, server_hostname="localhost") as connection:
        connection.sendall(head + b"Authorization: Bearer " + token + b"\r\n\r\n")
        status = connection.recv(1000).split(b" ")[1]
    assert status in (b"200", b"400")
