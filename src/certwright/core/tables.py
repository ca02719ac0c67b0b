"""Tables as comma-separated values (RFC 4180) that a spreadsheet shows and does not carry out."""

import re
from collections.abc import Iterable, Sequence

FORMULA = re.compile(r"\A(?=[=+\-@\t\r\n])|(?<=[;\t\r\n])(?=[=+\-@])")
"""Where a spreadsheet may take a cell for a formula: at its beginning, and behind what parts cells in some
countries."""


def csv_text(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Lines end in CRLF. A cell that would be taken for a formula gets an apostrophe before it."""
    return "".join(map(csv_line, (heads, *rows)))


def csv_line(cells: Iterable[str]) -> str:
    """One line of it, with its end."""
    return ",".join(map(_cell, cells)) + "\r\n"


def harmless(text: str) -> str:
    """The text, with an apostrophe before what might be a formula."""
    return FORMULA.sub("'", text)


def _cell(text: str) -> str:
    text = harmless(text)
    if any(one in text for one in (",", '"', "\r", "\n")):
        return '"' + text.replace('"', '""') + '"'
    return text
