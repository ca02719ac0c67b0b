"""Apache httpd (mod_ssl). Conditions (`IfModule` and its kind) count as met."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from .loading import Loader, Served, absolute, folder_of, logical_lines, split_line, words

_VARIABLE = re.compile(r"\$\{(\w+)\}")


@dataclass(slots=True)
class _Host:
    """What one virtual host says, or, without addresses, the server itself."""

    listen: tuple[str, ...] = ()
    names: list[str] = field(default_factory=list)
    certificates: list[tuple[str, str]] = field(default_factory=list)
    keys: list[str] = field(default_factory=list)
    engine: str = ""


@dataclass(slots=True)
class _State:
    root: str
    loader: Loader
    variables: dict[str, str] = field(default_factory=dict)
    main: _Host = field(default_factory=_Host)
    hosts: list[_Host] = field(default_factory=list)
    host: _Host | None = None

    @property
    def here(self) -> _Host:
        return self.host or self.main


def read_apache(root: str, loader: Loader) -> Iterator[Served]:
    """Raises TooLarge, Malformed."""
    state = _State(folder_of(root), loader)
    _include(root, root, state)
    for host in [*state.hosts, state.main]:
        yield from _served(host, state)


def _served(host: _Host, state: _State) -> Iterator[Served]:
    main = state.main
    if host.engine == "off" or (host is main and main.engine != "on"):
        return
    inherits = not host.certificates and (host.engine or main.engine) == "on"
    certificates, keys = (main.certificates, main.keys) if inherits else (host.certificates, host.keys)
    for at, (path, place) in enumerate(certificates):
        key = keys[at] if at < len(keys) else ""
        yield Served("apache", path, place, "" if key == path else key, words(host.names), words(host.listen))


def _include(pattern: str, at: str, state: _State) -> None:
    for path, text in state.loader.included(pattern, at):
        for number, line in logical_lines(text):
            _line(line.strip(), f"{path}:{number}", state)


def _line(line: str, place: str, state: _State) -> None:
    if line.startswith("#") or not line:
        return
    if line.startswith("<"):
        section, _, rest = line.strip("<> \t").partition(" ")
        if section.lower() == "virtualhost":
            state.host = _Host(tuple(split_line(rest)))
            state.hosts.append(state.host)
        elif section.lower() == "/virtualhost":
            state.host = None
        return
    name, *values = split_line(_VARIABLE.sub(lambda found: state.variables.get(found[1], found[0]), line))
    if values:
        _directive(name.lower(), values, place, state)


def _directive(name: str, values: list[str], place: str, state: _State) -> None:
    host = state.here
    match name:
        case "servername" | "serveralias":
            host.names += [one.rpartition("://")[2].partition(":")[0] for one in values]
        case "sslengine":
            host.engine = values[0].lower()
        case "sslcertificatefile" if path := _path(values[0], place, state):
            host.certificates.append((path, place))
        case "sslcertificatekeyfile" if path := _path(values[0], place, state):
            host.keys.append(path)
        case "serverroot":
            state.root = absolute(values[0], state.root)
        case "define" if len(values) > 1:
            state.variables[values[0]] = values[1]
        case "include" | "includeoptional" if path := _path(values[0], place, state):
            _include_all(path, place, name == "includeoptional", state)


def _include_all(path: str, place: str, optional: bool, state: _State) -> None:
    """A folder means every file in it."""
    if inside := state.loader.expand(f"{path}/*"):
        for one in inside:
            _include(one, place, state)
    elif not optional or any(mark in path for mark in "*?[") or state.loader.expand(path.rstrip("/") + "*"):
        _include(path, place, state)


def _path(value: str, place: str, state: _State) -> str:
    if _VARIABLE.search(value):
        state.loader.unknown(place)
        return ""
    return absolute(value, state.root)
