"""HashiCorp Vault itself, in development mode, with TLS: it is built from its source and only run here, which
its licence (Business Source License 1.1) allows to everybody outside production; nothing of it is shipped.

Its `minimal` build has the PKI engine, and not the plugins for clouds.
"""

import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from tests.real import processes
from tests.real.go_programs import Program, built

VERSION = "v1.21.4"
MODULE = "github.com/hashicorp/vault"
WITH_ONE_MORE = (
    "func(ctx context.Context, req *logical.Request, _ string) error {"
    " return iStore.activateDeduplication(ctx, req) },"
)
RESTORED = "restoredKeyName, err := "
"""The proxy has no version of the `sdk` in Vault's folder. In the nearest, two functions about doubled
identities and restored keys have another form; for neither anything here asks."""
PROGRAM = Program(
    "vault",
    {"vault": MODULE},
    {MODULE: VERSION},
    changed={
        MODULE: {
            "vault/identity_store.go": ("iStore.activateDeduplication,", WITH_ONE_MORE),
            "vault/logical_system_activation_flags.go": (
                "ActivationFunc(ctx, nil)",
                'ActivationFunc(ctx, nil, "")',
            ),
            "builtin/logical/transit/path_restore.go": (RESTORED, f"{RESTORED}keyName, "),
        }
    },
    tags="minimal",
)
ROOT_TOKEN = "root-of-the-tests"


@dataclass(frozen=True, slots=True)
class Vault:
    """A running server. `ask` sets things up in it, as root and not with the client that is tested."""

    port: int
    authority: Path

    @property
    def url(self) -> str:
        return f"https://localhost:{self.port}"

    def answer(
        self, path: str, token: str = ROOT_TOKEN, method: str = "GET", given: Any = None
    ) -> tuple[int, Any]:
        """The status and the body, to who shows this token."""
        context = ssl.create_default_context(cafile=str(self.authority))
        with httpx.Client(verify=context, trust_env=False, timeout=60) as client:
            headers = {"X-Vault-Token": token}
            answer = client.request(method, f"{self.url}/v1/{path}", json=given, headers=headers)
        return answer.status_code, answer.json() if answer.content else {}

    def ask(self, method: str, path: str, **given: Any) -> dict[str, Any]:
        """The `data` of the answer, or its `auth`."""
        status, body = self.answer(path, method=method, given=given or None)
        assert status < 300, body
        told: dict[str, Any] = body.get("data") or body.get("auth") or {}
        return told

    def token(self, policy: str) -> str:
        """One that may do what the policy says, and nothing else."""
        self.ask("POST", "sys/policies/acl/only", policy=policy)
        given = self.ask("POST", "auth/token/create", policies=["only"], no_default_policy=True)
        return str(given["client_token"])


@contextmanager
def served(folder: Path) -> Iterator[Vault]:
    """Empty, but for what development mode has. Raises Unbuildable."""
    program = built(PROGRAM) / "vault"
    port = processes.free_port()
    identity = folder / "identity"
    identity.mkdir()
    arguments = [
        "server",
        "-dev",
        "-dev-tls",
        "-dev-no-store-token",
        f"-dev-tls-cert-dir={identity}",
        f"-dev-listen-address=127.0.0.1:{port}",
        f"-dev-root-token-id={ROOT_TOKEN}",
    ]
    environment = {"HOME": str(folder)}
    log, ready = folder / "vault.log", "core: vault is unsealed"
    with processes.start([program, *arguments], log=log, ready=ready, environment=environment, seconds=120):
        yield Vault(port, identity / "vault-ca.pem")
