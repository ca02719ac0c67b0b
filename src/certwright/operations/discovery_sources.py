"""Sources that are installed, and what people may set of each: its plugin's own settings, one by one."""

from collections.abc import Mapping
from dataclasses import MISSING, dataclass, fields
from enum import StrEnum
from typing import Any, get_args, get_origin, get_type_hints

from ..ports import DISCOVERY_SOURCES
from .registry import plugin, plugin_names


class SettingKind(StrEnum):
    TEXT = "text"
    NUMBER = "number"
    FRACTION = "fraction"
    SWITCH = "switch"
    LIST = "list"
    """texts, one to a line"""
    MAP = "map"
    """of values by key, one to a line"""


KINDS: Mapping[Any, SettingKind] = {
    str: SettingKind.TEXT,
    int: SettingKind.NUMBER,
    float: SettingKind.FRACTION,
    bool: SettingKind.SWITCH,
}


@dataclass(frozen=True, slots=True)
class SourceSetting:
    """`default` is None where there is none: then it must be given. That of a secret is not told."""

    name: str
    kind: SettingKind
    default: Any
    secret: bool


def source_names() -> tuple[str, ...]:
    return plugin_names(DISCOVERY_SOURCES)


def source_settings(source: str) -> tuple[SourceSetting, ...]:
    """In the plugin's order. What is the machine's own is not among them: it says so, or is of a kind that
    nobody can write down (whom it may reach, who resolves names). Raises NotFound."""
    kept = plugin(DISCOVERY_SOURCES, source).Settings
    hints = get_type_hints(kept)
    found = []
    for one in fields(kept):
        kind = _kind(hints[one.name])
        if kind is not None and not one.metadata.get("machine"):
            secret = bool(one.metadata.get("secret"))
            found.append(SourceSetting(one.name, kind, None if secret else _default(one), secret))
    return tuple(found)


def _kind(hint: Any) -> SettingKind | None:
    if get_origin(hint) is tuple and get_args(hint) == (str, ...):
        return SettingKind.LIST
    if get_origin(hint) is Mapping:
        return SettingKind.MAP
    return KINDS.get(hint)


def _default(one: Any) -> Any:
    if one.default is not MISSING:
        return one.default
    return one.default_factory() if one.default_factory is not MISSING else None


def secret_names(source: str) -> frozenset[str]:
    """Settings of a source that are secrets. Raises NotFound."""
    return frozenset(
        one.name for one in fields(plugin(DISCOVERY_SOURCES, source).Settings) if one.metadata.get("secret")
    )
