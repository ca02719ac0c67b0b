"""The source as the rules read it: modules, and what each imports. Nothing is executed."""

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[2]
SOURCE = CHECKOUT / "src"
PACKAGE = "certwright"


@dataclass(frozen=True, slots=True)
class Module:
    """One file: its dotted name, where it lies, whether it is a package's __init__, and its syntax."""

    name: str
    path: Path
    is_package: bool
    tree: ast.Module

    @property
    def package(self) -> str:
        return self.name if self.is_package else self.name.rpartition(".")[0]

    def place(self, node: ast.stmt | ast.expr) -> str:
        return f"{self.path}:{node.lineno}"


@dataclass(frozen=True, slots=True)
class Import:
    """That `importer` imports `target`, an absolute dotted name; a module of ours where there is one.

    `runs` is false for what stands under `if TYPE_CHECKING:` and is read by the type checker alone.
    """

    importer: Module
    target: str
    line: int
    runs: bool = True

    @property
    def place(self) -> str:
        return f"{self.importer.path}:{self.line}"


@lru_cache(maxsize=8)
def modules(root: Path = SOURCE) -> dict[str, Module]:
    """Every module below `root`/certwright by name, Django's generated migrations left out."""
    found = {}
    for path in sorted((root / PACKAGE).rglob("*.py")):
        parts = list(path.relative_to(root).with_suffix("").parts)
        if "migrations" in parts:
            continue
        is_package = parts[-1] == "__init__"
        name = ".".join(parts[:-1] if is_package else parts)
        found[name] = Module(name, path, is_package, ast.parse(path.read_text(), str(path)))
    return found


def imports(module: Module, known: dict[str, Module]) -> Iterator[Import]:
    """Everything a module imports, wherever in the file it stands, by statement or by import_module."""
    unread = {id(node) for block in _for_types_only(module) for node in ast.walk(block)}
    for node in ast.walk(module.tree):
        for target in _targets(node, module, known):
            yield Import(module, target, getattr(node, "lineno", 1), id(node) not in unread)


def _targets(node: ast.AST, module: Module, known: dict[str, Module]) -> Iterator[str]:
    if isinstance(node, ast.Import):
        yield from (alias.name for alias in node.names)
    elif isinstance(node, ast.ImportFrom):
        base = _absolute(module, node)
        wholes = [f"{base}.{alias.name}" for alias in node.names]
        yield from (whole if whole in known else base for whole in wholes)
    elif isinstance(node, ast.Call) and called(node) in {"import_module", "__import__"} and node.args:
        first = node.args[0]
        if isinstance(first, ast.Constant) and isinstance(first.value, str):
            yield first.value


def _for_types_only(module: Module) -> Iterator[ast.stmt]:
    for node in ast.walk(module.tree):
        if isinstance(node, ast.If) and ast.unparse(node.test).endswith("TYPE_CHECKING"):
            yield from node.body


def _absolute(module: Module, node: ast.ImportFrom) -> str:
    if not node.level:
        return node.module or ""
    package = module.package.split(".")
    kept = package[: len(package) - node.level + 1]
    return ".".join([*kept, node.module] if node.module else kept)


def called(node: ast.Call) -> str:
    """The last name of what is called: `update` in `rows.filter().update()`."""
    if isinstance(node.func, ast.Attribute):
        return node.func.attr
    return node.func.id if isinstance(node.func, ast.Name) else ""


def calls(module: Module) -> Iterator[ast.Call]:
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Call):
            yield node


def told(violations: list[str], advice: str) -> str:
    """The text of a failure: what to do, then every place."""
    return "\n".join([advice, *violations])
