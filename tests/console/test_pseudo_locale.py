"""The console in a language made for the test: no page has words that are not from there."""

import re
from collections.abc import Iterator

import httpx
import pytest

from certwright.core.access import Grant, Role
from certwright.operations.context import Context
from tests.console.browsing import Browser, browser
from tests.console.logged_in import COOKIE, make_person
from tests.console.urls import console_addresses
from tests.console.wording import A_WORD, ProseReader
from tests.real import pseudo_locale
from tests.real.certwright import Home, Site
from tests.real.pseudo_locale import BEGIN, END, LANGUAGE, texts

NAME = r"[a-z0-9][A-Za-z0-9@.:/_-]*"
NAMES = re.compile(rf"CN=.*|{NAME}(?:(?:, | · ){NAME})*[,:]?")
"""Of accounts, profiles, authorities, roles, reasons of revocation, kinds of events and of findings."""
PRODUCT = re.compile(r"(?: · |· )?\b(?:Certwright|CSV|JSON|SHA-256|UTC|Administrator)\b")
OF_ALLAUTH = frozenset({"Authenticator code", "Name", "Passwordless"})
"""For which django-allauth has catalogues of its own; so has it for what begins with this."""
HELP_OF_ALLAUTH = "Enabling passwordless operation"
NOT_WALKED = {
    "/console/settings/": "what settings mean, and the checks of health: docs/how-to/translate.md says why",
    "/console/profiles/new_profile/": "a document",
}


@pytest.fixture(scope="module")
def catalogue(home: Home, tmp_path_factory: pytest.TempPathFactory) -> str:
    return pseudo_locale.make(home.folder, tmp_path_factory.mktemp("source")).read_text()


@pytest.fixture(scope="module")
def translated(catalogue: str, home: Home) -> Iterator[Site]:
    """Served with the catalogue beside the settings."""
    with home.served() as site:
        yield site


@pytest.fixture
def reader(home: Home, translated: Site) -> Iterator[Browser]:
    with browser(translated) as made:
        made.client.headers["Accept-Language"] = f"{LANGUAGE}, en;q=0.5"
        yield made


def outside(page: str) -> list[str]:
    """Text between the marks taken away, what is left of it that has words."""
    prose = ProseReader()
    prose.feed(page)
    prose.close()
    left, depth = [], 0
    for part in re.split(f"([{BEGIN}{END}])", "\n".join(prose.found)):
        if part in (BEGIN, END):
            depth += 1 if part == BEGIN else -1
        elif not depth:
            left += [line.strip() for line in part.splitlines() if A_WORD.search(line)]
    return left


@pytest.fixture(scope="module")
def allowed(home: Home) -> frozenset[str]:
    """What no catalogue of ours has; descriptions of profiles are theirs who write profiles."""

    async def described(context: Context) -> frozenset[str]:
        return frozenset(profile.description for profile in context.snapshot.profiles.values())

    return OF_ALLAUTH | home.run(described)


def strange(page: str, allowed: frozenset[str]) -> list[str]:
    """What is outside, and neither a name nor of somebody else."""
    found = (PRODUCT.sub("", text).strip() for text in outside(page))
    words = [text for text in found if A_WORD.search(text) and not NAMES.fullmatch(text)]
    return [text for text in words if text not in allowed and not text.startswith(HELP_OF_ALLAUTH)]


def test_every_page_is_in_the_language_of_who_reads_it(
    home: Home, reader: Browser, allowed: frozenset[str]
) -> None:
    before = reader.get("/login/")
    assert (before.headers["content-language"], strange(before.text, allowed)) == (LANGUAGE, [])
    assert f'<html lang="{LANGUAGE}">' in before.text
    log_in(home, reader, "translator")
    paths = [path for path in console_addresses(home) if "<" not in path and path not in NOT_WALKED]
    answers = {path: reader.get(path) for path in [*paths, "/console/people/of/translator/"]}
    pages = {path: answer.text for path, answer in answers.items() if is_page(answer)}
    assert {path: texts for path, page in pages.items() if (texts := strange(page, allowed))} == {}
    assert len(pages) > 35


def is_page(answer: httpx.Response) -> bool:
    return answer.status_code == 200 and answer.headers["content-type"].startswith("text/html")


def log_in(home: Home, reader: Browser, name: str) -> None:
    reader.client.cookies.set(COOKIE, make_person(home, name, Grant(Role.ADMINISTRATOR)))


def test_what_was_done_is_told_in_that_language(home: Home, reader: Browser, allowed: frozenset[str]) -> None:
    log_in(home, reader, "busy")
    made = reader.send("/console/teams/new/", name="web")
    page = made.headers["location"]
    assert reader.send(page, act="change", description="", email="").status_code == 302
    shown = reader.get(page).text
    assert "«The team is changed.»" in shown
    assert strange(shown, allowed) == []


def test_whose_language_there_is_not_reads_english(reader: Browser) -> None:
    reader.client.headers["Accept-Language"] = "tlh, en-xb;q=0.8"
    page = reader.get("/login/")
    assert page.headers["content-language"] == "en"
    assert '<html lang="en">' in page.text
    assert "«" not in page.text


def test_translators_get_every_text(catalogue: str) -> None:
    """Of templates, forms, messages, entries of the navigation, the core."""
    found = set(texts(catalogue))
    assert {
        *("Log in", "Make it", "What they log in with: a-z, 0-9 and ._@- . It stays for ever."),
        *("The team is changed.", "Ask for a certificate", "Remove authenticator and passkeys"),
        *("the issuer's name holds this", "The passkey was not used:", "%d day"),
    } <= found
