"""How long a session lasts: so long without a request, and so long in all. What is older is ended here,
whatever the browser still sends."""

import time
from collections.abc import Callable

from allauth.usersessions.models import UserSession
from django.contrib.auth import logout
from django.http import HttpRequest, HttpResponseBase

from ...core.audit import EventKind
from ...operations.record_login import record_of_account
from ..acting import run
from .configured import login_settings

BEGAN, SEEN = "certwright.began", "certwright.seen"
SEEN_EVERY_SECONDS = 60
"""How exactly it is kept when a session was last used: a write for each request would cost more than it
tells."""


def begin_session(request: HttpRequest) -> None:
    """The person has just logged in."""
    request.session[BEGAN] = request.session[SEEN] = int(time.time())


class SessionLimits:
    """Behind Django's own sessions and log-in."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        if request.user.is_authenticated:
            self._look(request)
        return self._get_response(request)

    def _look(self, request: HttpRequest) -> None:
        now, session, limits = int(time.time()), request.session, login_settings()
        if now - session.get(BEGAN, 0) >= limits.session_seconds:
            _end(request, "its longest time is over")
        elif now - session.get(SEEN, 0) >= limits.idle_seconds:
            _end(request, "nothing was asked for")
        elif abs(now - session[SEEN]) >= min(SEEN_EVERY_SECONDS, limits.idle_seconds // 4):
            session[SEEN] = now
            UserSession.objects.create_from_request(request)  # or the one there is, seen now


def _end(request: HttpRequest, reason: str) -> None:
    run(
        request,
        lambda there, actor: record_of_account(there, actor, EventKind.LOGIN_ENDED, {"reason": reason}),
    )
    logout(request)
