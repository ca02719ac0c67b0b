"""What docs/reference must name: every port, setting, audit event and finding code. `make docs` prints it."""

import ast
import re
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.architecture.source import CHECKOUT, SOURCE, Module, called, calls, modules

CODE = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*(\.[a-z0-9]+(-[a-z0-9]+)*)+")
DECLARES_A_CODE = ("Finding", "Reason")
DECLARES_IN_LINT = ("error", "warning", "notice")


@dataclass(frozen=True, slots=True)
class Subject:
    """A kind of thing the reference lists, and how its names are read from the source."""

    title: str
    names: Callable[[dict[str, Module]], list[str]]


def ports(known: dict[str, Module]) -> list[str]:
    """The protocol classes of ports.py."""
    return [
        node.name
        for node in _classes(known, "certwright.ports")
        if "Protocol" in map(ast.unparse, node.bases)
    ]


def settings(known: dict[str, Module]) -> list[str]:
    """The fields of Configuration, those of its tables written table.field."""
    names = (
        *("configuration", "discovery_settings", "egress_settings", "login_settings", "mail_settings"),
        "vetting_settings",
    )
    files = [f"certwright.site.{name}" for name in names]
    classes = {node.name: node for name in files for node in _classes(known, name)}
    return list(_fields(classes["Configuration"], classes)) if "Configuration" in classes else []


def _fields(node: ast.ClassDef, classes: dict[str, ast.ClassDef]) -> Iterator[str]:
    for field in node.body:
        if isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name):
            words = {part.id for part in ast.walk(field.annotation) if isinstance(part, ast.Name)}
            tables = [classes[word] for word in words if word in classes and word != node.name]
            inner = [name for table in tables for name in _fields(table, classes)]
            yield from [f"{field.target.id}.{name}" for name in inner] or [field.target.id]


def events(known: dict[str, Module]) -> list[str]:
    """The values of EventKind: each member's text, or the first of its tuple."""
    kinds = [node for node in _classes(known, "certwright.core.audit") if node.name == "EventKind"]
    values = [member.value for kind in kinds for member in kind.body if isinstance(member, ast.Assign)]
    firsts = [value.elts[0] if isinstance(value, ast.Tuple) else value for value in values]
    return [
        first.value for first in firsts if isinstance(first, ast.Constant) and isinstance(first.value, str)
    ]


def findings(known: dict[str, Module]) -> list[str]:
    """The codes of every finding and reason that the core declares: first argument, or `code`."""
    core = [module for module in known.values() if module.name.startswith("certwright.core")]
    declared = [call for module in core for call in calls(module) if _declares(module, called(call))]
    given = [
        [*call.args[:1], *(word.value for word in call.keywords if word.arg == "code")] for call in declared
    ]
    texts = [value.value for values in given for value in values if isinstance(value, ast.Constant)]
    return sorted({text for text in texts if isinstance(text, str) and CODE.fullmatch(text)})


def _declares(module: Module, function: str) -> bool:
    in_lint = module.name.startswith("certwright.core.lint")
    return function.endswith(DECLARES_A_CODE) or (in_lint and function in DECLARES_IN_LINT)


def _classes(known: dict[str, Module], name: str) -> Iterator[ast.ClassDef]:
    if name in known:
        yield from (node for node in known[name].tree.body if isinstance(node, ast.ClassDef))


SUBJECTS = (
    Subject("ports", ports),
    Subject("settings", settings),
    Subject("audit events", events),
    Subject("finding codes", findings),
)


def reference(root: Path) -> str:
    """All reference pages as one text; empty while there are none."""
    return "\n".join(page.read_text() for page in sorted((root / "docs/reference").glob("*.md")))


def undocumented(names: list[str], text: str) -> list[str]:
    """The names that no page has between backticks."""
    return [name for name in names if f"`{name}`" not in text]


def main() -> int:
    text, missing = reference(CHECKOUT), 0
    for subject in SUBJECTS:
        names = subject.names(modules(SOURCE))
        lacking = undocumented(names, text)
        missing += len(lacking)
        print(f"{subject.title}: {len(names)}, of which {len(names) - len(lacking)} in docs/reference")
        for name in lacking:
            print(f"  missing: `{name}`")
    return 1 if missing else 0


if __name__ == "__main__":
    sys.exit(main())
