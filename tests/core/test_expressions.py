"""Regular expressions in linear time: they mean what they mean to everybody, and no text holds them up."""

import re

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


_MEMBERS = {
    "a": "a",
    r"\.": ".",
    ".": "a.é",
    "[ab]": "ab",
    "[^a]": "b-",
    "[b-d_-]": "bcd_-",
    r"\d": "09",
    r"\w": "aZ_5",
}
_REPEATS = {"*": (0, 9), "+": (1, 9), "?": (0, 1), "{3}": (3, 3), "{2,4}": (2, 4), "{1,}": (1, 9)}
Matched = tuple[str, st.SearchStrategy[str]]
"""An expression, and texts that match it."""


def _longer(inner: st.SearchStrategy[Matched]) -> st.SearchStrategy[Matched]:
    some = st.lists(inner, min_size=1, max_size=3)
    return st.one_of(
        st.tuples(inner, st.sampled_from(sorted(_REPEATS))).map(lambda pair: _repeated(*pair[0], pair[1])),
        some.map(_in_a_row),
        some.map(_either),
    )


def _repeated(expression: str, texts: st.SearchStrategy[str], repeat: str) -> Matched:
    least, most = _REPEATS[repeat]
    return f"({expression}){repeat}", st.lists(texts, min_size=least, max_size=most).map("".join)


def _in_a_row(parts: list[Matched]) -> Matched:
    texts = st.tuples(*[text for _, text in parts]).map("".join)
    return "".join(f"({expression})" for expression, _ in parts), texts


def _either(parts: list[Matched]) -> Matched:
    return "|".join(f"({expression})" for expression, _ in parts), st.one_of(*[text for _, text in parts])


_MEMBER = st.sampled_from(sorted(_MEMBERS)).map(lambda one: (one, st.sampled_from(_MEMBERS[one])))


@given(st.recursive(_MEMBER, _longer, max_leaves=8), st.data())
def test_texts_made_to_match_do(made: Matched, data: st.DataObject) -> None:
    """Long ones, where chance alone would hardly find one that matches."""
    expression, texts = made
    assert parse_expression(expression).matches(data.draw(texts))


@pytest.mark.filterwarnings("ignore:Possible")  # of the library, about what may mean something else one day
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
