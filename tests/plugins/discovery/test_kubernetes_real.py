"""The source `kubernetes` against the API server itself, by the account and kubeconfig of the how-to."""

import json
import time
from base64 import b64encode
from collections.abc import Iterator
from typing import Any

import pytest
import yaml
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from certwright.core.errors import Unavailable
from certwright.plugins.discovery.kubernetes.kinds import (
    CERTIFICATES,
    CONFIG_MAPS,
    GATEWAYS,
    INGRESSES,
    ISSUERS,
    SECRETS,
)
from certwright.ports import Progress
from tests.architecture.source import CHECKOUT
from tests.core.stores.made import pem
from tests.plugins.discovery.cluster import TOKEN, Cluster, text
from tests.plugins.discovery.real_cluster import (
    CHAIN,
    ISSUING,
    ROOT,
    SERVER,
    look,
    put,
    put_everything,
    thing,
    tls,
)
from tests.real import kubernetes_api as real
from tests.real.go_programs import Unbuildable
from tests.real.kubernetes_api import PERSON, Document, KubernetesApi
from tests.real.pki import make_csr

pytestmark = [pytest.mark.full, pytest.mark.timeout(7000)]  # it is built here, where that was not done yet
HOW_TO = (CHECKOUT / "docs/how-to/find-certificates-in-kubernetes.md").read_text()


def block(language: str) -> str:
    """The first one of the how-to in this language."""
    return HOW_TO.partition(f"```{language}\n")[2].partition("```")[0]


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[KubernetesApi]:
    """With the kinds of cert-manager and of the Gateway API, and the account of the how-to."""
    try:
        with real.served(tmp_path_factory.mktemp("kubernetes")) as made:
            made.define(*real.CERT_MANAGER)
            made.define(*real.GATEWAYS)
            made.kubectl("apply", "-f", "-", given=block("yaml"))
            yield made
    except Unbuildable as error:
        pytest.skip(f"no Kubernetes: {error}")


@pytest.fixture(scope="module")
def kubeconfig(api: KubernetesApi) -> str:
    """As the how-to writes it."""
    api.run("sh", "-euc", block("sh"))
    return (api.folder / "certwright.kubeconfig").read_text()


@pytest.fixture
def namespace(api: KubernetesApi, request: pytest.FixtureRequest) -> str:
    """One for this test."""
    name = "".join(one if one.isalnum() else "-" for one in request.node.name.removeprefix("test_"))[:50]
    api.kubectl("create", "namespace", name.strip("-"))
    return name.strip("-")


# -- what is seen ----------------------------------------------------------------------------------


def test_everything_that_holds_certificates(api: KubernetesApi, kubeconfig: str, namespace: str) -> None:
    put_everything(api, namespace)
    told = look(kubeconfig, namespace)
    assert told.last.whole
    assert {name: one for name, one in told.chains(namespace).items() if one} == {
        f"{namespace}/secrets/www#tls.crt": (SERVER, ISSUING),
        f"{namespace}/secrets/other#tls.crt": (SERVER,),
        f"{namespace}/secrets/half#tls.crt": (SERVER,),
        f"{namespace}/secrets/java#store.p12#www": CHAIN.ders,
        f"{namespace}/configmaps/trusted#ca.crt": (ROOT,),
        f"{namespace}/configmaps/trusted#root.der": (ROOT,),
    }
    assert told.problems == {
        f"{namespace}/ingresses/front#lost": f"it names the secret lost in {namespace}, which is not there",
        f"{namespace}/certificates/new": "this certificate of cert-manager is not ready (Issuing)",
        f"{namespace}/issuers/corp": "this issuer is not ready",
        f"{namespace}/secrets/other#tls.key": "it is not the key of the certificate beside it",
        f"{namespace}/secrets/half#tls.key": "no private key in it can be read",
    }
    assert told.found[f"{namespace}/secrets/www#tls.crt"].facts == {
        "format": "pem",
        "type": "kubernetes.io/tls",
        "key": {"encrypted": False, "spki_sha256": CHAIN.digest},
        "serves": [
            {
                "software": "ingress",
                "configuration": f"{namespace}/ingresses/front",
                "names": ["www.example.test"],
            },
            {
                "software": "gateway",
                "configuration": f"{namespace}/gateways/edge",
                "names": ["edge.example.test"],
                "listen": ["HTTPS:443"],
            },
        ],
        "managed": {
            "by": f"{namespace}/certificates/www",
            "ready": True,
            "renews_at": "2027-01-01T00:00:00Z",
            "issuer": "ClusterIssuer/corp",
        },
    }


def test_what_belongs_to_no_namespace(api: KubernetesApi, kubeconfig: str, namespace: str) -> None:
    called = {"name": "hook", "namespace": namespace}
    webhook = {
        "name": "check.example.test",
        "clientConfig": {"caBundle": text(pem(ROOT)), "service": called},
        "admissionReviewVersions": ["v1"],
        "sideEffects": "None",
        "failurePolicy": "Ignore",
    }
    group = "metrics.example.test"
    spec = {"group": group, "version": "v1", "groupPriorityMinimum": 1, "versionPriority": 1}
    csr = {"request": text(pem_request()), "signerName": "example.test/signer", "usages": ["client auth"]}
    registration, admission = "apiregistration.k8s.io/v1", "admissionregistration.k8s.io/v1"
    put(
        api,
        thing("ValidatingWebhookConfiguration", "check", version=admission, webhooks=[webhook]),
        thing("MutatingWebhookConfiguration", "change", version=admission, webhooks=[webhook]),
        thing(
            "APIService",
            f"v1.{group}",
            version=registration,
            spec=spec | {"caBundle": text(pem(ROOT)), "service": called},
        ),
        thing("CertificateSigningRequest", "laptop", version="certificates.k8s.io/v1", spec=csr),
        thing("CertificateSigningRequest", "waits", version="certificates.k8s.io/v1", spec=csr),
    )
    api.kubectl("certificate", "approve", "laptop")
    patch = json.dumps({"status": {"certificate": text(pem(SERVER))}})
    api.kubectl("patch", "csr", "laptop", "--subresource=status", "--type=merge", "--patch", patch)
    told = look(kubeconfig, "*")
    assert told.last.whole
    here = {name: one.chain for name, one in told.found.items() if name.count("/") == 1}
    assert here == {
        "validatingwebhookconfigurations/check#check.example.test": (ROOT,),
        "mutatingwebhookconfigurations/change#check.example.test": (ROOT,),
        f"apiservices/v1.{group}": (ROOT,),
        "certificatesigningrequests/laptop": (SERVER,),
    }
    assert told.found["certificatesigningrequests/laptop"].facts == {
        "signer": "example.test/signer",
        "requester": "administrator",
    }
    assert told.found[f"apiservices/v1.{group}"].facts["service"] == f"{namespace}/hook"
    api.kubectl("delete", "apiservice", f"v1.{group}")


def pem_request() -> bytes:
    return x509.load_der_x509_csr(make_csr("laptop")).public_bytes(Encoding.PEM)


# -- pages ---------------------------------------------------------------------------------------


def many(api: KubernetesApi, namespace: str, count: int = 7) -> set[str]:
    put(api, *(tls(f"s{number}", namespace) for number in range(count)))
    return {f"{namespace}/secrets/s{number}#tls.crt" for number in range(count)}


def test_lists_in_pages(api: KubernetesApi, kubeconfig: str, namespace: str) -> None:
    expected = many(api, namespace)
    for page in (1, 2, 7, 100):
        told = look(kubeconfig, namespace, page=page, kinds=("secrets",))
        assert set(told.found) == expected
        assert told.last.done == 7


def test_a_run_goes_on_with_the_page_it_was_at(api: KubernetesApi, kubeconfig: str, namespace: str) -> None:
    many(api, namespace)
    cursors: list[str] = []
    look(
        kubeconfig,
        namespace,
        page=2,
        kinds=("secrets",),
        each=lambda progress: cursors.append(progress.cursor or ""),
    )
    second = next(one for one in cursors if one.count(" ") == 2)
    told = look(kubeconfig, namespace, page=2, kinds=("secrets",), after=second)
    assert set(told.found) == {f"{namespace}/secrets/s{number}#tls.crt" for number in range(2, 7)}
    put(api, tls("s9", namespace))
    api.forget_history()
    told = look(kubeconfig, namespace, page=2, kinds=("secrets",), after=second)
    assert set(told.found) == {f"{namespace}/secrets/s{number}#tls.crt" for number in (*range(2, 7), 9)}
    assert not told.problems


def test_a_list_that_was_begun_too_long_ago_goes_on_with_what_it_is_now(
    api: KubernetesApi, kubeconfig: str, namespace: str
) -> None:
    expected = many(api, namespace)
    forgotten: list[int] = []

    def each(progress: Progress) -> None:
        if progress.done == 4 and not forgotten:
            put(api, tls("s9", namespace))
            api.forget_history()
            forgotten.append(progress.done)

    told = look(kubeconfig, namespace, page=2, kinds=("secrets",), each=each)
    assert forgotten == [4]
    assert set(told.found) == expected | {f"{namespace}/secrets/s9#tls.crt"}
    assert told.last.whole


def test_a_page_that_is_not_of_this_cluster(api: KubernetesApi, kubeconfig: str, namespace: str) -> None:
    many(api, namespace)
    told = look(kubeconfig, namespace, kinds=("secrets",), after=f"secrets {namespace} bm90aGluZw")
    assert len(told.found) == 7


def test_a_page_that_is_too_large_is_asked_for_in_parts(
    api: KubernetesApi, kubeconfig: str, namespace: str
) -> None:
    maps = (
        thing("ConfigMap", f"m{number}", namespace, data={"big": "x" * 9000, "ca.crt": pem(ROOT).decode()})
        for number in range(8)
    )
    put(api, *maps)
    told = look(kubeconfig, namespace, kinds=("configmaps",), octets_max=32_000)
    assert len(told.found) == 8
    assert not told.problems
    (seen,) = look(kubeconfig, namespace, kinds=("configmaps",), octets_max=4_000).found.values()
    assert seen.problem == "one of the configmaps is too large"


# -- who may -------------------------------------------------------------------------------------


def account(api: KubernetesApi, name: str, namespace: str, binding: Document, kubeconfig: str) -> str:
    """The kubeconfig of a service account, whose role is bound thus."""
    api.kubectl("create", "serviceaccount", name, "--namespace", namespace)
    subject = {"kind": "ServiceAccount", "name": name, "namespace": namespace}
    put(api, binding | {"subjects": [subject]})
    token = api.kubectl("create", "token", name, "--namespace", namespace).strip()
    return as_user(kubeconfig, {"token": token})


def as_user(kubeconfig: str, user: Document) -> str:
    document = yaml.safe_load(kubeconfig)
    document["users"][0]["user"] = user
    return json.dumps(document)


RBAC = "rbac.authorization.k8s.io/v1"
ROLE = {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "certificates-are-seen"}


def test_some_namespaces(api: KubernetesApi, kubeconfig: str, namespace: str) -> None:
    expected = many(api, namespace, 2)
    binding = thing("RoleBinding", "seen", namespace, RBAC, roleRef=ROLE)
    ours = account(api, "some", namespace, binding, kubeconfig)
    told = look(ours, namespace)
    assert (set(told.found), told.last.whole, told.problems) == (expected, True, {})
    other = look(ours, "kube-system", namespace)
    assert not other.last.whole
    assert set(other.found) > expected
    assert other.problems["kube-system/secrets"] == "the credentials may not list secrets in kube-system"
    everywhere = look(ours, "*")
    assert not everywhere.last.whole
    assert everywhere.problems["secrets"] == "the credentials may not list secrets"


def test_no_secrets(api: KubernetesApi, kubeconfig: str, namespace: str) -> None:
    many(api, namespace, 2)
    put(api, thing("ConfigMap", "trusted", namespace, data={"ca.crt": pem(ROOT).decode()}))
    role = next(one for one in yaml.safe_load_all(block("yaml")) if one["kind"] == "ClusterRole")
    role["metadata"]["name"] = "no-secrets"
    role["rules"] = [one for one in role["rules"] if one["resources"] != ["secrets"]]
    put(api, role)
    binding = thing("ClusterRoleBinding", "no-secrets", version=RBAC, roleRef=ROLE | {"name": "no-secrets"})
    ours = account(api, "less", namespace, binding, kubeconfig)
    kinds = ("configmaps", "validatingwebhookconfigurations", "certificatesigningrequests")
    told = look(ours, "*", kinds=kinds)
    assert told.last.whole
    assert f"{namespace}/configmaps/trusted#ca.crt" in told.found
    assert not [name for name in told.found if "/secrets/" in name]


def test_a_client_certificate(api: KubernetesApi, kubeconfig: str, namespace: str) -> None:
    expected = many(api, namespace, 2)
    subject = {"kind": "User", "name": PERSON, "apiGroup": "rbac.authorization.k8s.io"}
    put(api, thing("RoleBinding", "seen", namespace, RBAC, roleRef=ROLE, subjects=[subject]))
    shown = {
        "client-certificate-data": b64encode(api.client_identity.leaf.read_bytes()).decode(),
        "client-key-data": b64encode(api.client_identity.key.read_bytes()).decode(),
    }
    told = look(as_user(kubeconfig, shown), namespace)
    assert set(told.found) == expected
    assert told.last.whole


def test_an_account_that_is_gone_ends_the_run(api: KubernetesApi, kubeconfig: str, namespace: str) -> None:
    binding = thing("RoleBinding", "seen", namespace, RBAC, roleRef=ROLE)
    ours = account(api, "gone", namespace, binding, kubeconfig)
    assert look(ours, namespace).last.whole
    api.kubectl("delete", "serviceaccount", "gone", "--namespace", namespace)
    with pytest.raises(Unavailable, match="the cluster does not take the credentials"):
        _look_until(ours, namespace)


def _look_until(kubeconfig: str, namespace: str) -> None:
    """Again for a while: the server remembers whose a token is."""
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        look(kubeconfig, namespace)
        time.sleep(1)


def test_namespaces_and_exclusions(api: KubernetesApi, kubeconfig: str, namespace: str) -> None:
    expected = many(api, namespace, 3)
    told = look(kubeconfig, "*", kinds=("secrets",), exclude=(f"{namespace}/secrets/s0",))
    assert {name for name in told.found if name.startswith(f"{namespace}/")} == {
        one for one in expected if "/s0#" not in one
    }
    told = look(kubeconfig, "*", kinds=("secrets",), exclude=(namespace,))
    assert not told.chains(namespace)
    nowhere = look(kubeconfig, "no-such-namespace")
    assert (nowhere.found, nowhere.last.whole) == ({}, True)


# -- the stand-in --------------------------------------------------------------------------------


def test_the_stand_in_answers_alike(api: KubernetesApi, kubeconfig: str, namespace: str) -> None:
    """To what the source asks: the same status, and what the stand-in's answer has stands in the real one."""
    put_everything(api, namespace)
    stand_in = Cluster()
    for kind in (SECRETS, CONFIG_MAPS, INGRESSES, GATEWAYS, CERTIFICATES, ISSUERS):
        listed = api.ask("GET", f"{kind.path}/namespaces/{namespace}/{kind.name}")
        for one in listed["items"]:
            whole = api.ask(
                "GET", f"{kind.path}/namespaces/{namespace}/{kind.name}/{one['metadata']['name']}"
            )
            stand_in.objects.setdefault(kind.name, []).append(whole)
    inside = f"/namespaces/{namespace}"
    paths = [
        *(
            f"{kind.path}{inside}/{kind.name}?limit={limit}"
            for kind in (SECRETS, CONFIG_MAPS, INGRESSES, GATEWAYS, CERTIFICATES, ISSUERS)
            for limit in (1, 100)
        ),
        f"/api/v1{inside}/secrets/www",
        f"/api/v1{inside}/secrets/lost",
        f"/api/v1{inside}/secrets?limit=1&continue=bm90aGluZw",
        "/apis/nothing.example.test/v1/things?limit=1",
    ]
    for path in paths:
        compare(path, answer_of(api, path), stand_in.answer(f"GET {path} HTTP/1.1\r\n{SHOWN}\r\n"))
    secrets = f"/api/v1{inside}/secrets?limit=1"
    unknown = stand_in.answer(f"GET {secrets} HTTP/1.1\r\nauthorization: bearer another\r\n")
    compare("another", answer_of(api, secrets, "another"), unknown)
    stand_in.denied = {"secrets"}
    put(api, thing("ServiceAccount", "nobody", namespace))
    token = api.kubectl("create", "token", "nobody", "--namespace", namespace).strip()
    denied = stand_in.answer(f"GET {secrets} HTTP/1.1\r\n{SHOWN}\r\n")
    compare("denied", answer_of(api, secrets, token), denied)
    stand_in.denied, stand_in.expires = set(), [0]
    later = f"{secrets}&continue={api.ask('GET', secrets)['metadata']['continue']}"
    put(api, tls("later", namespace))
    api.forget_history()
    first = stand_in.answer(f"GET {secrets} HTTP/1.1\r\n{SHOWN}\r\n")[1]["metadata"]["continue"]
    gone = stand_in.answer(f"GET {secrets}&continue={first} HTTP/1.1\r\n{SHOWN}\r\n")
    compare("gone", answer_of(api, later), gone)


SHOWN = f"authorization: bearer {TOKEN}\r\n"


def answer_of(api: KubernetesApi, path: str, token: str = real.ADMINISTRATOR) -> tuple[int, Any]:
    with api.connection(token) as client:
        answer = client.get(path)
    known = answer.headers["content-type"] == "application/json"
    return answer.status_code, answer.json() if known else answer.text


def compare(path: str, actual: tuple[int, Any], stand_in: tuple[int, Any]) -> None:
    assert (path, actual[0]) == (path, stand_in[0])
    (_, body), (_, made) = actual, stand_in
    if not isinstance(body, dict):
        assert not isinstance(made, dict)
        return
    assert set(made) <= set(body), path
    assert {name: made.get(name) for name in SAME} == {name: body.get(name) for name in SAME}, path
    assert set(made["metadata"]) == set(body["metadata"]) - {"remainingItemCount"}, path
    for ours, theirs in zip(made.get("items", ()), body.get("items", ()), strict=True):
        assert set(ours) == set(theirs), path
        assert ours["metadata"]["name"] == theirs["metadata"]["name"]


SAME = ("kind", "apiVersion", "status", "reason", "code")
