"""Walks folders: each real one once, nothing that is excluded, and an end to everything."""

import fnmatch
import re
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field

from ...core.errors import Malformed
from .file_system import FileSystem, Kind, Seen, Unreadable, in_order, join, parents

PATH_CHARACTERS_MAX = 4096
DEPTH_MAX = 64
_WILD = re.compile(r"[*?\[]")
KERNEL = ("/proc", "/sys", "/dev")
"""Files that are none; looked into only where a target lies there."""
PACKED = ("/.git/objects", "/.hg/store", "/.svn/pristine")
"""What version control keeps, packed or as copies; looked into only where a target lies there."""


def check_path(path: str) -> str:
    """An absolute path without needless parts. Raises Malformed."""
    if not path.startswith("/") or "\0" in path or len(path) > PATH_CHARACTERS_MAX:
        raise Malformed(f"{path[:100]!r} is no absolute path")
    parts = [part for part in path.split("/") if part not in {"", "."}]
    if ".." in parts:
        raise Malformed(f"{path[:100]!r} leads upwards by `..`; write where it leads")
    return "/" + "/".join(parts)


class Exclusions:
    """Globs of paths (`*` is anything, `/` too). What is in an excluded folder is excluded."""

    def __init__(self, patterns: Iterable[str]) -> None:
        self._patterns = [re.compile(fnmatch.translate(check_path(one))) for one in patterns]

    def cover(self, *paths: str) -> bool:
        return any(
            pattern.fullmatch(part) for pattern in self._patterns for path in paths for part in parents(path)
        )


@dataclass(slots=True)
class Walk:
    """One walk over some targets. `problems` gathers by path what is wrong on the way; `named` are the files
    that are targets themselves."""

    files: FileSystem
    exclusions: Exclusions
    files_max: int
    problems: dict[str, str] = field(default_factory=dict)
    found: dict[str, Seen] = field(default_factory=dict)
    named: set[str] = field(default_factory=set)
    _walked: set[str] = field(default_factory=set)
    _later: deque[Seen] = field(default_factory=deque)

    async def run(self, targets: Iterable[str]) -> None:
        """Fill `found` with every file under the targets."""
        for target in targets:
            for path in await self.expand(target):
                await self._begin(path, wild=path != target)
        # real folders first, so that a link to one changes no path in it
        links: deque[Seen] = deque()
        while self._later or links:
            links += await self._folder(self._later.popleft() if self._later else links.popleft())

    async def _begin(self, path: str, wild: bool) -> None:
        try:
            seen = await self.files.look(path)
        except Unreadable as error:
            if not (wild and error.missing):
                self.problems[path] = "there is no such file or folder" if error.missing else error.detail
            return
        if self.exclusions.cover(path, seen.real):
            return
        if seen.kind is Kind.FOLDER:
            self._later.append(seen)
            return
        self._add(seen)
        if not wild:
            self.named.add(path)

    async def _folder(self, folder: Seen) -> list[Seen]:
        """Look into a folder; gives the links in it that lead to others."""
        if folder.real in self._walked:
            return []
        if folder.path.count("/") > DEPTH_MAX:
            self.problems[folder.path] = f"it is more than {DEPTH_MAX} folders deep; name it as a target"
            return []
        self._walked.add(folder.real)
        try:
            entries = await self.files.inside(folder.path)
        except Unreadable as error:
            self.problems[folder.path] = f"it cannot be looked into: {error.detail}"
            return []
        links = []
        for seen in sorted(entries, key=lambda one: one.path):
            linked = seen.real != join(folder.real, seen.path.rpartition("/")[2])
            if self._is_passed_over(seen, folder, linked) or self.exclusions.cover(seen.path, seen.real):
                continue
            if seen.kind is not Kind.FOLDER:
                beside = linked and seen.real.rpartition("/")[0] == folder.real.rstrip("/")
                if not beside:  # else the other name tells of it: the links of c_rehash, for one
                    self._add(seen)
            elif linked:
                links.append(seen)
            else:
                self._later.append(seen)
        return links

    def _is_passed_over(self, seen: Seen, folder: Seen, linked: bool) -> bool:
        """Does it lead into a folder of the kernel's or of version control's from outside? What is no file is
        told as such."""
        if seen.kind is Kind.OTHER:
            return False
        if seen.kind is Kind.FOLDER and seen.path.endswith(PACKED):
            return True
        here = set(parents(folder.real))
        leads_there = linked and any(one in KERNEL and one not in here for one in parents(seen.real))
        return seen.path in KERNEL or leads_there

    def _add(self, seen: Seen) -> None:
        if len(self.found) < self.files_max:
            self.found[seen.path] = seen
        elif seen.path not in self.found:
            text = f"more than {self.files_max} files: what comes here and after is not looked at; name fewer"
            self.problems.setdefault(seen.folder, f"{text} folders")

    async def expand(self, pattern: str) -> list[str]:
        """The paths that a glob means, in order; a path without wildcards is itself."""
        if not _WILD.search(pattern):
            return [pattern]
        paths = ["/"]
        for part in pattern.strip("/").split("/"):
            paths = await self._matching(paths, part)
        return sorted(paths, key=in_order)

    async def _matching(self, folders: list[str], part: str) -> list[str]:
        if not _WILD.search(part):
            return [join(folder, part) for folder in folders]
        found: list[str] = []
        for folder in folders:
            if self.exclusions.cover(folder) or len(found) > self.files_max:
                continue
            try:
                entries = await self.files.inside(folder)
            except Unreadable:
                continue
            names = [one.path.rpartition("/")[2] for one in entries]
            hidden = part.startswith(".")
            found += [
                join(folder, name)
                for name in names
                if fnmatch.fnmatchcase(name, part) and (hidden or not name.startswith("."))
            ]
        return found
