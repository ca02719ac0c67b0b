"""Does an authority's name constraint permit a name? (RFC 5280 section 4.2.1.10)"""

import ipaddress
from urllib.parse import urlsplit

from .extensions import NameConstraints, Subtree
from .names import Identifier, IdentifierKind, dns_name_under


def permitted(constraints: NameConstraints, identifier: Identifier) -> bool:
    """True when every constraint of the identifier's kind lets it through.

    A wildcard counts as excluded when a name it stands for could be.
    """
    of_kind = [tree for tree in constraints.permitted if tree.kind is identifier.kind]
    if of_kind and not any(_within(tree, identifier) for tree in of_kind):
        return False
    excluded = [tree for tree in constraints.excluded if tree.kind is identifier.kind]
    return not any(_within(tree, identifier) or _could_be(tree, identifier) for tree in excluded)


def _within(tree: Subtree, identifier: Identifier) -> bool:
    if tree.kind is IdentifierKind.IP:
        return ipaddress.ip_address(identifier.value) in ipaddress.ip_network(tree.base)
    if tree.kind is IdentifierKind.DNS:
        below = tree.base.removeprefix(".")
        return dns_name_under(identifier.value, below) and (tree.base == below or identifier.value != below)
    if tree.kind is IdentifierKind.EMAIL and "@" in tree.base:
        return identifier.value == tree.base
    host = identifier.value.rpartition("@")[2]
    if tree.kind is IdentifierKind.URI:
        host = urlsplit(identifier.value).hostname or ""
    return host.endswith(tree.base) if tree.base.startswith(".") else host == tree.base


def _could_be(tree: Subtree, identifier: Identifier) -> bool:
    """Does the wildcard cover a name under the excluded base?"""
    wildcard = tree.kind is IdentifierKind.DNS and identifier.value.startswith("*.")
    return wildcard and dns_name_under(tree.base.removeprefix("."), identifier.value[2:])
