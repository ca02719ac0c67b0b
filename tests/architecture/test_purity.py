"""The core decides: values in, values out. Time, randomness, sockets and files are handed to it."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.architecture.made_up import made_up
from tests.architecture.source import Module, called, calls, imports, modules, told

OUTSIDE = {
    *("asyncio", "concurrent", "ctypes", "fcntl", "glob", "http.client", "http.server", "io"),
    *("logging", "mmap", "multiprocessing", "os", "pathlib", "random", "secrets", "select"),
    *("selectors", "shutil", "signal", "socket", "socketserver", "sqlite3", "ssl", "subprocess"),
    *("tempfile", "time", "urllib.request"),
}
CALLS = {
    *("open", "input", "print", "uuid1", "uuid4", "random_serial_number"),
    *("generate", "generate_private_key", "generate_key", "token_bytes", "urandom"),
}
CLOCKS = {"now", "utcnow", "today"}


def impure(known: dict[str, Module]) -> list[str]:
    """Where the core looks at the world instead of at its arguments."""
    core = [module for module in known.values() if module.name.startswith("certwright.core")]
    return [finding for module in core for finding in _imports(module, known)] + [
        f"{module.place(call)}: calls {called(call)}"
        for module in core
        for call in calls(module)
        if called(call) in CALLS or _reads_a_clock(call)
    ]


def _imports(module: Module, known: dict[str, Module]) -> Iterator[str]:
    for wish in imports(module, known):
        if any(wish.target == name or wish.target.startswith(f"{name}.") for name in OUTSIDE):
            yield f"{wish.place}: imports {wish.target}"


def _reads_a_clock(call: ast.Call) -> bool:
    """`datetime.now()` and its kind; a value's own `now` is something else."""
    function = call.func
    return (
        isinstance(function, ast.Attribute)
        and function.attr in CLOCKS
        and isinstance(function.value, ast.Name | ast.Attribute)
        and ast.unparse(function.value).rpartition(".")[2] in {"datetime", "date"}
    )


def test_the_core_looks_at_its_arguments_alone() -> None:
    found = impure(modules())
    assert not found, told(found, "Take time, serials, random octets and file contents as parameters:")


@pytest.mark.parametrize(
    "text",
    [
        "import os",
        "from pathlib import Path",
        "import urllib.request",
        "def late():\n    import secrets",
        "from datetime import datetime\nstamp = datetime.now()",
        "import datetime\nstamp = datetime.datetime.utcnow()",
        "text = open('file').read()",
        "import uuid\nname = uuid.uuid4()",
        "from cryptography.hazmat.primitives.asymmetric import ec\nkey = ec.generate_private_key(curve)",
    ],
)
def test_a_look_outside_is_found(text: str, tmp_path: Path) -> None:
    assert impure(made_up(tmp_path, {"core/plan.py": text}))
    assert not impure(made_up(tmp_path / "edge", {"worker/plan.py": text}))
