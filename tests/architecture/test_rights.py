"""Who may do what is decided in operations and in the store's queries: no view, command or web file decides,
so that no way in can forget to."""

import ast
from pathlib import Path

import pytest

from tests.architecture.made_up import made_up
from tests.architecture.source import Module, modules, told

DECIDING = ("certwright.core", "certwright.operations", "certwright.store")
ACCESS = "core.access"


def decisions(known: dict[str, Module]) -> list[str]:
    """Every function of core/access.py that is imported where nothing is decided; its types may be."""
    return [
        f"{module.place(node)}: {', '.join(verbs)}"
        for module in known.values()
        if not module.name.startswith(DECIDING)
        for node in ast.walk(module.tree)
        if isinstance(node, ast.ImportFrom) and (node.module or "").endswith(ACCESS)
        if (verbs := [one.name for one in node.names if one.name.islower()])
    ]


def test_rights_are_decided_in_operations_and_queries() -> None:
    assert not (found := decisions(modules())), told(found, "Call an operation that decides this:")


@pytest.mark.parametrize(
    ("path", "line"),
    [
        ("api/certificates.py", "from ..core.access import may"),
        ("cli/profile.py", "def show():\n    from ..core.access import Actor, require"),
        ("protocols/acme/http.py", "from certwright.core.access import covers as c"),
    ],
)
def test_one_that_is_not_is_found(path: str, line: str, tmp_path: Path) -> None:
    assert decisions(made_up(tmp_path, {path: line}))


def test_types_are_no_decision(tmp_path: Path) -> None:
    files = {
        "api/web.py": "from ..core.access import EVERYTHING, Actor",
        "operations/issue.py": "from ..core.access import require",
    }
    assert decisions(made_up(tmp_path, files)) == []
