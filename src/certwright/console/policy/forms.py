"""What is asked of whoever writes rules. What may be in them, operations say."""

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from ...core.errors import CertwrightError
from ...core.keys import KeyAlgorithm
from ...core.rules import RuleSet
from ...core.rules_toml import TOML_OCTETS_MAX, rules_from_toml
from ...operations.save_policy import COMMENT_MAX
from ...operations.try_rules import Trial
from ...store.snapshot import Snapshot


class RulesForm(forms.Form):
    """TOML that is typed or uploaded; `rules` once it is valid."""

    toml = forms.CharField(
        label=_("Rules, as TOML"),
        required=False,
        widget=forms.Textarea({"rows": 24, "spellcheck": "false", "autocomplete": "off", "wrap": "off"}),
    )
    file = forms.FileField(
        label=_("or a file"), required=False, help_text=_("It takes the place of what stands above.")
    )
    at = forms.DateField(
        label=_("Judge as of"),
        required=False,
        widget=forms.DateInput({"type": "date"}),
        help_text=_("Everything is judged as if it were asked for on that day. Empty: now."),
    )
    everything = forms.BooleanField(
        label=_("Also certificates that have ended or are revoked"), required=False
    )
    rules: RuleSet

    def clean(self) -> dict[str, Any]:
        given = super().clean() or {}
        try:
            self.rules = rules_from_toml(self._text(given))
        except CertwrightError as error:
            raise forms.ValidationError(error.detail) from error
        return given

    def _text(self, given: dict[str, Any]) -> str:
        file = given.get("file")
        if file is None:
            return str(given.get("toml", "")).replace("\r\n", "\n")
        try:
            return str(file.read(TOML_OCTETS_MAX + 1).decode())
        except UnicodeDecodeError as error:
            raise forms.ValidationError(_("The file is no text in UTF-8.")) from error


class TrialForm(forms.Form):
    names = forms.CharField(
        label=_("Names"), max_length=2000, help_text=_("www.example.test, ip:192.0.2.1; between them commas.")
    )
    profile = forms.ChoiceField(label=_("Profile"))
    authority = forms.ChoiceField(label=_("Authority"))
    endpoint = forms.ChoiceField(label=_("Endpoint"), required=False)
    requester = forms.CharField(
        label=_("Who asks"),
        max_length=200,
        required=False,
        help_text=_("user:alice, token:a. Empty: you."),
    )
    team = forms.CharField(label=_("Team"), max_length=100, required=False)
    owner = forms.CharField(label=_("Owner"), max_length=100, required=False)
    key_algorithm = forms.ChoiceField(
        label=_("Key"), choices=[(one.value, one.value) for one in KeyAlgorithm]
    )
    days = forms.IntegerField(label=_("Days"), min_value=1, max_value=36500, initial=90)

    def __init__(self, given: Any, snapshot: Snapshot) -> None:
        super().__init__(given)
        self._choose("profile", sorted(snapshot.profiles))
        self._choose("authority", sorted(snapshot.authorities))
        self._choose("endpoint", ["", *sorted(snapshot.endpoints)])
        self.fields["key_algorithm"].initial = KeyAlgorithm.ECDSA_P256.value
        self.fields["profile"].initial = "tls-server"

    def _choose(self, name: str, values: list[str]) -> None:
        field = self.fields[name]
        assert isinstance(field, forms.ChoiceField)
        field.choices = [(value, value or _("none")) for value in values]

    def trial(self) -> Trial:
        given = self.cleaned_data
        names = [one.strip() for one in given["names"].split(",")]
        others = {name: given[name] for name in given if name != "names"}
        return Trial(names=tuple([one for one in names if one]), **others)


class SaveForm(forms.Form):
    comment = forms.CharField(
        label=_("Why they change"),
        max_length=COMMENT_MAX,
        required=False,
        widget=forms.Textarea({"rows": 3}),
        help_text=_("The history shows it to whoever asks later."),
    )
    anyway = forms.BooleanField(label=_("Save them anyway"), required=False)
