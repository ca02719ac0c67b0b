"""The stand-in for a cluster is held to what Kubernetes, cert-manager and the Gateway API publish: objects,
answers and paths."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import yaml
from jsonschema import Draft4Validator  # type: ignore[import-untyped]

from certwright.plugins.discovery.kubernetes.kinds import CONFIG_MAPS, KINDS, SECRETS, Kind
from tests.plugins.discovery.cluster import CUSTOM, TOKEN, Cluster
from tests.plugins.discovery.test_kubernetes import full, sightings
from tests.real.go_programs import Unbuildable, source_of
from tests.real.kubernetes_api import CERT_MANAGER, GATEWAYS, VERSION

pytestmark = [pytest.mark.full, pytest.mark.timeout(1800)]  # modules come from the Go module proxy
Schema = dict[str, Any]
META = "#/definitions/io.k8s.apimachinery.pkg.apis.meta.v1"


def module(name: str, version: str) -> Path:
    try:
        return source_of(name, version)
    except Unbuildable as error:
        pytest.skip(f"no source of {name}: {error}")


@pytest.fixture(scope="module")
def published() -> Schema:
    """The OpenAPI of Kubernetes, in which nothing is allowed that it does not name."""
    folder = module("k8s.io/kubernetes", VERSION)
    document: Schema = json.loads((folder / "api/openapi-spec/swagger.json").read_text())
    made: Schema = strict(document)
    return made


def strict(schema: Any) -> Any:
    if isinstance(schema, list):
        return [strict(one) for one in schema]
    if not isinstance(schema, dict):
        return schema
    made = {name: strict(part) for name, part in schema.items()}
    if isinstance(made.get("properties"), dict) and not made.get("x-kubernetes-preserve-unknown-fields"):
        made.setdefault("additionalProperties", False)
    return made


def errors(schema: Schema, thing: Any) -> list[str]:
    return [f"{list(one.path)}: {one.message}" for one in Draft4Validator(schema).iter_errors(thing)]


def definition_of(published: Schema, kind: str, version: str) -> str:
    group, _, number = version.rpartition("/")
    wanted = {"group": group, "version": number, "kind": kind}
    (name,) = (
        name
        for name, one in published["definitions"].items()
        if wanted in one.get("x-kubernetes-group-version-kind", ())
    )
    return f"#/definitions/{name}"


def at(published: Schema, reference: str) -> Schema:
    return {"$ref": reference, "definitions": published["definitions"]}


def get(cluster: Cluster, target: str, token: str = TOKEN) -> tuple[int, Any]:
    return cluster.answer(f"GET {target} HTTP/1.1\r\nauthorization: bearer {token}\r\n")


# -- objects -------------------------------------------------------------------------------------


@pytest.mark.parametrize("published_by", [CERT_MANAGER, GATEWAYS], ids=lambda one: str(one[0]))
def test_objects_that_are_no_part_of_kubernetes(published_by: tuple[str, str, str]) -> None:
    name, version, pattern = published_by
    made = full()
    looked_at = 0
    for path in module(name, version).glob(pattern):
        spec = yaml.safe_load(path.read_text())["spec"]
        schemas = {one["name"]: one["schema"]["openAPIV3Schema"] for one in spec["versions"]}
        for thing in made.objects.get(spec["names"]["plural"], ()):
            group, _, number = thing["apiVersion"].rpartition("/")
            assert (group, thing["kind"]) == (spec["group"], spec["names"]["kind"])
            schema = strict(schemas[number])
            schema["properties"]["metadata"] = {}
            assert errors(schema, thing) == []
            looked_at += 1
    assert looked_at == sum(
        len(made.objects[kind.name]) for kind in CUSTOM if kind.name in made.objects and _is_of(kind, name)
    )


def _is_of(kind: Kind, module: str) -> bool:
    return ("cert-manager" in kind.path) == ("cert-manager" in module)


# -- answers -------------------------------------------------------------------------------------


def test_lists(published: Schema) -> None:
    made = full()
    made.add(SECRETS, "another", type="Opaque", data={})
    made.add(CONFIG_MAPS, "another", data={})
    checked = set()
    for kind in set(KINDS) - CUSTOM:
        if kind.name not in made.objects:
            continue
        status, body = get(made, f"{kind.path}/{kind.name}?limit=1")
        assert status == 200
        reference = definition_of(published, body["kind"], body["apiVersion"])
        assert errors(at(published, reference), body) == []
        assert not [one for one in body["items"] if {"kind", "apiVersion"} & set(one)]
        checked.add(kind)
    assert {SECRETS, CONFIG_MAPS} < checked


ASKED: dict[int, Callable[[], tuple[int, Any]]] = {
    401: lambda: get(full(), "/api/v1/secrets?limit=1", "another"),
    403: lambda: get(Cluster(denied={"secrets"}), "/api/v1/secrets?limit=1"),
    404: lambda: get(full(), "/api/v1/namespaces/payments/secrets/missing"),
    410: lambda: get(Cluster(expires=[0]), "/api/v1/secrets?limit=1&continue=MQ=="),
}


@pytest.mark.parametrize("expected", ASKED)
def test_refusals(published: Schema, expected: int) -> None:
    status, body = ASKED[expected]()
    assert (status, body["code"]) == (expected, expected)
    assert errors(at(published, f"{META}.Status"), body) == []


# -- requests ------------------------------------------------------------------------------------


def test_whatever_is_asked_for_is_in_the_interface(published: Schema) -> None:
    """What the source asks a cluster for is there, with these parameters."""
    made = full()
    for number in range(3):
        made.add(SECRETS, f"s{number}", type="Opaque", data={})
    sightings(made, "*", page=2)
    sightings(made, "payments", page=2)
    own = [one for one in made.asked if not any(one.startswith(f"{kind.path}/") for kind in CUSTOM)]
    assert any("continue=" in one for one in own)
    assert any("/secrets/lost" in one for one in own)
    for target in own:
        url = urlsplit(target)
        path = next(one for one in published["paths"] if _fits(one, url.path))
        operations = published["paths"][path]
        parameters = [*operations.get("parameters", ()), *operations["get"].get("parameters", ())]
        known = {one.get("name") or one["$ref"].rpartition("/")[2].rpartition("-")[0] for one in parameters}
        assert set(parse_qs(url.query)) <= known


def _fits(pattern: str, path: str) -> bool:
    """Whether a path is of this form: what is in braces stands for any part."""
    wanted, given = pattern.split("/"), path.split("/")
    return len(wanted) == len(given) and all(
        one == other or one.startswith("{") for one, other in zip(wanted, given, strict=True)
    )
