"""Only operations write, and for issuance the ledger does: no row comes to be anywhere else.

The ORM's verbs are told from other methods of the same name by how they are called: `create` and `update`
of a queryset take keywords only, `delete` takes nothing.
"""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.architecture.made_up import made_up
from tests.architecture.source import Module, called, modules, told

WRITERS = ("certwright.operations", "certwright.store.ledger", "certwright.store.changed_rows")
"""The last is the ledger's own: how it writes changes of rows."""
DRIVER = "certwright.store.databases"  # what the ledger writes with; it opens no transaction by itself
ALWAYS = {"save", "bulk_create", "bulk_update", "get_or_create", "update_or_create"}
SQL = re.compile(
    r"^\s*(insert\s+(or\s+\w+\s+)?into|replace\s+into|merge\s+into|update\s+\S+\s+set|delete\s+from|truncate)\b"
    r"|(?-i:\b(INSERT\s+(OR\s+\w+\s+)?INTO|REPLACE\s+INTO|MERGE\s+INTO|UPDATE\s+\S+\s+SET|DELETE\s+FROM)\b)",
    re.IGNORECASE,
)


def writes(known: dict[str, Module]) -> list[str]:
    """Every place outside the writers that writes a row."""
    found = []
    for module in known.values():
        if not _is_one_of(module.name, WRITERS):
            found += [f"{module.place(call)}: .{called(call)}(...)" for call in _written_by_call(module)]
            if module.name != DRIVER:
                found += [f"{module.place(text)}: {_start(text)}" for text in _written_in_sql(module)]
    return found


def _is_one_of(name: str, packages: tuple[str, ...]) -> bool:
    return any(name == package or name.startswith(f"{package}.") for package in packages)


def _written_by_call(module: Module) -> Iterator[ast.Call]:
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            verb, receiver = node.func.attr, ast.unparse(node.func.value)
            verb = (
                verb[1:] if verb[:1] == "a" and verb[1:] in {*ALWAYS, "create", "update", "delete"} else verb
            )
            if receiver == "request.session":  # who is logged in, which Django keeps: no row of ours
                continue
            transaction = verb == "transaction" and module.name != DRIVER
            if transaction or verb in ALWAYS or _is_queryset_call(verb, receiver, node):
                yield node


def _is_queryset_call(verb: str, receiver: str, call: ast.Call) -> bool:
    manager = receiver.endswith(("objects", "_manager"))
    if verb in {"create", "update"}:
        return not call.args and (bool(call.keywords) or manager)
    return verb == "delete" and not call.args and not call.keywords


def _written_in_sql(module: Module) -> Iterator[ast.expr]:
    documentation = {
        id(node.body[0].value)
        for node in ast.walk(module.tree)
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)
        and node.body
        and isinstance(node.body[0], ast.Expr)
    }
    parts = {
        id(part) for node in ast.walk(module.tree) if isinstance(node, ast.JoinedStr) for part in node.values
    }
    for node in ast.walk(module.tree):
        if not isinstance(node, ast.Constant | ast.JoinedStr) or id(node) in documentation | parts:
            continue
        if SQL.search(_start(node)):
            yield node


def _start(node: ast.expr) -> str:
    """The text of a string, with {} for what an f-string fills in."""
    if isinstance(node, ast.JoinedStr):
        return "".join(_start(value) if isinstance(value, ast.Constant) else "{}" for value in node.values)[
            :200
        ]
    value = node.value if isinstance(node, ast.Constant) else ""
    return value[:200] if isinstance(value, str) else ""


def test_rows_are_written_by_operations_alone() -> None:
    found = writes(modules())
    assert not found, told(found, "Call an operation; only operations/ and store/ledger.py write rows:")


@pytest.mark.parametrize(
    "text",
    [
        "row.save()",
        "await row.asave(update_fields=['name'])",
        "Certificate.objects.create(serial=1)",
        "Certificate.objects.create()",
        "Certificate.objects.filter(serial=1).update(owner='x')",
        "await Certificate.objects.filter(serial=1).aupdate(owner='x')",
        "rows.delete()",
        "Certificate.objects.bulk_create(rows)",
        "Certificate.objects.get_or_create(serial=1)",
        "cursor.execute('insert into certificate values (1)')",
        "cursor.execute(f'UPDATE {table} SET owner = 1')",
        "sql = 'WITH gone AS (DELETE FROM certificate RETURNING id) SELECT * FROM gone'",
        "async with database.transaction(0) as transaction: ...",
    ],
)
def test_a_write_elsewhere_is_found(text: str, tmp_path: Path) -> None:
    body = f"async def act():\n    {text}\n"
    assert writes(made_up(tmp_path / "wrong", {"console/pages.py": body}))
    assert writes(made_up(tmp_path / "store", {"store/querysets.py": body}))
    right = {"operations/renew.py": body, "store/ledger.py": body, "store/migrations/0002_more.py": body}
    assert writes(made_up(tmp_path / "right", right)) == []


def test_what_only_looks_like_a_write_is_left_alone(tmp_path: Path) -> None:
    body = '''
        def act(found, provider, digest, client, request):
            """UPDATE certificate SET this is prose."""
            found.update({"name": 1})
            digest.update(b"octets")
            provider.create(spec)
            client.delete("https://pki.example/1")
            request.session.save()
            return "Deleted from the list", "SELECT * FROM certificate FOR UPDATE"
    '''
    assert writes(made_up(tmp_path, {"console/pages.py": body})) == []
