"""People who are logged in, without going through the log-in: an account, roles, a session in the store."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import httpx

from certwright.core.access import Grant
from certwright.operations.context import Context
from certwright.operations.grant_role import grant_role
from certwright.operations.manage_users import NewUser, create_user
from tests.real.certwright import ADMINISTRATOR, CHECKOUT, Home, Site

COOKIE = "__Host-certwright"
MAKE_SESSION = """
import sys, time, django
from types import SimpleNamespace
django.setup()
from certwright.console.login.session_limits import begin_session
from django.conf import settings
from django.contrib import auth
from django.contrib.sessions.backends.db import SessionStore
from certwright.store.models import User
user = User.objects.get(name=sys.argv[1])
session = SessionStore()
session[auth.SESSION_KEY] = str(user.pk)
session[auth.BACKEND_SESSION_KEY] = settings.AUTHENTICATION_BACKENDS[0]
session[auth.HASH_SESSION_KEY] = user.get_session_auth_hash()
begin_session(SimpleNamespace(session=session))
session["account_authentication_methods"] = [{"method": "password", "at": time.time(), "username": user.name}]
session.create()
print(session.session_key)
"""


def make_person(home: Home, name: str, *grants: Grant, display_name: str = "") -> str:
    """An account with these roles. Gives the key of a session of theirs."""

    async def make(context: Context) -> None:
        await create_user(context, ADMINISTRATOR, NewUser(name, display_name=display_name))
        for grant in grants:
            await grant_role(context, ADMINISTRATOR, f"user:{name}", grant)

    home.run(make)
    settings = {
        "CERTWRIGHT_HOME": str(home.folder),
        "DJANGO_SETTINGS_MODULE": "certwright.site.settings",
    }
    run = subprocess.run(
        [sys.executable, "-c", MAKE_SESSION, name],
        env={**os.environ, **settings},
        cwd=CHECKOUT,
        capture_output=True,
        text=True,
        check=True,
    )
    return run.stdout.strip()


@contextmanager
def logged_in(site: Site, session: str) -> Iterator[httpx.Client]:
    """A browser without JavaScript that shows this session; it follows no redirect by itself."""
    with site.client() as client:
        client.base_url = site.url("https", "")
        client.headers["Referer"] = site.url("https")
        client.cookies.set(COOKIE, session)
        yield client
