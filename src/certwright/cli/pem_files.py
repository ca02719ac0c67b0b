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
_MARK = re.compile(rb"-----(BEGIN|END) (?:X509 )?CERTIFICATE-----")


def certificates_in(content: bytes) -> list[bytes]:
    """DER of the certificates in a file's content; none when it holds something else. Raises Malformed."""
    if content[:2] in (b"\x30\x82", b"\x30\x83", b"\x30\x81"):
        return [content] if _is_certificate(content) else []
    try:
        return [base64.b64decode(b"".join(block.split()), validate=True) for block in _blocks(content)]
    except binascii.Error as error:
        raise Malformed(f"a CERTIFICATE block is not base64: {error}") from error


def _blocks(content: bytes) -> Iterator[bytes]:
    """What stands between BEGIN and END, in one pass. Raises Malformed."""
    begun = -1
    for mark in _MARK.finditer(content):
        if mark[1] == b"END":
            if begun >= 0:
                yield content[begun : mark.start()]
            begun = -1
        elif begun >= 0:
            break
        else:
            begun = mark.end()
    if begun >= 0:
        raise Malformed("a CERTIFICATE block has no end; is the file cut short?")


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
