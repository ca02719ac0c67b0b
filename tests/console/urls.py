"""Every address of the console, as the url configuration of an installation has it."""

import json
import os
import subprocess
import sys

from tests.real.certwright import CHECKOUT, Home

BELOW = "console/"
WALK = """
import json, django
django.setup()
from django.urls import URLResolver, get_resolver

def walk(patterns, before=""):
    for one in patterns:
        place = before + str(one.pattern)
        if isinstance(one, URLResolver):
            yield from walk(one.url_patterns, place)
        else:
            yield place, one.name

print(json.dumps([*walk(get_resolver().url_patterns)]))
"""


def addresses(home: Home) -> list[tuple[str, str | None]]:
    """Every address that Django answers, like `/console/people/of/<str:name>/`, and its name."""
    settings = {"CERTWRIGHT_HOME": str(home.folder), "DJANGO_SETTINGS_MODULE": "certwright.site.settings"}
    done = subprocess.run(
        [sys.executable, "-c", WALK],
        env={**os.environ, **settings},
        cwd=CHECKOUT,
        capture_output=True,
        text=True,
        check=True,
    )
    return [(f"/{place}", name) for place, name in json.loads(done.stdout)]


def console_addresses(home: Home) -> list[str]:
    """Those of the console."""
    return sorted(place for place, _ in addresses(home) if place.removeprefix("/").startswith(BELOW))
