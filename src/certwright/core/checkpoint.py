"""Checkpoints: the signed size and root of the audit log, as text that other programs read too.

A checkpoint is a C2SP tlog-checkpoint, which is a C2SP signed-note: lines of text, an empty line,
then signature lines. The first three lines are the origin (which log), the number of leaves in
decimal and the root hash in base64 (RFC 4648 section 4); extension lines may follow. The signature
is Ed25519 (RFC 8032) over the text up to and including the newline before the empty line.

Our logs are signed under their own name: the name of the key is the origin. Public keys travel as
one line, `name+keyid+base64(0x01 || key)`, the form that other readers of signed notes take.

Logs of others are read with `read_note` and `parse_text`; who signs in another way verifies for itself.
"""

import base64
import binascii
import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from .errors import IntegrityError, Malformed, TooLarge
from .merkle import HASH_OCTETS, SIZE_MAX, verify_consistency

NOTE_OCTETS_MAX = 128 * 1024
"""Sixteen signatures, the least a reader must take, fit even when they are post-quantum ones."""
SIGNATURES_MAX = 64
EXTENSIONS_MAX = 16
NAME_CHARACTERS_MAX = 255
ALL_KEPT = timedelta(hours=1)
HOURLY_KEPT = timedelta(days=30)

_ED25519 = b"\x01"
_KEY_OCTETS, _KEY_ID_OCTETS = 32, 4
_CONTROL = re.compile(r"[\x00-\x09\x0b-\x1f]")
_SIZE = re.compile(r"0|[1-9][0-9]{0,18}")


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """What a log states about itself: `root` is 32 octets, `extensions` are opaque non-empty lines."""

    origin: str
    size: int
    root: bytes
    extensions: tuple[str, ...] = ()

    def text(self) -> str:
        """The note text, which is what is signed. Raises Malformed for fields that no text can hold."""
        root = base64.b64encode(self.root).decode()
        text = "\n".join((self.origin, str(self.size), root, *self.extensions, ""))
        if _CONTROL.search(text) or len(_utf8(text)) > NOTE_OCTETS_MAX or parse_text(text) != self:
            raise Malformed(
                f"the origin or an extension of checkpoint {self.origin!r} holds a control character"
            )
        return text


@dataclass(frozen=True, slots=True)
class VerifierKey:
    """An Ed25519 public key (32 octets, RFC 8032) and the name of the log that signs with it."""

    name: str
    public: bytes

    @classmethod
    def of(cls, name: str, key: Ed25519PublicKey) -> "VerifierKey":
        return cls(_checked_name(name), key.public_bytes_raw())

    @property
    def identifier(self) -> bytes:
        """Key ID, 4 octets (C2SP signed-note, Ed25519 signatures)."""
        return key_identifier(self.name, _ED25519, self.public)

    def text(self) -> str:
        """The key as one line: name, key ID in hex, type and key in base64."""
        return f"{self.name}+{self.identifier.hex()}+{base64.b64encode(_ED25519 + self.public).decode()}"


@dataclass(frozen=True, slots=True)
class NoteSignature:
    """One line below a note: who signed by which key, an `identifier` of 4 octets; not yet verified."""

    name: str
    identifier: bytes
    value: bytes


def key_identifier(name: str, kind: bytes, public: bytes) -> bytes:
    """Key ID, 4 octets, of a key whose kind of signature is this octet (C2SP signed-note)."""
    return hashlib.sha256(name.encode() + b"\n" + kind + public).digest()[:_KEY_ID_OCTETS]


def parse_verifier_key(line: str) -> VerifierKey:
    """Read the line that `VerifierKey.text` gives. Raises Malformed."""
    name, identifier, encoded = [*line.split("+", 2), "", ""][:3]
    data = _from_base64(encoded[:64], "public key of an audit log")
    if len(data) != 1 + _KEY_OCTETS or data[:1] != _ED25519:
        raise Malformed("the public key of an audit log is not an Ed25519 key (name+keyid+base64)")
    key = VerifierKey(_checked_name(name), data[1:])
    if line != key.text():
        raise Malformed(
            f"the public key of audit log {name[:80]!r} does not have the key ID {identifier[:8]!r}"
        )
    return key


def sign(checkpoint: Checkpoint, key: Ed25519PrivateKey) -> str:
    """The checkpoint as a signed note, under the name of its origin. Raises Malformed."""
    text = checkpoint.text()
    verifier = VerifierKey.of(checkpoint.origin, key.public_key())
    signature = base64.b64encode(verifier.identifier + key.sign(text.encode())).decode()
    return f"{text}\n\u2014 {verifier.name} {signature}\n"


def verify(note: str, keys: Sequence[VerifierKey]) -> Checkpoint:
    """The checkpoint in `note`, once the log's own signature on it has been checked.

    Raises Malformed when it cannot be read, IntegrityError when no key among `keys` that bears the
    name of the checkpoint's origin has signed it, or when a signature of any known key is false.
    """
    text, signers = open_note(note, keys)
    checkpoint = parse_text(text)
    if checkpoint.origin not in {key.name for key in signers}:
        raise IntegrityError(f"the checkpoint of {checkpoint.origin!r} is not signed by that log's own key")
    return checkpoint


def parse(note: str) -> Checkpoint:
    """The checkpoint in `note`, its signatures not looked at: for display and for finding its place.

    Raises Malformed when it cannot be read.
    """
    return parse_text(read_note(note)[0])


def surplus(checkpoints: Sequence[tuple[int, datetime]], now: datetime) -> list[int]:
    """The sizes, out of (size, when it was signed) by size, of those that need not be kept.

    Kept are all of the last hour, the last one of every hour for thirty days, then the last one of every day;
    and the newest of all.
    """
    spans = [(size, _span(at, now)) for size, at in checkpoints]
    return [size for (size, span), (_, after) in pairwise(spans) if span and span == after]


def _span(at: datetime, now: datetime) -> str:
    """Names the time of which one checkpoint is enough; empty where all are kept."""
    age = now - at
    if age <= ALL_KEPT:
        return ""
    return f"{at:%Y-%m-%d %H}" if age <= HOURLY_KEPT else f"{at:%Y-%m-%d}"


def compare(older: Checkpoint, newer: Checkpoint, proof: Sequence[bytes]) -> None:
    """Check that the log of `newer` only adds to the log of `older`; `proof` as in RFC 9162 2.1.4.

    Raises IntegrityError when they are of different logs, or the log was rolled back or rewritten.
    """
    if older.origin != newer.origin:
        raise IntegrityError(f"checkpoints of two different logs: {older.origin!r} and {newer.origin!r}")
    verify_consistency(older.size, older.root, newer.size, newer.root, proof)


# -- signed notes --------------------------------------------------------------------------------


def open_note(note: str, keys: Sequence[VerifierKey]) -> tuple[str, tuple[VerifierKey, ...]]:
    """The text of a signed note and the known keys that signed it, at least one.

    Signatures of unknown keys are passed over, as C2SP signed-note wants. Raises Malformed when the
    note cannot be read, IntegrityError when a known key's signature is false or there is none.
    """
    text, signatures = read_note(note)
    known = {(key.name, key.identifier): key for key in keys}
    signers = []
    for signature in signatures:
        key = known.get((signature.name, signature.identifier))
        if key is not None:
            _verify_signature(key, signature, text)
            signers.append(key)
    if not signers:
        names = ", ".join(sorted({signature.name for signature in signatures}))[:200]
        raise IntegrityError(f"the note is not signed by a known key; it bears signatures of: {names}")
    return text, tuple(signers)


def _verify_signature(key: VerifierKey, signature: NoteSignature, text: str) -> None:
    try:
        Ed25519PublicKey.from_public_bytes(key.public).verify(signature.value, text.encode())
    except (InvalidSignature, ValueError) as error:
        raise IntegrityError(f"the signature of {key.name!r} does not match the note's text") from error


def read_note(note: str) -> tuple[str, list[NoteSignature]]:
    """Text and signatures of a note, none of them verified. The last empty line parts them. Raises Malformed,
    TooLarge."""
    if len(note) > NOTE_OCTETS_MAX or len(_utf8(note)) > NOTE_OCTETS_MAX:
        raise TooLarge(f"the signed note is larger than {NOTE_OCTETS_MAX} octets")
    if _CONTROL.search(note) or not note.endswith("\n"):
        raise Malformed("the signed note holds a control character, or does not end with a newline")
    text, parted, tail = note[:-1].rpartition("\n\n")
    lines = tail.split("\n")
    if not parted or not text or len(lines) > SIGNATURES_MAX:
        raise Malformed(
            f"the signed note is not text, an empty line and 1 to {SIGNATURES_MAX} signature lines"
        )
    return text + "\n", [_signature(line) for line in lines]


def _signature(line: str) -> NoteSignature:
    fields = line.split(" ")
    if len(fields) != 3 or fields[0] != "\u2014":
        raise Malformed(f"{line[:80]!r} is not a signature line: dash, name, base64, a space between them")
    data = _from_base64(fields[2], "signature")
    if len(data) <= _KEY_ID_OCTETS:
        raise Malformed("a signature of the note is too short")
    return NoteSignature(_checked_name(fields[1]), data[:_KEY_ID_OCTETS], data[_KEY_ID_OCTETS:])


def parse_text(text: str) -> Checkpoint:
    """Read the text of a checkpoint, without signatures. Raises Malformed, TooLarge."""
    lines = text.split("\n")
    if len(lines) < 4 or lines.pop() or not all(lines):
        raise Malformed("the checkpoint is not three or more lines, each filled and ended by a newline")
    origin, size, encoded, *extensions = lines
    if len(extensions) > EXTENSIONS_MAX or max(map(len, lines)) > 1024:
        raise TooLarge(
            f"the checkpoint has more than {EXTENSIONS_MAX} extension lines or 1024 characters in one"
        )
    if not _SIZE.fullmatch(size) or int(size) > SIZE_MAX:
        raise Malformed(f"{size[:80]!r} is not a tree size: decimal, no leading zeroes, below 2**63")
    root = _from_base64(encoded, "root hash")
    if len(root) != HASH_OCTETS:
        raise Malformed(f"the root hash of the checkpoint has {len(root)} octets, not {HASH_OCTETS}")
    return Checkpoint(origin, int(size), root, tuple(extensions))


def _checked_name(name: str) -> str:
    # No kind of white space and no plus sign (C2SP signed-note); control characters never.
    if not name or len(name) > NAME_CHARACTERS_MAX or "+" in name or not name.isprintable() or " " in name:
        raise Malformed(
            f"{name[:80]!r} is not a key name: 1 to {NAME_CHARACTERS_MAX} characters, no space, no plus"
        )
    return name


def _from_base64(encoded: str, what: str) -> bytes:
    try:
        data = base64.b64decode(encoded, validate=True)
    except (binascii.Error, ValueError) as error:
        raise Malformed(f"the {what} is not base64 (RFC 4648 section 4)") from error
    if base64.b64encode(data).decode() != encoded:
        raise Malformed(f"the {what} is not in the one canonical form of base64")
    return data


def _utf8(text: str) -> bytes:
    try:
        return text.encode()
    except UnicodeEncodeError as error:
        raise Malformed("the signed note is not valid UTF-8") from error
