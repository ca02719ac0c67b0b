"""One look into an image of a container: the files of each layer, also those that no container sees."""

from collections.abc import AsyncGenerator, Callable, Collection, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field

from ...core.audit import JsonValue
from ...core.errors import CertwrightError, TooLarge
from ...core.image_manifests import NAMES_MAX, Image, Layer
from ...core.stores.tar_file import Member, MemberKind
from .file_system import Kind, Seen, Unreadable, join, parents
from .images import Layout, Reader
from .walking import Exclusions

_WHITEOUT, _OPAQUE = ".wh.", ".wh..wh..opq"


@dataclass(frozen=True, slots=True)
class Bounds:
    """Files over `octets_max` are not read, and of an image at most `files_max` are looked at. `must` says of
    a name that a certificate is to be in such a file."""

    octets_max: int
    files_max: int
    must: Callable[[str], bool]


@dataclass(frozen=True, slots=True)
class InLayer:
    """A file and its octets. The path of `seen` is the image's, the layer's and `name` together."""

    seen: Seen
    layer: str
    name: str
    octets: bytes


@dataclass(slots=True)
class _Contents:
    """What is in a layer, and what it takes away from those below (OCI image layer, "Whiteouts")."""

    names: set[str] = field(default_factory=set)
    deleted: set[str] = field(default_factory=set)
    emptied: set[str] = field(default_factory=set)

    def hides(self, name: str) -> str:
        """What becomes of a file of a layer below; empty where nothing does."""
        if name in self.names:
            return "replaced"
        above = set(parents(name))
        gone = not self.deleted.isdisjoint(above) or not self.emptied.isdisjoint(above - {name})
        return "deleted" if gone else ""


@dataclass(slots=True)
class ImageLook:
    """`problems` and `tell`, the files of which there is something to tell, are by their paths."""

    path: str
    reader: Reader
    layout: Layout
    images: Sequence[Image]
    exclusions: Exclusions
    bounds: Bounds
    problems: dict[str, str] = field(default_factory=dict)
    tell: set[str] = field(default_factory=set)
    _contents: dict[str, _Contents] = field(default_factory=dict)
    _left: int = 0

    async def files(self, only: Collection[str] | None = None) -> AsyncGenerator[InLayer]:
        """Those that are small enough, or of these only some. The first time, what cannot be read is put into
        `problems`."""
        self._left = self.bounds.files_max
        for layer in {one.digest: one for image in self.images for one in image.layers}.values():
            root = f"{self.path}#layer {layer.digest}"
            if only is not None and not any(path.startswith(root) for path in only):
                continue
            try:
                async with aclosing(self._files(layer, root, only)) as files:
                    async for one in files:
                        yield one
            except (CertwrightError, Unreadable) as error:
                self.problems.setdefault(root, error.detail)

    async def _files(self, layer: Layer, root: str, only: Collection[str] | None) -> AsyncGenerator[InLayer]:
        contents = self._contents[layer.digest] = _Contents()

        def wanted(member: Member) -> bool:
            self._left -= 1
            if self._left < 0:
                raise TooLarge(f"more than {self.bounds.files_max} files: what comes after is not looked at")
            if not _note(contents, member):
                return False
            path = root + member.name
            return path in only if only is not None else self._is_wanted(member, path)

        blob = await self.layout.blob(layer.name)
        async with aclosing(self.reader.walk(blob, wanted)) as walk:
            async for member, octets in walk:
                path = root + member.name
                seen = Seen(path, path, Kind.FILE, member.size, member.mode, str(member.owner))
                yield InLayer(seen, layer.digest, member.name, octets)

    def _is_wanted(self, member: Member, path: str) -> bool:
        if member.kind is not MemberKind.FILE or self.exclusions.cover(member.name):
            return False
        limit = self.bounds.octets_max
        if member.size > limit and self.bounds.must(member.name):
            self.problems[path] = f"it has {member.size} octets; files of at most {limit} are read"
        return member.size <= limit

    def facts(self, file: InLayer) -> Mapping[str, JsonValue]:
        """The names of the images that have it, and what those that hide it do with it, where all do."""
        names: list[JsonValue] = []
        hidden = []
        for image in self.images:
            digests = [one.digest for one in image.layers]
            if file.layer in digests:
                names += [name for name in image.names if name not in names]
                hidden.append(self._hidden(file.name, digests[digests.index(file.layer) + 1 :]))
        facts: dict[str, JsonValue] = {"images": names[:NAMES_MAX]} if names else {}
        if hidden and all(hidden):
            facts["hidden"] = hidden[0]
        return facts

    def _hidden(self, name: str, above: Sequence[str]) -> str:
        """By the first of the layers above that does."""
        found = (self._contents[one].hides(name) for one in above if one in self._contents)
        return next((one for one in found if one), "")


def _note(contents: _Contents, member: Member) -> bool:
    """Whether it is something that a container might see: no whiteout, and the first of its name."""
    folder, _, name = member.name.rpartition("/")
    if name == _OPAQUE:
        contents.emptied.add(folder or "/")
    elif name.startswith(_WHITEOUT):
        contents.deleted.add(join(folder, name.removeprefix(_WHITEOUT)))
    elif member.kind is not MemberKind.FOLDER and member.name not in contents.names:
        contents.names.add(member.name)
        return True
    return False
