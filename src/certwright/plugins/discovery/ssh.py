"""Certificates and keys in files of other machines, over SSH and SFTP: the source `files` from afar.

Host keys are pinned: one that is not in `known_hosts` or is another one is never accepted. Nothing is run on
the machine, nothing is written, and a private key is read for the digest of its public half alone.
"""

import asyncio
import os
import re
import socket
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from ipaddress import ip_address
from typing import ClassVar

import asyncssh

from ...core.egress import DEFAULT_POLICY, Address, EgressPolicy, Unreached, check_address
from ...core.errors import Forbidden, Malformed
from ...core.names import normalize_dns
from ...ports import SECRET, Place, Progress, Scope, Sighting
from ..resolver import SYSTEM_RESOLVER, Resolver, ResolverSettings
from .file_system import FileSystem, Lost
from .files import FilesSettings
from .looking import KIND, Event, Look, Manner, Plan, check_cursor, parse_plan, with_signs_of_life
from .sftp import SftpFiles

ADDRESSES_MAX = 8
_TARGET = re.compile(r"(?P<host>\[[0-9A-Fa-f:.]+\]|[^\s:\[\]]+)(?::(?P<port>[0-9]{1,5}))?\s+(?P<what>\S.*)")


@dataclass(frozen=True, slots=True)
class SshLogin:
    """As whom to log in, by a key (`private_key`, OpenSSH or PEM) or a password; `known_hosts` are lines as
    in the file of OpenSSH. The bounds are those of `FilesSettings`. Raises Malformed."""

    user: str
    known_hosts: str
    private_key: str = field(default="", repr=False, metadata=SECRET)
    passphrase: str = field(default="", repr=False, metadata=SECRET)
    password: str = field(default="", repr=False, metadata=SECRET)
    files_max: int = 100_000
    octets_max: int = 4 * 1024 * 1024
    seconds: float = 30.0
    connect_seconds: float = 10.0
    policy: EgressPolicy = DEFAULT_POLICY
    resolver: ResolverSettings = SYSTEM_RESOLVER

    def __post_init__(self) -> None:
        FilesSettings("", (), self.files_max, self.octets_max, self.seconds)
        if not self.user or not self.connect_seconds > 0:
            raise Malformed("the ssh source needs a user, and connect_seconds greater than 0")
        if not self.private_key and not self.password:
            raise Malformed("the ssh source needs a private_key or a password to log in with")
        try:
            asyncssh.import_known_hosts(self.known_hosts)
            self.client_key()
        except (ValueError, asyncssh.Error) as error:
            raise Malformed("the ssh source's known_hosts or private_key cannot be read") from error

    def client_key(self) -> asyncssh.SSHKey | None:
        if not self.private_key:
            return None
        return asyncssh.import_private_key(self.private_key, self.passphrase or None)


@dataclass(frozen=True, slots=True)
class SshSettings(SshLogin):
    """`passwords` are those of `FilesSettings`. Raises Malformed."""

    passwords: tuple[str, ...] = field(default=(), repr=False, metadata=SECRET)

    def __post_init__(self) -> None:
        SshLogin.__post_init__(self)
        FilesSettings("", self.passwords)


@dataclass(frozen=True, slots=True, order=True)
class _Machine:
    """`name` is an address or a DNS name in normal form."""

    name: str
    port: int

    def __str__(self) -> str:
        return f"[{self.name}]:{self.port}" if ":" in self.name else f"{self.name}:{self.port}"


def _now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class What:
    """What is read on each machine: the kind of its places, how a scope there is read (raises Malformed), and
    the look itself."""

    kind: str
    plan: Callable[[Scope], Plan]
    events: Callable[[FileSystem, Plan, Manner], AsyncGenerator[Event]]


class SshReader:
    """A discovery source for what lies in files of other machines, one after the other. A source says `what`
    it reads there."""

    what: ClassVar[What]

    def __init__(self, settings: SshLogin, clock: Callable[[], datetime] = _now) -> None:
        self._settings = settings
        self._clock = clock
        self._resolver = Resolver(settings.resolver)

    def check(self, scope: Scope) -> None:
        """See `DiscoverySource`."""
        _plans(scope, self.what)

    def look(self, scope: Scope) -> AsyncGenerator[Event]:
        """See `DiscoverySource`."""
        return _Run(self._settings, self._clock, self._resolver, scope, self.what).events()


def _events(files: FileSystem, plan: Plan, manner: Manner) -> AsyncGenerator[Event]:
    return Look(files, plan, manner).events()


class SshSource(SshReader):
    """A discovery source for certificates and keys in files of other machines."""

    kind = KIND
    Settings = SshSettings
    what = What(KIND, parse_plan, _events)


class _Run:
    """One look at all machines."""

    def __init__(
        self,
        settings: SshLogin,
        clock: Callable[[], datetime],
        resolver: Resolver,
        scope: Scope,
        what: What,
    ) -> None:
        self._settings = settings
        self._clock = clock
        self._resolver = resolver
        self._scope = scope
        self._what = what
        self._progress = Progress(0, 0, scope.after)

    def events(self) -> AsyncGenerator[Event]:
        return with_signs_of_life(self._work(), lambda: self._progress)

    async def _work(self) -> AsyncGenerator[Event]:
        for machine, plan in _plans(self._scope, self._what):
            before = self._progress
            try:
                async with self._files(machine) as files:
                    look = self._what.events(files, plan, self._manner(machine))
                    async with aclosing(look) as events:
                        async for event in events:
                            yield self._told(event, machine, before)
            except (_Unreached, Lost) as error:
                self._progress = replace(self._progress, whole=False)
                place = Place(self._what.kind, machine.name, self._manner(machine).port)
                yield Sighting(place, self._clock(), problem=error.detail)
            self._progress = replace(self._progress, done=self._progress.done + 1, cursor=str(machine))
            yield self._progress
        yield replace(self._progress, total=self._progress.done)

    def _told(self, event: Event, machine: _Machine, before: Progress) -> Event:
        if isinstance(event, Progress):
            cursor = f"{machine} {event.cursor}" if event.cursor else before.cursor
            done, whole = before.done + event.done, self._progress.whole and event.whole
            self._progress = Progress(done, 0, cursor, whole=whole)
            return self._progress
        return event

    def _manner(self, machine: _Machine) -> Manner:
        ours = self._settings
        port = 0 if machine.port == asyncssh.DEFAULT_PORT else machine.port
        bounds = (ours.files_max, ours.octets_max, ours.seconds)
        passwords = ours.passwords if isinstance(ours, SshSettings) else ()
        return Manner(machine.name, passwords, *bounds, self._clock, port)

    # -- the way there ---------------------------------------------------------------------------

    @asynccontextmanager
    async def _files(self, machine: _Machine) -> AsyncIterator[SftpFiles]:
        """Raises _Unreached."""
        dialled = await self._dialled(machine)
        try:
            connection = await self._connected(machine, dialled)
            try:
                yield SftpFiles(await self._sftp(connection))
            finally:
                connection.abort()
                await connection.wait_closed()
        finally:
            dialled.close()

    async def _sftp(self, connection: asyncssh.SSHClientConnection) -> asyncssh.SFTPClient:
        try:
            async with asyncio.timeout(self._settings.connect_seconds):
                return await connection.start_sftp_client(path_errors="surrogateescape")
        except (asyncssh.Error, OSError) as error:  # TimeoutError is one
            raise _Unreached("the server has no SFTP for this user") from error

    async def _connected(self, machine: _Machine, dialled: socket.socket) -> asyncssh.SSHClientConnection:
        ours, key = self._settings, self._settings.client_key()
        try:
            return await asyncssh.connect(
                machine.name,
                machine.port,
                sock=dialled,
                config=None,
                known_hosts=asyncssh.import_known_hosts(ours.known_hosts),
                username=ours.user,
                client_keys=[key] if key else None,
                password=ours.password or None,
                agent_path=None,
                login_timeout=ours.connect_seconds,
                connect_timeout=ours.connect_seconds,
                keepalive_interval=ours.seconds,
            )
        except asyncssh.HostKeyNotVerifiable as error:
            raise _Unreached("its host key is not the one in known_hosts, or there is none") from error
        except asyncssh.PermissionDenied as error:
            raise _Unreached(f"it does not let {ours.user} in") from error
        except (asyncssh.Error, OSError) as error:  # TimeoutError is one
            raise _Unreached("no SSH connection comes about") from error

    async def _dialled(self, machine: _Machine) -> socket.socket:
        """A connection to an address that may be reached, and to no other."""
        loop, why = asyncio.get_running_loop(), "it has no address"
        for address in await self._addresses(machine):
            family = socket.AF_INET6 if address.version == 6 else socket.AF_INET
            dialled = socket.socket(family, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
            try:
                async with asyncio.timeout(self._settings.connect_seconds):
                    await loop.sock_connect(dialled, (str(address), machine.port))
                return dialled
            except OSError as error:  # TimeoutError is one
                dialled.close()
                why = os.strerror(error.errno).lower() if error.errno else "no answer"
            except BaseException:
                dialled.close()
                raise
        raise _Unreached(f"no connection to port {machine.port}: {why}")

    async def _addresses(self, machine: _Machine) -> list[Address]:
        """Raises _Unreached, saying why none may be reached."""
        try:
            found: tuple[Address, ...] = (ip_address(machine.name),)
        except ValueError:
            try:
                found = await self._resolver.addresses(machine.name)
            except Unreached as error:
                raise _Unreached(error.detail) from error
        allowed, refusal = [], "it has no address"
        for address in found[:ADDRESSES_MAX]:
            try:
                check_address(self._settings.policy, address)
                allowed.append(address)
            except Forbidden as error:
                refusal = error.detail
        if not allowed:
            raise _Unreached(refusal)
        return allowed


class _Unreached(Exception):
    """Why there is no way to a machine's files."""

    def __init__(self, detail: str) -> None:
        super().__init__(detail)
        self.detail = detail


# -- scopes --------------------------------------------------------------------------------------


def _plans(scope: Scope, read: What) -> list[tuple[_Machine, Plan]]:
    """What is to be looked at on which machine, in their order, after the cursor. Raises Malformed."""
    targets: dict[_Machine, list[str]] = {}
    for line in scope.targets:
        machine, what = _target(line)
        targets.setdefault(machine, []).append(what)
    after, path = _cursor(scope.after) if scope.after else (None, "")
    plans = []
    for machine, whats in sorted(targets.items()):
        plan = read.plan(Scope(tuple(whats), scope.exclude, path if machine == after else ""))
        if after is None or machine > after or (machine == after and path):
            plans.append((machine, plan))
    return plans


def _target(line: str) -> tuple[_Machine, str]:
    found = _TARGET.fullmatch(line)
    if found is None:
        raise Malformed(f"{line[:100]!r} is no target; write a host, a space and a path there")
    return _machine(found["host"], found["port"]), found["what"]


def _cursor(after: str) -> tuple[_Machine, str]:
    """How far a run is: a machine that is done, or a machine and a path there."""
    host, _, path = after.partition(" ")
    found = _TARGET.fullmatch(f"{host} /")
    if found is None or found["port"] is None:
        raise Malformed(f"{after[:100]!r} is no cursor of this source")
    return _machine(found["host"], found["port"]), check_cursor(path)


def _machine(host: str, port: str | None) -> _Machine:
    number = int(port or asyncssh.DEFAULT_PORT)
    if not 1 <= number <= 65535:
        raise Malformed(f"port {number} is none")
    try:
        return _Machine(str(ip_address(host.strip("[]"))), number)
    except ValueError:
        return _Machine(normalize_dns(host), number)
