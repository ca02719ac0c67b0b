"""Lines of the database of `openssl ca`."""

from contextlib import suppress
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from certwright.core.ca_database import LINE_MAX, IssuedLine, read_issued_line
from certwright.core.errors import Malformed
from certwright.core.revocation import Reason

WHEN = datetime(2026, 11, 30, 20, 34, 32, tzinfo=UTC)


@pytest.mark.parametrize(
    ("revoked", "reason"),
    [
        ("261130203432Z", Reason.UNSPECIFIED),
        ("20261130203432Z", Reason.UNSPECIFIED),
        ("261130203432Z,keyCompromise", Reason.KEY_COMPROMISE),
        ("261130203432Z,CACompromise", Reason.CA_COMPROMISE),
        ("261130203432Z,holdInstruction,1.2.840.10040.2.3", Reason.CERTIFICATE_HOLD),
        ("261130203432Z,keyTime,20260101000000Z", Reason.KEY_COMPROMISE),
        ("261130203432Z,CAkeyTime,20260101000000Z", Reason.CA_COMPROMISE),
        ("261130203432Z,some day", Reason.UNSPECIFIED),
    ],
)
def test_when_and_why_it_was_revoked(revoked: str, reason: Reason) -> None:
    line = read_issued_line(f"R\t290304203430Z\t{revoked}\tff01\tunknown\t/CN=b")
    assert line == IssuedLine("FF01", "/CN=b", WHEN, reason)
    assert line.number == 0xFF01


@pytest.mark.parametrize("line", ["V\t290304203430Z\t\t01\tunknown\t/", "E\t290304203430Z\t\t01\tunknown\t/"])
def test_what_is_not_revoked(line: str) -> None:
    assert read_issued_line(line) == IssuedLine("01", "/")


def test_what_is_not_revoked_any_more() -> None:
    line = "R\t290304203430Z\t261130203432Z,removeFromCRL\t01\tunknown\t/"
    assert read_issued_line(line) == IssuedLine("01", "/")


def test_two_digits_of_a_year_are_of_the_century_that_the_rfc_says() -> None:
    years = {"49": 2049, "50": 1950, "68": 1968, "69": 1969, "00": 2000}
    for digits, year in years.items():
        line = read_issued_line(f"R\t\t{digits}0101000000Z\t01\tunknown\t/")
        assert line.revoked_at == datetime(year, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    "line",
    [
        "",
        "V\t\t\t01\tunknown",
        "X\t\t\t01\tunknown\t/",
        "V\t\t\tgg\tunknown\t/",
        "V\t\t\t" + "1" * 65 + "\tunknown\t/",
        "R\t\t\t01\tunknown\t/",
        "R\t\t261330203432Z\t01\tunknown\t/",
        "R\t\t26113020343 Z\t01\tunknown\t/",
        "R\t\t+2113020343+Z\t01\tunknown\t/",
        "V\t\t\t01\tunknown\t/" + "x" * LINE_MAX,
    ],
)
def test_what_is_no_line(line: str) -> None:
    with pytest.raises(Malformed):
        read_issued_line(line)


@given(st.lists(st.text(), min_size=6, max_size=6), st.sampled_from(["V", "R", "E", ""]))
def test_nothing_else_is_raised(fields: list[str], flag: str) -> None:
    with suppress(Malformed):
        found = read_issued_line("\t".join([flag, *fields[1:]]))
        assert (found.revoked_at is None) is (found.reason is None)
        assert found.number == int(found.serial, 16)
