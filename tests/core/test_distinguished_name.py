"""Distinguished names: text, DER and back; refusals."""

from contextlib import suppress

import pytest
from cryptography import x509
from hypothesis import given
from hypothesis import strategies as st

from certwright.core import der
from certwright.core.distinguished_name import (
    NO_NAME,
    DistinguishedName,
    attribute_oid,
    decode_name,
    name_from_x509,
    name_of,
    parse_name,
)
from certwright.core.errors import Malformed

TEXT = st.text(
    st.characters(codec="utf-8").filter(str.isprintable) | st.sampled_from(' ,+"\\<>;=#'),
    min_size=1,
    max_size=64,
)
PRINTABLE = st.text("abcXYZ019 '()+,-./:=?", min_size=1, max_size=64)
ATTRIBUTES = st.one_of(
    st.tuples(st.sampled_from(["2.5.4.3", "2.5.4.10", "2.5.4.11", "1.2.3.4.5"]), TEXT),
    st.tuples(st.sampled_from(["2.5.4.5", "2.5.4.46"]), PRINTABLE),
    st.tuples(st.just("2.5.4.6"), st.sampled_from(["DE", "US", "ZZ"])),
    st.tuples(st.just("0.9.2342.19200300.100.1.25"), st.text("abc-1", min_size=1, max_size=63)),
)
RDNS = st.lists(ATTRIBUTES, min_size=1, max_size=3, unique_by=lambda pair: pair[0]).map(tuple)
NAMES = st.lists(RDNS, max_size=6).map(lambda rdns: DistinguishedName(tuple(rdns)))


def as_sets(name: DistinguishedName) -> list[set[tuple[str, str]]]:
    """Order within a relative name means nothing: it is a SET."""
    return [set(rdn) for rdn in name.rdns]


@given(NAMES)
def test_text_reads_back_to_the_same_name(name: DistinguishedName) -> None:
    assert parse_name(str(name)) == name


@given(NAMES)
def test_der_reads_back_to_the_same_name_for_us_and_for_cryptography(name: DistinguishedName) -> None:
    encoded = name.encode()
    assert as_sets(decode_name(encoded)) == as_sets(name)
    bare = der.sequence(
        b"\xa0\x03\x02\x01\x02", b"\x02\x01\x01", ALGORITHM, NO_NAME.encode(), VALIDITY, encoded, SPKI
    )
    parsed = x509.load_der_x509_certificate(der.sequence(bare, ALGORITHM, der.bit_string(b"0")))
    assert as_sets(name_from_x509(parsed.subject)) == as_sets(name)
    assert parsed.subject.public_bytes() == encoded


ALGORITHM = bytes.fromhex("300506032b6570")
VALIDITY = der.sequence(b"\x17\x0d260101000000Z", b"\x17\x0d270101000000Z")
SPKI = der.sequence(ALGORITHM, der.bit_string(bytes(32)))


@given(st.binary(max_size=200))
def test_any_octets_are_a_name_or_malformed(data: bytes) -> None:
    with suppress(Malformed):
        decode_name(data)


@given(st.text(max_size=100))
def test_any_text_is_a_name_or_malformed(text: str) -> None:
    with suppress(Malformed):
        assert parse_name(str(parse_name(text))) == parse_name(text)


def test_text_runs_from_the_most_specific_part() -> None:
    name = parse_name("CN=www,OU=Web+O=Example,C=DE")
    assert name.rdns[0] == (("2.5.4.6", "DE"),)
    assert name.rdns[1] == (("2.5.4.11", "Web"), ("2.5.4.10", "Example"))
    assert name == parse_name(" cn=www, OU=Web + O = Example , C=DE")
    assert name.values("2.5.4.3") == ("www",)
    assert not NO_NAME
    assert str(NO_NAME) == ""


def test_string_types_are_those_of_rfc_5280() -> None:
    name = name_of([("C", "DE"), ("serialNumber", "1"), ("DC", "x"), ("emailAddress", "a@b"), ("O", "Ö")])
    tags = [
        decoded.element()[0]
        for rdn in iterate(name.encode())
        if (decoded := rdn.inside(der.SET).inside()) and decoded.element()
    ]
    assert tags == [19, 19, 22, 22, 12]


def iterate(encoded: bytes) -> list[der.Reader]:
    names = der.Reader(encoded).inside()
    found = []
    while not names.at_end():
        found.append(der.Reader(names.whole(der.SET)))
    return found


@pytest.mark.parametrize("length", [64, 65])
def test_upper_bounds_count_characters(length: int) -> None:
    text = "ö" * length
    if length == 64:
        assert name_of([("CN", text)]).encode()
    else:
        with pytest.raises(Malformed, match="CN must have 1 to 64 characters"):
            name_of([("CN", text)])


@pytest.mark.parametrize(
    ("attribute", "value"),
    [
        ("CN", ""),
        ("CN", "a\x00b"),
        ("CN", "a\nb"),
        ("CN", "a\u202eb"),
        ("CN", "\x7f"),
        ("C", "de"),
        ("C", "D1"),
        ("C", "DEU"),
        ("serialNumber", "a_b"),
        ("DC", "ö"),
        ("emailAddress", "ö@example.test"),
        ("emailAddress", "a" * 256),
    ],
)
def test_bad_values_are_refused_by_both_ways_in(attribute: str, value: str) -> None:
    with pytest.raises(Malformed):
        name_of([(attribute, value)])
    with pytest.raises(Malformed):
        DistinguishedName((((attribute_oid(attribute), value),),)).encode()


@pytest.mark.parametrize(
    "text",
    [
        "CN",
        "CN=",
        "=x",
        "CN=a,",
        "CN=a+",
        "nope=a",
        "CN=#0c0161",
        "CN=a\\",
        "CN=a\\zz",
        "CN=\\ff",
        "1.2.=a",
        "3.1=a",
    ],
)
def test_bad_text_is_refused(text: str) -> None:
    with pytest.raises(Malformed):
        parse_name(text)


def test_names_from_the_field_are_read() -> None:
    def one(tag: int, content: bytes) -> bytes:
        pair = der.sequence(der.object_identifier("2.5.4.10"), der.tlv(tag, content))
        return der.sequence(der.tlv(der.SET, pair))

    assert decode_name(one(20, b"Gr\xfcn")).values("2.5.4.10") == ("Grün",)
    assert decode_name(one(30, "Grün".encode("utf-16-be"))).values("2.5.4.10") == ("Grün",)
    assert decode_name(one(28, "Grün".encode("utf-32-be"))).values("2.5.4.10") == ("Grün",)
    for tag, content in [(12, b"\xff"), (19, b"\xff"), (4, b"x"), (30, b"x")]:
        with pytest.raises(Malformed):
            decode_name(one(tag, content))


def test_bounds_on_size() -> None:
    many = DistinguishedName(((("2.5.4.11", "x"),),) * 33)
    for attempt in (lambda: decode_name(many.encode()), lambda: parse_name(str(many))):
        with pytest.raises(Malformed, match="more than 32 parts"):
            attempt()
    with pytest.raises(Malformed, match="longer than"):
        decode_name(bytes(8193))
    with pytest.raises(Malformed, match="longer than"):
        parse_name("CN=" + "a" * 9000)
