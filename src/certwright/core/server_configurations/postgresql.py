"""PostgreSQL: postgresql.conf (section 20.3.3 of its manual)."""

import re
from collections.abc import Iterator

from .loading import Loader, Served, absolute, folder_of, words

_SETTING = re.compile(r"([A-Za-z_.]+)\s*=?\s*(.*)")
_QUOTED = re.compile(r"'((?:[^'\\]|''|\\.)*)'")
_ON = frozenset(("on", "true", "yes", "1", "tru", "tr", "t", "ye", "y"))


def read_postgresql(root: str, loader: Loader) -> Iterator[Served]:
    """What is said last counts. Raises TooLarge, Malformed."""
    values: dict[str, tuple[str, str]] = {}
    _gather(root, root, values, loader)

    def of(name: str, otherwise: str = "") -> str:
        return values.get(name, (otherwise, ""))[0]

    if of("ssl", "off").lower() not in _ON:
        return
    data = absolute(of("data_directory", folder_of(root)), folder_of(root))
    place = values.get("ssl_cert_file", values["ssl"])[1]
    certificate = absolute(of("ssl_cert_file", "server.crt"), data)
    key = absolute(of("ssl_key_file", "server.key"), data)
    hosts = [one for one in re.split(r"[,\s]+", of("listen_addresses", "localhost")) if one]
    listen = words(
        [f"[{one}]:{of('port', '5432')}" if ":" in one else f"{one}:{of('port', '5432')}" for one in hosts]
    )
    yield Served("postgresql", certificate, place, "" if key == certificate else key, (), listen)


def _gather(path: str, at: str, values: dict[str, tuple[str, str]], loader: Loader) -> None:
    for source, text in loader.included(path, at):
        for number, line in enumerate(text.splitlines(), 1):
            if not (found := _SETTING.match(line.strip())):
                continue
            name, place = found[1].lower(), f"{source}:{number}"
            quoted = _QUOTED.match(found[2])
            value = quoted[1].replace("''", "'") if quoted else found[2].partition("#")[0].strip()
            if name in {"include", "include_if_exists", "include_dir"}:
                _include(name, absolute(value, folder_of(source)), place, values, loader)
            else:
                values[name] = value, place


def _include(name: str, path: str, at: str, values: dict[str, tuple[str, str]], loader: Loader) -> None:
    if name == "include_dir":
        for one in loader.expand(f"{path}/*.conf"):
            _gather(one, at, values, loader)
    elif name == "include" or path in loader.expand(f"{path}*"):
        _gather(path, at, values, loader)
