"""Endpoints by hand, and what the page tells clients to do, done."""

import html
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from cryptography import x509

from certwright.core.access import Grant, Role
from tests.conftest import RUN
from tests.console.browsing import alerts, element, events
from tests.console.logged_in import People, make_people
from tests.real import certwright as real_certwright
from tests.real.certwright import Home
from tests.real.challenge_ports import challenge_ports
from tests.real.packages import need

DEFAULT = "/console/endpoints/acme/default/"
BOUND = "/console/endpoints/acme/bound/"
SECONDS = 120


@pytest.fixture(scope="module")
def people(founded: Home, tmp_path_factory: pytest.TempPathFactory) -> Iterator[People]:
    folder = tmp_path_factory.mktemp("endpoints") / "home"
    with real_certwright.copy(founded, folder, Path(os.environ[RUN])) as home:
        home.endpoint("bound", {"require_account_binding": True})
        grants = {"admin": [Grant(Role.ADMINISTRATOR)], "auditor": [Grant(Role.AUDITOR)]}
        sessions = make_people(home, grants)
        with home.served() as site:
            yield People(home, site, sessions)


def setup(page: httpx.Response, client: str) -> str:
    """What the page says to paste for a client."""
    found = re.search(rf'<pre id="setup-{client}"[^>]*>(.*?)</pre>', page.text, re.DOTALL)
    assert found, page.text
    return html.unescape(found[1])


def pasted(folder: Path, *texts: str, **environment: str) -> str:
    """Run them in one folder as somebody would who pastes them into a shell."""
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    done = subprocess.run(
        ["/bin/sh", "-e"],
        input="".join(texts),
        env={**os.environ, "PATH": path, "HOME": str(folder), **environment},
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=SECONDS,
    )
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    return done.stdout


def new_key(people: People, name: str) -> httpx.Response:
    made = people.send(f"{BOUND}key/", page=f"{BOUND}key/", name=name, days="7")
    assert made.status_code == 201, alerts(made)
    return made


def test_certbot_enrols_with_the_line_of_the_page(people: People, tmp_path: Path) -> None:
    """Where an account must be bound, with the key in it. What people answer at the terminal, and whose
    folders certbot takes, a file says."""
    made = new_key(people, "certbot-team")
    kept = tmp_path / ".config/letsencrypt"
    kept.mkdir(parents=True)
    folders = "".join(f"{name}-dir = {tmp_path / name}\n" for name in ("config", "work", "logs"))
    (kept / "cli.ini").write_text(f"{folders}non-interactive = true\nhttp-01-address = 127.0.0.1\n")
    with challenge_ports():
        pasted(tmp_path, setup(made, "root"), setup(made, "certbot"))
    certificate = x509.load_pem_x509_certificate(
        (tmp_path / "config/live/demo.localhost/cert.pem").read_bytes()
    )
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == ["demo.localhost"]
    page = people.page(BOUND).text
    account = re.search(r'name="which" value="(\d+)"', page)
    assert account
    assert f"has bound {account[1]}" in page
    assert people.send(BOUND, page=BOUND, act="revoke_account", which=account[1]).status_code == 302
    again = people.send(BOUND, page=BOUND, act="revoke_account", which=account[1])
    assert (again.status_code, alerts(again)) == (409, [f"account {account[1]} is revoked already"])


def test_lego_enrols_with_the_line_of_the_page(people: People, tmp_path: Path) -> None:
    need("lego")
    page = people.page(DEFAULT)
    with challenge_ports():
        pasted(tmp_path, setup(page, "root"), setup(page, "lego"))
    certificate = tmp_path / ".lego/certificates/demo.localhost.crt"
    assert x509.load_pem_x509_certificate(certificate.read_bytes())


def test_caddy_takes_the_file_of_the_page(people: People, tmp_path: Path) -> None:
    need("caddy")
    made = new_key(people, "caddy-team")
    (tmp_path / "Caddyfile").write_text(setup(made, "caddy"))
    adapted = pasted(tmp_path, "caddy adapt --config Caddyfile --adapter caddyfile\n")
    assert people.site.acme("bound") in adapted
    assert element(made, "mac_key") in adapted


def test_a_key_is_shown_once_and_revoked(people: People) -> None:
    made = new_key(people, "web-team")
    key = element(made, "mac_key")
    for client in ("certbot", "lego", "acme-sh", "caddy", "mod-md", "nginx", "cert-manager"):
        assert key in setup(made, client)
        assert people.site.acme("bound") in setup(made, client)
    page = people.page(BOUND)
    assert "web-team" in page.text
    assert key not in page.text
    assert "KEY-SHOWN-ONCE" in setup(page, "certbot")
    assert "eab" not in setup(people.page(DEFAULT), "certbot")
    assert people.send(BOUND, page=BOUND, act="revoke_key", which="web-team").status_code == 302
    revoked = events(people.home, "acme.external-account-key-revoked", "external-account-key:web-team")
    assert revoked[0]["actor"] == "user:admin"
    assert people.send(BOUND, page=BOUND, act="revoke_key", which="web-team").status_code == 409
    refused = people.send(f"{BOUND}key/", page=f"{BOUND}key/", name="no name!")
    assert refused.status_code == 400
    assert "is no key name" in alerts(refused)[0]


def test_an_endpoint_is_made_changed_closed_and_brought_back(people: People) -> None:
    new = "/console/endpoints/new/"
    fields = {
        "authority": "issuing",
        "profiles": "tls-server, tls-server-client",
        "policy": '{"names": {"allow": {"dns": [".apps.example.test"]}}}',
        "settings": "{}",
    }
    made = people.send(new, page=new, name="apps", **fields)
    assert made.headers["location"] == "/console/endpoints/acme/apps/"
    twice = people.send(new, page=new, name="apps", **fields)
    assert (twice.status_code, "already" in twice.text) == (400, True)
    page = people.page("/console/endpoints/acme/apps/")
    assert ".apps.example.test" in page.text
    assert "-d www.apps.example.test" in setup(page, "certbot")
    edit = "/console/endpoints/acme/apps/edit/"
    wrong = people.send(edit, page=edit, **fields | {"policy": "{no json"})
    assert wrong.status_code == 400
    assert "This is no JSON" in wrong.text
    wrong = people.send(edit, page=edit, **fields | {"settings": '{"callenges": []}'})
    assert (wrong.status_code, "settings.callenges" in alerts(wrong)[0]) == (400, True)
    changed = people.send(edit, page=edit, **fields | {"policy": '{"maximum_lifetime": "30d"}'})
    assert changed.status_code == 302
    assert "30d at the most" in people.page("/console/endpoints/acme/apps/").text
    close = "/console/endpoints/acme/apps/close/"
    assert people.send(close, page=close).status_code == 302
    assert "out of use" in people.page("/console/endpoints/acme/apps/").text
    assert people.send(edit, page=edit, **fields).status_code == 302
    assert "in use" in people.page("/console/endpoints/acme/apps/").text


def test_who_may_only_look_sees_no_keys_and_changes_nothing(people: People) -> None:
    page = people.page(BOUND, "auditor")
    assert page.status_code == 200
    assert "Keys that bind accounts" not in page.text
    assert "Change it" not in page.text
    for path in ("edit/", "close/", "key/"):
        assert people.page(BOUND + path, "auditor").status_code == 403
    sent = people.send(BOUND, "auditor", act="revoke_key", which="web-team")
    assert sent.status_code == 403
