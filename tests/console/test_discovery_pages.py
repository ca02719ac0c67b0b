"""Discovery in the console: scopes, looks and what they have seen; findings and what people say to them; and
names of strangers that would be more than text."""

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from html import unescape
from pathlib import Path

import httpx
import pytest

from certwright.console.discovery.words import SAME, SETTINGS
from certwright.core.access import Grant, Role
from certwright.operations.context import Context
from certwright.operations.count_networks import count_networks
from certwright.operations.count_readiness import count_readiness
from certwright.operations.count_scores import count_scores
from certwright.operations.discovery_runs import DiscoveryOrder, ask_discovery
from certwright.operations.discovery_sources import source_names, source_settings
from certwright.operations.findings import FindingFilter, finding_documents, list_findings
from certwright.operations.note_findings import check_health
from certwright.operations.run_discovery import next_run, run_discovery
from certwright.operations.take_sightings import Look, take_sightings
from certwright.ports import Place, Sighting
from tests.conftest import RUN
from tests.console.browsing import alerts, events
from tests.console.logged_in import People, logged_in, make_people
from tests.plugins.discovery.cluster import TOKEN, kubeconfig
from tests.real import certwright as real_certwright
from tests.real.certwright import ADMINISTRATOR
from tests.real.toy_chains import BEGIN, ToyAuthority

LIST = "/console/discovery/"
LOOK = f"{LIST}look/network/"
NEW = f"{LIST}scopes/new/network/"
EVIL = "<script>alert(1)</script>"
TAG = re.compile(r"<script\\?>alert")
"""With the backslash of a distinguished name, or without."""
STRANGER = ToyAuthority(f"Root {EVIL}")
USUAL = {
    "exclude": "",
    "zone": "",
    "set_ports": "443",
    "set_names": "",
    "set_alpn": "h2\nhttp/1.1",
    "set_starttls": "25 smtp",
    "set_concurrency": "500",
    "set_per_second": "1000",
    "set_network_per_second": "100",
    "set_jitter": "0.2",
    "set_connect_seconds": "3",
    "set_total_seconds": "10",
}
SCOPE = {**USUAL, "targets": "192.0.2.0/24", "every_minutes": "0", "quiet": "", "version": "0"}


@dataclass(frozen=True, slots=True)
class Strange:
    """A run that nobody goes on with, of what somebody saw whose names mean no good."""

    run: int
    finding: int


@pytest.fixture(scope="module")
def people(founded: real_certwright.Home, tmp_path_factory: pytest.TempPathFactory) -> Iterator[People]:
    folder = tmp_path_factory.mktemp("discovery") / "home"
    with real_certwright.copy(founded, folder, Path(os.environ[RUN])) as home:
        grants = {
            "admin": [Grant(Role.ADMINISTRATOR)],
            "auditor": [Grant(Role.AUDITOR)],
            "operator": [Grant(Role.OPERATOR)],
            "narrow": [Grant(Role.OPERATOR, "endpoint:acme/default")],
        }
        sessions = make_people(home, grants)
        with home.served() as site:
            yield People(home, site, sessions)


@pytest.fixture(scope="module")
def strange(people: People) -> Strange:
    async def act(context: Context) -> Strange:
        asked = await ask_discovery(
            context, ADMINISTRATOR, DiscoveryOrder("network", ("192.0.2.7",), zone="elsewhere")
        )
        leaf = STRANGER.sign(f"leaf {EVIL}", None, f"{EVIL}.example.test")
        place = Place("file", f"host {EVIL}", 0, f"/etc/{EVIL}")
        await take_sightings(context, Look(asked.id), [Sighting(place, BEGIN, (leaf,))])
        await check_health(context)
        wanted = FindingFilter(code="certificate.untrusted")
        found = await list_findings(context, ADMINISTRATOR, wanted)
        told = await finding_documents(context, found)
        return Strange(asked.id, next(int(one["id"]) for one in told if "leaf" in one["subject"]))

    return people.home.run(act)


def ended(people: People, path: str) -> httpx.Response:
    """The page of the run, which waits, once somebody has done it as a worker does."""
    assert "waits for a worker" in people.page(path).text

    async def work(context: Context) -> None:
        row = await next_run(context, "")
        assert row is not None
        await run_discovery(context, row)

    people.home.run(work)
    return people.page(path)


def test_who_has_looked_nowhere_is_told_how(people: People) -> None:
    page = people.page(LIST).text
    assert "certwright discover www.example.org" in page
    assert NEW in page
    assert NEW not in people.page(LIST, "auditor").text
    assert people.page(LIST, "narrow").status_code == 403


@pytest.fixture(scope="module")
def looked(people: People) -> str:
    """The address of a run that has looked at our own listener, which is a server like any other."""
    asked = people.send(LOOK, "operator", page=LOOK, **USUAL | {"targets": _listener(people)})
    assert asked.status_code == 302, alerts(asked)
    ended(people, asked.headers["location"])
    return asked.headers["location"]


def _listener(people: People) -> str:
    return f"127.0.0.1:{people.site.ports['https']}"


def test_a_look_finds_what_is_served(people: People, looked: str) -> None:
    page = people.page(looked).text
    assert _listener(people) in page
    assert "1 certificate at a place" in page
    assert re.search(r'href="/console/certificates/[0-9a-f]{64}/"', page)
    assert looked in people.page(LIST).text


def test_scores_lead_to_the_findings_behind_them(people: People, strange: Strange) -> None:
    assert people.home.run(count_scores) == 2
    page = people.page("/console/findings/scores/", "auditor")
    assert "Everything" in page.text
    links = [unescape(one) for one in re.findall(r'href="(/console/findings/\?[^"]*)"', page.text)]
    critical = next(one for one in links if "severity=warning" in one and "team=none" in one)
    assert f"/console/findings/{strange.finding}/" in people.page(critical, "auditor").text
    assert "There is no score yet" in people.page("/console/findings/scores/", "narrow").text


@pytest.mark.usefixtures("looked")
def test_readiness_is_told_by_system(people: People) -> None:
    people.home.run(count_readiness)
    page = people.page("/console/findings/readiness/", "auditor").text
    assert "By host" in page
    assert "127.0.0.1" in page
    assert "There are no numbers yet" in people.page("/console/findings/readiness/", "narrow").text


@pytest.mark.usefixtures("looked")
def test_networks_lead_to_what_is_served_there(people: People) -> None:
    assert people.home.run(count_networks) == 1
    page = people.page(f"{LIST}networks/", "auditor")
    assert "127.0.0.0/24" in page.text
    link = re.search(r'href="([^"]*at%3A127[^"]*)"', page.text)
    assert link
    listed = people.page(unescape(link[1]))
    assert listed.status_code == 200
    assert re.search(r'href="/console/certificates/[0-9a-f]{64}/"', listed.text)


def test_what_a_source_cannot_read_is_said_at_its_field(people: People) -> None:
    for name, wrong, said in (
        ("targets", "", "This field is required."),
        ("targets", "nonsense/", "nonsense/"),
        ("exclude", "300.0.0.1/8", "300.0.0.1"),
        ("set_ports", "0-99999", "port"),
        ("set_jitter", "7", "jitter must be from 0 to 1"),
        ("set_concurrency", "many", "whole number"),
        ("set_starttls", "25", "two words"),
        ("set_starttls", "25 gopher", "gopher"),
    ):
        answer = people.send(LOOK, page=LOOK, **USUAL | {"targets": "192.0.2.1"} | {name: wrong})
        assert answer.status_code == 400, name
        [error] = re.findall(r'class="invalid-feedback d-block" id="(\w+)_error">([^<]*)<', answer.text)
        assert (error[0], said in unescape(error[1])) == (f"id_{name}", True), error
        assert ('<details class="mb-3" open>' in answer.text) == name.startswith("set_")


def test_a_scope_is_made_run_changed_and_removed(people: People) -> None:
    for name, wrong, said in (
        ("name", "No Name", "small letters"),
        ("quiet", "at night", "quiet time"),
        ("every_minutes", "-1", "greater than or equal"),
    ):
        refused = people.send(NEW, page=NEW, **SCOPE | {"name": "dmz"} | {name: wrong})
        assert refused.status_code == 400
        assert f'id="id_{name}_error"' in refused.text
        assert said in refused.text
    target = f"127.0.0.1:{people.site.ports['https']}"
    made = people.send(NEW, page=NEW, **SCOPE | {"name": "dmz", "targets": target, "zone": ""})
    assert made.headers["location"] == f"{LIST}scopes/of/dmz/"
    scope = made.headers["location"]
    assert people.send(NEW, page=NEW, **SCOPE | {"name": "dmz"}).status_code == 409
    begun = people.send(LIST, "operator", scope="dmz")
    assert begun.status_code == 302
    page = ended(people, begun.headers["location"])
    assert "dmz" in page.text
    assert "1 certificate at a place" in page.text
    difference = people.page(begun.headers["location"] + "difference/")
    assert "all that it saw first is new" in difference.text
    changed = people.send(scope, page=scope, **SCOPE | {"every_minutes": "60", "version": "1"})
    assert changed.status_code == 302, alerts(changed)
    page = people.page(scope)
    assert "every hour" in page.text
    assert "192.0.2.0/24" in page.text
    assert people.send(scope, page=scope, **SCOPE | {"version": "1"}).status_code == 409
    assert people.page(f"{scope}remove/", "auditor").status_code == 403
    asked = people.page(f"{scope}remove/").text
    assert "its 1 target any more" in asked
    assert people.send(f"{scope}remove/", page=f"{scope}remove/", act="remove").status_code == 302
    assert people.page(scope).status_code == 404
    assert events(people.home, "discovery.scope-removed", "discovery-scope:dmz")


def test_secrets_are_kept_and_never_shown_again(people: People) -> None:
    new, secret = f"{LIST}scopes/new/files/", "not-to-be-shown"
    fields = {name: SCOPE[name] for name in ("exclude", "zone", "every_minutes", "quiet", "version")}
    fields |= {"targets": "/etc/ssl", "set_files_max": "9", "set_octets_max": "9999", "set_seconds": "9"}
    refused = people.send(new, page=new, **fields | {"name": "No", "set_passwords": secret})
    assert refused.status_code == 400
    assert secret not in refused.text
    made = people.send(new, page=new, **fields | {"name": "stores", "set_passwords": secret})
    assert made.status_code == 302, alerts(made)
    scope = made.headers["location"]
    page = people.page(scope).text
    assert "It has secrets." in page
    assert secret not in page
    changed = people.send(scope, page=scope, **fields | {"version": "1", "set_passwords": ""})
    assert changed.status_code == 302, alerts(changed)
    assert "It has secrets." in people.page(scope).text
    assert "set_passwords" not in people.page(f"{LIST}look/files/").text


def test_a_machine_is_looked_at_with_a_key_that_is_kept(people: People) -> None:
    new = f"{LIST}scopes/new/ssh/"
    fields = {name: SCOPE[name] for name in ("exclude", "zone", "every_minutes", "quiet", "version")}
    fields |= {"name": "machines", "targets": "web1.example.test:/etc/ssl", "set_user": "look"}
    fields |= {"set_known_hosts": "web1.example.test ssh-ed25519 AAAA"}
    fields |= {"set_files_max": "9", "set_octets_max": "9", "set_seconds": "9", "set_connect_seconds": "9"}
    refused = people.send(new, page=new, **fields)
    assert (refused.status_code, "needs a private_key or a password" in alerts(refused)[0]) == (400, True)
    assert 'class="invalid-feedback' not in refused.text


def test_an_authority_is_followed_with_a_token_that_is_kept(people: People) -> None:
    new, secret = f"{LIST}scopes/new/certwright/", "cw_not-to-be-shown"
    fields = {name: SCOPE[name] for name in ("exclude", "zone", "every_minutes", "quiet", "version")}
    fields |= {"name": "other", "targets": "https://pki.example.test", "set_everything_days": "7"}
    fields |= {"set_seconds": "30", "set_trust": "nonsense", "set_token": secret}
    refused = people.send(new, page=new, **fields)
    assert refused.status_code == 400
    assert "the certificates to trust cannot be read" in unescape(refused.text)
    made = people.send(new, page=new, **fields | {"set_trust": ""})
    assert made.status_code == 302, alerts(made)
    page = people.page(made.headers["location"]).text
    assert "It has secrets." in page
    assert secret not in refused.text + page


SOURCES = ("files", "openssl-ca", "openssl-ca-ssh", "certwright", "ldap", "vault", "step-ca", "ct-log")


def test_authorities_and_directories_are_offered_in_words(people: People) -> None:
    offered = people.page(NEW).text
    for source in SOURCES:
        new = f"{LIST}scopes/new/{source}/"
        assert new in offered
        page = people.page(new)
        assert page.status_code == 200
        assert "set_policy" not in page.text
        assert "set_folders" not in page.text


CLOUDS = {
    "aws": {
        "targets": "eu-central-1",
        "set_access_key_id": "AKIA-not-to-be-shown",
        "set_secret_access_key": "not/to/be/shown",
        "set_partition": "aws",
        "set_endpoints": "acm https://acm.internal.example.test",
        "set_items_max": "9",
        "set_concurrency": "1",
        "set_seconds": "9",
    },
    "kubernetes": {
        "targets": "*",
        "set_kubeconfig": kubeconfig(6443),
        "set_page": "9",
        "set_items_max": "9",
        "set_octets_max": "9000",
        "set_seconds": "9",
    },
}
CREDENTIALS = {"aws": "secret_access_key", "kubernetes": "kubeconfig"}


@pytest.mark.parametrize("source", CLOUDS)
def test_a_cloud_is_looked_at_with_credentials_that_are_kept(people: People, source: str) -> None:
    new, secret = f"{LIST}scopes/new/{source}/", f"set_{CREDENTIALS[source]}"
    fields = {name: SCOPE[name] for name in ("exclude", "zone", "every_minutes", "quiet", "version")}
    fields |= {"name": f"cloud-{source}", **CLOUDS[source]}
    refused = people.send(new, page=new, **fields | {secret: ""})
    assert (refused.status_code, f"the {source} source needs" in refused.text) == (400, True)
    wrong = people.send(new, page=new, **fields | {"targets": "No Target"})
    assert (wrong.status_code, "is no target" in wrong.text) == (400, True)
    assert fields[secret] not in wrong.text
    made = people.send(new, page=new, **fields)
    assert made.status_code == 302, alerts(made)
    page = people.page(made.headers["location"]).text
    assert "It has secrets." in page
    assert not [one for name, one in CLOUDS[source].items() if name == secret and one in page]
    assert TOKEN not in page


def test_every_setting_that_is_offered_has_words_of_its_own() -> None:
    unnamed = [
        (source, one.name)
        for source in source_names()
        for one in source_settings(source)
        if not {(source, one.name), (SAME.get(source, source), one.name)} & set(SETTINGS)
    ]
    assert unnamed == []


def test_who_may_not_look_is_shown_no_way_and_refused(people: People) -> None:
    assert people.page(NEW, "auditor").status_code == 403
    assert people.page(LOOK, "auditor").status_code == 403
    assert people.send(LIST, "auditor", scope="dmz").status_code == 403


def test_only_settings_that_people_may_set_are_offered(people: People) -> None:
    page = people.page(NEW).text
    assert 'name="set_ports"' in page
    assert "set_policy" not in page
    assert "set_resolver" not in page
    sent = people.send(
        LOOK, page=LOOK, **USUAL | {"targets": "192.0.2.1", "set_policy": "{}", "zone": "none"}
    )
    assert sent.status_code == 302
    stopped = people.send(sent.headers["location"], "operator", act="cancel")
    assert stopped.status_code == 302
    assert "by user:operator" in people.page(sent.headers["location"]).text
    assert people.send(sent.headers["location"], act="nonsense").status_code == 400
    assert people.page(f"{LIST}look/nothing/").status_code == 404


def test_progress_is_told_while_it_is_under_way(people: People, strange: Strange) -> None:
    """htmx asks for the part of the page each second, and for the whole of it when the run is over."""
    path = f"{LIST}runs/{strange.run}/"
    with logged_in(people.site, people.sessions["admin"]) as client:
        answer = client.get(path, headers={"HX-Request": "true"})
    assert 'hx-trigger="every 1s"' in answer.text
    assert "<html" not in answer.text
    assert "HX-Refresh" not in answer.headers


def test_names_of_strangers_stay_text(people: People, strange: Strange) -> None:
    finding = f"/console/findings/{strange.finding}/"
    shown = f"{LIST}runs/{strange.run}/"
    for path in (shown, LIST, "/console/findings/", finding, f"{shown}difference/"):
        page = people.page(path)
        assert page.status_code == 200
        assert not TAG.search(page.text), path
    for path in (shown, finding):
        assert len(TAG.findall(unescape(people.page(path).text))) >= 2, path


def test_findings_are_listed_filtered_and_answered(people: People, strange: Strange) -> None:
    page = f"/console/findings/{strange.finding}/"
    listed = people.page("/console/findings/?code=certificate.untrusted")
    assert page in listed.text
    assert re.search(r"warning: [1-9]", listed.text)
    assert page not in people.page("/console/findings/?severity=critical").text
    assert people.page("/console/findings/?code=nonsense").status_code == 400
    assert "Nothing is wrong" in people.page("/console/findings/", "narrow").text
    assert people.page(page, "narrow").status_code == 404
    one = people.page(page)
    assert "No path leads from the certificate" in one.text
    assert people.send(page, "auditor", act="acknowledge").status_code == 403
    assert people.send(page, "operator", page=page, act="acknowledge").status_code == 302
    assert "user:operator is at it" in people.page(page).text
    late = people.send(page, page=page, act="accept", until="2199-01-01", reason="so")
    assert (late.status_code, "within the next 400 days" in late.text) == (400, True)
    day = f"{datetime.now(UTC) + timedelta(days=20):%Y-%m-%d}"
    assert people.send(page, page=page, act="accept", until=day, reason="").status_code == 400
    accepted = people.send(page, page=page, act="accept", until=day, reason=f"is left {EVIL}")
    assert accepted.status_code == 302, alerts(accepted)
    after = people.page(page).text
    assert EVIL not in after
    assert f"is left {EVIL}" in unescape(after)
    assert page in people.page("/console/findings/?state=accepted").text
    assert page not in people.page("/console/findings/?state=open").text
