"""A SAML identity provider: pysaml2 in an environment of its own, with xmlsec1 of Debian."""

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from html import unescape
from pathlib import Path

import httpx
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from tests.real import processes
from tests.real.environments import tool
from tests.real.packages import need

PROVIDER = Path(__file__).resolve().parent / "saml_provider" / "provider.py"
Form = dict[str, str]


@dataclass(frozen=True, slots=True)
class SamlProvider:
    """A running provider. `entity_id` is what it calls itself, `url` where it is."""

    url: str
    people: Path

    def person(self, subject: str, **attributes: object) -> None:
        """Who logs in as `subject` is this from now on; `signed` says what is (assertion, response or both),
        `proved_seconds_ago` when they have proved it there."""
        known = json.loads(self.people.read_text())
        self.people.write_text(json.dumps(known | {subject: attributes}))

    def log_in(self, url: str, subject: str) -> tuple[str, Form]:
        """Go there as a browser does, and log in as `subject`: where it sends one with which form."""
        with httpx.Client(timeout=30) as client:
            asked = form_of(client.get(url))[1]
            return form_of(client.post(f"{self.url}/sso", data=asked | {"login": subject}))


def form_of(page: httpx.Response) -> tuple[str, Form]:
    """The one form of a page: where it goes, and what is hidden in it."""
    assert page.status_code == 200, page.text
    action = re.search(r'<form method="post" action="([^"]+)"', page.text)
    assert action, page.text
    hidden = re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)"', page.text)
    return unescape(action[1]), {name: unescape(value) for name, value in hidden}


def entity_id(port: int) -> str:
    return f"http://127.0.0.1:{port}/provider"


def write_key(folder: Path) -> None:
    """`key.pem` and `certificate.pem` of a provider."""
    folder.mkdir(parents=True, exist_ok=True)
    key = rsa.generate_private_key(65537, 2048)
    form = (Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    (folder / "key.pem").write_bytes(key.private_bytes(*form))
    (folder / "certificate.pem").write_bytes(certificate(key))


def certificate(key: rsa.RSAPrivateKey) -> bytes:
    """Long over: of a pinned certificate only the key counts."""
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "provider")])
    then = datetime.now(UTC) - timedelta(days=900)
    builder = x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
    made = builder.not_valid_before(then).not_valid_after(then + timedelta(days=1)).sign(key, SHA256())
    return made.public_bytes(Encoding.PEM)


@contextmanager
def served(folder: Path, port: int, our_metadata: str) -> Iterator[SamlProvider]:
    """A provider with the key in `folder` at a loopback port, which has read our metadata."""
    need("xmlsec1")
    people, settings = folder / "people.json", folder / "settings.json"
    people.write_text("{}")
    (folder / "certwright.xml").write_text(our_metadata)
    provider = SamlProvider(f"http://127.0.0.1:{port}", people)
    given = {
        "entity_id": entity_id(port),
        "url": provider.url,
        "key": folder / "key.pem",
        "certificate": folder / "certificate.pem",
        "our_metadata": folder / "certwright.xml",
        "people": people,
    }
    settings.write_text(json.dumps({name: str(value) for name, value in given.items()}))
    command = [tool("pysaml2") / "python", PROVIDER, settings]
    with processes.start(command, log=folder / "log", port=port, ready="the provider listens", seconds=60):
        yield provider
