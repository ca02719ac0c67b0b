"""Every route as everyone, against the table in docs/reference/permissions.md; and ways around it, closed."""

import base64
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from certwright.core.access import GIVEN_ROLES, VERBS, Role, Verb
from certwright.operations.remind import fill_campaign
from tests.api.callers import LAB, OTHER, SCOPED, Api, authority_csr, csr
from tests.api.conftest import Prepared
from tests.architecture.source import CHECKOUT
from tests.real.certwright import Home, Site

PAGE = (CHECKOUT / "docs/reference/permissions.md").read_text()
STRANGERS = ("", "expired", "revoked")
METHODS = "GET|POST|PUT|DELETE"


def table(first: str) -> dict[str, set[str]]:
    """A table of the page by the cell that its first row begins with: row -> roles that say yes."""
    lines = PAGE[: PAGE.index(first)].splitlines()
    heads = [cell.strip(" `") for cell in lines[-3].split("|")[2:-1]]
    found = {}
    for line in PAGE[PAGE.index(first) - 2 :].splitlines():
        if not line.startswith("|"):
            break
        name, *cells = [cell.strip() for cell in line.split("|")[1:-1]]
        assert set(cells) <= {"yes", ""}
        found[name.strip("`")] = {head for head, cell in zip(heads, cells, strict=True) if cell}
    return found


ROUTES = table("`GET /certificates` |")


@dataclass(frozen=True, slots=True)
class Wish:
    """How to ask a route so that only the caller's roles decide: what fills its path, and a good body."""

    path: str | Callable[[str], str]
    body: Callable[[str], Any] | None = None
    query: str = ""


PRACTICE = {
    "GET /practice": Wish("/practice"),
    "GET /practice/{kind}/draft": Wish("/practice/cp/draft"),
    "POST /practice/{kind}": Wish("/practice/cp", lambda who: {}),
    "GET /practice/{kind}/texts": Wish("/practice/cp/texts"),
    "PUT /practice/{kind}/texts/{section}": Wish("/practice/cp/texts/9.14", lambda who: {"text": who}),
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
    api.gives("POST", "/authorities", json=_awaiting(f"retire-{name}"))
    api.gives("POST", "/authorities", json=_awaiting(f"withdraw-{name}"))
    api.gives("POST", "/tokens", json={"name": f"end-{name}", "grants": [{"role": "auditor"}]})
    _make_people(api, name)


@pytest.fixture(scope="module")
def wishes(api: Api, prepared: Prepared) -> dict[str, Wish]:
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
        **attesting(api, prepared.home, "known.example.test"),
        "POST /preview": Wish("/preview", lambda who: request),
        **request_wishes(api),
        "GET /authorities": Wish("/authorities"),
        "POST /authorities": Wish("/authorities", lambda who: _awaiting(f"by-{who}")),
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
        "GET /whoami": Wish("/whoami"),
        "GET /tokens": Wish("/tokens"),
        "POST /tokens": Wish("/tokens", lambda who: {"name": f"by-{who}", "grants": [held]}),
        "DELETE /tokens/{name}": Wish("/tokens/end-CALLER"),
        "GET /grants": Wish("/grants"),
        "POST /grants": Wish("/grants", lambda who: {"holder": f"user:by-{who}", **held}),
        "DELETE /grants": Wish("/grants", query="?holder=user:by-CALLER&role=auditor"),
        **PEOPLE,
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


def _awaiting(name: str) -> dict[str, str]:
    """An authority whose certificate comes from elsewhere: quickly made, and harmless."""
    return {"name": name, "kind": "issuing", "subject": f"CN={name},O=Example"}


def test_every_route_is_in_the_table(api: Api, wishes: dict[str, Wish]) -> None:
    paths = api.client.get("/api/v1/openapi.json").json()["paths"]
    declared = {
        f"{method.upper()} {path.removeprefix('/api/v1')}"
        for path, methods in paths.items()
        for method in methods
    }
    assert declared == set(ROUTES) == set(wishes)


def test_the_table_of_verbs_is_what_holds() -> None:
    assert table("`view` |") == {
        verb.value: {role.value for role in Role if verb in VERBS[role]} for verb in Verb
    }


@pytest.mark.parametrize("caller", [*map(str, GIVEN_ROLES), *STRANGERS])
@pytest.mark.parametrize("route", ROUTES)
def test_every_route_as_everyone(api: Api, wishes: dict[str, Wish], route: str, caller: str) -> None:
    wish, who = wishes[route], caller or "nobody"
    path = wish.path(who) if callable(wish.path) else wish.path
    path = (path + wish.query).replace("CALLER", who)
    body = {"json": wish.body(who)} if wish.body else {}
    answer = api.ask(route.partition(" ")[0], path, caller, **body)
    if caller in STRANGERS:
        assert answer.status_code == 401
        assert answer.headers["www-authenticate"] == "Bearer"
    else:
        denied = answer.status_code == 403 and "reasons" not in answer.json()
        assert denied != (caller in ROUTES[route]), answer.text
        assert answer.status_code != 401
        assert answer.status_code < 500, answer.text


# -- ways around ---------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def others(api: Api) -> str:
    """A certificate of another authority than `requester-of-issuing` has to do with."""
    fingerprint: str = api.issue("secret.example.test", authority=OTHER)["fingerprint"]
    return fingerprint


@pytest.mark.parametrize(
    ("method", "verb"), [("GET", ""), ("POST", "/revoke"), ("POST", "/release"), ("POST", "/renew")]
)
def test_what_others_have_does_not_exist(api: Api, others: str, method: str, verb: str) -> None:
    """The answer is that for a certificate which never was, but for the reference in it."""
    never = "00" * 32
    answers = [
        api.ask(method, f"/certificates/{one}{verb}", "requester-of-issuing") for one in (others, never)
    ]
    assert [answer.status_code for answer in answers] == [404, 404]
    assert answers[0].text.replace(others, never) == answers[1].text
    serial = api.gives("GET", f"/certificates/{others}")["serial"]
    assert api.ask(method, f"/certificates/{serial}{verb}", "requester-of-issuing").status_code == 404


def test_what_others_have_is_in_no_list(api: Api, others: str) -> None:
    own = api.issue("mine.example.test", caller="requester-of-issuing")["fingerprint"]

    def seen(caller: str, query: str = "") -> set[str]:
        page = api.gives("GET", f"/certificates?limit=1000{query}", caller)
        return {one["fingerprint"] for one in page["certificates"]}

    assert others not in seen("requester-of-issuing")
    assert own in seen("requester-of-issuing")
    assert seen("requester-of-other") == {others} | seen("requester-of-other", f"&authority={OTHER}")
    assert own not in seen("requester-of-other")
    for query in (f"&authority={OTHER}", "&name=secret.example.test", "&name=.example.test&expiring=9999d"):
        assert others not in seen("requester-of-issuing", query)
    assert api.gives("GET", "/certificates", "officer-of-acme")["certificates"] == []
    names = {one["name"] for one in api.gives("GET", "/authorities", "requester-of-issuing")["authorities"]}
    assert names == {"issuing"}


def test_a_successor_of_what_others_have_cannot_be_made(api: Api, others: str) -> None:
    body = {"csr": csr("secret.example.test"), "replaces": others}
    assert api.ask("POST", "/certificates", "requester-of-issuing", json=body).status_code == 404


def test_a_scope_holds_for_what_is_new(api: Api) -> None:
    body = {"csr": csr("new.example.test")}
    assert api.ask("POST", "/certificates", "requester-of-issuing", json=body).status_code == 201
    assert api.ask("POST", "/certificates", "requester-of-other", json=body).status_code == 403
    assert api.ask("POST", "/preview", "requester-of-other", json=body).status_code == 403
    assert api.ask("POST", "/certificates", "ra-officer-of-clients", json=body).status_code == 403
    client = {"csr": csr("new.example.test"), "profile": "tls-client"}
    refused = api.ask("POST", "/certificates", "ra-officer-of-clients", json=client).json()
    assert refused["reasons"]  # it is policy that looks at it now


@pytest.mark.parametrize("profile", ["ocsp-signer", "issuing-authority", "intermediate-authority"])
@pytest.mark.parametrize("caller", ["requester", "ra-officer"])
def test_what_speaks_for_an_authority_is_not_for_requesters(api: Api, profile: str, caller: str) -> None:
    for path in ("/certificates", "/preview"):
        body = {"csr": authority_csr("Mallory"), "profile": profile, "authority": LAB}
        answer = api.ask("POST", path, caller, json=body)
        assert answer.status_code == 403
        assert "no role that permits" in answer.json()["detail"]


def test_an_authority_certificate_takes_an_officer(api: Api) -> None:
    generation = api.gives("GET", f"/authorities/{OTHER}")["generations"][0]
    found = [
        one
        for one in api.gives("GET", "/certificates?profile=issuing-authority")["certificates"]
        if one["subject"] == generation["subject"]
    ]
    path = f"/certificates/{found[0]['fingerprint']}"
    assert api.ask("POST", f"{path}/revoke", "ra-officer").status_code == 403
    assert api.ask("POST", f"{path}/release", "ra-officer").status_code == 403
    assert api.ask("POST", f"{path}/renew", "requester").status_code == 403
    assert api.ask("POST", f"{path}/release", "security-officer").status_code == 409


def test_nobody_gives_themselves_more(api: Api) -> None:
    everything = [{"role": "administrator"}]
    for caller in [*(role for role in GIVEN_ROLES if role is not Role.ADMINISTRATOR), *SCOPED]:
        body = {"name": f"more-for-{caller}", "grants": everything}
        assert api.ask("POST", "/tokens", caller, json=body).status_code == 403, caller
        grant = {"holder": f"token:{caller}", "role": "administrator"}
        assert api.ask("POST", "/grants", caller, json=grant).status_code == 403, caller
        assert api.ask("DELETE", "/tokens/administrator", caller).status_code == 403, caller


def test_an_endpoint_cannot_be_taken_to_another_authority(api: Api) -> None:
    profiles = {"profiles": ["tls-server"]}
    default = "/endpoints/acme/default"
    asked = [
        ("officer-of-acme", default, "issuing", 200),
        ("officer-of-acme", default, OTHER, 403),
        ("officer-of-acme", "/endpoints/acme/mine", OTHER, 403),
        ("officer-of-other", default, "issuing", 403),
        ("officer-of-other", default, OTHER, 403),
        ("officer-of-other", "/endpoints/acme/theirs", OTHER, 200),
    ]
    for caller, path, authority, status in asked:
        answer = api.ask("PUT", path, caller, json={"authority": authority, **profiles})
        assert answer.status_code == status, (caller, path, authority)
    assert api.gives("GET", default)["authority"] == "issuing"


def test_a_subordinate_of_another_authority_cannot_be_founded(api: Api) -> None:
    api.gives("POST", "/authorities", json=_awaiting("small"))
    scoped = {
        "name": "officer-of-small",
        "grants": [{"role": "security-officer", "scope": "authority:small"}],
    }
    secret = api.gives("POST", "/tokens", json=scoped)["secret"]
    body = {**_awaiting("small"), "parent": LAB}
    headers = {"Authorization": f"Bearer {secret}"}
    assert api.ask("POST", "/authorities", "", json=body, headers=headers).status_code == 403
    assert api.ask("POST", "/authorities/small/csr", "", json={}, headers=headers).status_code == 200


def test_the_audit_log_belongs_to_no_scope(api: Api) -> None:
    assert api.ask("GET", "/audit/events", "auditor-of-other").status_code == 403
    assert api.ask("GET", "/audit/checkpoint", "auditor-of-other").status_code == 403
    assert api.ask("GET", "/tokens", "administrator-of-other").status_code == 403


def test_a_revoked_token_is_worthless_at_once(api: Api, served: Site) -> None:
    secret = api.gives("POST", "/tokens", json={"name": "short", "grants": [{"role": "auditor"}]})["secret"]
    headers = {"Authorization": f"Bearer {secret}"}
    assert api.ask("GET", "/whoami", "", headers=headers).json()["name"] == "token:short"
    api.gives("DELETE", "/tokens/short")
    assert api.ask("GET", "/whoami", "", headers=headers).status_code == 401
    again = api.ask("POST", "/tokens", json={"name": "short", "grants": [{"role": "auditor"}]})
    assert again.status_code == 409


def test_a_withdrawn_role_is_gone_at_once(api: Api) -> None:
    grants = [{"role": "auditor"}, {"role": "requester", "scope": "authority:issuing"}]
    secret = api.gives("POST", "/tokens", json={"name": "less", "grants": grants})["secret"]
    headers = {"Authorization": f"Bearer {secret}"}
    assert api.ask("GET", "/audit/events", "", headers=headers).status_code == 200
    api.gives("DELETE", "/grants?holder=token:less&role=auditor")
    assert api.ask("GET", "/audit/events", "", headers=headers).status_code == 403
    assert api.ask("GET", "/whoami", "", headers=headers).json()["grants"] == [grants[1]]
    assert api.ask("DELETE", "/grants?holder=token:less&role=auditor").status_code == 404


def test_refusals_are_on_record_and_bounded(api: Api) -> None:
    grants = [{"role": "operator"}]
    secret = api.gives("POST", "/tokens", json={"name": "curious", "grants": grants})["secret"]
    headers = {"Authorization": f"Bearer {secret}"}
    for _ in range(8):  # on either lane
        assert api.ask("GET", "/tokens", "", headers=headers).status_code == 403
        body = {"csr": csr("curious.example.test")}
        assert api.ask("POST", "/certificates", "", json=body, headers=headers).status_code == 403
    events = api.gives("GET", "/audit/events?kind=access.denied&actor=token:curious&limit=100")["events"]
    assert 1 <= len(events) <= 20  # 10 a minute, and a minute may have ended meanwhile
    assert {one["subject"] for one in events} == {"rest:GET /api/v1/tokens", "rest:POST /api/v1/certificates"}
    assert {one["source"] for one in events} == {"127.0.0.1"}
    assert all(re.search(r"no role that permits '\S+'", one["detail"]["reason"]) for one in events)
