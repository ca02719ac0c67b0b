"""What is asked of whoever manages endpoints. What may be in the fields, operations say."""

import json
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from ...core.policy import endpoint_policy_to_document
from ...operations.bridge import bridge
from ...operations.found_installation import EndpointOrder
from ...store.snapshot import Endpoint

DOCUMENT = forms.Textarea({"rows": 10, "class": "font-monospace", "spellcheck": "false"})


class DocumentField(forms.CharField):
    """A JSON object, as REST takes it."""

    widget = DOCUMENT

    def __init__(self, **values: Any) -> None:
        super().__init__(max_length=100_000, **values)

    def clean(self, value: Any) -> dict[str, Any]:
        text = super().clean(value)
        try:
            document = json.loads(text or "{}")
        except (ValueError, RecursionError) as error:
            raise forms.ValidationError(_("This is no JSON: %(why)s") % {"why": error}) from None
        if not isinstance(document, dict):
            raise forms.ValidationError(_("This must be an object, in braces."))
        return document


class EndpointForm(forms.Form):
    authority = forms.ChoiceField(label=_("Authority"))
    profiles = forms.CharField(
        label=_("Profiles"), max_length=2000, help_text=_("Names with commas; the first is the default.")
    )
    policy = DocumentField(
        label=_("Who may have which names, keys and lifetimes (JSON)"),
        required=False,
        help_text=_('Like {"names": {"allow": {"dns": [".apps.example.org"]}}, "maximum_lifetime": "90d"}.'),
    )
    settings = DocumentField(
        label=_("Settings of the protocol (JSON)"),
        required=False,
        help_text=_('Like {"require_account_binding": true}.'),
    )
    team = forms.CharField(label=_("Team that answers for it"), required=False, max_length=100)
    owner = forms.CharField(label=_("Account that answers for it"), required=False, max_length=100)

    def __init__(self, given: object, endpoint: Endpoint | None = None) -> None:
        super().__init__(given, initial=_initial(endpoint) if endpoint else None)  # type: ignore[arg-type]
        bound = endpoint.authority if endpoint else ""
        known = bridge().context.snapshot.authorities.items()
        names = sorted(name for name, row in known if not row.retired_at or name == bound)
        self.fields["authority"].choices = [(name, name) for name in names]  # type: ignore[attr-defined]

    def order(self, protocol: str, name: str) -> EndpointOrder:
        given = self.cleaned_data
        profiles = tuple(word.strip() for word in given["profiles"].split(",") if word.strip())
        documents = given["policy"], given["settings"]
        return EndpointOrder(
            protocol, name, given["authority"], profiles, *documents, given["team"], given["owner"]
        )


class NewEndpointForm(EndpointForm):
    name = forms.CharField(
        label=_("Name"),
        max_length=64,
        help_text=_("a-z, 0-9 and hyphens; it stands in the directory's address."),
    )
    field_order = ("name", "authority", "profiles", "policy", "settings", "team", "owner")


def _initial(endpoint: Endpoint) -> dict[str, Any]:
    return {
        "authority": endpoint.authority,
        "profiles": ", ".join(endpoint.profiles),
        "policy": json.dumps(endpoint_policy_to_document(endpoint.policy), indent=2),
        "settings": json.dumps(endpoint.settings, indent=2),
        "team": endpoint.row.team,
        "owner": endpoint.row.owner,
    }


class KeyForm(forms.Form):
    name = forms.CharField(
        label=_("Name of the key"), max_length=100, help_text=_("Letters, digits and ._-; say whose it is.")
    )
    days = forms.IntegerField(
        label=_("Days in which it can be used"),
        required=False,
        initial=7,
        min_value=1,
        max_value=3650,
        help_text=_("It binds one account. Empty: it can wait for ever."),
    )
