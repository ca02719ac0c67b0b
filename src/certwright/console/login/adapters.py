"""django-allauth's hooks: where it does something, our operations do it and put it on record."""

import base64
import os
import time
from typing import Any

from allauth.account.adapter import DefaultAccountAdapter
from allauth.account.authentication import get_authentication_records
from allauth.core import context
from allauth.mfa.adapter import DefaultMFAAdapter
from allauth.mfa.models import Authenticator
from allauth.usersessions.adapter import DefaultUserSessionsAdapter
from django.contrib import messages
from django.core.exceptions import PermissionDenied, ValidationError
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import resolve_url
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from ...core.audit import EventKind, JsonValue
from ...core.envelope import RANDOM_BYTES
from ...core.errors import CertwrightError, Unavailable
from ...core.passwords import SALT_OCTETS, hash_password
from ...operations.bridge import bridge
from ...operations.manage_users import set_password
from ...operations.record_login import record_login, record_of_account
from ...protocols.asgi import client_address
from ...store.models import User
from ..acting import actor_for, run
from .attempts import Attempt
from .certificate_views import PROVED
from .configured import factor_required, login_settings, service_host
from .elsewhere import OPENID, SAML, elsewhere
from .session_limits import begin_session

FACTOR_CONTEXT = "login factor"
FACTORS = (Authenticator.Type.TOTP, Authenticator.Type.WEBAUTHN)
CHANGES = {
    "mfa/email/totp_activated": (EventKind.MFA_ENROLLED, "totp"),
    "mfa/email/totp_deactivated": (EventKind.MFA_REMOVED, "totp"),
    "mfa/email/webauthn_added": (EventKind.MFA_ENROLLED, "passkey"),
    "mfa/email/webauthn_removed": (EventKind.MFA_REMOVED, "passkey"),
    "mfa/email/recovery_codes_generated": (EventKind.MFA_ENROLLED, "recovery-codes"),
}
"""What django-allauth wants people told of, which is what goes on record."""
FACTOR_STAGE = "allauth.mfa.stages.AuthenticateStage"
WRONG = _("The name or the password is wrong.")
WAIT = _("Too many log-ins have failed. Wait a while, then try again.")


class AccountAdapter(DefaultAccountAdapter):
    """Log-in, log-out and passwords."""

    error_messages = DefaultAccountAdapter.error_messages | {
        "username_password_mismatch": WRONG,
        "too_many_login_attempts": WAIT,
        "rate_limited": WAIT,
        "incorrect_password": _("The password is wrong."),
        "enter_current_password": _("The current password is wrong."),
    }

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        return False

    def get_client_ip(self, request: HttpRequest) -> str:
        address = client_address(request.META["asgi.scope"])
        if not address:
            raise PermissionDenied("the caller has no address")
        return address

    def authenticate(self, request: HttpRequest, **credentials: Any) -> User | None:
        """Wrong account, wrong password, disabled: the same answer, after the same time."""
        attempt = Attempt(request, str(credentials.get("username", "")))
        if not attempt.begin():
            raise self.validation_error("too_many_login_attempts")
        try:
            user: User | None = super().authenticate(request, **credentials)
        except Unavailable as error:
            raise ValidationError(error.detail) from error
        except CertwrightError as error:  # the password is right, and its person may not come in here
            attempt.failed()
            raise ValidationError(error.detail) from error
        if user is None:
            attempt.failed()
        else:
            attempt.succeeded()
        return user

    def pre_authenticate(self, request: HttpRequest, **credentials: Any) -> None:
        """Counted in `authenticate`, in place of django-allauth's way."""

    def respond_user_inactive(self, request: HttpRequest, user: User) -> HttpResponse:
        messages.error(request, WRONG)
        return HttpResponseRedirect(resolve_url("account_login"))

    def login(self, request: HttpRequest, user: User) -> None:
        """On record before there is a session."""
        proofs = [str(one.get("type") or one["method"]) for one in get_authentication_records(request, user)]
        actor, browser = actor_for(request, user), self.get_http_user_agent(request)
        bridge().call(lambda there: record_login(there, actor, proofs, browser))
        super().login(request, user)
        begin_session(request)

    def logout(self, request: HttpRequest) -> None:
        record(request, EventKind.LOGIN_ENDED, {"reason": "logged out"})
        super().logout(request)

    def set_password(self, user: User, password: str) -> None:
        """Their own, which lasts. What was logged in with the old one is not any more."""
        kept = hash_password(password, os.urandom(SALT_OCTETS))
        run(context.request, lambda there, actor: set_password(there, actor, user.name, kept))
        user.password, user.password_expires_at = kept, None

    def get_login_redirect_url(self, request: HttpRequest) -> str:
        return resolve_url("console")

    def get_password_change_redirect_url(self, request: HttpRequest) -> str:
        return resolve_url("mfa_index")

    def is_reauthentication_required(self, *, app: str, **values: Any) -> bool:
        """Logging in is a proof as good as one that was asked for."""
        records = get_authentication_records(context.request, context.request.user)
        age = time.time() - records[-1]["at"] if records else -1
        return not 0 <= age < login_settings().fresh_seconds

    def get_login_stages(self) -> list[str]:
        """Where a certificate counts as second factor, none is asked for."""
        stages: list[str] = super().get_login_stages()
        proved = getattr(self.request, PROVED, False)
        return [stage for stage in stages if not (proved and stage == FACTOR_STAGE)]

    def get_reauthentication_methods(self, user: User) -> list[dict[str, Any]]:
        """Who comes from an OpenID or SAML provider proves it there."""
        methods: list[dict[str, Any]] = super().get_reauthentication_methods(user)
        if not user.origin.startswith((OPENID, SAML)):
            return methods
        there = [
            {"id": "elsewhere", "description": gettext("Log in again with %s") % one.label, "url": one.begin}
            for one in elsewhere()
            if one.origin == user.origin
        ]
        return there + [one for one in methods if one["id"] != "reauthenticate"]

    def send_notification_mail(
        self, template_prefix: str, user: User, *arguments: Any, **values: Any
    ) -> None:
        if template_prefix in CHANGES:
            kind, factor = CHANGES[template_prefix]
            record(context.request, kind, {"factor": factor})


class MfaAdapter(DefaultMFAAdapter):
    """Second factors and passkeys. Their secrets are kept under the key-encryption key."""

    error_messages = DefaultMFAAdapter.error_messages | {
        "cannot_delete_authenticator": _("A second factor is required here; add a passkey first."),
        "incorrect_code": _("The code is wrong, or was used already."),
    }

    def encrypt(self, text: str) -> str:
        keyring, random = bridge().context.keyring, os.urandom(RANDOM_BYTES)
        return base64.b64encode(keyring.encrypt(text.encode(), FACTOR_CONTEXT, random)).decode()

    def decrypt(self, encrypted_text: str) -> str:
        keyring = bridge().context.keyring
        return keyring.decrypt(base64.b64decode(encrypted_text), FACTOR_CONTEXT).decode()

    def can_delete_authenticator(self, authenticator: Authenticator) -> bool:
        others = Authenticator.objects.filter(user=authenticator.user, type__in=FACTORS)
        return not factor_required() or others.exclude(pk=authenticator.pk).exists()

    def get_totp_issuer(self) -> str:
        return f"Certwright {service_host()}"

    def get_public_key_credential_rp_entity(self) -> dict[str, str]:
        return {"id": service_host(), "name": "Certwright"}

    def generate_authenticator_name(self, user: User, type: Authenticator.Type) -> str:  # noqa: A002
        number = Authenticator.objects.filter(user=user, type=type).count() + 1
        return gettext("Passkey %d") % number


class SessionsAdapter(DefaultUserSessionsAdapter):
    def end_sessions(self, sessions: Any) -> None:
        if sessions:
            record(context.request, EventKind.SESSION_REVOKED, {"sessions": len(sessions)})
        super().end_sessions(sessions)


def record(request: HttpRequest, kind: EventKind, detail: dict[str, JsonValue]) -> None:
    """Put on record what the person who is logged in did about their log-in. Raises Unavailable."""
    run(request, lambda there, actor: record_of_account(there, actor, kind, detail))
