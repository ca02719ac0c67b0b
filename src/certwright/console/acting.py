"""Who looks at a page, and how a page has something done in their name."""

from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

from django.http import HttpRequest

from ..core.access import Actor
from ..operations.bridge import bridge
from ..operations.context import Context
from ..protocols.asgi import client_address
from ..store.models import User

Result = TypeVar("Result")


def actor_of(request: HttpRequest) -> Actor:
    """The person who is logged in, with the roles of this moment. Only for pages that ask for a log-in."""
    user = request.user
    assert isinstance(user, User)
    return actor_for(request, user)


def actor_for(request: HttpRequest, user: User) -> Actor:
    """The person with this account, who has just proved to be it, where the request comes from."""
    address = client_address(request.META["asgi.scope"])
    return bridge().context.snapshot.user_actor(user.name, address)


def run(request: HttpRequest, act: Callable[[Context, Actor], Coroutine[Any, Any, Result]]) -> Result:
    """Run an operation in their name and wait for it. Raises what it raises."""
    actor = actor_of(request)
    return bridge().call(lambda context: act(context, actor))
