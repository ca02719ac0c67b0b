"""How accounts and teams may be called."""

import re

from .errors import Malformed

ACCOUNT_NAME = re.compile(r"[a-z0-9][a-z0-9._@-]{0,99}")
TEAM_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,99}")
RESERVED = frozenset({"none", "any"})
"""Searches and filters say so who answers for nothing, or for something: `owner:none`, `team:any`."""


def check_account_name(name: str) -> None:
    """Raises Malformed."""
    if not ACCOUNT_NAME.fullmatch(name):
        raise Malformed(f"{name[:100]!r} is no account name: 1 to 100 of a-z, 0-9 and ._@-")
    _check_free(name)


def check_team_name(name: str) -> None:
    """Raises Malformed."""
    if not TEAM_NAME.fullmatch(name):
        raise Malformed(f"{name[:100]!r} is no team name: 1 to 100 of a-z, 0-9 and ._-")
    _check_free(name)


def _check_free(name: str) -> None:
    if name in RESERVED:
        raise Malformed(f"{name} is a word of searches; choose another name")
