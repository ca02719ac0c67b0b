"""django-allauth's forms, in our words, with what fails put on record."""

from typing import Any

from allauth.account import forms as account
from allauth.account.adapter import get_adapter
from allauth.core import context
from allauth.mfa.base import forms as factors
from allauth.mfa.webauthn import forms as passkeys
from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _

from .attempts import Attempt, record_failure


class LoginForm(account.LoginForm):
    def __init__(self, *arguments: Any, **values: Any) -> None:
        super().__init__(*arguments, **values)
        self.fields["login"].label = _("Name")
        for field in self.fields.values():
            field.widget.attrs.pop("placeholder", None)
        self.fields["login"].widget.attrs |= {"autofocus": True, "autocapitalize": "none"}


class ChangePasswordForm(account.ChangePasswordForm):
    """The current password may be guessed here as little as anywhere else."""

    def clean_oldpassword(self) -> str:
        attempt = Attempt(context.request, self.user.name)
        if not attempt.begin():
            raise get_adapter().validation_error("too_many_login_attempts")
        try:
            given: str = super().clean_oldpassword()
        except ValidationError:
            attempt.failed()
            raise
        attempt.succeeded()
        return given


class FirstPasswordForm(account.SetPasswordForm):
    """In place of a password that somebody else has seen."""

    def clean_password1(self) -> str:
        chosen: str = self.cleaned_data["password1"]
        if self.user.check_password(chosen):
            raise ValidationError(_("Choose another password than the one you were given."))
        return chosen


class _CodeOnRecord:
    """A code that is wrong is a failed log-in."""

    def clean_code(self) -> Any:
        try:
            return super().clean_code()  # type: ignore[misc]
        except ValidationError:
            record_failure(context.request, self.user.name, True, "factor")  # type: ignore[attr-defined]
            raise


class _PasskeyOnRecord:
    """So is a passkey that proves nothing; whose it was to be is known only after a password."""

    def clean_credential(self) -> Any:
        try:
            return super().clean_credential()  # type: ignore[misc]
        except ValidationError:
            user = self.user  # type: ignore[attr-defined]
            record_failure(context.request, user.name if user else "", bool(user), "passkey")
            raise


class AuthenticateForm(_CodeOnRecord, factors.AuthenticateForm): ...


class ReauthenticateForm(_CodeOnRecord, factors.ReauthenticateForm): ...


class AuthenticatePasskeyForm(_PasskeyOnRecord, passkeys.AuthenticateWebAuthnForm): ...


class ReauthenticatePasskeyForm(_PasskeyOnRecord, passkeys.ReauthenticateWebAuthnForm): ...


class LoginPasskeyForm(_PasskeyOnRecord, passkeys.LoginWebAuthnForm): ...
