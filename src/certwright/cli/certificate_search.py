"""Every certificate in a file, whatever stands around it: DER, PEM or base64, one or many, in a bundle, a
PKCS#7, a key store, or after something broken.

What is looked for is how a certificate begins (RFC 5280 section 4.1), at every octet. What is compressed, or
encrypted in a container other than PKCS#12, is not looked into.
"""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import Encoding, pkcs12

from ..core.der import BIT_STRING, INTEGER, SEQUENCE, Reader
from ..core.errors import Malformed

PART_OCTETS = 16 * 1024 * 1024
BLOCK_OCTETS_MAX = 2 * 1024 * 1024
"""The longest certificate, PEM block, or run of base64 that is read as one."""

_LENGTH = rb"(?:[\x00-\x7f]|\x81.|\x82..|\x83...)"
_VERSION = rb"\xa0\x03\x02\x01[\x00-\x02]\x02"
_BEGINNING = re.compile(
    rb"\x30(?=%b\x30%b(?:(?P<version>%b)|\x02[\x01-\x20]))" % (_LENGTH, _LENGTH, _VERSION), re.DOTALL
)
_FIELDS = (INTEGER, SEQUENCE, SEQUENCE, SEQUENCE, SEQUENCE, SEQUENCE)
_EXPLICIT_VERSION = 0xA0
_PKCS12 = re.compile(
    rb"\x30(?:\x80|%b)\x02\x01\x03\x30(?:\x80|%b)\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x07[\x01\x02]"
    % (_LENGTH, _LENGTH),
    re.DOTALL,
)
_BEGIN = re.compile(rb"-----BEGIN (?P<label>[A-Z0-9][A-Z0-9 #]{0,39})-----")
_END = re.compile(rb"-----(?:BEGIN|END) ")
_LABELS = (b"CERTIFICATE", b"X509 CERTIFICATE", b"TRUSTED CERTIFICATE")
_CONTAINERS = (b"PKCS7", b"PKCS #7 SIGNED DATA", b"CMS")
_BARE = re.compile(rb"(?<![A-Za-z0-9+/])MI[A-Za-z0-9+/\s]{150,}")
_NOT_BASE64 = re.compile(rb"[^A-Za-z0-9+/]")
_WIDE = tuple("-----BEGIN CERTIFICATE".encode(name) for name in ("utf-16-le", "utf-16-be"))


@dataclass(frozen=True, slots=True)
class NotJudged:
    """Something that says it is a certificate, or holds some, and cannot be read."""

    text: str


Found = bytes | NotJudged


def certificates_of(path: Path) -> Iterator[Found]:
    """DER of every certificate in a file of any size, each once. A file that cannot be read is not judged."""
    seen: set[bytes] = set()
    try:
        with path.open("rb") as file:
            for one in _all_in(file):
                if isinstance(one, NotJudged):
                    yield one
                elif (digest := hashlib.sha256(one).digest()) not in seen:
                    seen.add(digest)
                    yield one
    except OSError as error:
        yield NotJudged(f"it cannot be read: {error.strerror}")


def _all_in(file: BinaryIO) -> Iterator[Found]:
    """Part after part, each with what follows it, so that nothing is hidden by lying across a border."""
    part = file.read(PART_OCTETS)
    following = file.read(PART_OCTETS)
    if _PKCS12.match(part):
        yield from _store(part + following)
    while part:
        yield from _look_through(part + following[:BLOCK_OCTETS_MAX], len(part))
        part, following = following, file.read(PART_OCTETS)


def _look_through(octets: bytes, size: int) -> Iterator[Found]:
    """What begins in the first `size` octets."""
    for der in _carve(octets, size):
        yield der or NotJudged("what begins as a certificate is broken or cut short")
    if any(wide in octets for wide in _WIDE):
        octets = octets.replace(b"\x00", b"")
    ends = 0
    for begin in _BEGIN.finditer(octets):
        if begin.start() >= size:
            break
        yield from _bare(octets[ends : begin.start()], begin.start() - ends)
        end = _END.search(octets, begin.end())
        ends = end.start() if end else len(octets)
        yield from _block(begin["label"], octets[begin.end() : ends])
    yield from _bare(octets[ends:], size - ends)


def _block(label: bytes, body: bytes) -> Iterator[Found]:
    """A PEM block (RFC 7468), from its BEGIN to its END, or to where the next one begins. Line ends may be
    written as in JSON."""
    octets = _from_base64(body.replace(rb"\r", b"").replace(rb"\n", b""))
    found = [der or NotJudged(f"a {label.decode()} block is broken or cut short") for der in _carve(octets)]
    claims = label in _LABELS or (label in _CONTAINERS and not _is_der(octets))
    if len(body) > BLOCK_OCTETS_MAX:
        found.append(NotJudged(f"a {label.decode()} block is longer than {BLOCK_OCTETS_MAX} octets"))
    elif not found and claims:
        found.append(NotJudged(f"a {label.decode()} block holds nothing that can be read"))
    yield from found


def _bare(text: bytes, size: int) -> Iterator[Found]:
    """Base64 without a frame: what begins so in the first `size` octets."""
    for run in _BARE.finditer(text):
        if run.start() >= size:
            break
        for der in _carve(_from_base64(run[0])):
            yield der or NotJudged("what begins as a certificate in base64 is broken or cut short")


def _from_base64(text: bytes) -> bytes:
    """Whatever can be read (RFC 4648 section 4), up to the padding."""
    letters = _NOT_BASE64.sub(b"", text.partition(b"=")[0])
    whole = letters[: len(letters) - (len(letters) % 4 == 1)]
    return base64.b64decode(whole + b"=" * (-len(whole) % 4))


def _carve(octets: bytes, size: int | None = None) -> Iterator[bytes | None]:
    """Certificates that begin in the first `size` octets, those within others too; None for one that does not
    go on as it begins."""
    for beginning in _BEGINNING.finditer(octets):
        start = beginning.start()
        if size is not None and start >= size:
            break
        try:
            yield octets[start : _end_of_certificate(octets, start)]
        except Malformed:
            if beginning["version"] is not None:
                yield None


def _end_of_certificate(octets: bytes, start: int) -> int:
    """Where the certificate that begins here ends. Raises Malformed where it is none, by its shape: lists,
    requests and keys begin alike."""
    reader = Reader(octets, "certificate", start, min(len(octets), start + BLOCK_OCTETS_MAX))
    outer = reader.inside()
    signed = outer.inside()
    outer.element(SEQUENCE)
    outer.element(BIT_STRING)
    outer.finish()
    if signed.peek() == _EXPLICIT_VERSION:
        signed.element()
    for tag in _FIELDS:
        signed.element(tag)
    return outer.end


def _is_der(octets: bytes) -> bool:
    try:
        Reader(octets).element(SEQUENCE)
    except Malformed:
        return False
    return True


def _store(octets: bytes) -> Iterator[Found]:
    """The certificates of a PKCS#12 store (RFC 7292) without a password, or with an empty one."""
    for password in (None, b""):
        try:
            store = pkcs12.load_pkcs12(octets, password)
        except (ValueError, TypeError, UnsupportedAlgorithm):
            continue
        for one in (store.cert, *store.additional_certs):
            if one is not None:
                yield one.certificate.public_bytes(Encoding.DER)
        return
    yield NotJudged("a PKCS#12 store that cannot be opened without its password")
