"""What a log of the static-ct-api says (https://c2sp.org/static-ct-api): its checkpoint, its tiles of hashes,
and its entries in data tiles.

The tree, its hashes and its signature are those of RFC 6962. Hashes of tiles are believed once they lead to
the root that the log's key has signed; entries once they have the hashes of their tile.
"""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from ...core.checkpoint import key_identifier, parse_text, read_note
from ...core.errors import IntegrityError, Malformed
from ...core.merkle import HASH_OCTETS, Coordinate, root_hash
from .messages import (
    CERTIFICATE_LENGTH,
    LEAF_BEGINS,
    PRECERT_ENTRY,
    Logged,
    LogKey,
    Octets,
    TreeHead,
    take_timestamped,
    verify_tree_head,
)

HEIGHT = 8
WIDTH = 1 << HEIGHT
SIZE_MAX = 2**40
"""Leaves: `leaf_index` can number no more."""
_RFC6962_SIGNATURE = b"\x05"
_TIMESTAMP_OCTETS = 8
_LEAF_INDEX, _LEAF_INDEX_OCTETS = 0, 5


# -- the checkpoint ------------------------------------------------------------------------------


def read_checkpoint(octets: bytes, key: LogKey) -> TreeHead:
    """The tree head of a checkpoint, signed by the log's key under the name of the checkpoint's origin.

    The origin stands under no signature: which log it is, the key alone says. Raises Malformed, TooLarge;
    IntegrityError where the key's signature is not there, or is false.
    """
    try:
        text, signatures = read_note(octets.decode())
    except UnicodeDecodeError as error:
        raise Malformed("the checkpoint is not valid UTF-8") from error
    told = parse_text(text)
    if told.extensions:
        raise Malformed("the checkpoint has extension lines, which a log's signature does not cover")
    if told.size > SIZE_MAX:
        raise Malformed(f"the checkpoint is of more than {SIZE_MAX} leaves")
    ours = key_identifier(told.origin, _RFC6962_SIGNATURE, log_id(key))
    heads = []
    for signature in signatures:
        if (signature.name, signature.identifier) == (told.origin, ours):
            timestamp = int.from_bytes(signature.value[:_TIMESTAMP_OCTETS], "big")
            heads.append(TreeHead(told.size, timestamp, told.root))
            verify_tree_head(key, heads[-1], signature.value[_TIMESTAMP_OCTETS:])
    if not heads:
        raise IntegrityError("the checkpoint has no signature by the log's key")
    return heads[0]


def log_id(key: LogKey) -> bytes:
    """32 octets (RFC 6962 section 3.2)."""
    return hashlib.sha256(key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)).digest()


# -- tiles of hashes -----------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Tile:
    """Up to 256 hashes of a tree, side by side: level 0 has those of leaves, each above those of whole tiles.
    None is the level of a data tile, which has the entries themselves."""

    level: int | None
    number: int
    width: int = WIDTH

    @property
    def path(self) -> str:
        """Below the log's address."""
        digits = str(self.number)
        digits = digits.zfill(-(-len(digits) // 3) * 3)
        groups = [digits[at : at + 3] for at in range(0, len(digits), 3)]
        number = "/".join([*(f"x{one}" for one in groups[:-1]), groups[-1]])
        level = "data" if self.level is None else self.level
        return f"/tile/{level}/{number}" + (f".p/{self.width}" if self.width < WIDTH else "")


def width_of(size: int, level: int, number: int) -> int:
    """How many hashes a tile of a tree of that size has; less than 1 where there is no such tile."""
    return min(WIDTH, (size >> HEIGHT * level) - WIDTH * number)


def edge(size: int) -> list[Tile]:
    """The partial tiles of a tree: all others are below them."""
    levels = range(-(-size.bit_length() // HEIGHT))
    numbers = [(level, (size >> HEIGHT * level) // WIDTH) for level in levels]
    tiles = [Tile(level, number, width_of(size, level, number)) for level, number in numbers]
    return [one for one in tiles if one.width > 0]


def home(node: Coordinate) -> tuple[int, int]:
    """Level and number of the tile from which a node of the tree is made."""
    level, above = divmod(node.level, HEIGHT)
    return level, (node.position << above) // WIDTH


def node_in(node: Coordinate, hashes: Sequence[bytes]) -> bytes:
    """The hash of a node, out of the hashes of its tile."""
    above = node.level % HEIGHT
    start = (node.position << above) % WIDTH
    return root_hash(hashes[start : start + (1 << above)])


def read_hashes(octets: bytes, width: int) -> tuple[bytes, ...]:
    """Raises Malformed unless there are so many."""
    if len(octets) != width * HASH_OCTETS:
        raise Malformed(f"a tile of {width} hashes has {len(octets)} octets")
    return tuple(octets[at : at + HASH_OCTETS] for at in range(0, len(octets), HASH_OCTETS))


# -- data tiles ----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class TileLeaf:
    """An entry of a data tile. `leaf` is the MerkleTreeLeaf, which the tree has the hash of; `issuers` are
    SHA-256 of the certificates of its chain, which no hash covers."""

    leaf: bytes
    logged: Logged
    extensions: bytes
    issuers: tuple[bytes, ...]


def read_data_tile(octets: bytes) -> Iterator[TileLeaf]:
    """Its entries, one after the other. Raises Malformed where it comes to one that cannot be read."""
    tile = Octets(octets, "the data tile")
    while tile.left:
        start = tile.at
        kind, logged, extensions = take_timestamped(tile)
        leaf = LEAF_BEGINS + tile.since(start)
        precertificate = tile.vector(CERTIFICATE_LENGTH) if kind == PRECERT_ENTRY else b""
        chain = tile.vector(2)
        if len(chain) % HASH_OCTETS:
            raise Malformed("the data tile: a chain is no list of SHA-256")
        issuers = tuple(chain[at : at + HASH_OCTETS] for at in range(0, len(chain), HASH_OCTETS))
        what = Logged(precertificate, logged, b"") if kind == PRECERT_ENTRY else Logged(logged, b"", b"")
        yield TileLeaf(leaf, what, extensions, issuers)


def read_leaf_index(extensions: bytes) -> int:
    """The position in the log that CtExtensions tell. Raises Malformed, where they tell none too."""
    rest, found = Octets(extensions, "the extensions"), dict[int, bytes]()
    while rest.left:
        kind, data = rest.number(1), rest.vector(2)
        if kind in found:
            raise Malformed(f"the extensions: there are two of type {kind}")
        found[kind] = data
    if len(found.get(_LEAF_INDEX, b"")) != _LEAF_INDEX_OCTETS:
        raise Malformed("the extensions: there is no leaf_index of 5 octets")
    return int.from_bytes(found[_LEAF_INDEX], "big")
