"""The filters of the list as they stand in its address: read, and shown as a form."""

from collections.abc import Iterator
from urllib.parse import urlencode

from django import forms
from django.http import QueryDict
from django.utils.translation import gettext_lazy as _

from ...core.errors import Malformed
from ...core.keys import KeyAlgorithm
from ...core.names import IdentifierKind, parse_identifier
from ...core.query import CHARACTERS_MAX, All, Query, Term, parse
from ...core.query_fields import FIELDS, STATUSES, Presence, Unreadable, Value, read_value
from ...operations.search_certificates import EXPIRES, EXPIRES_LAST, NEWEST
from ...store.snapshot import Snapshot
from .search import Wanted

STATUS_LABELS = {
    "live": _("Live"),
    "expiring": _("Ends within 30 days"),
    "expired": _("Expired"),
    "revoked": _("Revoked"),
    "hold": _("On hold"),
}
ORDER_LABELS = {NEWEST: _("Newest first"), EXPIRES: _("Ending soonest"), EXPIRES_LAST: _("Ending last")}
FIELD_OF = {
    **{
        name: name
        for name in ("status", "authority", "profile", "endpoint", "owner", "team", "tag", "serial")
    },
    "key_algorithm": "key",
    "name": "san",
    "expires_after": "expires",
    "expires_before": "expires",
}
"""Fields of the query that the filters of the form stand for."""
OPERATOR_OF = {"expires_after": ">=", "expires_before": "<"}
NOBODY = "-"


class FilterForm(forms.Form):
    q = forms.CharField(label=_("Search"), required=False, max_length=CHARACTERS_MAX)
    status = forms.ChoiceField(label=_("Status"), required=False)
    authority = forms.ChoiceField(label=_("Authority"), required=False)
    profile = forms.ChoiceField(label=_("Profile"), required=False)
    endpoint = forms.ChoiceField(label=_("Endpoint"), required=False)
    owner = forms.CharField(label=_("Owner (- for none)"), required=False, max_length=100)
    team = forms.CharField(label=_("Team (- for none)"), required=False, max_length=100)
    key_algorithm = forms.ChoiceField(label=_("Key algorithm"), required=False)
    expires_after = forms.DateField(
        label=_("Ends from"), required=False, widget=forms.DateInput({"type": "date"}, "%Y-%m-%d")
    )
    expires_before = forms.DateField(
        label=_("Ends before"), required=False, widget=forms.DateInput({"type": "date"}, "%Y-%m-%d")
    )
    name = forms.CharField(label=_("DNS name, or .suffix"), required=False, max_length=254)
    serial = forms.CharField(label=_("Serial number"), required=False, max_length=200)
    tag = forms.CharField(label=_("Tag"), required=False, max_length=60)
    order = forms.ChoiceField(label=_("Order"), required=False)

    def __init__(self, given: QueryDict, snapshot: Snapshot) -> None:
        super().__init__(given)
        self._choose("authority", ((name, name) for name in sorted(snapshot.authorities)))
        self._choose("profile", ((name, name) for name in sorted(snapshot.profiles)))
        self._choose("endpoint", ((path, path) for path in sorted(snapshot.endpoints)))
        self._choose("key_algorithm", ((one.value, one.value) for one in KeyAlgorithm))
        self._choose("status", ((status, STATUS_LABELS[status]) for status in STATUSES))
        self.fields["order"].choices = [("", _("As it suits")), *ORDER_LABELS.items()]  # type: ignore[attr-defined]
        for field in self.fields.values():
            select = isinstance(field.widget, forms.Select)
            field.widget.attrs["class"] = "form-select" if select else "form-control"
            if isinstance(field, forms.CharField):
                field.widget.attrs |= {"spellcheck": "false", "autocomplete": "off"}

    def _choose(self, name: str, choices: object) -> None:
        """Known values, and the one asked for: what is gone may still be looked for."""
        known = [("", _("Any")), *choices]  # type: ignore[misc]
        asked = self.data.get(name, "")
        if asked and asked not in (value for value, _label in known) and name != "status":
            known.append((asked, asked))
        self.fields[name].choices = known  # type: ignore[attr-defined]

    def wanted(self) -> Wanted:
        """Raises Malformed naming the first field that cannot be read."""
        if not self.is_valid():
            name, errors = next(iter(self.errors.as_data().items()))
            label = self.fields[name].label if name in self.fields else name
            raise Malformed(f"{label}: {errors[0].messages[0]}")
        typed = parse(self.cleaned_data["q"])
        parts = [*(typed.parts if isinstance(typed, All) else [typed]), *self._terms()]
        return Wanted(parts[0] if len(parts) == 1 else All(tuple(parts)), self.cleaned_data["order"])

    def _terms(self) -> Iterator[Query]:
        """The filters beside the text, as the query that they are."""
        for name, field in FIELD_OF.items():
            value = str(self.cleaned_data[name] or "").strip()
            if value == NOBODY and name in ("owner", "team"):
                yield Term(field, ":", Presence(present=False))
            elif value:
                yield Term(field, OPERATOR_OF.get(name, ":"), self._value(name, field, value))

    def _value(self, name: str, field: str, text: str) -> Value:
        if name == "name":
            parse_identifier(IdentifierKind.DNS, text.removeprefix("."))
        try:
            return read_value(FIELDS[field], OPERATOR_OF.get(name, ":"), (text,), quoted=True)
        except Unreadable as error:
            raise Malformed(f"{self.fields[name].label}: {error}") from None

    def query(self) -> str:
        """What is set, as it stands in an address."""
        return urlencode([(name, value) for name in self.fields if (value := self.data.get(name, ""))])

    @property
    def more_is_set(self) -> bool:
        """Is a filter set that is not beside the text?"""
        return any(self.data.get(name) for name in self.fields if name not in ("q", "status", "order"))
