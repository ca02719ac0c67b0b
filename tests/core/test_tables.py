"""Tables for spreadsheets: every cell comes back, and none is carried out."""

import csv
import io

from hypothesis import example, given
from hypothesis import strategies as st

from certwright.core.tables import csv_line, csv_text, harmless

BEGINS = ("=", "+", "-", "@", "\t", "\r", "\n")

cells = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), max_size=20)


@given(st.lists(st.lists(cells, min_size=2, max_size=2), max_size=5))
@example([["=1+1", '"a",b'], ["@x", "\tx"], ["\r\n=x", "-1"], ["a;=1+1", "b;;@x"]])
def test_every_cell_comes_back_and_none_is_a_formula(rows: list[list[str]]) -> None:
    text = csv_text(("one", "two"), rows)
    head, *found = csv.reader(io.StringIO(text, newline=""))
    assert head == ["one", "two"]
    assert not any(cell.startswith(BEGINS) for row in found for cell in row)
    assert not any(
        part.startswith(("=", "+", "-", "@")) for row in found for cell in row for part in cell.split(";")
    )
    assert found == [[harmless(cell) for cell in row] for row in rows]
    assert [[cell.replace("'", "") for cell in row] for row in found] == [
        [cell.replace("'", "") for cell in row] for row in rows
    ]


def test_a_formula_is_text() -> None:
    assert csv_line(['=HYPERLINK("http://x")', "a"]) == '"\'=HYPERLINK(""http://x"")",a\r\n'
