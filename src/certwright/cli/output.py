"""What commands print: text for people or JSON for programs on standard output, progress on a terminal."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

Progress = Callable[[int, int], None]
"""Told how much of how much is done."""


@dataclass(frozen=True, slots=True)
class Output:
    as_json: bool

    def show(self, document: Any, text: str) -> None:
        """The result of a command, in the form asked for."""
        print(json.dumps(document, indent=2) if self.as_json else text)

    def warn(self, line: str) -> None:
        """One line that is not the result."""
        sys.stderr.write(f"certwright: {one_line(line)}\n")

    def say(self, line: str) -> None:
        """What is being done, where somebody watches."""
        if self.lively:
            self.warn(f"{line} ...")

    @property
    def lively(self) -> bool:
        """Is there a person who watches?"""
        return not self.as_json and sys.stderr.isatty()

    @contextmanager
    def progress(self, title: str) -> Iterator[Progress]:
        """A bar for work that is long, where somebody watches."""
        if not self.lively:
            yield lambda done, total: None
            return
        from rich.console import Console
        from rich.progress import Progress as Bars

        with Bars(console=Console(stderr=True), transient=True) as bars:
            task = bars.add_task(title, total=None)
            yield lambda done, total: bars.update(task, completed=done, total=max(total, done))

    @contextmanager
    def steps(self, title: str, number: int) -> Iterator[Callable[[str], None]]:
        """A bar for work of about `number` steps, each of which says what it is."""
        if not self.lively:
            yield lambda step: None
            return
        from rich.console import Console
        from rich.progress import Progress as Bars

        with Bars(console=Console(stderr=True), transient=True) as bars:
            task = bars.add_task(title, total=number)
            yield lambda step: bars.update(task, advance=1, description=f"{title}: {step}")


def one_line(text: str) -> str:
    """What others may have written, on one line; what could steer a terminal stands as an escape."""
    line = " ".join(text.split())
    return "".join(one if one.isprintable() else one.encode("unicode_escape").decode("ascii") for one in line)


def columns(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table as text, each column as wide as its widest cell; without rows, a line that says so."""
    if not rows:
        return "none"
    widths = [max(map(len, column)) for column in zip(heads, *rows, strict=True)]
    lines = [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in (heads, *rows)
    ]
    return "\n".join(lines)


def facts(pairs: Sequence[tuple[str, str]]) -> str:
    """Names and values, one pair a line, what is empty left out."""
    shown = [(name, value) for name, value in pairs if value]
    width = max((len(name) for name, _ in shown), default=0)
    return "\n".join(f"{name.ljust(width)}  {value}" for name, value in shown)
