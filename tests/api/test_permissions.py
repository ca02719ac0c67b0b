"""Every route as everyone, against the table in docs/reference/permissions.md; and ways around it, closed."""

import re

import pytest

from certwright.core.access import GIVEN_ROLES, VERBS, Role, Verb
from tests.api.callers import LAB, OTHER, SCOPED, Api, authority_csr, csr
from tests.api.conftest import Prepared
from tests.api.wishes import STRANGERS, Wish, awaiting, make_wishes
from tests.architecture.source import CHECKOUT
from tests.real.certwright import Site

PAGE = (CHECKOUT / "docs/reference/permissions.md").read_text()
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


@pytest.fixture(scope="module")
def wishes(api: Api, prepared: Prepared) -> dict[str, Wish]:
    return make_wishes(api, prepared.home)


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
    api.gives("POST", "/authorities", json=awaiting("small"))
    scoped = {
        "name": "officer-of-small",
        "grants": [{"role": "security-officer", "scope": "authority:small"}],
    }
    secret = api.gives("POST", "/tokens", json=scoped)["secret"]
    body = {**awaiting("small"), "parent": LAB}
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
