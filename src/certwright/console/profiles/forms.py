"""What is asked of whoever looks at a profile, or manages them."""

from django import forms
from django.utils.translation import gettext_lazy as _

from ...core.access import Actor
from ...core.profile import Profile
from ...operations.bridge import bridge
from ..authorities.forms import signers
from ..endpoints.forms import DocumentField
from .examples import algorithms, example_names, example_subject


class ExampleForm(forms.Form):
    names = forms.CharField(
        label=_("Names, one a line"),
        required=False,
        max_length=20_000,
        widget=forms.Textarea({"rows": 3, "spellcheck": "false"}),
        help_text=_("Like dns:www.example.org, ip:192.0.2.1 or email:ann@example.org."),
    )
    subject = forms.CharField(label=_("Subject"), required=False, max_length=1000)
    authority = forms.ChoiceField(label=_("Authority"))
    key = forms.ChoiceField(label=_("Key"))

    def __init__(self, given: object, actor: Actor, profile: Profile) -> None:
        super().__init__(given or self._example(actor, profile))  # type: ignore[arg-type]
        self.fields["authority"].choices = [(name, name) for name in signers(actor)]  # type: ignore[attr-defined]
        self.fields["key"].choices = [(name, name) for name in algorithms(profile)]  # type: ignore[attr-defined]

    @staticmethod
    def _example(actor: Actor, profile: Profile) -> dict[str, str]:
        known = bridge().context.snapshot.authorities
        kinds = ("root", "intermediate") if profile.is_authority else ("issuing", "intermediate")
        by_fit = sorted(signers(actor), key=lambda name: known[name].kind not in kinds)
        return {
            "names": example_names(profile),
            "subject": example_subject(profile) or ("CN=Example,O=Example" if profile.is_authority else ""),
            "authority": by_fit[0] if by_fit else "",
            "key": algorithms(profile)[0],
        }


class ProfileForm(forms.Form):
    document = DocumentField(label=_("The profile (JSON)"))

    def __init__(self, given: object, text: str) -> None:
        super().__init__(given, initial={"document": text})  # type: ignore[arg-type]
        self.fields["document"].widget.attrs["rows"] = 30
