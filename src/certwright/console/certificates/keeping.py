"""Who answers for one certificate and what it is used in; one of others is adopted or ignored."""

from typing import Any

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_http_methods

from ...core.access import Verb
from ...core.errors import CertwrightError, NotFound
from ...core.responsibility import REASON_MAX, Assignment
from ...core.standing import Standing
from ...operations.assign_owner import assign_owner
from ...operations.shown import require_page
from ..acting import actor_of, run
from ..errors import told
from ..login.fresh import recently_authenticated
from .one import Read, read_one, title_of
from .own_fields import differing, initial, inputs

DONE = {
    "assign": _("It is so from now on."),
    "adopt": _("It is adopted."),
    "ignore": _("It is ignored from now on."),
}


class KeepingForm(forms.Form):
    """All fields as they shall be: an empty one is nobody, or nothing."""

    owner = forms.CharField(label=_("Owner"), max_length=100, required=False)
    team = forms.CharField(label=_("Team"), max_length=100, required=False)
    environment = forms.CharField(
        label=_("Environment"), max_length=60, required=False, help_text=_("As in: production, test")
    )
    tags = forms.CharField(
        label=_("Tags"), max_length=1300, required=False, help_text=_("Words with spaces between them")
    )

    def assignment(self, read: Read, standing: Standing | None) -> Assignment:
        """What differs from how it is."""
        row, tags = read.details.row, frozenset(self.cleaned_data["tags"].split())
        team, owner, environment = (
            None if (given := self.cleaned_data[name].strip()) == getattr(row, name) else given
            for name in ("team", "owner", "environment")
        )
        fields = differing(self.cleaned_data, read.details.fields)
        return Assignment(
            *(team, owner, tags - read.tags, read.tags - tags, environment, standing), fields=fields
        )


class IgnoringForm(forms.Form):
    reason = forms.CharField(label=_("Why it does not matter to us"), max_length=REASON_MAX)

    def assignment(self, read: Read, standing: Standing | None) -> Assignment:
        return Assignment(standing=standing, reason=self.cleaned_data["reason"])


STANDINGS = {"assign": None, "adopt": Standing.ADOPTED, "ignore": Standing.IGNORED}


@require_http_methods(["GET", "HEAD", "POST"])
@recently_authenticated
def keep(request: HttpRequest, reference: str, what: str) -> HttpResponse:
    """Shown with what there is; sent, it is so."""
    read = read_one(request, reference)
    row = read.details.row
    require_page(actor_of(request), Verb.MANAGE_OWNERS, read.subject)
    if what != "assign" and row.standing == Standing.ISSUED:
        raise NotFound("only certificates of others are adopted or ignored")
    made = IgnoringForm if what == "ignore" else KeepingForm
    there = {name: getattr(row, name) for name in ("owner", "team", "environment")}
    there |= {"tags": " ".join(sorted(read.tags))} | initial(read.details.fields)
    form = made(request.POST or None, initial=there)
    if what != "ignore":
        form.fields |= inputs(read.fields.values())
    for field in form.fields.values():
        kind = "form-select" if isinstance(field.widget, forms.Select) else "form-control"
        field.widget.attrs |= {"class": kind, "autocomplete": "off", "spellcheck": "false"}
    context: dict[str, Any] = {"row": row, "title": title_of(read.details), "what": what, "form": form}
    if request.method != "POST" or not form.is_valid():
        return render(request, "certificates/keep.html", context, status=400 if form.is_bound else 200)
    try:
        wanted = form.assignment(read, STANDINGS[what])
        fingerprint = row.fingerprint.hex()
        run(request, lambda there, actor: assign_owner(there, actor, [fingerprint], wanted))
    except CertwrightError as error:
        error = told(request, error)
        return render(request, "certificates/keep.html", context | {"error": error}, status=error.status)
    messages.success(request, DONE[what])
    return redirect("certificate", reference=fingerprint)
