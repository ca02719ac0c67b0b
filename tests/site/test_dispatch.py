"""Which handler answers, on which listener, under which name; probes; errors."""

import json
import os
import signal
from pathlib import Path

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from certwright.protocols.asgi import Receive, Scope, Send
from certwright.site.dispatch import Handler, Routes, first_segment
from tests.site.running import Site, running, until


async def nothing(scope: Scope, receive: Receive, send: Send) -> None:
    """Only its place in the table matters."""


def handler(prefix: str, *methods: str) -> Handler:
    return Handler(prefix, nothing, methods=frozenset(methods))


ROUTES = [
    handler("/acme/"),
    handler("/acme/private/"),
    handler("/tsa"),
    handler("/api/v1/certificates", "POST"),
    handler("/.well-known/est/"),
    handler("/.well-known/cmp"),
    handler("/.well-known/cmp/"),
]


@pytest.mark.parametrize(
    ("path", "method", "prefix"),
    [
        ("/acme/default/directory", "GET", "/acme/"),
        ("/acme/private/directory", "GET", "/acme/private/"),
        ("/acme/", "GET", "/acme/"),
        ("/acme", "GET", None),
        ("/acmeother/", "GET", None),
        ("/tsa", "POST", "/tsa"),
        ("/tsa/", "POST", None),
        ("/api/v1/certificates", "POST", "/api/v1/certificates"),
        ("/api/v1/certificates", "GET", None),
        ("/api/v1/certificates/1", "POST", None),
        ("/.well-known/est/default/cacerts", "GET", "/.well-known/est/"),
        ("/.well-known/cmp", "POST", "/.well-known/cmp"),
        ("/.well-known/cmp/p/default", "POST", "/.well-known/cmp/"),
        ("/.well-known/acme-challenge/x", "GET", None),
        ("/", "GET", None),
        ("//acme/", "GET", None),
        ("", "GET", None),
    ],
)
def test_the_longest_prefix_wins(path: str, method: str, prefix: str | None) -> None:
    found = Routes(ROUTES).find(path, method)
    assert (found.prefix if found else None) == prefix


@given(st.text(alphabet="/acmetsprivate.-%é", max_size=30), st.sampled_from(["GET", "POST"]))
def test_the_table_agrees_with_trying_every_handler(path: str, method: str) -> None:
    trying = [each for each in ROUTES if each.takes("/" + path, method)]
    longest = max(trying, key=lambda each: len(each.prefix), default=None)
    assert Routes(ROUTES).find("/" + path, method) == longest


def test_segments() -> None:
    assert [first_segment(path) for path in ("/a/b", "/a", "/", "", "//a")] == ["a", "a", "", "", ""]


def test_plain_http_serves_what_is_plain_and_redirects_the_rest(site: Site) -> None:
    assert site.get("http", "/ocsp/").status_code == 200
    target = site.url("https", "/slow%2Fx?a=%20b&c")
    answer = site.get("http", "/slow%2Fx?a=%20b&c", Host="evil.example")
    assert (answer.status_code, answer.headers["location"]) == (308, target)
    assert httpx.post(site.url("http", "/echo"), content=b"x", timeout=60).status_code == 308


def test_host_names_are_checked_where_it_matters(site: Site) -> None:
    assert site.get("http", "/ocsp/", Host="cache.example").status_code == 200
    assert site.get("https", "/ocsp/", Host="cache.example").status_code == 200
    for known in ("localhost", "LOCALHOST:1", "localhost.:8443", "127.0.0.1", "[::1]:8443"):
        assert site.get("https", "/refused", Host=known).status_code == 403
    for strange in ("evil.example", "localhost.evil.example", "[::1", "x" * 300):
        answer = site.get("https", "/refused", Host=strange)
        assert (answer.status_code, "host name" in answer.json()["detail"]) == (400, True)
        assert site.get("https", "/", Host=strange).status_code == 400


def test_an_error_of_ours_says_what_was_wrong(site: Site) -> None:
    answer = site.get("https", "/refused")
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json() == {
        "type": "about:blank",
        "title": "Forbidden",
        "status": 403,
        "detail": "not today [toy.no]",
        "reasons": [{"code": "toy.no", "message": "not today", "clause": "RFC 0"}],
    }


def test_any_other_error_says_nothing_but_its_id_and_is_logged(site: Site) -> None:
    answer = site.get("https", "/broken")
    assert answer.status_code == 500
    assert "hunter2" not in answer.text
    events = [json.loads(line) for line in site.server.output.splitlines() if line.startswith("{")]
    (event,) = [each for each in events if each.get("request_id") == answer.json()["request_id"]]
    assert (event["method"], event["path"], event["level"]) == ("GET", "/broken", "error")
    assert "RuntimeError" in event["exception"]
    assert "certwright:hunter2" not in event["exception"]


def test_health_and_readiness(site: Site) -> None:
    for listener in ("http", "https", "mtls"):
        assert site.get(listener, "/healthz").json() == {"status": "ok"}
    ready = site.get("http", "/readyz")
    assert ready.json() == {"status": "ready", "checks": {"toy": "ok", "also": "ok"}, "warnings": {}}
    (site.home / "unready").touch()
    until(lambda: site.get("http", "/readyz").status_code == 503)
    broken = site.get("http", "/readyz").json()
    checks = {"toy": "the toy is not ready", "also": "ok"}
    assert broken == {"status": "unavailable", "checks": checks, "warnings": {}}
    assert site.get("http", "/healthz").status_code == 200
    (site.home / "unready").unlink()
    until(lambda: site.get("http", "/readyz").status_code == 200)


def test_a_warning_takes_nothing_out_of_service(site: Site) -> None:
    (site.home / "wobbly").touch()
    until(lambda: site.get("http", "/readyz").json()["warnings"] == {"balance": "the toy wobbles"})
    ready = site.get("http", "/readyz")
    assert (ready.status_code, ready.json()["status"]) == (200, "ready")
    (site.home / "wobbly").unlink()
    until(lambda: not site.get("http", "/readyz").json()["warnings"])


def test_metrics_are_for_loopback_or_the_token_over_tls(site: Site) -> None:
    site.get("https", "/refused")
    text = site.get("http", "/metrics").text
    assert 'certwright_http_requests_total{route="/refused",status="403"}' in text
    assert "certwright_http_request_seconds_total" in text
    forwarded = {"X-Forwarded-For": "192.0.2.1"}
    token = {"Authorization": "Bearer let-me-count", **forwarded}
    assert site.get("https", "/metrics", **forwarded).status_code == 403
    assert site.get("https", "/metrics", **token).status_code == 200
    assert site.get("http", "/metrics", **token).status_code == 403
    assert site.get("https", "/metrics", **{**token, "Authorization": "Bearer let-me"}).status_code == 403
    assert site.get("http", "/metrics", Host="rebound.example").status_code == 400


def test_metrics_are_of_all_processes_and_outlive_them(tmp_path: Path) -> None:
    with running(tmp_path / "home", workers=2) as site:
        for _ in range(40):
            site.get("http", "/ocsp/")
        line = 'certwright_http_requests_total{route="/ocsp/",status="200"} 40.0'
        until(lambda: line in site.get("http", "/metrics").text)
        before = site.children()
        os.kill(before[0], signal.SIGKILL)
        until(lambda: len(site.children()) == 2 and site.children() != before)
        assert line in site.get("http", "/metrics").text


def test_a_proxy_is_believed_only_when_configured(tmp_path: Path) -> None:
    environment = {"CERTWRIGHT_PROXIES": "127.0.0.0/8"}
    with running(tmp_path / "home", environment=environment) as site:
        headers = {"Client-Cert": ":AQID:", "X-Forwarded-For": "198.51.100.7, 192.0.2.1, 127.0.0.9"}
        echo = site.url("https", "/echo")
        answer = httpx.post(echo, headers=headers, verify=site.trust(), timeout=60).json()
        assert answer["client"] == "192.0.2.1"
        assert len(answer["certificates"]) == 1
        assert site.get("https", "/metrics", **headers).status_code == 403
        headers["Client-Cert"] = "AQID"
        wrong = httpx.post(echo, headers=headers, verify=site.trust(), timeout=60)
        assert wrong.status_code == 400
