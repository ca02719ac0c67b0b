"""Template tags: what pages load, by the name it has been built under, and where a person may go.

Style sheet and scripts are built from `assets/` under names that change with what is in them. Where nobody
has built them, pages load a plain style sheet and no script: they work all the same.
"""

import json
from functools import lru_cache
from pathlib import Path
from typing import Any

from django import template
from django.http import HttpRequest
from django.templatetags.static import static

from ..core.errors import Unavailable
from ..operations.bridge import bridge
from ..operations.read_notices import count_unread
from ..store.people_rows import BreakGlassRow
from .acting import actor_of, run
from .navigation import Place, places

register = template.Library()
BUILT = "certwright/built"
MANIFEST = Path(__file__).parent / "static" / BUILT / "manifest.json"


@register.simple_tag
def asset(name: str) -> str:
    """The address of `console.css` or the like; empty where it has not been built."""
    built = manifest().get(name)
    return static(f"{BUILT}/{built}") if built else ""


@lru_cache(maxsize=1)
def manifest() -> dict[str, str]:
    """Names as they were written, to names as they were built."""
    try:
        found: dict[str, str] = json.loads(MANIFEST.read_text())
    except FileNotFoundError:
        return {}
    return found


@register.simple_tag
def broken_glass() -> BreakGlassRow | None:
    """What suspends the rule of the second person now: every page says so."""
    context = bridge().context
    return context.snapshot.broken_glass(context.clock())


@register.simple_tag(takes_context=True)
def navigation(context: Any) -> list[Place]:
    """The entries of the side navigation for whoever looks at the page."""
    request: HttpRequest = context["request"]
    return places(actor_of(request), request.path)


@register.simple_tag(takes_context=True)
def unread(context: Any) -> int:
    """How many notices whoever looks has not read, up to a hundred."""
    try:
        return run(context["request"], count_unread)
    except Unavailable:
        return 0  # the page tells of something else, perhaps of just this
