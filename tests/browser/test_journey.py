"""The whole way by mouse, from nothing: the first log-in, a team, rules, asking, approving, serving.

Each step is one that a person takes, on pages alone; only nginx, and what asks it, are outside the browser.
"""

import re
import socket
import ssl
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page

from tests.browser.looking import SCREENSHOTS, chromium
from tests.browser.test_passkeys import AUTHENTICATOR
from tests.cli.serving import Ports, ports, up
from tests.real import packages
from tests.real.processes import free_port, start

NAME = "shop.pay.example"
SECRET = "correct horse battery staple"
RULES = """[[rule]]
name = "pay-needs-approval"
description = "Names of the payment systems are approved by the PKI team."
when.names.dns = [".pay.example"]
approval = [{ step = "pki", from = ["role:ra-officer"] }]
"""
PATIENCE = 60_000
"""Milliseconds that a page may take on a busy machine."""


@dataclass(frozen=True, slots=True)
class Installation:
    folder: Path
    ports: Ports
    password: str = field(repr=False)
    browser: Browser = field(repr=False)

    @property
    def root(self) -> Path:
        return self.folder / "home/root.pem"

    @contextmanager
    def person(self, name: str) -> Iterator[Page]:
        """A browser of their own, with an authenticator; what its scripts complain of fails the test."""
        context = self.browser.new_context(base_url=f"https://localhost:{self.ports.https}")
        page = context.new_page()
        page.set_default_timeout(PATIENCE)
        complaints: list[str] = []
        page.on("pageerror", lambda error: complaints.append(str(error)))
        session = context.new_cdp_session(page)
        session.send("WebAuthn.enable")
        session.send("WebAuthn.addVirtualAuthenticator", {"options": AUTHENTICATOR})
        try:
            yield page
        finally:
            keep(page, f"last-{name}")  # where it failed, if it did
            context.close()
        assert complaints == []


@pytest.fixture
def installation(tmp_path: Path) -> Iterator[Installation]:
    """`certwright up` in an empty folder, as it is told in the README."""
    packages.need("nginx-light")
    home, chosen = tmp_path / "home", ports()
    with up(home, tmp_path / "log", *chosen.options) as server, chromium(chosen.https) as browser:
        said = re.search(r"^password +(\S+)", server.output, re.MULTILINE)
        assert said, server.output
        yield Installation(tmp_path, chosen, said[1], browser)


def keep(page: Page, name: str) -> None:
    SCREENSHOTS.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=SCREENSHOTS / f"journey-{name}.png", full_page=True)


def first_log_in(page: Page, name: str, password: str) -> None:
    page.goto("/login/")
    page.get_by_label("Name").fill(name)
    page.get_by_label("Password").fill(password)
    page.get_by_role("button", name="Log in", exact=True).click()
    page.get_by_label("Password", exact=True).fill(SECRET)
    page.get_by_label("Password (again)").fill(SECRET)
    page.get_by_role("button", name="Set the password").click()
    page.wait_for_url("**/console/")


def add_passkey(page: Page) -> None:
    page.goto("/console/account/passkeys/add/")
    page.get_by_role("button", name="Add it").click()
    page.wait_for_url("**/recovery-codes/")


def add_person(page: Page, name: str) -> str:
    """Their first password."""
    page.goto("/console/people/")
    page.get_by_role("link", name="New account").click()
    page.get_by_label("Name", exact=True).fill(name)
    page.get_by_role("button", name="Make it").click()
    shown = page.locator("#first_password")
    shown.wait_for()
    return shown.inner_text().strip()


def add_team(page: Page, name: str, member: str) -> None:
    page.goto("/console/teams/")
    page.get_by_role("link", name="New team").click()
    page.get_by_label("Name", exact=True).fill(name)
    page.get_by_role("button", name="Make it").click()
    page.get_by_label("Account", exact=True).fill(member)
    page.get_by_role("button", name="Put in").click()
    page.get_by_role("cell", name=member, exact=True).wait_for()
    give_role(page, "requester", f"team:{name}")


def give_role(page: Page, role: str, scope: str) -> None:
    """On the page of whoever gets it."""
    page.get_by_label("Role", exact=True).select_option(role)
    page.get_by_label("Within").fill(scope)
    page.get_by_role("button", name="Give").click()
    page.get_by_role("cell", name=scope, exact=True).wait_for()


def write_policy(page: Page) -> None:
    """A draft, what it would do to all that is on record, and into force."""
    page.goto("/console/policy/")
    page.get_by_role("link", name="Write the first rules").click()
    page.get_by_label("Rules").first.fill(RULES)
    page.get_by_role("button", name="Look at what it would do").click()
    page.get_by_text("Nobody would be affected").first.wait_for()
    keep(page, "draft")
    page.get_by_role("link", name="Put it in force").click()
    page.get_by_label("Why").fill("Payments are looked at by people.")
    page.get_by_role("button", name="Put it in force").click()
    page.get_by_text("Version 1 is in force").wait_for()


def ask(page: Page, team: str) -> str:
    """With a key made in the browser: the password of the file to be."""
    page.goto("/console/ask/")
    page.get_by_role("link").filter(has_text="server").first.click()
    page.get_by_label("Names").fill(NAME)
    page.get_by_label("Make the key in this browser").check()
    page.get_by_label("Team").select_option(team)
    page.locator("#preview").get_by_text("Waits for approval").wait_for()
    keep(page, "asking")
    page.get_by_role("button", name="Ask for it").click()
    shown = page.locator("#kept_password")
    shown.wait_for()
    keep(page, "asked")
    return shown.inner_text().strip()


def approve(page: Page) -> None:
    page.goto("/console/requests/")
    page.get_by_role("link", name=NAME).first.click()
    keep(page, "approving")
    page.get_by_role("button", name="Approve", exact=True).click()
    page.get_by_text("issued").first.wait_for()


def download(page: Page, password: str, folder: Path) -> Path:
    """PKCS #12, assembled by the browser."""
    page.goto("/console/requests/")
    page.get_by_role("link", name="Asked for by me").click()
    page.get_by_role("link", name=NAME).first.click()
    page.locator("main").get_by_role("link", name=re.compile("[Cc]ertificate")).first.click()
    page.get_by_label("The password that was shown when you asked").fill(password)
    page.get_by_role("button", name="Make my file").click()
    with page.expect_download() as waiting:
        page.get_by_role("link", name="Download PKCS #12 (.p12)").click()
    keep(page, "downloaded")
    path = folder / "got.p12"
    waiting.value.save_as(path)
    return path


@contextmanager
def served_by_nginx(file: Path, password: str, folder: Path) -> Iterator[int]:
    port = free_port()
    for what, name in (("-nokeys", "chain.pem"), ("-nocerts", "key.pem")):
        command = ["openssl", "pkcs12", "-in", file, what, "-noenc", "-passin", f"pass:{password}"]
        subprocess.run([*command, "-out", folder / name], check=True, capture_output=True)
    configuration = folder / "nginx.conf"
    configuration.write_text(f"""
daemon off; pid {folder}/nginx.pid; error_log stderr; user root; worker_processes 1;
events {{ worker_connections 64; }}
http {{
  access_log off; client_body_temp_path {folder}/a; proxy_temp_path {folder}/b; fastcgi_temp_path {folder}/c;
  uwsgi_temp_path {folder}/d; scgi_temp_path {folder}/e;
  server {{
    listen 127.0.0.1:{port} ssl; ssl_certificate {folder}/chain.pem; ssl_certificate_key {folder}/key.pem;
  }}
}}
""")
    with start(["nginx", "-p", folder, "-c", configuration], log=folder / "nginx.log", port=port):
        yield port


def presented(port: int, root: Path) -> list[str]:
    """Names of the certificate that a client who trusts the root alone is shown, and accepts."""
    trust = ssl.create_default_context(cafile=root)
    wire = socket.create_connection(("127.0.0.1", port), timeout=10)
    with trust.wrap_socket(wire, server_hostname=NAME) as connection:
        certificate = connection.getpeercert()
    assert certificate
    return [value for kind, value in certificate["subjectAltName"] if kind == "DNS"]


@pytest.mark.timeout(600)
def test_from_the_first_log_in_to_a_served_certificate(installation: Installation) -> None:
    with installation.person("administrator") as administrator:
        first_log_in(administrator, "administrator", installation.password)
        add_passkey(administrator)
        first = {name: add_person(administrator, name) for name in ("rita", "olga")}
        administrator.goto("/console/people/of/olga/")
        give_role(administrator, "ra-officer", "*")
        add_team(administrator, "pay", "rita")
        write_policy(administrator)
        with installation.person("rita") as requester, installation.person("olga") as officer:
            first_log_in(requester, "rita", first["rita"])
            password = ask(requester, "pay")
            first_log_in(officer, "olga", first["olga"])
            approve(officer)
            file = download(requester, password, installation.folder)
        with served_by_nginx(file, password, installation.folder) as port:
            assert presented(port, installation.root) == [NAME]
        team = administrator.locator("main").get_by_role("link", name="pay", exact=True)
        for _ in range(60):  # the worker counts now and then
            administrator.goto("/console/")
            if team.count():
                break
            administrator.wait_for_timeout(1000)
        team.click()
        row = administrator.get_by_role("row").filter(has_text=NAME)
        row.wait_for()
        assert "pay" in row.inner_text()
        keep(administrator, "seen")
