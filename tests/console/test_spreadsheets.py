"""CSV that no spreadsheet runs: read back, every cell is what it was, and none begins a formula."""

import csv
import io

from hypothesis import given
from hypothesis import strategies as st

from certwright.console.spreadsheets import csv_line
from certwright.core.tables import harmless

CELLS = st.lists(st.text(st.characters(exclude_characters="\x00", exclude_categories=("Cs",))), min_size=1)


@given(CELLS)
def test_cells_come_back_and_none_begins_a_formula(cells: list[str]) -> None:
    [read] = csv.reader(io.StringIO(csv_line(cells), newline="")) if any(cells) or len(cells) > 1 else [cells]
    assert not any(cell.startswith(("=", "+", "-", "@", "\t", "\r", "\n")) for cell in read)
    assert read == [harmless(cell) for cell in cells]


def test_a_formula_is_text() -> None:
    assert csv_line(['=HYPERLINK("http://x")', "a"]) == '"\'=HYPERLINK(""http://x"")",a\r\n'
