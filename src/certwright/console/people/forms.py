"""What is asked of whoever manages access. What may be in the fields, operations say."""

from django import forms
from django.utils.translation import gettext_lazy as _

from ...core.access import GIVEN_ROLES
from ...operations.manage_users import DISPLAY_NAME_MAX


class AccountForm(forms.Form):
    display_name = forms.CharField(label=_("Called"), max_length=DISPLAY_NAME_MAX, required=False)
    email = forms.CharField(label=_("Mail address"), max_length=254, required=False)


class NewAccountForm(AccountForm):
    name = forms.CharField(
        label=_("Name"),
        max_length=100,
        help_text=_("What they log in with: a-z, 0-9 and ._@- . It stays for ever."),
    )
    service = forms.BooleanField(
        label=_("For a service"), required=False, help_text=_("It has tokens, and never logs in.")
    )
    field_order = ("name", "display_name", "email", "service")


class DisableForm(forms.Form):
    owner = forms.CharField(
        label=_("Account that takes over"), max_length=100, required=False, help_text=_("Empty: nobody.")
    )
    team = forms.CharField(
        label=_("Team that takes over"),
        max_length=100,
        required=False,
        help_text=_("For what the account answers for: certificates and endpoints."),
    )


class GrantForm(forms.Form):
    role = forms.ChoiceField(label=_("Role"), choices=[(role.value, role.value) for role in GIVEN_ROLES])
    scope = forms.CharField(
        label=_("Within"),
        max_length=300,
        initial="*",
        help_text=_("* is everything; or authority:NAME, team:NAME."),
    )


class TeamForm(forms.Form):
    description = forms.CharField(label=_("Description"), max_length=1000, required=False)
    email = forms.CharField(label=_("Mail address"), max_length=254, required=False)


class NewTeamForm(TeamForm):
    name = forms.CharField(label=_("Name"), max_length=100, help_text=_("a-z, 0-9 and ._-"))
    field_order = ("name", "description", "email")


class MemberForm(forms.Form):
    user = forms.CharField(label=_("Account"), max_length=100)
