"""Template filters for the pages of configuration."""

from typing import Any

from django import template

register = template.Library()


@register.filter
def at(values: Any, key: Any) -> Any:
    """The value at a key, or a place, that only the page knows."""
    return values[key]
