"""Plugins by port and name, found through entry points. Nothing else in this room knows where they live."""

from functools import lru_cache
from importlib.metadata import entry_points
from typing import Any

from ..core.errors import NotFound


@lru_cache(maxsize=64)
def plugin(port: str, name: str) -> Any:
    """The class registered under `name` for a port (a group name of `ports.py`). Raises NotFound."""
    for entry in entry_points(group=port, name=name):
        return entry.load()
    known = ", ".join(plugin_names(port)) or "none"
    raise NotFound(f"no plugin {name!r} is installed for {port}; installed: {known}")


def plugin_names(port: str) -> tuple[str, ...]:
    """Of all that are installed for a port."""
    return tuple(sorted(entry.name for entry in entry_points(group=port)))
