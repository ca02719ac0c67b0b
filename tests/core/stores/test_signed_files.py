"""Signed programs, installers and archives, real ones and such as no program writes."""

import os
import struct
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from certwright.core.stores.parts import PARTS_OCTETS_MAX, Part, Reading
from certwright.core.stores.reading import read_store
from certwright.core.stores.signed_files import MAGIC_OCTETS, signed_file
from certwright.core.stores.values import Entry, Role, Store, StoredKey, StoreFormat
from certwright.core.stores.zip_file import BLOCK_OCTETS_MAX, BLOCKS_MAX
from tests.core.stores.made import key_pem, pem
from tests.core.stores.signed import (
    FREE,
    SECTOR,
    archive,
    compound_file,
    portable_executable,
    signed_data,
    signer_info,
    zip64,
)
from tests.core.toy_chain import outside
from tests.real import signing

MAKER = outside("CN=Maker")
CMS = signed_data(MAKER.path, signer_info(MAKER))
LARGE_CMS = signed_data(
    tuple(outside(f"CN=Beside {n}").der for n in range(16)) + MAKER.path, signer_info(MAKER)
)
SIGNED = Entry("signer", MAKER.path, role=Role.SIGNER)
BLOCK = "META-INF/TOY.EC"
GOOD = (
    portable_executable(CMS),
    compound_file(CMS),
    compound_file(LARGE_CMS),
    archive(("META-INF/MANIFEST.MF", b""), (BLOCK, CMS), ("a.class", bytes(9))),
    zip64(archive((BLOCK, CMS))),
)


def of_parts(octets: bytes) -> tuple[Store | None, list[Part]]:
    """What a file is signed with, and the parts that were read for it."""
    reading = signed_file(octets[:MAGIC_OCTETS], len(octets))
    assert reading is not None
    asked: list[Part] = []
    return _driven(reading, octets, asked), asked


def _driven(reading: Reading[Store | None], octets: bytes, asked: list[Part]) -> Store | None:
    given_: bytes | None = None
    while True:
        try:
            part = next(reading) if given_ is None else reading.send(given_)
        except StopIteration as end:
            store: Store | None = end.value
            return store
        asked.append(part)
        given_ = octets[part.offset : part.offset + part.length]


def entries(octets: bytes) -> tuple[Entry, ...]:
    store = read_store(octets)
    assert store == of_parts(octets)[0]
    return store.entries if store else ()


def problem(octets: bytes) -> str:
    (one,) = entries(octets)
    return one.problem


# -- real ones -------------------------------------------------------------------------------------

SIGNERS = signing.signers()
BY_BOTH = (
    Entry("signer", SIGNERS.signer.path, role=Role.SIGNER),
    Entry("time stamper", SIGNERS.stamper.path, role=Role.TIME_STAMPER),
)


def test_a_program_that_osslsigncode_has_signed_twice(tmp_path: Path) -> None:
    (tmp_path / "toy.exe").write_bytes(signing.program().read_bytes())
    assert read_store((tmp_path / "toy.exe").read_bytes()) is None
    once = signing.sign(tmp_path / "toy.exe", stamped=True)
    assert read_store(once.read_bytes()) == Store(StoreFormat.PE, BY_BOTH)
    other = outside("CN=Other Maker", wish=signing.CODE_SIGNING)
    twice = signing.sign(once, "-nest", signer=other)
    assert set(entries(twice.read_bytes())) == {
        *BY_BOTH,
        Entry("signer (2)", other.path, role=Role.SIGNER),
    }


@pytest.mark.parametrize("octets", [14_000, 9_000_000])
def test_an_installer_of_wixl(octets: int, tmp_path: Path) -> None:
    """The large one has a table of its allocation tables, and a signature too large for the small streams."""
    installer = signing.installer(tmp_path, os.urandom(octets))
    assert read_store(installer.read_bytes()) is None
    beside = [outside(f"CN=Beside {number}").der for number in range(12 if octets > 1_000_000 else 0)]
    (tmp_path / "beside.pem").write_bytes(pem(*beside))
    signed = signing.sign(installer, *(("-ac", str(tmp_path / "beside.pem")) if beside else ()), stamped=True)
    store, asked = of_parts(signed.read_bytes())
    assert store is not None
    assert (store.format, store.entries[:2]) == (StoreFormat.MSI, BY_BOTH)
    assert {one.chain[0] for one in store.entries[2:]} == set(beside)
    assert sum(part.length for part in asked) < 64 * 1024


def test_an_archive_that_jarsigner_has_signed(tmp_path: Path) -> None:
    archived = signing.jar(tmp_path, entries=2_000)
    assert read_store(archived.read_bytes()) is None
    signing.sign_jar(archived)
    assert read_store(archived.read_bytes()) == Store(StoreFormat.JAR, BY_BOTH[:1])
    with signing.clock(tmp_path) as url:
        signing.sign_jar(archived, "-tsa", url)
    assert entries(archived.read_bytes()) == BY_BOTH


# -- made ones -------------------------------------------------------------------------------------


@pytest.mark.parametrize("octets", GOOD)
def test_those_made_here_are_read(octets: bytes) -> None:
    assert SIGNED in entries(octets)


def test_of_a_large_file_little_is_read() -> None:
    large = bytes(3_000_000)
    for octets in (
        portable_executable(CMS, behind=large),
        compound_file(CMS) + large,
        archive(("large", large), (BLOCK, CMS), packed=False),
    ):
        store, asked = of_parts(octets)
        assert store is not None
        assert store.entries == (SIGNED,)
        assert sum(part.length for part in asked) < 100_000


def test_what_stands_before_an_archive_and_behind_a_signature_does_not_matter() -> None:
    before = b"PK\3\4" + bytes(50)
    assert entries(before + archive((BLOCK, CMS))) == (SIGNED,)
    assert entries(portable_executable(CMS + b"installer's own")) == (SIGNED,)


def test_pem_that_was_compiled_in_is_told_too() -> None:
    key = key_pem(MAKER.key)
    assert read_store(portable_executable(behind=b"\0" + key)) == read_store(key)
    store = read_store(portable_executable(CMS, behind=b"\0" + key + b"-----BEGIN CERTIFICATE-----"))
    assert store is not None
    (signed, inside) = store.entries
    assert (store.format, signed) == (StoreFormat.PE, SIGNED)
    assert isinstance(inside.key, StoredKey)


def test_every_block_of_an_archive_is_read() -> None:
    other = outside("CN=Other")
    blocks = [("META-INF/A.RSA", CMS), ("meta-inf/b.dsa", signed_data(other.path, signer_info(other)))]
    left_out = [("META-INF/x/C.RSA", b"no"), ("lib/D.RSA", b"no"), ("META-INF/E.SF", b"no")]
    assert entries(archive(*blocks, *left_out)) == (
        SIGNED,
        Entry("signer (2)", other.path, role=Role.SIGNER),
    )
    signed, bad = entries(archive((BLOCK, CMS), ("META-INF/BAD.RSA", b"no signature")))
    assert (signed, bad.name) == (SIGNED, "META-INF/BAD.RSA")


def test_a_program_whose_table_lies() -> None:
    good = portable_executable(CMS)
    at = good.index(b"PE\0\0") + 24 + 112 + 32
    for offset, length, expected in (
        (len(good), 100, f"its signature would end at octet {len(good) + 100}; it has {len(good)}"),
        (1, 0xFFFFFFFF, f"its signature would end at octet {0xFFFFFFFF + 1}; it has {len(good)}"),
        (0, 100, ""),
        (100, 0, ""),
    ):
        changed = good[:at] + struct.pack("<II", offset, length) + good[at + 8 :]
        found = entries(changed)
        assert [one.problem for one in found] == ([expected] if expected else [])
    table = good.index(CMS) - 8
    shorter = good[:table] + struct.pack("<I", 4) + good[table + 4 :]
    assert "a signature of 4 octets at octet 0" in problem(shorter)


def test_a_compound_file_that_leads_round_or_nowhere() -> None:
    for good in (compound_file(CMS), compound_file(LARGE_CMS)):
        for at in range(SECTOR, 2 * SECTOR, 4):  # its allocation table
            for number in (0, 1, at // 4, FREE, 0x7FFFFFFF):
                changed = good[:at] + struct.pack("<I", number) + good[at + 4 :]
                assert len(of_parts(changed)[1]) < 100
    good = compound_file(CMS)
    size = good.index("\x05DigitalSignature".encode("utf-16-le")) + 120
    large = good[:size] + struct.pack("<I", 0x7FFFFFFF) + good[size + 4 :]
    assert "its signature has 2147483647 octets" in problem(large)
    # a table of tables that is its own next
    circle = good[:68] + struct.pack("<II", 0, 1) + b"\0" * 436 + good[SECTOR:]
    assert len(of_parts(circle)[1]) < 100


def test_an_archive_that_would_unpack_to_more() -> None:
    assert problem(archive((BLOCK, bytes(50_000_000)))) == (
        f"{BLOCK}: more than {BLOCK_OCTETS_MAX} octets once unpacked"
    )
    stored = archive((BLOCK, bytes(BLOCK_OCTETS_MAX + 1)), packed=False)
    assert f"{BLOCK}: {BLOCK_OCTETS_MAX + 1} octets" in problem(stored)
    many = archive(*((f"META-INF/{number}.RSA", CMS) for number in range(BLOCKS_MAX + 1)))
    assert problem(many) == f"it has more than {BLOCKS_MAX} signature blocks"


def test_an_archive_cut_off_is_not_known_to_be_signed() -> None:
    good = archive((BLOCK, CMS))
    for end in range(MAGIC_OCTETS, len(good)):
        assert read_store(good[:end]) is None


NUMBERS = st.one_of(st.integers(0, 20), st.integers(0, 2**32 - 1)).map(struct.Struct("<I").pack)


@given(st.sampled_from(GOOD), st.data())
def test_nothing_that_is_changed_crashes_or_reads_without_end(good: bytes, data: st.DataObject) -> None:
    changed = bytearray(good)
    for _ in range(data.draw(st.integers(1, 6))):
        at = data.draw(st.integers(MAGIC_OCTETS, len(changed)))
        new = data.draw(
            st.one_of(st.binary(max_size=4), st.integers(0, 2**32 - 1).map(lambda n: struct.pack("<I", n)))
        )
        changed[at : at + data.draw(st.sampled_from([0, 1, 4]))] = new
    store, asked = of_parts(bytes(changed))
    assert sum(min(part.length, len(changed)) for part in asked) <= PARTS_OCTETS_MAX
    for one in store.entries if store else ():
        assert one.chain or one.problem
        assert "\n" not in one.problem
        assert len(one.problem) < 300
