"""What both interfaces of a log are read as, and what their readers share."""

import base64
import binascii
import json
from collections.abc import Iterable
from dataclasses import dataclass
from http import HTTPStatus
from typing import Protocol

from ....core.errors import Malformed
from ....core.merkle import HASH_OCTETS, SIZE_MAX
from ....protocols.ct.messages import Logged, TreeHead


@dataclass(frozen=True, slots=True)
class Mark:
    """The tree head that was believed last, and the next entry to read: the same for both interfaces."""

    size: int
    root: bytes
    next: int

    def text(self) -> str:
        return json.dumps({"size": self.size, "root": self.root.hex(), "next": self.next})

    @classmethod
    def read(cls, text: str) -> "Mark | None":
        """None for what is no mark."""
        try:
            given = json.loads(text)
            mark = cls(int(given["size"]), bytes.fromhex(given["root"]), int(given["next"]))
        except (ValueError, KeyError, TypeError):
            return None
        return mark if 0 <= mark.next <= mark.size <= SIZE_MAX and len(mark.root) == HASH_OCTETS else None


@dataclass(frozen=True, slots=True)
class Entry:
    """`leaf` is the MerkleTreeLeaf, `logged` None where it cannot be read; `issuer` what the reader finds the
    issuer's certificate by, empty where there is none; `problem` what is wrong, beside, with the log here."""

    index: int
    leaf: bytes
    logged: Logged | None
    issuer: bytes = b""
    problem: str = ""


class LogReader(Protocol):
    """Reads one log. Everything raises Unanswered, Malformed, IntegrityError and TooLarge."""

    async def head(self) -> TreeHead:
        """The present tree head, signed by the log's key."""

    async def continues(self, head: TreeHead, since: Mark | None) -> None:
        """Checks that the tree only adds to the one before."""

    async def page(self, head: TreeHead, first: int, end: int) -> Iterable[Entry]:
        """At least one entry from `first` on, none from `end` on. They are read as they are gone through."""

    async def prove(self, head: TreeHead, entry: Entry) -> None:
        """Checks that an entry is in the tree, where `page` has not."""

    async def issuer(self, entry: Entry) -> bytes:
        """DER of what is told to be the issuer's certificate; empty where nothing is."""


ABSENT = frozenset(
    {
        HTTPStatus.NOT_FOUND,
        HTTPStatus.GONE,
        HTTPStatus.FORBIDDEN,
        HTTPStatus.BAD_REQUEST,
        HTTPStatus.METHOD_NOT_ALLOWED,
    }
)
"""Statuses by which servers say that there is no such thing: object stores forbid it."""


def octets_of(text: str, what: str) -> bytes:
    """Raises Malformed."""
    try:
        return base64.b64decode("".join(text.split()), validate=True)
    except (binascii.Error, ValueError) as error:
        raise Malformed(f"{what} is no base64") from error
