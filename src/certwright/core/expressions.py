"""Regular expressions whose matching takes time in proportion to the text, whatever the expression is.

The library's own engine tries one way after the other and can take hours for `(a+)+b`. Here all ways are
followed at once: each place of the expression where a character can stand is one bit, and a set of places is
one number (Glushkov's automaton). What follows on a set that was met before is looked up.

The whole text must match. Taken are characters, `.`, `[a-z0-9-]`, `[^...]`, `\\d`, `\\w` (ASCII), `|`,
`(...)`, `*`, `+`, `?`, `{2}`, `{2,5}`, `{2,}`; a backslash makes punctuation plain.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from .errors import Malformed

TEXT_MAX = 500
PLACES_MAX = 512
DEPTH_MAX = 20
_REPEAT_MAX = 255
_MOVES_MAX = 4096
_REPEAT = re.compile(r"[*+?]|\{([0-9]{1,3})(,([0-9]{1,3})?)?\}")
_PUNCTUATION = frozenset("!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~ ")
_SPECIAL = frozenset("^$*+?{}]")
_START = 1


# -- syntax ----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Characters:
    """One character: within one of the ranges, or with `negated` in none of them."""

    ranges: tuple[tuple[str, str], ...]
    negated: bool = False

    def __contains__(self, character: str) -> bool:
        return any(low <= character <= high for low, high in self.ranges) is not self.negated


@dataclass(frozen=True, slots=True)
class Sequence:
    parts: tuple["Node", ...]


@dataclass(frozen=True, slots=True)
class Choice:
    parts: tuple["Node", ...]


@dataclass(frozen=True, slots=True)
class Repeat:
    """`most` None is without end."""

    part: "Node"
    least: int
    most: int | None


Node = Characters | Sequence | Choice | Repeat
_DIGIT = (("0", "9"),)
_CLASSES = {"d": _DIGIT, "w": (("a", "z"), ("A", "Z"), ("_", "_"), *_DIGIT)}
_ANY = Characters((), negated=True)


class _Parser:
    """Reads an expression from left to right. Raises Malformed that names the column."""

    def __init__(self, text: str) -> None:
        self.text, self.at, self.depth = text, 0, 0

    def error(self, problem: str) -> Malformed:
        return Malformed(f"expression {self.text[:80]!r}, column {self.at + 1}: {problem}")

    def next(self) -> str:
        return self.text[self.at : self.at + 1]

    def whole(self) -> Node:
        node = self.choice()
        if self.next():
            raise self.error("a ) without its (")
        return node

    def choice(self) -> Node:
        parts = [self.sequence()]
        while self.next() == "|":
            self.at += 1
            parts.append(self.sequence())
        return parts[0] if len(parts) == 1 else Choice(tuple(parts))

    def sequence(self) -> Node:
        parts = []
        while self.next() not in ("", "|", ")"):
            parts.append(self.repeated())
        if not parts:
            raise self.error("there is nothing here; write (...)? for what may be left out")
        return parts[0] if len(parts) == 1 else Sequence(tuple(parts))

    def repeated(self) -> Node:
        node = self.one()
        if (found := _REPEAT.match(self.text, self.at)) is None:
            return node
        least, most = _bounds(found)
        if not max(least, 1) <= (least + 1 if most is None else most) <= _REPEAT_MAX:
            raise self.error(f"{found[0]} must count up, to {_REPEAT_MAX} at the most")
        self.at = found.end()
        return Repeat(node, least, most)

    def one(self) -> Node:
        character = self.next()
        if character in _SPECIAL:
            raise self.error(_hint(character))
        self.at += 1
        if character == "(":
            return self.group()
        if character == "[":
            return self.listed()
        if character == ".":
            return _ANY
        return Characters(self.escaped() if character == "\\" else ((character, character),))

    def group(self) -> Node:
        self.depth += 1
        if self.depth > DEPTH_MAX:
            raise self.error(f"more than {DEPTH_MAX} brackets within each other")
        node = self.choice()
        if self.next() != ")":
            raise self.error("a ( without its )")
        self.at, self.depth = self.at + 1, self.depth - 1
        return node

    def escaped(self) -> tuple[tuple[str, str], ...]:
        """What stands after a backslash."""
        character = self.next()
        if character not in _CLASSES and character not in _PUNCTUATION:
            raise self.error("a backslash stands before punctuation, d or w")
        self.at += 1
        return _CLASSES.get(character, ((character, character),))

    def listed(self) -> Node:
        """The rest of `[...]`."""
        negated = self.next() == "^"
        self.at += negated
        ranges: list[tuple[str, str]] = []
        while self.next() != "]" or not ranges:
            ranges += self.range()
        self.at += 1
        return Characters(tuple(ranges), negated)

    def range(self) -> tuple[tuple[str, str], ...]:
        low = self.member()
        if self.next() != "-" or self.text[self.at + 1 : self.at + 2] == "]":
            return low
        self.at += 1
        high = self.member()
        first, last = low[0][0], high[0][1]
        if low != ((first, first),) or high != ((last, last),) or first > last:
            raise self.error("a range goes up, from one character to another")
        return ((first, last),)

    def member(self) -> tuple[tuple[str, str], ...]:
        character = self.next()
        if not character or character in "[]":
            raise self.error("a [ without its ]; within them write \\[ and \\]")
        self.at += 1
        return self.escaped() if character == "\\" else ((character, character),)


def _bounds(found: re.Match[str]) -> tuple[int, int | None]:
    """Least and most of `*`, `+`, `?`, `{2}`, `{2,}`, `{2,5}`."""
    if found[1] is None:
        return {"*": (0, None), "+": (1, None), "?": (0, 1)}[found[0]]
    least = int(found[1])
    return least, least if found[2] is None else int(found[3]) if found[3] else None


def _hint(character: str) -> str:
    if character in "^$":
        return f"the whole name is compared: leave {character} out, or write \\{character}"
    if character in "{}]":
        return f"{character} does not belong here; write \\{character} for the character"
    return f"{character} has nothing before it to repeat"


def _places(node: Node) -> int:
    """How many places for a character the node has, repetitions written out."""
    if isinstance(node, Characters):
        return 1
    if isinstance(node, Repeat):
        return _places(node.part) * max(node.least, node.most or 1)
    return sum(map(_places, node.parts))


# -- matching --------------------------------------------------------------------------------------


class _State(dict[str, "_State"]):
    """A set of places where matching has got to, and the states that characters lead to, as far as known."""

    __slots__ = ("_automaton", "accepts", "places")

    def __init__(self, automaton: "_Automaton", places: int) -> None:
        super().__init__()
        self._automaton, self.places = automaton, places
        self.accepts = bool(places & automaton.accepting)

    def __missing__(self, character: str) -> "_State":
        return self._automaton.go(self, character)


class _Automaton:
    """The places of an expression; place 0, of no character, is where matching begins.

    `follow` has for each place the set of those that can come next. A set is a number with a bit for each.
    """

    def __init__(self, node: Node) -> None:
        self.characters: list[Characters] = [Characters(())]
        self.follow = [0]
        nullable, first, last = self._add(node)
        self.follow[0] = first
        self.accepting = last | (_START if nullable else 0)
        self.start = _State(self, _START)
        self._states = {_START: self.start}
        self.moves = 0

    def go(self, state: _State, character: str) -> _State:
        """The state of all places where the character can stand next. Kept, up to a bound."""
        if self.moves >= _MOVES_MAX:
            self._forget()
        following = _union(tuple([self.follow[place] for place in _bits(state.places)]))
        fitting = [1 << place for place in _bits(following) if character in self.characters[place]]
        places = _union(tuple(fitting))
        if (after := self._states.get(places)) is None:
            after = self._states[places] = _State(self, places)
        state[character] = after
        self.moves += 1
        return after

    def _forget(self) -> None:
        for state in self._states.values():
            state.clear()
        self._states, self.moves = {_START: self.start}, 0

    def _add(self, node: Node) -> tuple[bool, int, int]:
        """Can it be empty, and the sets of places where it begins and ends?"""
        if isinstance(node, Characters):
            self.characters.append(node)
            self.follow.append(0)
            place = 1 << len(self.characters) - 1
            return False, place, place
        if isinstance(node, Sequence):
            return self._in_a_row(map(self._add, node.parts))
        if isinstance(node, Repeat):
            return self._in_a_row(self._repeated(node))
        nullable, first, last = zip(*map(self._add, node.parts), strict=True)
        return any(nullable), _union(first), _union(last)

    def _in_a_row(self, parts: Iterator[tuple[bool, int, int]]) -> tuple[bool, int, int]:
        whole, first, last = True, 0, 0
        for nullable, begin, end in parts:
            self._join(last, begin)
            first |= begin if whole else 0
            last = end | (last if nullable else 0)
            whole &= nullable
        return whole, first, last

    def _repeated(self, node: Repeat) -> Iterator[tuple[bool, int, int]]:
        """So many copies, those beyond the least may be empty; without end, the last may come again."""
        count = max(node.least, node.most or 1)
        for number in range(1, count + 1):
            nullable, first, last = self._add(node.part)
            if node.most is None and number == count:
                self._join(last, first)
            yield nullable or number > node.least, first, last

    def _join(self, before: int, after: int) -> None:
        for place in _bits(before):
            self.follow[place] |= after


def _union(sets: tuple[int, ...]) -> int:
    union = 0
    for one in sets:
        union |= one
    return union


def _bits(places: int) -> Iterator[int]:
    while places:
        lowest = places & -places
        yield lowest.bit_length() - 1
        places ^= lowest


@dataclass(frozen=True, slots=True)
class Expression:
    """A checked expression, ready to match. Make it with `parse_expression`."""

    text: str
    _automaton: _Automaton = field(repr=False, compare=False)

    def matches(self, text: str) -> bool:
        """Does the whole text match?"""
        state = self._automaton.start
        for character in text:
            state = state[character]
        return state.accepts


def parse_expression(text: str) -> Expression:
    """An expression of at most 500 characters and 512 places. Raises Malformed that names the column."""
    if not 1 <= len(text) <= TEXT_MAX:
        raise Malformed(f"an expression has 1 to {TEXT_MAX} characters, not {len(text)}")
    node = _Parser(text).whole()
    if (count := _places(node)) > PLACES_MAX:
        size = f"{count} places for characters, repetitions written out; {PLACES_MAX} at the most"
        raise Malformed(f"expression {text[:80]!r} has {size}")
    return Expression(text, _Automaton(node))
