"""Certificates from other managers as a table: CSV (RFC 4180) with a head, one certificate a row.

The column `certificate` has it in PEM or as DER in base64; `team`, `owner`, `environment` and `tags` (words
with spaces between them) say who answers for it and what it is used in, a column `field.NAME` what is in a
field of the organization's own. Other columns are passed over.
"""

import base64
import binascii
import csv
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from .errors import Malformed

COLUMNS = ("certificate", "team", "owner", "environment", "tags")
FIELD = "field."
ROWS_MAX = 100_000
CELL_CHARACTERS_MAX = 100_000
_PEM = re.compile(r"-----BEGIN (?:TRUSTED )?CERTIFICATE-----(.*?)-----END", re.DOTALL)


@dataclass(frozen=True, slots=True)
class ImportRow:
    """`number` counts from 1, the head not counted. `certificate` is DER, as far as base64 can tell; empty
    where `problem` says in one line why there is none."""

    number: int
    certificate: bytes = b""
    team: str = ""
    owner: str = ""
    environment: str = ""
    tags: frozenset[str] = frozenset()
    problem: str = ""
    fields: Mapping[str, str] = field(default_factory=dict)


def read_import(text: str) -> Iterator[ImportRow]:
    """Every row, in order. Raises Malformed for a table without the column `certificate`, a row that is no
    CSV, and more than ROWS_MAX."""
    lines = [f"{line}\n" for line in text.removeprefix("\ufeff").split("\n")]
    reader = csv.reader(lines, strict=True)
    try:
        head = [name.strip().lower() for name in next(reader, [])]
        if "certificate" not in head:
            raise Malformed(
                f"the first line must name the columns, certificate among them; known: {', '.join(COLUMNS)}"
            )
        number = 0
        for cells in reader:
            if not any(cell.strip() for cell in cells):
                continue
            number += 1
            if number > ROWS_MAX:
                raise Malformed(f"more than {ROWS_MAX} rows; import the table in parts")
            yield _row(number, dict(zip(head, cells, strict=False)))
    except csv.Error as error:
        raise Malformed(f"line {reader.line_num} is no CSV: {error}") from error


def _row(number: int, cells: dict[str, str]) -> ImportRow:
    octets = _octets(cells.get("certificate", ""))
    if octets is None:
        return ImportRow(number, problem="the column certificate has neither PEM nor base64")
    return ImportRow(
        number,
        octets,
        cells.get("team", "").strip(),
        cells.get("owner", "").strip(),
        cells.get("environment", "").strip(),
        frozenset(cells.get("tags", "").split()),
        fields={
            name.removeprefix(FIELD): cell.strip()
            for name, cell in cells.items()
            if name.startswith(FIELD) and cell.strip()
        },
    )


def _octets(cell: str) -> bytes | None:
    """The first certificate in a cell."""
    if len(cell) > CELL_CHARACTERS_MAX:
        return None
    found = _PEM.search(cell)
    text = "".join((found[1] if found else cell).split())
    try:
        return base64.b64decode(text, validate=True) or None
    except (binascii.Error, ValueError):
        return None
