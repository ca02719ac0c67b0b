"""A stand-in for AWS: the server of moto, in an environment of its own. It keeps things in memory, and checks
signatures with the code of AWS's own client library once `guarded`."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import httpx

from certwright.core.egress import EgressPolicy
from certwright.plugins.discovery.aws.answers import Element, xml_root
from certwright.plugins.discovery.aws.services import Interface
from certwright.plugins.discovery.aws.settings import AwsSettings
from tests.real import processes
from tests.real.environments import tool

LOOPBACK = EgressPolicy(allow_loopback=True)
REGION = "eu-central-1"
ACCOUNT = "123456789012"
SECONDS = 60
"""It reads in each service when that is first asked for."""


def _for(interface: Interface, region: str) -> dict[str, str]:
    """Nobody's signature: while it is not guarded, moto reads from it for which service a call is."""
    scope = f"20200101/{region}/{interface.host}/aws4_request"
    return {"authorization": f"AWS4-HMAC-SHA256 Credential=x/{scope}, SignedHeaders=host, Signature=x"}


@dataclass(frozen=True, slots=True)
class Moto:
    """A running stand-in. `json` and `query` set things up in it, not with the client that is tested."""

    url: str

    @property
    def settings(self) -> AwsSettings:
        return AwsSettings("AKIAOWNER", "of/the/owner", endpoints={"*": self.url}, policy=LOOPBACK)

    def json(self, interface: Interface, action: str, region: str = REGION, **parameters: Any) -> Any:
        headers = _for(interface, region) | {"x-amz-target": f"{interface.target}.{action}"}
        headers["content-type"] = "application/x-amz-json-1.1"
        answer = httpx.post(self.url, json=parameters, headers=headers, timeout=SECONDS)
        assert answer.is_success, answer.text
        return answer.json() if answer.content else {}

    def query(
        self, interface: Interface, action: str, parameters: Mapping[str, str], region: str = REGION
    ) -> Element:
        """Its whole answer."""
        form = {"Action": action, "Version": interface.version, **parameters}
        answer = httpx.post(self.url, data=form, headers=_for(interface, region), timeout=SECONDS)
        assert answer.is_success, answer.text
        return xml_root(answer.content)

    def post(self, interface: Interface, path: str, body: str) -> Element:
        """To an interface that speaks REST with XML; the created document."""
        url = f"{self.url}/{interface.version}{path}"
        answer = httpx.post(url, content=body, headers=_for(interface, "us-east-1"), timeout=SECONDS)
        assert answer.is_success, answer.text
        return xml_root(answer.content)

    @contextmanager
    def guarded(self) -> Iterator[None]:
        """From now on it takes only calls that are signed with the key of somebody who may."""
        self._guard("0")
        try:
            yield
        finally:
            self._guard("inf")

    def _guard(self, unguarded: str) -> None:
        httpx.post(f"{self.url}/moto-api/reset-auth", content=unguarded).raise_for_status()

    def forget(self) -> None:
        httpx.post(f"{self.url}/moto-api/reset").raise_for_status()


def as_user(settings: AwsSettings, key: str, secret: str) -> AwsSettings:
    return replace(settings, access_key_id=key, secret_access_key=secret)


@contextmanager
def served(folder: Path) -> Iterator[Moto]:
    port = processes.free_port()
    arguments = [tool("moto") / "moto_server", "-H", "127.0.0.1", "-p", str(port)]
    environment = {"MOTO_ACM_VALIDATION_WAIT": "0", "no_proxy": "*"}
    with processes.start(arguments, log=folder / "moto.log", port=port, environment=environment):
        yield Moto(f"http://127.0.0.1:{port}")
