"""Practice documents: every heading, any names, and the same octets for the same facts."""

import io
import re
from datetime import UTC, datetime, timedelta
from html.parser import HTMLParser

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pypdf import PdfReader

from certwright.core.acme_settings import AcmeSettings
from certwright.core.errors import Malformed, TooLarge
from certwright.core.policy import EVERYTHING
from certwright.core.practice.document import (
    NO_STIPULATION,
    TEXT_CHARACTERS_MAX,
    Kind,
    OwnText,
    Statement,
    Table,
    Version,
    check_own_text,
    differences,
    make_statement,
    plain,
    to_document,
)
from certwright.core.practice.facts import IN_FORCE, AuthorityFacts, EndpointFacts, Facts, StatusTimes
from certwright.core.practice.html import render_html, style_hash
from certwright.core.practice.outline import OUTLINE, PARENTS
from certwright.core.practice.pdf import render_pdf
from certwright.core.practice.provisions import provisions
from certwright.core.profiles_builtin import built_in_profiles

NOW = datetime(2026, 3, 4, 5, 6, 7, tzinfo=UTC)
VERSION = Version(3, NOW, NOW + timedelta(days=1))
DAY = timedelta(days=1)
ANY_TEXT = st.text(st.characters(codec="utf-8"), min_size=1, max_size=60)


def facts(organization: str = "Example, Inc.", name: str = "CN=Root,O=Example") -> Facts:
    address = "http://pki.example.test"
    authority = AuthorityFacts(
        "root", 1, "root", IN_FORCE, name, "ecdsa-p256", "recovery", True, 1, name, "ab" * 32, NOW, NOW + DAY
    )
    endpoint = EndpointFacts("acme/default", "root", ("tls-server",), EVERYTHING, AcmeSettings())
    return Facts(
        organization,
        address,
        f"{address}/practice/cp",
        f"{address}/practice/cps",
        (authority,),
        tuple(built_in_profiles().values()),
        (endpoint,),
        StatusTimes(7 * DAY, DAY, DAY, 365 * DAY, 3 * DAY, DAY / 2),
        None,
        90 * DAY,
    )


def made(known: Facts, kind: Kind = Kind.CPS, own: dict[str, OwnText] | None = None) -> Statement:
    return make_statement(
        kind, known.organization, known.practice_address, provisions(known, kind), own or {}
    )


class Read(HTMLParser):
    """Headings with what is said below each, and every tag that there is."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.attributes: set[str] = set()
        self.sections: dict[str, str] = {}
        self.words = ""
        self._in = ""
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes |= {name for name, _ in attrs}
        identifier = dict(attrs).get("id")
        if identifier:
            self._in = identifier.removeprefix("s")
            self.sections[self._in] = ""

    def handle_data(self, data: str) -> None:
        self.words += data
        if self._in:
            self.sections[self._in] += data


def pdf_text(octets: bytes) -> str:
    """Without spaces, which lines break at."""
    pages = PdfReader(io.BytesIO(octets)).pages
    return "".join("".join(page.extract_text().split()) for page in pages)


# -- the outline ---------------------------------------------------------------------------------


def test_the_outline_is_that_of_the_rfc() -> None:
    numbers = [heading.number for heading in OUTLINE]
    assert len(numbers) == len(set(numbers))
    assert [number for number in numbers if "." not in number] == [str(chapter) for chapter in range(1, 10)]
    assert set(numbers) >= PARENTS
    before: dict[str, int] = {}
    for number in numbers:  # each counts on from its elder sibling
        parent, _, last = number.rpartition(".")
        assert int(last) == before.get(parent, 0) + 1
        before[parent] = int(last)


@pytest.mark.parametrize("kind", Kind)
def test_what_is_said_is_said_under_a_heading_of_the_outline(kind: Kind) -> None:
    said = provisions(facts(), kind)
    assert set(said) <= {heading.number for heading in OUTLINE}
    statement = made(facts(), kind)
    assert [(one.number, one.title) for one in statement.sections] == [tuple(one) for one in OUTLINE]
    for section in statement.sections:
        assert section.blocks or section.number in PARENTS
        if not said.get(section.number) and section.number not in PARENTS:
            assert section.blocks == (NO_STIPULATION,)


def test_a_policy_sends_to_the_practice_statement_for_how_it_is_done() -> None:
    assert "practice/cps.html" in str(provisions(facts(), Kind.CP)["6.2.8"])
    assert "PIN" in str(provisions(facts(), Kind.CPS)["6.2.8"])


# -- own text ------------------------------------------------------------------------------------


def test_own_text_comes_after_ours_or_in_its_place() -> None:
    own = {
        "1.5.1": OwnText("The board.\n\nOf the\nworks.", False),
        "6.8": OwnText("By tsa.example.test.", True),
        "9.14": OwnText("Law of the land.", False),
    }
    said = {one.number: one.blocks for one in made(facts(), own=own).sections}
    assert said["1.5.1"] == ("Example, Inc..", "The board.", "Of the works.")
    assert said["6.8"] == ("By tsa.example.test.",)
    assert said["9.14"] == ("Law of the land.",)


@pytest.mark.parametrize(
    ("number", "text", "error"),
    [
        ("10.1", "x", Malformed),
        ("", "x", Malformed),
        ("1.1", "a\x00b", Malformed),
        ("1.1", "a\u202eb", Malformed),
        ("1.1", "a\ud800", Malformed),
        ("1.1", "x" * (TEXT_CHARACTERS_MAX + 1), TooLarge),
    ],
)
def test_text_that_cannot_stand_is_refused(number: str, text: str, error: type[Exception]) -> None:
    with pytest.raises(error):
        check_own_text(number, text)
    check_own_text("1.1", "Łódź\n\tx" + "x" * 100)


# -- rendering -----------------------------------------------------------------------------------


@settings(max_examples=60, deadline=None)
@given(ANY_TEXT, ANY_TEXT, ANY_TEXT, st.sampled_from(Kind))
def test_any_names_read_back_from_the_page(organization: str, name: str, own: str, kind: Kind) -> None:
    known = facts(organization, name)
    page = render_html(made(known, kind, {"9.13": OwnText(own, True)}), VERSION)
    read = Read(page)
    assert list(read.sections) == [heading.number for heading in OUTLINE]
    assert all(heading.title in read.sections[heading.number] for heading in OUTLINE)
    assert plain(organization) in read.sections["1.5.1"]
    assert plain(name) in read.sections["1.3.1"]
    assert " ".join(plain(" ".join(own.split())).split()) in " ".join(read.sections["9.13"].split())
    assert not read.tags & {"script", "img", "iframe", "object", "form", "link", "base"}
    assert read.attributes <= {"lang", "charset", "name", "content", "id", "href", "scope", "aria-label"}
    assert all(one.isprintable() or one == "\n" for one in page)
    assert not re.search(r"href=\"(?!#)", page)


@settings(max_examples=5, deadline=None)
@given(ANY_TEXT, ANY_TEXT)
def test_any_names_read_back_from_the_pdf(organization: str, name: str) -> None:
    known = facts(organization, name)
    statement = make_statement(
        Kind.CPS, organization, known.practice_address, {"1.3.1": [Table(("Name",), ((name,),))]}, {}
    )
    text = pdf_text(render_pdf(statement, VERSION))
    for number, title in OUTLINE:
        assert f"{number}{''.join(title.split())}" in text, (number, title)


def test_the_pdf_says_latin_greek_and_cyrillic_names_and_escapes_the_others() -> None:
    known = facts("Zażółć Ωμέγα Жёлтый", "CN=中文,O=" + "x" * 2000)
    octets = render_pdf(made(known), VERSION)
    text = pdf_text(octets)
    assert "".join(known.organization.split()) in text
    assert "\\u{4e2d}\\u{6587}" in text
    assert "x" * 60 in text
    assert octets == render_pdf(made(known), VERSION)
    about = PdfReader(io.BytesIO(octets))
    assert len(about.outline) == 2 * 9  # a chapter, and the list of what is in it
    xmp = about.trailer["/Root"]["/Metadata"].get_data().decode()
    assert "<pdfaid:part>2</pdfaid:part>" in xmp
    assert f"<rdf:li>{known.organization}</rdf:li>" in xmp


def test_the_hash_of_the_style_is_that_of_what_stands_in_the_page() -> None:
    page = render_html(made(facts()), VERSION)
    assert style_hash(page) == style_hash(render_html(made(facts("<style>x</style>")), VERSION))
    assert style_hash(page.replace("body{", "body {")) != style_hash(page)


# -- what has changed ----------------------------------------------------------------------------


def test_the_difference_names_the_sections_and_what_is_new_in_them() -> None:
    before = to_document(made(facts()))
    assert differences(before, before) == ()
    own = {"9.14": OwnText("Law of the land.", False)}
    [change] = differences(before, to_document(made(facts(), own=own)))
    assert (change.number, change.title) == ("9.14", "Governing law")
    assert change.removed == (NO_STIPULATION,)
    assert change.added == ("Law of the land.",)
    assert len(differences({}, before)) == len(OUTLINE) - sum(
        not one.blocks for one in made(facts()).sections
    )
