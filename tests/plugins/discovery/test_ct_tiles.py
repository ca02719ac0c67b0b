"""Tiles of trees of several levels, hashed once more here."""

import asyncio
import hashlib
from collections.abc import Awaitable, Callable
from functools import cache

import pytest
from hypothesis import given
from hypothesis import strategies as st

from certwright.core.errors import IntegrityError
from certwright.core.merkle import consistency_path, needed
from certwright.plugins.discovery.ct_log.static import HashTiles
from certwright.protocols.ct.messages import TreeHead
from certwright.protocols.ct.tiles import WIDTH, Tile
from tests.plugins.discovery.fake_ct_log import split

LEAVES = 66_000 + 2 * WIDTH


@cache
def mth(low: int, high: int) -> bytes:
    """RFC 6962 section 2.1, of leaves that are their number."""
    if high - low == 1:
        return hashlib.sha256(b"\0" + low.to_bytes(5, "big")).digest()
    middle = low + split(high - low)
    return hashlib.sha256(b"\1" + mth(low, middle) + mth(middle, high)).digest()


def root(size: int) -> bytes:
    return mth(0, size) if size else hashlib.sha256(b"").digest()


async def true_tile(tile: Tile) -> tuple[bytes, ...]:
    assert tile.level is not None
    span = WIDTH**tile.level
    first = tile.number * WIDTH
    return tuple(mth(one * span, (one + 1) * span) for one in range(first, first + tile.width))


SIZES = st.integers(0, LEAVES) | st.sampled_from([1, 255, 256, 257, 65_535, 65_536, 65_537, 65_792])


@given(SIZES.filter(bool), st.data())
def test_every_hash_of_a_tree_is_had_from_its_tiles(size: int, data: st.DataObject) -> None:
    index = data.draw(st.integers(0, size - 1))
    older = data.draw(st.integers(0, size))

    async def run() -> None:
        tiles = HashTiles(true_tile, TreeHead(size, 0, root(size)))
        await tiles.begin()
        assert (await tiles.tile(0, index // WIDTH))[index % WIDTH] == mth(index, index + 1)
        for node in needed(consistency_path(older, size)):
            low = node.position << node.level
            assert await tiles.node(node) == mth(low, low + (1 << node.level))

    asyncio.run(run())


@given(SIZES, SIZES)
def test_a_tree_has_no_other_root(size: int, other: int) -> None:
    async def run() -> None:
        await HashTiles(true_tile, TreeHead(size, 0, root(other))).begin()

    if size == other:
        asyncio.run(run())
    else:
        with pytest.raises(IntegrityError):
            asyncio.run(run())


@given(SIZES.filter(bool), st.data())
def test_no_tile_on_the_way_to_a_leaf_can_be_another(size: int, data: st.DataObject) -> None:
    index = data.draw(st.integers(0, size - 1))
    asked: list[Tile] = []

    async def look(fetch: Callable[[Tile], Awaitable[tuple[bytes, ...]]]) -> None:
        tiles = HashTiles(fetch, TreeHead(size, 0, root(size)))
        await tiles.begin()
        await tiles.tile(0, index // WIDTH)

    async def noted(tile: Tile) -> tuple[bytes, ...]:
        asked.append(tile)
        return await true_tile(tile)

    asyncio.run(look(noted))
    wrong = data.draw(st.sampled_from(asked))
    at = data.draw(st.integers(0, wrong.width - 1))

    async def changed(tile: Tile) -> tuple[bytes, ...]:
        hashes = await true_tile(tile)
        return (*hashes[:at], bytes(32), *hashes[at + 1 :]) if tile == wrong else hashes

    with pytest.raises(IntegrityError):
        asyncio.run(look(changed))
