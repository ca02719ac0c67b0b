"""Who answers for certificates, accounts and teams over REST, on both lanes."""

from collections.abc import Callable
from typing import Any

import pytest

from tests.api.callers import Api
from tests.api.test_lanes import same
from tests.real.certwright import Site

ASSIGN = "/certificates/assign"


@pytest.fixture(scope="module")
def people(api: Api) -> dict[str, str]:
    """Their one-time passwords; dora is in team web."""
    api.gives("POST", "/teams", json={"name": "web", "description": "The web shop", "email": "web@x.test"})
    made = [api.gives("POST", "/users", json={"name": name}) for name in ("dora", "emil", "fred")]
    api.gives("PUT", "/teams/web/members/dora")
    return {one["name"]: one["password"] for one in made}


@pytest.mark.usefixtures("people")
def test_a_certificate_is_given_to_people(api: Api) -> None:
    made = api.issue("given.example.test")
    path = f"/certificates/{made['fingerprint']}"
    after = api.gives("PUT", f"{path}/owner", json={"team": "web", "owner": "dora", "tagged": ["shop"]})
    assert (after["team"], after["owner"]) == ("web", "dora")
    assert api.gives("GET", path)["tags"] == ["shop"]
    for query in (
        "team=web",
        "owner=dora",
        "responsible=web",
        "responsible=dora",
        "tag=shop",
        "unowned=false",
    ):
        found = api.gives("GET", f"/certificates?{query}&name=given.example.test")["certificates"]
        assert [one["fingerprint"] for one in found] == [made["fingerprint"]], query
    for query in (
        "team=dora",
        "owner=web",
        "responsible=x",
        "tag=none",
        "unowned=true",
        "key_algorithm=rsa-2048",
    ):
        assert api.gives("GET", f"/certificates?{query}&name=given.example.test")["certificates"] == [], query
    line = {"team": "web", "owner": "dora", "profile": "tls-server", "authority": "issuing"}
    assert line | {"live": 1, "expiring": 0} in api.gives("GET", "/responsibility?expiring=1s")["lines"]
    assert line | {"live": 1, "expiring": 1} in api.gives("GET", "/responsibility?expiring=999d")["lines"]
    assert api.gives("GET", "/responsibility", "requester-of-other")["lines"] != []
    assert all(
        one["authority"] == "other"
        for one in api.gives("GET", "/responsibility", "auditor-of-other")["lines"]
    )


@pytest.mark.usefixtures("people")
def test_all_that_a_filter_selects(api: Api) -> None:
    for place in range(3):
        api.issue(f"many{place}.bulk.example.test")
    body = {"filter": {"name": ".bulk.example.test"}, "team": "web"}
    tried = api.gives("POST", ASSIGN, json=body | {"rehearse": True})
    expected = {"total": 3, "changed": 3, "unchanged": 0, "refused": 0, "next": None}
    assert tried == expected
    assert api.gives("POST", ASSIGN, "auditor", json=body) == expected | {"changed": 0, "refused": 3}
    assert api.gives("POST", ASSIGN, json=body) == expected
    assert api.gives("POST", ASSIGN, json=body) == expected | {"changed": 0, "unchanged": 3}


BODIES: dict[str, Any] = {
    "nothing": {},
    "a team that there is not": {"team": "none"},
    "an owner that there is not": {"owner": "none"},
    "null is left out": {"team": None, "owner": None, "tagged": ["x"]},
    "no tag": {"tagged": ["No Tag"]},
    "both": {"tagged": ["x"], "untagged": ["x"]},
    "unknown": {"owned": "x"},
    "a number": {"team": 5},
    "good": {"owner": "dora", "untagged": ["x"]},
}


@pytest.mark.usefixtures("people")
@pytest.mark.parametrize("what", BODIES)
def test_both_lanes_say_the_same(api: Api, declared: Api, what: str) -> None:
    body = BODIES[what]
    path = f"/certificates/{api.issue('lanes.example.test')['fingerprint']}/owner"
    good = what in ("good", "null is left out")
    assert (same(api, declared, "PUT", path, json=body) == 200) is good
    for selected in ({"name": "lanes.example.test"}, {}, {"nam": "x"}, {"unowned": "yes"}, {"name": "?"}):
        same(api, declared, "POST", ASSIGN, json={"filter": selected, "rehearse": True, **body})
    for after in ("x", "9" * 30, "-1", ""):
        chosen = {"filter": {"team": "web"}, "after": after, "rehearse": True}
        same(api, declared, "POST", ASSIGN, json=chosen | body)


@pytest.mark.parametrize(
    ("method", "path"), [("GET", ASSIGN), ("PUT", ASSIGN), ("GET", "/certificates/00/owner")]
)
def test_other_methods(api: Api, declared: Api, method: str, path: str) -> None:
    assert same(api, declared, method, path) == 405


def test_accounts_are_made_changed_and_disabled(api: Api, people: dict[str, str], served: Site) -> None:
    assert len(set(people.values())) == 3
    [dora] = [one for one in api.gives("GET", "/users")["users"] if one["name"] == "dora"]
    assert dora["teams"] == ["web"]
    assert dora["password_expires_at"]
    assert "password" not in dora
    changed = api.gives("PUT", "/users/dora", json={"display_name": "Dora", "email": "dora@x.test"})
    assert (changed["display_name"], changed["email"]) == ("Dora", "dora@x.test")
    again = api.gives("POST", "/users/dora/password")["password"]
    assert again not in people.values()
    service = api.gives("POST", "/users", json={"name": "robot", "service": True})
    assert service["password"] is None
    assert api.ask("POST", "/users/robot/password").status_code == 409
    assert api.ask("POST", "/users", json={"name": "dora"}).status_code == 409
    assert api.ask("POST", "/users/none/password").status_code == 404
    gone = api.gives("POST", "/users/emil/disable", json={"owner": "fred"})
    assert gone["disabled_at"]
    assert gone["certificates"] == 0
    assert api.ask("POST", "/users/emil/disable", json={}).status_code == 409
    assert api.gives("POST", "/users/emil/enable")["disabled_at"] is None
    log = (served.home.folder / f"log-{served.ports['https']}").read_text()
    for secret in (*people.values(), again):
        assert secret not in log
        assert secret not in str(api.gives("GET", "/audit/events?limit=1000"))


@pytest.mark.usefixtures("people")
def test_teams_are_changed(api: Api) -> None:
    changed = api.gives("PUT", "/teams/web", json={"description": "Shop", "email": "shop@x.test"})
    assert (changed["description"], changed["email"], changed["members"]) == ("Shop", "shop@x.test", ["dora"])
    assert api.gives("PUT", "/teams/web/members/fred")["members"] == ["dora", "fred"]
    assert api.ask("PUT", "/teams/web/members/fred").status_code == 409
    assert api.gives("DELETE", "/teams/web/members/fred")["members"] == ["dora"]
    assert api.ask("DELETE", "/teams/web/members/fred").status_code == 404
    assert api.ask("PUT", "/teams/none", json={}).status_code == 404


@pytest.mark.usefixtures("people")
def test_what_an_account_answers_for_is_handed_over(api: Api) -> None:
    made = api.issue("handed.example.test")
    path = f"/certificates/{made['fingerprint']}"
    api.gives("PUT", f"{path}/owner", json={"owner": "fred"})
    over = "/users/fred/hand-over"
    assert api.gives("POST", over, "auditor", json={"owner": "dora"})["refused"] == 1
    assert api.gives("POST", over, json={"owner": "dora"}) == {
        "certificates": 1,
        "endpoints": 0,
        "refused": 0,
    }
    assert api.gives("GET", path)["owner"] == "dora"
    assert api.ask("POST", over, json={}).status_code == 400


@pytest.mark.usefixtures("people")
def test_an_endpoints_people_are_left_alone_by_other_changes(api: Api) -> None:
    endpoint = {"authority": "issuing", "profiles": ["tls-server"]}
    put: Callable[..., Any] = lambda **more: api.gives("PUT", "/endpoints/acme/owned", json=endpoint | more)  # noqa: E731
    assert (put()["team"], put()["owner"]) == ("", "")
    assert (put(team="web", owner="dora")["team"], put()["owner"]) == ("web", "dora")
    assert put(owner="")["owner"] == ""
    assert put(team=None)["team"] == "web"
    assert api.ask("PUT", "/endpoints/acme/owned", json=endpoint | {"team": "none"}).status_code == 404
