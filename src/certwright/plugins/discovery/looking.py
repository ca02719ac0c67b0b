"""One run over files, here or elsewhere: what is in them, and which key goes with which certificate."""

import asyncio
import hashlib
import json
import re
from collections import defaultdict
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field, replace
from datetime import datetime

from ...core.audit import JsonValue
from ...core.errors import Malformed
from ...core.server_configurations.loading import Served
from ...core.server_configurations.reading import check_software, read_configuration
from ...core.stores.outline import outline
from ...core.stores.parts import Part, Reading
from ...core.stores.reading import read_store
from ...core.stores.signed_files import MAGIC_OCTETS, signed_file
from ...core.stores.values import Entry, Store, StoredKey, StoreFormat
from ...ports import Place, Progress, Scope, Sighting
from .configurations import RemoteFiles
from .file_system import FileSystem, Kind, Seen, Unreadable, in_order
from .images import Reader, open_images
from .layers import Bounds, ImageLook
from .walking import Exclusions, Walk, check_path

KIND = "file"
IMAGE = "image"
Event = Sighting | Progress
NAME_MAX = 1024
SERVES_OCTETS_MAX = 32 * 1024
SERVED_NAMES_MAX = 100
"""Of one server; a fact is no copy of the configuration."""
_SOFTWARE = re.compile(r"[a-z]+:(?=/)")
PROBLEM_MAX = 300
ALIVE_SECONDS = 0.8
USUAL_PASSWORDS = ("", "changeit")
MUST_HOLD = frozenset(
    ("pem", "crt", "cer", "cert", "der", "p12", "pfx", "p7b", "p7c", "spc", "jks", "jceks", "bcfks", "bks")
) | {"keystore", "truststore"}
"""Endings of names of files in which a certificate must be."""


@dataclass(frozen=True, slots=True)
class Manner:
    """How a run looks: see `FilesSettings`."""

    host: str
    passwords: tuple[str, ...]
    files_max: int
    octets_max: int
    seconds: float
    clock: Callable[[], datetime]
    port: int = 0


@dataclass(frozen=True, slots=True)
class Plan:
    """A scope, read. `configurations` are software and the first file of each, `images` paths and globs."""

    targets: tuple[str, ...]
    configurations: tuple[tuple[str, str], ...]
    exclusions: Exclusions
    after: str
    images: tuple[str, ...] = ()


def parse_plan(scope: Scope) -> Plan:
    """Raises Malformed for a target, an exclusion or a cursor that is no absolute path or glob."""
    targets = tuple(check_path(one) for one in scope.targets if not _SOFTWARE.match(one))
    parts = [one.partition(":") for one in scope.targets if _SOFTWARE.match(one)]
    images = tuple(check_path(path) for software, _, path in parts if software == IMAGE)
    configurations = tuple((one, check_path(path)) for one, _, path in parts if one != IMAGE)
    for software, _ in configurations:
        check_software(software)
    return Plan(targets, configurations, Exclusions(scope.exclude), check_cursor(scope.after), images)


def check_cursor(cursor: str) -> str:
    """Raises Malformed for what is no path as `visible` writes it."""
    if cursor and not (cursor.startswith("/") and cursor.isprintable()):
        raise Malformed(f"{cursor[:100]!r} is no cursor of this source")
    return cursor


def _in_order(path: str) -> tuple[str, ...]:
    """A key to sort by: what is in a folder comes right after it. A cursor sorts as its path does."""
    return in_order(visible(path))


@dataclass(frozen=True, slots=True)
class _KeyFile:
    """A private key and the file it is in."""

    file: Seen
    key: StoredKey

    def fact(self, beside: Seen) -> JsonValue:
        """What is told of it: with its path where it is in another file."""
        fact: dict[str, JsonValue] = {"encrypted": self.key.encrypted, "mode": f"{self.file.mode:04o}"}
        if self.key.spki_sha256:
            fact["spki_sha256"] = self.key.spki_sha256
        if self.file.owner:
            fact["owner"] = self.file.owner
        if self.file.path != beside.path:
            fact["path"] = place_name(self.file.path)
        return fact


@dataclass(slots=True)
class _Known:
    """What the first look has found, by digests of public keys: files with keys alone and with certificates
    alone; and every file of which there is something to tell."""

    keys: defaultdict[str, list[_KeyFile]] = field(default_factory=lambda: defaultdict(list))
    certificates: defaultdict[str, list[Seen]] = field(default_factory=lambda: defaultdict(list))
    closed: dict[str, _KeyFile] = field(default_factory=dict)
    tell: dict[str, Seen] = field(default_factory=dict)

    def learn(self, seen: Seen, store: Store) -> None:
        for entry in store.entries:
            if entry.chain and entry.key is None:
                for digest in outline(entry.chain[0]).digests():
                    self.certificates[digest].append(seen)
            elif entry.key and entry.key.spki_sha256 and not entry.chain:
                self.keys[entry.key.spki_sha256].append(_KeyFile(seen, entry.key))
            elif entry.key and not entry.chain:
                self.closed.setdefault(seen.path, _KeyFile(seen, entry.key))

    def key_for(self, seen: Seen, certificate: bytes) -> _KeyFile | None:
        """The key of a certificate in `seen`: from a file beside it, else from the first."""
        end = outline(certificate)
        files = [one for digest in sorted(end.digests()) for one in self.keys.get(digest, [])]
        found = _nearest(seen, files)
        return replace(found, key=replace(found.key, spki_sha256=end.spki_sha256)) if found else None

    def closed_key(self, serves: Sequence[Served]) -> _KeyFile | None:
        """A key that nobody could open, where a configuration says that it is the one."""
        return next((self.closed[one.key] for one in serves if one.key in self.closed), None)

    def is_told(self, seen: Seen, digest: str) -> bool:
        """Whether the sighting of some certificate tells of this key file."""
        holders = (_nearest(one, self.keys[digest]) for one in self.certificates.get(digest, []))
        return any(holder is not None and holder.file.path == seen.path for holder in holders)


def _nearest(seen: Seen, files: Sequence[_KeyFile]) -> _KeyFile | None:
    beside = (one for one in files if one.file.folder == seen.folder)
    return next(beside, files[0] if files else None)


class Look:
    """One run. `events` is walked through once."""

    def __init__(self, files: FileSystem, plan: Plan, manner: Manner) -> None:
        self._files = files
        self._plan = plan
        self._manner = manner
        self._known = _Known()
        self._progress = Progress(0, 0, plan.after)
        self._walk = Walk(files, plan.exclusions, manner.files_max)
        self._images: dict[str, ImageLook] = {}
        self._served: dict[str, list[Served]] = {}
        """By path of the certificate; files of keys have none."""
        self._passwords = (*USUAL_PASSWORDS, *manner.passwords)

    def events(self) -> AsyncGenerator[Event]:
        """Sightings in the order of their paths, and at least every second how far the run is."""
        return with_signs_of_life(self._work(), lambda: self._progress)

    async def _work(self) -> AsyncGenerator[Event]:
        for software, root in self._plan.configurations:
            await self._configuration(software, root)
        await self._walk.run((*self._plan.targets, *self._served))
        self._tell_what_is_missing()
        for _, seen in sorted(self._walk.found.items()):
            await self._learn(seen)
        for target in self._plan.images:
            for path in await self._walk.expand(target):
                await self._learn_image(path)
        after = self._plan.after
        paths = sorted({*self._known.tell, *self._walk.problems, *self._images}, key=_in_order)
        for number, path in enumerate(paths, 1):
            if not after or _in_order(path) > in_order(after):
                for sighting in await self._told(path):
                    yield sighting
                if path in self._images:
                    async with aclosing(self._told_image(self._images[path])) as told:
                        async for sighting in told:
                            yield sighting
                self._progress = Progress(number, len(paths), visible(path))
                yield self._progress
        self._progress = Progress(len(paths), len(paths), self._progress.cursor)
        yield self._progress

    async def _configuration(self, software: str, root: str) -> None:
        files = RemoteFiles(self._files, self._walk, self._plan.exclusions, asyncio.get_running_loop())
        found, problems = await asyncio.to_thread(read_configuration, software, root, files)
        self._walk.problems |= problems
        for one in found:
            self._served.setdefault(one.certificate, []).append(one)
            if one.key:
                self._served.setdefault(one.key, [])

    def _tell_what_is_missing(self) -> None:
        for path, served in self._served.items():
            if served and path in self._walk.problems:
                self._walk.problems[path] += f"; {served[0].software} serves with it: {served[0].place}"

    async def _learn(self, seen: Seen) -> None:
        store, problem = await self._read(seen)
        if problem:
            self._walk.problems[seen.path] = problem
        elif store is not None and store.entries:
            self._known.tell[seen.path] = seen
            self._known.learn(seen, store)

    async def _learn_image(self, path: str) -> None:
        reader = Reader(self._files, self._manner.seconds)
        try:
            seen = await self._files.look(path)
            if self._plan.exclusions.cover(path, seen.real):
                return
            layout, images = await open_images(reader, seen)
        except Unreadable as error:
            self._walk.problems[path] = error.detail
            return
        bounds = Bounds(self._manner.octets_max, self._manner.files_max, must_hold)
        look = ImageLook(path, reader, layout, images, self._plan.exclusions, bounds)
        self._images[path] = look
        async with aclosing(look.files()) as files:
            async for one in files:
                store = await asyncio.to_thread(read_store, one.octets, self._passwords)
                must = must_hold(one.name)
                if must and store is None:
                    look.problems[one.seen.path] = _nothing_in(one.seen)
                elif store is not None and store.entries and (must or not _is_about_pem(store)):
                    look.tell.add(one.seen.path)
                    self._known.learn(one.seen, store)

    async def _told_image(self, look: ImageLook) -> AsyncGenerator[Sighting]:
        for path, problem in sorted(look.problems.items()):
            yield self._problem(path, problem)
        async with aclosing(look.files(look.tell)) as files:
            async for one in files:
                store = await asyncio.to_thread(read_store, one.octets, self._passwords)
                if store is None:
                    continue
                for entry in store.entries:
                    if (sighting := self._sighting(one.seen, store, entry)) is not None:
                        yield replace(sighting, facts={**sighting.facts, **look.facts(one)})

    async def _told(self, path: str) -> list[Sighting]:
        told = [self._problem(path, self._walk.problems[path])] if path in self._walk.problems else []
        if (seen := self._known.tell.get(path)) is None:
            return told
        store, problem = await self._read(seen)
        if problem or store is None:
            return [*told, self._problem(path, problem or "it has changed while it was looked at")]
        sightings = (self._sighting(seen, store, entry) for entry in store.entries)
        return [*told, *(one for one in sightings if one is not None)]

    # -- one file --------------------------------------------------------------------------------

    async def _read(self, seen: Seen) -> tuple[Store | None, str]:
        """What is in a file; or why that is not known, where a certificate must be in it."""
        must = seen.path in self._walk.named or must_hold(seen.path)
        try:
            store = await self._store(seen)
        except Unreadable as error:
            return None, error.detail if must else ""
        if must and store is None:
            return None, _nothing_in(seen)
        return store if must or not _is_about_pem(store) else None, ""

    async def _store(self, seen: Seen) -> Store | None:
        """Of a large file, only what it is signed with."""
        if seen.kind is not Kind.FILE:
            raise Unreadable(seen.problem or "it is no file")
        seconds = self._manner.seconds
        try:
            async with asyncio.timeout(seconds):
                if seen.size > self._manner.octets_max:
                    return await self._signed(seen)
                octets = await self._octets(seen)
        except TimeoutError as error:
            raise Unreadable(f"not read within {seconds:g} s") from error
        return await asyncio.to_thread(read_store, octets, self._passwords)

    async def _octets(self, seen: Seen) -> bytes:
        limit = self._manner.octets_max
        octets = await self._files.read(seen.path, limit)
        if len(octets) > limit:
            raise Unreadable(f"it has more than {limit} octets")
        return octets

    async def _signed(self, seen: Seen) -> Store | None:
        head = await self._files.read_at(seen.path, 0, MAGIC_OCTETS)
        if (reading := signed_file(head, seen.size)) is None:
            limit = self._manner.octets_max
            raise Unreadable(f"it has {seen.size} octets; files of at most {limit} are read")
        octets: bytes | None = None
        while isinstance(found := await asyncio.to_thread(_further, reading, octets), Part):
            octets = await self._files.read_at(seen.path, *found)
        return found

    def _sighting(self, seen: Seen, store: Store, entry: Entry) -> Sighting | None:
        facts: dict[str, JsonValue] = {"format": str(store.format)}
        if store.intact:
            facts["intact"] = True
        if entry.role:
            facts["role"] = str(entry.role)
        holder = _KeyFile(seen, entry.key) if entry.key else None
        serves = [one for one in self._served.get(seen.path, ()) if _is_meant(one, entry)]
        if serves:
            facts["serves"] = _serves_facts(serves)
        if holder is None and entry.chain:
            holder = self._known.key_for(seen, entry.chain[0]) or self._known.closed_key(serves)
        elif holder is not None and not entry.chain and self._is_told(holder):
            return None
        if holder is not None:
            facts["key"] = holder.fact(seen)
        place = self._place(seen.path, entry.name)
        return Sighting(place, self._manner.clock(), entry.chain, facts, one_line(entry.problem))

    def _is_told(self, holder: _KeyFile) -> bool:
        """Whether the sighting of a certificate tells of a key in a file of its own."""
        if holder.key.spki_sha256:
            return self._known.is_told(holder.file, holder.key.spki_sha256)
        served = (one for several in self._served.values() for one in several)
        return any(one.key == holder.file.path and one.certificate in self._known.tell for one in served)

    def _problem(self, path: str, text: str) -> Sighting:
        return Sighting(self._place(path), self._manner.clock(), problem=one_line(text))

    def _place(self, path: str, entry: str = "") -> Place:
        name = f"{path}#{entry}" if entry else path
        return Place(KIND, self._manner.host, self._manner.port, place_name(name))


async def with_signs_of_life(
    work: AsyncGenerator[Event], progress: Callable[[], Progress]
) -> AsyncGenerator[Event]:
    """What `work` tells, and how far it is where it tells nothing for a while."""
    step: asyncio.Future[Event] | None = None
    try:
        while True:
            step = asyncio.ensure_future(anext(work))
            while not (await asyncio.wait({step}, timeout=ALIVE_SECONDS))[0]:
                yield progress()
            try:
                event = step.result()
            except StopAsyncIteration:
                return
            yield event
    finally:
        if step is not None and not step.done():
            step.cancel()
            await asyncio.wait({step})
        await work.aclose()


def _further(reading: Reading[Store | None], octets: bytes | None) -> Part | Store | None:
    """The part that a reading wants next, once it has what it wanted before; or what it has found."""
    try:
        return next(reading) if octets is None else reading.send(octets)
    except StopIteration as end:
        store: Store | None = end.value
        return store


def _is_meant(served: Served, entry: Entry) -> bool:
    """The one that is named, else the first and every one with a key."""
    if served.entry:
        return served.entry.lower() == entry.name.lower()
    return bool(entry.chain) and (entry.name == "" or entry.key is not None)


def _serves_facts(serves: Sequence[Served]) -> list[JsonValue]:
    """The servers that a fact has room for."""
    told: list[JsonValue] = []
    left = SERVES_OCTETS_MAX
    for one in serves:
        fact: dict[str, JsonValue] = {"software": one.software, "configuration": place_name(one.place)}
        for name, words in (("names", one.names), ("listen", one.listen)):
            if words:
                fact[name] = [place_name(word) for word in words[:SERVED_NAMES_MAX]]
        left -= len(json.dumps(fact))
        if left < 0:
            break
        told.append(fact)
    return told


def must_hold(name: str) -> bool:
    """Does the name of a file say that it holds a certificate?"""
    return name.rpartition(".")[2].lower() in MUST_HOLD


def _nothing_in(seen: Seen) -> str:
    return "no certificate or key in it can be read" if seen.size else "it is empty"


def _is_about_pem(store: Store | None) -> bool:
    """A text or a program that speaks of PEM, and holds none."""
    return store is not None and store.format is StoreFormat.PEM and all(one.problem for one in store.entries)


def place_name(text: str) -> str:
    """A path or what is made of one, as a place can have it: with a digest in place of what is too much."""
    name = visible(text)
    if len(name) <= NAME_MAX:
        return name
    digest = hashlib.sha256(name.encode()).hexdigest()
    return f"{name[: NAME_MAX - len(digest) - 1]}\u2026{digest}"


def one_line(text: str) -> str:
    """A problem as a sighting can have it."""
    line = visible(text)
    return line if len(line) <= PROBLEM_MAX else f"{line[: PROBLEM_MAX - 1]}\u2026"


def visible(text: str) -> str:
    """With escapes for what cannot be printed: a name of a file may be any octets."""
    return "".join(one if one.isprintable() else ascii(one)[1:-1] for one in text)
