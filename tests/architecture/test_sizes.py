"""No function over 70 lines and no file over 500, unless it is named here with its reason."""

from functools import cache
from pathlib import Path

import pytest

from tests.architecture.sizes import FILE_LINES, FUNCTION_LINES, Size, files, functions, report
from tests.architecture.source import CHECKOUT, told

# path, or path:function -> why it is better whole
EXCEPTIONS: dict[str, str] = {}


def too_long(root: Path) -> list[Size]:
    found = [size for size in functions(root) if size.lines > FUNCTION_LINES]
    return found + [size for size in files(root) if size.lines > FILE_LINES]


@cache
def too_long_here() -> list[Size]:
    return too_long(CHECKOUT)


def test_nothing_is_too_long() -> None:
    found = [f"{size.place}: {size.lines} lines" for size in too_long_here() if size.place not in EXCEPTIONS]
    assert not found, told(
        found, f"Split by what the parts do ({FUNCTION_LINES} lines a function, {FILE_LINES} a file):"
    )


def test_every_exception_is_still_needed() -> None:
    unneeded = set(EXCEPTIONS) - {size.place for size in too_long_here()}
    assert not unneeded, f"Take these out of EXCEPTIONS, they are short now: {sorted(unneeded)}"


def test_the_report_says_median_and_percentile() -> None:
    assert "median" in report(CHECKOUT)


@pytest.mark.parametrize(("lines", "expected"), [(70, []), (71, ["src/long.py:act"])])
def test_a_long_function_is_found(lines: int, expected: list[str], tmp_path: Path) -> None:
    (tmp_path / "src").mkdir()
    (tmp_path / "src/long.py").write_text("async def act():\n" + "    pass\n" * (lines - 1))
    assert [size.place for size in too_long(tmp_path)] == expected


@pytest.mark.parametrize(("lines", "expected"), [(500, []), (501, ["bench/long.py"])])
def test_a_long_file_is_found(lines: int, expected: list[str], tmp_path: Path) -> None:
    (tmp_path / "bench").mkdir()
    (tmp_path / "bench/long.py").write_text("one = 1\n" * lines)
    assert [size.place for size in too_long(tmp_path)] == expected
