"""A page with several small forms: the field `act` says which was sent; an operation does what it asks."""

from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django import forms
from django.contrib import messages
from django.http import HttpRequest

from ..core.access import Actor
from ..core.errors import CertwrightError, SecondPersonNeeded
from ..operations.context import Context
from .acting import run
from .errors import told

if TYPE_CHECKING:
    from django_stubs_ext import StrPromise

Operation = Callable[[Context, Actor, str, dict[str, Any]], Coroutine[Any, Any, Any]]


@dataclass(frozen=True, slots=True)
class Act:
    """What one of the forms does to the object with that name, and what is said when it is done, in the
    language of who reads it."""

    run: Operation
    done: "StrPromise"
    form: type[forms.Form] = forms.Form


@dataclass(frozen=True, slots=True)
class Outcome:
    """`forms` by act, for the page to show again; `status` is 0 when it was done."""

    forms: dict[str, forms.Form]
    status: int


def perform(request: HttpRequest, name: str, acts: Mapping[str, Act], initial: Mapping[str, Any]) -> Outcome:
    """Do what was sent. `initial` are values of forms by act."""
    shown = {key: act.form(initial=initial.get(key), auto_id=f"{key}_%s") for key, act in acts.items()}
    asked = request.POST.get("act", "")
    if request.method != "POST" or asked not in acts:
        return Outcome(shown, 400 if request.method == "POST" else 200)
    act, form = acts[asked], acts[asked].form(request.POST, auto_id=f"{asked}_%s")
    shown[asked] = form
    status = submit(request, form, lambda context, actor: act.run(context, actor, name, form.cleaned_data))
    if not status:
        messages.success(request, str(act.done))
    return Outcome(shown, status)


def submit(
    request: HttpRequest, form: forms.Form, act: Callable[[Context, Actor], Coroutine[Any, Any, Any]]
) -> int:
    """Run an operation for a form. 0 when it is done; else the status, and the form has the one line. Raises
    SecondPersonNeeded, for which there is a page."""
    if not form.is_valid():
        return 400
    try:
        run(request, act)
    except SecondPersonNeeded:
        raise
    except CertwrightError as error:
        error = told(request, error)
        form.add_error(None, error.detail)
        return error.status
    return 0
