"""The console lane: Django, its start page, its headers, its bounds."""

import hashlib
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import httpx

from tests.real.databases import Database
from tests.site.running import REPOSITORY, Site, make_home, running, until
from tests.site.test_transport import connection

FACTS = """
import django, datetime
django.setup()
from certwright.store.models import *
now = datetime.datetime.now(datetime.UTC)
Installation.objects.create(id=1, organization="Toys <&> Sons", base_url="http://localhost", embedded=True,
    revision=1, created_at=now, nonce_key=b"")
root = Authority.objects.create(id=1, name="root", kind="root", crl_shards=1, created_at=now, version=1)
AuthorityGeneration.objects.create(id=1, authority=root, number=1, key_provider="software",
    key_algorithm="ecdsa-p256", key_reference=b"", spki_sha256=b"", subject="CN=Toy Root", profile="root",
    certificate=b"der", chain=b"", created_at=now, version=1)
Endpoint.objects.create(id=1, protocol="acme", name="default", authority=root, profiles="[]", policy="{}",
    settings="{}", enabled=True, version=1)
"""

CREDENTIALS = {"Cookie": "a=b; __Host-certwright=nonsense", "Authorization": "Bearer nonsense"}
SLOW = (
    b"POST / HTTP/1.1\r\nHost: localhost\r\nReferer: https://localhost/\r\n"
    b"Cookie: __Host-certwright=nonsense; __Host-certwright-csrf=aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\r\n"
    b"Content-Type: application/x-www-form-urlencoded\r\nContent-Length: %d\r\n\r\n"
)


@contextmanager
def console(folder: Path, url: str, facts: str = "") -> Iterator[Site]:
    """A site on a database, after `facts` has been run with Django's settings."""
    home = folder / "home"
    environment = {"CERTWRIGHT_DATABASE": url}
    if facts:
        make_home(home)
        settings = {"CERTWRIGHT_HOME": str(home), "DJANGO_SETTINGS_MODULE": "certwright.site.settings"}
        subprocess.run(
            [sys.executable, "-c", facts],
            env={**os.environ, **environment, **settings},
            cwd=REPOSITORY,
            check=True,
        )
    with running(home, environment=environment) as site:
        yield site


def test_the_start_page_says_where_to_go(tmp_path: Path, database: Database) -> None:
    with console(tmp_path, database.url, FACTS) as site:
        answer = site.get("https", "/")
        assert answer.status_code == 200
        assert "Toys &lt;&amp;&gt; Sons" in answer.text
        assert f"https://localhost:{site.ports['https']}/acme/default/directory" in answer.text
        assert 'href="/ca/root/1.cer"' in answer.text
        assert f"<code>{hashlib.sha256(b'der').hexdigest()}</code>" in answer.text
        assert 'href="/api/docs"' in answer.text
        assert "<title>Certwright: Toys &lt;&amp;&gt; Sons</title>" in answer.text
        assert "Everything works." in answer.text
        (site.home / "unready").touch()
        until(lambda: "the toy is not ready" in site.get("https", "/").text)


def test_an_empty_database_teaches_the_next_step(tmp_path: Path, database: Database) -> None:
    with console(tmp_path, database.url) as site:
        text = site.get("https", "/").text
        assert "<title>Certwright</title>" in text
        assert "certwright init" in text
        assert "No root authority" in text


def test_pages_are_locked_down_and_need_nothing_from_elsewhere(tmp_path: Path, database: Database) -> None:
    with console(tmp_path, database.url) as site:
        answer = site.get("https", "/")
        policy = answer.headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
        assert answer.headers["x-frame-options"] == "DENY"
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["referrer-policy"] == "same-origin"
        assert "no-store" in answer.headers["cache-control"]
        assert "strict-transport-security" not in answer.headers
        assert not re.search(r"<script|<style|style=|//[a-z]", answer.text.replace(site.url("https"), ""))
        icon, sheet = re.findall(r'href="(/static/[^"]+)"', answer.text)
        assert site.get("https", icon).headers["content-type"] == "image/svg+xml"
        assert site.get("https", "/favicon.ico").headers["location"] == icon
        style = site.get("https", sheet)
        assert (style.status_code, style.headers["content-type"]) == (200, 'text/css; charset="utf-8"')
        assert site.get("https", "/static/../settings.py").status_code == 404
        assert site.get("https", "/nothing").status_code == 404
        assert httpx.post(site.url("https", "/"), verify=site.trust(), timeout=60).status_code in (403, 405)


def test_other_than_loopback_has_hsts(tmp_path: Path, database: Database) -> None:
    environment = {"CERTWRIGHT_DATABASE": database.url, "CERTWRIGHT_MTLS": "0.0.0.0:8444"}
    home = tmp_path / "home"
    make_home(home)
    script = "from certwright.site.settings import *; print(SECURE_HSTS_SECONDS)"
    run = subprocess.run(
        [sys.executable, "-c", script],
        env={**os.environ, **environment, "CERTWRIGHT_HOME": str(home)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert int(run.stdout) > 10_000_000


def test_bodies_to_the_console_have_a_bound(tmp_path: Path, database: Database) -> None:
    with console(tmp_path, database.url) as site, httpx.Client(verify=site.trust(), timeout=60) as client:
        url = site.url("https", "/nothing")
        assert client.post(url, content=iter([b"a"])).status_code == 400
        for size, stranger, caller in ((100, 404, 404), (1024, 413, 404), (11 * 1024, 413, 413)):
            content = b"a" * size * 1024
            assert client.post(url, content=content).status_code == stranger
            for name, value in CREDENTIALS.items():
                assert client.post(url, content=content, headers={name: value}).status_code == caller


def test_slow_bodies_hold_no_thread(tmp_path: Path, database: Database) -> None:
    """Twice as many as there are threads, and as many large ones as there may be."""
    with console(tmp_path, database.url) as site, ExitStack() as stack:
        for size, count in ((1000, 8), (1024 * 1024, 8)):
            for _ in range(count):
                connected = stack.enter_context(connection(site, "https"))
                connected.sendall(SLOW % size + b"x")
        site.get("https", "/healthz")
        assert site.get("https", "/").status_code == 200
        with httpx.Client(verify=site.trust(), timeout=60) as client:
            url, headers = site.url("https", "/nothing"), CREDENTIALS
            until(lambda: client.post(url, content=b"a" * 300_000, headers=headers).status_code == 503)
            assert client.post(url, content=b"a" * 1000, headers=headers).status_code == 404


def test_half_a_body_is_none(tmp_path: Path, database: Database) -> None:
    with console(tmp_path, database.url) as site:
        for _ in range(12):
            with connection(site, "https") as connected:
                connected.sendall(SLOW % (1024 * 1024) + b"x" * 100)
        url = site.url("https", "/nothing")
        with httpx.Client(verify=site.trust(), timeout=60) as client:
            until(lambda: client.post(url, content=b"a" * 300_000, headers=CREDENTIALS).status_code == 404)


def test_a_broken_database_is_said_on_the_page(tmp_path: Path) -> None:
    with console(tmp_path, f"sqlite:///{tmp_path}/no/such/folder.sqlite3") as site:
        answer = site.get("https", "/")
        assert answer.status_code == 503
        assert "The database cannot be read" in answer.text
        assert site.get("https", "/healthz").status_code == 200


def test_sqlite_is_durable_and_waits(tmp_path: Path) -> None:
    home = tmp_path / "home"
    make_home(home)
    script = (
        "import django; django.setup()\n"
        "from django.db import connection\n"
        "for name in ('journal_mode', 'synchronous', 'busy_timeout', 'foreign_keys'):\n"
        "    print(connection.cursor().execute('PRAGMA ' + name).fetchone()[0])\n"
        "from django.contrib.auth.hashers import make_password\n"
        "print(make_password('x').partition('$')[0])\n"
    )
    environment = {"CERTWRIGHT_HOME": str(home), "DJANGO_SETTINGS_MODULE": "certwright.site.settings"}
    run = subprocess.run(
        [sys.executable, "-c", script], env={**os.environ, **environment}, capture_output=True, text=True
    )
    assert run.stdout.split() == ["wal", "2", "5000", "1", "argon2"], run.stderr
