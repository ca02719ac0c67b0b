"""Names as people write them in a form, one a line: what kind each is, is told by its look.

`KIND:` in front says it where the look does not: `uri:tag:example.test,2026:x`, `upn:ann@example.test`.
"""

import ipaddress
import re
from collections.abc import Set

from .errors import Malformed, TooLarge
from .names import Identifier, IdentifierKind, parse_identifier

NAMES_MAX = 100
_GUID = re.compile(r"[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}")
_AT = (IdentifierKind.EMAIL, IdentifierKind.UPN, IdentifierKind.KERBEROS)
"""What `ann@example.test` can be: the first of these that is taken."""


def read_names(text: str, kinds: Set[IdentifierKind]) -> tuple[Identifier, ...]:
    """The names of all lines that are not blank, each once, in their order. `kinds` are those that are taken:
    they settle what could be one or the other, and exclude nothing. Raises Malformed naming the line,
    TooLarge past NAMES_MAX."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    if len(lines) > NAMES_MAX:
        raise TooLarge(f"{len(lines)} names; {NAMES_MAX} are the most")
    return tuple(dict.fromkeys([read_name(line, kinds) for line in lines]))


def read_name(line: str, kinds: Set[IdentifierKind]) -> Identifier:
    """One name. Raises Malformed."""
    kind, colon, rest = line.partition(":")
    if colon and kind.lower() in tuple(IdentifierKind):
        return parse_identifier(kind.lower(), rest.strip())
    return parse_identifier(_look(line, kinds), line)


def write_name(identifier: Identifier, kinds: Set[IdentifierKind]) -> str:
    """A line that `read_name` reads back to the same name: as short as can be."""
    try:
        plain = read_name(identifier.value, kinds) == identifier
    except Malformed:
        plain = False
    return identifier.value if plain else str(identifier)


def _look(line: str, kinds: Set[IdentifierKind]) -> IdentifierKind:
    if _is_address(line):
        return IdentifierKind.IP
    if "://" in line:
        return IdentifierKind.URI
    if "@" in line:
        return next((kind for kind in _AT if kind in kinds), IdentifierKind.EMAIL)
    if IdentifierKind.GUID in kinds and _GUID.fullmatch(line):
        return IdentifierKind.GUID
    return IdentifierKind.DNS


def _is_address(line: str) -> bool:
    try:
        ipaddress.ip_address(line)
    except ValueError:
        return False
    return True
