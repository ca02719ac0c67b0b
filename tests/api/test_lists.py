"""Lists of certificates: what each filter leaves, and pages that together are the whole."""

import base64
import json
from typing import Any
from urllib.parse import quote

import pytest

from tests.api.callers import OTHER, Api, csr

NUMBER = 12


@pytest.fixture(scope="module")
def issued(api: Api) -> list[dict[str, Any]]:
    """Certificates that end on different days, of two authorities; the first is revoked."""
    made = []
    for number in range(NUMBER):
        names = (f"host{number}.list.test", f"www.host{number}.list.test")
        authority = OTHER if number % 3 == 0 else "issuing"
        made.append(api.issue(*names, authority=authority, days=10 + number // 2))
    reference = made[0]["fingerprint"]
    return [api.gives("POST", f"/certificates/{reference}/revoke", json={}), *made[1:]]


def listed(api: Api, query: str, **how: Any) -> list[str]:
    page = api.gives("GET", f"/certificates?limit=1000&{query}", **how)
    assert page["next"] is None
    return [one["fingerprint"] for one in page["certificates"]]


def fingerprints(some: list[dict[str, Any]]) -> set[str]:
    return {one["fingerprint"] for one in some}


def test_each_filter(api: Api, issued: list[dict[str, Any]]) -> None:
    ours = "name=.list.test"
    everything = fingerprints(issued)
    assert set(listed(api, ours)) == everything
    cases = {
        f"{ours}&authority={OTHER}": issued[::3],
        f"{ours}&revoked=true": issued[:1],
        f"{ours}&revoked=false": issued[1:],
        f"{ours}&expiring=11d": issued[:4],
        f"{ours}&expires_after={issued[4]['not_after'].replace('+', '%2B')}": issued[4:],
        f"{ours}&expires_before={issued[4]['not_after'].replace('+', '%2B')}": issued[:4],
        f"{ours}&profile=tls-server": issued,
        f"{ours}&profile=tls-client": [],
        f"{ours}&endpoint=acme/default": [],
        f"issuer={issued[0]['issuer']}&{ours}": issued[::3],
        f"serial={issued[5]['serial']}": issued[5:6],
        f"serial={issued[5]['serial']}&authority={OTHER}": [],
        "name=host3.list.test": issued[3:4],
        "name=HOST3.list.test": issued[3:4],
        "name=.host3.list.test": issued[3:4],
        "name=.www.host3.list.test": [],
        "name=list.test": [],
        "name=.ist.test": [],
        "name=.no-such.test": [],
    }
    for query, expected in cases.items():
        assert set(listed(api, query)) == fingerprints(expected), query


def test_sorted_by_their_end_or_the_newest_first(api: Api, issued: list[dict[str, Any]]) -> None:
    newest = listed(api, "name=.list.test")
    assert newest == [one["fingerprint"] for one in reversed(issued)]
    soonest = listed(api, "name=.list.test&expiring=60d")
    ends = {one["fingerprint"]: one["not_after"] for one in issued}
    assert [ends[one] for one in soonest] == sorted(ends.values())


@pytest.mark.parametrize("sort", ["", "&expiring=60d"])
@pytest.mark.parametrize("limit", [1, 5, NUMBER - 1, NUMBER])
def test_pages_are_the_whole(api: Api, issued: list[dict[str, Any]], sort: str, limit: int) -> None:
    """Each once, even when others are issued meanwhile."""
    found: list[str] = []
    after = ""
    while after is not None:
        query = f"name=.list.test{sort}&limit={limit}" + (f"&after={after}" if after else "")
        page = api.gives("GET", f"/certificates?{query}")
        assert 1 <= len(page["certificates"]) <= limit
        found += [one["fingerprint"] for one in page["certificates"]]
        after = page["next"]
        if len(found) < 3:
            api.issue("meanwhile.page.test", days=1)
    assert len(found) == NUMBER
    assert set(found) == fingerprints(issued)


def cursor(value: Any) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()


@pytest.mark.parametrize(
    "after",
    [
        "A",
        "AAAA",
        "A" * 200,
        cursor([]),
        cursor([None]),
        cursor([None, -1]),
        cursor([None, 2**63]),
        cursor([None, "9" * 100]),
        cursor([None, 1.5]),
        cursor(["2026-01-01T00:00:00Z", "1"]),
        cursor({"a": 1}),
        cursor([None, []]),
        cursor([[], 1]),
    ],
)
def test_a_made_up_cursor_is_told_so(api: Api, after: str) -> None:
    answer = api.ask("GET", f"/certificates?after={after}")
    assert answer.status_code == 400
    assert "begin again without one" in answer.json()["detail"]


def test_a_cursor_of_another_order_is_told_so(api: Api, issued: list[dict[str, Any]]) -> None:
    by_end = api.gives("GET", "/certificates?limit=1&expiring=60d")["next"]
    newest = api.gives("GET", "/certificates?limit=1")["next"]
    assert api.ask("GET", f"/certificates?after={by_end}").status_code == 400
    assert api.ask("GET", f"/certificates?expiring=60d&after={newest}").status_code == 400


def test_a_cursor_shows_nothing_that_may_not_be_seen(api: Api, issued: list[dict[str, Any]]) -> None:
    page = api.gives("GET", "/certificates?limit=1&name=.list.test")
    others = f"/certificates?limit=1000&after={page['next']}"
    found = api.gives("GET", others, "requester-of-other")["certificates"]
    assert {one["authority"] for one in found} == {OTHER}


@pytest.mark.parametrize(
    "query",
    [
        "expires=30d",
        "limit=0",
        "limit=1001",
        "limit=many",
        "expiring=0d",
        "expiring=30",
        "expiring=30d&expires_before=2026-01-01T00:00:00Z",
        "expires_before=2026-01-01",
        "expires_before=2026-01-01T00:00:00",
        "expires_before=0001-01-01T00:00:00%2B14:00",
        "revoked=perhaps",
        "serial=0",
        "serial=xx",
        "name=%00",
        "name=*",
        "name=.",
        "name=..",
        "name=a" + "b" * 600,
        "authority=%F0%9F%94%91",
        "issuer=%00",
        "endpoint=a%0Ab",
    ],
)
def test_what_no_filter_takes(api: Api, query: str) -> None:
    answer = api.ask("GET", f"/certificates?{query}")
    assert answer.status_code == 400, answer.text
    assert answer.headers["content-type"] == "application/problem+json"


def test_queries(api: Api, issued: list[dict[str, Any]]) -> None:
    ours = "san:*.list.test"
    cases = {
        ours: issued,
        f"{ours} authority:{OTHER}": issued[::3],
        f"{ours} revoked:any": issued[:1],
        f"{ours} status:live -authority:{OTHER}": [one for at, one in enumerate(issued) if at % 3],
        f"{ours} expires<11d": issued[:4],
        f"serial:{issued[5]['serial']} or host3.list.test": [issued[3], issued[5]],
        f'issuer:"nobody at all" {ours}': [],
        f"{ours} managed:no": [],
    }
    for query, expected in cases.items():
        assert set(listed(api, f"query={quote(query)}")) == fingerprints(expected), query
    by_end = listed(api, f"query={quote(f'{ours} expires<30d')}")
    assert by_end[::2] == [one["fingerprint"] for one in issued[::2]]


def test_a_query_shows_no_more_than_its_reader_may_see(api: Api, issued: list[dict[str, Any]]) -> None:
    asked = f"query={quote('san:*.list.test (at:any or not at:any)')}"
    assert set(listed(api, asked, caller="requester-of-other")) == fingerprints(issued[::3])


def test_pages_of_a_query(api: Api, issued: list[dict[str, Any]]) -> None:
    found: list[str] = []
    after = ""
    while True:
        page = api.gives("GET", f"/certificates?limit=3&query={quote('san:*.list.test')}{after}")
        found += [one["fingerprint"] for one in page["certificates"]]
        if page["next"] is None:
            break
        after = f"&after={page['next']}"
    assert found == [one["fingerprint"] for one in reversed(issued)]


def test_a_query_that_cannot_be_read_is_told_with_its_column(api: Api) -> None:
    answer = api.ask("GET", f"/certificates?query={quote('status:live onwer:x')}")
    assert answer.status_code == 400
    assert answer.json()["column"] == 13
    assert "did you mean owner?" in answer.json()["detail"]
    for other in ("name=.list.test", "expiring=30d", "revoked=false"):
        answer = api.ask("GET", f"/certificates?query=ca:no&{other}")
        assert "either query" in answer.json()["detail"]


def test_far_ends(api: Api) -> None:
    assert listed(api, "expiring=999999999d&name=.list.test")
    assert listed(api, "expires_before=9999-12-31T23:59:59Z&name=.list.test")
    assert listed(api, "expires_before=0001-01-01T00:00:00Z") == []


def test_a_preview_leaves_nothing(api: Api) -> None:
    body = {"csr": csr("preview.list.test"), "days": 2}
    shown = api.gives("POST", "/preview", json=body)
    assert {one["name"] for one in shown["extensions"]} >= {"subjectAlternativeName", "keyUsage"}
    assert listed(api, "name=preview.list.test") == []
    refused = api.ask("POST", "/preview", json={"csr": csr("preview.list.test"), "days": 20_000})
    assert [one["code"] for one in refused.json()["reasons"]] == ["policy.lifetime.too-long"]


def test_a_preview_refuses_a_key_known_as_compromised(api: Api) -> None:
    body = {"csr": csr("lost.preview.test")}
    reference = api.gives("POST", "/certificates", json=body)["fingerprint"]
    api.gives("POST", f"/certificates/{reference}/revoke", json={"reason": "keyCompromise"})
    shown, issued = (api.ask("POST", path, json=body) for path in ("/preview", "/certificates"))
    assert shown.status_code == issued.status_code
    assert shown.json()["reasons"] == issued.json()["reasons"]
    assert [one["code"] for one in shown.json()["reasons"]] == ["key.compromised"]


def test_an_older_version_of_a_profile_can_be_shown(api: Api) -> None:
    before = api.gives("GET", "/profiles/device")
    after = api.gives("PUT", "/profiles/device", json=before | {"description": "Devices"})
    assert api.gives("GET", "/profiles/device") == after
    assert api.gives("GET", f"/profiles/device?version={after['version']}") == after
    assert api.gives("GET", f"/profiles/device?version={before['version']}") == before
    gone, below, misspelt = (
        api.ask("GET", f"/profiles/device?{query}").status_code
        for query in ("version=2147483647", "version=0", "verison=1")
    )
    assert (gone, below, misspelt) == (404, 400, 400)
