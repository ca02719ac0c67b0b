"""Paging by keyset: a cursor says after which row to go on, so that page one thousand costs what page one
does.

A cursor is opaque to clients. It holds the sorted columns of the last row in order; it grants nothing,
since every page is cut from what its reader may see.
"""

import base64
import binascii
import json
from datetime import datetime

from django.db.models import Q

from ..core.errors import Malformed
from ..core.moments import read_moment

CURSOR_CHARACTERS_MAX = 200
IDENTIFIER_MAX = 2**63 - 1
Place = tuple[datetime | None, int]
"""The last row's time, where the list is sorted by one, and its identifier."""


def write_cursor(place: Place) -> str:
    at, identifier = place
    text = json.dumps([at.isoformat() if at else None, str(identifier)])
    return base64.urlsafe_b64encode(text.encode()).rstrip(b"=").decode()


def read_cursor(text: str, by_time: bool) -> Place:
    """Raises Malformed for what is no cursor of such a list."""
    wrong = Malformed("this cursor is not `next` of an earlier page of this list; begin again without one")
    try:
        octets = base64.urlsafe_b64decode(text[:CURSOR_CHARACTERS_MAX] + "=" * (-len(text) % 4))
        at, identifier = json.loads(octets)
        number = int(identifier) if isinstance(identifier, str) else -1
        moment = read_moment(at, "cursor") if by_time else None
    except (ValueError, TypeError, RecursionError, binascii.Error, Malformed) as error:
        raise wrong from error
    if not 0 <= number <= IDENTIFIER_MAX or by_time != (at is not None):
        raise wrong
    return moment, number


def following(column: str, place: Place, descending: bool = False) -> Q:
    """Rows after a place in the order of (column, id), or of id alone when the place has no time."""
    at, identifier = place
    beyond = "lt" if descending else "gt"
    by_id = Q(**{f"id__{beyond}": identifier})
    if at is None:
        return by_id
    # the first bound alone lets an index be used; together they are (column, id) beyond (at, identifier)
    return Q(**{f"{column}__{beyond}e": at}) & (Q(**{f"{column}__{beyond}": at}) | by_id)
