"""What was found, in the console: searched for, looked at, adopted and ignored."""

import hashlib
import os
from collections.abc import Iterator
from html import unescape
from pathlib import Path
from urllib.parse import quote

import pytest

from certwright.core.access import Grant, Role
from certwright.operations.context import Context
from certwright.operations.count_certificates import count_certificates
from certwright.operations.take_sightings import Look, take_sightings
from certwright.ports import Place, Sighting
from tests.conftest import RUN
from tests.console.logged_in import People, logged_in, make_person
from tests.console.test_certificate_pages import fingerprint_of, issue_one
from tests.real import certwright as real_certwright
from tests.real.certwright import Home
from tests.real.toy_chains import BEGIN, ToyAuthority

ISSUING = ToyAuthority("Corp Issuing")
NAMES = ("shop.found.test", "printer.found.test", "bank.found.test")
LEAVES = [ISSUING.sign("www", None, name) for name in NAMES]


@pytest.fixture(scope="module")
def people(founded: Home, tmp_path_factory: pytest.TempPathFactory) -> Iterator[People]:
    folder = tmp_path_factory.mktemp("inventory") / "home"
    with real_certwright.copy(founded, folder, Path(os.environ[RUN])) as home:
        sessions = {
            "admin": make_person(home, "admin", Grant(Role.ADMINISTRATOR)),
            "auditor": make_person(home, "auditor", Grant(Role.AUDITOR)),
            "nobody": make_person(home, "nobody"),
        }
        issue_one(home, "own.example.test")
        home.run(see)
        home.run(count_certificates)
        with home.served() as site:
            yield People(home, site, sessions)


async def see(context: Context) -> None:
    sightings = [
        Sighting(Place("tls", f"192.0.2.{number}", 8443, name), BEGIN, (leaf, ISSUING.certificate), {})
        for number, (name, leaf) in enumerate(zip(NAMES, LEAVES, strict=True), 1)
    ]
    await take_sightings(context, Look(1), sightings)


def address(number: int) -> str:
    return f"/console/certificates/{hashlib.sha256(LEAVES[number]).hexdigest()}/"


def found(people: People, query: str, who: str = "admin") -> set[str]:
    page = people.page(f"/console/certificates/?q={quote(query)}", who)
    assert page.status_code == 200, page.text
    return {name for name in (*NAMES, "own.example.test") if f">{name}</a>" in page.text}


def test_the_box_takes_queries(people: People) -> None:
    assert found(people, "managed:no san:*.found.test") == set(NAMES)
    assert found(people, "managed:yes") == {"own.example.test"}
    assert found(people, 'issuer:"corp issuing" at:192.0.2.2 port:8443') == {NAMES[1]}
    assert found(people, "shop or bank.found.test") == {NAMES[0], NAMES[2]}
    assert found(people, "at:192.0.2.0/24 or not at:any", "nobody") == set()
    page = people.page("/console/certificates/?q=ca:no&status=live&name=.found.test").text
    assert all(f">{name}</a>" in page for name in NAMES)


def test_a_mistake_is_told_at_the_box(people: People) -> None:
    page = people.page("/console/certificates/?q=status:live+onwer:x")
    assert page.status_code == 400
    assert "query, column 13: there is no field 'onwer'; did you mean owner?" in unescape(page.text)
    assert 'value="status:live onwer:x"' in page.text
    with logged_in(people.site, people.sessions["admin"]) as client:
        part = client.get("/console/certificates/?q=expires<", headers={"HX-Request": "true"})
    assert (part.status_code, part.headers["HX-Reswap"]) == (200, "none")
    assert 'hx-swap-oob="true"' in part.text
    assert "nothing follows expires&lt;" in part.text


def test_views_and_exports_keep_the_query(people: People) -> None:
    csv = people.page(f"/console/certificates/export.csv?q={quote('at:192.0.2.1')}").text
    assert NAMES[0] in csv
    assert NAMES[1] not in csv
    here = "/console/certificates/"
    people.send(f"{here}views/", "admin", here, name="mine", query="q=at%3A192.0.2.1")
    page = people.page(here).text
    assert 'href="?q=at%3A192.0.2.1"' in page
    assert 'href="?q=standing%3Afound"' in page


def test_one_says_where_it_was_seen(people: People) -> None:
    page = people.page(address(0)).text
    assert "Where it was seen" in page
    assert "192.0.2.1</a>:8443 shop.found.test" in page
    assert "others have issued it" in page
    assert hashlib.sha256(ISSUING.certificate).hexdigest() in page  # the issuer's page
    assert "/renew/" not in page
    auditor = people.page(address(0), "auditor")
    assert "/adopt/" not in auditor.text
    assert people.page(f"{address(0)}adopt/", "auditor").status_code == 403
    assert people.page(address(0), "nobody").status_code == 404


def test_one_is_adopted(people: People) -> None:
    here = f"{address(0)}adopt/"
    answer = people.send(here, "admin", here, owner="admin", environment="production", tags="shop web")
    assert answer.status_code == 302, answer.text
    page = people.page(address(0)).text
    assert "issued by others, and adopted by us" in page
    assert "certificate.adopted: user:admin" in page
    assert found(people, "standing:adopted owner:admin environment:production tag:web") == {NAMES[0]}
    here = f"{address(0)}assign/"
    assert 'value="shop web"' in people.page(here).text
    people.send(here, "admin", here, owner="admin", environment="", tags="web")
    assert found(people, "tag:shop or environment:any") == set()
    refused = people.send(here, "admin", here, owner="no-such", environment="", tags="web")
    assert refused.status_code == 404
    assert 'role="alert"' in refused.text


def test_one_is_ignored(people: People) -> None:
    here = f"{address(1)}ignore/"
    assert people.send(here, "admin", here, reason="").status_code == 400
    assert people.send(here, "admin", here, reason="a printer").status_code == 302
    assert found(people, "standing:ignored") == {NAMES[1]}
    own = f"/console/certificates/{fingerprint_of(people, 'own')}/"
    assert people.page(f"{own}ignore/").status_code == 404
    assert "/ignore/" not in people.page(own).text


def test_many_are_adopted_and_ignored(people: People) -> None:
    here, there = "/console/certificates/?q=standing:found", "/console/certificates/chosen/"
    chosen = hashlib.sha256(LEAVES[2]).hexdigest()
    assert 'value="adopt"' in people.page(here).text
    assert 'value="adopt"' not in people.page("/console/certificates/?q=managed:yes+standing:issued").text
    people.send(there, "admin", here, chosen=chosen, act="ignore", why="not ours")
    assert found(people, "standing:ignored bank") == {NAMES[2]}
    here = "/console/certificates/?q=standing:ignored"
    people.send(there, "admin", here, chosen=chosen, act="adopt", to_environment="test")
    assert found(people, "standing:adopted environment:test") == {NAMES[2]}


def test_the_overview_counts_what_is_managed(people: People) -> None:
    page = people.page("/console/").text
    assert "issued or adopted" in page
    assert "Found, not managed" in page
    numbers = people.home.run(count_certificates)["*"]
    assert numbers.found == 1  # the issuer of those that were found
    assert numbers.live == numbers.total == sum(numbers.issued.values()) + 2
