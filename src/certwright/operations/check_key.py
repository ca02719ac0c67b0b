"""Refuse weak keys, and names of other authorities, before anything is made of them.

A verdict about a key is kept, since renewals bring a key again.
"""

import hashlib

from ..core import weak_keys
from ..core.compared_name import ComparedName, compared
from ..core.distinguished_name import DistinguishedName, parse_name
from ..core.errors import Reason, Refused
from ..core.keys import PublicKey
from ..core.policy import Approved
from ..store.snapshot import Generation, Snapshot
from .context import Context


def check_approved(context: Context, approved: Approved) -> None:
    """What policy cannot know about a request that it has let through. Raises Refused.

    That a key is not known as compromised guards the commit.
    """
    request = approved.request
    check_public_key(context, request.public_key, request.spki)
    if approved.profile.is_authority:
        check_authority_name(context.snapshot, approved.subject, request.spki)


def check_public_key(context: Context, public_key: PublicKey, spki: bytes) -> None:
    """Raises Refused naming each weakness, and what reading the lists of the settings raises."""
    digest = hashlib.sha256(spki).digest()
    if digest not in context.known_good:
        lists = context.key_lists()
        weak_keys.check_key(public_key, digest, lists.compromised or (), lists.debian)
        context.known_good.add(digest)


def check_authority_name(snapshot: Snapshot, subject: DistinguishedName, spki: bytes) -> None:
    """One name is one authority (RFC 5280 4.1.2.4): relying parties look for issuers and lists by it.

    Raises Refused when an authority of ours has the name, and another key.
    """
    name, digest = compared(subject), hashlib.sha256(spki).digest()
    for generation in snapshot.generations.values():
        if generation.row.spki_sha256 != digest and _name(generation) == name:
            text = f"{subject} is the name of authority {generation.path}; choose another subject"
            raise Refused((Reason("policy.subject.authority", text, "RFC 5280 4.1.2.6"),))


def _name(generation: Generation) -> ComparedName:
    if generation.issuer is not None:
        return generation.issuer.compared_name
    return compared(parse_name(generation.row.subject))
