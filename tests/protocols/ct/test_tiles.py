"""What a log of the static-ct-api says, read and verified."""

import base64
import re
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from certwright.core.errors import IntegrityError, Malformed
from certwright.core.merkle import Coordinate
from certwright.protocols.ct.messages import TreeHead
from certwright.protocols.ct.tiles import (
    SIZE_MAX,
    WIDTH,
    Tile,
    edge,
    home,
    log_id,
    read_checkpoint,
    read_data_tile,
    read_hashes,
    read_leaf_index,
    width_of,
)
from tests.plugins.discovery.fake_ct_log import vector
from tests.protocols.ct.known import KEY, LOG_ID, ROOT, SIGNED

# -- the checkpoint ------------------------------------------------------------------------------


def test_the_checkpoint_of_another_implementation() -> None:
    assert read_checkpoint(SIGNED.encode(), KEY) == TreeHead(300, 1767139200000, base64.b64decode(ROOT))
    assert base64.b64encode(log_id(KEY)).decode() == LOG_ID


@given(st.integers(0, len(SIGNED.encode()) - 1), st.integers(1, 255))
def test_no_octet_of_a_checkpoint_can_be_changed(at: int, by: int) -> None:
    octets = bytearray(SIGNED.encode())
    octets[at] ^= by
    with pytest.raises((Malformed, IntegrityError)):
        read_checkpoint(bytes(octets), KEY)


# -- paths ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("tile", "path"),
    [
        (Tile(0, 0), "/tile/0/000"),
        (Tile(1, 999, 1), "/tile/1/999.p/1"),
        (Tile(0, 1000), "/tile/0/x001/000"),
        (Tile(0, 1234067), "/tile/0/x001/x234/067"),
        (Tile(None, 1234067, 255), "/tile/data/x001/x234/067.p/255"),
    ],
)
def test_paths_of_tiles(tile: Tile, path: str) -> None:
    assert tile.path == path


@given(st.none() | st.integers(0, 5), st.integers(0, SIZE_MAX // WIDTH), st.integers(1, WIDTH))
def test_every_path_is_of_one_tile(level: int | None, number: int, width: int) -> None:
    form = r"/tile/(data|[0-5])/((?:x\d{3}/)*)(\d{3})(?:\.p/([1-9]\d{0,2}))?"
    found = re.fullmatch(form, Tile(level, number, width).path)
    assert found is not None
    assert found[1] == ("data" if level is None else str(level))
    groups = [*re.findall(r"\d{3}", found[2]), found[3]]
    assert int("".join(groups)) == number
    assert len(groups) == 1 or int(groups[0]), "no group too many"
    assert int(found[4] or WIDTH) == width


def test_the_tiles_of_trees_that_the_specification_works_out() -> None:
    assert edge(70_000) == [Tile(0, 273, 112), Tile(1, 1, 17), Tile(2, 0, 1)]
    assert [width_of(70_000, 0, number) for number in (0, 272, 273)] == [256, 256, 112]
    assert width_of(70_000, 1, 0) == 256
    assert edge(256) == [Tile(1, 0, 1)]
    assert edge(0) == []
    assert edge(SIZE_MAX) == [Tile(5, 0, 1)]


# -- tiles of hashes ------------------------------------------------------------------------------


def test_a_node_is_within_one_tile() -> None:
    assert home(Coordinate(7, 3)) == (0, 1)
    assert home(Coordinate(8, 3)) == (1, 0)
    assert home(Coordinate(15, 2)) == (1, 1)


def test_a_tile_has_as_many_hashes_as_it_is_wide() -> None:
    assert read_hashes(bytes(32) + b"\1" * 32, 2) == (bytes(32), b"\1" * 32)
    with pytest.raises(Malformed):
        read_hashes(bytes(63), 2)


# -- entries -------------------------------------------------------------------------------------

TIMESTAMPED = bytes(7) + b"\5" + b"\0\0" + vector(b"certificate") + vector(b"extensions", 2)
PRE_TIMESTAMPED = bytes(7) + b"\5" + b"\0\1" + bytes(32) + vector(b"tbs") + vector(b"", 2)


def test_what_a_data_tile_has() -> None:
    first, second = read_data_tile(
        TIMESTAMPED + vector(bytes(range(64)), 2) + PRE_TIMESTAMPED + vector(b"whole") + vector(b"", 2)
    )
    assert (first.leaf, second.leaf) == (b"\0\0" + TIMESTAMPED, b"\0\0" + PRE_TIMESTAMPED)
    assert (first.logged.certificate, first.logged.is_precertificate) == (b"certificate", False)
    assert (second.logged.certificate, second.logged.tbs) == (b"whole", b"tbs")
    assert first.issuers == (bytes(range(32)), bytes(range(32, 64)))
    assert (first.extensions, second.issuers) == (b"extensions", ())


@pytest.mark.parametrize(
    "octets",
    [
        TIMESTAMPED,
        TIMESTAMPED + vector(bytes(31), 2),
        PRE_TIMESTAMPED + vector(b"", 2),
        bytes(8) + b"\0\2" + bytes(99),
    ],
)
def test_what_is_no_data_tile(octets: bytes) -> None:
    with pytest.raises(Malformed):
        list(read_data_tile(octets))


@given(st.binary(max_size=200))
def test_any_octets_are_entries_or_malformed(octets: bytes) -> None:
    with suppress(Malformed):
        assert sum(len(one.leaf) for one in read_data_tile(octets)) <= len(octets)


@given(st.integers(0, SIZE_MAX - 1))
def test_a_leaf_index(index: int) -> None:
    assert read_leaf_index(b"\0\0\5" + index.to_bytes(5, "big")) == index
