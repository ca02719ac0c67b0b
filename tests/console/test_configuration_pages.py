"""The audit log, profiles and settings by hand."""

import csv
import io
import json
import os
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from certwright.core.access import Grant, Role
from certwright.core.audit_export import verify_export
from certwright.core.checkpoint import parse_verifier_key
from certwright.core.profile_document import to_document
from certwright.core.profiles_builtin import built_in_profiles
from tests.conftest import RUN
from tests.console.browsing import alerts, events
from tests.console.logged_in import People, make_people
from tests.real import certwright as real_certwright
from tests.real.certwright import Home

NEW_PROFILE = "/console/profiles/new_profile/"


@pytest.fixture(scope="module")
def people(founded: Home, tmp_path_factory: pytest.TempPathFactory) -> Iterator[People]:
    folder = tmp_path_factory.mktemp("configuration") / "home"
    with real_certwright.copy(founded, folder, Path(os.environ[RUN])) as home:
        home.configure({"metrics_token": "hunter2-hunter2", "limits": {"headers": 77}})
        grants = {
            "admin": [Grant(Role.ADMINISTRATOR)],
            "auditor": [Grant(Role.AUDITOR)],
            "operator": [Grant(Role.OPERATOR)],
        }
        sessions = make_people(home, grants)
        with home.served() as site:
            yield People(home, site, sessions)


# -- audit ---------------------------------------------------------------------------------------


def listed(page: str) -> list[str]:
    """Identifiers of the events on it."""
    return re.findall(r'href="/console/audit/(\d+)/"', page)


def test_the_log_is_filtered_and_walked(people: People) -> None:
    first = people.page("/console/audit/", "auditor")
    assert first.status_code == 200
    seen = people.page("/console/audit/?kind=user.created").text
    assert len(listed(seen)) == 4  # the founder's, and ours
    assert len(listed(people.page("/console/audit/?subject=user:auditor").text)) == 2
    assert len(listed(people.page("/console/audit/?text=ROOT CA&kind=authority.founded").text)) == 1
    assert len(listed(people.page("/console/audit/?text=100%25&since=2000-01-01").text)) == 0
    assert len(listed(people.page("/console/audit/?until=2000-01-01").text)) == 0
    assert "No event is like that" in people.page("/console/audit/?actor=nobody").text
    wrong = people.page("/console/audit/?since=yesterday")
    assert (wrong.status_code, "is no time like" in alerts(wrong)[0]) == (400, True)
    assert people.page("/console/audit/?after=x").status_code == 400
    assert people.page("/console/audit/", "operator").status_code == 403


def test_an_event_is_proved_to_be_in_the_log(people: People) -> None:
    [founding] = listed(people.page("/console/audit/?kind=installation.founded").text)
    page = people.page(f"/console/audit/{founding}/").text
    assert "this was checked just now" in page
    assert "certwright audit verify --export" in page
    [newest, *_] = listed(people.page("/console/audit/").text)
    assert "ask again later" in people.page(f"/console/audit/{newest}/").text
    assert people.page("/console/audit/1/").status_code == 404
    assert people.page(f"/console/audit/{founding}/", "operator").status_code == 403


def test_the_log_is_taken_away_and_verified_elsewhere(people: People) -> None:
    answer = people.page("/console/audit/export.log", "auditor")
    key = parse_verifier_key((people.home.folder / "audit/checkpoint-key.pub").read_text().strip())
    report = verify_export(io.StringIO(answer.text, newline="\n"), [key])
    assert report.sound, report.discrepancies
    assert report.events > 10
    rows = list(csv.DictReader(io.StringIO(people.page("/console/audit/export.csv?kind=user.created").text)))
    assert {row["kind"] for row in rows} == {"user.created"}
    lines = people.page("/console/audit/export.jsonl").text.splitlines()
    assert {json.loads(line)["id"] for line in lines} >= {row["id"] for row in rows}
    assert people.page("/console/audit/export.log", "operator").status_code == 403
    assert {one["actor"] for one in events(people.home, "audit.exported")} == {"user:auditor", "user:admin"}


def test_the_log_is_verified_now(people: People) -> None:
    good = people.send("/console/audit/verify/", "auditor", "/console/audit/")
    assert (good.status_code, "The log is whole" in good.text) == (200, True)
    assert people.send("/console/audit/verify/", "operator").status_code == 403


# -- profiles ------------------------------------------------------------------------------------


def test_profiles_are_told_in_words(people: People) -> None:
    assert "acme/default" in people.page("/console/profiles/").text
    for name in built_in_profiles():
        page = people.page(f"/console/profiles/{name}/", "auditor")
        assert page.status_code == 200, page.text
    page = people.page("/console/profiles/tls-server/").text
    assert "90d unless asked otherwise, 398d at the most" in page
    assert "serverAuth" in page
    assert people.page("/console/profiles/tls-server/?version=9").status_code == 404
    assert people.page("/console/profiles/none/").status_code == 404


def test_every_profile_has_an_example_that_becomes_a_certificate(people: People) -> None:
    for name in built_in_profiles():
        page = people.page(f"/console/profiles/{name}/preview/")
        assert page.status_code == 200
        assert ("It would be" in page.text) or alerts(page), name
    for name in ("tls-server", "smime-signing", "domain-controller", "device", "code-signing"):
        assert "It would be" in people.page(f"/console/profiles/{name}/preview/", "auditor").text, name
    assert "dns:www.example.org" in people.page("/console/profiles/tls-server/preview/").text
    wrong = "?names=dns:a..b&authority=issuing&key=ecdsa-p256"
    refused = people.page(f"/console/profiles/tls-server/preview/{wrong}")
    assert "It would be" not in refused.text
    assert alerts(refused)
    assert people.page("/console/profiles/ocsp-signer/preview/", "auditor").status_code == 403


def test_a_profile_is_saved_as_a_new_version(people: People) -> None:
    path = "/console/profiles/tls-client/edit/"
    document = to_document(built_in_profiles()["tls-client"])
    saved = people.send(path, page=path, document=json.dumps(document | {"description": "Changed <here>"}))
    assert saved.status_code == 302, alerts(saved)
    page = people.page("/console/profiles/tls-client/").text
    assert "version 2" in page
    assert "Changed &lt;here&gt;" in page
    assert "This is an old version" in people.page("/console/profiles/tls-client/?version=1").text
    stale = people.send(path, page=path, document=json.dumps(document))
    assert stale.status_code == 409
    wrong = people.send(
        path, page=path, document=json.dumps(document | {"version": 2, "must_stable": "never"})
    )
    assert (wrong.status_code, "profile.must_stable" in alerts(wrong)[0]) == (400, True)
    other = people.send(path, page=path, document=json.dumps(document | {"name": "other"}))
    assert (other.status_code, "must stay tls-client" in alerts(other)[0]) == (400, True)
    made = people.send(NEW_PROFILE, page=NEW_PROFILE, document=json.dumps(document | {"name": "mine"}))
    assert made.headers["location"] == "/console/profiles/mine/"
    assert people.page(path, "auditor").status_code == 403


# -- settings ------------------------------------------------------------------------------------


def test_settings_say_where_they_come_from_and_no_secret(people: People) -> None:
    page = people.page("/console/settings/", "auditor").text
    assert "hunter2" not in page
    assert "set, not shown" in page

    def source(name: str) -> str:
        found = re.search(rf"<code>{name}</code>.*?data-label=\"From\">(.*?)</td>", page, re.DOTALL)
        assert found, name
        return re.sub("<[^>]+>", "", found[1])

    assert source("limits.headers") == "certwright.toml"
    assert source("limits.connections") == "default"
    assert source("https") == "certwright.toml"
    assert source("url") == "default"
    assert "CERTWRIGHT_HOME" in source("home")
    assert "cryptography" in page
    assert people.page("/console/settings/", "operator").status_code == 403


def test_the_address_in_certificates_is_changed(people: People) -> None:
    path = "/console/settings/"
    wrong = people.send(path, page=path, act="url", url="ftp://x")
    assert (wrong.status_code, "is no URL" in alerts(wrong)[0]) == (400, True)
    assert people.send(path, page=path, act="url", url="http://pki.example").status_code == 302
    assert "http://pki.example" in people.page(path).text
    assert people.send(path, "auditor", act="url", url="http://evil.example").status_code == 403
