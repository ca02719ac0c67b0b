"""Fields of the organization's own: which there are, and how each is filled in for a certificate."""

from collections.abc import Iterable, Mapping
from typing import Any

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_http_methods, require_safe

from ...core.access import Actor, Subject, Verb
from ...core.custom_fields import HELP_MAX, MEANINGS, TITLE_MAX, VALUE_MAX, CustomField, FieldKind
from ...core.errors import NotFound
from ...operations.context import Context
from ...operations.custom_fields import change_field, define_field, list_fields
from ...operations.shown import require_page
from ..acting import actor_of, run
from ..acts import submit
from ..login.fresh import recently_authenticated

PREFIX = "field-"
YES_NO = (("yes", gettext_lazy("yes")), ("no", gettext_lazy("no")))


# -- filled in -----------------------------------------------------------------------------------


def inputs(fields: Iterable[CustomField]) -> dict[str, forms.Field]:
    """A field of a form for each that is in use."""
    return {f"{PREFIX}{one.name}": _input(one) for one in fields if not one.retired}


def _input(field: CustomField) -> forms.Field:
    told: dict[str, Any] = {"label": field.title, "required": False, "help_text": field.help}
    if field.kind in (FieldKind.CHOICE, FieldKind.YES_NO):
        words = YES_NO if field.kind is FieldKind.YES_NO else [(one, one) for one in field.choices]
        return forms.CharField(widget=forms.Select(choices=[("", ""), *words]), **told)
    if not field.help and field.kind is not FieldKind.TEXT:
        told["help_text"] = gettext_lazy(MEANINGS[field.kind])
    return forms.CharField(max_length=VALUE_MAX, **told)


def initial(values: Mapping[str, str]) -> dict[str, str]:
    return {f"{PREFIX}{name}": value for name, value in values.items()}


def differing(given: Mapping[str, Any], values: Mapping[str, str]) -> dict[str, str]:
    """Of what was sent, by the organization's own names, what is not so already."""
    sent = {
        name.removeprefix(PREFIX): text.strip() for name, text in given.items() if name.startswith(PREFIX)
    }
    return {name: text for name, text in sent.items() if text != values.get(name, "")}


# -- defined -------------------------------------------------------------------------------------


class FieldForm(forms.Form):
    title = forms.CharField(
        label=gettext_lazy("Title"), max_length=TITLE_MAX, help_text=gettext_lazy("As people see it")
    )
    choices = forms.CharField(
        label=gettext_lazy("Choices"),
        required=False,
        widget=forms.Textarea(attrs={"rows": 4}),
        help_text=gettext_lazy("For a choice: one to a line."),
    )
    help = forms.CharField(
        label=gettext_lazy("Explanation"),
        max_length=HELP_MAX,
        required=False,
        help_text=gettext_lazy("Shown beside the field."),
    )
    retired = forms.BooleanField(
        label=gettext_lazy("Retired"),
        required=False,
        help_text=gettext_lazy("It is shown nowhere, and keeps what certificates have in it."),
    )

    def field(self, name: str, kind: FieldKind) -> CustomField:
        given = self.cleaned_data
        choices = tuple(line.strip() for line in given["choices"].splitlines() if line.strip())
        return CustomField(name, given["title"], kind, choices, given["help"], given.get("retired", False))


class NewFieldForm(FieldForm):
    name = forms.CharField(
        label=gettext_lazy("Name"),
        max_length=40,
        help_text=gettext_lazy("a-z, 0-9 and -; certificates are searched by field.NAME. It stays for ever."),
    )
    kind = forms.ChoiceField(
        label=gettext_lazy("Kind"),
        choices=[(kind.value, gettext_lazy(MEANINGS[kind])) for kind in FieldKind],
        help_text=gettext_lazy("It stays for ever."),
    )
    retired = None  # type: ignore[assignment]
    field_order = ("name", "title", "kind", "choices", "help")


@require_safe
def own_fields(request: HttpRequest) -> HttpResponse:
    return render(request, "certificates/own_fields.html", {"fields": _told(run(request, list_fields))})


def _told(fields: Iterable[CustomField]) -> list[dict[str, Any]]:
    return [{"field": one, "kind": _(MEANINGS[one.kind])} for one in fields]


@recently_authenticated
@require_http_methods(["GET", "HEAD", "POST"])
def new_own_field(request: HttpRequest) -> HttpResponse:
    require_page(actor_of(request), Verb.MANAGE_OWNERS, Subject())
    form, status = NewFieldForm(request.POST or None), 200
    if request.method == "POST":

        async def act(context: Context, actor: Actor) -> None:
            given = form.cleaned_data
            await define_field(context, actor, form.field(given["name"], FieldKind(given["kind"])))

        status = submit(request, form, act)
    if not status:
        messages.success(request, _("The field is defined."))
        return redirect("own_fields")
    return render(request, "certificates/new_own_field.html", {"form": form}, status=status)


@recently_authenticated
@require_http_methods(["GET", "HEAD", "POST"])
def own_field(request: HttpRequest, name: str) -> HttpResponse:
    require_page(actor_of(request), Verb.MANAGE_OWNERS, Subject())
    known = next((one for one in run(request, list_fields) if one.name == name), None)
    if known is None:
        raise NotFound(_("There is no such field."))
    there = {"title": known.title, "choices": "\n".join(known.choices), "help": known.help}
    form, status = FieldForm(request.POST or None, initial=there | {"retired": known.retired}), 200
    if request.method == "POST":

        async def act(context: Context, actor: Actor) -> None:
            await change_field(context, actor, form.field(name, known.kind))

        status = submit(request, form, act)
    if not status:
        messages.success(request, _("The field is changed."))
        return redirect("own_fields")
    facts = {"form": form, "field": known, "kind": _(MEANINGS[known.kind])}
    return render(request, "certificates/own_field.html", facts, status=status)
