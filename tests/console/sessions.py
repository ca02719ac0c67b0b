"""Sessions as they lie in the database, made older than they are."""

import os
import subprocess
import sys

from tests.console.browsing import Browser
from tests.real.certwright import CHECKOUT

COOKIE = "__Host-certwright"
ALTER = """
import sys, django
django.setup()
from importlib import import_module
from django.conf import settings
session = import_module(settings.SESSION_ENGINE).SessionStore(sys.argv[1])
session.load()
{statement}
session.modified = True
session.save()
"""


def alter(browser: Browser, statement: str) -> None:
    """Run a statement on the browser's `session`, with the installation's own settings."""
    home = browser.site.home.folder
    settings = {"CERTWRIGHT_HOME": str(home), "DJANGO_SETTINGS_MODULE": "certwright.site.settings"}
    subprocess.run(
        [sys.executable, "-c", ALTER.format(statement=statement), browser.client.cookies[COOKIE]],
        env={**os.environ, **settings},
        cwd=CHECKOUT,
        check=True,
    )
