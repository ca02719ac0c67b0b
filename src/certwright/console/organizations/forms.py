"""What is asked of whoever vets organizations. What may be in the fields, operations say."""

from django import forms
from django.utils.translation import gettext_lazy as _

from ...operations.record_check import NOTE_MAX

LABELS = {
    "legal_name": _("Legal name (O)"),
    "register_number": _("Register number (serialNumber)"),
    "jurisdiction_country": _("Country of the register"),
    "jurisdiction_state": _("State of the register"),
    "jurisdiction_locality": _("Locality of the register"),
    "category": _("Business category"),
    "organization_identifier": _("Organization identifier"),
    "street": _("Street and number"),
    "postal_code": _("Postal code"),
    "locality": _("Town (L)"),
    "state": _("State or province (ST)"),
    "country": _("Country (C)"),
    "phone": _("Telephone"),
}
HINTS = {
    "legal_name": _("Exactly as the register has it; certificates say this and nothing else."),
    "country": _("Two capital letters, like DE."),
    "jurisdiction_country": _("Two capital letters, like DE."),
    "category": _("For extended validation: Private Organization, Government Entity, Business Entity, ..."),
    "phone": _("From an independent source, not from whoever asks."),
}
REQUIRED = ("legal_name", "country")


class OrganizationForm(forms.Form):
    team = forms.CharField(
        label=_("Team"),
        max_length=100,
        required=False,
        help_text=_("Whose certificates may name it. Empty: those of all teams."),
    )

    def __init__(self, *given: object, **options: object) -> None:
        super().__init__(*given, **options)  # type: ignore[arg-type]
        for name, label in LABELS.items():
            hint = HINTS.get(name, "")
            self.fields[name] = forms.CharField(
                label=label, max_length=256, required=name in REQUIRED, help_text=hint
            )
        self.order_fields([*LABELS, "team"])

    def record(self) -> dict[str, str]:
        """The record's own fields."""
        return {name: self.cleaned_data[name] for name in LABELS}


class UploadForm(forms.Form):
    file = forms.FileField(label=_("Document"), help_text=_("PDF, PNG, JPEG or plain text."))


class CheckForm(forms.Form):
    domain = forms.CharField(
        label=_("Domain"), max_length=255, help_text=_("Like example.com; names below it are covered.")
    )
    note = forms.CharField(
        label=_("What was done and seen"),
        max_length=NOTE_MAX,
        widget=forms.Textarea(attrs={"rows": 4}),
        help_text=_("Which source, what it said; of a call: which number, who answered."),
    )
    since = forms.DateField(
        label=_("Obtained on"),
        required=False,
        widget=forms.DateInput(attrs={"type": "date"}),
        help_text=_("When what it rests on was obtained; its age counts from then. Empty: today."),
    )


class WhyForm(forms.Form):
    why = forms.CharField(label=_("Why"), max_length=NOTE_MAX)
