"""Refuse weak keys before anything is made of them. A key's verdict is kept, since renewals bring it again."""

import hashlib

from ..core import weak_keys
from ..core.request import CertificateRequest
from .context import Context


def check_key(context: Context, request: CertificateRequest) -> None:
    """Raises Refused naming each weakness. That the key is not known as compromised is a guard of the commit."""
    digest = hashlib.sha256(request.spki).digest()
    if digest not in context.known_good:
        weak_keys.check_key(request.public_key, digest, (), context.debian_keys)
        context.known_good.add(digest)
