"""Do the name constraints of an authority, and of those above it, permit a name? (RFC 5280 4.2.1.10, 6.1)"""

import ipaddress
from collections.abc import Iterable
from typing import Any
from urllib.parse import urlsplit

from .audit import shown
from .compared_name import begins_with
from .distinguished_name import DistinguishedName
from .errors import Malformed
from .extensions import AnySubtree, DirectorySubtree, NameConstraints, Subtree
from .names import Identifier, IdentifierKind, dns_name_under, normalize_dns, parse_identifier


def normalized(constraints: NameConstraints) -> NameConstraints:
    """With bases in the form that identifiers have: others write them as they like (RFC 5280 7.2).

    Raises Malformed for a base that nothing could be compared with.
    """
    permitted, excluded = map(_normalized, constraints.permitted), map(_normalized, constraints.excluded)
    return NameConstraints(tuple(permitted), tuple(excluded))


def _normalized(tree: AnySubtree) -> AnySubtree:
    if isinstance(tree, DirectorySubtree) or tree.kind is IdentifierKind.IP or not tree.base:
        return tree
    local, at, host = tree.base.rpartition("@") if tree.kind is IdentifierKind.EMAIL else ("", "", tree.base)
    dot = host[: host.startswith(".")]
    try:
        base = normalize_dns(host[len(dot) :])
    except Malformed as error:
        raise Malformed(f"name constraint {tree.kind}:{shown(tree.base, 80)}: {error.detail}") from error
    if "*" in base:
        raise Malformed(f"name constraint {tree.kind}:{shown(tree.base, 80)}: a base has no wildcard")
    return Subtree(tree.kind, local + at + dot + base)


def permitted(constraints: Iterable[NameConstraints], identifier: Identifier) -> bool:
    """True when each of the constraints, in normal form, lets the name through.

    A wildcard counts as excluded when a name it stands for could be.
    """
    return all(_permitted(one, identifier) for one in constraints)


def mail_permitted(constraints: Iterable[NameConstraints], value: str) -> bool:
    """The same for an emailAddress of a subject, which counts as an e-mail name (RFC 5280 4.2.1.10).

    Text that is no mail address is permitted only where nothing is said about mail addresses.
    """
    try:
        return permitted(constraints, parse_identifier(IdentifierKind.EMAIL, value))
    except Malformed:
        trees = [tree for one in constraints for tree in (*one.permitted, *one.excluded)]
        return not any(tree.kind is IdentifierKind.EMAIL for tree in trees)


def name_permitted(constraints: Iterable[NameConstraints], name: DistinguishedName) -> bool:
    """The same for a subject, or a directory name among the alternative ones. No name at all is permitted
    (RFC 5280 section 4.2.1.10)."""
    return not name or all(_name_permitted(one, name) for one in constraints)


def _name_permitted(constraints: NameConstraints, name: DistinguishedName) -> bool:
    inside, excluded = (
        [begins_with(name, tree.name) for tree in trees if isinstance(tree, DirectorySubtree)]
        for trees in (constraints.permitted, constraints.excluded)
    )
    return (any(inside) or not inside) and not any(excluded)


def covers(outer: AnySubtree, inner: AnySubtree) -> bool:
    """Is every name under the inner base under the outer one too? Both in normal form."""
    if isinstance(outer, DirectorySubtree) and isinstance(inner, DirectorySubtree):
        return begins_with(inner.name, outer.name)
    if isinstance(outer, DirectorySubtree) or isinstance(inner, DirectorySubtree):
        return False
    return _covers(outer, inner)


def _covers(outer: Subtree, inner: Subtree) -> bool:
    if outer.kind is not inner.kind or not (inner.base or not outer.base):
        return False
    if not outer.base:
        return True
    if outer.kind is IdentifierKind.IP:
        networks = ipaddress.ip_network(outer.base), ipaddress.ip_network(inner.base)
        return networks[0].version == networks[1].version and _contains(*networks)
    if outer.kind is IdentifierKind.DNS:
        below, above = inner.base.removeprefix("."), outer.base.removeprefix(".")
        return dns_name_under(below, above) and (outer.base == above or inner.base != above)
    if outer.base.startswith("."):
        return inner.base.rpartition("@")[2].endswith(outer.base)
    return inner.base == outer.base or inner.base.endswith("@" + outer.base)


def _contains(outer: Any, inner: Any) -> bool:
    return bool(inner.subnet_of(outer))


def _permitted(constraints: NameConstraints, identifier: Identifier) -> bool:
    inside, excluded = (
        [tree for tree in trees if isinstance(tree, Subtree) and tree.kind is identifier.kind]
        for trees in (constraints.permitted, constraints.excluded)
    )
    if identifier.kind is IdentifierKind.URI and (inside or excluded) and not _host(identifier):
        return False  # RFC 5280 4.2.1.10: a URI whose host is no domain name must be rejected
    if inside and not any(_within(tree, identifier) for tree in inside):
        return False
    return not any(_within(tree, identifier) or _could_be(tree, identifier) for tree in excluded)


def _within(tree: Subtree, identifier: Identifier) -> bool:
    if not tree.base:
        return True
    if tree.kind is IdentifierKind.IP:
        return ipaddress.ip_address(identifier.value) in ipaddress.ip_network(tree.base)
    if tree.kind is IdentifierKind.DNS:
        below = tree.base.removeprefix(".")
        return dns_name_under(identifier.value, below) and (tree.base == below or identifier.value != below)
    if "@" in tree.base:
        return identifier.value == tree.base
    host = _host(identifier)
    return host.endswith(tree.base) if tree.base.startswith(".") else host == tree.base


def _host(identifier: Identifier) -> str:
    """Domain of a mail address, host of a URI; empty when that is no domain name."""
    if identifier.kind is IdentifierKind.EMAIL:
        return identifier.value.rpartition("@")[2]
    try:
        return normalize_dns(urlsplit(identifier.value).hostname or "")
    except (Malformed, ValueError):
        return ""


def _could_be(tree: Subtree, identifier: Identifier) -> bool:
    """Is it the name itself of a DNS base that some write with a leading dot, or does the wildcard cover a
    name under the excluded base?"""
    if tree.kind is not IdentifierKind.DNS:
        return False
    base, name = tree.base.removeprefix("."), identifier.value
    return name == base or (name.startswith("*.") and dns_name_under(base, name[2:]))
