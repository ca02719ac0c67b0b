"""The audit log as text, to be checked elsewhere: one JSON object a line, in ASCII.

docs/reference/audit.md describes the lines for outsiders; `audit_records` has what they mean and the
check of them.
"""

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import UTC, datetime
from typing import Any

from .audit import EventRow, Head, moment
from .audit_records import (
    Damaged,
    End,
    Header,
    Leaf,
    Record,
    Report,
    SignedCheckpoint,
    Unsequenced,
    WriterHead,
    verify_records,
)
from .checkpoint import VerifierKey, parse_verifier_key
from .errors import Malformed, TooLarge
from .merkle import HASH_OCTETS

FORMAT = "certwright-audit-export"
VERSION = 1
LINE_CHARACTERS_MAX = 256 * 1024
"""Readers of a file ask for lines of at most this size; a longer one cannot be a line of ours."""
KEYS_MAX = 64


def verify_export(
    lines: Iterable[str], trusted: Sequence[VerifierKey] = (), held: Sequence[str] = ()
) -> Report:
    """Check an export, line by line; arguments and errors as of `verify_records`."""
    return verify_records(decode_lines(lines), trusted, held)


def encode(record: Record) -> str:
    """The record as one line of JSON in ASCII, with its newline."""
    return json.dumps(_fields(record), separators=(",", ":")) + "\n"


def _fields(record: Record) -> dict[str, Any]:
    if isinstance(record, Leaf):
        row = None if record.row is None else _row_fields(record.row)
        return {"leaf": record.index, "hash": record.hash.hex(), "row": row}
    if isinstance(record, Unsequenced):
        return {"row": _row_fields(record.row)}
    if isinstance(record, SignedCheckpoint):
        return {"checkpoint": record.note}
    if isinstance(record, WriterHead):
        number, chain = record.head
        return {"writer": record.writer, "number": number, "chain": chain.hex()}
    if isinstance(record, Header):
        return {"format": FORMAT, "version": VERSION, "keys": [key.text() for key in record.keys]}
    return {"end": {"leaves": record.leaves, "rows": record.rows}}


def _row_fields(row: EventRow) -> dict[str, Any]:
    return {**row._asdict(), "at": moment(row.at.astimezone(UTC)), "chain": row.chain.hex()}


def decode(line: str) -> Record:
    """Read a line that `encode` gave. Raises Malformed, TooLarge."""
    if len(line) > LINE_CHARACTERS_MAX:
        raise TooLarge(f"longer than {LINE_CHARACTERS_MAX} characters")
    try:
        fields = json.loads(line, object_pairs_hook=_object)
    except (ValueError, RecursionError) as error:
        raise Malformed("not JSON") from error
    reader = _READERS.get(frozenset(fields) if isinstance(fields, dict) else frozenset())
    if reader is None:
        raise Malformed("not a record of an audit export")
    return reader(fields)


def decode_lines(lines: Iterable[str]) -> Iterator[Record | Damaged]:
    """The records of an export, line by line."""
    for number, line in enumerate(lines, 1):
        try:
            record: Record | Damaged = decode(line)
        except (Malformed, TooLarge) as error:
            record = Damaged(f"line {number}: {error.detail}")
        yield record


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    fields = dict(pairs)
    if len(fields) != len(pairs):
        raise Malformed("a name stands twice in one JSON object")
    return fields


def _read_header(fields: dict[str, Any]) -> Header:
    keys = fields["keys"]
    if (fields["format"], fields["version"]) != (FORMAT, VERSION):
        raise Malformed(f"not {FORMAT} version {VERSION}")
    if not isinstance(keys, list) or not 1 <= len(keys) <= KEYS_MAX:
        raise Malformed(f"not 1 to {KEYS_MAX} keys")
    header = Header(tuple(parse_verifier_key(_text(key)) for key in keys))
    if len({key.name for key in header.keys}) != 1:
        raise Malformed("keys of different logs")
    return header


def _read_leaf(fields: dict[str, Any]) -> Leaf:
    row = None if fields["row"] is None else _row(fields["row"])
    return Leaf(_integer(fields["leaf"]), _hash(fields["hash"]), row)


def _read_end(fields: dict[str, Any]) -> End:
    end = fields["end"]
    if not isinstance(end, dict) or end.keys() != {"leaves", "rows"}:
        raise Malformed("not the end of an audit export")
    return End(_integer(end["leaves"]), _integer(end["rows"]))


def _row(fields: Any) -> EventRow:
    if not isinstance(fields, dict) or fields.keys() != set(EventRow._fields):
        raise Malformed("a row has other columns than an event's")
    return EventRow(
        _integer(fields["id"]),
        _integer(fields["writer"]),
        _integer(fields["number"]),
        _at(_text(fields["at"])),
        _text(fields["kind"]),
        _text(fields["actor"]),
        _text(fields["source"]),
        _text(fields["subject"]),
        _text(fields["body"]),
        _hash(fields["chain"]),
    )


def _integer(value: Any) -> int:
    if type(value) is not int or not 0 <= value < 2**63:
        raise Malformed(f"{str(value)[:40]!r} is not a whole number below 2**63")
    return value


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise Malformed(f"{str(value)[:40]!r} is not text")
    try:
        value.encode()
    except UnicodeEncodeError as error:
        raise Malformed("a text holds half a surrogate pair") from error
    return value


def _hash(value: Any) -> bytes:
    try:
        octets = bytes.fromhex(_text(value))
    except ValueError as error:
        raise Malformed(f"{value[:80]!r} is not hexadecimal") from error
    if len(octets) != HASH_OCTETS or octets.hex() != value:
        raise Malformed(f"{value[:80]!r} is not {HASH_OCTETS} octets in lower-case hexadecimal")
    return octets


def _at(value: str) -> datetime:
    try:
        at = datetime.fromisoformat(value)
        if moment(at) == value:
            return at
    except ValueError as error:
        raise Malformed(f"{value[:40]!r} is not a time") from error
    raise Malformed(f"{value[:40]!r} is not a time in UTC with microseconds")


_READERS: dict[frozenset[str], Callable[[dict[str, Any]], Record]] = {
    frozenset(("format", "version", "keys")): _read_header,
    frozenset(("writer", "number", "chain")): lambda fields: WriterHead(
        _integer(fields["writer"]), Head(_integer(fields["number"]), _hash(fields["chain"]))
    ),
    frozenset(("leaf", "hash", "row")): _read_leaf,
    frozenset(("checkpoint",)): lambda fields: SignedCheckpoint(_text(fields["checkpoint"])),
    frozenset(("row",)): lambda fields: Unsequenced(_row(fields["row"])),
    frozenset(("end",)): _read_end,
}
