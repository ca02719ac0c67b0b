"""Debian's Chromium, driven by Playwright, before a served installation."""

import base64
import hashlib
import ssl
from collections.abc import Iterator

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from playwright.sync_api import Browser, Page, sync_playwright

from tests.real import packages
from tests.real.certwright import Site

CHROMIUM = "/usr/bin/chromium"


@pytest.fixture
def browser(certwright: Site) -> Iterator[Browser]:
    """It trusts this installation's listener and nothing else that has no public certificate."""
    packages.need("chromium")
    trusted = f"--ignore-certificate-errors-spki-list={_key_digest(certwright)}"
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", trusted])
        yield opened
        opened.close()


@pytest.fixture
def page(browser: Browser, certwright: Site) -> Iterator[Page]:
    """A page in a context of its own; `goto` takes paths. What its scripts complain of fails the test."""
    context = browser.new_context(base_url=certwright.url("https", ""))
    made = context.new_page()
    complaints: list[str] = []
    made.on("pageerror", lambda error: complaints.append(str(error)))
    made.on("console", lambda said: complaints.append(said.text) if said.type == "error" else None)
    yield made
    context.close()
    assert complaints == []


def _key_digest(site: Site) -> str:
    """SHA-256 of the listener's public key in base64, as Chromium wants it."""
    pem = ssl.get_server_certificate(("localhost", site.ports["https"]))
    key = x509.load_pem_x509_certificate(pem.encode()).public_key()
    der = key.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    return base64.b64encode(hashlib.sha256(der).digest()).decode()
