"""Make the private key for whoever asks, and hand it over with its certificate as PKCS #12 (RFC 7292).

The key lives in this process's memory for as long as that takes. It is not stored, so there is nothing that a
request could wait with: where people must approve first, the key is made elsewhere.
"""

import asyncio
import base64
import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import lru_cache

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import PrivateFormat, pkcs12

from ..core.access import Actor
from ..core.approval import ApprovalNeeded, told
from ..core.audit import Event, EventKind, JsonValue
from ..core.errors import Conflict, Malformed
from ..core.keys import KeyAlgorithm
from ..core.request import CertificateRequest, request_for
from ..store.ledger import Change
from .context import Context
from .issue import Issued, IssueOrder, issue
from .wish import Wish, choice_of

Key = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey
ALGORITHMS = (KeyAlgorithm.ECDSA_P256, KeyAlgorithm.ECDSA_P384, KeyAlgorithm.RSA_3072)
"""Of keys that are made for people: what every program reads from PKCS #12; the first is the best choice."""
PASSWORD_OCTETS = 15
PASSWORD_GROUP = 4
ITERATIONS = 100_000
_MAKERS: dict[KeyAlgorithm, Callable[[], Key]] = {
    KeyAlgorithm.ECDSA_P256: lambda: ec.generate_private_key(ec.SECP256R1()),
    KeyAlgorithm.ECDSA_P384: lambda: ec.generate_private_key(ec.SECP384R1()),
    KeyAlgorithm.RSA_3072: lambda: rsa.generate_private_key(65537, 3072),
}


@dataclass(frozen=True, slots=True)
class HandedOver:
    """A certificate on record, and the only copy of its key, under a password that is nowhere else."""

    issued: Issued
    pkcs12: bytes = field(repr=False)
    password: str = field(repr=False)


async def make_key_for(context: Context, actor: Actor, wish: Wish, algorithm: KeyAlgorithm) -> HandedOver:
    """Make a key and issue its certificate at once. Raises as `issue` does (Refused with
    `policy.key.server-made` where the profile does not permit it), Malformed for an algorithm not in
    ALGORITHMS, and Conflict where people must approve first; then nothing was kept."""
    profile = choice_of(context.snapshot, actor, wish.profile).profile  # before the work of making a key
    key = await asyncio.to_thread(_made, algorithm)
    request = replace(request_for(key.public_key()), server_made=True)
    order = wish.order(actor, profile, request, context.clock())
    issued = await _issued(context, order)
    password = make_password(context.random(PASSWORD_OCTETS))
    return HandedOver(issued, await asyncio.to_thread(_pkcs12, key, issued, password), password)


def make_password(random: bytes) -> str:
    """For a person to type once: 24 of a-z and 2-7 in groups, from PASSWORD_OCTETS random octets."""
    text = base64.b32encode(random).decode().lower()
    return "-".join(text[place : place + PASSWORD_GROUP] for place in range(0, len(text), PASSWORD_GROUP))


@lru_cache(maxsize=len(ALGORITHMS))
def sample_request(algorithm: KeyAlgorithm) -> CertificateRequest:
    """A request with a key of this kind that nobody has, for previews before there is one. It may take a
    second; never call it on the event loop. Raises Malformed."""
    return request_for(_made(algorithm).public_key())


def _made(algorithm: KeyAlgorithm) -> Key:
    if algorithm not in _MAKERS:
        raise Malformed(f"no {algorithm} key is made here; ask for {', '.join(ALGORITHMS)}")
    return _MAKERS[algorithm]()


async def _issued(context: Context, order: IssueOrder) -> Issued:
    """With the event that says who was given a key. Raises Conflict where it would have to wait."""
    actor, request = order.actor, order.request
    spki = hashlib.sha256(request.spki).hexdigest()
    detail: dict[str, JsonValue] = {"algorithm": request.algorithm.value, "profile": order.profile}
    event = Event(EventKind.KEY_HANDED_OVER, context.clock(), actor.name, actor.source, f"key:{spki}", detail)
    try:
        return await issue(context, replace(order, also=Change(events=[event])))
    except ApprovalNeeded as needed:
        raise Conflict(
            f"this waits for approval: {told(needed.needed.steps)}; a key that we make is not kept meanwhile,"
            " so make the key in your browser, or bring a CSR"
        ) from needed


def _pkcs12(key: Key, issued: Issued, password: str) -> bytes:
    """RFC 7292 with PBES2, AES-256 and a MAC by SHA-256 (RFC 8018), with what a server sends as its chain."""
    encryption = (
        PrivateFormat.PKCS12.encryption_builder()
        .kdf_rounds(ITERATIONS)
        .key_cert_algorithm(pkcs12.PBES.PBESv2SHA256AndAES256CBC)
        .hmac_hash(hashes.SHA256())
        .build(password.encode("ascii"))
    )
    certificate = x509.load_der_x509_certificate(issued.der)
    chain = [x509.load_der_x509_certificate(der) for der in issued.served]
    return pkcs12.serialize_key_and_certificates(
        issued.row.subject[:60].encode() or None, key, certificate, chain, encryption
    )
