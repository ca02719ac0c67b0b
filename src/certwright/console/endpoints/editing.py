"""Make an endpoint, change one, take one out of use."""

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from ...core.access import Subject, Verb
from ...operations.bridge import bridge
from ...operations.found_installation import save_endpoint
from ...operations.remove_endpoint import remove_endpoint
from ...operations.shown import require_anywhere, require_page
from ...operations.view_configuration import view_endpoint
from ...store.snapshot import Endpoint
from ..acting import actor_of, run
from ..acts import submit
from ..login.fresh import recently_authenticated
from .forms import EndpointForm, NewEndpointForm

PROTOCOL = "acme"


@recently_authenticated
@require_http_methods(["GET", "HEAD", "POST"])
def new(request: HttpRequest) -> HttpResponse:
    require_anywhere(actor_of(request), Verb.MANAGE_ENDPOINTS)
    form = NewEndpointForm(request.POST or None)
    if form.is_valid() and (PROTOCOL, form.cleaned_data["name"]) in _taken():
        form.add_error("name", _("There is an endpoint of that name already; change that one."))
    return _edited(request, form, None)


def _taken() -> set[tuple[str, str]]:
    """Open or closed: the old name would come back with other rules."""
    return {(one.row.protocol, one.row.name) for one in bridge().context.snapshot.endpoints.values()}


@recently_authenticated
@require_http_methods(["GET", "HEAD", "POST"])
def edit(request: HttpRequest, protocol: str, name: str) -> HttpResponse:
    endpoint = _managed(request, protocol, name)
    return _edited(request, EndpointForm(request.POST or None, endpoint), endpoint)


def _edited(request: HttpRequest, form: EndpointForm, endpoint: Endpoint | None) -> HttpResponse:
    """The form, or the endpoint once it is saved."""
    status = 200

    def place() -> tuple[str, str]:
        row = endpoint.row if endpoint else None
        return (row.protocol, row.name) if row else (PROTOCOL, form.cleaned_data["name"])

    if request.method == "POST":
        status = submit(
            request, form, lambda context, actor: save_endpoint(context, actor, form.order(*place()))
        )
    if status:
        facts = {"form": form, "endpoint": endpoint}
        return render(request, "endpoints/edit.html", facts, status=status)
    messages.success(request, _("The endpoint is saved, and used so from now on."))
    protocol, name = place()
    return redirect("endpoint", protocol=protocol, name=name)


@recently_authenticated
@require_http_methods(["GET", "HEAD", "POST"])
def leave(request: HttpRequest, protocol: str, name: str) -> HttpResponse:
    endpoint = _managed(request, protocol, name)
    if request.method != "POST":
        return render(request, "endpoints/close.html", {"endpoint": endpoint})
    run(request, lambda context, actor: remove_endpoint(context, actor, protocol, name))
    messages.success(request, _("The endpoint is out of use. Saving it again brings it back."))
    return redirect("endpoint", protocol=protocol, name=name)


def _managed(request: HttpRequest, protocol: str, name: str) -> Endpoint:
    """Raises NotFound, Forbidden."""
    actor = actor_of(request)
    endpoint = view_endpoint(bridge().context.snapshot, actor, protocol, name)
    subject = Subject(authority=endpoint.authority, endpoint=endpoint.path)
    require_page(actor, Verb.MANAGE_ENDPOINTS, subject)
    return endpoint
