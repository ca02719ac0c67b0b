"""The first page after log-in."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from .acting import actor_of


@require_safe
def home(request: HttpRequest) -> HttpResponse:
    actor = actor_of(request)
    grants = sorted((grant.role.value, grant.scope) for grant in actor.grants)
    return render(request, "console/home.html", {"grants": grants})
