"""Django settings with our tables and nothing else: for making them in a test database, and for mypy."""

import os
from urllib.parse import urlsplit


def _connection(url: str) -> dict[str, object]:
    parts = urlsplit(url)
    if parts.scheme == "sqlite":
        return {"ENGINE": "django.db.backends.sqlite3", "NAME": parts.path.removeprefix("/")}
    return {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": parts.path.removeprefix("/"),
        "USER": parts.username,
        "PASSWORD": parts.password,
        "HOST": parts.hostname,
        "PORT": parts.port,
    }


INSTALLED_APPS = [
    "django.contrib.contenttypes",
    "django.contrib.auth",
    "django.contrib.sessions",
    "allauth",
    "allauth.account",
    "allauth.mfa",
    "allauth.usersessions",
    "certwright.store",
]
MIDDLEWARE = ["allauth.account.middleware.AccountMiddleware"]  # or its tables cannot be loaded
AUTH_USER_MODEL = "store.User"
DATABASES = {"default": _connection(os.environ.get("CERTWRIGHT_TEST_TABLES", "sqlite:///:memory:"))}
SECRET_KEY = "made tables hold no secret"
USE_TZ = True
