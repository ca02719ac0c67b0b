"""Fields that an organization gives its certificates: a cost centre, a ticket, the day of the next audit.

A field has a name and a kind for ever; values are kept in one form, so that those that mean the same are the
same text. All else of a field may change; one that is retired is shown nowhere and keeps its values.
"""

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from .errors import Malformed, NotFound
from .wording import gettext_noop as _

FIELDS_MAX = 50
TITLE_MAX, HELP_MAX, VALUE_MAX = 100, 500, 500
CHOICES_MAX, CHOICE_MAX = 100, 100
NAME = re.compile(r"[a-z][a-z0-9-]{0,39}")
WHOLE = re.compile(r"-?(0|[1-9][0-9]{0,14})")
_URL = re.compile(r"https?://[!-~]+")
_MAIL = re.compile(r"[!-?A-~]+@[A-Za-z0-9.-]+")
_YES_NO = {"yes": "yes", "true": "yes", "no": "no", "false": "no"}


class FieldKind(StrEnum):
    TEXT = "text"
    NUMBER = "number"
    DATE = "date"
    YES_NO = "yes-no"
    CHOICE = "choice"
    URL = "url"
    MAIL = "mail"


MEANINGS: Mapping[FieldKind, str] = {
    FieldKind.TEXT: _("one line of text"),
    FieldKind.NUMBER: _("a whole number of at most 15 digits"),
    FieldKind.DATE: _("a day, as 2026-12-31"),
    FieldKind.YES_NO: _("yes or no"),
    FieldKind.CHOICE: _("one of some words"),
    FieldKind.URL: _("an address that begins with http:// or https://"),
    FieldKind.MAIL: _("a mail address"),
}


@dataclass(frozen=True, slots=True)
class CustomField:
    """`choices` are for the kind of that name, in the order in which people choose."""

    name: str
    title: str
    kind: FieldKind
    choices: tuple[str, ...] = ()
    help: str = ""
    retired: bool = False

    def check(self) -> None:
        """Raises Malformed."""
        if not NAME.fullmatch(self.name):
            raise Malformed(
                f"{self.name[:80]!r} is no name of a field: 1 to 40 of a-z, 0-9 and -, a letter first"
            )
        for text, most, what in ((self.title, TITLE_MAX, "title"), (self.help, HELP_MAX, "help")):
            if len(text) > most or not text.isprintable():
                raise Malformed(f"the {what} of field {self.name} is at most {most} printable characters")
        if not self.title.strip():
            raise Malformed(f"field {self.name} needs a title")
        self._check_choices()

    def _check_choices(self) -> None:
        if (self.kind is FieldKind.CHOICE) != bool(self.choices):
            raise Malformed(
                f"field {self.name}: choices are given for a field of the kind choice, and only for it"
            )
        if len(self.choices) > CHOICES_MAX or len(set(self.choices)) < len(self.choices):
            raise Malformed(f"field {self.name} has at most {CHOICES_MAX} choices, each once")
        for choice in self.choices:
            if not 0 < len(choice) <= CHOICE_MAX or not choice.isprintable() or choice != choice.strip():
                raise Malformed(
                    f"field {self.name}: a choice is 1 to {CHOICE_MAX} printable characters, no space around"
                )

    def read(self, text: str) -> str:
        """A value in the form in which it is kept. Raises Malformed, naming the field."""
        value = text.strip()
        if not value or len(value) > VALUE_MAX or not value.isprintable():
            raise Malformed(
                f"field {self.name}: a value is 1 to {VALUE_MAX} printable characters in one line"
            )
        found = self._read(value)
        if found is None:
            told = f"one of {', '.join(self.choices)}" if self.choices else MEANINGS[self.kind]
            raise Malformed(f"field {self.name}: {value[:80]!r} is not {told}")
        return found

    def _read(self, value: str) -> str | None:
        match self.kind:
            case FieldKind.NUMBER:
                return str(int(value)) if WHOLE.fullmatch(value) else None
            case FieldKind.DATE:
                return value if is_day(value) else None
            case FieldKind.YES_NO:
                return _YES_NO.get(value.lower())
            case FieldKind.CHOICE:
                return value if value in self.choices else None
            case FieldKind.URL:
                return value if _URL.fullmatch(value) else None
            case FieldKind.MAIL:
                return value if _MAIL.fullmatch(value) else None
        return value


def is_day(text: str) -> bool:
    try:
        return date.fromisoformat(text).isoformat() == text
    except ValueError:
        return False


def number_of(kind: FieldKind, value: str) -> int | None:
    """What a value is compared by, where it is a number."""
    return int(value) if kind is FieldKind.NUMBER else None


def require_defined(asked: Collection[str], defined: Collection[str]) -> None:
    """Of fields that a query asks of: one that was never defined is a slip, by which nothing would be found,
    or everything. Raises Malformed."""
    if unknown := sorted(set(asked) - set(defined)):
        raise Malformed(f"there is no field {unknown[0]!r}; certwright field list shows which there are")


def field_named(fields: Mapping[str, CustomField], name: str) -> CustomField:
    """One that is in use. Raises NotFound."""
    found = fields.get(name)
    if found is None or found.retired:
        known = ", ".join(sorted(one.name for one in fields.values() if not one.retired))
        raise NotFound(
            f"there is no field {name[:80]!r}; {f'known are {known}' if known else 'none is defined'}"
        )
    return found
