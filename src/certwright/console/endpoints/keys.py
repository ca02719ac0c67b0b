"""A new key that binds an account; it is shown on the page that answers, and never again."""

from datetime import timedelta

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_http_methods

from ...core.access import Actor, Subject, Verb
from ...operations.bridge import bridge
from ...operations.context import Context
from ...operations.external_account_keys import NewAccountKey, create_account_key
from ...operations.shown import require_page
from ...operations.view_configuration import view_endpoint
from ..acting import actor_of
from ..acts import submit
from ..login.fresh import recently_authenticated
from .forms import KeyForm
from .views import told


@recently_authenticated
@require_http_methods(["GET", "HEAD", "POST"])
def new_key(request: HttpRequest, protocol: str, name: str) -> HttpResponse:
    actor = actor_of(request)
    endpoint = view_endpoint(bridge().context.snapshot, actor, protocol, name)
    subject = Subject(authority=endpoint.authority, endpoint=endpoint.path)
    require_page(actor, Verb.MANAGE_ENDPOINTS, subject)
    form, made = KeyForm(request.POST or None), list[NewAccountKey]()

    async def act(context: Context, actor: Actor) -> None:
        days = form.cleaned_data["days"]
        until = context.clock() + timedelta(days=days) if days else None
        made.append(await create_account_key(context, actor, name, form.cleaned_data["name"], until))

    status = submit(request, form, act) if request.method == "POST" else 200
    if not made:
        return render(request, "endpoints/new_key.html", {"endpoint": endpoint, "form": form}, status=status)
    key = made[0]
    facts = told(endpoint, key.row.name, key.key) | {"key": key}
    return render(request, "endpoints/key.html", facts, status=201)
