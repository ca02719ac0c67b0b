"""Only the seal and the keyring open a key: whatever else wants a signature goes through them."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.architecture.made_up import made_up
from tests.architecture.source import Module, modules, told

# The providers open what is theirs, and the contract suite opens what it has made.
MAY = (
    "certwright.core.seal",
    "certwright.operations.keyring",
    "certwright.plugins.keys",
    "certwright.testing",
)


def opened(known: dict[str, Module]) -> list[str]:
    """Every use of a method `open` that may be KeyProvider.open, outside the modules that may."""
    others = [module for module in known.values() if not module.name.startswith(MAY)]
    return [f"{module.place(use)}: {ast.unparse(use)}" for module in others for use in _opens(module)]


def _opens(module: Module) -> Iterator[ast.Attribute]:
    called_with = {id(node.func): node.args for node in ast.walk(module.tree) if isinstance(node, ast.Call)}
    libraries = {
        (alias.asname or alias.name).split(".")[0]
        for node in ast.walk(module.tree)
        if isinstance(node, ast.Import | ast.ImportFrom)
        for alias in node.names
    }
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Attribute) and node.attr == "open":
            of_a_library = isinstance(node.value, ast.Name) and node.value.id in libraries
            if not of_a_library and not _is_file_or_class(node, called_with.get(id(node))):
                yield node


def _is_file_or_class(use: ast.Attribute, arguments: list[ast.expr] | None) -> bool:
    """`path.open()`, `path.open("rb")`, or a class's own constructor such as `Database.open(url)`."""
    if isinstance(use.value, ast.Name) and use.value.id[:1].isupper():
        return True
    if arguments is None:
        return False
    return not arguments or (isinstance(arguments[0], ast.Constant) and isinstance(arguments[0].value, str))


def test_keys_are_opened_by_the_seal_and_the_keyring_alone() -> None:
    found = opened(modules())
    assert not found, told(found, "Ask operations/keyring.py for the sealed key instead of opening it:")


@pytest.mark.parametrize(
    "text",
    [
        "key = provider.open(reference)",
        "key = plugin(KEYS, name)(settings).open(row.key)",
        "run(provider.open, key)",
    ],
)
def test_opening_a_key_elsewhere_is_found(text: str, tmp_path: Path) -> None:
    assert opened(made_up(tmp_path / "wrong", {"operations/issue.py": text}))
    assert opened(made_up(tmp_path / "right", {"operations/keyring.py": text, "core/seal.py": text})) == []


def test_opening_a_file_is_no_key(tmp_path: Path) -> None:
    text = "import os\nos.open(name, 0)\npath.open()\npath.open('rb')\nDatabase.open(url)\n"
    assert opened(made_up(tmp_path, {"operations/issue.py": text})) == []
