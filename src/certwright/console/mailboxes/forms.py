"""What is asked of whoever proves a mail address, or takes a proof away."""

from django import forms
from django.utils.translation import gettext_lazy as _

from ...core.mailbox import CODE_CHARACTERS_MAX
from ...core.notices import ADDRESS_MAX
from ...operations.record_check import NOTE_MAX


class AddressForm(forms.Form):
    address = forms.CharField(
        label=_("Mail address"),
        max_length=ADDRESS_MAX,
        help_text=_("A mail with a code goes there. You need to be able to read it."),
        widget=forms.TextInput(attrs={"inputmode": "email", "autocomplete": "email", "spellcheck": "false"}),
    )


class CodeForm(forms.Form):
    code = forms.CharField(
        label=_("Code"),
        max_length=CODE_CHARACTERS_MAX,
        help_text=_("As it stands in the mail; spaces and hyphens do not matter."),
        widget=forms.TextInput(attrs={"autocomplete": "one-time-code", "spellcheck": "false"}),
    )


class WhyForm(forms.Form):
    why = forms.CharField(label=_("Why"), max_length=NOTE_MAX)
