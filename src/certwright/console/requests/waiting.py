"""How many requests wait for whoever looks at a page."""

from ...core.access import Actor
from ...core.errors import Unavailable
from ...operations.bridge import bridge
from ...operations.waiting_requests import COUNTED_MAX, count_waiting_for


def waiting_number(actor: Actor) -> str:
    """As the navigation says it: `3`, `100+`, or empty for none.

    Empty too where nobody can be asked: the page that says so has a navigation as well.
    """
    try:
        number = bridge().call(
            lambda context: count_waiting_for(context.database, context.snapshot, actor, context.clock())
        )
    except Unavailable:
        return ""
    return f"{number}+" if number >= COUNTED_MAX else str(number or "")
