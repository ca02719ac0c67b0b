"""Lines of CSV (RFC 4180) that a spreadsheet takes for text, whoever has written what is in them."""

import csv
import io
from collections.abc import Iterable

from ..core.tables import harmless


def csv_line(cells: Iterable[str]) -> str:
    """A cell that begins like a formula gets an apostrophe before it."""
    out = io.StringIO()
    csv.writer(out).writerow(map(harmless, cells))
    return out.getvalue()
