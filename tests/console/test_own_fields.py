"""Fields of the organization's own in the console: defined, filled in, searched by, exported, retired."""

import csv
import io
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from certwright.core.access import Grant, Role
from tests.conftest import RUN
from tests.console.logged_in import People, make_people
from tests.console.test_certificate_pages import fingerprint_of, issue_one
from tests.real import certwright as real_certwright
from tests.real.certwright import Home

LIST, NEW, COST = "/console/fields/", "/console/fields/new/", "/console/fields/of/cost/"
EVIL = "<script>alert(1)</script>"


@pytest.fixture(scope="module")
def people(founded: Home, tmp_path_factory: pytest.TempPathFactory) -> Iterator[People]:
    folder = tmp_path_factory.mktemp("fields") / "home"
    grants = {
        "admin": [Grant(Role.ADMINISTRATOR)],
        "auditor": [Grant(Role.AUDITOR)],
        "narrow": [Grant(Role.OPERATOR, "authority:issuing")],
    }
    with real_certwright.copy(founded, folder, Path(os.environ[RUN])) as home:
        sessions = make_people(home, grants)
        issue_one(home, "own.example.test")
        with home.served() as site:
            yield People(home, site, sessions)


def define(people: People, **given: str) -> int:
    return people.send(NEW, page=NEW, **{"choices": "", "help": ""} | given).status_code


@pytest.fixture(scope="module")
def defined(people: People) -> str:
    """The address of a certificate; fields are there to fill in."""
    assert "None yet." in people.page(LIST).text
    assert define(people, name="cost", title="Cost centre", kind="number") == 302
    assert define(people, name="tier", title="Tier", kind="choice", choices="gold\nsilver") == 302
    assert define(people, name="wiki", title=f"Wiki {EVIL}", kind="url") == 302
    return f"/console/certificates/{fingerprint_of(people, 'own')}/"


def fill_in(people: People, address: str, **fields: str) -> int:
    here = f"{address}assign/"
    given = {"owner": "", "environment": "", "tags": "", "field-cost": "", "field-tier": "", "field-wiki": ""}
    return people.send(here, page=here, **given | fields).status_code


def test_they_are_filled_in_and_shown(people: People, defined: str) -> None:
    form = people.page(f"{defined}assign/").text
    assert "Cost centre" in form
    assert '<option value="silver">' in form
    assert EVIL not in form
    url = "https://wiki.example.test/shop"
    assert fill_in(people, defined, **{"field-cost": "4711", "field-tier": "gold", "field-wiki": url}) == 302
    page = people.page(defined).text
    assert ">4711</dd>" in page
    assert f'href="{url}"' in page
    assert EVIL not in page
    assert "certificate.described: user:admin" in page
    assert 'value="4711"' in people.page(f"{defined}assign/").text
    found = people.page("/console/certificates/?q=field.cost%3E4000+field.tier:gold").text
    assert ">own.example.test</a>" in found
    assert ">own.example.test</a>" not in people.page("/console/certificates/?q=field.tier:silver").text
    slip = people.page("/console/certificates/?q=field.teir:none")
    assert slip.status_code == 400
    assert "there is no field &#x27;teir&#x27;" in slip.text


def test_what_is_no_value_is_told_and_changes_nothing(people: People, defined: str) -> None:
    assert fill_in(people, defined, **{"field-cost": "4711", "field-tier": ""}) == 302
    here = f"{defined}assign/"
    answer = people.send(here, page=here, **{"field-cost": "much", "field-tier": "gold", "field-wiki": ""})
    assert answer.status_code == 400
    assert "field cost: &#x27;much&#x27; is not a whole number" in answer.text
    assert ">4711</dd>" in people.page(defined).text
    assert fill_in(people, defined, **{"field-wiki": "javascript:alert(1)"}) == 400


def test_they_are_columns_of_the_export(people: People, defined: str) -> None:
    assert fill_in(people, defined, **{"field-cost": "815"}) == 302
    text = people.page("/console/certificates/export.csv?q=own").text
    [row] = csv.DictReader(io.StringIO(text))
    assert (row["field.cost"], row["field.tier"]) == ("815", "")
    [document] = people.page("/console/certificates/export.json?q=own").json()
    assert document["field.cost"] == "815"


def test_one_is_changed_and_retired(people: People, defined: str) -> None:
    assert fill_in(people, defined, **{"field-cost": "7"}) == 302
    wrong = people.send(COST, page=COST, title="", choices="", help="")
    assert wrong.status_code == 400
    assert people.send(COST, page=COST, title="Cost", choices="a", help="").status_code == 400
    assert people.send(COST, page=COST, title="Old", choices="", help="", retired="on").status_code == 302
    assert "retired" in people.page(LIST).text
    assert "Old" not in people.page(defined).text
    assert "field-cost" not in people.page(f"{defined}assign/").text
    assert define(people, name="cost", title="Again", kind="text") == 409
    assert (
        people.send(COST, page=COST, title="Cost centre", choices="", help="Of the shop").status_code == 302
    )
    assert ">7</dd>" in people.page(defined).text
    assert "Of the shop" in people.page(f"{defined}assign/").text


def test_who_may(people: People, defined: str) -> None:
    assert people.page(LIST, "auditor").status_code == 200
    for who in ("auditor", "narrow"):
        assert people.page(NEW, who).status_code == 403
        assert people.page(COST, who).status_code == 403
    assert people.page("/console/fields/of/nothing/").status_code == 404
    assert LIST not in people.page("/console/", "auditor").text
