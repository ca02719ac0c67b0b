"""nginx (ngx_http_ssl_module, ngx_stream_ssl_module, ngx_mail_ssl_module)."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from ..errors import Malformed, TooLarge
from .loading import Loader, Served, absolute, folder_of, words

NESTED_MAX = 50
_TOKEN = re.compile(
    r"""(?P<space>\s+)|(?P<comment>\#[^\n]*)|(?P<mark>[;{}])"""
    r"""|"(?P<double>(?:[^"\\]|\\.)*)"|'(?P<single>(?:[^'\\]|\\.)*)'"""
    r"""|(?P<word>(?:\$\{[^}\s]*\}|\\.|[^\s;{}"'\\]|(?<=[^\s;{}])["'])+)""",
    re.DOTALL,
)
_ESCAPED = re.compile(r"\\([\"'\\\s;{}])")
_LUA = "_by_lua_block"
_LUA_TOKEN = re.compile(r"""--[^\n]*|"(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*'|[{}]""", re.DOTALL)


@dataclass(slots=True)
class Directive:
    """Name and arguments, and for a block what is in it."""

    words: list[str]
    path: str
    line: int
    block: list["Directive"] = field(default_factory=list)

    @property
    def name(self) -> str:
        return self.words[0]

    @property
    def place(self) -> str:
        return f"{self.path}:{self.line}"


def read_nginx(root: str, loader: Loader) -> Iterator[Served]:
    """Raises Malformed, TooLarge."""
    top = list(_resolved(_root(root, loader), folder_of(root), loader))
    for context in top:
        if context.name in {"http", "stream", "mail"}:
            yield from _of_context(list(_resolved(context.block, folder_of(root), loader)), root, loader)


def _root(root: str, loader: Loader) -> list[Directive]:
    return [one for path, text in loader.included(root, root) for one in parse(text, path)]


def _of_context(context: list[Directive], root: str, loader: Loader) -> Iterator[Served]:
    above = [one for one in context if one.name.startswith("ssl_certificate")]
    for server in context:
        if server.name == "server" and not server.words[1:]:
            found = list(_resolved(server.block, folder_of(root), loader))
            yield from _of_server(server, found, above, root, loader)


def _of_server(
    server: Directive, found: list[Directive], above: list[Directive], root: str, loader: Loader
) -> Iterator[Served]:
    """A certificate of its own takes the place of all that are inherited."""
    listens = [one.words[1:] for one in found if one.name == "listen" and one.words[1:]]
    secure = [one for one in listens if {"ssl", "quic", "http3"} & set(one)]
    switched = any(one.words in (["ssl", "on"], ["starttls", "on"], ["starttls", "only"]) for one in found)
    own = _pairs(found)
    if not own and not secure and not switched:
        return
    names = words([name for one in found if one.name == "server_name" for name in one.words[1:]])
    listen = words([one[0] for one in secure or listens])
    folder = folder_of(root)
    for certificate, key in own or _pairs(above):
        path, key_path = certificate.words[1], key.words[1] if key else ""
        if _is_no_file(path):
            loader.unknown(certificate.place)
            continue
        key_path = "" if key_path in {"", path} or _is_no_file(key_path) else absolute(key_path, folder)
        yield Served("nginx", absolute(path, folder), certificate.place, key_path, names, listen)


def _is_no_file(path: str) -> bool:
    return path.startswith(("data:", "engine:", "store:")) or "$" in path


def _pairs(found: list[Directive]) -> list[tuple[Directive, Directive | None]]:
    certificates = [one for one in found if one.name == "ssl_certificate" and one.words[1:]]
    keys = [one for one in found if one.name == "ssl_certificate_key" and one.words[1:]]
    return [(one, keys[at] if at < len(keys) else None) for at, one in enumerate(certificates)]


def _resolved(directives: list[Directive], folder: str, loader: Loader) -> Iterator[Directive]:
    """The directives, with what is included in its place."""
    for one in directives:
        if one.name != "include" or len(one.words) != 2:
            yield one
            continue
        for path, text in loader.included(absolute(one.words[1], folder), one.place):
            yield from _resolved(parse(text, path), folder, loader)


# -- grammar -------------------------------------------------------------------------------------


def parse(text: str, path: str) -> list[Directive]:
    """The directives of a file. Raises Malformed for braces that do not fit, TooLarge."""
    top: list[Directive] = []
    stack = [top]
    current: list[str] = []
    start = line = 1
    at = 0
    while at < len(text):
        found = _TOKEN.match(text, at)
        if found is None:
            raise Malformed(f"{path}:{line}: this cannot be read")
        kind, piece = found.lastgroup or "", found[found.lastgroup or 0]
        if kind not in {"space", "comment", "mark"}:
            start = start if current else line
            current.append(_ESCAPED.sub(r"\1", piece))
        elif kind == "mark":
            if piece == "{" and current and current[0].endswith(_LUA):
                at = _behind_lua(text, found.end(), path)
                line += text.count("\n", found.start(), at)
                current = []
                continue
            _apply(piece, current, stack, Directive(current, path, start))
            current = []
        line += text.count("\n", at, found.end())
        at = found.end()
    if len(stack) > 1:
        raise Malformed(f"{path}: a block has no end")
    return top


def _apply(mark: str, current: list[str], stack: list[list[Directive]], directive: Directive) -> None:
    if mark == "}":
        if len(stack) == 1 or current:
            raise Malformed(f"{directive.place}: a brace too many, or a semicolon too few")
        stack.pop()
        return
    if not current:
        if mark == ";":
            return
        raise Malformed(f"{directive.place}: a block without a name")
    stack[-1].append(directive)
    if mark == "{":
        if len(stack) > NESTED_MAX:
            raise TooLarge(f"{directive.place}: blocks more than {NESTED_MAX} deep")
        stack.append(directive.block)


def _behind_lua(text: str, at: int, path: str) -> int:
    """Where a block of Lua ends, by the braces outside of its texts and comments."""
    depth = 1
    for found in _LUA_TOKEN.finditer(text, at):
        depth += {"{": 1, "}": -1}.get(found[0], 0)
        if depth == 0:
            return found.end()
    raise Malformed(f"{path}: a block has no end")
