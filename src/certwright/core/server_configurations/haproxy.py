"""HAProxy: `crt` and `crt-list` of binds (configuration manual, section 5.1)."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

from .loading import Loader, Served, absolute, folder_of, split_line, words

SECTIONS = frozenset(
    (
        "global",
        "defaults",
        "frontend",
        "backend",
        "listen",
        "userlist",
        "peers",
        "resolvers",
        "mailers",
        "cache",
    )
) | {"crt-store", "program", "ring", "http-errors", "log-forward", "fcgi-app", "traces"}
_BESIDE = (".key", ".ocsp", ".sctl", ".issuer", ".rsa", ".dsa", ".ecdsa")


@dataclass(slots=True)
class _Base:
    certificates: str
    keys: str


def read_haproxy(root: str, loader: Loader) -> Iterator[Served]:
    """`root` may be a folder of configurations, too. Raises TooLarge, Malformed."""
    base, section = _Base(folder_of(root), folder_of(root)), ""
    for path in loader.expand(f"{root}/*.cfg") or (root,):
        for source, text in loader.included(path, root):
            for number, line in enumerate(text.splitlines(), 1):
                found = split_line(line)
                if not found:
                    continue
                section = found[0] if found[0] in SECTIONS else section
                yield from _line(found, section, f"{source}:{number}", base, loader)


def _line(found: list[str], section: str, place: str, base: _Base, loader: Loader) -> Iterator[Served]:
    name, *values = found
    if section == "global" and name == "crt-base" and values:
        base.certificates = values[0]
    elif section == "global" and name == "key-base" and values:
        base.keys = values[0]
    elif section in {"frontend", "listen"} and name == "bind" and values:
        listen = words(values[0].split(","))
        for option, value in pairwise(values):
            if option == "crt":
                yield from _file(absolute(value, base.certificates), place, listen, (), loader)
            elif option == "crt-list":
                yield from _list(absolute(value, folder_of(place)), place, listen, base, loader)
    elif section == "crt-store" and name == "load":
        options_by_name = dict(zip(values[::2], values[1::2], strict=False))
        if "crt" in options_by_name:
            key = options_by_name.get("key", "")
            certificate = absolute(options_by_name["crt"], base.certificates)
            yield Served("haproxy", certificate, place, absolute(key, base.keys) if key else "")


def _file(
    path: str, place: str, listen: tuple[str, ...], names: tuple[str, ...], loader: Loader
) -> Iterator[Served]:
    """A file, or every file of a folder; its key is in it or beside it."""
    for one in loader.expand(f"{path}/*") or (path,):
        if not one.endswith(_BESIDE):
            yield Served("haproxy", one, place, "", names, listen)


def _list(path: str, place: str, listen: tuple[str, ...], base: _Base, loader: Loader) -> Iterator[Served]:
    """Lines of a file, options in brackets, and the names for which it is taken."""
    for source, text in loader.included(path, place):
        for number, line in enumerate(text.splitlines(), 1):
            before, _, behind = line.partition("[")
            found = split_line(before) + split_line(behind.partition("]")[2])
            if found:
                names = words([name for name in found[1:] if not name.startswith("!")])
                file = absolute(found[0], base.certificates)
                yield from _file(file, f"{source}:{number}", listen, names, loader)
