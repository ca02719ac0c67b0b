"""The form of one profile: only what its certificates can say is asked for."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from django import forms
from django.utils.translation import gettext as _

from ...core.distinguished_name import DistinguishedName, name_of, short_name, upper_bound
from ...core.errors import CertwrightError
from ...core.keys import KeyAlgorithm
from ...core.name_lines import read_names
from ...core.names import Identifier
from ...core.profile import Profile, Source, SubjectAttribute
from ...core.request import CSR_OCTETS_MAX, CertificateRequest, parse_csr
from ...operations.make_key_for import ALGORITHMS, sample_request
from ...operations.request_certificate import COMMENT_MAX
from ...operations.wish import Choice, Wish
from . import words

Read = TypeVar("Read")
CSR_CHARACTERS_MAX = CSR_OCTETS_MAX * 2
NAMES_CHARACTERS_MAX = 32 * 1024
DAY = 86400
PREFIX = "subject_"
KEY_WAYS = ("csr", "browser", "server")


@dataclass(frozen=True, slots=True)
class Offer:
    """What one person can choose from in the form of one profile."""

    choice: Choice
    teams: tuple[str, ...] = ()
    names_others: bool = False

    @property
    def profile(self) -> Profile:
        return self.choice.profile

    @property
    def algorithms(self) -> list[KeyAlgorithm]:
        """Of keys that can be made, the best first."""
        return [one for one in ALGORITHMS if one in self.profile.keys]

    @property
    def ways(self) -> tuple[str, ...]:
        """To a key: those that the profile leaves open."""
        made = ("browser", "server") if self.profile.server_made_keys else ("browser",)
        return ("csr", *made) if self.algorithms else ("csr",)


class AskForm(forms.Form):
    """`names`, `subject_*` and `csr` are cleaned into the core's own values."""

    key = forms.ChoiceField()
    algorithm = forms.ChoiceField(required=False)
    csr = forms.CharField(required=False, max_length=CSR_CHARACTERS_MAX)
    csr_file = forms.FileField(required=False)
    names = forms.CharField(required=False, max_length=NAMES_CHARACTERS_MAX)
    days = forms.IntegerField(required=False, min_value=1)
    comment = forms.CharField(required=False, max_length=COMMENT_MAX)
    authority = forms.ChoiceField()
    team = forms.ChoiceField(required=False)
    owner = forms.CharField(required=False, max_length=100)

    def __init__(self, offer: Offer, data: Any = None, files: Any = None, initial: Any = None) -> None:
        super().__init__(data, files, initial=initial, label_suffix="")
        self.offer = offer
        self._draw_names()
        self._draw_subject()
        self._draw_key()
        self._draw_rest()

    # -- drawing ---------------------------------------------------------------------------------

    def _draw_names(self) -> None:
        profile = self.offer.profile
        if not profile.names.kinds:
            del self.fields["names"]
            return
        help_text = words.name_help(profile)
        area = forms.Textarea(attrs={"rows": 4, "spellcheck": "false", "autocomplete": "off"})
        self._say("names", _("Names"), help_text, area)

    def _draw_subject(self) -> None:
        for rule in subject_asked(self.offer.profile):
            several = rule.maximum > 1
            self.fields[subject_field(rule)] = forms.CharField(
                label=words.ATTRIBUTES.get(short_name(rule.oid), short_name(rule.oid)),
                required=False,
                max_length=(upper_bound(rule.oid) + 2) * rule.maximum,
                widget=forms.Textarea(attrs={"rows": 2}) if several else forms.TextInput(),
                help_text=_("Up to %d, one on each line.") % rule.maximum if several else "",
            )

    def _draw_key(self) -> None:
        offer = self.offer
        ways = {
            "csr": _("I have a request (CSR) from my server or program"),
            "browser": _("Make the key in this browser"),
            "server": _("Make the key for me"),
        }
        self.fields["key"] = forms.ChoiceField(choices=[(one, ways[one]) for one in offer.ways])
        self.fields["algorithm"] = forms.ChoiceField(
            choices=[(one.value, words.KEYS[one]) for one in offer.algorithms], required=False
        )
        self._say("algorithm", _("Kind of key"), _("Leave it, unless a program asks for another."), None)
        area = forms.Textarea(attrs={"rows": 6, "spellcheck": "false", "autocomplete": "off"})
        self._say(
            "csr", _("The request, as text"), _("It begins with -----BEGIN CERTIFICATE REQUEST-----"), area
        )
        self._say("csr_file", _("Or as a file"), _("PEM or DER, at most 64 KiB."), None)

    def _draw_rest(self) -> None:
        profile, authorities = self.offer.profile, self.offer.choice.authorities
        usual, most = profile.lifetime.default // DAY, max(1, profile.lifetime.maximum // DAY)
        self.fields["days"] = forms.IntegerField(required=False, min_value=1, max_value=most)
        told = _("Left empty: %(usual)d days. At most %(most)d.") % {"usual": usual, "most": most}
        self._say("days", _("Good for how many days"), told, None)
        area = forms.Textarea(attrs={"rows": 2})
        self._say(
            "comment", _("A word to whoever approves it"), _("What it is for, a ticket's number."), area
        )
        self.fields["authority"] = forms.ChoiceField(choices=[(one, one) for one in authorities])
        self._say("authority", _("Issued by"), "", None)
        self.fields["team"] = forms.ChoiceField(
            choices=[("", _("As usual: you")), *[(one, one) for one in self.offer.teams]], required=False
        )
        self._say("team", _("Team that answers for it"), _("It is told when the certificate ends."), None)
        self._say("owner", _("Account that answers for it"), _("Left empty: you."), None)
        if not self.offer.teams:
            del self.fields["team"]
        if not self.offer.names_others:
            del self.fields["owner"]

    def _say(self, name: str, label: str, help_text: str, widget: forms.Widget | None) -> None:
        field = self.fields[name]
        field.label, field.help_text = label, help_text
        if widget is not None:
            field.widget = widget

    # -- reading ---------------------------------------------------------------------------------

    def clean_names(self) -> tuple[Identifier, ...]:
        return _told(lambda: read_names(self.cleaned_data["names"], self.offer.profile.names.kinds))

    def clean_comment(self) -> str:
        return str(self.cleaned_data["comment"]).replace("\r\n", "\n")

    def clean_csr_file(self) -> bytes:
        file = self.cleaned_data["csr_file"]
        if file is None:
            return b""
        if file.size > CSR_OCTETS_MAX:
            raise forms.ValidationError(_("The file is larger than 64 KiB; that is no request (CSR)."))
        return bytes(file.read())

    def clean(self) -> dict[str, Any]:
        """Together: the subject of its fields, and the request of text or file."""
        given = super().clean() or self.cleaned_data
        subject = _told(lambda: self._subject(given))
        octets = given.get("csr_file") or str(given.get("csr") or "").strip().encode()
        asked = _told(lambda: parse_csr(octets)) if octets and given.get("key") != "server" else None
        return {**given, "subject": subject, "request": asked}

    def _subject(self, given: Mapping[str, Any]) -> DistinguishedName:
        pairs = [
            (rule.oid, line.strip())
            for rule in subject_asked(self.offer.profile)
            for line in str(given.get(subject_field(rule)) or "").splitlines()
            if line.strip()
        ]
        return name_of(pairs)

    def wish(self) -> Wish:
        given = self.cleaned_data
        return Wish(
            given["authority"],
            self.offer.profile.name,
            given.get("names", ()),
            given["subject"],
            given["days"],
            given.get("team", ""),
            given.get("owner", "").strip(),
        )

    def made(self) -> KeyAlgorithm:
        """Of the key that is to be made."""
        return KeyAlgorithm(self.cleaned_data["algorithm"] or self.offer.algorithms[0])

    def to_preview(self) -> CertificateRequest:
        """What was brought, or a sample of the key that is to be made."""
        return self.cleaned_data["request"] or sample_request(self.made())


def subject_asked(profile: Profile) -> list[SubjectAttribute]:
    """What of the subject is asked for; the rest is fixed, or made of the names."""
    return [rule for rule in profile.subject if rule.source is Source.REQUEST]


def subject_field(rule: SubjectAttribute) -> str:
    return PREFIX + short_name(rule.oid).replace(".", "_")


def _told(read: Callable[[], Read]) -> Read:
    """What the core says of it, as the form's own error."""
    try:
        return read()
    except CertwrightError as error:
        raise forms.ValidationError(error.detail) from error
