"""Names as people write them: what a line is told to be, and that every name can be written."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from certwright.core.errors import Malformed, TooLarge
from certwright.core.name_lines import NAMES_MAX, read_name, read_names, write_name
from certwright.core.names import Identifier, IdentifierKind, parse_identifier

ALL = frozenset(IdentifierKind)
KINDS = st.frozensets(st.sampled_from(IdentifierKind))
WRITTEN = st.sampled_from(
    [
        ("dns", "www.example.test"),
        ("dns", "*.example.test"),
        ("dns", "bücher.test"),
        ("ip", "192.0.2.7"),
        ("ip", "2001:db8::1"),
        ("email", "ann@example.test"),
        ("uri", "spiffe://example.test/x"),
        ("uri", "tag:microsoft.com,2022-09-14:sid:S-1-5-21"),
        ("uri", "dns:www.example.test"),
        ("upn", "ann@EXAMPLE.TEST"),
        ("upn", "uri:ann@EXAMPLE.TEST"),
        ("guid", "f81d4fae-7dec-11d0-a765-00a0c91e6bf6"),
        ("kerberos", "host/a@EXAMPLE.TEST"),
    ]
)


@pytest.mark.parametrize(
    ("line", "kinds", "name"),
    [
        ("WWW.example.test", ALL, "dns:www.example.test"),
        ("192.0.2.7", frozenset(), "ip:192.0.2.7"),
        ("2001:DB8:0::1", ALL, "ip:2001:db8::1"),
        ("ann@example.test", ALL, "email:ann@example.test"),
        ("ann@example.test", frozenset({IdentifierKind.UPN}), "upn:ann@example.test"),
        ("ann@example.test", frozenset({IdentifierKind.DNS}), "email:ann@example.test"),
        ("UPN: ann@example.test", ALL, "upn:ann@example.test"),
        ("spiffe://example.test/x", ALL, "uri:spiffe://example.test/x"),
        ("F81D4FAE-7DEC-11D0-A765-00A0C91E6BF6", ALL, "guid:f81d4fae-7dec-11d0-a765-00a0c91e6bf6"),
        ("f81d4fae-7dec-11d0-a765-00a0c91e6bf6", frozenset(), "dns:f81d4fae-7dec-11d0-a765-00a0c91e6bf6"),
    ],
)
def test_the_look_of_a_line_says_what_it_is(line: str, kinds: frozenset[IdentifierKind], name: str) -> None:
    assert str(read_name(line, kinds)) == name


@given(WRITTEN, KINDS)
def test_every_name_is_read_back_as_it_is_written(
    pair: tuple[str, str], kinds: frozenset[IdentifierKind]
) -> None:
    name = parse_identifier(*pair)
    assert read_name(write_name(name, kinds), kinds) == name


@given(st.text(max_size=60), KINDS)
def test_any_text_is_names_in_normal_form_or_malformed(text: str, kinds: frozenset[IdentifierKind]) -> None:
    try:
        found = read_names(text, kinds)
    except Malformed:
        return
    assert all(parse_identifier(name.kind, name.value) == name for name in found)
    assert len(set(found)) == len(found)


def test_lines_are_merged_and_counted() -> None:
    lines = " a.test \r\n\r\nA.TEST\nb.test\n"
    assert read_names(lines, ALL) == tuple(
        [Identifier(IdentifierKind.DNS, name) for name in ("a.test", "b.test")]
    )
    with pytest.raises(TooLarge):
        read_names("a.test\n" * (NAMES_MAX + 1), ALL)
