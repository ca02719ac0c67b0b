"""Caddy: `tls <certificate> <key>` of the sites in a Caddyfile."""

from collections.abc import Iterator
from dataclasses import dataclass, field

from ..errors import TooLarge
from .loading import Loader, Served, absolute, folder_of, split_line, words

_DEPTH_MAX = 50


@dataclass(slots=True)
class _State:
    folder: str
    loader: Loader
    blocks: list[list[str]] = field(default_factory=list)
    alone: list[str] = field(default_factory=list)
    """Addresses of the one site of a file without braces."""
    found: list[Served] = field(default_factory=list)

    @property
    def site(self) -> list[str]:
        return self.blocks[0] if self.blocks else self.alone


def read_caddy(root: str, loader: Loader) -> Iterator[Served]:
    """Raises TooLarge, Malformed."""
    state = _State(folder_of(root), loader)
    _gather(root, root, state)
    yield from state.found


def _gather(pattern: str, at: str, state: _State) -> None:
    for path, text in state.loader.included(pattern, at):
        for number, line in enumerate(text.splitlines(), 1):
            parts = split_line(line.replace("`", '"'))
            if parts:
                _line(parts, f"{path}:{number}", state)


def _line(parts: list[str], place: str, state: _State) -> None:
    opens = parts[-1] == "{" or (len(parts) == 1 and parts[0].endswith("{"))
    if opens:
        if len(state.blocks) >= _DEPTH_MAX:
            raise TooLarge(f"{place}: blocks more than {_DEPTH_MAX} deep")
        state.blocks.append(_addresses([*state.alone, *parts[:-1], parts[-1].rstrip("{")]))
        state.alone = []
    elif parts[0] == "}":
        del state.blocks[-1:]
    elif parts[0] == "import" and len(parts) > 1 and any(one in parts[1] for one in "/.*"):
        _gather(absolute(parts[1], state.folder), place, state)
    elif parts[0] == "tls" and len(parts) == 3:
        _served(parts[1], parts[2], place, state)
    elif not state.blocks and (not state.alone or state.alone[-1].endswith(",")):
        state.alone += parts


def _served(certificate: str, key: str, place: str, state: _State) -> None:
    if "{" in certificate:
        state.loader.unknown(place)
        return
    sites = [one.rpartition("://")[2].partition("/")[0] for one in _addresses(state.site)]
    names = words([host for one in sites if (host := one.partition(":")[0])])
    listen = words([":" + one.partition(":")[2] for one in sites if ":" in one])
    path, key_path = absolute(certificate, state.folder), absolute(key, state.folder)
    state.found.append(
        Served("caddy", path, place, "" if key_path == path or "{" in key else key_path, names, listen)
    )


def _addresses(parts: list[str]) -> list[str]:
    return [one for part in parts for one in part.split(",") if one]
