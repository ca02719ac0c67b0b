"""Reading configuration documents (profiles, endpoint policies) strictly: every field known, typed, bounded.

An error names the field by its path, `names.kinds[1]`, and says what belongs there.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from difflib import get_close_matches
from typing import Any

from .errors import Malformed

TEXT_MAX = 2048
LIST_MAX = 256
DURATION_MAX = 999_999_999 * 86400
"""The longest that can be written, in seconds; past a century or so, no date is that far off."""
_OID = re.compile(r"([01]\.(0|[1-9]|[1-3][0-9])|2\.(0|[1-9][0-9]{0,38}))(\.(0|[1-9][0-9]{0,38})){0,20}")
_DURATION = re.compile(r"([1-9][0-9]{0,8})([smhd])")
_SECONDS = {"d": 86400, "h": 3600, "m": 60, "s": 1}


def is_oid(text: str) -> bool:
    """Is this an object identifier in dotted text, every arc in range and shortest form?"""
    return _OID.fullmatch(text) is not None


def seconds_of(place: str, text: str) -> int:
    """Seconds in text like `90d`, `12h`, `5m`, `30s`, or `0s`. Raises Malformed that names the place."""
    if text == "0s":
        return 0
    match = _DURATION.fullmatch(text)
    if match is None:
        raise Malformed(f"{place} must be a duration like 90d, 12h, 5m or 30s, not {text[:40]!r}")
    return int(match[1]) * _SECONDS[match[2]]


def duration(seconds: int) -> str:
    """Seconds as a document writes them: `90d`, `12h`, in the largest unit that divides evenly."""
    for unit, size in _SECONDS.items():
        if seconds % size == 0 and seconds:
            return f"{seconds // size}{unit}"
    return "0s"


class Fields:
    """The fields of one JSON object. Take each by its type, then `finish()`: the rest is an error.

    Where fields are required say `only(...)` before: one that is misspelt is then not told as missing.
    """

    def __init__(self, value: object, path: str) -> None:
        if not isinstance(value, Mapping):
            raise Malformed(f"{path} must be an object")
        self._left: dict[str, Any] = {str(name): item for name, item in value.items()}
        self._path = path
        self._asked: list[str] = []

    def path(self, name: str) -> str:
        return f"{self._path}.{name}"

    def error(self, name: str, problem: str) -> Malformed:
        return Malformed(f"{self.path(name)} {problem}")

    @contextmanager
    def naming(self, name: str) -> Iterator[None]:
        """What is Malformed meanwhile is told with the field's path in front."""
        try:
            yield
        except Malformed as error:
            raise self.error(f"{name}:", error.detail) from error

    def has(self, name: str) -> bool:
        """Is the field there, and not null?"""
        self._asked.append(name)
        return self._left.get(name) is not None

    def take(self, name: str) -> Any:
        """The raw value. Raises Malformed when there is none."""
        if not self.has(name):
            raise self.error(name, "is missing")
        return self._left.pop(name)

    def text(self, name: str, default: str | None = None) -> str:
        if default is not None and not self.has(name):
            self._left.pop(name, None)
            return default
        return self._text(self.take(name), self.path(name))

    def flag(self, name: str, default: bool) -> bool:
        if not self.has(name):
            self._left.pop(name, None)
            return default
        value = self.take(name)
        if not isinstance(value, bool):
            raise self.error(name, "must be true or false")
        return value

    def number(self, name: str, default: int | None = None, *, least: int = 0, most: int = 1_000_000) -> int:
        if default is not None and not self.has(name):
            self._left.pop(name, None)
            return default
        value = self.take(name)
        if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most:
            raise self.error(name, f"must be a whole number from {least} to {most}")
        return value

    def optional_number(self, name: str, *, least: int = 0, most: int = 1_000_000) -> int | None:
        if self.has(name):
            return self.number(name, least=least, most=most)
        self._left.pop(name, None)
        return None

    def choice(self, name: str, known: tuple[str, ...], default: str) -> str:
        value = self.text(name, default)
        if value not in known:
            raise self.error(name, f"must be one of {', '.join(known)}, not {value[:40]!r}")
        return value

    def duration(
        self, name: str, default: str | None = None, *, least: int = 0, most: int = DURATION_MAX
    ) -> int:
        """Seconds, as `seconds_of` reads them, from `least` to `most`."""
        seconds = seconds_of(self.path(name), self.text(name, default))
        if not least <= seconds <= most:
            bounds = f"from {duration(least)} to {duration(most)}"
            raise self.error(name, f"must be {bounds}, not {duration(seconds)}")
        return seconds

    def items(self, name: str) -> list[Any]:
        """A list, empty when the field is absent."""
        if not self.has(name):
            self._left.pop(name, None)
            return []
        value = self.take(name)
        if not isinstance(value, (list, tuple)) or len(value) > LIST_MAX:
            raise self.error(name, f"must be a list of at most {LIST_MAX}")
        return list(value)

    def texts(self, name: str) -> tuple[str, ...]:
        path = self.path(name)
        return tuple([self._text(item, f"{path}[{index}]") for index, item in enumerate(self.items(name))])

    def objects(self, name: str) -> "list[Fields]":
        path = self.path(name)
        return [Fields(item, f"{path}[{index}]") for index, item in enumerate(self.items(name))]

    def inside(self, name: str) -> "Fields":
        """The fields of an object within; an absent one counts as empty."""
        value = self.take(name) if self.has(name) else {}
        self._left.pop(name, None)
        return Fields(value, self.path(name))

    def names(self) -> tuple[str, ...]:
        """Names of the fields not taken yet."""
        return tuple(self._left)

    def only(self, *known: str) -> None:
        """Raise Malformed for the first field that is none of these."""
        for name in self._left:
            if name not in known:
                raise self._unknown(name, known)

    def finish(self) -> None:
        """Raise Malformed for the first field that nobody took."""
        for name in self._left:
            raise self._unknown(name, self._asked)

    def _unknown(self, name: str, known: Sequence[str]) -> Malformed:
        near = get_close_matches(name[:60], known, n=1)
        meant = f"; did you mean {near[0]}?" if near else ""
        shown = name[:60] if name.isprintable() else ascii(name[:60])
        return self.error(shown, f"is not a field known here{meant}")

    @staticmethod
    def _text(value: object, path: str) -> str:
        if not isinstance(value, str) or len(value) > TEXT_MAX or not value.isprintable():
            raise Malformed(f"{path} must be text of at most {TEXT_MAX} printable characters")
        return value
