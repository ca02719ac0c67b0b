"""Attestation over REST: opened, answered, on record, closed."""

from datetime import UTC, datetime, timedelta

from certwright.operations.remind import fill_campaign
from tests.api.callers import Api
from tests.api.conftest import Prepared


def test_a_campaign_from_its_opening_to_its_end(api: Api, prepared: Prepared) -> None:
    fingerprints = {api.issue(f"h{number}.asked.example.test")["fingerprint"] for number in range(3)}
    due = (datetime.now(UTC) + timedelta(days=30)).isoformat()
    wanted = {"title": "Spring", "filter": {"name": ".asked.example.test"}, "due_at": due, "repeat_days": 90}
    made = api.gives("POST", "/attestation", json=wanted)
    place = f"/attestation/{made['id']}"
    assert (made["asked_at"], made["closed_at"], made["repeat_days"]) == (None, None, 90)
    assert made["selected"] == {"name": ".asked.example.test"}
    prepared.home.run(lambda context: fill_campaign(context, {"campaign": made["id"]}))
    first = api.gives("GET", f"{place}/asked?every=true&limit=2")
    second = api.gives("GET", f"{place}/asked?every=true&limit=2&after={first['next']}")
    asked = [*first["certificates"], *second["certificates"]]
    assert ({one["fingerprint"] for one in asked}, second["next"]) == (fingerprints, None)
    assert api.gives("GET", f"{place}/asked")["certificates"] == []  # a token answers for nothing
    body = {"certificates": [one["certificate"] for one in asked[:2]], "answer": "not-needed", "comment": "x"}
    assert api.gives("POST", f"{place}/answers", json=body) == {"answers": 2}
    assert api.ask("POST", f"{place}/answers", json={**body, "answer": "no"}).status_code == 400
    assert api.ask("POST", f"{place}/answers", json={**body, "certificates": ["1"]}).status_code == 404
    shown = api.gives("GET", place)
    assert shown["asked_at"]
    assert (shown["certificates"], shown["answered"]) == (3, {"needed": 0, "not-needed": 2, "not-mine": 0})
    record = api.gives("GET", f"{place}/record")["lines"]
    assert sorted(line["answer"] for line in record) == ["", "not-needed", "not-needed"]
    assert api.gives("GET", f"{place}/record", "auditor-of-other")["lines"] == []
    closed = api.gives("POST", f"{place}/close", json={"repeat": False})
    assert (closed["repeat_days"], bool(closed["closed_at"])) == (None, True)
    assert api.ask("POST", f"{place}/answers", json=body).status_code == 409
    assert made["id"] in {one["id"] for one in api.gives("GET", "/attestation")["campaigns"]}
    for wrong in ("x", "1", "9" * 25):
        assert api.ask("GET", f"/attestation/{wrong}").status_code == 404
