"""What is asked of whoever manages authorities. What may be in the fields, operations say."""

from datetime import timedelta

from django import forms
from django.utils.translation import gettext_lazy as _

from ...core.access import Actor
from ...core.distinguished_name import parse_name
from ...core.keys import KeyAlgorithm
from ...core.request import AuthorityTerms
from ...operations.bridge import bridge
from ...operations.found_authority import PROFILES, AuthorityOrder, default_subject
from ...operations.view_configuration import generation_status, list_authorities

PEM_CHARACTERS_MAX = 200_000
PEM_AREA = forms.Textarea({"rows": 8, "class": "font-monospace", "spellcheck": "false"})
ALGORITHMS = [(one.value, one.value) for one in KeyAlgorithm]


class FoundForm(forms.Form):
    name = forms.CharField(
        label=_("Name"),
        max_length=64,
        help_text=_("a-z, 0-9 and hyphens; it stands in the addresses of its lists, and stays for ever."),
    )
    kind = forms.ChoiceField(label=_("Kind"), choices=[(kind, kind) for kind in PROFILES], initial="issuing")
    parent = forms.ChoiceField(
        label=_("Signed by"),
        required=False,
        help_text=_("Whose key is under the recovery passphrase signs on the command line only."),
    )
    subject = forms.CharField(
        label=_("Subject"),
        required=False,
        max_length=1000,
        help_text=_("Like CN=Example Team CA,O=Example. Empty: made of the name and the organization."),
    )
    algorithm = forms.ChoiceField(label=_("Key"), choices=ALGORITHMS, initial=KeyAlgorithm.ECDSA_P256.value)
    key_provider = forms.ChoiceField(label=_("Kept by"))
    path_length = forms.IntegerField(
        label=_("Authorities below it, in steps"),
        required=False,
        min_value=0,
        max_value=32,
        help_text=_("Empty: as its profile says."),
    )
    crl_shards = forms.IntegerField(
        label=_("CRL shards"),
        initial=1,
        min_value=1,
        max_value=1024,
        help_text=_("More than one where it will issue hundreds of thousands of certificates."),
    )

    def __init__(self, given: object, actor: Actor, parent: str) -> None:
        super().__init__(given, initial={"parent": parent})  # type: ignore[arg-type]
        context = bridge().context
        nobody = [("", _("nobody: a root signs itself, an outside authority signs its CSR"))]
        self.fields["parent"].choices = [*nobody, *((name, name) for name in signers(actor))]  # type: ignore[attr-defined]
        names = context.keyring.provider_names
        self.fields["key_provider"].choices = [(name, name) for name in names]  # type: ignore[attr-defined]
        self.initial["key_provider"] = "software"

    def order(self) -> AuthorityOrder:
        """Raises Malformed for a subject that cannot be read."""
        given, snapshot = self.cleaned_data, bridge().context.snapshot
        length = given["path_length"]
        return AuthorityOrder(
            given["name"],
            given["kind"],
            parse_name(given["subject"]) if given["subject"] else default_subject(snapshot, given["name"]),
            KeyAlgorithm(given["algorithm"]),
            given["key_provider"],
            given["parent"],
            "",
            None if length is None else AuthorityTerms(length),
            given["crl_shards"],
        )


def signers(actor: Actor) -> list[str]:
    """Authorities that are seen and could sign another one."""
    snapshot = bridge().context.snapshot
    return [
        row.name
        for row in list_authorities(snapshot, actor)
        if generation_status(snapshot, snapshot.of_authority(row.name)[0]) == "in-force"
    ]


class SignForm(forms.Form):
    csr = forms.CharField(
        label=_("Certificate request (PEM)"), max_length=PEM_CHARACTERS_MAX, widget=PEM_AREA
    )
    profile = forms.ChoiceField(label=_("Profile"))
    days = forms.IntegerField(
        label=_("Days"),
        required=False,
        min_value=1,
        max_value=36_500,
        help_text=_("Empty: as the profile says."),
    )

    def __init__(self, given: object) -> None:
        super().__init__(given)  # type: ignore[arg-type]
        profiles = bridge().context.snapshot.profiles
        names = sorted(name for name, profile in profiles.items() if profile.is_authority)
        self.fields["profile"].choices = [(name, name) for name in names]  # type: ignore[attr-defined]
        self.initial["profile"] = PROFILES["issuing"]

    def lasting(self) -> timedelta | None:
        days = self.cleaned_data["days"]
        return timedelta(days=days) if days else None


class AcceptForm(forms.Form):
    certificate = forms.CharField(
        label=_("Certificate (PEM)"), max_length=PEM_CHARACTERS_MAX, widget=PEM_AREA
    )
    chain = forms.CharField(
        label=_("Those above it, up to the root (PEM)"),
        max_length=PEM_CHARACTERS_MAX,
        widget=PEM_AREA,
    )


class SureForm(forms.Form):
    name = forms.CharField(label=_("Type its name, so that it is this one"), max_length=64)
