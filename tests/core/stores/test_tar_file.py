"""Tars and gzip, compared with what Python's own library writes, and such as nobody writes."""

import gzip
import io
import tarfile
import zlib
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from certwright.core.errors import CertwrightError, Malformed, TooLarge
from certwright.core.stores.parts import Part
from certwright.core.stores.tar_file import HEADER_OCTETS_MAX, HEADERS_MAX, Member, MemberKind, Walk, members
from certwright.core.stores.unpacking import CHUNK, RATIO_FROM, STREAMS_MAX, unpacked

FORMATS = (tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT)


def walked(
    octets: bytes, *, skip: bool = False, before: bytes = b""
) -> tuple[list[Member], dict[str, bytes]]:
    """Its members, and the octets of files unless they are skipped; the blob is a part of its file."""
    file = before + octets + b"\xff" * 600
    seen: list[Member] = []

    def wanted(member: Member) -> bool:
        seen.append(member)
        return not skip

    def walk() -> Walk:
        stream = yield from unpacked(len(before), len(octets))
        yield from members(stream, wanted)

    found, going, handed = {}, walk(), None
    while True:
        try:
            step = going.send(handed)
        except StopIteration:
            return seen, found
        handed = None
        if isinstance(step, Part):
            assert step.length <= CHUNK
            assert step.offset + step.length <= len(before) + len(octets)
            handed = file[step.offset : step.offset + step.length]
        else:
            found[step.member.name] = step.octets


def tar(*files: tuple[str, bytes], form: int = tarfile.PAX_FORMAT) -> bytes:
    octets = io.BytesIO()
    with tarfile.open(fileobj=octets, mode="w", format=form) as archive:
        for name, content in files:
            member = tarfile.TarInfo(name)
            member.size, member.mode, member.uid = len(content), 0o640, 33
            archive.addfile(member, io.BytesIO(content))
    return octets.getvalue()


NAMES = st.text("abcdefghä/. ", min_size=1, max_size=40).map(lambda text: f"x{text.replace('..', '')}y")
FILES = st.dictionaries(NAMES, st.binary(max_size=1200), max_size=4)


@given(FILES, st.sampled_from(FORMATS), st.booleans(), st.booleans())
def test_what_pythons_library_writes_is_read_as_it_was(
    files: dict[str, bytes], form: int, packed: bool, long: bool
) -> None:
    files = {f"{'folder/' * 30 * long}{name}": content for name, content in files.items()}
    octets = (
        tar(*files.items(), form=form) if form != tarfile.USTAR_FORMAT or not long else tar(*files.items())
    )
    seen, found = walked(gzip.compress(octets) if packed else octets, before=b"before")
    with tarfile.open(fileobj=io.BytesIO(octets)) as archive:
        expected = [(one.name, one.size, one.mode, one.uid) for one in archive.getmembers()]
    parts = [[part for part in name.split("/") if part not in {"", "."}] for name, *_ in expected]
    assert [one.name for one in seen] == ["/" + "/".join(one) for one in parts]
    assert [(one.size, one.mode, one.owner) for one in seen] == [
        (size, 0o640, 33) for _, size, *_ in expected
    ]
    assert set(found.values()) == set(files.values())
    if not packed:
        assert all(octets[one.offset : one.offset + one.size] == found[one.name] for one in seen)


def test_links_folders_devices_and_sparse_files() -> None:
    octets = io.BytesIO()
    with tarfile.open(fileobj=octets, mode="w", format=tarfile.GNU_FORMAT) as archive:
        for name, kind, link in (
            ("d", tarfile.DIRTYPE, ""),
            ("d/link", tarfile.SYMTYPE, "x" * 200),
            ("hard", tarfile.LNKTYPE, "d/link"),
            ("null", tarfile.CHRTYPE, ""),
        ):
            member = tarfile.TarInfo(name)
            member.type, member.linkname = kind, link
            archive.addfile(member)
        sparse = tarfile.TarInfo("sparse")
        sparse.size = 512
        header = bytearray(sparse.tobuf(tarfile.GNU_FORMAT))
        header[156:157], header[482:483], header[148:156] = b"S", b"\1", b" " * 8
        header[148:156] = b"%06o\0 " % sum(header)
        archive.fileobj.write(bytes(header) + bytes(504) + b"\1" + bytes(7) + bytes(512) + b"a" * 512)  # type: ignore[union-attr]
    seen, found = walked(octets.getvalue())
    assert [(one.name, one.kind, one.link) for one in seen] == [
        ("/d", MemberKind.FOLDER, ""),
        ("/d/link", MemberKind.LINK, "x" * 200),
        ("/hard", MemberKind.LINK, "d/link"),
        ("/null", MemberKind.OTHER, ""),
        ("/sparse", MemberKind.FILE, ""),
    ]
    assert found == {"/sparse": b"a" * 512}


def test_names_lead_no_further_up_than_to_the_top() -> None:
    assert [one.name for one in walked(tar(("../../etc/a", b""), ("b/../../c", b"")))[0]] == ["/etc/a", "/c"]


def test_a_tar_without_its_end_is_whole_and_one_cut_off_is_not() -> None:
    good = tar(("a", b"b" * 600), ("c", b"d"))
    size = 2 * 512 + 1024 + 512
    unfilled = good[: size - 511]  # as umoci writes it
    for octets in (good[:size], unfilled, *map(gzip.compress, (good[:size], unfilled, good + bytes(100)))):
        assert walked(octets)[1] == walked(good)[1] == {"/a": b"b" * 600, "/c": b"d"}
        assert len(walked(octets, skip=True)[0]) == 2
    packed = gzip.compress(good)
    for cut in (good[: size - 512], good[:700], packed[: len(packed) // 2]):
        for skip in (True, False):
            with pytest.raises(Malformed):
                walked(cut, skip=skip)


def test_a_file_larger_than_memory_should_be_is_skipped_without_reading() -> None:
    large = tarfile.TarInfo("large")
    large.size = 1 << 40
    with pytest.raises(Malformed, match="ends too early"):
        walked(large.tobuf(tarfile.GNU_FORMAT) + bytes(5000), skip=True)


def _header(kind: bytes, size: int) -> bytes:
    member = tarfile.TarInfo("x")
    member.type, member.size = kind, size
    return member.tobuf(tarfile.GNU_FORMAT)


def test_headers_that_extend_others_are_bounded() -> None:
    for kind in (b"x", b"g", b"L", b"K"):
        with pytest.raises(TooLarge, match="a header of"):
            walked(_header(kind, HEADER_OCTETS_MAX + 1) + bytes(9000))
        with pytest.raises(TooLarge, match=f"more than {HEADERS_MAX} headers in a row"):
            walked(_header(kind, 0) * (HEADERS_MAX + 1))
    with pytest.raises(TooLarge, match="a name of"):
        walked(_header(b"L", 5000) + b"n" * 5120)


def test_gzip_that_unpacks_to_far_more_is_left() -> None:
    packed = gzip.compress(bytes(CHUNK)) * (RATIO_FROM // CHUNK + 1)
    with pytest.raises(TooLarge, match="unpack to more than"):
        walked(gzip.compress(_header(b"0", 2 * RATIO_FROM)) + packed, skip=True)


def test_streams_of_gzip_one_after_the_other_are_one_and_bounded() -> None:
    good = tar(*((f"{number}", b"a" * number) for number in range(50)))
    streams = b"".join(gzip.compress(good[at : at + 700]) for at in range(0, len(good), 700))
    assert walked(streams) == walked(good)
    with pytest.raises(TooLarge, match="streams of gzip"):
        walked(gzip.compress(b"") * (STREAMS_MAX + 1))


@given(FILES, st.sampled_from(FORMATS), st.booleans(), st.data())
def test_nothing_that_is_changed_crashes(
    files: dict[str, bytes], form: int, packed: bool, data: st.DataObject
) -> None:
    changed = bytearray(tar(*files.items(), form=form))
    for _ in range(data.draw(st.integers(1, 5))):
        at = data.draw(st.integers(0, min(len(changed) - 1, 3000)))
        changed[at : at + 1] = data.draw(st.binary(max_size=2))
    octets = zlib.compress(bytes(changed), wbits=31) if packed else bytes(changed)
    with suppress(CertwrightError):
        walked(octets)
