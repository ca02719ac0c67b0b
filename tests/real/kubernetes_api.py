"""The API server of Kubernetes itself with its etcd, and kubectl: built from source, without controllers or
nodes. What is written is kept as it is; nothing makes more of it."""

import json
import ssl
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from tests.real import processes
from tests.real.go_programs import Program, built, source_of
from tests.real.tls_servers import Presented, present

VERSION = "v1.36.3"
PROGRAM = Program(
    "kubernetes",
    {
        "etcd": "go.etcd.io/etcd/server/v3",
        "kube-apiserver": "k8s.io/kubernetes/cmd/kube-apiserver",
        "kubectl": "k8s.io/kubernetes/cmd/kubectl",
    },
    {"k8s.io/kubernetes": VERSION, "go.etcd.io/etcd/server/v3": "v3.6.8"},
    {"k8s.io/": VERSION.replace("v1.", "v0.")},
)
CERT_MANAGER = ("github.com/cert-manager/cert-manager", "v1.21.2", "deploy/crds/cert-manager.io_*.yaml")
GATEWAYS = ("sigs.k8s.io/gateway-api", "v1.6.3", "config/crd/standard/*_gateways.yaml")
"""Modules that publish definitions of kinds, and where."""
ADMINISTRATOR = "token-of-the-administrator"
PERSON = "anna"
SECONDS = 180
Document = dict[str, Any]


@dataclass(frozen=True, slots=True)
class KubernetesApi:
    """A running cluster without nodes. It is set up as its administrator, not with the client that is
    tested."""

    folder: Path
    port: int
    etcd: int
    identity: Presented
    client_identity: Presented
    """Of PERSON, by name: who signs it is taken by the cluster."""

    @property
    def url(self) -> str:
        return f"https://localhost:{self.port}"

    def connection(self, token: str = ADMINISTRATOR) -> httpx.Client:
        context = ssl.create_default_context(cafile=str(self.identity.others))
        headers = {"Authorization": f"Bearer {token}"}
        return httpx.Client(verify=context, trust_env=False, timeout=60, base_url=self.url, headers=headers)

    def ask(self, method: str, path: str, body: Document | None = None) -> Document:
        kind = {"PATCH": "application/merge-patch+json"}.get(method, "application/json")
        with self.connection() as client:
            answer = client.request(
                method, path, content=json.dumps(body) if body else None, headers={"Content-Type": kind}
            )
        assert answer.is_success, answer.text
        told: Document = answer.json()
        return told

    def kubectl(self, *arguments: str | Path, given: str = "") -> str:
        """What it prints, as the administrator."""
        return self.run("kubectl", *arguments, given=given)

    def run(self, *command: str | Path, given: str = "") -> str:
        """A command that calls kubectl, in the cluster's folder."""
        environment = {
            "PATH": f"{built(PROGRAM)}:/usr/bin:/bin",
            "HOME": str(self.folder),
            "KUBECONFIG": str(self.folder / "administrator.kubeconfig"),
        }
        done = subprocess.run(
            [str(one) for one in command],
            input=given,
            env=environment,
            cwd=self.folder,
            capture_output=True,
            text=True,
            timeout=120,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    def define(self, module: str, version: str, pattern: str) -> None:
        """Kinds that are no part of Kubernetes. Raises Unbuildable."""
        for path in sorted(source_of(module, version).glob(pattern)):
            self.kubectl("create", "-f", path)
        self.kubectl("wait", "--for=condition=Established", "--all", "crd", "--timeout=60s")

    def forget_history(self) -> None:
        """What etcd knows of before now is gone: lists that were begun end with 410."""
        with httpx.Client(trust_env=False, base_url=f"http://127.0.0.1:{self.etcd}") as client:
            head = client.post("/v3/kv/range", json={"key": "AA=="}).json()["header"]["revision"]
            client.post("/v3/kv/compaction", json={"revision": head, "physical": True}).raise_for_status()


@contextmanager
def served(folder: Path) -> Iterator[KubernetesApi]:
    """Raises Unbuildable."""
    programs = built(PROGRAM)
    identity = present(folder / "identity", ("localhost",))
    client = present(folder / "client", (PERSON,))
    _service_account_key(folder)
    (folder / "tokens.csv").write_text(f'{ADMINISTRATOR},administrator,1,"system:masters"\n')
    with ExitStack() as stack:
        etcd = _etcd(programs, folder, stack)
        port = processes.free_port()
        arguments = [
            f"--etcd-servers=http://127.0.0.1:{etcd}",
            f"--secure-port={port}",
            "--bind-address=127.0.0.1",
            "--advertise-address=127.0.0.1",
            "--endpoint-reconciler-type=none",
            f"--cert-dir={folder}",
            f"--tls-cert-file={identity.whole}",
            f"--tls-private-key-file={identity.key}",
            f"--client-ca-file={client.others}",
            f"--token-auth-file={folder / 'tokens.csv'}",
            "--authorization-mode=RBAC",
            "--service-account-issuer=https://localhost",
            f"--service-account-signing-key-file={folder / 'accounts.pem'}",
            f"--service-account-key-file={folder / 'accounts.public.pem'}",
            "--service-cluster-ip-range=10.96.0.0/24",
            "--etcd-compaction-interval=0",
            "--watch-cache-sizes=secrets#0",  # their lists come from etcd, and end where that forgets
        ]
        server = processes.start(
            [programs / "kube-apiserver", *arguments],
            log=folder / "kube-apiserver.log",
            port=port,
            seconds=SECONDS,
        )
        stack.enter_context(server)
        made = KubernetesApi(folder, port, etcd, identity, client)
        _await_ready(made, server)
        _administrator(made)
        yield made


def _etcd(programs: Path, folder: Path, stack: ExitStack) -> int:
    port, peers = processes.free_port(), processes.free_port()
    here, between = f"http://127.0.0.1:{port}", f"http://127.0.0.1:{peers}"
    arguments: Sequence[str] = [
        f"--data-dir={folder / 'etcd'}",
        f"--listen-client-urls={here}",
        f"--advertise-client-urls={here}",
        f"--listen-peer-urls={between}",
        f"--initial-advertise-peer-urls={between}",
        f"--initial-cluster=default={between}",
        "--unsafe-no-fsync",
    ]
    log = folder / "etcd.log"
    ready = "serving client traffic insecurely"
    stack.enter_context(
        processes.start([programs / "etcd", *arguments], log=log, port=port, ready=ready, seconds=SECONDS)
    )
    return port


def _service_account_key(folder: Path) -> None:
    key = rsa.generate_private_key(65537, 2048)
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    public = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    (folder / "accounts.pem").write_bytes(private)
    (folder / "accounts.public.pem").write_bytes(public)


def _await_ready(made: KubernetesApi, server: processes.Server) -> None:
    deadline = time.monotonic() + SECONDS
    told = ""
    while time.monotonic() < deadline:
        with made.connection() as client:
            answer = client.get("/readyz?verbose")
        if answer.status_code == 200:
            return
        told = answer.text
        time.sleep(0.2)
    raise processes.ServerFailed(f"kube-apiserver was not ready within {SECONDS} s: {told}\n{server.log}")


def _administrator(made: KubernetesApi) -> None:
    authority = made.identity.others
    set_cluster = ("config", "set-cluster", "here", f"--server={made.url}")
    made.kubectl(*set_cluster, f"--certificate-authority={authority}")
    made.kubectl("config", "set-credentials", "administrator", f"--token={ADMINISTRATOR}")
    made.kubectl("config", "set-context", "here", "--cluster=here", "--user=administrator")
    made.kubectl("config", "use-context", "here")
