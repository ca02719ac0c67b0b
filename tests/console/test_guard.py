"""Every page is guarded, unless it is named: all addresses that Django knows, without a session."""

import json
import os
import re
import subprocess
import sys
from typing import Any

import pytest

from tests.console.browsing import Browser
from tests.real.certwright import CHECKOUT, Home

PUBLIC = {"/", "/favicon.ico", "/login/", "/login/passkey/", "/login/factor/"}
PUBLIC |= {"/login/from/name/", "/login/from/name/done/", "/login/certificate/"}
PUBLIC |= {"/login/saml/name/", "/login/saml/name/acs", "/login/saml/name/metadata"}
LIST = """
import json, django
django.setup()
from django.urls import get_resolver
def walk(resolver, prefix):
    for one in resolver.url_patterns:
        route = prefix + str(one.pattern)
        if hasattr(one, "url_patterns"):
            yield from walk(one, route)
        else:
            yield route
print(json.dumps(list(walk(get_resolver(), "/"))))
"""
VALUES = {"int": "1", "str": "name", "slug": "name"}


@pytest.fixture(scope="module")
def paths(home: Home) -> Any:
    """Every address of the console, its parameters filled in."""
    settings = {"CERTWRIGHT_HOME": str(home.folder), "DJANGO_SETTINGS_MODULE": "certwright.site.settings"}
    done = subprocess.run(
        [sys.executable, "-c", LIST],
        env={**os.environ, **settings},
        cwd=CHECKOUT,
        capture_output=True,
        text=True,
        check=True,
    )
    routes = [route for route in json.loads(done.stdout) if not route.startswith("/api/")]
    return [re.sub(r"<(\w+):\w+>", lambda found: VALUES[found[1]], route) for route in routes]


def test_strangers_are_sent_to_log_in(paths: list[str], someone: Browser) -> None:
    assert len(paths) > 25
    someone.get("/login/")
    for path in set(paths) - PUBLIC:
        for method in ("GET", "POST", "PUT", "DELETE"):
            token = someone.client.cookies.get("__Host-certwright-csrf", "")
            headers = {"Referer": someone.site.url("https"), "X-CSRFToken": token}
            answer = someone.client.request(method, path, headers=headers)
            assert answer.status_code == 302, (method, path, answer.text)
            assert answer.headers["location"].startswith("/login/"), (method, path)


def test_every_public_page_is_there(paths: list[str], someone: Browser) -> None:
    assert set(paths) >= PUBLIC
    assert someone.get("/").status_code == 200
    assert 'href="/login/"' in someone.get("/").text


def test_there_is_no_sign_up_and_no_reset_by_mail(paths: list[str], someone: Browser) -> None:
    assert not [path for path in paths if re.search("signup|reset|email|confirm", path)]
    assert someone.get("/login/signup/").status_code == 404


def test_pages_are_kept_nowhere_and_hold_nothing_inline(someone: Browser) -> None:
    page = someone.get("/login/")
    assert "no-store" in page.headers["cache-control"]
    assert "unsafe" not in page.headers["content-security-policy"]
    assert not re.search(r"<script>|<style|style=|\son\w+=|javascript:", page.text)
    for script in re.findall(r'<script src="([^"]+)"', page.text):
        assert someone.get(script).status_code == 200


def test_the_session_cookie_is_locked_down(someone: Browser) -> None:
    someone.log_in("nobody", "wrong")
    for cookie in someone.get("/login/").headers.get_list("set-cookie"):
        assert cookie.startswith("__Host-")
        assert "Secure" in cookie
        assert "HttpOnly" in cookie
