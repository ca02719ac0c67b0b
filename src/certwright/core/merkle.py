"""The Merkle tree of the audit log: hashing, proofs and their verification (RFC 9162 section 2.1).

The tree is kept as the hashes of its complete subtrees. The node `(level, position)` covers the
leaves from `position << level` up to, not including, `(position + 1) << level`; level 0 holds the
leaf hashes. A node never changes once it is there, so a table of nodes is only ever added to, and a
proof in a tree of n leaves is made from at most about 2 log2(n) of them, wanted all at once:

    path = inclusion_path(index, size)       # what the proof is made of
    nodes = read(needed(path))               # one query
    proof = assemble(path, nodes)            # the hashes of the proof, in the order of the RFC

All hashes are SHA-256, 32 octets. Sizes are below 2**63.
"""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from .errors import IntegrityError, Malformed

HASH_OCTETS = 32
SIZE_MAX = 2**63 - 1
EMPTY_ROOT = hashlib.sha256(b"").digest()

_LEAF, _NODE = b"\x00", b"\x01"


def leaf_hash(entry: bytes) -> bytes:
    """Hash of one log entry as a leaf (RFC 9162 section 2.1.1)."""
    return hashlib.sha256(_LEAF + entry).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """Hash of two subtrees side by side (RFC 9162 section 2.1.1)."""
    return hashlib.sha256(_NODE + left + right).digest()


class Coordinate(NamedTuple):
    """Where a complete subtree stands: it covers `1 << level` leaves from `position << level`."""

    level: int
    position: int


class Node(NamedTuple):
    """One row of the table of nodes."""

    level: int
    position: int
    hash: bytes


Path = tuple[tuple[Coordinate, ...], ...]
"""What a proof is made of: for each of its hashes, the complete subtrees that fold into it."""


@dataclass(frozen=True, slots=True)
class Frontier:
    """The right edge of a tree: the complete subtrees that make it up, the largest first.

    It is all that is needed to grow the tree and to know its root. A value: growing gives a new one,
    so that a commit that fails leaves the old one as it was.
    """

    size: int = 0
    hashes: tuple[bytes, ...] = ()

    def append(self, leaf: bytes) -> "Frontier":
        """The frontier with one more leaf hash."""
        hash_, size, kept = leaf, self.size, len(self.hashes)
        while size & 1:
            kept -= 1
            hash_ = node_hash(self.hashes[kept], hash_)
            size >>= 1
        return Frontier(self.size + 1, (*self.hashes[:kept], hash_))

    def extend(self, leaves: Iterable[bytes]) -> tuple["Frontier", list[Node]]:
        """The frontier with these leaf hashes added, and every node that they complete, to be stored."""
        edge, size, completed = list(self.hashes), self.size, []
        for leaf in leaves:
            hash_, level, position = leaf, 0, size
            completed.append(Node(level, position, hash_))
            while position & 1:
                hash_ = node_hash(edge.pop(), hash_)
                level, position = level + 1, position >> 1
                completed.append(Node(level, position, hash_))
            edge.append(hash_)
            size += 1
        return Frontier(size, tuple(edge)), completed

    def root(self) -> bytes:
        """Merkle Tree Hash of the tree (RFC 9162 section 2.1.1)."""
        return fold(self.hashes) if self.hashes else EMPTY_ROOT

    def to_bytes(self) -> bytes:
        """Size as 8 octets, big-endian, then the hashes."""
        return self.size.to_bytes(8, "big") + b"".join(self.hashes)

    @classmethod
    def from_bytes(cls, data: bytes) -> "Frontier":
        """Read what `to_bytes` wrote. Raises Malformed."""
        size = int.from_bytes(data[:8], "big")
        if size > SIZE_MAX or len(data) != 8 + HASH_OCTETS * size.bit_count():
            raise Malformed(f"Merkle frontier of {len(data)} octets does not fit a tree of {size} leaves")
        starts = range(8, len(data), HASH_OCTETS)
        return cls(size, tuple(data[start : start + HASH_OCTETS] for start in starts))


def fold(hashes: Sequence[bytes]) -> bytes:
    """One hash for neighbouring complete subtrees, the largest first. There must be at least one."""
    folded = hashes[-1]
    for left in reversed(hashes[:-1]):
        folded = node_hash(left, folded)
    return folded


def root_hash(leaves: Iterable[bytes]) -> bytes:
    """Merkle Tree Hash over leaf hashes (RFC 9162 section 2.1.1)."""
    return Frontier().extend(leaves)[0].root()


# -- what a proof is made of ---------------------------------------------------------------------


def root_path(size: int) -> Path:
    """The nodes of which the root of the first `size` leaves is folded; also those of its frontier."""
    _check_size(size)
    return (_cover(0, size),) if size else ()


def inclusion_path(index: int, size: int) -> Path:
    """What the proof that leaf `index` is in the tree of `size` leaves is made of (section 2.1.3.1).

    Raises Malformed when there is no such leaf.
    """
    _check_size(size)
    if not 0 <= index < size:
        raise Malformed(f"leaf {index} is not in an audit tree of {size} leaves")
    low, high, path = 0, size, []
    while high - low > 1:
        middle = low + _split(high - low)
        if index < middle:
            path.append(_cover(middle, high))
            high = middle
        else:
            path.append(_cover(low, middle))
            low = middle
    return tuple(reversed(path))


def consistency_path(older: int, newer: int) -> Path:
    """What the proof that the tree of `older` leaves is a prefix of `newer` is made of (2.1.4.1).

    Empty when the sizes are equal, or when the older tree is empty: anything continues that one.
    Raises Malformed when `older` is larger than `newer`.
    """
    _check_size(newer)
    if not 0 <= older <= newer:
        raise Malformed(f"an audit tree of {older} leaves cannot come before one of {newer}")
    if older in (0, newer):
        return ()
    low, high, path = 0, newer, []
    while older != high:
        middle = low + _split(high - low)
        if older <= middle:
            path.append(_cover(middle, high))
            high = middle
        else:
            path.append(_cover(low, middle))
            low = middle
    if low:
        path.append(_cover(low, high))
    return tuple(reversed(path))


def needed(path: Path) -> list[Coordinate]:
    """The stored nodes that `path` wants."""
    return [coordinate for element in path for coordinate in element]


def assemble(path: Path, nodes: Mapping[Coordinate, bytes]) -> tuple[bytes, ...]:
    """The hashes of the proof. Raises IntegrityError when a node is not among `nodes`."""
    missing = [coordinate for coordinate in needed(path) if coordinate not in nodes]
    if missing:
        level, position = missing[0]
        raise IntegrityError(
            f"node {position} of level {level} is missing from the stored audit tree;"
            " run 'certwright audit verify'"
        )
    return tuple(fold([nodes[coordinate] for coordinate in element]) for element in path)


def _check_size(size: int) -> None:
    if not 0 <= size <= SIZE_MAX:
        raise Malformed(f"{size} is not the size of an audit tree")


def _split(size: int) -> int:
    """The largest power of two smaller than `size`, which is 2 or more."""
    return 1 << (size - 1).bit_length() - 1


def _cover(low: int, high: int) -> tuple[Coordinate, ...]:
    """The complete subtrees of the leaves from `low` to `high`, the largest first.

    `low` is a multiple of the largest of them, as it always is where the RFC splits a tree.
    """
    cover = []
    while low < high:
        level = (high - low).bit_length() - 1
        cover.append(Coordinate(level, low >> level))
        low += 1 << level
    return tuple(cover)


# -- verification --------------------------------------------------------------------------------


def verify_inclusion(leaf: bytes, index: int, size: int, proof: Sequence[bytes], root: bytes) -> None:
    """Check that the leaf hash `leaf` is leaf `index` of the tree with `size` leaves and this root.

    RFC 9162 section 2.1.3.2. Raises IntegrityError when it is not shown to be.
    """
    what = f"inclusion proof of leaf {index} in a tree of {size}"
    if not 0 <= index < size <= SIZE_MAX:
        raise IntegrityError(f"{what}: there is no such leaf")
    _check_hashes(what, (leaf, *proof))
    position, last, hash_ = index, size - 1, leaf
    for sibling in proof:
        if last == 0:
            raise IntegrityError(f"{what}: too long")
        if position & 1 or position == last:
            hash_ = node_hash(sibling, hash_)
            while not position & 1 and position:
                position, last = position >> 1, last >> 1
        else:
            hash_ = node_hash(hash_, sibling)
        position, last = position >> 1, last >> 1
    if last:
        raise IntegrityError(f"{what}: too short")
    if hash_ != root:
        raise IntegrityError(
            f"{what}: it does not lead to the root, so this row is not what was logged there"
        )


def verify_consistency(
    older: int, older_root: bytes, newer: int, newer_root: bytes, proof: Sequence[bytes]
) -> None:
    """Check that the tree of `newer` leaves only adds to the tree of `older` leaves.

    RFC 9162 section 2.1.4.2; also for an empty older tree and for equal sizes, whose proof is empty.
    Raises IntegrityError when it is not shown to.
    """
    what = f"consistency proof from {older} to {newer} leaves"
    if not 0 <= older <= newer <= SIZE_MAX:
        raise IntegrityError(f"{what}: the newer tree is the smaller one; the log was rolled back")
    if older in (0, newer):
        _verify_trivial(what, older_root, newer_root if older else EMPTY_ROOT, proof)
        return
    _check_hashes(what, proof)
    hashes = [older_root, *proof] if older.bit_count() == 1 else list(proof)
    position, last = older - 1, newer - 1
    while position & 1:
        position, last = position >> 1, last >> 1
    first = second = _first(what, hashes)
    for sibling in hashes[1:]:
        if last == 0:
            raise IntegrityError(f"{what}: too long")
        if position & 1 or position == last:
            first, second = node_hash(sibling, first), node_hash(sibling, second)
            while not position & 1 and position:
                position, last = position >> 1, last >> 1
        else:
            second = node_hash(second, sibling)
        position, last = position >> 1, last >> 1
    if last:
        raise IntegrityError(f"{what}: too short")
    if (first, second) != (older_root, newer_root):
        raise IntegrityError(f"{what}: it does not lead to both roots, so what was logged before has changed")


def _verify_trivial(what: str, root: bytes, expected: bytes, proof: Sequence[bytes]) -> None:
    if proof:
        raise IntegrityError(f"{what}: too long")
    if root != expected:
        raise IntegrityError(f"{what}: two different roots for one tree")


def _first(what: str, hashes: list[bytes]) -> bytes:
    if not hashes:
        raise IntegrityError(f"{what}: too short")
    return hashes[0]


def _check_hashes(what: str, hashes: Sequence[bytes]) -> None:
    if len(hashes) > 2 * SIZE_MAX.bit_length() or any(len(item) != HASH_OCTETS for item in hashes):
        raise IntegrityError(f"{what}: at most 126 hashes of {HASH_OCTETS} octets each are a proof")
