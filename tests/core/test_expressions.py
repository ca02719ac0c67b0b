"""Regular expressions in linear time: they mean what they mean to everybody, and no text holds them up."""

import re
from typing import cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from certwright.core.errors import Malformed
from certwright.core.expressions import parse_expression

_ATOM = st.sampled_from(
    ["a", "b", "-", r"\.", ".", "[ab]", "[^a]", "[a-c]", "[b-]", r"\d", r"[\d\-.]", r"\w", r"[\]\\^]", " "]
)
_REPEAT = st.sampled_from(["", "", "*", "+", "?", "{2}", "{1,3}", "{0,2}", "{2,}"])


def _larger(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    parts = st.lists(
        st.tuples(inner, _REPEAT).map(lambda pair: f"({pair[0]}){pair[1]}"), min_size=1, max_size=3
    )
    return parts.map("".join) | parts.map("|".join)


EXPRESSIONS = st.recursive(st.tuples(_ATOM, _REPEAT).map("".join), _larger, max_leaves=4)
TEXTS = st.text("abc-.1A_]^\\ é", max_size=6)  # the library's engine would take hours for longer ones


@given(EXPRESSIONS, st.lists(TEXTS, min_size=1, max_size=8))
def test_it_means_what_it_means_to_the_library(expression: str, texts: list[str]) -> None:
    ours = parse_expression(expression)
    theirs = re.compile(expression, re.ASCII | re.DOTALL)
    for text in texts:
        assert ours.matches(text) == bool(theirs.fullmatch(text))


@given(EXPRESSIONS, st.data())
def test_what_is_made_from_an_expression_matches_it(expression: str, data: st.DataObject) -> None:
    """Long texts that do match, where chance alone would hardly find one."""
    made = data.draw(st.from_regex(re.compile(expression, re.ASCII | re.DOTALL), fullmatch=True))
    assert parse_expression(expression).matches(cast("str", made))


@given(st.text(r"ab.[]()|*+?{}1,^$\-d", max_size=14))
def test_any_text_is_refused_or_means_the_same(text: str) -> None:
    try:
        ours = parse_expression(text)
    except Malformed:
        return
    theirs = re.compile(text, re.ASCII | re.DOTALL)
    for one in ("", "a", "b", "ab", "aab", "1", "-", "d", "{1}", ","):
        assert ours.matches(one) == bool(theirs.fullmatch(one))


HARD = (
    *("(a*)*b", "(a+)+b", "(a|a)*b", "(a|aa)+b", "(.*)(.*)(.*)(.*)(.*)b", "((a?){20}){20}b"),
    "(a|b)*a(a|b){200}c",
)


@pytest.mark.parametrize("expression", HARD)
def test_no_text_holds_it_up(expression: str) -> None:
    """One step for each character at the most: the library's own engine would take years."""
    pattern = parse_expression(expression)
    assert not pattern.matches("a" * 2048)
    assert pattern._automaton.moves <= 2048
    assert pattern.matches("a" * 300 + expression[-1])


def test_what_is_kept_has_a_bound() -> None:
    pattern = parse_expression("(a|b)*a(a|b){12}")
    for number in range(3000):
        pattern.matches(f"{number * 7919 % 8192:013b}".translate({48: "a", 49: "b"}))
        assert pattern._automaton.moves <= 4096
    assert pattern.matches("a" * 13)


@pytest.mark.parametrize(
    ("expression", "said"),
    [
        ("", "an expression has 1 to 500 characters, not 0"),
        ("a" * 501, "an expression has 1 to 500 characters, not 501"),
        ("^web", "column 1: the whole name is compared: leave ^ out"),
        ("web$", r"column 4: the whole name is compared: leave $ out, or write \$"),
        ("a**", "column 3: * has nothing before it to repeat"),
        ("a+?", "column 3: ? has nothing before it to repeat"),
        ("(a|)", "column 4: there is nothing here; write (...)? for what may be left out"),
        ("()", "column 2: there is nothing here"),
        ("(a", "column 3: a ( without its )"),
        ("a)", "column 2: a ) without its ("),
        ("[a", "column 3: a [ without its ]"),
        ("[]", "column 2: a [ without its ]"),
        ("[z-a]", "column 5: a range goes up"),
        (r"[\d-z]", "column 6: a range goes up"),
        (r"\b", "column 2: a backslash stands before punctuation, d or w"),
        ("a\\", "column 3: a backslash stands before punctuation, d or w"),
        ("a{", r"column 2: { does not belong here; write \{ for the character"),
        ("a{3,2}", "column 2: {3,2} must count up, to 255 at the most"),
        ("a{0}", "column 2: {0} must count up, to 255 at the most"),
        ("a{255,}", "column 2: {255,} must count up, to 255 at the most"),
        ("a{256}", "column 2: {256} must count up, to 255 at the most"),
        ("(?i)a", "column 2: ? has nothing before it to repeat"),
        ("(?<=a)b", "column 2: ? has nothing before it to repeat"),
        ("(" * 21 + "a" + ")" * 21, "more than 20 brackets within each other"),
        ("((a{255}){255}){255}", "has 16581375 places for characters"),
    ],
)
def test_what_is_not_taken_is_told_by_its_column(expression: str, said: str) -> None:
    with pytest.raises(Malformed) as caught:
        parse_expression(expression)
    assert said in caught.value.detail
