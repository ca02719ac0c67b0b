"""Tables of other managers: which are read, and what is said of those that are not."""

import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from certwright.core import import_rows
from certwright.core.errors import Malformed
from certwright.core.import_rows import ImportRow, read_import
from certwright.core.pem import pem

PEM = pem(b"der of a certificate").decode()


def table(*rows: tuple[str, ...]) -> str:
    written = io.StringIO()
    csv.writer(written).writerows(rows)
    return written.getvalue()


def test_a_table_is_read() -> None:
    text = "\ufeff" + table(
        ("Certificate", "owner", "Team", "notes", "tags", "environment"),
        (PEM, "alice", "pay", "anything, at all", "web  payments", "production"),
        ("", "", "", "", "", ""),
        ("ZGVy", "", "", "", "", ""),
        ("x y z!", "bob", "", "", "", ""),
        ("ZGVy",),
    )
    assert list(read_import(text)) == [
        ImportRow(1, b"der of a certificate", "pay", "alice", "production", frozenset({"web", "payments"})),
        ImportRow(2, b"der"),
        ImportRow(3, problem="the column certificate has neither PEM nor base64"),
        ImportRow(4, b"der"),
    ]


@pytest.mark.parametrize(
    ("text", "told"),
    [("", "must name the columns"), ("a,b\n1,2\n", "must name"), ('certificate\n"x', "line 2 is no CSV")],
)
def test_what_is_no_table_is_refused(text: str, told: str) -> None:
    with pytest.raises(Malformed, match=told):
        list(read_import(text))


def test_there_is_an_end_to_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(import_rows, "ROWS_MAX", 3)
    with pytest.raises(Malformed, match="in parts"):
        list(read_import("certificate\n" + "ZGVy\n" * 4))


@given(st.text(max_size=300))
def test_any_text_is_read_or_refused(text: str) -> None:
    try:
        rows = list(read_import("certificate,team\n" + text))
    except Malformed:
        return
    assert [row.number for row in rows] == list(range(1, len(rows) + 1))
    assert all(bool(row.certificate) != bool(row.problem) for row in rows)
