"""Certificates in files, PEM or DER, as they are written there."""

from __future__ import annotations

import base64
import binascii
import os
import re
from collections.abc import Iterator
from pathlib import Path

from cryptography import x509

from ..core.errors import Malformed
from ..core.unreadable import UNREADABLE

CERTIFICATES_MAX = 20
_PEM = re.compile(
    rb"-----BEGIN (?:X509 )?CERTIFICATE-----(.*?)-----END (?:X509 )?CERTIFICATE-----", re.DOTALL
)


def certificates_in(content: bytes) -> list[bytes]:
    """DER of the certificates in a file's content; none when it holds something else. Raises Malformed."""
    if content[:2] in (b"\x30\x82", b"\x30\x83", b"\x30\x81"):
        return [content] if _is_certificate(content) else []
    try:
        return [base64.b64decode(b"".join(block.split()), validate=True) for block in _PEM.findall(content)]
    except binascii.Error as error:
        raise Malformed(f"a CERTIFICATE block is not base64: {error}") from error


def _is_certificate(content: bytes) -> bool:
    """Many things are DER: keys, lists, requests."""
    try:
        x509.load_der_x509_certificate(content)
    except UNREADABLE:
        return False
    return True


def read_chain(files: list[Path]) -> list[bytes]:
    """The certificates of several files, one after another. Raises Malformed, OSError."""
    from .options import read_file

    found = []
    for path in files:
        inside = certificates_in(read_file(path))
        if not inside:
            raise Malformed(f"{path} holds no certificate in PEM or DER")
        found += inside
    if len(found) > CERTIFICATES_MAX:
        raise Malformed(f"{len(found)} certificates; {CERTIFICATES_MAX} are the most")
    return found


def walk(folder: Path) -> Iterator[Path]:
    """Every file below a folder, in order, links to folders not followed. Raises OSError."""
    for path, folders, names in os.walk(folder, onerror=_raise):
        folders.sort()
        for name in sorted(names):
            if (place := Path(path, name)).is_file():
                yield place


def _raise(error: OSError) -> None:
    raise error
