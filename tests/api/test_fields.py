"""Fields of the organization's own over REST."""

from tests.api.callers import Api


def test_they_are_defined_filled_in_and_searched_by(api: Api) -> None:
    tier = {"title": "Tier", "kind": "choice", "choices": ["gold", "silver"]}
    made = api.gives("PUT", "/fields/tier", json=tier)
    assert made == tier | {"name": "tier", "help": "", "retired": False}
    api.gives("PUT", "/fields/audit", json={"title": "Next audit", "kind": "date"})
    assert [one["name"] for one in api.gives("GET", "/fields", "auditor")["fields"]] == ["audit", "tier"]
    path = f"/certificates/{api.issue('fields.example.test')['fingerprint']}"
    api.gives("PUT", f"{path}/owner", json={"fields": {"tier": "gold", "audit": "2026-12-31"}})
    assert api.gives("GET", path)["fields"] == {"audit": "2026-12-31", "tier": "gold"}
    api.gives("PUT", f"{path}/owner", json={"fields": {"audit": None}})
    assert api.gives("GET", path)["fields"] == {"tier": "gold"}
    body = {"filter": {"query": "field.tier:gold"}, "fields": {"tier": "silver"}}
    assert api.gives("POST", "/certificates/assign", json=body)["changed"] == 1
    found = api.gives("GET", "/certificates?query=field.tier:silver")["certificates"]
    assert [one["fingerprint"] for one in found] == [path.rpartition("/")[2]]
    assert "no field 'teir'" in api.ask("GET", "/certificates?query=field.teir:none").json()["detail"]
    changed = api.gives("PUT", "/fields/tier", json=tier | {"retired": True})
    assert changed["retired"] is True
    assert api.gives("GET", path)["fields"] == {}


def test_what_cannot_be_is_told(api: Api) -> None:
    api.gives("PUT", "/fields/count", json={"title": "Count", "kind": "number"})
    path = f"/certificates/{api.issue('wrong.example.test')['fingerprint']}/owner"
    for body, told in (
        ({"fields": {"count": "x"}}, "field count: 'x' is not a whole number"),
        ({"fields": {"nothing": "x"}}, "there is no field 'nothing'"),
        ({"fields": ["count"]}, "body.fields must be an object"),
        ({"fields": {"count": 7}}, "body.fields.count must be"),
    ):
        answer = api.ask("PUT", path, json=body)
        assert answer.status_code in (400, 404), body
        assert told in answer.json()["detail"]
    answer = api.ask("PUT", "/fields/count", json={"title": "Count", "kind": "text"})
    assert "for ever" in answer.json()["detail"]
    assert api.ask("PUT", "/fields/Count", json={"title": "Count", "kind": "text"}).status_code == 400
