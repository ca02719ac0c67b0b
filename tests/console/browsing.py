"""People before the console: accounts made by operations, and a browser without JavaScript."""

import base64
import hashlib
import hmac
import itertools
import re
import struct
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from html import unescape

import httpx

from certwright.core.access import Grant, Role
from certwright.core.passwords import hash_password
from certwright.operations.context import Context
from certwright.operations.grant_role import grant_role
from certwright.operations.list_events import EventFilter, event_document, list_events
from certwright.operations.manage_users import NewUser, create_user
from tests.real.certwright import ADMINISTRATOR, Home, Site

PASSWORD = "correct horse battery staple"
KEPT = hash_password(PASSWORD, b"sixteen octets!!")
ADDRESSES = (f"192.0.2.{number}" for number in itertools.cycle(range(1, 255)))
PROXIED = {"proxies": ["127.0.0.1/32"]}
"""The setting under which each browser of the tests has an address of its own."""


def make_person(home: Home, name: str, *roles: Role, expires: datetime | None = None) -> str:
    """An account that logs in with PASSWORD, with these roles within everything. Gives its name."""

    async def make(context: Context) -> None:
        await create_user(context, ADMINISTRATOR, NewUser(name, password=KEPT, password_expires_at=expires))
        for role in roles:
            await grant_role(context, ADMINISTRATOR, f"user:{name}", Grant(role))

    home.run(make)
    return name


def events(home: Home, kind: str, subject: str | None = None) -> list[dict[str, object]]:
    """What is on record, the newest first."""

    async def read(context: Context) -> list[dict[str, object]]:
        rows = await list_events(
            context.database, ADMINISTRATOR, EventFilter(kind=kind, subject=subject), 100
        )
        return [event_document(row) for row in rows]

    return home.run(read)


@dataclass(slots=True)
class Browser:
    """One browser: it keeps cookies, follows no redirect by itself, and fills in forms."""

    site: Site
    client: httpx.Client = field(repr=False)

    def get(self, path: str) -> httpx.Response:
        return self.client.get(path)

    def send(self, path: str, page: str | None = None, **fields: str) -> httpx.Response:
        """Fill in the form that is sent to `path` and stands on `page`, or there too."""
        shown = self.client.get(page or path)
        token = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', shown.text)
        assert token, f"no form on {page or path}: {shown.status_code} {shown.headers.get('location')}"
        referer = self.site.url("https", page or path)
        return self.client.post(
            path, data={"csrfmiddlewaretoken": token[1], **fields}, headers={"Referer": referer}
        )

    def log_in(self, name: str, password: str = PASSWORD) -> httpx.Response:
        return self.send("/login/", login=name, password=password)

    def logged_in(self) -> bool:
        return self.get("/console/account/").status_code == 200

    def add_authenticator(self) -> str:
        """Its secret."""
        page = self.get("/console/account/authenticator/")
        secret = element(page, "totp_secret")
        token = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', page.text)
        assert token
        answer = self.client.post(
            "/console/account/authenticator/",
            data={"csrfmiddlewaretoken": token[1], "code": code(secret)},
            headers={"Referer": self.site.url("https")},
        )
        assert answer.status_code == 302, answer.text
        return secret


@contextmanager
def browser(site: Site) -> Iterator[Browser]:
    """A new browser, at an address of its own."""
    client = site.client()
    client.base_url = site.url("https", "")
    client.headers["X-Forwarded-For"] = next(ADDRESSES)
    with client:
        yield Browser(site, client)


def element(page: httpx.Response, identifier: str) -> str:
    """The text of the element with this id."""
    found = re.search(rf'id="{identifier}"[^>]*>([^<]*)<', page.text)
    assert found, page.text
    return unescape(found[1]).strip()


def alerts(page: httpx.Response) -> list[str]:
    """What the page says in red."""
    return [unescape(text).strip() for text in re.findall(r'role="alert">([^<]*)<', page.text)]


def code(secret: str, ahead: int = 0) -> str:
    """What an authenticator shows (RFC 6238), `ahead` steps of 30 s from now."""
    counter = struct.pack(">Q", int(time.time()) // 30 + ahead)
    digest = hmac.new(base64.b32decode(secret), counter, hashlib.sha1).digest()
    offset = digest[-1] & 15
    value = struct.unpack(">I", digest[offset : offset + 4])[0] & 0x7FFFFFFF
    return f"{value % 1_000_000:06}"
