"""What is asked of who decides. What may be in the fields, operations say."""

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from ...operations.request_certificate import COMMENT_MAX


class WordsField(forms.CharField):
    """Some lines of text. Browsers end lines with two characters."""

    widget = forms.Textarea(attrs={"rows": 3})

    def to_python(self, value: Any) -> str:
        return str(super().to_python(value)).replace("\r\n", "\n").strip()


class CommentForm(forms.Form):
    comment = WordsField(label=_("Comment"), max_length=COMMENT_MAX, required=False)


class ReasonForm(forms.Form):
    reason = WordsField(
        label=_("Reason"), max_length=COMMENT_MAX, help_text=_("Whoever asked for it reads this.")
    )


class DelegationForm(forms.Form):
    deputy = forms.CharField(
        label=_("Who decides in your place"), max_length=100, help_text=_("Name of an account.")
    )
    begins = forms.DateField(
        label=_("From"),
        required=False,
        widget=forms.DateInput(attrs={"type": "date"}),
        help_text=_("Its first day, in UTC. Left out: from now on."),
    )
    until = forms.DateField(
        label=_("Until"),
        widget=forms.DateInput(attrs={"type": "date"}),
        help_text=_("Its last day, in UTC; a year at the most."),
    )
    comment = forms.CharField(label=_("Comment"), max_length=COMMENT_MAX, required=False)


class DelegationForOthersForm(DelegationForm):
    """For who manages access."""

    user = forms.CharField(
        label=_("Whose right it is"),
        max_length=100,
        required=False,
        help_text=_("Name of an account. Left out: yours."),
    )
    field_order = ("user", "deputy", "begins", "until", "comment")


class TakeBackForm(forms.Form):
    number = forms.CharField(max_length=20, widget=forms.HiddenInput)
