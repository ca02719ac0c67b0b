"""Any query there can be."""

import ipaddress
from datetime import date

from hypothesis import strategies as st

from certwright.core.query import All, Either, Not, Query, Term, Text
from certwright.core.query_fields import (
    FIELDS,
    SPAN_MOST,
    Choice,
    Compared,
    Days,
    Field,
    KeySize,
    Kind,
    Network,
    Number,
    Octets,
    Pattern,
    Presence,
    Span,
    Value,
)

COMPARISONS = st.sampled_from(["<", "<=", ">", ">="])
LETTERS = st.characters(categories=["L", "N", "P", "S"], include_characters=' "\\*:()-')
presences = st.builds(Presence, st.booleans())
words = st.text(LETTERS, min_size=1, max_size=6)
patterns = st.builds(lambda parts: Pattern(tuple(parts)), st.lists(words, min_size=1, max_size=3))
folded = st.text("abc129.-:", min_size=1, max_size=6).filter(lambda text: text not in ("any", "none"))
folded_patterns = st.builds(lambda parts: Pattern(tuple(parts)), st.lists(folded, min_size=1, max_size=3))
spans = st.builds(Span, st.integers(0, SPAN_MOST))
days = st.dates(min_value=date(1900, 1, 1)).filter(lambda day: day.year < 9999)
dates = st.builds(lambda day, size: Days(day.isoformat()[:size]), days, st.sampled_from([4, 7, 10]))
octets = st.builds(
    lambda raw, begins: Octets(raw.hex(), begins), st.binary(min_size=1, max_size=20), st.booleans()
)
keys = st.builds(KeySize, st.sampled_from(["rsa", "dsa"]), COMPARISONS, st.integers(1, 99_999))
compared = (st.integers(-(10**15) + 1, 10**15 - 1) | dates | spans).map(lambda value: Compared(str(value)))
networks = st.builds(
    lambda number, length: Network(ipaddress.IPv4Network((number, length), strict=False)),
    st.integers(0, 2**32 - 1),
    st.integers(0, 32),
)
BY_KIND: dict[Kind, st.SearchStrategy[Value]] = {
    Kind.WORD: presences | patterns,
    Kind.TEXT: presences | patterns,
    Kind.OCTETS: octets,
    Kind.KEY: keys | folded_patterns,
    Kind.HOST: presences | networks | folded_patterns,
    Kind.NUMBER: st.builds(Number, st.integers(0, 65_535)),
    Kind.LENGTH: spans,
    Kind.DATE: presences | dates | spans,
}


@st.composite
def terms(draw: st.DrawFn) -> Term:
    field: Field = draw(st.sampled_from(list(FIELDS.values())))
    if field.kind is Kind.CHOICE:
        return Term(field.name, ":", Choice(draw(st.sampled_from(field.choices))))
    if field.kind is Kind.CUSTOM:
        name = f"field.{draw(st.sampled_from(['cost', 'audit', 'note', 'a-1']))}"
        given = draw(presences | patterns | compared)
        return Term(name, draw(COMPARISONS) if isinstance(given, Compared) else ":", given)
    value = draw(BY_KIND[field.kind])
    if isinstance(value, Span):
        return Term(field.name, draw(COMPARISONS), value)
    if isinstance(value, Days | Number):
        return Term(field.name, draw(COMPARISONS | st.just(":")), value)
    return Term(field.name, ":", value)


texts = words.map(lambda text: " ".join(text.split())).filter(bool).map(Text)


def composed(leaves: st.SearchStrategy[Query]) -> st.SearchStrategy[Query]:
    """Queries of these, a few deep."""

    def deeper(parts: st.SearchStrategy[Query]) -> st.SearchStrategy[Query]:
        several = st.lists(parts, min_size=2, max_size=3).map(tuple)
        return st.builds(Not, parts) | st.builds(All, several) | st.builds(Either, several)

    return st.recursive(leaves, deeper, max_leaves=6)


queries = composed(terms() | texts)
