"""The language of searches: what is read, how it is told again, and what is said of mistakes."""

import re
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from certwright.core.query import (
    CHARACTERS_MAX,
    DEPTH_MAX,
    EVERYTHING,
    TERMS_MAX,
    All,
    BadQuery,
    Either,
    Not,
    Query,
    Term,
    Text,
    bounds,
    parse,
)
from certwright.core.query_fields import FIELDS, SPAN_MOST, Choice, Days, KeySize, Pattern, Presence, Span
from tests.core.reference_tables import REFERENCE
from tests.core.toy_queries import queries

NOW = datetime(2026, 11, 30, 12, tzinfo=UTC)


def test_the_example_of_the_documentation() -> None:
    text = 'issuer:"Corp Issuing" expires<30d san:*.pay.example owner:none key:rsa<2048'
    assert parse(text) == All(
        (
            Term("issuer", ":", Pattern(("Corp Issuing",))),
            Term("expires", "<", Span(30 * 86400)),
            Term("san", ":", Pattern(("", ".pay.example"))),
            Term("owner", ":", Presence(present=False)),
            Term("key", ":", KeySize("rsa", "<", 2048)),
        )
    )


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", EVERYTHING),
        ("  ", EVERYTHING),
        ("person  99", Text("person 99")),
        ('"person 99"', Text("person 99")),
        ('a "b c"', All((Text("a"), Text("b c")))),
        ("ab:cd:ef", Text("ab:cd:ef")),
        ("fe80::1", Text("fe80::1")),
        ("spiffe://x/y", Text("spiffe://x/y")),
        ("ca:yes", Term("ca", ":", Choice("yes"))),
        ("CA:YES", Term("ca", ":", Choice("yes"))),
        ("name:x", Term("san", ":", Pattern(("x",)))),
        ('team:"none"', Term("team", ":", Pattern(("none",)))),
        (r'subject:"a\*b*c\"d\\e"', Term("subject", ":", Pattern(("a*b", 'c"d\\e')))),
        ("-ca:yes", Not(Term("ca", ":", Choice("yes")))),
        ("not not a", Not(Not(Text("a")))),
        ("a or b c", Either((Text("a"), Text("b c")))),
        ("(a or b) AND c", All((Either((Text("a"), Text("b"))), Text("c")))),
        ("a-b - c", Text("a-b - c")),
        ("expires<52w", Term("expires", "<", Span(364 * 86400))),
        ("lifetime<31535999999s", Term("lifetime", "<", Span(SPAN_MOST - 1))),
    ],
)
def test_what_is_read(text: str, expected: Query) -> None:
    assert parse(text) == expected


@pytest.mark.parametrize(
    ("text", "column", "told"),
    [
        ("live onwer:ann", 6, "did you mean owner?"),
        ("wholly:x", 1, "known are issuer, subject"),
        ("expires<soon", 9, "2026-12-31"),
        ("expires<2026-02-30", 9, "2026-12-31"),
        ("expires:30d", 9, "write expires<30d or expires>30d"),
        ("team<x", 6, "cannot be compared; write team:none"),
        ("status:good", 8, "live, expiring, expired, revoked, hold"),
        ("team:", 6, "nothing follows team:"),
        ('a "b', 3, "none closes"),
        ('""', 1, "no text"),
        ("(a", 1, "not closed"),
        ("a)", 2, "closes none"),
        ("()", 2, "a term is missing"),
        ("a or", 5, "the query ends"),
        ("serial:xyz", 8, "hexadecimal"),
        ("key:ed25519<3", 5, "key:rsa<2048"),
        ("port:70000", 6, "65535"),
        ("at:10.0.0.0/33", 4, "10.1.0.0/16"),
        ("lifetime>2000y", 10, "1000y"),
        ("a\x00", 2, "printed"),
        ("a" * (CHARACTERS_MAX + 1), CHARACTERS_MAX + 1, "at most"),
        ("ca:no " * (TERMS_MAX + 1), TERMS_MAX * 6 + 1, "at most"),
        ("(" * (DEPTH_MAX + 2) + "a", DEPTH_MAX + 2, "at most"),
        ("-" * 500 + "a", DEPTH_MAX + 2, "at most"),
    ],
)
def test_mistakes_are_told_with_their_column(text: str, column: int, told: str) -> None:
    with pytest.raises(BadQuery) as raised:
        parse(text)
    assert raised.value.column == column, raised.value.detail
    assert told in raised.value.detail
    assert "\n" not in raised.value.detail


@given(queries)
def test_what_is_told_is_read_as_the_same(query: Query) -> None:
    assert parse(str(query)) == query
    assert str(parse(str(query))) == str(query)


@given(st.text(alphabet=st.sampled_from('ab:<>=()"\\*- \tornotexpires30d\x00é'), max_size=60))
def test_any_text_is_read_or_refused_and_stays_the_same(text: str) -> None:
    try:
        query = parse(text)
    except BadQuery as error:
        column = error.column
    else:
        column = 1
        assert parse(str(query)) == query
    assert 1 <= column <= len(text) + 1


@pytest.mark.parametrize("name", list(FIELDS))
def test_the_example_of_each_field_is_read(name: str) -> None:
    term = parse(FIELDS[name].example)
    assert isinstance(term, Term)
    assert term.name == ("field.ticket" if name == "field" else name)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("field:4711", "there is no field 'field'"),
        ("field.:1", "there is no field 'field.'"),
        ("field.a_b:1", "there is no field 'field.a_b'"),
        ("field.cost<cheap", "field.cost is compared with a whole number, a date as 2026-12-31"),
        ("field.cost<99999999999y", "a length of time of at most 1000y"),
        ("field.cost>1234567890123456", "field.cost is compared with a whole number"),
    ],
)
def test_what_cannot_be_asked_of_an_own_field_is_told(text: str, told: str) -> None:
    with pytest.raises(BadQuery, match=re.escape(told)):
        parse(text)


def test_dates_have_bounds() -> None:
    def of(text: str) -> list[tuple[str, datetime]]:
        term = parse(text)
        assert isinstance(term, Term)
        return bounds(term, NOW)

    month, next_month = datetime(2026, 12, 1, tzinfo=UTC), datetime(2027, 1, 1, tzinfo=UTC)
    assert of("expires:2026-12") == [(">=", month), ("<", next_month)]
    assert of("expires<2026-12") == [("<", month)]
    assert of("expires<=2026-12") == [("<", next_month)]
    assert of("expires>2026-12") == [(">=", next_month)]
    assert of("expires>=2026-12") == [(">=", month)]
    assert Days("2026").end == next_month
    assert Days("2024-02-29").end == datetime(2024, 3, 1, tzinfo=UTC)
    day = timedelta(days=1)
    assert of("expires<1d") == [("<", NOW + day), (">=", NOW)]
    assert of("expires>1d") == [(">", NOW + day)]
    assert of("issued<1d") == [(">", NOW - day), ("<=", NOW)]
    assert of("issued>=1d") == [("<=", NOW - day)]


def test_the_examples_of_the_reference_are_read() -> None:
    text = (REFERENCE / "search.md").read_text()
    [block] = re.findall(r"```\n(.*?)```", text, re.DOTALL)
    rows = re.findall(r"^\| (`.*?`) \| .* \|$", text, re.MULTILINE)
    examples = [one for row in rows for one in re.findall(r"`([^`]+)`", row) if not one.isidentifier()]
    assert len(examples) > 10
    for example in [block.strip(), *examples]:
        assert parse(example)
    for bound in (CHARACTERS_MAX, TERMS_MAX, DEPTH_MAX):
        assert f" {bound} " in text
