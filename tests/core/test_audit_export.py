"""The log as text: lines, what is wrong with them, and the check by hand that the reference gives."""

import json
import re
import subprocess
import sys
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from certwright.core import audit_export
from certwright.core.audit_records import Damaged, Report
from certwright.core.checkpoint import VerifierKey
from certwright.core.errors import Malformed, TooLarge
from tests.core.toy_audit_log import KEY, LOG, NEWEST, Log, kinds, rewritten

REFERENCE = Path(__file__).parents[2] / "docs" / "reference" / "audit.md"


def check(lines: Iterable[str]) -> Report:
    return audit_export.verify_export(lines, [KEY], [NEWEST])


@pytest.mark.parametrize("place", range(1, len(LOG.lines())))
def test_no_line_can_be_left_out_doubled_or_moved(place: int) -> None:
    lines = LOG.lines()
    line = lines.pop(place)
    # Checkpoints confirm; without one of them, another still covers what it did.
    spare = line.startswith('{"checkpoint"')
    assert check(lines).sound == spare
    assert check([*lines[:place], line, line, *lines[place:]]).sound == spare
    assert not check(lines[:place]).sound
    if place != len(lines):
        assert not check([*lines, line]).sound


def test_an_export_cut_short_is_found() -> None:
    lines = LOG.lines()
    for count in range(1, len(lines)):
        assert "missing" in kinds(check(lines[:count]))
    lines[-1] = lines[-1].replace("13", "14")
    assert kinds(check(lines)) == ["missing"]


def test_lines_that_cannot_be_read_are_named() -> None:
    lines = LOG.lines()
    for bad in ("", "\n", "{", "[]", "null", '{"a":1}', "[" * 90000, '{"end":[]}', '{"row":{}}', "1" * 5000):
        report = check([*lines[:5], bad, *lines[5:]])
        assert kinds(report) == ["unreadable"]
        assert report.discrepancies[0].text.startswith("line 6: ")
    row = json.loads(lines[4])["row"]
    for name, value in (
        ("at", "2025-06-01T12:00:01Z"),
        ("at", "2025-06-01 12:00:01.000000Z"),
        ("at", "yesterday"),
        ("chain", row["chain"].upper()),
        ("chain", row["chain"][2:]),
        ("chain", "zz" * 32),
        ("id", "1"),
        ("id", 2**63),
        ("writer", True),
        ("number", -1),
        ("number", 1.0),
        ("body", "\ud800"),
        ("kind", None),
    ):
        with pytest.raises(Malformed):
            audit_export.decode(json.dumps({"row": {**row, name: value}}))
    with pytest.raises(Malformed, match="twice"):
        audit_export.decode('{"end":{"leaves":1,"leaves":1,"rows":1}}')
    with pytest.raises(TooLarge):
        audit_export.decode(" " * (audit_export.LINE_CHARACTERS_MAX + 1))


def test_another_file_is_not_an_export() -> None:
    lines = LOG.lines()
    header = json.loads(lines[0])
    for first in (
        [],
        [lines[1]],
        ["hello"],
        [json.dumps({**header, "version": 2})],
        [json.dumps({**header, "format": "other"})],
        [json.dumps({**header, "keys": []})],
        [json.dumps({**header, "keys": KEY.text()})],
        [json.dumps({**header, "keys": [KEY.text()] * 65})],
        [json.dumps({**header, "keys": [VerifierKey("other", KEY.public).text(), KEY.text()]})],
    ):
        with pytest.raises(Malformed, match="does not begin with a header"):
            check([*first, *lines[1:]] if first else [])
    assert "unreadable" in kinds(check([lines[0], *lines]))
    with pytest.raises(Malformed):
        audit_export.verify_export(lines, [KEY], ["no note"])


def test_lines_are_ascii_and_read_again_as_they_were() -> None:
    lines = LOG.lines()
    assert all(line.isascii() and line.endswith("\n") and line.count("\n") == 1 for line in lines)
    assert list(audit_export.decode_lines(lines)) == list(LOG.records())
    assert max(map(len, lines)) < audit_export.LINE_CHARACTERS_MAX


@given(st.data())
def test_no_changed_character_of_an_export_is_missed(data: st.DataObject) -> None:
    """Save where it only writes the same JSON in another way."""
    lines = LOG.lines()
    place = data.draw(st.integers(1, len(lines) - 1))
    line = lines[place].rstrip("\n")
    at = data.draw(st.integers(0, len(line) - 1))
    lines[place] = line[:at] + data.draw(st.sampled_from('0a"{}\\:,x9')) + line[at + 1 :]
    try:
        same = json.loads(lines[place]) == json.loads(line)
    except ValueError:
        same = False
    assert check(lines).sound == same


@given(st.text(max_size=100) | st.recursive(st.none() | st.integers() | st.text(), st.lists).map(json.dumps))
def test_any_text_as_a_line(text: str) -> None:
    (record,) = audit_export.decode_lines([text])
    assert isinstance(record, Damaged)


# -- by hand, as the reference says --------------------------------------------------------------


def block(language: str) -> str:
    """The one block of code in that language in the reference."""
    (found,) = re.findall(rf"^```{language}\n(.*?)^```$", REFERENCE.read_text(), re.MULTILINE | re.DOTALL)
    return str(found)


def by_hand(folder: Path, log: Log) -> subprocess.CompletedProcess[str]:
    export = folder / "audit.jsonl"
    export.write_text("".join(log.lines()))
    command = [sys.executable, "-I", "-c", block("python"), str(export)]
    return subprocess.run(command, capture_output=True, text=True, timeout=60)


def test_the_program_of_the_reference_accepts_a_sound_log(tmp_path: Path) -> None:
    done = by_hand(tmp_path, LOG)
    assert (done.stdout, done.stderr) == (NEWEST, "")


@pytest.mark.parametrize(
    ("log", "says"),
    [
        (LOG.with_row(LOG.rows[1, 2]._replace(actor="local:mallory")), "changed"),
        (LOG.with_row(LOG.rows[3, 4]._replace(chain=bytes(32))), "changed"),
        (rewritten(LOG, 1, 3, hashes=False), "not what was logged"),
        (rewritten(LOG, 1, 3, hashes=True), "changed before leaf 4"),
        (LOG.without((1, 2)), "is gone"),
        (LOG.without((1, 8)), "broken chain"),
        (LOG.without((1, 9)), "newest events"),
        (replace(LOG, leaves=LOG.leaves[:12]), "rolled back"),
    ],
)
def test_the_program_of_the_reference_finds_what_we_find(tmp_path: Path, log: Log, says: str) -> None:
    assert not log.verify().sound
    done = by_hand(tmp_path, log)
    assert done.returncode == 1
    assert says in done.stderr.splitlines()[-1]


@pytest.mark.parametrize("note", [NEWEST, NEWEST.replace("\n13\n", "\n12\n")])
def test_openssl_checks_a_signature_as_the_reference_says(tmp_path: Path, note: str) -> None:
    (tmp_path / "checkpoint.txt").write_text(note)
    (tmp_path / "key.txt").write_text(KEY.text() + "\n")
    command = ["sh", "-e", "-c", block("sh")]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=60)
    assert (done.returncode == 0) == (note == NEWEST), done.stderr
    assert ("Verified Successfully" in done.stdout) == (note == NEWEST)
