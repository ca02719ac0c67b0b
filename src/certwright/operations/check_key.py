"""Refuse weak keys before anything is made of them. A verdict is kept, since renewals bring a key again."""

import hashlib

from ..core import weak_keys
from ..core.keys import PublicKey
from ..core.request import CertificateRequest
from .context import Context


def check_key(context: Context, request: CertificateRequest) -> None:
    """Raises Refused naming each weakness. That a key is not known as compromised guards the commit."""
    check_public_key(context, request.public_key, request.spki)


def check_public_key(context: Context, public_key: PublicKey, spki: bytes) -> None:
    """The same for a key that comes without a CSR, such as an account's."""
    digest = hashlib.sha256(spki).digest()
    if digest not in context.known_good:
        weak_keys.check_key(public_key, digest, (), context.debian_keys)
        context.known_good.add(digest)
