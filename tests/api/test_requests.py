"""Requests and rules over REST: asked for, held, approved, seen by whom they concern."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.api.callers import Api, csr

RULES = """
[[rule]]
name = "pay"
when.names.dns = [".pay.example.test"]
approval = [{ step = "pki", from = ["role:ra-officer"] }]
"""


@pytest.fixture(autouse=True)
def rules(api: Api) -> Iterator[None]:
    """In force for each test."""
    api.gives("PUT", "/policy", json={"toml": RULES, "comment": "for a test"})
    yield
    api.gives("PUT", "/policy", json={"toml": "", "comment": "the test is over"})


def ask(api: Api, name: str = "a.pay.example.test", caller: str = "requester", **more: Any) -> Any:
    answer = api.ask("POST", "/certificates", caller, json={"csr": csr(name), **more})
    assert answer.status_code == 202, answer.text
    assert answer.headers["location"] == f"/api/v1/requests/{answer.json()['id']}"
    return answer.json()


def test_from_the_rule_to_the_certificate(api: Api) -> None:
    made = ask(api, comment="for the shop")
    assert (made["status"], made["step"], made["waits_for"]) == ("waiting", "pki", ["role:ra-officer"])
    assert made["comment"] == "for the shop"
    path = f"/requests/{made['id']}"
    assert api.gives("GET", path, "requester") == made
    assert made in api.gives("GET", "/requests?status=waiting", "auditor")["requests"]
    assert api.ask("POST", f"{path}/approve", "requester", json={}).status_code == 403
    done = api.gives("POST", f"{path}/approve", "ra-officer", json={"comment": "fine"})
    assert done["status"] == "issued"
    [decision] = done["decisions"]
    assert (decision["approver"], decision["comment"]) == ("token:ra-officer", "fine")
    found = api.gives("GET", f"/certificates/{done['certificate']}", "requester")
    assert found["names"] == ["dns:a.pay.example.test"]
    assert found["requester"] == "token:requester"


def test_a_renewal_waits_too(api: Api) -> None:
    made = ask(api, "renew.pay.example.test")
    done = api.gives("POST", f"/requests/{made['id']}/approve", "ra-officer", json={})
    answer = api.ask("POST", f"/certificates/{done['certificate']}/renew", "operator", json={})
    assert answer.status_code == 202, answer.text
    path = answer.headers["location"].removeprefix("/api/v1")
    again = api.gives("POST", f"{path}/approve", "ra-officer", json={})
    found = api.gives("GET", f"/certificates/{again['certificate']}")
    assert found["replaces"] == api.gives("GET", f"/certificates/{done['certificate']}")["id"]


def test_both_lanes_hold_it(api: Api, declared: Api) -> None:
    """Where the fast lane does not run the declared route says the same, with the same header."""
    slow, fast = (ask(one, "lanes.pay.example.test") for one in (declared, api))
    assert set(slow) == set(fast)
    number = slow["id"]
    done = declared.gives("POST", f"/requests/{number}/approve", "ra-officer", json={})
    path = f"/certificates/{done['certificate']}/renew"
    answer = declared.ask("POST", path, "operator", json={"comment": "again"})
    assert (answer.status_code, answer.json()["comment"]) == (202, "again")


def test_what_others_have_asked_for_does_not_exist(api: Api) -> None:
    number = ask(api, "hidden.pay.example.test")["id"]
    for method, verb, body in (
        ("GET", "", None),
        ("POST", "/approve", {}),
        ("POST", "/reject", {"reason": "no"}),
        ("POST", "/withdraw", {}),
        ("POST", "/resubmit", {}),
    ):
        for caller in ("requester-of-other", "ra-officer-of-other", "ra-officer-of-clients"):
            more = {} if body is None else {"json": body}
            seen = api.ask(method, f"/requests/{number}{verb}", caller, **more)
            never = api.ask(method, f"/requests/{2**60}{verb}", caller, **more)
            assert seen.status_code == never.status_code == 404
            assert seen.text.replace(number, str(2**60)) == never.text
    listed = api.gives("GET", "/requests?limit=1000", "ra-officer-of-other")["requests"]
    assert number not in {one["id"] for one in listed}


@pytest.mark.parametrize("number", ["x", "-1", "9" * 30, "%20", "1e3"])
def test_what_is_no_number_names_nothing(api: Api, number: str) -> None:
    assert api.ask("GET", f"/requests/{number}").status_code == 404


def test_rejected_and_made_again(api: Api) -> None:
    number = ask(api, "again.pay.example.test")["id"]
    assert api.ask("POST", f"/requests/{number}/reject", "ra-officer", json={}).status_code == 400
    gone = api.gives("POST", f"/requests/{number}/reject", "ra-officer", json={"reason": "Whose is it?"})
    assert (gone["status"], gone["problem"]) == ("rejected", "Whose is it?")
    answer = api.ask("POST", f"/requests/{number}/resubmit", "requester", json={"comment": "the shop's"})
    assert answer.status_code == 202
    assert answer.json()["resubmits"] == number
    own = f"/requests/{answer.json()['id']}/withdraw"
    assert api.gives("POST", own, "requester", json={})["status"] == "withdrawn"
    assert api.ask("POST", own, "requester", json={}).status_code == 409


def test_pages(api: Api) -> None:
    made = [ask(api, f"page{one}.pay.example.test")["id"] for one in range(3)]
    first = api.gives("GET", "/requests?limit=2&mine=true", "requester")
    assert [one["id"] for one in first["requests"]] == [made[2], made[1]]
    second = api.gives("GET", f"/requests?limit=2&mine=true&after={first['next']}", "requester")
    assert second["requests"][0]["id"] == made[0]
    assert api.ask("GET", "/requests?stauts=waiting").status_code == 400
    assert api.ask("GET", "/requests?after=nonsense").status_code == 400


# -- rules ---------------------------------------------------------------------------------------


def test_rules_go_in_and_out_as_toml(api: Api) -> None:
    found = api.gives("GET", "/policy")
    assert found["rules"]["rule"][0]["name"] == "pay"
    again = found["toml"].replace('name = "pay"', 'name = "payments"')
    number = found["number"]
    stale = api.ask("PUT", "/policy", json={"toml": again, "based_on": number - 1})
    assert stale.status_code == 409
    saved = api.gives("PUT", "/policy", json={"toml": again, "based_on": number, "comment": "a new name"})
    assert saved["number"] == number + 1
    [newest, *_] = api.gives("GET", "/policy/versions?limit=1")["versions"]
    assert newest["comment"] == "a new name"
    assert newest["changes"] == {
        "added": ["payments"],
        "removed": ["pay"],
        "changed": [],
        "reordered": False,
    }
    assert api.gives("GET", f"/policy?number={number}") == found


def test_rules_that_cannot_be_read(api: Api) -> None:
    wrong = api.ask("PUT", "/policy", json={"toml": '[[rule]]\nname = "x"\nrefus = "no"\n'})
    assert wrong.status_code == 400
    assert "line 1: rule[0].refus" in wrong.json()["detail"]
    assert api.ask("PUT", "/policy", json={}).status_code == 400
    same = api.ask("PUT", "/policy", json={"toml": RULES})
    assert same.status_code == 409


def test_rules_that_would_stop_our_own_listeners(api: Api) -> None:
    body = {"toml": '[[rule]]\nname = "all"\napproval = [{ step = "x", from = ["role:ra-officer"] }]\n'}
    refused = api.ask("PUT", "/policy", json=body)
    assert refused.status_code == 403
    assert {one["code"] for one in refused.json()["reasons"]} == {"policy.own-renewal"}
    later = body["toml"].replace("approval", "when.from = 2990-01-01\napproval")
    assert "2990-01-01" in api.ask("PUT", "/policy", json={"toml": later}).json()["detail"]
    passing = body["toml"].replace("approval", 'unless.requesters = ["system:*"]\napproval')
    assert api.gives("PUT", "/policy", json={"toml": passing})
    assert api.gives("PUT", "/policy", json={**body, "anyway": True})


def test_rules_are_checked_and_run_before_they_are_saved(api: Api) -> None:
    body = {"toml": '[[rule]]\nname = "all"\nrefuse = "Nothing."\n'}
    checked = api.gives("POST", "/policy/check", json=body)
    assert checked["changes"]["added"] == ["all"]
    codes = {one["code"] for one in checked["warnings"]}
    assert codes == {"policy.own-renewal", "policy.endpoint-shut", "policy.profile-shut"}
    asked = api.ask("POST", "/policy/replays", json={**body, "at": "2030-01-01T00:00:00Z"})
    assert asked.status_code == 202
    path = asked.headers["location"].removeprefix("/api/v1")
    assert api.gives("GET", path)["at"] == "2030-01-01T00:00:00+00:00"
    assert path.endswith(api.gives("GET", "/policy/replays")["replays"][0]["id"])
    assert api.gives("POST", f"{path}/cancel", json={})["status"] == "cancelled"
    assert api.ask("POST", f"{path}/cancel", json={}).status_code == 409
    for unknown in ("1", "x", "9" * 30):
        assert api.ask("GET", f"/policy/replays/{unknown}").status_code == 404
