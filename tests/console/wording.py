"""Words that people read, and that no translator would see: found in templates and modules of pages."""

import ast
import re
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path

from django.template.base import Lexer, Token, TokenType

TWO_WORDS = re.compile(r"[^\W\d_]{2,}[,.:;]? [^\W\d_]{2,}")
A_WORD = re.compile(r"[^\W\d_]{2,}")
SEARCH = re.compile(r"[a-z]+:\S+(?: [a-z]+:\S+)*")
TITLE = re.compile(r"[A-Z][a-z]+")
SHOWN_ATTRIBUTES = frozenset(
    {"title", "aria-label", "placeholder", "alt", "data-label", "data-copied", "data-failed", "data-making"}
)
NO_PROSE = frozenset({"code", "pre", "kbd", "script", "style"})
SHOWN_ARGUMENTS = frozenset({"label", "help_text", "title", "empty_label", "description"})
LAZY = frozenset({"gettext_lazy", "ngettext_lazy", "pgettext_lazy", "npgettext_lazy"})
GETTEXT = frozenset({"gettext", "ngettext", "pgettext", "npgettext", "gettext_noop"})


class ProseReader(HTMLParser):
    """Gathers text and attributes that people read, but for what is code."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []
        self._code = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._code += tag in NO_PROSE
        self.found += [value for name, value in attrs if name in SHOWN_ATTRIBUTES and value]

    def handle_endtag(self, tag: str) -> None:
        self._code -= tag in NO_PROSE

    def handle_data(self, data: str) -> None:
        if not self._code:
            self.found.append(data)


def of_template(source: str, known: frozenset[str] = frozenset()) -> list[str]:
    """Literal text outside `{% translate %}` and `{% blocktranslate %}` with a word that is not `known`, and
    words given to tags and filters without `_()`."""
    reader, tags = ProseReader(), []
    for token in _outside(Lexer(source).tokenize()):
        if token.token_type == TokenType.TEXT:
            reader.feed(token.contents)
        else:
            reader.feed("\N{OBJECT REPLACEMENT CHARACTER}")
            tags += _given(token)
    reader.close()
    return [text.strip() for text in [*reader.found, *tags] if set(A_WORD.findall(text)) - known]


def _outside(tokens: list[Token]) -> Iterator[Token]:
    within = ""
    for token in tokens:
        name = token.contents.split(" ", 1)[0] if token.token_type == TokenType.BLOCK else ""
        if name in ("blocktranslate", "comment"):
            within = f"end{name}"
        elif within and name == within:
            within = ""
        elif not within and token.token_type != TokenType.COMMENT:
            yield token


def _given(token: Token) -> list[str]:
    """What `{% include … label="Words" %}` and `{{ value|default:"words" }}` show."""
    if token.token_type == TokenType.VAR:
        return re.findall(r'default(?:_if_none)?:"([^"]+)"', token.contents)
    if token.contents.split(" ", 1)[0] in ("include", "with"):
        return re.findall(r'(?:label|title|text|help|hint|words)="([^"]+)"', token.contents)
    return []


def of_module(source: str) -> list[tuple[int, str]]:
    """Line and text of strings that read like words and go through no gettext. Not looked at are docstrings,
    and what is raised: errors speak English (docs/how-to/translate.md), but for those that forms make."""
    tree = ast.parse(source)
    return sorted(_texts(tree, _names(tree, LAZY | GETTEXT)))


def _texts(node: ast.AST, gettext: frozenset[str]) -> Iterator[tuple[int, str]]:
    if _is_apart(node, gettext):
        return
    if isinstance(node, ast.Constant) and isinstance(node.value, str) and _is_prose(node.value):
        yield node.lineno, node.value
    if isinstance(node, ast.keyword) and node.arg in SHOWN_ARGUMENTS and isinstance(node.value, ast.Constant):
        value = node.value.value
        if isinstance(value, str) and A_WORD.search(value) and not _is_prose(value):
            yield node.value.lineno, value
    for child in ast.iter_child_nodes(node):
        yield from _texts(child, gettext)


def _is_apart(node: ast.AST, gettext: frozenset[str]) -> bool:
    if isinstance(node, ast.Raise):
        return not (isinstance(node.exc, ast.Call) and _called(node.exc) == "ValidationError")
    if isinstance(node, ast.Expr):
        return isinstance(node.value, ast.Constant)
    return isinstance(node, ast.Call) and _called(node) in gettext | {"TypeVar"}


def _is_prose(text: str) -> bool:
    """Searches are no words, but for who types them."""
    return bool(TWO_WORDS.search(text) or TITLE.fullmatch(text)) and not SEARCH.fullmatch(text)


def of_import(source: str) -> list[int]:
    """Lines on which a text is put into words when the module is loaded: for ever, in one language."""
    tree = ast.parse(source)
    return sorted(_eager(tree, _names(tree, GETTEXT - {"gettext_noop"})))


def _eager(node: ast.AST, gettext: frozenset[str]) -> Iterator[int]:
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
        return
    if isinstance(node, ast.Call) and _called(node) in gettext:
        yield node.lineno
    for child in ast.iter_child_nodes(node):
        yield from _eager(child, gettext)


def _names(tree: ast.AST, functions: frozenset[str]) -> frozenset[str]:
    """What these functions of gettext are called in a module."""
    return frozenset(
        alias.asname or alias.name
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and node.module == "django.utils.translation"
        for alias in node.names
        if alias.name in functions
    )


def _called(call: ast.Call) -> str:
    function = call.func
    return function.id if isinstance(function, ast.Name) else getattr(function, "attr", "")


def files(folders: tuple[Path, ...], kind: str) -> list[Path]:
    """All of this kind below the folders, and at least one."""
    found = sorted(one for folder in folders for one in folder.rglob(f"*.{kind}"))
    assert found, f"no .{kind} below {folders}"
    return found
