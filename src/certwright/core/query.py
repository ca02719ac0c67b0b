"""The language that certificates are searched by, the same in the console, over REST and in a terminal.

    issuer:"Corp Issuing" expires<30d san:*.pay.example owner:none key:rsa<2048

Terms side by side must all hold; `or`, `not` or `-`, and parentheses put them together otherwise. Words
without a field are one text: how a name, a subject, a serial number or a fingerprint begins. `str` of what
was parsed is the query again, in the one way that is written for programs. docs/reference/search.md is for
people.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from difflib import get_close_matches

from .errors import BadQuery
from .query_fields import (
    CUSTOM,
    FIELDS,
    SYNONYMS,
    Compared,
    Days,
    Field,
    Span,
    Unreadable,
    Value,
    escaped,
    field_named,
    read_value,
)

CHARACTERS_MAX, TERMS_MAX, DEPTH_MAX = 1000, 40, 8
_FIELD = re.compile(r"([A-Za-z][A-Za-z0-9_.-]{0,59})(:|<=|>=|<|>)")
_WORD = re.compile(r'[^\s()"]+')
_QUOTED = re.compile(r'"((?:[^"\\]|\\.)*)"')
_NUMBER = re.compile(r"[0-9A-Fa-f]{2}(:[0-9A-Fa-f]{2})+|[0-9A-Fa-f:]*:[0-9A-Fa-f:]*:[0-9A-Fa-f:.]*|.*://.*")
"""A serial number, fingerprint, address or URI: what has a colon and no field before it."""


@dataclass(frozen=True, slots=True)
class Text:
    """How a name, a subject, a serial number or a fingerprint begins, or a domain that names are in."""

    text: str

    def __str__(self) -> str:
        return f'"{escaped(self.text)}"'


@dataclass(frozen=True, slots=True)
class Term:
    """What is asked of a field. The operator is one of `:`, `<`, `<=`, `>` and `>=`."""

    name: str
    operator: str
    value: Value

    @property
    def field(self) -> Field:
        found = field_named(self.name)
        assert found is not None
        return found

    def __str__(self) -> str:
        return f"{self.name}{self.operator}{self.value}"


@dataclass(frozen=True, slots=True)
class Not:
    part: "Query"

    def __str__(self) -> str:
        return f"not {_within(self.part, All, Either)}"


@dataclass(frozen=True, slots=True)
class All:
    """All parts hold; no parts at all hold for every certificate. Those of its terms that ask of a place ask
    of the same place."""

    parts: tuple["Query", ...]

    def __str__(self) -> str:
        return " ".join(_within(part, All, Either) for part in self.parts)


@dataclass(frozen=True, slots=True)
class Either:
    parts: tuple["Query", ...]

    def __str__(self) -> str:
        return " or ".join(_within(part, Either) for part in self.parts)


Query = Text | Term | Not | All | Either
EVERYTHING = All(())


def _within(part: Query, *composed: type[Query]) -> str:
    return f"({part})" if isinstance(part, composed) else str(part)


def bounds(term: Term, now: datetime) -> list[tuple[str, datetime]]:
    """Between which moments a date must be, as comparisons that all hold. A span is a distance from now: into
    the future for what ends, into the past for what has happened. Of what is compared with a number alone,
    none at all."""
    value = term.value.date if isinstance(term.value, Compared) else term.value
    operator = term.operator
    if isinstance(value, Days):
        if operator == ":":
            return [(">=", value.begin), ("<", value.end)]
        whole = {"<": ("<", value.begin), "<=": ("<", value.end), ">": (">=", value.end)}
        return [whole.get(operator, (">=", value.begin))]
    assert isinstance(value, Span)
    distance = timedelta(seconds=value.seconds)
    if term.field.ahead:
        return [(operator, now + distance), *([(">=", now)] if operator[0] == "<" else [])]
    turned = operator.translate(str.maketrans("<>", "><"))
    return [(turned, now - distance), *([("<=", now)] if operator[0] == "<" else [])]


def own_fields(query: Query) -> frozenset[str]:
    """Names of the organization's own fields that a query asks of."""
    match query:
        case Not():
            return own_fields(query.part)
        case All() | Either():
            return frozenset().union(*map(own_fields, query.parts))
        case Term() if query.name.startswith(CUSTOM):
            return frozenset({query.name.removeprefix(CUSTOM)})
    return frozenset()


def parse(text: str) -> Query:
    """Read a query of at most CHARACTERS_MAX characters, TERMS_MAX terms and DEPTH_MAX parentheses one in
    another. Raises BadQuery, in one line with the column."""
    if len(text) > CHARACTERS_MAX:
        raise BadQuery(CHARACTERS_MAX + 1, f"a query has at most {CHARACTERS_MAX} characters")
    for column, character in enumerate(text, 1):
        if not character.isprintable() and not character.isspace():
            raise BadQuery(column, "there is a character that cannot be printed")
    return _Parser(list(_tokens(text))).whole()


# -- tokens --------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Token:
    """`kind` is one of `(`, `)`, `or`, `and`, `not`, `word`, `quoted`, `term` and `end`."""

    column: int
    kind: str
    text: str = ""
    part: Query | None = None


def _tokens(text: str) -> Iterator[_Token]:
    at = 0
    while at < len(text):
        column, character = at + 1, text[at]
        if character.isspace():
            at += 1
        elif character in "()":
            yield _Token(column, character)
            at += 1
        elif character == "-" and text[at + 1 : at + 2].strip(") "):
            yield _Token(column, "not")
            at += 1
        elif character == '"':
            quoted = _quoted(text, at)
            yield _Token(column, "quoted", "*".join(_unescaped(quoted[1])))
            at = quoted.end()
        else:
            token, at = _word_or_term(text, at)
            yield token
    yield _Token(len(text) + 1, "end")


def _word_or_term(text: str, at: int) -> tuple[_Token, int]:
    word = _WORD.match(text, at)
    assert word is not None
    named = _FIELD.match(text, at)
    if named is None or _NUMBER.fullmatch(word[0]):
        kind = word[0].lower() if word[0].lower() in ("or", "and", "not") else "word"
        return _Token(at + 1, kind, word[0]), word.end()
    return _term(text, named)


def _term(text: str, named: re.Match[str]) -> tuple[_Token, int]:
    field, operator, at = _known(named[1], named.start() + 1), named[2], named.end()
    if text[at : at + 1] == '"':
        quoted = _quoted(text, at)
        parts, end, in_quotes = _unescaped(quoted[1]), quoted.end(), True
    elif (word := _WORD.match(text, at)) is not None:
        parts, end, in_quotes = tuple(word[0].split("*")), word.end(), False
    else:
        raise BadQuery(at + 1, f"nothing follows {named[0]}; write for example {field.example}")
    try:
        value = read_value(field, operator, parts, in_quotes)
    except Unreadable as error:
        raise BadQuery(at + 1, str(error)) from None
    return _Token(named.start() + 1, "term", part=Term(field.name, operator, value)), end


def _known(name: str, column: int) -> Field:
    field = field_named(name)
    if field is not None:
        return field
    near = get_close_matches(name.lower(), [*FIELDS, *SYNONYMS], 1)
    told = f"did you mean {near[0]}?" if near else f"known are {', '.join(FIELDS)}"
    raise BadQuery(column, f"there is no field {name!r}; {told} Text with a colon is put in quotation marks")


def _quoted(text: str, at: int) -> re.Match[str]:
    found = _QUOTED.match(text, at)
    if found is None:
        raise BadQuery(at + 1, 'a quotation mark opens here and none closes; write \\" for one in the text')
    return found


def _unescaped(text: str) -> tuple[str, ...]:
    """What is between quotation marks, split where a `*` stands without a backslash."""
    parts = [""]
    for piece in re.finditer(r"\\(.)|(\*)|(.)", text, re.DOTALL):
        if piece[2]:
            parts.append("")
        else:
            parts[-1] += piece[1] or piece[3]
    return tuple(parts)


# -- grammar -------------------------------------------------------------------------------------


class _Parser:
    def __init__(self, tokens: list[_Token]) -> None:
        self._tokens = tokens
        self._at = 0
        self._terms = 0

    def whole(self) -> Query:
        if self._next.kind == "end":
            return EVERYTHING
        found = self._either(0)
        if self._next.kind != "end":
            raise BadQuery(self._next.column, "this parenthesis closes none")
        return found

    @property
    def _next(self) -> _Token:
        return self._tokens[self._at]

    def _take(self) -> _Token:
        token = self._next
        self._at += 1
        return token

    def _either(self, depth: int) -> Query:
        parts = [self._all(depth)]
        while self._next.kind == "or":
            self._take()
            parts.append(self._all(depth))
        return parts[0] if len(parts) == 1 else Either(tuple(parts))

    def _all(self, depth: int) -> Query:
        parts = [self._one(depth)]
        while self._next.kind not in ("or", ")", "end"):
            if self._next.kind == "and":
                self._take()
            parts.append(self._one(depth))
        return parts[0] if len(parts) == 1 else All(tuple(parts))

    def _one(self, depth: int) -> Query:
        token = self._take()
        if depth > DEPTH_MAX:
            raise BadQuery(token.column, f"at most {DEPTH_MAX} parentheses and `not` stand one in another")
        if token.kind == "not":
            return Not(self._one(depth + 1))
        if token.kind == "(":
            found = self._either(depth + 1)
            if self._take().kind != ")":
                raise BadQuery(token.column, "this parenthesis is not closed")
            return found
        self._terms += 1
        if self._terms > TERMS_MAX:
            raise BadQuery(token.column, f"a query has at most {TERMS_MAX} terms")
        return self._leaf(token)

    def _leaf(self, token: _Token) -> Query:
        if token.part is not None:
            return token.part
        if token.kind == "quoted":
            return self._text(token, token.text)
        if token.kind != "word":
            told = (
                "here the query ends" if token.kind == "end" else f"here stands {token.text or token.kind!r}"
            )
            raise BadQuery(token.column, f"{told} where a term is missing; write for example expires<30d")
        words = [token.text]
        while self._next.kind == "word":
            words.append(self._take().text)
        return self._text(token, " ".join(words))

    def _text(self, token: _Token, text: str) -> Query:
        if not text.strip():
            raise BadQuery(token.column, "there is no text between the quotation marks")
        return Text(" ".join(text.split()))
