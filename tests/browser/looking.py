"""Debian's Chromium before a served installation: what its pages complain of, and how they look."""

import base64
import hashlib
import json
import ssl
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import serialization
from playwright.sync_api import Browser, Page, sync_playwright

from tests.console.logged_in import COOKIE
from tests.lengths import mostly_full
from tests.real import packages
from tests.real.certwright import CHECKOUT, Site

LIGHT, DARK = ("light", 1280), ("dark", 390)
ALL_LOOKS = [(scheme, width) for scheme in ("light", "dark") for width in (1280, 390)]
LOOKS = mostly_full(ALL_LOOKS, DARK)
"""For pages that are looked at one after another."""
CHROMIUM = "/usr/bin/chromium"
AXE = CHECKOUT / "assets/node_modules/axe-core/axe.min.js"
SCREENSHOTS = CHECKOUT / ".cache/screenshots"
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
SETTLED = "window.axe.run(document, {runOnly: %s}).then((found) => found.violations)"


def views(names: Sequence[str]) -> list[Any]:
    """Each page in every look (scheme, width); in the short run in one, turn and turn about."""
    every = [(name, *look) for name in names for look in ALL_LOOKS]
    return mostly_full(every, *((name, *(LIGHT, DARK)[turn % 2]) for turn, name in enumerate(names)))


@contextmanager
def chromium(port: int) -> Iterator[Browser]:
    """A browser that trusts the listener at this port and nothing else without a public certificate."""
    packages.need("chromium")
    trusted = f"--ignore-certificate-errors-spki-list={_key_digest(port)}"
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", trusted])
        yield opened
        opened.close()


@dataclass(slots=True)
class Looked:
    """A page that is open; `complaints` are what the browser said: errors, and what its policy forbade."""

    page: Page
    complaints: list[str] = field(default_factory=list)

    def violations(self) -> list[str]:
        """What axe-core finds wrong, one line each."""
        self.page.evaluate(AXE.read_text())
        found = self.page.evaluate(SETTLED % json.dumps(RULES))
        return [f"{one['id']}: {one['help']}: {node['html'][:200]}" for one in found for node in one["nodes"]]

    def keep(self, name: str) -> Path:
        """A picture of the whole page."""
        SCREENSHOTS.mkdir(parents=True, exist_ok=True)
        path = SCREENSHOTS / f"{name}.png"
        self.page.screenshot(path=path, full_page=True)
        return path


@contextmanager
def looking(
    browser: Browser, site: Site, session: str, scheme: str = "light", width: int = 1280
) -> Iterator[Looked]:
    """A page in a context of its own, for who has this session; `goto` takes paths."""
    context = browser.new_context(
        base_url=site.url("https", ""),
        color_scheme="dark" if scheme == "dark" else "light",
        viewport={"width": width, "height": 900},
    )
    context.add_cookies([{"name": COOKIE, "value": session, "url": site.url("https", ""), "secure": True}])
    looked = Looked(context.new_page())
    looked.page.on("pageerror", lambda error: looked.complaints.append(str(error)))
    looked.page.on("console", lambda said: said.type == "error" and looked.complaints.append(said.text))
    yield looked
    context.close()


def _key_digest(port: int) -> str:
    """SHA-256 of the listener's public key in base64, as Chromium wants it."""
    pem = ssl.get_server_certificate(("localhost", port))
    key = x509.load_pem_x509_certificate(pem.encode()).public_key()
    der = key.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    return base64.b64encode(hashlib.sha256(der).digest()).decode()
