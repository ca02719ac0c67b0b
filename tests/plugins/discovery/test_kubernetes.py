"""The source `kubernetes` against a stand-in for the API, whose objects are held to the published OpenAPI."""

import asyncio
import json
import socket
import subprocess
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from functools import partial
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any, ClassVar

import pytest
import uvloop
import yaml

from certwright.core.egress import EgressPolicy
from certwright.core.errors import CertwrightError, Malformed, Unavailable
from certwright.plugins.discovery.kubernetes.kinds import (
    API_SERVICES,
    CERTIFICATES,
    CONFIG_MAPS,
    GATEWAYS,
    INGRESSES,
    ISSUERS,
    KINDS,
    REQUESTS,
    SECRETS,
    VALIDATING,
)
from certwright.plugins.discovery.kubernetes.settings import KubernetesSettings
from certwright.plugins.discovery.kubernetes.source import KubernetesSource
from certwright.ports import DISCOVERY_SOURCES, Place, Progress, Scope, Sighting
from certwright.testing.discovery_source import Case, DiscoverySourceContract, Situation
from tests.architecture.source import CHECKOUT
from tests.core.stores.made import PASSWORD, chain, key_pem, p12, pem
from tests.core.toy_chain import outside
from tests.plugins import servers
from tests.plugins.discovery.cluster import (
    TOKEN,
    Cluster,
    identity,
    kubeconfig,
    served,
    settings,
    text,
    tls_context,
)
from tests.real.environments import tool
from tests.real.tls_servers import present

CHAIN = chain()
SERVER, ISSUING, ROOT = CHAIN.ders
KEY = key_pem(CHAIN.server.key)
VERSION = "1.37"


def sightings(
    cluster: Cluster,
    *targets: str,
    exclude: tuple[str, ...] = (),
    user: dict[str, Any] | None = None,
    **values: Any,
) -> dict[str, Sighting]:
    async def run() -> list[object]:
        async with served(cluster.behave) as port:
            if user:
                values["kubeconfig"] = kubeconfig(port, user)
            source = KubernetesSource(settings(port, **values))
            return [event async for event in source.look(Scope(targets, exclude))]

    found = [event for event in asyncio.run(run()) if isinstance(event, Sighting)]
    assert len({one.place for one in found}) == len(found)
    assert TOKEN not in repr(found)
    return {one.place.name: one for one in found}


def full() -> Cluster:
    """One of everything."""
    made = Cluster()
    made.add_tls("www", pem(SERVER, ISSUING), KEY)
    data = {"store.p12": text(p12()), "password": text(PASSWORD.encode()), "note": text(b"no certificate")}
    made.add(SECRETS, "java", type="Opaque", data=data)
    made.add(CONFIG_MAPS, "trusted", data={"ca.crt": pem(ROOT).decode(), "readme": "-----BEGIN nothing"})
    tls = [{"hosts": ["www.example.test"], "secretName": "www"}, {"secretName": "lost"}]
    made.add(
        INGRESSES, "front", spec={"tls": tls, "defaultBackend": {"resource": {"kind": "X", "name": "x"}}}
    )
    reference = {"name": "www"}
    listener = {"name": "a", "port": 443, "protocol": "HTTPS", "tls": {"certificateRefs": [reference]}}
    made.add(GATEWAYS, "edge", "infra", spec={"gatewayClassName": "x", "listeners": [listener]})
    made.objects["gateways"][0]["spec"]["listeners"][0]["tls"]["certificateRefs"][0]["namespace"] = "payments"
    _cert_manager(made)
    webhook = {
        "name": "check.example.test",
        "clientConfig": {"caBundle": text(pem(ROOT)), "service": {"name": "hook", "namespace": "infra"}},
        "admissionReviewVersions": ["v1"],
        "sideEffects": "None",
    }
    made.add(VALIDATING, "check", webhooks=[webhook])
    service = {"name": "metrics", "namespace": "infra"}
    spec = {"group": "m", "version": "v1", "groupPriorityMinimum": 1, "versionPriority": 1}
    made.add(API_SERVICES, "v1.m", spec=spec | {"caBundle": text(pem(ROOT)), "service": service})
    request = {"request": text(b"x"), "signerName": "example.test/signer", "username": "anna"}
    made.add(REQUESTS, "laptop", spec=request, status={"certificate": text(pem(SERVER))})
    return made


def _cert_manager(made: Cluster) -> None:
    ready, failed = ({"type": "Ready", "status": status, "reason": "Issuing"} for status in ("True", "False"))
    issuer = {"name": "corp", "kind": "ClusterIssuer"}
    status = {"conditions": [ready], "renewalTime": "2027-01-01T00:00:00Z"}
    made.add(CERTIFICATES, "www", spec={"secretName": "www", "issuerRef": issuer}, status=status)
    spec = {"secretName": "new", "issuerRef": {"name": "corp"}}
    made.add(CERTIFICATES, "new", spec=spec, status={"conditions": [failed]})
    made.add(ISSUERS, "corp", spec={}, status={"conditions": [{"type": "Ready", "status": "False"}]})


def test_it_is_registered_and_its_secrets_are_not_shown() -> None:
    (entry,) = entry_points(group=DISCOVERY_SOURCES, name="kubernetes")
    assert entry.load() is KubernetesSource
    ours = settings(1)
    assert TOKEN not in repr(ours)
    assert TOKEN not in repr(ours.cluster())


def test_the_objects_of_the_stand_in_are_those_of_the_published_interface(tmp_path: Path) -> None:
    """cert-manager's and the Gateway API's are not among what it publishes."""
    file = tmp_path / "objects.yaml"
    known = {kind: some for kind, some in full().objects.items() if "/cert-manager" not in str(some[0])}
    del known["gateways"]
    file.write_text("\n---\n".join(json.dumps(one) for some in known.values() for one in some))
    command = [tool("kubernetes-validate") / "kubernetes-validate", "-k", VERSION, "--strict", file]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr


def test_everything_that_holds_certificates() -> None:
    found = sightings(full(), "*")
    assert {name: (one.chain, one.problem) for name, one in found.items() if one.chain} == {
        "payments/secrets/www#tls.crt": ((SERVER, ISSUING), ""),
        "payments/secrets/java#store.p12#www": (CHAIN.ders, ""),
        "payments/configmaps/trusted#ca.crt": ((ROOT,), ""),
        "validatingwebhookconfigurations/check#check.example.test": ((ROOT,), ""),
        "apiservices/v1.m": ((ROOT,), ""),
        "certificatesigningrequests/laptop": ((SERVER,), ""),
    }
    assert {name: one.problem for name, one in found.items() if not one.chain} == {
        "payments/ingresses/front#lost": "it names the secret lost in payments, which is not there",
        "payments/certificates/new": "this certificate of cert-manager is not ready (Issuing)",
        "payments/issuers/corp": "this issuer is not ready",
    }
    www = found["payments/secrets/www#tls.crt"]
    assert www.place.host == "localhost"
    assert www.facts == {
        "format": "pem",
        "type": "kubernetes.io/tls",
        "key": {"encrypted": False, "spki_sha256": CHAIN.digest},
        "serves": [
            {
                "software": "ingress",
                "configuration": "payments/ingresses/front",
                "names": ["www.example.test"],
            },
            {"software": "gateway", "configuration": "infra/gateways/edge", "listen": ["HTTPS:443"]},
        ],
        "managed": {
            "by": "payments/certificates/www",
            "ready": True,
            "renews_at": "2027-01-01T00:00:00Z",
            "issuer": "ClusterIssuer/corp",
        },
    }
    assert found["certificatesigningrequests/laptop"].facts["signer"] == "example.test/signer"
    assert found["apiservices/v1.m"].facts["service"] == "infra/metrics"


def test_the_role_of_the_how_to_is_for_every_kind() -> None:
    text = (CHECKOUT / "docs/how-to/find-certificates-in-kubernetes.md").read_text()
    documents = yaml.safe_load_all(text.partition("```yaml\n")[2].partition("```")[0])
    rules = next(one["rules"] for one in documents if one["kind"] == "ClusterRole")
    allowed = {(group, name) for rule in rules for group in rule["apiGroups"] for name in rule["resources"]}
    groups = {kind: kind.path.removeprefix("/apis/").rpartition("/")[0] for kind in KINDS}
    assert allowed == {("" if groups[kind] == "/api" else groups[kind], kind.name) for kind in KINDS}
    assert {verb for rule in rules for verb in rule["verbs"]} == {"get", "list"}


def test_no_private_key_gets_out() -> None:
    found = sightings(full(), "*")
    lines = [line for line in KEY.decode().splitlines() if "-" not in line]
    assert not [line for line in lines if line in repr(found)]


def test_a_key_that_is_not_the_one_of_the_certificate() -> None:
    cluster = Cluster()
    cluster.add_tls("www", pem(SERVER), key_pem(outside("CN=Other").key))
    cluster.add_tls("half", pem(SERVER), b"")
    cluster.add_tls("none", b"", b"")
    found = sightings(cluster, "payments")
    assert {name: one.problem for name, one in found.items()} == {
        "payments/secrets/www#tls.crt": "",
        "payments/secrets/www#tls.key": "it is not the key of the certificate beside it",
        "payments/secrets/half#tls.crt": "",
        "payments/secrets/half#tls.key": "no private key in it can be read",
        "payments/secrets/none#tls.crt": "no certificate in it can be read",
    }


def test_what_is_denied_is_told_and_the_others_go_on() -> None:
    cluster = full()
    cluster.denied = {"payments/secrets", "clusterissuers", "ingresses"}
    found = sightings(cluster, "payments")
    assert found["payments/secrets"].problem == "the credentials may not list secrets in payments"
    assert found["payments/ingresses"].problem == "the credentials may not list ingresses in payments"
    assert found["payments/configmaps/trusted#ca.crt"].chain == (ROOT,)
    assert not any("lost" in name for name in found), "nobody can know what is missing"


def test_where_a_list_is_denied_nothing_counts_as_gone() -> None:
    async def last(cluster: Cluster) -> object:
        async with served(cluster.behave) as port:
            return [event async for event in KubernetesSource(settings(port)).look(Scope(("*",)))][-1]

    ends = [asyncio.run(last(Cluster(denied=denied))) for denied in (set(), {"configmaps"}, {"gateways"})]
    assert [isinstance(one, Progress) and one.whole for one in ends] == [True, False, True]


def test_credentials_that_are_not_taken_end_the_run() -> None:
    """What was there is not gone."""
    with pytest.raises(Unavailable, match="the cluster does not take the credentials"):
        sightings(full(), "*", user={"token": "another"})


def test_namespaces_and_exclusions() -> None:
    cluster = Cluster()
    for namespace in ("a", "b", "c"):
        cluster.add_tls("www", pem(SERVER), KEY, namespace)
    assert set(sightings(cluster, "a", "b")) == {"a/secrets/www#tls.crt", "b/secrets/www#tls.crt"}
    assert set(sightings(cluster, "*", exclude=("a", "b/secrets/w*"))) == {"c/secrets/www#tls.crt"}
    assert set(sightings(cluster, "a", "b", exclude=("a",))) == {"b/secrets/www#tls.crt"}
    assert not [path for path in cluster.asked if "namespaces/c" in path]
    assert sightings(cluster, "*", kinds=("configmaps",)) == {}


def test_a_list_that_was_begun_too_long_ago_goes_on_or_is_begun_again() -> None:
    cluster = Cluster()
    for number in range(5):
        cluster.add_tls(f"s{number}", pem(SERVER), KEY)

    async def run() -> set[str]:
        async with served(cluster.behave) as port:
            cluster.expires = [1, 0, 1]
            look = KubernetesSource(settings(port, page=2)).look(Scope(("payments",)))
            return {event.place.name async for event in look if isinstance(event, Sighting)}

    assert asyncio.run(run()) == {f"payments/secrets/s{number}#tls.crt" for number in range(5)}
    first = [path for path in cluster.asked if "/secrets?" in path and "continue" not in path]
    assert len(first) == 1, "it goes on with what the list is now"
    cluster.expires = [0] * 100
    assert "has changed 3 times" in "".join(one.problem for one in _pages(cluster))


def test_a_page_that_means_nothing_to_the_cluster_is_the_first() -> None:
    """Its API server was replaced by another that writes them otherwise."""
    cluster = Cluster()
    for number in range(5):
        cluster.add_tls(f"s{number}", pem(SERVER), KEY)

    async def run() -> set[tuple[str, str]]:
        async with served(cluster.behave) as port:
            scope = Scope(("payments",), after="secrets payments bm90aGluZw")
            look = KubernetesSource(settings(port, page=2)).look(scope)
            found = [event async for event in look if isinstance(event, Sighting)]
            return {(event.place.name, event.problem) for event in found}

    assert asyncio.run(run()) == {(f"payments/secrets/s{number}#tls.crt", "") for number in range(5)}


def _pages(cluster: Cluster) -> list[Sighting]:
    async def run() -> list[Sighting]:
        async with served(cluster.behave) as port:
            look = KubernetesSource(settings(port, page=2)).look(Scope(("payments",)))
            return [event async for event in look if isinstance(event, Sighting)]

    return asyncio.run(run())


def test_a_page_that_is_too_large_is_asked_for_in_parts() -> None:
    cluster = Cluster()
    for number in range(8):
        cluster.add(CONFIG_MAPS, f"m{number}", data={"big": "x" * 6_000, "ca.crt": pem(ROOT).decode()})
    found = sightings(cluster, "payments", kinds=("configmaps",), octets_max=32_000)
    assert len(found) == 8
    sizes = {path.partition("limit=")[2].partition("&")[0] for path in cluster.asked}
    assert sizes == {"100", "25", "6", "1"}
    (seen,) = sightings(cluster, "payments", kinds=("configmaps",), octets_max=4_000).values()
    assert seen.problem == "one of the configmaps is too large"


def test_a_client_certificate_is_shown() -> None:
    cluster = full()
    client = present(Path(str(identity().folder) + "-client"), ("anna",))
    user = {
        "client-certificate-data": text(client.leaf.read_bytes()),
        "client-key-data": text(client.key.read_bytes()),
        "token": TOKEN,
    }

    async def run() -> list[Sighting]:
        async with servers.server(cluster.behave, tls=tls_context(client.others)) as port:
            ours = settings(port, kubeconfig=kubeconfig(port, user), kinds=("secrets",))
            look = KubernetesSource(ours).look(Scope(("payments",)))
            shown = [event async for event in look if isinstance(event, Sighting)]
            without = KubernetesSource(settings(port, kinds=("secrets",))).look(Scope(("payments",)))
            return shown + [event async for event in without if isinstance(event, Sighting)]

    *shown, without = asyncio.run(run())
    assert {one.problem for one in shown} == {""}
    assert without.problem


def test_who_answers_is_verified_and_where_is_judged() -> None:
    cluster = full()

    async def problem(**values: Any) -> str:
        async with served(cluster.behave) as port:
            stranger = text(present(identity().folder.parent / f"x{port}").others.read_bytes())
            config = {"stranger": {"certificate-authority-data": stranger}}.get(values.pop("cluster", ""), {})
            ours = replace(
                settings(port, kubeconfig=kubeconfig(port, **config), kinds=("secrets",)), **values
            )
            look = KubernetesSource(ours).look(Scope(("payments",)))
            (seen,) = [event async for event in look if isinstance(event, Sighting)]
            return seen.problem

    assert "certificate verify failed" in asyncio.run(problem(cluster="stranger"))
    assert "loopback is for an embedded install only" in asyncio.run(problem(policy=EgressPolicy()))
    assert cluster.asked == [], "no credential was sent"


NO_TARGETS = ("", "A", "a b", "a/secrets", "-a", "x" * 64, "a\0")


@pytest.mark.parametrize("target", NO_TARGETS)
def test_what_is_no_target_is_malformed(target: str) -> None:
    with pytest.raises(Malformed):
        KubernetesSource(settings(1)).check(Scope((target,)))


WRONG: tuple[Callable[[], str], ...] = (
    lambda: "",
    lambda: "a: [",
    lambda: "[" * 60_000,
    lambda: "- " * 30_000,
    lambda: "? " * 30_000,
    lambda: "a: &a [" + "*a," * 20_000 + "]",
    lambda: "{a: " * 15_000,
    lambda: "a:\n" + "".join(f"{' ' * depth}a:\n" for depth in range(1, 340)),
    lambda: "{}",
    lambda: "5",
    lambda: kubeconfig(1, {"username": "anna"}),
    lambda: kubeconfig(1, {"token": "a\nb"}),
    lambda: kubeconfig(1, {"exec": {"command": "aws"}}),
    lambda: kubeconfig(1, {"tokenFile": "/etc/passwd"}),
    lambda: kubeconfig(1, {"client-key": "/etc/passwd"}),
    lambda: kubeconfig(1, {"client-certificate-data": text(b"x"), "client-key-data": text(b"y")}),
    partial(kubeconfig, 1, **{"certificate-authority": "/etc/passwd"}),
    partial(kubeconfig, 1, **{"certificate-authority-data": "!"}),
    partial(kubeconfig, 1, **{"insecure-skip-tls-verify": True}),
    partial(kubeconfig, 1, server="http://cluster.example.test"),
    partial(kubeconfig, 1, server=""),
)


@pytest.mark.parametrize("wrong", WRONG)
def test_what_is_no_kubeconfig_is_said_without_a_word_of_it(wrong: Callable[[], str]) -> None:
    with pytest.raises(CertwrightError) as refused:
        KubernetesSettings(wrong())
    assert "passwd" not in refused.value.detail


def test_a_kubeconfig_in_yaml() -> None:
    for style in (None, False):
        text = yaml.safe_dump(json.loads(kubeconfig(7)) | {"preferences": {}}, default_flow_style=style)
        assert KubernetesSettings(text).cluster().url.port == 7


# -- the contract --------------------------------------------------------------------------------


def json_list(**parts: Any) -> bytes:
    return servers.response(json.dumps({"kind": "SecretList", "apiVersion": "v1", **parts}).encode())


BAD = (
    servers.raw(servers.response(b"[[[[")),
    servers.raw(servers.response(b"5")),
    servers.raw(servers.response(b'{"kind": "Status"}')),
    servers.raw(servers.response(b"x", 302, {"Location": "https://169.254.169.254/"})),
    servers.raw(servers.response(b"x", 404)),
    servers.raw(servers.response(b"x", 410)),
    servers.raw(servers.response(b'{"metadata": {"continue": "again"}}', 410)),
    servers.raw(servers.response(b'{"metadata": {"continue": "\\r\\nx: y"}}', 410)),
    servers.raw(json_list(metadata={"continue": "again"}, items=[])),
    servers.raw(json_list(metadata={"continue": "\r\nx: y"}, items=[])),
    servers.flood(b"HTTP/1.1 200 OK\r\n\r\n"),
    servers.garbage,
    servers.hang_up,
    servers.silent,
)


class Several:
    """A source for several clusters, each with its part of the scope, so that one test has every fault."""

    kind = "kubernetes"

    def __init__(self, sources: list[KubernetesSource]) -> None:
        self._sources = sources

    def check(self, scope: Scope) -> None:
        for source in self._sources:
            source.check(scope)

    async def look(self, scope: Scope) -> AsyncIterator[Sighting | Progress]:
        for source in self._sources:
            async for event in source.look(scope):
                yield event


class TestKubernetesContract(DiscoverySourceContract):
    loops: ClassVar[tuple[Callable[[], asyncio.AbstractEventLoop], ...]] = (
        asyncio.new_event_loop,
        uvloop.new_event_loop,
    )

    @asynccontextmanager
    async def situation(self, case: Case) -> AsyncIterator[Situation]:
        async with AsyncExitStack() as stack:
            yield await getattr(self, f"_{case.name.lower()}")(stack)

    async def _good(self, stack: AsyncExitStack) -> Situation:
        cluster = Cluster()
        for name in "abcde":
            cluster.add_tls(name, pem(SERVER, ISSUING), KEY, "payments" if name < "d" else "shop")
        port = await stack.enter_async_context(served(cluster.behave))
        places = {
            Place("kubernetes", "localhost", port, f"{one}#tls.crt"): (SERVER, ISSUING)
            for one in [*(f"payments/secrets/{name}" for name in "abc"), "shop/secrets/d", "shop/secrets/e"]
        }
        left_out = frozenset(place for place in places if place.name.startswith("shop/"))

        def touched() -> set[Place]:
            return set(left_out) if any("/shop/" in path for path in cluster.asked) else set()

        return Situation(
            KubernetesSource(settings(port, page=2)),
            Scope(("payments", "shop")),
            places,
            exclusion="shop",
            excluded=left_out,
            unreadable=("\x00", " ", "A"),
            touched=touched,
        )

    async def _bad(self, stack: AsyncExitStack) -> Situation:
        ports = [await stack.enter_async_context(served(one)) for one in BAD]
        made = [settings(port, kinds=("secrets",), seconds=2.0) for port in ports]
        places = {Place("kubernetes", "localhost", port, "payments/secrets"): () for port in ports}
        return Situation(Several([KubernetesSource(one) for one in made]), Scope(("payments",)), places)  # type: ignore[arg-type]

    async def _slow(self, stack: AsyncExitStack) -> Situation:
        listening = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
        # uvloop opens /dev/null for its first connection, and keeps that
        _, writer = await asyncio.open_connection(*listening.getsockname())
        writer.close()
        await asyncio.sleep(0.05)
        return Situation(KubernetesSource(settings(listening.getsockname()[1])), Scope(("payments",)))

    async def _empty(self, stack: AsyncExitStack) -> Situation:
        port = await stack.enter_async_context(served(Cluster().behave))
        return Situation(KubernetesSource(settings(port)), Scope(("*",)))

    async def _no_scope(self, stack: AsyncExitStack) -> Situation:
        port = await stack.enter_async_context(served(Cluster().behave))
        return Situation(KubernetesSource(settings(port)), Scope(()))
