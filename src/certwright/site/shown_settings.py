"""Every setting with its value and where that comes from, for people; secrets are never among the values."""

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel, SecretStr

from .addresses import ListenAddress, default_url
from .configuration import PREFIX, Configuration, default_service_url, read_settings_file

SET, NOT_SET = "set, not shown", "not set"
MASK = "***"
_MISSING = object()


@dataclass(frozen=True, slots=True)
class ShownSetting:
    """`source` is file, environment or default; `variable` is empty where there is none. A value that came
    by the environment may have been an option of the command, or what the installation was founded with."""

    name: str
    value: str
    source: str
    variable: str
    description: str


def shown_settings(configuration: Configuration) -> tuple[ShownSetting, ...]:
    """In the order of docs/reference/settings.md. Raises Malformed where the file cannot be read."""
    file = read_settings_file(configuration.home)
    return tuple(_shown(configuration, file))


def _shown(configuration: Configuration, file: Mapping[str, Any]) -> Iterator[ShownSetting]:
    handed = configuration.environment()
    for path, description, value in _settings((), configuration):
        variable = PREFIX + "__".join(path).upper()
        source = _source(configuration, path, file, variable in handed)
        yield ShownSetting(".".join(path), _text(path, value), source, variable, description)


def _settings(path: tuple[str, ...], table: BaseModel) -> Iterator[tuple[tuple[str, ...], str, Any]]:
    """Each setting of a table and of those within it: its path, what it is for, its value."""
    for name, field in type(table).model_fields.items():
        value, place = getattr(table, name), (*path, name)
        for inner, within in _tables(value):
            yield from _settings((*place, *inner), within)
        if not _tables(value):
            yield place, field.description or "", value


def _tables(value: Any) -> list[tuple[tuple[str, ...], BaseModel]]:
    """A table, or those that somebody has given names."""
    if isinstance(value, BaseModel):
        return [((), value)]
    named = value.items() if isinstance(value, dict) else ()
    return [((name,), one) for name, one in named if isinstance(one, BaseModel)]


# -- values --------------------------------------------------------------------------------------


def _text(path: tuple[str, ...], value: Any) -> str:
    if path == ("database",):
        return _without_password(value.get_secret_value())
    if isinstance(value, SecretStr):
        return SET if value.get_secret_value() else NOT_SET
    if path == ("pkcs11",):
        return "; ".join(f"{one.name}: {one.module}, token {one.token}" for one in value) or "none"
    if isinstance(value, tuple) and not isinstance(value, ListenAddress):
        return ", ".join(map(str, value)) or "none"
    if isinstance(value, bool):
        return str(value).lower()
    return "off" if value is None and path[-1] in ("https", "http", "mtls") else str(value or NOT_SET)


def _without_password(url: str) -> str:
    """What is behind a question mark may hold one too."""
    scheme = "postgresql://"
    if not url.startswith(scheme):
        return url
    secret, at, place = url.removeprefix(scheme).rpartition("@")
    user, colon, _password = secret.partition(":")
    place, question, _query = place.partition("?")
    return f"{scheme}{user}{colon and f':{MASK}'}{at}{place}{question and f'?{MASK}'}"


# -- where they come from ------------------------------------------------------------------------


def _source(
    configuration: Configuration, path: tuple[str, ...], file: Mapping[str, Any], handed_down: bool
) -> str:
    """`handed_down`: whoever starts serving processes gives them the variable, whatever the value came by."""
    variable = PREFIX + "__".join(path).upper()
    in_file, given = _in_file(file, path), os.environ.get(variable, os.environ.get(PREFIX + path[0].upper()))
    if given is None:
        return "default" if in_file is _MISSING else "file"
    if handed_down and in_file is not _MISSING and _same(in_file, given):
        return "file"
    if handed_down and in_file is _MISSING and _same(_default(configuration, path[0]), given):
        return "default"
    return "environment"


def _in_file(file: Mapping[str, Any], path: tuple[str, ...]) -> Any:
    found: Any = file
    for name in path:
        if not isinstance(found, Mapping) or name not in found:
            return _MISSING
        found = found[name]
    return found


def _same(value: Any, given: str) -> bool:
    return str(value or "off").rstrip("/").lower() == given.rstrip("/").lower() or str(value) == given


def _default(configuration: Configuration, name: str) -> Any:
    if name == "url":
        return default_url(configuration.http)
    if name == "service_url":
        return default_service_url(configuration.url, configuration.https, configuration.http)
    return Configuration.model_fields[name].get_default(call_default_factory=True)
