"""Pages of one's own account: password, factors, sessions."""

from typing import Any

from allauth.account.views import LoginView, PasswordChangeView
from allauth.mfa.base.views import IndexView
from allauth.usersessions.internal.flows.sessions import end_sessions
from allauth.usersessions.models import UserSession
from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404, resolve_url
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from ...core.errors import Conflict
from ...store.models import User
from ...store.people_rows import LOCAL
from ..acting import actor_of
from .certificate_views import certificate_address
from .configured import factor_required
from .elsewhere import elsewhere
from .forms import FirstPasswordForm


class LoginPage(LoginView):
    """By password or passkey, and by those who vouch for others."""

    def get_context_data(self, **values: Any) -> dict[str, Any]:
        return super().get_context_data(**values) | {
            "sources": elsewhere(),
            "certificate_address": certificate_address(),
        }


class PasswordView(PasswordChangeView):
    """Another password. Who came with one that dies has just shown it, and is not asked for it again."""

    def dispatch(self, request: HttpRequest, *arguments: Any, **values: Any) -> Any:
        user = request.user
        if isinstance(user, User) and user.origin != LOCAL:
            raise Conflict(
                f"account {user.name} has no password here: it is one of {user.origin}; change it there"
            )
        return super().dispatch(request, *arguments, **values)

    @property
    def first(self) -> bool:
        return self.request.user.password_expires_at is not None

    def get_form_class(self) -> Any:
        return FirstPasswordForm if self.first else super().get_form_class()

    def get_template_names(self) -> list[str]:
        return ["account/first_password.html" if self.first else "account/password_change.html"]

    def get_default_success_url(self) -> str:
        return resolve_url("console") if self.was_first else super().get_default_success_url()

    def form_valid(self, form: Any) -> HttpResponse:
        self.was_first = self.first
        return super().form_valid(form)


class AccountView(IndexView):
    """One's own account."""

    def get_context_data(self, **values: Any) -> dict[str, Any]:
        actor = actor_of(self.request)
        grants = sorted((grant.role.value, grant.scope) for grant in actor.grants)
        sessions = UserSession.objects.purge_and_list(self.request.user)
        return super().get_context_data(**values) | {
            "grants": grants,
            "teams": actor.teams,
            "session_count": len(sessions),
            "factor_required": factor_required(),
        }


@require_POST
def end_session(request: HttpRequest, pk: int) -> HttpResponse:
    """End one of one's own sessions, here or elsewhere."""
    session = get_object_or_404(UserSession, pk=pk, user=request.user)
    end_sessions(request, [session])
    messages.success(request, _("The session is ended."))
    return HttpResponseRedirect(resolve_url("usersessions_list"))
