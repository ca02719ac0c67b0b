"""A served installation whose names are proved in a DNS server of the test's own, and clients for it."""

import os
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from ipaddress import ip_address
from pathlib import Path
from secrets import token_hex
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ed25519

from tests.protocols.acme.raw_client import Key, RawClient, new_key, text64
from tests.real.certwright import Home, Site, claim_ports
from tests.real.dns_server import DnsServer

ZONE = "acme.test"


@dataclass
class Acme:
    """A running server. Names below ZONE are proved by dns-01, and resolve to `address`, a loopback address
    that is this test module's alone: on its ports 5002 and 5001 the other challenges are answered."""

    site: Site
    dns: DnsServer
    address: str
    clients: list[RawClient] = field(default_factory=list)

    @property
    def home(self) -> Home:
        return self.site.home

    def name(self, label: str = "") -> str:
        """A name nobody has had yet."""
        return f"{label}{token_hex(5)}.{ZONE}"

    def other_ports(self) -> dict[str, int]:
        """For a second site of the same installation."""
        return claim_ports(Path(os.environ["CERTWRIGHT_TEST_RUN"]))

    def endpoint(
        self,
        name: str,
        settings: Mapping[str, Any] | None = None,
        policy: Mapping[str, Any] | None = None,
        profiles: tuple[str, ...] = ("tls-server",),
    ) -> str:
        """Make or change an endpoint, and wait until it is served so, as its website tells; its name."""
        website = f"https://{token_hex(8)}.example/"
        self.home.endpoint(name, {**(settings or {}), "website": website}, policy, profiles)
        until(lambda: self._website(name) == website)
        return name

    def _website(self, endpoint: str) -> str:
        directory = self.site.get("https", f"/acme/{endpoint}/directory").json()
        found: str = directory.get("meta", {}).get("website", "")
        return found

    def client(self, endpoint: str = "default", key: Key | None = None, port: int = 0) -> RawClient:
        """Without an account. `port` leads to another site of the same installation."""
        client = RawClient(self.site.acme(endpoint), self.site.trust(), key or new_key(), port=port)
        self.clients.append(client)
        return client

    def registered(self, endpoint: str = "default", key: Key | None = None) -> RawClient:
        client = self.client(endpoint, key)
        client.register()
        return client

    def publish(self, client: RawClient, authorization: str) -> dict[str, str]:
        """Put what dns-01 wants to find into the zone; the challenge."""
        name = client.post(authorization).json["identifier"]["value"]
        challenge = client.challenge(authorization, "dns-01")
        digest = hashes.Hash(hashes.SHA256())
        digest.update(client.key_authorization(challenge["token"]).encode())
        self.dns.add(
            ZONE, f"_acme-challenge.{name.removesuffix('.' + ZONE)}", "TXT", text64(digest.finalize())
        )
        return challenge

    def prove(self, client: RawClient, order: dict[str, Any]) -> None:
        """Make every authorization of an order valid, by dns-01."""
        for authorization in order["authorizations"]:
            if client.post(authorization).json["status"] == "pending":
                client.post(self.publish(client, authorization)["url"], {})
                assert client.poll(authorization, "pending")["status"] == "valid"

    def ready(self, client: RawClient, *names: str, **more: Any) -> dict[str, Any]:
        """An order that may be finalized, with its URL as `url`."""
        reply = client.order(*names, **more)
        assert reply.status == 201, reply.content
        self.prove(client, reply.json)
        return {**client.post(reply.headers["location"]).json, "url": reply.headers["location"]}

    def issue(
        self, client: RawClient, *names: str, key: Key | None = None, **more: Any
    ) -> tuple[dict[str, Any], list[x509.Certificate]]:
        """The whole way to a certificate: the order, and the chain as served."""
        order = self.ready(client, *names, **more)
        reply = client.finalize(order, make_csr(names, key))
        assert (reply.status, reply.json["status"]) == (200, "valid"), reply.content
        chain = client.post(reply.json["certificate"])
        return {**reply.json, "url": order["url"]}, x509.load_pem_x509_certificates(chain.content)


def until(condition: Callable[[], bool], seconds: float = 30) -> None:
    """Wait for what another process brings about."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not come about"
        time.sleep(0.05)


def make_csr(names: tuple[str, ...], key: Key | None = None, common_name: str = "") -> bytes:
    """A CSR in DER for names and addresses."""
    values: list[x509.GeneralName] = []
    for name in names:
        try:
            values.append(x509.IPAddress(ip_address(name)))
        except ValueError:
            values.append(x509.DNSName(name))
    subject = [x509.NameAttribute(x509.NameOID.COMMON_NAME, common_name)] if common_name else []
    builder = x509.CertificateSigningRequestBuilder().subject_name(x509.Name(subject))
    if values:
        builder = builder.add_extension(x509.SubjectAlternativeName(values), critical=False)
    digest = None if isinstance(key, ed25519.Ed25519PrivateKey) else hashes.SHA256()
    return builder.sign(key or new_key(), digest).public_bytes(serialization.Encoding.DER)
