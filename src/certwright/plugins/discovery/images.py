"""Images of containers in files: an OCI layout as a folder or a tar, and what `docker save` writes."""

import asyncio
from collections.abc import AsyncGenerator, Callable
from dataclasses import dataclass, field
from typing import Any, Protocol

from ...core.errors import CertwrightError
from ...core.image_manifests import (
    INDEXES_DEEP_MAX,
    MANIFESTS_MAX,
    Image,
    image_of,
    read_document,
    references_in,
    saved_image,
    saved_images,
)
from ...core.stores.parts import Part
from ...core.stores.tar_file import Member, MemberKind, Unpacked, Walk, clean, members
from ...core.stores.unpacking import GZIP, Plain, unpacked
from .file_system import FileSystem, Kind, Seen, Unreadable, join

DOCUMENT_OCTETS_MAX = 4 * 1024 * 1024
ARCHIVE_MEMBERS_MAX = 20_000
LINKS_MAX = 4


@dataclass(frozen=True, slots=True)
class Blob:
    """Where octets are: `length` of them from `offset` on in the file at `path`."""

    path: str
    offset: int
    length: int


class Layout(Protocol):
    """Blobs by their names, from the root of the layout. Raises Unreadable for one that is not there."""

    async def blob(self, name: str) -> Blob: ...


@dataclass(frozen=True, slots=True)
class FolderLayout:
    files: FileSystem
    root: str

    async def blob(self, name: str) -> Blob:
        seen = await self.files.look(join(self.root, clean(name).lstrip("/")))
        if seen.kind is not Kind.FILE:
            raise Unreadable(seen.problem or "it is no file")
        return Blob(seen.path, 0, seen.size)


@dataclass(frozen=True, slots=True)
class ArchiveLayout:
    """A tar, whose members were listed."""

    path: str
    listed: dict[str, Member] = field(default_factory=dict)

    async def blob(self, name: str) -> Blob:
        at = clean(name)
        found = self.listed.get(at)
        for _ in range(LINKS_MAX):
            if found is None or found.kind is not MemberKind.LINK:
                break
            beside = at.rpartition("/")[0]
            at = clean(found.link if found.link.startswith("/") else f"{beside}/{found.link}")
            found = self.listed.get(at)
        if found is None or found.kind is not MemberKind.FILE:
            raise Unreadable(f"there is no {name[:100]} in it", missing=True)
        return Blob(self.path, found.offset, found.size)


@dataclass(frozen=True, slots=True)
class Reader:
    """Reads parts of files, each within `seconds`."""

    files: FileSystem
    seconds: float

    async def part(self, path: str, part: Part) -> bytes:
        try:
            async with asyncio.timeout(self.seconds):
                return await self.files.read_at(path, *part)
        except TimeoutError as error:
            raise Unreadable(f"not read within {self.seconds:g} s") from error

    async def walk(
        self, blob: Blob, wanted: Callable[[Member], bool], packed: bool = True
    ) -> AsyncGenerator[Unpacked]:
        """See `members`. Nothing but reading is done in the running loop."""
        walk, octets = _walk(blob, wanted, packed), None
        while (step := await asyncio.to_thread(_further, walk, octets)) is not None:
            octets = None
            if isinstance(step, Part):
                octets = await self.part(blob.path, step)
            else:
                yield step

    async def document(self, layout: Layout, name: str) -> Any:
        """Raises Unreadable, Malformed."""
        blob = await layout.blob(name)
        if blob.length > DOCUMENT_OCTETS_MAX:
            raise Unreadable(f"{name[:100]} has more than {DOCUMENT_OCTETS_MAX} octets")
        return read_document(await self.part(blob.path, Part(blob.offset, blob.length)))


def _walk(blob: Blob, wanted: Callable[[Member], bool], packed: bool) -> Walk:
    stream = Plain(blob.offset, blob.length)
    if packed:
        stream = yield from unpacked(blob.offset, blob.length)
    yield from members(stream, wanted)


def _further(walk: Walk, octets: bytes | None) -> Part | Unpacked | None:
    try:
        return walk.send(octets)
    except StopIteration:
        return None


async def open_images(reader: Reader, seen: Seen) -> tuple[Layout, list[Image]]:
    """The images at a place. Raises Unreadable where there is none."""
    try:
        layout = await _layout(reader, seen)
        found = await _images(reader, layout)
    except CertwrightError as error:
        raise Unreadable(error.detail) from error
    if not found:
        raise Unreadable("none of the images that it names is here")
    return layout, found


async def _images(reader: Reader, layout: Layout) -> list[Image]:
    """What docker writes today has both documents."""
    for name, read in (("index.json", _oci_images), ("manifest.json", _saved_images)):
        try:
            await layout.blob(name)
        except Unreadable as error:
            if error.missing:
                continue
            raise
        return await read(reader, layout)
    raise Unreadable("it is no image of a container")


async def _layout(reader: Reader, seen: Seen) -> Layout:
    if seen.kind is Kind.FOLDER:
        return FolderLayout(reader.files, seen.path)
    if seen.kind is not Kind.FILE:
        raise Unreadable(seen.problem or "it is no file")
    if (await reader.part(seen.path, Part(0, len(GZIP)))) == GZIP:
        raise Unreadable("it is packed as a whole; unpack it")
    layout = ArchiveLayout(seen.path)

    def note(member: Member) -> bool:
        if len(layout.listed) >= ARCHIVE_MEMBERS_MAX:
            raise Unreadable(f"it holds more than {ARCHIVE_MEMBERS_MAX} files")
        layout.listed[member.name] = member
        return False

    async for _ in reader.walk(Blob(seen.path, 0, seen.size), note, packed=False):
        pass
    return layout


async def _oci_images(reader: Reader, layout: Layout) -> list[Image]:
    """Those of `index.json`, and of the indexes that it leads to: one for each kind of machine."""
    later = [(one, 1) for one in references_in(await reader.document(layout, "index.json"))]
    found: list[Image] = []
    for number, (reference, depth) in enumerate(later):
        if number >= MANIFESTS_MAX or depth > INDEXES_DEEP_MAX:
            raise Unreadable(f"its indexes name more than {MANIFESTS_MAX} manifests, or lead too deep")
        try:
            document = await reader.document(layout, reference.name)
        except Unreadable as error:
            if error.missing:  # of another kind of machine, which nobody has fetched
                continue
            raise
        if inner := references_in(document):
            later += [(one, depth + 1) for one in inner]
        else:
            found.append(image_of(document, reference.names))
    return found


async def _saved_images(reader: Reader, layout: Layout) -> list[Image]:
    found = []
    for configuration, names, layers in saved_images(await reader.document(layout, "manifest.json")):
        try:
            document = await reader.document(layout, configuration)
        except Unreadable:
            document = None
        found.append(saved_image(names, layers, document))
    return found
