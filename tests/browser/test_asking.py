"""Ask for a certificate with scripts: the live preview, a key made in the browser, a key handed over."""

import os
import re
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import pkcs12
from playwright.sync_api import Browser, Page

from certwright.core.access import Grant, Role
from certwright.operations.context import Context
from certwright.operations.decide_request import approve_request
from tests.api.callers import csr
from tests.browser.looking import Looked, chromium, looking, views
from tests.conftest import RUN
from tests.console.logged_in import make_person
from tests.operations.approving import ALICE, ONE_STEP, rules
from tests.real import certwright as real_certwright
from tests.real.certwright import Home, Site

TLS = "/console/ask/for/tls-server/"
CLIENT = "/console/ask/for/tls-client/"


@dataclass(frozen=True, slots=True)
class Asking:
    site: Site
    browser: Browser = field(repr=False)
    session: str


@pytest.fixture(scope="module")
def asking(founded: Home, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Asking]:
    folder = tmp_path_factory.mktemp("asking") / "home"
    with real_certwright.copy(founded, folder, Path(os.environ[RUN])) as home:
        home.run(lambda context: rules(context, ONE_STEP))
        session = make_person(home, "ann", Grant(Role.REQUESTER))
        with home.served() as site, chromium(site.ports["https"]) as browser:
            yield Asking(site, browser, session)


@pytest.mark.parametrize(("path", "scheme", "width"), views(["/console/ask/", TLS, CLIENT]))
def test_pages_are_sound(asking: Asking, path: str, scheme: str, width: int) -> None:
    with looking(asking.browser, asking.site, asking.session, scheme, width) as looked:
        looked.page.goto(path, wait_until="networkidle")
        sound(looked, f"ask-{path.split('/')[-2]}-{scheme}-{width}")


def sound(looked: Looked, name: str) -> None:
    looked.keep(name)
    assert complaints(looked) == []
    assert looked.violations() == []
    overflow = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
    assert looked.page.evaluate(overflow) <= 0


def complaints(looked: Looked) -> list[str]:
    """Without htmx's word about a preview that a page change has cut short."""
    return [
        said for said in looked.complaints if not said.startswith(("htmx:afterRequest", "htmx:sendAbort"))
    ]


def test_the_preview_follows_what_is_written(asking: Asking) -> None:
    with looking(asking.browser, asking.site, asking.session) as looked:
        page = looked.page
        page.goto(TLS, wait_until="networkidle")
        page.fill("#id_names", "a.pay.test")
        page.locator("#preview", has_text="Waits for approval").wait_for()
        page.fill("#id_names", "ann@example.test")
        page.locator("#preview", has_text="policy.name.kind").wait_for()
        page.fill("#id_names", "<img src=x onerror=alert(1)>.test")
        page.locator("#preview", has_text="is not a DNS name").wait_for()
        sound(looked, "ask-refused")
        page.fill("#id_names", "")
        page.fill("#id_csr", csr("from-csr.example.test"))
        page.locator("#preview", has_text="Issued at once").wait_for()
        page.wait_for_function("document.getElementById('id_names').value === 'from-csr.example.test'")
        looked.keep("ask-previewed")
        assert looked.violations() == []
        page.click("button[value=ask]")
        page.wait_for_url("**/console/certificates/*/")
        assert "from-csr.example.test" in page.inner_text("h1")
        assert page.locator("[data-kept-key]").is_hidden()


@pytest.mark.parametrize("algorithm", ["ecdsa-p256", "ecdsa-p384", "rsa-3072"])
def test_a_key_made_in_the_browser_becomes_a_file(asking: Asking, tmp_path: Path, algorithm: str) -> None:
    with looking(asking.browser, asking.site, asking.session) as looked:
        page, sent = looked.page, []
        page.on("request", lambda request: sent.append(request.post_data_buffer or b""))
        ask_by_browser(page, f"{algorithm}.example.test", algorithm)
        page.wait_for_url("**/console/certificates/*/")
        page.locator("[data-kept=files]").wait_for()
        password = page.inner_text("#kept_password")
        if algorithm == "ecdsa-p256":
            sound(looked, "ask-kept")
        octets, pem = downloaded(page, "pkcs12", tmp_path), downloaded(page, "pem", tmp_path)
        key, certificate, chain = pkcs12.load_key_and_certificates(octets, password.encode())
        assert key
        assert certificate
        assert [one.subject for one in chain] == [certificate.issuer]
        assert key.public_key() == certificate.public_key()
        assert serialization.load_pem_private_key(pem, None).public_key() == certificate.public_key()
        assert read_by_openssl(octets, password, tmp_path)
        assert {one.name for one in tmp_path.iterdir()} >= {
            f"{algorithm}.example.test.p12",
            f"{algorithm}.example.test.key.pem",
        }
        assert not any(secret_of(pem) in body or password.encode() in body for body in sent)
        page.reload(wait_until="networkidle")
        assert page.locator("[data-kept-key]").is_hidden()
        assert complaints(looked) == []


def ask_by_browser(page: Page, name: str, algorithm: str = "ecdsa-p256") -> None:
    page.goto(TLS, wait_until="networkidle")
    page.fill("#id_names", name)
    page.check("input[name=key][value=browser]")
    page.select_option("#id_algorithm", algorithm)
    page.click("button[value=ask]")


def downloaded(page: Page, part: str, folder: Path) -> bytes:
    with page.expect_download() as waited:
        page.click(part if part.startswith("#") else f"[data-kept={part}]")
    waited.value.save_as(folder / waited.value.suggested_filename)
    return (folder / waited.value.suggested_filename).read_bytes()


def read_by_openssl(octets: bytes, password: str, folder: Path) -> bool:
    """OpenSSL reads it, says PBES2, AES-256 and SHA-256, and finds a certificate for the key."""
    path = folder / "file.p12"
    path.write_bytes(octets)
    command = ["openssl", "pkcs12", "-in", path, "-noenc", "-info", "-passin", "stdin"]
    read = subprocess.run(command, input=password, capture_output=True, text=True, check=True)
    assert "MAC: sha256" in read.stderr
    assert re.search(r"Shrouded Keybag: PBES2, PBKDF2, AES-256-CBC, .*PRF hmacWithSHA256", read.stderr)
    assert re.search(r"PKCS7 Encrypted data: PBES2, PBKDF2, AES-256-CBC", read.stderr)
    return "BEGIN PRIVATE KEY" in read.stdout and read.stdout.count("BEGIN CERTIFICATE") == 2


def secret_of(pem: bytes) -> bytes:
    """What of a private key must never be sent: its base64, one whole line."""
    return pem.splitlines()[2]


def test_the_key_waits_for_the_approval(asking: Asking, tmp_path: Path) -> None:
    with looking(asking.browser, asking.site, asking.session) as looked:
        page = looked.page
        ask_by_browser(page, "shop.pay.test")
        page.wait_for_url("**/console/ask/request/*/")
        page.locator("[data-kept=waits]").wait_for()
        password, place = page.inner_text("#kept_password"), page.url
        sound(looked, "ask-waits")
        identifier = int(place.rstrip("/").rpartition("/")[2])

        async def approve(context: Context) -> None:
            await approve_request(context, ALICE, identifier, "as agreed")

        with ThreadPoolExecutor(1) as elsewhere:  # a loop runs in this thread: Playwright's
            elsewhere.submit(asking.site.home.run, approve).result()
        page.goto(place, wait_until="networkidle")
        assert page.locator("#kept_password").is_hidden()
        page.fill("#kept_entered", "wrong")
        page.click("[data-kept=ask] button")
        page.locator("[data-kept=said]", has_text="not the password").wait_for()
        page.fill("#kept_entered", password)
        page.click("[data-kept=ask] button")
        page.locator("[data-kept=files]").wait_for()
        octets = downloaded(page, "pkcs12", tmp_path)
        key, certificate, _chain = pkcs12.load_key_and_certificates(octets, password.encode())
        assert certificate
        assert isinstance(key, ec.EllipticCurvePrivateKey)
        assert key.public_key() == certificate.public_key()


def test_a_refused_key_is_forgotten(asking: Asking) -> None:
    with looking(asking.browser, asking.site, asking.session) as looked:
        page = looked.page
        with page.expect_response(
            lambda answer: answer.request.method == "POST" and answer.url.endswith(TLS)
        ):
            ask_by_browser(page, "*.example.test,nonsense")  # the preview, which is another, says the same
        page.locator("text=is not a DNS name").first.wait_for()
        page.wait_for_load_state("networkidle")
        assert page.input_value("#id_csr") == ""
        assert page.is_checked("input[name=key][value=browser]")
        page.wait_for_function(NONE_KEPT)
        page.wait_for_function("sessionStorage.getItem('certwright.pending') === null")


NONE_KEPT = """() => new Promise((resolve) => {
  const opened = indexedDB.open('certwright', 1)
  opened.onupgradeneeded = () => opened.transaction.abort()  // the page makes it, not we
  opened.onerror = () => resolve(false)
  opened.onsuccess = () => {
    const counted = opened.result.transaction('keys').objectStore('keys').count()
    counted.onsuccess = () => { opened.result.close(); resolve(counted.result === 0) }
  }
})"""


def test_a_key_made_for_me_is_on_one_page(asking: Asking, tmp_path: Path) -> None:
    with looking(asking.browser, asking.site, asking.session) as looked:
        page = looked.page
        page.goto(CLIENT, wait_until="networkidle")
        page.fill("#id_subject_CN", "Build robot")
        page.check("input[name=key][value=server]")
        page.click("button[value=ask]")
        page.locator("#one_time_password").wait_for()
        sound(looked, "ask-handed-over")
        octets = downloaded(page, "#pkcs12", tmp_path)
        assert read_by_openssl(octets, page.inner_text("#one_time_password"), tmp_path)
        assert (tmp_path / "CN_Build_robot.p12").exists()
