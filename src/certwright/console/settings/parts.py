"""What this installation is made of: versions, and the licences of its parts."""

import platform
import sqlite3
import sys
from dataclasses import dataclass
from functools import cache
from importlib import metadata

import django
from cryptography.hazmat.backends.openssl import backend
from django.db import connection

from ... import __version__

LICENSE_SHOWN = 80


@dataclass(frozen=True, slots=True)
class Part:
    name: str
    version: str
    license: str


def versions() -> list[tuple[str, str]]:
    return [
        ("Certwright", __version__),
        ("Python", sys.version.split()[0]),
        ("Django", django.get_version()),
        ("OpenSSL", backend.openssl_version_text().removeprefix("OpenSSL ")),
        _database(),
        (platform.system(), f"{platform.release()}, {platform.machine()}"),
    ]


def _database() -> tuple[str, str]:
    if connection.vendor == "sqlite":
        return "SQLite", sqlite3.sqlite_version
    with connection.cursor() as cursor:
        cursor.execute("SHOW server_version")
        return "PostgreSQL", str(cursor.fetchone()[0])


@cache
def parts() -> list[Part]:
    """The Python packages that lie beside ours, each once, by name."""
    found = {one.name.lower(): one for one in metadata.distributions() if one.name}
    return [Part(one.name, one.version, _license(one)) for _name, one in sorted(found.items())]


def _license(part: metadata.Distribution) -> str:
    """As the package says: an expression, a classifier, or a line of text."""
    told = part.metadata
    if "License-Expression" in told:
        return told["License-Expression"]
    kinds = [one.rpartition(" :: ")[2] for one in told.get_all("Classifier", []) if one.startswith("License")]
    lines = told["License"].strip().splitlines() if "License" in told else []
    return ", ".join(kinds) or (lines[0][:LICENSE_SHOWN] if lines else "")
