"""Notices, attestation and responsibility in the console, without JavaScript."""

import csv
import io
import re
from collections.abc import Iterator
from datetime import timedelta
from html import unescape

import pytest

from certwright.core.access import Role
from certwright.core.request import parse_csr
from certwright.core.responsibility import Assignment
from certwright.operations.assign_owner import assign_owner
from certwright.operations.attestation import CampaignOrder, open_campaign
from certwright.operations.context import Context
from certwright.operations.issue import IssueOrder, issue
from certwright.operations.list_certificates import CertificateFilter
from certwright.operations.manage_users import find_user
from certwright.operations.remind import fill_campaign
from tests.api.callers import csr
from tests.console.browsing import Browser, alerts, browser, events, make_person
from tests.real.certwright import ADMINISTRATOR, Home, Site

HOSTS = 3


@pytest.fixture(scope="module")
def campaign(home: Home) -> int:
    """Of three certificates: two are the owner's, one is nobody's."""
    for name, roles in (("chief", (Role.ADMINISTRATOR,)), ("ownerly", ()), ("heir", ())):
        make_person(home, name, *roles)

    async def make(context: Context) -> int:
        references = []
        for number in range(HOSTS):
            request = parse_csr(csr(f"h{number}.owned.example.test").encode())
            made = await issue(context, IssueOrder(ADMINISTRATOR, request, "issuing", "tls-server"))
            references.append(made.row.fingerprint.hex())
        await assign_owner(context, ADMINISTRATOR, references[:2], Assignment(owner="ownerly"))
        due, selected = context.clock() + timedelta(days=30), CertificateFilter(name=".owned.example.test")
        order = CampaignOrder("Spring <b>", "Are they?", selected, due, 60)
        row = await open_campaign(context, ADMINISTRATOR, order)
        await fill_campaign(context, {"campaign": row.id})
        return row.id

    return home.run(make)


@pytest.fixture
def owner(served: Site, campaign: int) -> Iterator[Browser]:
    with browser(served) as made:
        made.log_in("ownerly")
        yield made


@pytest.fixture
def chief(served: Site, campaign: int) -> Iterator[Browser]:
    with browser(served) as made:
        made.log_in("chief")
        yield made


def chosen(page: str) -> list[str]:
    """What can be chosen on a list; not what stands in a form by itself."""
    return re.findall(r'type="checkbox" name="chosen" value="([^"]+)"', page)


def send(who: Browser, path: str, page: str, **fields: object) -> str:
    """Post a form with fields that may have several values; the text of the page it leads to."""
    token = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', who.get(page).text)
    assert token
    data = {"csrfmiddlewaretoken": token[1], **fields}
    answer = who.client.post(path, data=data, headers={"Referer": who.site.url("https", page)})
    assert answer.status_code in (200, 302), answer.text
    return who.get(answer.headers["Location"]).text if answer.status_code == 302 else answer.text


def test_notices_are_counted_read_and_one_s_own(owner: Browser, chief: Browser) -> None:
    page = owner.get("/console/").text
    assert re.search(r'Notices <span class="badge[^"]*">2 ', page)
    listed = owner.get("/console/notices/").text
    assert "Spring &lt;b&gt;: are your certificates needed still? It asks about 2 certificates." in listed
    assert "has handed certificates over to you" in listed
    [identifier, _] = re.findall(r'name="notice" value="(\d+)"', listed)
    assert "nothing you should know" in send(
        chief, "/console/notices/", "/console/notices/", act="read", notice=identifier
    )
    listed = send(owner, "/console/notices/", "/console/notices/", act="read", notice=identifier)
    assert len(re.findall(r'name="notice" value=', listed)) == 1
    listed = send(owner, "/console/notices/", "/console/notices/", act="read-all")
    assert 'name="notice"' not in listed
    assert "Notices do not come to you by mail." in send(
        owner, "/console/notices/", "/console/notices/", act="mail", wanted="no"
    )
    for wrong in ({"act": "burn"}, {"act": "read", "notice": "x"}):
        assert owner.send("/console/notices/", **wrong).status_code == 400


def test_an_owner_answers_and_hands_on_and_revokes(
    owner: Browser, chief: Browser, home: Home, campaign: int
) -> None:
    place = f"/console/attestation/{campaign}/"
    page = owner.get(place).text
    mine = chosen(page)
    assert len(mine) == 2
    assert "Close for good" not in page
    answered = send(owner, f"{place}answer/", place, chosen=mine, answer="needed", comment="the shop")
    assert answered.count("the shop") == 2
    answered = send(owner, f"{place}answer/", place, chosen=mine[:1], answer="not-needed")
    assert "Revoke 1 that is not needed" in answered
    sure = send(
        owner,
        "/console/certificates/chosen/",
        place,
        chosen=mine[0].partition(":")[2],
        reason="cessationOfOperation",
    )
    assert "Revoke 1 certificate?" in sure
    assert len(chosen(chief.get(f"{place}?all=yes").text)) == HOSTS
    send(chief, f"{place}answer/", place + "?all=yes", chosen=mine[1:], answer="not-mine", hand_to="heir")
    assert len(chosen(owner.get(place).text)) == 1
    record = list(csv.reader(io.StringIO(chief.get(f"{place}record.csv").text)))
    assert record[0][0] == "fingerprint"
    assert sorted(line[5] for line in record[1:]) == ["", "not-mine", "not-needed"]
    assert len(events(home, "attestation.answered")) == 4
    refused = owner.send(f"{place}answer/", place, answer="perhaps", chosen=mine[0])
    assert (refused.status_code, "an answer is one of" in refused.text) == (400, True)


def test_a_campaign_is_opened_and_closed(chief: Browser, owner: Browser) -> None:
    fields = {"title": "Autumn", "text": "", "due": "2001-01-01", "profile": "tls-server"}
    wrong = chief.send("/console/attestation/new/", **fields)
    assert (wrong.status_code, "is due within a year" in wrong.text) == (400, True)
    due = re.search(r'datetime="(\d{4}-\d\d-\d\d)', chief.get("/console/attestation/").text)
    assert due
    opened = chief.send("/console/attestation/new/", **{**fields, "due": due[1]})
    assert opened.status_code == 302, opened.text
    place = opened.headers["Location"]
    assert owner.send("/console/attestation/new/", **{**fields, "due": due[1]}).status_code == 403
    assert owner.send(place, "/console/notices/", repeat="no").status_code == 403
    assert "Closed on" in send(chief, place, place, repeat="no")


def test_the_matrix_leads_to_rows_and_nobody_s_are_given_to_somebody(chief: Browser, home: Home) -> None:
    page = chief.get("/console/responsibility/").text
    assert "nobody answers." in page
    [address] = {unescape(one) for one in re.findall(r'<p><a href="([^"]+)"', page)}
    listed = chief.get(address)
    rows = chosen(listed.text)
    assert len(rows) >= 1
    given = send(chief, "/console/certificates/chosen/", address, act="assign", chosen=rows, to_owner="heir")
    assert f"{len(rows)} certificate" in given
    assert "Somebody answers for each" in chief.get("/console/responsibility/").text
    lines = list(csv.reader(io.StringIO(chief.get("/console/responsibility/matrix.csv").text)))
    assert lines[0] == ["team", "owner", "profile", "authority", "live", "expiring"]
    assert any(line[1] == "heir" for line in lines[1:])
    wrong = chief.send(
        "/console/certificates/chosen/", address, act="assign", chosen=rows[0], to_owner="none"
    )
    assert (wrong.status_code, "there is no account" in alerts(wrong)[0]) == (404, True)


def test_who_leaves_has_a_successor(chief: Browser, home: Home) -> None:
    make_person(home, "leaving")
    refused = chief.send("/console/people/of/leaving/", act="disable", owner="leaving", team="")
    assert refused.status_code == 409
    chief.send("/console/people/of/leaving/", act="disable", owner="heir", team="")
    assert home.run(lambda context: find_user(context.database, "leaving")).disabled_at
    assert events(home, "user.disabled", "user:leaving")[0]["detail"]["owner"] == "heir"  # type: ignore[index]
