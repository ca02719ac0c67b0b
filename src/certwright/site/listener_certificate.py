"""The certificate of our own listeners: issued by our own authority, renewed at two thirds of its life."""

import os
from datetime import datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from ..core.access import Actor, Grant, Role
from ..core.errors import NotFound
from ..core.general_names import decode_general_name
from ..core.names import Identifier, IdentifierKind, parse_identifier
from ..core.pem import pem
from ..core.request import request_for
from ..operations.context import Context
from ..operations.issue import IssueOrder, issue
from .configuration import Configuration
from .listeners import TlsMaterial

SYSTEM = Actor("system:listeners", (Grant(Role.ADMINISTRATOR),))
LIFETIME = timedelta(days=30)
PROFILE = "tls-server"


def listener_file(configuration: Configuration) -> Path:
    """Key and certificate chain in PEM, in one file, so that they always belong together."""
    return configuration.home / "listeners" / "listener.pem"


def due(configuration: Configuration, now: datetime) -> bool:
    """Is there none, is it past two thirds of its life, or are we reached by a name that it does not bear?"""
    try:
        certificate = x509.load_pem_x509_certificate(_read(configuration)[1])
    except NotFound:
        return True
    start, end = certificate.not_valid_before_utc, certificate.not_valid_after_utc
    return now >= start + (end - start) * 2 / 3 or not set(_names(configuration)) <= _borne(certificate)


def _borne(certificate: x509.Certificate) -> set[Identifier]:
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    return {decode_general_name(name) for name in names}


async def issue_listener_certificate(context: Context, configuration: Configuration, now: datetime) -> None:
    """A new key and certificate in place of the old ones."""
    key = ec.generate_private_key(ec.SECP256R1())
    request = request_for(key.public_key(), identifiers=_names(configuration))
    authority = "service" if "service" in context.snapshot.authorities else "issuing"
    issued = await issue(context, IssueOrder(SYSTEM, request, authority, PROFILE))
    chain = b"".join(map(pem, (issued.der, *issued.served)))
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    _replace(listener_file(configuration), private + chain)


def _replace(path: Path, content: bytes) -> None:
    """Write a file that only we may read, whole or not at all."""
    path.parent.mkdir(mode=0o700, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(handle, "wb") as file:
        file.write(content)
        os.fsync(file.fileno())
    os.replace(temporary, path)


def _names(configuration: Configuration) -> tuple[Identifier, ...]:
    """Every name and address by which we may be reached, names first: the first is the subject."""
    names = map(_identifier, sorted(configuration.reached_as))
    return tuple(sorted(names, key=lambda name: name.kind is not IdentifierKind.DNS))


def _identifier(text: str) -> Identifier:
    kind = "ip" if ":" in text or text.replace(".", "").isdigit() else "dns"
    return parse_identifier(kind, text)


def read_material(configuration: Configuration, anchors: tuple[bytes, ...]) -> TlsMaterial:
    """Raises NotFound when there is no listener certificate yet."""
    private, chain = _read(configuration)
    return TlsMaterial(chain, private, anchors)


def _read(configuration: Configuration) -> tuple[bytes, bytes]:
    """Key and chain, apart."""
    path = listener_file(configuration)
    try:
        content = path.read_bytes()
    except OSError as error:
        raise NotFound(f"the listeners' certificate cannot be read from {path}: {error.strerror}") from error
    start = content.index(b"-----BEGIN CERTIFICATE-----")
    return content[:start], content[start:]
