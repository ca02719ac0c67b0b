"""Log-in by password: as Django has it, for passwords that have not died, and by a directory's."""

from typing import Any

from django.contrib.auth.backends import ModelBackend
from django.http import HttpRequest
from django.utils import timezone

from ...store.models import User
from ...store.people_rows import LOCAL
from .configured import login_settings
from .entering import enter
from .ldap import source_of, vouch
from .waiting import waiting_for_others


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


class DirectoryPasswords(ModelBackend):
    """Log-in by the password of the directory, where there is one. Who has a password here is not asked for
    there: what they type would go to it."""

    def authenticate(
        self,
        request: HttpRequest | None,
        username: str | None = None,
        password: str | None = None,
        **kwargs: Any,
    ) -> User | None:
        """Raises Forbidden, Conflict and Malformed for a person of the directory who may not come in here,
        Unavailable when it cannot be asked."""
        directory = login_settings().ldap
        if directory is None or request is None or not username or not password:
            return None
        if User.objects.filter(name=username.strip().lower(), origin=LOCAL).exists():
            return None
        with waiting_for_others():
            vouched = vouch(directory, username.strip(), password)
        return None if vouched is None else enter(request, source_of(directory), vouched)
