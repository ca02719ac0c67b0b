"""What every reader of a configuration shares: the values it gives, and how it comes to further files."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from ..errors import CertwrightError, Malformed, TooLarge

FILES_MAX = 1_000
INCLUDES_MAX = 5_000
DEPTH_MAX = 20
CHARACTERS_MAX = 4_000_000
WORDS_MAX = 1_000
"""So many names, and so many addresses, of one server."""


class Files(Protocol):
    """How further files are read. Raises a CertwrightError for what cannot be read."""

    def read(self, path: str) -> str: ...

    def expand(self, pattern: str) -> Sequence[str]:
        """The paths that a glob means, in order; none where nothing is there."""


@dataclass(frozen=True, slots=True)
class Served:
    """A file (absolute path) from which `software` serves `names` on `listen`, as it says at `place`: path
    and line. `key` is the file of its key, empty where that is the same; `entry` the one meant of a store."""

    software: str
    certificate: str
    place: str
    key: str = ""
    names: tuple[str, ...] = ()
    listen: tuple[str, ...] = ()
    entry: str = ""


@dataclass(slots=True)
class Loader:
    """Reads the files of one configuration, bounded; `problems` says by path what could not be read."""

    files: Files
    problems: dict[str, str] = field(default_factory=dict)
    _texts: dict[str, str] = field(default_factory=dict)
    _open: list[str] = field(default_factory=list)
    _includes: int = 0
    _characters: int = 0

    def problem(self, path: str, text: str) -> None:
        self.problems.setdefault(path, text)

    def unknown(self, place: str) -> None:
        """Tells that the file which is named at a place cannot be known."""
        path, _, line = place.rpartition(":")
        self.problem(path, f"configuration: line {line}: which file this is, is known at run time only")

    def text(self, path: str) -> str:
        """A file's text, nothing where there is a problem with it."""
        if path not in self._texts:
            if len(self._texts) >= FILES_MAX:
                raise TooLarge(f"the configuration is in more than {FILES_MAX} files")
            self._texts[path] = ""
            try:
                self._texts[path] = self.files.read(path)
            except CertwrightError as error:
                self.problem(path, f"configuration: {error.detail}")
        return self._texts[path]

    def expand(self, pattern: str) -> Sequence[str]:
        """See `Files`; as bounded as inclusions."""
        self._includes += 1
        if self._includes > INCLUDES_MAX:
            raise TooLarge(f"the configuration looks for files more than {INCLUDES_MAX} times")
        return self.files.expand(pattern)

    def included(self, pattern: str, at: str) -> Iterator[tuple[str, str]]:
        """Paths and texts of what is included at a place. A file that includes itself is left out."""
        wild = any(one in pattern for one in "*?[")
        for path in self.expand(pattern) if wild else (pattern,):
            self._includes += 1
            if path in self._open or len(self._open) > DEPTH_MAX:
                self.problem(path, f"configuration: included in a circle, or {DEPTH_MAX} deep, at {at}")
                continue
            text = self.text(path)
            self._characters += len(text)
            if self._includes > INCLUDES_MAX or self._characters > CHARACTERS_MAX:
                raise TooLarge(f"more than {INCLUDES_MAX} includes or {CHARACTERS_MAX} characters altogether")
            self._open.append(path)
            try:
                yield path, text
            finally:
                self._open.pop()


def folder_of(path: str) -> str:
    return path.rpartition("/")[0] or "/"


def absolute(path: str, folder: str) -> str:
    """A path as software that stands in `folder` means it, without needless parts. Raises Malformed."""
    if "\0" in path or len(path) > 4096:
        raise Malformed("a path in the configuration is none")
    parts: list[str] = []
    for part in (path if path.startswith("/") else f"{folder}/{path}").split("/"):
        if part == "..":
            del parts[-1:]
        elif part not in {"", "."}:
            parts.append(part)
    return "/" + "/".join(parts)


def words(found: Sequence[str]) -> tuple[str, ...]:
    """Names or addresses, each once, not too many."""
    return tuple(dict.fromkeys(found))[:WORDS_MAX]


_ESCAPED = re.compile(r"\\(.)")
_PIECE = re.compile(
    r"""(?P<space>\s+)|(?P<comment>\#)|(?P<double>"(?:[^"\\]|\\.)*"?)|(?P<single>'[^']*'?)|\\(?P<escaped>.)|(?P<plain>.)"""
)


def split_line(line: str) -> list[str]:
    """Words of a line, in quotes or not, up to a comment. An open quote ends with the line."""
    found: list[list[str]] = []
    inside = False
    for piece in _PIECE.finditer(line):
        kind, text = piece.lastgroup, piece[0]
        if kind == "comment" and not inside:
            break
        if kind == "space":
            inside = False
            continue
        if not inside:
            found.append([])
        inside = True
        found[-1].append(_meant(kind, piece, text))
    return ["".join(word) for word in found]


def _meant(kind: str | None, piece: re.Match[str], text: str) -> str:
    if kind == "escaped":
        return piece["escaped"]
    if kind == "double":
        return _ESCAPED.sub(r"\1", text[1:].removesuffix('"') if len(text) > 1 else "")
    return text.strip("'") if kind == "single" else text


def logical_lines(text: str) -> Iterator[tuple[int, str]]:
    """Lines with their numbers, joined where they end in a backslash."""
    parts: list[str] = []
    for number, line in enumerate(text.splitlines(), 1):
        goes_on = line.endswith("\\") and not line.endswith("\\\\")
        parts.append(line[:-1] if goes_on else line)
        if not goes_on:
            yield number - len(parts) + 1, " ".join(parts)
            parts = []
    if parts:
        yield len(text.splitlines()) - len(parts) + 1, " ".join(parts)
