"""A log by the interface of RFC 6962: it answers in JSON, and makes the proofs."""

import base64
from collections.abc import Iterator
from http import HTTPStatus
from typing import Any
from urllib.parse import quote

from ....core.egress import Url
from ....core.errors import Malformed
from ....core.merkle import SIZE_MAX, leaf_hash, verify_consistency, verify_inclusion
from ....protocols.ct.messages import LogKey, TreeHead, read_entry, verify_tree_head
from ..service import Asking, Unanswered, text_of
from .reading import Entry, Mark, octets_of

PAGE = 256
PROOF_MAX = 64


class Rfc6962Log:
    """See `LogReader`."""

    def __init__(self, asking: Asking, url: Url, key: LogKey) -> None:
        self._asking, self._url, self._key = asking, url, key

    async def head(self) -> TreeHead:
        """By get-sth (section 4.3)."""
        told = await self._asking.json(self._url, "/ct/v1/get-sth")
        size, timestamp = _number(told, "tree_size"), _number(told, "timestamp")
        head = TreeHead(size, timestamp, octets_of(text_of(told, "sha256_root_hash"), "the tree head's root"))
        verify_tree_head(self._key, head, octets_of(text_of(told, "tree_head_signature"), "its signature"))
        return head

    async def continues(self, head: TreeHead, since: Mark | None) -> None:
        """By get-sth-consistency (section 4.4)."""
        if since is None:
            return
        proof: tuple[bytes, ...] = ()
        if 0 < since.size < head.size:
            target = f"/ct/v1/get-sth-consistency?first={since.size}&second={head.size}"
            proof = _hashes(await self._asking.json(self._url, target), "consistency")
        verify_consistency(since.size, since.root, head.size, head.root, proof)

    async def page(self, head: TreeHead, first: int, end: int) -> Iterator[Entry]:
        """By get-entries (section 4.6); half as many where an answer cannot be had, down to one: they may be
        huge."""
        count = min(PAGE, end - first)
        while True:
            try:
                target = f"/ct/v1/get-entries?start={first}&end={first + count - 1}"
                return _entries(_entry_rows(await self._asking.json(self._url, target), count), first)
            except Unanswered as error:
                if count == 1 or error.status == HTTPStatus.TOO_MANY_REQUESTS:
                    raise
                count = (count + 1) // 2

    async def prove(self, head: TreeHead, entry: Entry) -> None:
        """By get-proof-by-hash (section 4.5)."""
        digest = leaf_hash(entry.leaf)
        asked = quote(base64.b64encode(digest).decode(), safe="")
        target = f"/ct/v1/get-proof-by-hash?hash={asked}&tree_size={head.size}"
        told = await self._asking.json(self._url, target)
        path = _hashes(told, "audit_path")
        verify_inclusion(digest, _number(told, "leaf_index"), head.size, path, head.root)

    async def issuer(self, entry: Entry) -> bytes:
        return entry.issuer


def _entries(rows: list[Any], first: int) -> Iterator[Entry]:
    """Raises Malformed for a leaf that is no base64."""
    for index, row in enumerate(rows, first):
        leaf = octets_of(text_of(row, "leaf_input"), "a leaf")
        try:
            logged = read_entry(leaf, octets_of(text_of(row, "extra_data"), "extra data"))
        except Malformed:
            yield Entry(index, leaf, None)
        else:
            yield Entry(index, leaf, logged, logged.issuer)


def _entry_rows(told: Any, count: int) -> list[Any]:
    """Raises Unanswered."""
    rows = told.get("entries") if isinstance(told, dict) else None
    if not isinstance(rows, list) or not 0 < len(rows) <= count:
        raise Unanswered("it gives no entries, or more than it was asked for")
    return rows


def _hashes(told: Any, name: str) -> tuple[bytes, ...]:
    """Raises Malformed."""
    rows = told.get(name) if isinstance(told, dict) else None
    if (
        not isinstance(rows, list)
        or len(rows) > 2 * PROOF_MAX
        or not all(isinstance(one, str) for one in rows)
    ):
        raise Malformed(f"the log's answer has no {name}")
    return tuple(octets_of(one, name) for one in rows)


def _number(told: Any, name: str) -> int:
    """Raises Malformed."""
    value = told.get(name) if isinstance(told, dict) else None
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= SIZE_MAX:
        raise Malformed(f"the log's answer has no {name} that can be")
    return value
