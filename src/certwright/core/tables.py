"""Tables as comma-separated values (RFC 4180) that a spreadsheet shows and does not carry out."""

from collections.abc import Iterable, Sequence

FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")
"""What makes a spreadsheet take a cell for a formula, at its beginning."""


def csv_text(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Lines end in CRLF. A cell that would be taken for a formula gets an apostrophe before it."""
    return "".join(",".join(map(_cell, row)) + "\r\n" for row in (heads, *rows))


def _cell(text: str) -> str:
    text = f"'{text}" if text.startswith(FORMULA) else text
    if any(one in text for one in (",", '"', "\r", "\n")):
        return '"' + text.replace('"', '""') + '"'
    return text
