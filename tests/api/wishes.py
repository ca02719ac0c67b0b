"""One request for each route of the API, and what it speaks of: what test_permissions asks as everyone."""

import base64
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from certwright.core.access import GIVEN_ROLES
from certwright.operations.remind import fill_campaign
from tests.api.callers import LAB, OTHER, Api, authority_csr, csr
from tests.api.discovery_wishes import LOOK, seen_finding
from tests.real.certwright import Home

STRANGERS = ("", "expired", "revoked")


@dataclass(frozen=True, slots=True)
class Wish:
    """How to ask a route so that only the caller's roles decide: what fills its path, and a good body."""

    path: str | Callable[[str], str]
    body: Callable[[str], Any] | None = None
    query: str = ""


def discovery_wishes(api: Api, home: Home) -> dict[str, Wish]:
    run = f"/discovery/runs/{api.gives('POST', '/discovery/runs', json=LOOK)['id']}"
    api.gives("PUT", "/discovery/scopes/known", json=LOOK)
    finding = f"/findings/{seen_finding(home)}"
    until = (datetime.now(UTC) + timedelta(days=30)).isoformat()
    return {
        "GET /discovery/runs": Wish("/discovery/runs"),
        "POST /discovery/runs": Wish("/discovery/runs", lambda who: LOOK),
        "GET /discovery/runs/{identifier}": Wish(run),
        "GET /discovery/runs/{identifier}/seen": Wish(f"{run}/seen"),
        "POST /discovery/runs/{identifier}/cancel": Wish(f"{run}/cancel", lambda who: {}),
        "GET /discovery/scopes": Wish("/discovery/scopes"),
        "GET /discovery/scopes/{name}": Wish("/discovery/scopes/known"),
        "PUT /discovery/scopes/{name}": Wish("/discovery/scopes/by-CALLER", lambda who: LOOK),
        "DELETE /discovery/scopes/{name}": Wish("/discovery/scopes/by-CALLER"),
        "POST /discovery/scopes/{name}/run": Wish("/discovery/scopes/known/run", lambda who: {}),
        "POST /discovery/imports": Wish("/discovery/imports", lambda who: {"source": who, "rows": []}),
        "GET /scores": Wish("/scores"),
        "GET /cbom": Wish("/cbom"),
        "GET /readiness": Wish("/readiness"),
        "GET /findings": Wish("/findings"),
        "GET /findings/{identifier}": Wish(finding),
        "POST /findings/{identifier}/acknowledge": Wish(f"{finding}/acknowledge", lambda who: {}),
        "POST /findings/{identifier}/accept": Wish(
            f"{finding}/accept", lambda who: {"until": until, "reason": who}
        ),
    }


PRACTICE = {
    "GET /practice": Wish("/practice"),
    "GET /practice/{kind}/draft": Wish("/practice/cp/draft"),
    "POST /practice/{kind}": Wish("/practice/cp", lambda who: {}),
    "GET /practice/{kind}/texts": Wish("/practice/cp/texts"),
    "PUT /practice/{kind}/texts/{section}": Wish("/practice/cp/texts/9.14", lambda who: {"text": who}),
}


FIELDS = {
    "GET /fields": Wish("/fields"),
    "PUT /fields/{name}": Wish("/fields/by-any", lambda who: {"title": who, "kind": "text"}),
}
PEOPLE = {
    "GET /users": Wish("/users"),
    "POST /users": Wish("/users", lambda who: {"name": f"by-{who}", "service": True}),
    "PUT /users/{name}": Wish("/users/change-CALLER", lambda who: {"display_name": who}),
    "POST /users/{name}/disable": Wish("/users/disable-CALLER/disable", lambda who: {}),
    "POST /users/{name}/enable": Wish("/users/disable-CALLER/enable"),
    "POST /users/{name}/password": Wish("/users/reset-CALLER/password"),
    "POST /users/{name}/hand-over": Wish("/users/change-CALLER/hand-over", lambda who: {"owner": "in-kept"}),
    "GET /teams": Wish("/teams"),
    "POST /teams": Wish("/teams", lambda who: {"name": f"by-{who}"}),
    "PUT /teams/{name}": Wish("/teams/of-CALLER", lambda who: {"description": who}),
    "PUT /teams/{name}/members/{user}": Wish("/teams/of-CALLER/members/change-CALLER"),
    "DELETE /teams/{name}/members/{user}": Wish("/teams/of-CALLER/members/in-CALLER"),
}


def organization_wishes(api: Api) -> dict[str, Wish]:
    """Of one organization of all teams, with a document and a check for each caller to revoke."""
    made = api.gives("POST", "/organizations", json={"legal_name": "Known", "country": "DE"})
    own = f"/organizations/{made['id']}"
    content = base64.b64encode(b"plain text").decode()
    document = api.gives("POST", f"{own}/documents", json={"name": "a.txt", "content": content})["id"]
    body = {"kind": "signatory", "note": "seen", "documents": [document]}
    checks: dict[str, str] = {}
    for who in (*GIVEN_ROLES, *STRANGERS):
        checks[who or "nobody"] = api.gives("POST", f"{own}/checks", json=body)["checks"][-1]["id"]
    return {
        "GET /organizations": Wish("/organizations"),
        "POST /organizations": Wish("/organizations", lambda who: {"legal_name": who, "country": "DE"}),
        "GET /organizations/{identifier}": Wish(own),
        "PUT /organizations/{identifier}": Wish(own, lambda who: {"legal_name": who, "country": "DE"}),
        "POST /organizations/{identifier}/checks": Wish(f"{own}/checks", lambda who: body),
        "POST /organizations/{identifier}/checks/{check}/revoke": Wish(
            lambda who: f"{own}/checks/{checks[who]}/revoke", lambda who: {"why": "wrong"}
        ),
        "POST /organizations/{identifier}/documents": Wish(
            f"{own}/documents", lambda who: {"name": f"{who}.txt", "content": content}
        ),
        "GET /organizations/{identifier}/documents/{document}": Wish(f"{own}/documents/{document}"),
    }


PROPOSALS = {
    "GET /proposals": Wish("/proposals"),
    "GET /proposals/{number}": Wish("/proposals/1"),
    **{f"POST /proposals/{{number}}/{act}": Wish(f"/proposals/1/{act}") for act in ("confirm", "withdraw")},
    "POST /proposals/{number}/carry-out": Wish("/proposals/1/carry-out"),
    "GET /second-person": Wish("/second-person"),
    "PUT /second-person": Wish("/second-person", lambda who: {"kinds": ["change-policy"]}),
}


def _answering(own: str) -> dict[str, Wish]:
    """Who answers for the certificate at this path, and for others."""
    return {
        "PUT /certificates/{reference}/owner": Wish(f"{own}/owner", lambda who: {"tagged": [who]}),
        "POST /certificates/assign": Wish(
            "/certificates/assign",
            lambda who: {"filter": {"name": "no.example.test"}, "tagged": ["x"], "rehearse": True},
        ),
        "GET /responsibility": Wish("/responsibility"),
    }


def _audit(event: str) -> dict[str, Wish]:
    return {
        "GET /audit/events": Wish("/audit/events"),
        "GET /audit/events/{event}/proof": Wish(f"/audit/events/{event}/proof"),
        "GET /audit/checkpoint": Wish("/audit/checkpoint"),
        "GET /audit/consistency": Wish("/audit/consistency", query="?older=1"),
    }


def _make_people(api: Api, name: str) -> None:
    """What PEOPLE speak of, for one caller."""
    for act in ("change", "disable", "reset", "in"):
        api.gives("POST", "/users", json={"name": f"{act}-{name}", "service": act != "reset"})
    api.gives("POST", "/teams", json={"name": f"of-{name}"})
    api.gives("PUT", f"/teams/of-{name}/members/in-{name}")


def _make_all(api: Api, name: str, endpoint: dict[str, object]) -> None:
    """What the wishes of one caller speak of."""
    api.gives("PUT", f"/endpoints/acme/for-{name}", json=endpoint)
    api.gives("POST", f"/endpoints/acme/for-{name}/external-account-keys", json={"name": f"revoke-{name}"})
    api.gives("POST", "/authorities", json=awaiting(f"retire-{name}"))
    api.gives("POST", "/authorities", json=awaiting(f"withdraw-{name}"))
    api.gives("POST", "/tokens", json={"name": f"end-{name}", "grants": [{"role": "auditor"}]})
    _make_people(api, name)


def make_wishes(api: Api, home: Home) -> dict[str, Wish]:
    """One for each route. `CALLER` in a path stands for a name of the caller's own."""
    known = api.issue("known.example.test")["fingerprint"]
    profile = api.gives("GET", "/profiles/device")
    endpoint = {"authority": OTHER, "profiles": ["tls-server"]}
    for name in ("kept", *GIVEN_ROLES, *STRANGERS):
        _make_all(api, name or "nobody", endpoint)
    root = api.gives("GET", f"/authorities/{LAB}")["generations"][0]["certificate"]
    event = api.gives("GET", "/audit/events")["events"][-1]["id"]
    request = {"csr": csr("wish.example.test")}
    held = {"role": "auditor", "scope": "*"}
    own = f"/certificates/{known}"
    return {
        "GET /certificates": Wish("/certificates"),
        "POST /certificates": Wish("/certificates", lambda who: request),
        "GET /certificates/{reference}": Wish(own),
        "POST /certificates/{reference}/revoke": Wish(f"{own}/revoke", lambda who: {"reason": "superseded"}),
        "POST /certificates/{reference}/release": Wish(f"{own}/release", lambda who: {}),
        "POST /certificates/{reference}/renew": Wish(f"{own}/renew", lambda who: {}),
        **_answering(own),
        **attesting(api, home, "known.example.test"),
        "POST /preview": Wish("/preview", lambda who: request),
        **request_wishes(api),
        "GET /authorities": Wish("/authorities"),
        "POST /authorities": Wish("/authorities", lambda who: awaiting(f"by-{who}")),
        "GET /authorities/{name}": Wish("/authorities/issuing"),
        "POST /authorities/{name}/csr": Wish("/authorities/retire-CALLER/csr", lambda who: {}),
        "POST /authorities/{name}/certificate": Wish(
            "/authorities/retire-CALLER/certificate", lambda who: {"certificate": root, "chain": root}
        ),
        "POST /authorities/{name}/subordinates": Wish(
            f"/authorities/{LAB}/subordinates", lambda who: {"csr": authority_csr(f"Sub {who}")}
        ),
        "POST /authorities/{name}/retire": Wish("/authorities/retire-CALLER/retire", lambda who: {}),
        "DELETE /authorities/{name}": Wish("/authorities/withdraw-CALLER"),
        "POST /authorities/{name}/publish": Wish("/authorities/issuing/publish", lambda who: {}),
        "GET /authorities/{name}/health": Wish("/authorities/issuing/health"),
        "GET /health": Wish("/health"),
        "GET /profiles": Wish("/profiles"),
        "GET /profiles/{name}": Wish("/profiles/device"),
        "PUT /profiles/{name}": Wish("/profiles/device", lambda who: profile),
        "GET /endpoints": Wish("/endpoints"),
        "GET /endpoints/{protocol}/{name}": Wish("/endpoints/acme/default"),
        "PUT /endpoints/{protocol}/{name}": Wish("/endpoints/acme/put-CALLER", lambda who: endpoint),
        "DELETE /endpoints/{protocol}/{name}": Wish("/endpoints/acme/for-CALLER"),
        "GET /endpoints/acme/{endpoint}/external-account-keys": Wish(
            "/endpoints/acme/for-kept/external-account-keys"
        ),
        "POST /endpoints/acme/{endpoint}/external-account-keys": Wish(
            "/endpoints/acme/for-kept/external-account-keys", lambda who: {"name": f"by-{who}"}
        ),
        "DELETE /external-account-keys/{name}": Wish("/external-account-keys/revoke-CALLER"),
        "GET /endpoints/acme/{endpoint}/accounts": Wish("/endpoints/acme/for-kept/accounts"),
        "DELETE /endpoints/acme/{endpoint}/accounts/{account}": Wish("/endpoints/acme/for-kept/accounts/1"),
        **PRACTICE,
        **organization_wishes(api),
        **discovery_wishes(api, home),
        "GET /whoami": Wish("/whoami"),
        "GET /tokens": Wish("/tokens"),
        "POST /tokens": Wish("/tokens", lambda who: {"name": f"by-{who}", "grants": [held]}),
        "DELETE /tokens/{name}": Wish("/tokens/end-CALLER"),
        "GET /grants": Wish("/grants"),
        "POST /grants": Wish("/grants", lambda who: {"holder": f"user:by-{who}", **held}),
        "DELETE /grants": Wish("/grants", query="?holder=user:by-CALLER&role=auditor"),
        **PEOPLE,
        **FIELDS,
        **PROPOSALS,
        **_audit(event),
    }


def attesting(api: Api, home: Home, name: str) -> dict[str, Wish]:
    """Of campaigns, one of which asks about the certificate of that name."""
    due = (datetime.now(UTC) + timedelta(days=30)).isoformat()
    body = {"title": "Needed?", "filter": {"name": name}, "due_at": due}
    closing, asking = (api.gives("POST", "/attestation", json=body)["id"] for _ in range(2))
    home.run(lambda context: fill_campaign(context, {"campaign": asking}))
    place = f"/attestation/{asking}"
    [asked] = api.gives("GET", f"{place}/asked?every=true")["certificates"]
    answer = {"certificates": [asked["certificate"]], "answer": "needed"}
    return {
        "GET /attestation": Wish("/attestation"),
        "POST /attestation": Wish("/attestation", lambda who: body),
        "GET /attestation/{identifier}": Wish(place),
        "POST /attestation/{identifier}/close": Wish(f"/attestation/{closing}/close", lambda who: {}),
        "GET /attestation/{identifier}/asked": Wish(f"{place}/asked"),
        "POST /attestation/{identifier}/answers": Wish(f"{place}/answers", lambda who: answer),
        "GET /attestation/{identifier}/record": Wish(f"{place}/record"),
    }


def request_wishes(api: Api) -> dict[str, Wish]:
    """Of requests, deputies and rules."""
    asked = requests(api)
    waiting = next(asked)
    rejected = {who or "nobody": next(asked) for who in (*GIVEN_ROLES, *STRANGERS)}
    return {
        "GET /requests": Wish("/requests"),
        "GET /requests/{identifier}": Wish(waiting),
        "GET /requests/{identifier}/validation": Wish(f"{waiting}/validation"),
        "POST /requests/{identifier}/approve": Wish(f"{waiting}/approve", lambda who: {}),
        "POST /requests/{identifier}/reject": Wish(
            lambda who: f"{rejected[who]}/reject", lambda who: {"reason": "no"}
        ),
        "POST /requests/{identifier}/withdraw": Wish(f"{waiting}/withdraw", lambda who: {}),
        "POST /requests/{identifier}/resubmit": Wish(f"{waiting}/resubmit", lambda who: {}),
        "GET /delegations": Wish("/delegations"),
        "POST /delegations": Wish(
            "/delegations",
            lambda who: {"user": "nobody", "deputy": "noone", "ends_at": "2990-01-01T00:00:00Z"},
        ),
        "DELETE /delegations/{identifier}": Wish("/delegations/1"),
        "GET /policy": Wish("/policy"),
        "PUT /policy": Wish("/policy", lambda who: {"toml": RULES, "comment": who}),
        "GET /policy/versions": Wish("/policy/versions"),
        **_replays(api),
    }


def _replays(api: Api) -> dict[str, Wish]:
    kept = "/policy/replays/" + api.gives("POST", "/policy/replays", json={"toml": RULES})["id"]
    return {
        "POST /policy/check": Wish("/policy/check", lambda who: {"toml": RULES}),
        "GET /policy/replays": Wish("/policy/replays"),
        "POST /policy/replays": Wish("/policy/replays", lambda who: {"toml": RULES}),
        "GET /policy/replays/{identifier}": Wish(kept),
        "POST /policy/replays/{identifier}/cancel": Wish(f"{kept}/cancel", lambda who: {}),
    }


RULES = """
[[rule]]
name = "pay"
when.names.dns = [".pay.example.test"]
approval = [{ step = "pki", from = ["role:ra-officer"], quorum = 16 }]
"""


def requests(api: Api) -> Iterator[str]:
    """Paths of those that wait, made by somebody who has nothing to do with it."""
    api.gives("PUT", "/policy", json={"toml": RULES})
    grants = [{"role": "requester"}]
    secret = api.gives("POST", "/tokens", json={"name": "asker", "grants": grants})["secret"]
    headers = {"Authorization": f"Bearer {secret}"}
    while True:
        body = {"csr": csr("wish.pay.example.test")}
        answer = api.ask("POST", "/certificates", "", json=body, headers=headers)
        assert answer.status_code == 202, answer.text
        yield answer.headers["location"].removeprefix("/api/v1")


def awaiting(name: str) -> dict[str, str]:
    """An authority whose certificate comes from elsewhere: quickly made, and harmless."""
    return {"name": name, "kind": "issuing", "subject": f"CN={name},O=Example"}
