"""Those for whom others vouch, on their way in."""

from django.http import HttpRequest

from ...operations.bridge import bridge
from ...operations.enter_from_source import Source, Vouched, enter_from_source
from ...protocols.asgi import client_address
from ...store.models import User

BACKEND = "certwright.console.login.backend.ExpiringPasswords"
"""Which of Django's backends a session of theirs names: it looks whether the account is in use still."""


def enter(request: HttpRequest, source: Source, vouched: Vouched) -> User:
    """Their account. Raises what `enter_from_source` does."""
    address = client_address(request.META["asgi.scope"])
    row = bridge().call(lambda context: enter_from_source(context, source, vouched, address))
    return User.objects.get(pk=row.id)
