"""Distinguished names as they are compared (RFC 5280 section 7.1)."""

import hashlib
import json
import unicodedata

from .distinguished_name import Attribute, DistinguishedName

ComparedName = tuple[frozenset[Attribute], ...]


def compared(name: DistinguishedName) -> ComparedName:
    """The name as names are compared: without regard to case and to how spaces are set (RFC 5280 7.1)."""
    return tuple([frozenset([(oid, _folded(value)) for oid, value in rdn]) for rdn in name.rdns])


def compared_sha256(name: DistinguishedName) -> bytes:
    """The same for names that compare as equal, and 32 octets however long the name is."""
    return hashlib.sha256(json.dumps([sorted(rdn) for rdn in compared(name)]).encode()).digest()


def begins_with(name: DistinguishedName, base: DistinguishedName) -> bool:
    """Is the name within the subtree of another, which is one itself? (RFC 5280 section 7.1)"""
    return compared(name)[: len(base.rdns)] == compared(base)


def _folded(value: str) -> str:
    return " ".join(unicodedata.normalize("NFKC", value).casefold().split())
