"""What is asked of whoever opens a campaign. What may be in the fields, operations say."""

from datetime import UTC, date, datetime, time

from django import forms
from django.utils.translation import gettext_lazy as _

from ...operations.attestation import REPEAT_DAYS_MAX, TEXT_MAX, TITLE_MAX, CampaignOrder
from ...operations.list_certificates import CertificateFilter


class CampaignForm(forms.Form):
    title = forms.CharField(label=_("Title"), max_length=TITLE_MAX, help_text=_("As in: Spring 2027"))
    text = forms.CharField(
        label=_("What it is about"), max_length=TEXT_MAX, required=False, widget=forms.Textarea({"rows": 4})
    )
    due = forms.DateField(
        label=_("Due on"),
        widget=forms.DateInput({"type": "date"}, "%Y-%m-%d"),
        help_text=_("Within a year; answers count until the campaign is closed."),
    )
    repeat_days = forms.IntegerField(
        label=_("Repeat after days"),
        required=False,
        min_value=1,
        max_value=REPEAT_DAYS_MAX,
        help_text=_("Empty: it is asked once."),
    )
    authority = forms.CharField(label=_("Of this authority"), max_length=100, required=False)
    profile = forms.CharField(label=_("Of this profile"), max_length=100, required=False)
    endpoint = forms.CharField(
        label=_("That came through"), max_length=200, required=False, help_text=_("As in: acme/NAME")
    )
    responsible = forms.CharField(label=_("Of this owner or team"), max_length=100, required=False)
    tag = forms.CharField(label=_("With this tag"), max_length=60, required=False)

    def order(self) -> CampaignOrder:
        given = self.cleaned_data
        names = ("authority", "profile", "endpoint", "responsible", "tag")
        selected = CertificateFilter(**{name: given[name] for name in names})
        text = given["text"].replace("\r\n", "\n")
        return CampaignOrder(given["title"], text, selected, _end(given["due"]), given["repeat_days"])


def _end(day: date) -> datetime:
    """The day's last minute."""
    return datetime.combine(day, time(23, 59), UTC)
