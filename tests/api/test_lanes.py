"""The routes that the fast lane answers, and the same ones as they are declared: the same inputs to both."""

import json
import re
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from certwright.api.documents import BODY_OCTETS_MAX
from tests.api.callers import Api, csr

VOLATILE = {"id", "fingerprint", "serial", "certificate", "not_before", "not_after", "revoked_at", "replaces"}
LABEL = "CERTIFICATE REQUEST"
BODIES: dict[str, Any] = {
    "no CSR": {},
    "a CSR that is none": {
        "csr": "-----BEGIN CERTIFICATE REQUEST-----\nAAAA\n-----END CERTIFICATE REQUEST-----"
    },
    "a CSR of another type": {"csr": 5},
    "a CSR in other letters": {"csr": "ключ"},
    "an unknown field": {"csr": "CSR", "owner": "me"},
    "an unknown profile": {"csr": "CSR", "profile": "no-such"},
    "an unknown authority": {"csr": "CSR", "authority": "no-such"},
    "an authority that is offline": {"csr": "CSR", "authority": "root"},
    "null for a default": {"csr": "CSR", "profile": None, "authority": None, "replaces": None, "days": None},
    "days": {"csr": "CSR", "days": 3},
    "no days": {"csr": "CSR", "days": 0},
    "too many days": {"csr": "CSR", "days": 20_001},
    "days that the profile refuses": {"csr": "CSR", "days": 20_000},
    "true for days": {"csr": "CSR", "days": True},
    "text for days": {"csr": "CSR", "days": "3"},
    "half a surrogate pair": {"csr": "CSR", "profile": "\ud800"},
    "a control character": {"csr": "CSR", "authority": "a\u0000b"},
    "the successor of nothing": {"csr": "CSR", "replaces": "00" * 32},
    "the successor of nonsense": {"csr": "CSR", "replaces": "??"},
    "a list": [],
    "text": "CSR",
    "null": None,
}
RAW = {
    "nothing": b"",
    "no JSON": b"{",
    "octets": b"\xff\xfe\x00",
    "depth": b"[" * 100_000,
    "a number without end": b'{"csr": "", "days": ' + b"9" * 10_000 + b"}",
    "not a number": b'{"csr": "", "days": NaN}',
    "the most": b'"' + b"a" * (BODY_OCTETS_MAX - 2) + b'"',
    "too much": b'"' + b"a" * (BODY_OCTETS_MAX - 1) + b'"',
    "a name twice": b'{"csr": 1, "csr": 2}',
}


def told(answer: httpx.Response) -> tuple[int, str, Any]:
    """What must be the same: status, kind of document, and what it says but for what is new each time."""
    document = answer.json()
    kind = answer.headers["content-type"].partition(";")[0]
    left = {name: value for name, value in document.items() if name not in VOLATILE}
    text = re.sub(r"\b[0-9a-f]{32}([0-9a-f]{32})?\b", "REF", json.dumps(left))
    return answer.status_code, kind, json.loads(re.sub(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d", "THEN", text))


def same(api: Api, declared: Api, method: str, path: str, caller: str = "administrator", **how: Any) -> int:
    """Ask both; the status that both gave."""
    fast, slow = (one.ask(method, path, caller, **how) for one in (api, declared))
    assert told(fast) == told(slow)
    assert fast.headers["cache-control"] == slow.headers["cache-control"] == "no-store"
    assert fast.headers.get("www-authenticate") == slow.headers.get("www-authenticate")
    status: int = fast.status_code
    return status


@pytest.mark.parametrize("what", BODIES)
def test_bodies(api: Api, declared: Api, what: str) -> None:
    text = json.dumps(BODIES[what]).replace('"CSR"', json.dumps(csr("a.example.test")))
    good = what in ("null for a default", "days")
    status = same(api, declared, "POST", "/certificates", content=text)
    assert status == 201 if good else 400 <= status < 500


@pytest.mark.parametrize("what", RAW)
@pytest.mark.parametrize("path", ["", "/" + "00" * 32 + "/revoke", "/" + "00" * 32 + "/renew"])
def test_octets(api: Api, declared: Api, path: str, what: str) -> None:
    status = same(api, declared, "POST", f"/certificates{path}", content=RAW[what])
    assert status == (413 if what == "too much" else 404 if path and what == "nothing" else 400)


def test_what_is_wrong_with_a_body_is_told_and_not_its_type(api: Api, declared: Api) -> None:
    for one in (api, declared):
        detail = one.ask("POST", "/certificates", content=b"{broken").json()["detail"]
        assert detail.startswith("the body is no JSON: ")
        assert detail.endswith("line 1 column 2 (char 1)")


@pytest.mark.parametrize("caller", ["", "expired", "revoked", "auditor", "requester", "requester-of-other"])
@pytest.mark.parametrize("verb", ["", "/revoke", "/release", "/renew"])
def test_callers(api: Api, declared: Api, caller: str, verb: str) -> None:
    known = api.issue("callers.example.test")
    path = f"/certificates/{known['fingerprint']}{verb}"
    method = "POST" if verb else "GET"
    expected = {"": 401, "expired": 401, "revoked": 401, "requester-of-other": 404}
    status = same(api, declared, method, path, caller)
    assert status == expected.get(caller, status)


def test_not_asked_for_a_token_in_another_scheme(api: Api, declared: Api) -> None:
    for value in ("", "Bearer", "Basic YTpi", "bearer nonsense", "Bearer \xff", "B" * 5000):
        headers = {"Authorization": value.encode("latin-1")}
        assert same(api, declared, "GET", "/certificates/00", "", headers=headers) == 401


def test_a_body_that_is_too_large_is_not_for_strangers(api: Api, declared: Api) -> None:
    assert same(api, declared, "POST", "/certificates", "", content=RAW["too much"]) == 401


@pytest.mark.parametrize(
    "reference", ["00", "0", "zz", "00" * 33, "a" * 201, "00:11", "%20", "%2e%2e", "\u00e9"]
)
def test_references(api: Api, declared: Api, reference: str) -> None:
    assert same(api, declared, "GET", f"/certificates/{reference}") in (400, 404)
    assert same(api, declared, "POST", f"/certificates/{reference}/revoke") in (400, 404)


def test_wrong_methods(api: Api, declared: Api) -> None:
    for method, path in (("DELETE", "/00"), ("POST", "/00"), ("GET", "/00/revoke"), ("PATCH", "/00/renew")):
        fast, slow = (one.ask(method, f"/certificates{path}") for one in (api, declared))
        assert told(fast) == told(slow)
        assert (fast.status_code, fast.headers["allow"]) == (405, slow.headers["allow"])
    assert same(api, declared, "POST", "/certificates/00/nothing") == 404


def test_the_life_of_a_certificate(api: Api, declared: Api) -> None:
    """Each lane goes through it with a certificate of its own."""
    steps: list[tuple[str, str, Any]] = [
        ("GET", "", None),
        ("POST", "/release", None),
        ("POST", "/revoke", {"reason": "certificateHold"}),
        ("POST", "/revoke", {"reason": "certificateHold"}),
        ("POST", "/renew", None),
        ("POST", "/release", {"why": "none of your business"}),
        ("POST", "/release", {}),
        ("POST", "/renew", None),
        ("POST", "/renew", {"csr": csr("life.example.test")}),
        ("POST", "/renew", {"csr": csr("another.example.test")}),
        ("POST", "/renew", {"csr": None}),
        ("POST", "/revoke", {"reason": "no reason"}),
        ("POST", "/revoke", {"reason": "removeFromCRL"}),
        ("POST", "/revoke", {"invalidity_date": "yesterday"}),
        ("POST", "/revoke", {"invalidity_date": "2026-01-01T00:00:00"}),
        ("POST", "/revoke", {"invalidity_date": "0001-01-01T00:00:00+14:00"}),
        ("POST", "/revoke", {"invalidity_date": "9999-12-31T23:59:59-14:00"}),
        ("POST", "/revoke", {"reason": "keyCompromise", "invalidity_date": "SINCE"}),
        ("POST", "/revoke", {"reason": "superseded"}),
        ("POST", "/renew", None),
        ("GET", "", None),
    ]
    outcomes = []
    for lane in (api, declared):
        issued = lane.issue("life.example.test")
        path = f"/certificates/{issued['fingerprint']}"
        since = datetime.now(UTC).isoformat()
        texts = [json.dumps(body).replace("SINCE", since) for _, _, body in steps]
        outcomes.append(
            [
                told(lane.ask(how, path + verb, content=None if text == "null" else text))
                for (how, verb, _), text in zip(steps, texts, strict=True)
            ]
        )
    assert outcomes[0] == outcomes[1]
    assert [status for status, _, _ in outcomes[0]][-4:] == [200, 409, 409, 200]


numbers = st.one_of(st.booleans(), st.integers(-10, 10**20), st.floats())
values = st.one_of(st.none(), numbers, st.text(max_size=30), st.just("tls-server"))
fields = st.sampled_from(
    ["csr", "profile", "authority", "days", "replaces", "reason", "invalidity_date", "x"]
)
paths = st.sampled_from(["", "/ab/revoke", "/ab/release", "/ab/renew"])


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.dictionaries(fields, values, max_size=4), paths)
def test_any_object(api: Api, declared: Api, body: dict[str, Any], path: str) -> None:
    status = same(api, declared, "POST", f"/certificates{path}", content=json.dumps(body))
    assert 400 <= status < 500
