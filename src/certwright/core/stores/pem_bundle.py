"""PEM (RFC 7468 and what came before it): any number of blocks, with anything between them."""

import base64
import binascii
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from .. import der
from ..errors import CertwrightError, Malformed, TooLarge
from .chains import Findings
from .encryption import Password
from .private_keys import read_block
from .signed_data import certificates_in
from .values import ENTRIES_MAX, Effort, Store, StoredKey, StoreFormat

_LIMIT = re.compile(rb"-----(BEGIN|END) ([!-,.-~][ -,.-~]{0,62})-----")
_CERTIFICATES = {"CERTIFICATE", "X509 CERTIFICATE"}
_TRUSTED = "TRUSTED CERTIFICATE"
_COLLECTIONS = {"PKCS7", "CMS", "PKCS #7 SIGNED DATA"}
_KEY = "PRIVATE KEY"
_HEADER = re.compile(rb"(?:[ \t]*[A-Za-z-]+: [^\r\n]*\r?\n|[ \t][^\r\n]*,[^\r\n]*\r?\n)*")


@dataclass(frozen=True, slots=True)
class _Block:
    number: int
    label: str
    text: bytes
    inside: bytes


def is_pem(octets: bytes) -> bool:
    return any(found[1] == b"BEGIN" for found in _LIMIT.finditer(octets))


def read_pem(octets: bytes, passwords: Sequence[Password], effort: Effort) -> Store:
    """Chains and keys of a bundle; blocks of other kinds are passed over. Raises TooLarge."""
    findings, labels = Findings.none(), set()
    for block in _blocks(octets, findings):
        labels.add(block.label)
        try:
            _read(block, findings, passwords, effort)
        except CertwrightError as error:
            if block.label.endswith(_KEY):
                findings.key(StoredKey("", block.label.startswith("ENCRYPTED")))
            findings.problem(f"block {block.number}", f"{block.label.lower()}: {error.detail}")
    return Store(
        StoreFormat.PKCS7 if labels and labels <= _COLLECTIONS else StoreFormat.PEM, findings.entries()
    )


def _read(block: _Block, findings: Findings, passwords: Sequence[Password], effort: Effort) -> None:
    place = f"block {block.number}"
    if block.label in _CERTIFICATES:
        findings.certificate(_octets(block), place)
    elif block.label == _TRUSTED:
        findings.certificate(der.Reader(_octets(block), "certificate").whole(der.SEQUENCE), place)
    elif block.label in _COLLECTIONS:
        for one in certificates_in(_octets(block)):
            findings.certificate(one, place)
    elif block.label.endswith(_KEY):
        text = b"\n".join(line.strip() for line in block.text.splitlines()) + b"\n"
        findings.key(read_block(block.label, text, _octets(block), passwords, effort))


def _blocks(octets: bytes, findings: Findings) -> Iterator[_Block]:
    """Every BEGIN with the END that is next after it."""
    start, number = None, 0
    for found in _LIMIT.finditer(octets):
        if found[1] == b"BEGIN":
            if start is not None and _wanted(_label(start)):
                findings.problem(f"block {number}", f"{_label(start).lower()}: it has no end")
            start, number = found, number + 1
            if number > ENTRIES_MAX:
                raise TooLarge(f"it holds more than {ENTRIES_MAX} blocks; split it")
        elif start is not None:
            if found[2] == start[2]:
                text, inside = octets[start.start() : found.end()], octets[start.end() : found.start()]
                yield _Block(number, _label(start), text, inside)
            elif _wanted(_label(start)):
                findings.problem(f"block {number}", f"{_label(start).lower()}: it ends as something else")
            start = None
    if start is not None and _wanted(_label(start)):
        findings.problem(f"block {number}", f"{_label(start).lower()}: it has no end")


def _label(found: re.Match[bytes]) -> str:
    return found[2].decode()


def _wanted(label: str) -> bool:
    return label in _CERTIFICATES or label == _TRUSTED or label in _COLLECTIONS or label.endswith(_KEY)


def _octets(block: _Block) -> bytes:
    """Of a block, its headers (RFC 1421) left out."""
    text = block.inside.lstrip()
    header = _HEADER.match(text)
    text = text[header.end() :] if header else text
    try:
        return base64.b64decode(b"".join(text.split()), validate=True)
    except (binascii.Error, ValueError) as error:
        raise Malformed("what is in it is no base64") from error
