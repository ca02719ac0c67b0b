"""The one kind of column that Django does not have."""

from typing import TYPE_CHECKING, Any

from django.db import models

if TYPE_CHECKING:
    _BigInteger = models.BigIntegerField[int, int]
else:
    _BigInteger = models.BigIntegerField


class IdentifierField(_BigInteger):
    """A 64-bit primary key that its writer gives out.

    On SQLite it is the row number itself, for which the type must read `integer`: with another word every
    table would have a second tree, that leads from the one number to the other.
    """

    def __init__(self, **options: Any) -> None:
        super().__init__(**{**options, "primary_key": True})

    def db_type(self, connection: Any) -> str | None:
        return "integer" if connection.vendor == "sqlite" else super().db_type(connection)
