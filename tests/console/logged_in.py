"""People who are logged in, without going through the log-in: an account, roles, a session in the store."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import httpx

from certwright.core.access import Grant
from certwright.operations.context import Context
from certwright.operations.grant_role import grant_role
from certwright.operations.manage_users import NewUser, create_user
from tests.console.browsing import KEPT
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
for name in sys.argv[1:]:
    user = User.objects.get(name=name)
    session = SessionStore()
    session[auth.SESSION_KEY] = str(user.pk)
    session[auth.BACKEND_SESSION_KEY] = settings.AUTHENTICATION_BACKENDS[0]
    session[auth.HASH_SESSION_KEY] = user.get_session_auth_hash()
    proof = {"method": "password", "at": time.time(), "reauthenticated": True}
    session["account_authentication_methods"] = [proof]
    session["account_authentication_methods_user"] = str(user.pk)
    begin_session(SimpleNamespace(session=session))
    session.create()
    print(session.session_key)
"""


def make_person(home: Home, name: str, *grants: Grant, display_name: str = "") -> str:
    """An account with these roles. Gives the key of a session of theirs, in which they have just proved who
    they are."""
    return make_people(home, {name: grants}, display_name)[name]


def make_people(home: Home, people: Mapping[str, Sequence[Grant]], display_name: str = "") -> dict[str, str]:
    """Accounts by name with their roles, and the key of a session of each."""

    async def make(context: Context) -> None:
        for name, grants in people.items():
            await create_user(context, ADMINISTRATOR, NewUser(name, display_name=display_name, password=KEPT))
            for grant in grants:
                await grant_role(context, ADMINISTRATOR, f"user:{name}", grant)

    home.run(make)
    settings = {
        "CERTWRIGHT_HOME": str(home.folder),
        "DJANGO_SETTINGS_MODULE": "certwright.site.settings",
    }
    run = subprocess.run(
        [sys.executable, "-c", MAKE_SESSION, *people],
        env={**os.environ, **settings},
        cwd=CHECKOUT,
        capture_output=True,
        text=True,
        check=True,
    )
    return dict(zip(people, run.stdout.split(), strict=True))


@contextmanager
def logged_in(site: Site, session: str) -> Iterator[httpx.Client]:
    """A browser without JavaScript that shows this session; it follows no redirect by itself."""
    with site.client() as client:
        client.base_url = site.url("https", "")
        client.headers["Referer"] = site.url("https")
        client.cookies.set(COOKIE, session)
        yield client


@dataclass(frozen=True, slots=True)
class People:
    home: Home
    site: Site
    sessions: dict[str, str]

    def page(self, path: str, who: str = "admin") -> httpx.Response:
        with logged_in(self.site, self.sessions[who]) as client:
            return client.get(path)

    def send(
        self, path: str, who: str = "admin", page: str = "/console/certificates/", **fields: object
    ) -> httpx.Response:
        """Post a form whose token stands on `page`."""
        with logged_in(self.site, self.sessions[who]) as client:
            token = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', client.get(page).text)
            assert token
            return client.post(path, data={"csrfmiddlewaretoken": token[1], **fields})
