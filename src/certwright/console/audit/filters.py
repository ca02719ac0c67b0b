"""The filters of the log as they stand in its address: read, and shown as a form."""

from datetime import UTC, datetime
from urllib.parse import urlencode

from django import forms
from django.http import QueryDict
from django.utils.translation import gettext_lazy as _

from ...core.audit import SUBJECT_CHARACTERS_MAX, EventKind
from ...core.errors import Malformed
from ...core.moments import read_moment
from ...operations.find_events import TEXT_MAX
from ...operations.list_events import EventFilter, Place

IDENTIFIER_MAX = 2**63 - 1
KINDS = [("", _("Any")), *((kind.value, kind.value) for kind in sorted(EventKind))]


class FilterForm(forms.Form):
    text = forms.CharField(label=_("Text in it"), required=False, max_length=TEXT_MAX)
    kind = forms.ChoiceField(label=_("Kind"), required=False, choices=KINDS)
    actor = forms.CharField(label=_("Who (user:alice)"), required=False, max_length=256)
    subject = forms.CharField(
        label=_("About (authority:issuing/1)"), required=False, max_length=SUBJECT_CHARACTERS_MAX
    )
    since = forms.CharField(label=_("From (2026-01-31)"), required=False, max_length=40)
    until = forms.CharField(label=_("Before (2026-02-28)"), required=False, max_length=40)

    def __init__(self, given: QueryDict) -> None:
        super().__init__(given)
        for field in self.fields.values():
            select = isinstance(field.widget, forms.Select)
            field.widget.attrs["class"] = "form-select" if select else "form-control"
            if not select:
                field.widget.attrs |= {"spellcheck": "false", "autocomplete": "off"}

    def wanted(self) -> EventFilter:
        """Raises Malformed naming the first field that cannot be read."""
        if not self.is_valid():
            name, errors = next(iter(self.errors.as_data().items()))
            raise Malformed(f"{self.fields[name].label}: {errors[0].messages[0]}")
        given = {name: value.strip() or None for name, value in self.cleaned_data.items()}
        return EventFilter(
            given["kind"],
            given["actor"],
            given["subject"],
            _moment("since", given["since"]),
            _moment("until", given["until"]),
        )

    @property
    def text_wanted(self) -> str:
        """Once it is valid."""
        return str(self.cleaned_data["text"]).strip()

    def query(self) -> str:
        """What is set, as it stands in an address."""
        return urlencode([(name, value) for name in self.fields if (value := self.data.get(name, ""))])


def _moment(place: str, text: str | None) -> datetime | None:
    return read_moment(text, place, zone_needed=False) if text else None


def write_place(place: Place) -> str:
    """For an address: microseconds since 1970, and the identifier."""
    at, identifier = place
    return f"{round(at.timestamp() * 1_000_000)}-{identifier}"


def read_place(text: str) -> Place:
    """Raises Malformed."""
    at, _separator, identifier = text.partition("-")
    if all(part.isascii() and part.isdigit() and len(part) <= 19 for part in (at, identifier)):
        seconds, micros = divmod(int(at), 1_000_000)
        if seconds < 2**35 and int(identifier) <= IDENTIFIER_MAX:
            return datetime.fromtimestamp(seconds, UTC).replace(microsecond=micros), int(identifier)
    raise Malformed("the list cannot go on from there; begin it anew")
