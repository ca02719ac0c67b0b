"""A log by the static-ct-api (https://c2sp.org/static-ct-api): it serves files, and the proofs are made here.

Every hash that is used leads to the signed root, and every entry that is read has its hash there, so nothing
is believed that the tree does not have. What the tree does not cover is the precertificate itself.
"""

import hashlib
from collections.abc import Awaitable, Callable, Iterator

from ....core.egress import Url
from ....core.errors import IntegrityError, Malformed
from ....core.merkle import (
    EMPTY_ROOT,
    Coordinate,
    assemble,
    consistency_path,
    fold,
    leaf_hash,
    needed,
    root_hash,
    root_path,
    verify_consistency,
)
from ....protocols.ct.messages import LogKey, TreeHead
from ....protocols.ct.tiles import (
    WIDTH,
    Tile,
    TileLeaf,
    edge,
    home,
    node_in,
    read_checkpoint,
    read_data_tile,
    read_hashes,
    read_leaf_index,
    width_of,
)
from ..service import Asking, Unanswered
from .reading import ABSENT, Entry, Mark

SMALL_OCTETS_MAX = 256 * 1024
"""Of a checkpoint, which 16 signatures must fit, of a tile of hashes, and of an issuer's certificate."""
DATA_OCTETS_MAX = 64 * 1024 * 1024
"""Of a data tile: 256 precertificates of the 128 KiB that Sunlight takes have 48 MiB."""
ISSUERS_MAX = 64

Hashes = tuple[bytes, ...]


class HashTiles:
    """The tiles of hashes of one tree. What it gives leads to the root. It holds two of a level, at most."""

    def __init__(self, fetch: Callable[[Tile], Awaitable[Hashes]], head: TreeHead) -> None:
        self._fetch, self._head = fetch, head
        self._edge: dict[tuple[int, int], Hashes] = {}
        self._held: dict[int, tuple[int, Hashes]] = {}

    async def begin(self) -> None:
        """Reads the partial tiles, which make the root. Raises IntegrityError, Malformed, Unanswered."""
        for tile in edge(self._head.size):
            assert tile.level is not None
            self._edge[tile.level, tile.number] = await self._fetch(tile)
        nodes = needed(root_path(self._head.size))
        root = fold([node_in(one, self._edge[home(one)]) for one in nodes]) if nodes else EMPTY_ROOT
        if root != self._head.root:
            raise IntegrityError("the log's tiles do not lead to the root of its checkpoint")

    async def tile(self, level: int, number: int) -> Hashes:
        """A tile that the tree has. Raises IntegrityError, Malformed, Unanswered."""
        if (level, number) in self._edge:
            return self._edge[level, number]
        at, held = self._held.get(level, (-1, ()))
        if at == number:
            return held
        above = await self.tile(level + 1, number // WIDTH)
        hashes = await self._fetch(Tile(level, number))
        if root_hash(hashes) != above[number % WIDTH]:
            raise IntegrityError(f"tile {number} of level {level} is another than the one above has")
        self._held[level] = number, hashes
        return hashes

    async def node(self, node: Coordinate) -> bytes:
        """Raises IntegrityError, Malformed, Unanswered."""
        return node_in(node, await self.tile(*home(node)))


class StaticLog:
    """See `LogReader`. `continues` is called before entries are read."""

    def __init__(self, asking: Asking, url: Url, key: LogKey) -> None:
        self._asking, self._url, self._key = asking, url, key
        self._tiles = HashTiles(self._hashes, TreeHead(0, 0, EMPTY_ROOT))
        self._issuers: dict[bytes, bytes] = {}

    async def head(self) -> TreeHead:
        """The checkpoint's."""
        octets = await self._asking.octets(self._url, "/checkpoint", SMALL_OCTETS_MAX)
        return read_checkpoint(octets, self._key)

    async def continues(self, head: TreeHead, since: Mark | None) -> None:
        """By a proof (RFC 6962 section 2.1.2) that is made of tiles."""
        if since is not None and not 0 < since.size < head.size:
            verify_consistency(since.size, since.root, head.size, head.root, ())
        self._tiles = HashTiles(self._hashes, head)
        await self._tiles.begin()
        if since is not None and 0 < since.size < head.size:
            path = consistency_path(since.size, head.size)
            proof = assemble(path, {one: await self._tiles.node(one) for one in needed(path)})
            verify_consistency(since.size, since.root, head.size, head.root, proof)

    async def page(self, head: TreeHead, first: int, end: int) -> Iterator[Entry]:
        """What is to be read of one data tile."""
        number = first // WIDTH
        hashes = await self._tiles.tile(0, number)
        octets, width = await self._fetch(Tile(None, number, width_of(head.size, 0, number)), DATA_OCTETS_MAX)
        return _entries(octets, width, hashes, range(first, min(end, number * WIDTH + len(hashes))))

    async def prove(self, head: TreeHead, entry: Entry) -> None:
        """`page` gives none that is not in the tree."""

    async def issuer(self, entry: Entry) -> bytes:
        """The certificate that has the fingerprint. Raises IntegrityError for another, Unanswered."""
        fingerprint = entry.issuer
        if not fingerprint:
            return b""
        if fingerprint not in self._issuers:
            target = f"/issuer/{fingerprint.hex()}"
            octets = await self._asking.octets(self._url, target, SMALL_OCTETS_MAX)
            if hashlib.sha256(octets).digest() != fingerprint:
                raise IntegrityError("the log gives another issuer than the one with that fingerprint")
            if len(self._issuers) == ISSUERS_MAX:
                self._issuers.clear()
            self._issuers[fingerprint] = octets
        return self._issuers[fingerprint]

    async def _hashes(self, tile: Tile) -> Hashes:
        octets, width = await self._fetch(tile, SMALL_OCTETS_MAX)
        return read_hashes(octets, width)[: tile.width]

    async def _fetch(self, tile: Tile, octets_max: int) -> tuple[bytes, int]:
        """A tile, and its width: of the whole one where the log has grown and the partial one is gone."""
        try:
            return await self._asking.octets(self._url, tile.path, octets_max), tile.width
        except Unanswered as error:
            if tile.width == WIDTH or error.status not in ABSENT:
                raise
        whole = Tile(tile.level, tile.number)
        return await self._asking.octets(self._url, whole.path, octets_max), WIDTH


def _entries(octets: bytes, width: int, hashes: Hashes, wanted: range) -> Iterator[Entry]:
    """Those that are wanted of a data tile with so many; of its wrong `leaf_index` the first is told. Raises
    Malformed, IntegrityError."""
    begin = wanted.start // WIDTH * WIDTH
    leaves, is_told = read_data_tile(octets), False
    for index in range(begin, wanted.stop):
        leaf = next(leaves, None)
        if leaf is None:
            raise Malformed(f"the data tile has {index - begin} entries, not {width}")
        if index in wanted:
            if leaf_hash(leaf.leaf) != hashes[index - begin]:
                raise IntegrityError(f"entry {index} is another than the one in the log's tree")
            problem = "" if is_told else _index_problem(leaf, index)
            is_told = is_told or bool(problem)
            yield Entry(index, leaf.leaf, leaf.logged, b"".join(leaf.issuers[:1]), problem)
    if wanted.stop == begin + width and next(leaves, None) is not None:
        raise Malformed(f"the data tile has more than {width} entries")


def _index_problem(leaf: TileLeaf, index: int) -> str:
    try:
        told = read_leaf_index(leaf.extensions)
    except Malformed as error:
        return error.detail
    return "" if told == index else f"the leaf_index of the log's entry {index} is {told}"
