"""Log-in by password, as Django has it, for passwords that have not died."""

from typing import Any

from django.contrib.auth.backends import ModelBackend
from django.http import HttpRequest
from django.utils import timezone

from ...store.models import User


class ExpiringPasswords(ModelBackend):
    """A first password dies by itself; whoever sets a new one clears `password_expires_at`."""

    def authenticate(
        self,
        request: HttpRequest | None,
        username: str | None = None,
        password: str | None = None,
        **kwargs: Any,
    ) -> User | None:
        user = super().authenticate(request, username, password, **kwargs)
        if user is not None and user.password_expires_at is not None:
            return user if timezone.now() < user.password_expires_at else None
        return user
