"""How long functions and files are: the limits, and the report that `make check` prints."""

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from statistics import median, quantiles

from tests.architecture.source import CHECKOUT

FUNCTION_LINES = 70
FILE_LINES = 500
AIM_MEDIAN, AIM_90TH = 10, 30
FOLDERS = ("src", "tests", "bench")


@dataclass(frozen=True, slots=True)
class Size:
    """`place` is path:function, or the path for a whole file, relative to the checkout."""

    place: str
    lines: int


def functions(root: Path) -> Iterator[Size]:
    """Every function and method, its docstring and inner functions included, decorators not."""
    for path in _files(root):
        for node in ast.walk(ast.parse(path.read_text(), str(path))):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                lines = (node.end_lineno or node.lineno) - node.lineno + 1
                yield Size(f"{path.relative_to(root)}:{node.name}", lines)


def files(root: Path) -> Iterator[Size]:
    for path in _files(root):
        yield Size(str(path.relative_to(root)), len(path.read_text().splitlines()))


def _files(root: Path) -> Iterator[Path]:
    """Ours, Django's generated migrations left out."""
    for folder in FOLDERS:
        yield from (path for path in sorted((root / folder).rglob("*.py")) if "migrations" not in path.parts)


def report(root: Path) -> str:
    """One line for the product's functions: how many, median, 90th percentile, longest; and its files."""
    product = [size for size in functions(root) if size.place.startswith("src/")]
    lines = [size.lines for size in product]
    if len(lines) < 2:
        return "no functions yet"
    longest = max(product, key=lambda size: size.lines)
    largest = max(
        (size for size in files(root) if size.place.startswith("src/")), key=lambda size: size.lines
    )
    return (
        f"{len(lines)} functions: median {median(lines):g} lines (aim {AIM_MEDIAN}), "
        f"90th percentile {quantiles(lines, n=10)[-1]:g} (aim {AIM_90TH}), "
        f"longest {longest.lines} ({longest.place}); largest file {largest.lines} ({largest.place})"
    )


if __name__ == "__main__":
    print(report(CHECKOUT))
