"""By what findings are found, and what is asked of whoever accepts one."""

from datetime import UTC, datetime, time, timedelta
from typing import Any

from django import forms
from django.utils.http import urlencode
from django.utils.translation import gettext_lazy as _

from ...core.health import KINDS, Severity
from ...operations.findings import DUE, REASON_MAX, FindingFilter, State
from .words import SEVERITIES, STATES

ANY = ("", _("any"))
SEVERITY_CHOICES = [ANY, *((one.value, SEVERITIES[one]) for one in Severity)]
CODE_CHOICES = [ANY, *((code, code) for code in KINDS)]


class FilterForm(forms.Form):
    severity = forms.ChoiceField(label=_("Severity"), required=False, choices=SEVERITY_CHOICES)
    code = forms.ChoiceField(label=_("What"), required=False, choices=CODE_CHOICES)
    state = forms.ChoiceField(
        label=_("State"),
        required=False,
        choices=[
            ("", _("all that are not closed")),
            (DUE, _("all that are to be done")),
            *((one.value, STATES[one]) for one in State),
        ],
    )
    team = forms.CharField(label=_("Team"), required=False, max_length=100)

    def __init__(self, given: Any) -> None:
        super().__init__(given)
        for name, field in self.fields.items():
            field.widget.attrs["class"] = "form-control" if name == "team" else "form-select"

    def given(self) -> dict[str, str]:
        """What is set. What is no choice is left to the operation to say."""
        return {name: text for name in self.fields if (text := str(self.data.get(name, "")).strip())}

    def query(self, **instead: str) -> str:
        return urlencode(self.given() | instead)

    def wanted(self) -> FindingFilter:
        given = self.given()
        code, severity, team, state = (given.get(name, "") for name in ("code", "severity", "team", "state"))
        return FindingFilter(code, severity, team, state=state)


class AcceptForm(forms.Form):
    until = forms.DateField(
        label=_("Until"),
        widget=forms.DateInput({"type": "date"}),
        help_text=_("The end of that day, in UTC. After it the finding opens again by itself."),
    )
    reason = forms.CharField(
        label=_("Why it may stay so"), max_length=REASON_MAX, widget=forms.Textarea({"rows": 3})
    )

    def clean_until(self) -> datetime:
        """The end of that day."""
        return datetime.combine(self.cleaned_data["until"], time(), UTC) + timedelta(days=1)
