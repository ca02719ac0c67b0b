"""Fields of the organization's own: what is a value of which kind, and in which form it is kept."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from certwright.core.custom_fields import VALUE_MAX, CustomField, FieldKind, field_named, number_of
from certwright.core.errors import Malformed, NotFound

CHOICES = ("gold", "silver")
kinds = st.sampled_from(FieldKind)
texts = st.text(st.characters(codec="utf-8"), max_size=30)
likely = st.sampled_from(
    ["2026-12-31", "007", "-0", "Yes", "gold", "https://a.test/", "a@b.test", "12", " x "]
)


def field(kind: FieldKind, name: str = "cost") -> CustomField:
    return CustomField(name, "Cost", kind, CHOICES if kind is FieldKind.CHOICE else ())


@given(kinds, likely | texts | st.integers().map(str) | st.dates().map(str))
def test_what_is_kept_is_read_as_itself(kind: FieldKind, text: str) -> None:
    try:
        value = field(kind).read(text)
    except Malformed as error:
        told = error.detail
        value = ""
    else:
        told = "field cost: "
        assert field(kind).read(value) == value
    assert told.startswith("field cost: ")
    assert told.isprintable()
    assert value.isprintable()
    assert len(value) <= VALUE_MAX
    assert (value != "" and number_of(kind, value) is not None) == (value != "" and kind is FieldKind.NUMBER)


@pytest.mark.parametrize(
    ("kind", "text", "value"),
    [
        ("text", "  two  words ", "two  words"),
        ("number", "-17", "-17"),
        ("number", "0", "0"),
        ("date", "2026-02-28", "2026-02-28"),
        ("yes-no", "TRUE", "yes"),
        ("yes-no", "No", "no"),
        ("choice", "silver", "silver"),
        ("url", "https://wiki.example.test/x?y#z", "https://wiki.example.test/x?y#z"),
        ("mail", "a.b@example.test", "a.b@example.test"),
    ],
)
def test_values_of_each_kind(kind: str, text: str, value: str) -> None:
    assert field(FieldKind(kind)).read(text) == value


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        ("text", " "),
        ("text", "a\nb"),
        ("text", "x" * (VALUE_MAX + 1)),
        ("number", "1.5"),
        ("number", "1" * 16),
        ("number", "٣"),
        ("number", "00"),
        ("date", "2026-02-30"),
        ("date", "20260228"),
        ("date", "2026-W01-1"),
        ("yes-no", "maybe"),
        ("choice", "Gold"),
        ("url", "javascript:alert(1)"),
        ("url", "https://a b"),
        ("mail", "nobody"),
    ],
)
def test_what_is_no_value_is_told(kind: str, text: str) -> None:
    with pytest.raises(Malformed, match=r"^field cost: "):
        field(FieldKind(kind)).read(text)


@pytest.mark.parametrize(
    "wrong",
    [
        CustomField("Cost", "Cost", FieldKind.TEXT),
        CustomField("", "Cost", FieldKind.TEXT),
        CustomField("a" * 41, "Cost", FieldKind.TEXT),
        CustomField("cost", " ", FieldKind.TEXT),
        CustomField("cost", "a\0b", FieldKind.TEXT),
        CustomField("cost", "Cost", FieldKind.CHOICE),
        CustomField("cost", "Cost", FieldKind.TEXT, ("a",)),
        CustomField("cost", "Cost", FieldKind.CHOICE, ("a", "a")),
        CustomField("cost", "Cost", FieldKind.CHOICE, ("a ",)),
        CustomField("cost", "Cost", FieldKind.CHOICE, tuple(map(str, range(101)))),
        CustomField("cost", "Cost", FieldKind.TEXT, help="x" * 501),
    ],
)
def test_what_is_no_field_is_told(wrong: CustomField) -> None:
    with pytest.raises(Malformed):
        wrong.check()


def test_only_fields_in_use_are_found() -> None:
    known = {
        "cost": field(FieldKind.NUMBER),
        "old": CustomField("old", "Old", FieldKind.TEXT, retired=True),
    }
    assert field_named(known, "cost") is known["cost"]
    with pytest.raises(NotFound, match=r"known are cost$"):
        field_named(known, "old")
    with pytest.raises(NotFound, match="none is defined"):
        field_named({}, "cost")
