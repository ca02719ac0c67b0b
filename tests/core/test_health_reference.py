"""docs/reference/health.md lists the kinds of findings, exactly."""

from pathlib import Path

from certwright.core.health import KINDS

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "health.md"
HEAD = "| code | severity | what it means | what to do |\n|---|---|---|---|\n"


def table() -> str:
    rows = [f"| `{one.code}` | {one.severity} | {one.meaning} | {one.remedy} |\n" for one in KINDS.values()]
    return HEAD + "".join(rows)


def test_the_page_has_every_kind() -> None:
    assert table() in PAGE.read_text(), f"put this into {PAGE.name}:\n{table()}"
