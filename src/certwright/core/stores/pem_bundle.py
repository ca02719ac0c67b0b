"""PEM (RFC 7468 and what came before it): any number of blocks, with anything between them and, in programs,
around their lines."""

import base64
import binascii
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from .. import der
from ..errors import CertwrightError, Malformed, TooLarge
from .chains import Findings
from .encryption import Password
from .pem_text import PREFIX_OCTETS_MAX, unwrapped
from .private_keys import read_block
from .signed_data import certificates_in
from .values import ENTRIES_MAX, Effort, Store, StoredKey, StoreFormat

_LIMIT = re.compile(rb"-----(BEGIN|END) ([!-,.-~][ -,.-~]{0,62})-----")
_CERTIFICATES = {"CERTIFICATE", "X509 CERTIFICATE"}
_TRUSTED = "TRUSTED CERTIFICATE"
_COLLECTIONS = {"PKCS7", "CMS", "PKCS #7 SIGNED DATA"}
_KEY = "PRIVATE KEY"
_OPENSSH = "OPENSSH PRIVATE KEY"
_OPENSSH_MAGIC = b"openssh-key-v1\0"
_HEADER = re.compile(rb"(?:[ \t]*[A-Za-z-]+: [^\r\n]*\r?\n|[ \t][^\r\n,]*,[^\r\n]*\r?\n)*")


@dataclass(frozen=True, slots=True)
class _Block:
    """`inside` is what stands between its limits, without what a program has around it."""

    number: int
    label: str
    inside: bytes

    @property
    def text(self) -> bytes:
        lines = b"\n".join(line.strip() for line in self.inside.strip().splitlines())
        label = self.label.encode()
        return b"-----BEGIN %b-----\n%b\n-----END %b-----\n" % (label, lines, label)


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
        _read_key(block, findings, passwords, effort)


def _read_key(block: _Block, findings: Findings, passwords: Sequence[Password], effort: Effort) -> None:
    """Of one that cannot be read it is told that it is there; a program that speaks of keys has none."""
    body = _octets(block)
    if (
        not body.startswith(_OPENSSH_MAGIC if block.label == _OPENSSH else b"\x30")
        and b":" not in block.inside
    ):
        raise Malformed("what is in it is no key")
    try:
        findings.key(read_block(block.label, block.text, body, passwords, effort))
    except CertwrightError:
        findings.key(StoredKey("", block.label.startswith("ENCRYPTED")))
        raise


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
                inside = octets[start.end() : found.start()]
                yield _Block(number, _label(start), unwrapped(_before(octets, start.start()), inside))
            elif _wanted(_label(start)):
                findings.problem(f"block {number}", f"{_label(start).lower()}: it ends as something else")
            start = None
    if start is not None and _wanted(_label(start)):
        findings.problem(f"block {number}", f"{_label(start).lower()}: it has no end")


def _before(octets: bytes, start: int) -> bytes:
    """What stands before it on its line; nothing where that is too much to be a sign."""
    line = octets.rfind(b"\n", max(0, start - PREFIX_OCTETS_MAX), start) + 1
    return octets[line:start] if line or start < PREFIX_OCTETS_MAX else b""


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
