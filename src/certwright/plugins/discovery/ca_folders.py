"""One run over the databases of `openssl ca` and easy-rsa, here or elsewhere: what each says it has issued.

A line of `index.txt` is a place. Its certificate lies under its serial number in one of the usual folders
beside the database; under another name it is looked for once, among all that lie there. What has another
serial number than its line is not its certificate.
"""

import asyncio
from collections.abc import AsyncGenerator
from dataclasses import dataclass, field, replace
from itertools import chain

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm

from ...core.ca_database import IssuedLine, read_issued_line
from ...core.errors import Malformed
from ...core.stores.reading import read_store
from ...core.told_status import has_issued, status_facts
from ...core.unreadable import UNREADABLE
from ...ports import Place, Progress, Scope, Sighting
from .file_system import FileSystem, Kind, Unreadable, in_order, join
from .looking import Manner, Plan, check_cursor, one_line, place_name, visible, with_signs_of_life
from .walking import Exclusions, Walk, check_path

KIND = "authority"
Event = Sighting | Progress
DATABASE = "index.txt"
DATABASE_OCTETS_MAX = 128 * 1024 * 1024
WRONG_LINES_MAX = 20
AUTHORITY_FILES = ("ca.crt", "cacert.pem", "ca.pem", "ca.cert.pem", "certs/ca.cert.pem", "certs/ca.crt")
BY_SERIAL = (
    *("newcerts/{}.pem", "certs_by_serial/{}.pem", "certs/{}.pem", "{}.pem"),
    *("revoked/certs_by_serial/{}.crt", "renewed/certs_by_serial/{}.crt"),
)
OTHER_FOLDERS = ("", "issued", "renewed/issued", "certs", "newcerts")


def parse_folders(scope: Scope) -> Plan:
    """Targets are folders, databases, or globs of either. Raises Malformed."""
    return Plan(
        tuple(check_path(one) for one in scope.targets), (), Exclusions(scope.exclude), _check(scope.after)
    )


def _check(cursor: str) -> str:
    """A path and how many of its lines are done. Raises Malformed."""
    path, _, number = check_cursor(cursor).rpartition(":")
    if cursor and not (path and number.isascii() and number.isdecimal() and len(number) < 10):
        raise Malformed(f"{cursor[:100]!r} is no cursor of this source")
    return cursor


@dataclass(slots=True)
class _Authority:
    """A database and what lies beside it."""

    path: str
    lines: list[str]
    certificates: tuple[bytes, ...] = ()
    folders: list[str] = field(default_factory=list)
    others: dict[int, str] | None = None

    @property
    def folder(self) -> str:
        return self.path.rpartition("/")[0] or "/"


class CaFoldersLook:
    """One run. `events` is walked through once."""

    def __init__(self, files: FileSystem, plan: Plan, manner: Manner) -> None:
        self._files = files
        self._plan = plan
        self._manner = manner
        self._walk = Walk(files, plan.exclusions, manner.files_max)
        self._progress = Progress(0, 0, plan.after)

    def events(self) -> AsyncGenerator[Event]:
        """Sightings by database and line, and at least every second how far the run is."""
        return with_signs_of_life(self._work(), lambda: self._progress)

    async def _work(self) -> AsyncGenerator[Event]:
        after, _, number = self._plan.after.rpartition(":")
        for path in await self._databases():
            if after and in_order(visible(path)) < in_order(after):
                continue
            begin = int(number) if visible(path) == after else 0
            async for event in self._database(path, begin):
                yield event
        done = self._progress.done
        yield replace(self._progress, total=done)

    async def _databases(self) -> list[str]:
        """Paths of databases, and those of targets where there is none."""
        found: set[str] = set()
        for target in self._plan.targets:
            for path in await self._walk.expand(target):
                database = await self._database_at(path, wild=path != target)
                if database and not self._plan.exclusions.cover(database):
                    found.add(database)
        return sorted(found, key=lambda one: in_order(visible(one)))

    async def _database_at(self, path: str, *, wild: bool) -> str:
        """Empty where nothing is, and nobody had said that there is."""
        try:
            seen = await self._files.look(path)
            if seen.kind is not Kind.FOLDER:
                return path
            within = join(path, DATABASE)
            await self._files.look(within)
        except Unreadable as error:
            return "" if wild and error.missing else path
        return within

    async def _database(self, path: str, begin: int) -> AsyncGenerator[Event]:
        try:
            authority = await self._opened(path)
        except Unreadable as error:
            self._progress = replace(self._progress, whole=False)
            if not begin:
                yield self._problem(path, "", error.detail)
            yield self._went_on(f"{visible(path)}:1")
            return
        if not authority.certificates and not begin:
            yield self._problem(
                path, "", f"no certificate of the authority lies beside it: {AUTHORITY_FILES[0]}"
            )
        wrong = 0
        for number, line in enumerate(authority.lines[begin:], begin + 1):
            try:
                yield await self._issued(authority, read_issued_line(line))
            except Malformed as error:
                wrong += 1
                yield self._problem(path, f"line {number}", error.detail)
            yield self._went_on(f"{visible(path)}:{number}")
            if wrong == WRONG_LINES_MAX:
                yield self._problem(path, "", f"{wrong} of its lines cannot be read: the others are left out")
                break

    def _went_on(self, cursor: str) -> Progress:
        self._progress = replace(self._progress, done=self._progress.done + 1, cursor=cursor)
        return self._progress

    # -- one database ----------------------------------------------------------------------------

    async def _opened(self, path: str) -> _Authority:
        """Raises Unreadable."""
        octets = await self._read(path, DATABASE_OCTETS_MAX)
        lines = octets.decode(errors="replace").split("\n")
        authority = _Authority(path, [one.removesuffix("\r") for one in lines if one.strip()])
        authority.certificates = await self._certificates_of(authority)
        authority.folders = await self._folders_of(authority)
        return authority

    async def _certificates_of(self, authority: _Authority) -> tuple[bytes, ...]:
        for name in AUTHORITY_FILES:
            found = await self._certificates(join(authority.folder, name))
            if found:
                return found
        return ()

    async def _folders_of(self, authority: _Authority) -> list[str]:
        """Patterns of paths whose folders are there."""
        found = []
        for pattern in BY_SERIAL:
            folder = join(authority.folder, pattern).rpartition("/")[0]
            try:
                await self._files.look(folder)
            except Unreadable:
                continue
            found.append(join(authority.folder, pattern))
        return found

    async def _issued(self, authority: _Authority, line: IssuedLine) -> Sighting:
        certificate = await self._certificate(authority, line)
        if certificate is None:
            return self._problem(
                authority.path, line.serial, f"its certificate is not there ({line.subject})"
            )
        above = [one for one in authority.certificates if one != certificate]
        signed = [one for one in above if await asyncio.to_thread(has_issued, one, certificate)]
        facts = status_facts(line.revoked_at, line.reason) if line.reason is not None else status_facts()
        path = (certificate, *signed[:1], *(one for one in above if one not in signed[:1]))
        return Sighting(self._place(authority.path, line.serial), self._manner.clock(), path, facts)

    async def _certificate(self, authority: _Authority, line: IssuedLine) -> bytes | None:
        for pattern in authority.folders:
            found = await self._certificates(pattern.format(line.serial), line.number)
            if found:
                return found[0]
        if authority.others is None:
            authority.others = {number: path async for number, path in self._others(authority)}
        path = authority.others.get(line.number)
        found = await self._certificates(path, line.number) if path else ()
        return found[0] if found else None

    async def _others(self, authority: _Authority) -> AsyncGenerator[tuple[int, str]]:
        """Serial numbers and paths of everything that lies where certificates are usual."""
        left = self._manner.files_max
        for name in OTHER_FOLDERS:
            try:
                entries = await self._files.inside(join(authority.folder, name).rstrip("/") or "/")
            except Unreadable:
                continue
            files = [one.path for one in entries if one.kind is Kind.FILE and one.path != authority.path]
            for path in sorted(files)[:left]:
                for der in await self._certificates(path):
                    yield _serial(der), path
            left = max(0, left - len(files))

    async def _certificates(self, path: str, serial: int | None = None) -> tuple[bytes, ...]:
        """Those in a file, of this serial number where one is wanted."""
        if self._plan.exclusions.cover(path):
            return ()
        try:
            octets = await self._read(path, self._manner.octets_max)
        except Unreadable:
            return ()
        store = await asyncio.to_thread(read_store, octets)
        ders = chain.from_iterable(entry.chain for entry in (store.entries if store else ()))
        return tuple(der for der in ders if serial is None or _serial(der) == serial)

    async def _read(self, path: str, limit: int) -> bytes:
        """Raises Unreadable."""
        seen = await self._files.look(path)
        if seen.kind is not Kind.FILE:
            raise Unreadable(f"there is no {DATABASE} in it" if seen.kind is Kind.FOLDER else "it is no file")
        try:
            async with asyncio.timeout(self._manner.seconds):
                octets = await self._files.read(path, limit)
        except TimeoutError as error:
            raise Unreadable(f"not read within {self._manner.seconds:g} s") from error
        if len(octets) > limit:
            raise Unreadable(f"it has more than {limit} octets")
        return octets

    # -- words -----------------------------------------------------------------------------------

    def _problem(self, path: str, entry: str, text: str) -> Sighting:
        return Sighting(self._place(path, entry), self._manner.clock(), problem=one_line(text))

    def _place(self, path: str, entry: str) -> Place:
        name = place_name(f"{path}#{entry}" if entry else path)
        return Place(KIND, self._manner.host, self._manner.port, name)


def _serial(certificate: bytes) -> int:
    try:
        return x509.load_der_x509_certificate(certificate).serial_number
    except (UnsupportedAlgorithm, *UNREADABLE):
        return 0
