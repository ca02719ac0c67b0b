"""The certificate of our own listeners: issued by our own authority, renewed at two thirds of its life."""

import os
from datetime import datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from ..core.access import Actor, Grant, Role
from ..core.names import Identifier, parse_identifier
from ..core.pem import pem
from ..core.request import request_for
from ..operations.context import Context
from ..operations.issue import IssueOrder, issue
from .configuration import Configuration
from .listeners import TlsMaterial

SYSTEM = Actor("system:listeners", (Grant(Role.ADMINISTRATOR),))
LIFETIME = timedelta(days=30)
PROFILE = "tls-server"


def folder_of(configuration: Configuration) -> Path:
    return configuration.home / "listeners"


def due(configuration: Configuration, now: datetime) -> bool:
    """Is there none, or is it past two thirds of its life?"""
    path = folder_of(configuration) / "certificate.pem"
    try:
        certificate = x509.load_pem_x509_certificate(path.read_bytes())
    except FileNotFoundError:
        return True
    start, end = certificate.not_valid_before_utc, certificate.not_valid_after_utc
    return now >= start + (end - start) * 2 / 3


async def issue_listener_certificate(context: Context, configuration: Configuration, now: datetime) -> None:
    """A new key and certificate, written side by side so that readers see both or neither."""
    key = ec.generate_private_key(ec.SECP256R1())
    request = request_for(key.public_key(), identifiers=_names(configuration))
    authority = "service" if "service" in context.snapshot.authorities else "issuing"
    issued = await issue(context, IssueOrder(SYSTEM, request, authority, PROFILE))
    chain = b"".join(map(pem, (issued.der, *issued.served)))
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    folder = folder_of(configuration)
    folder.mkdir(mode=0o700, exist_ok=True)
    for name, content in (("key.pem", private), ("certificate.pem", chain)):
        temporary = folder / f".{name}.{os.getpid()}"
        handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            os.fsync(file.fileno())
        os.replace(temporary, folder / name)


def _names(configuration: Configuration) -> tuple[Identifier, ...]:
    """Every name and address by which we may be reached."""
    names = [_identifier(name) for name in sorted(configuration.host_names)]
    for address in configuration.listeners.values():
        if address.host not in ("0.0.0.0", "::"):  # noqa: S104 - not bound here, left out
            names.append(_identifier(address.host))
    if configuration.embedded:
        names += [parse_identifier("ip", "127.0.0.1"), parse_identifier("ip", "::1")]
    return tuple(dict.fromkeys(names))


def _identifier(text: str) -> Identifier:
    kind = "ip" if ":" in text or text.replace(".", "").isdigit() else "dns"
    return parse_identifier(kind, text)


def read_material(configuration: Configuration, anchors: tuple[bytes, ...]) -> TlsMaterial:
    folder = folder_of(configuration)
    return TlsMaterial((folder / "certificate.pem").read_bytes(), (folder / "key.pem").read_bytes(), anchors)
