"""Ask in SQL from a thread of the ORM, by its connection: questions that operations have written."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from django.db import connections


def is_sqlite() -> bool:
    """Otherwise it is PostgreSQL."""
    return connections["default"].vendor == "sqlite"


def ask(sql: str, values: Sequence[object]) -> list[tuple[Any, ...]]:
    """Rows of a question with `?` for its values."""
    connection = connections["default"]
    adapt = connection.ops.adapt_datetimefield_value
    given: list[Any] = [adapt(value) if isinstance(value, datetime) else value for value in values]
    with connection.cursor() as cursor:
        cursor.execute(sql.replace("%", "%%").replace("?", "%s"), given)
        return list(cursor.fetchall())
