"""A PostgreSQL that people have named as a target, asked by asyncpg on a way that the egress guard has made.

asyncpg dials by the event loop that it is given. It is given one that dials through the guard, and over which
TLS stands, with the server's certificate verified, before asyncpg says a word: the password goes nowhere
before. To an address of loopback that is written out the way is plain.
"""

import asyncio
import re
import ssl
import struct
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field, replace
from ipaddress import ip_address
from typing import Any, cast

import asyncpg

from ...core.egress import Address, EgressPolicy, Limits, PortRule, Purpose, Unreached
from ...core.errors import Malformed, Unavailable
from ...core.names import normalize_dns
from ..calls import is_loopback, verifying_context
from ..egress import Destination, Egress, Journey, connect
from ..resolver import Resolver, ResolverSettings
from .service import Unanswered

PORT = 5432
ANSWER_OCTETS_MAX = 32 * 1024 * 1024
SSL_REQUEST = struct.pack("!II", 8, 80877103)
"""By which a client asks for TLS (PostgreSQL, "Message Formats")."""
SCRAM_TAIL = 16
_TOO_MANY_ROUNDS = re.compile(rb",i=[0-9]{7,}")
"""A million and more: PostgreSQL asks for 4096 by itself, and nobody's password needs as many."""
_TARGET = re.compile(
    r"postgres(?:ql)?://(?P<host>\[[0-9A-Fa-f:.]+\]|[^\s:\[\]/@?#]+)(?::(?P<port>[0-9]{1,5}))?"
    r"/(?P<database>[^\s/@?#%]{1,63})"
)


@dataclass(frozen=True, slots=True)
class Server:
    """A database. `host` is an address or a DNS name in normal form."""

    host: str
    port: int
    database: str

    @property
    def address(self) -> Address | str:
        try:
            return ip_address(self.host)
        except ValueError:
            return self.host


def parse_server(target: str) -> Server:
    """`postgresql://host[:port]/database`. Raises Malformed."""
    found = _TARGET.fullmatch(target)
    if found is None or not target.isprintable():
        raise Malformed(
            f"{target[:100]!r} is no target; write postgresql://, a host, a slash and the name of a database"
        )
    port = int(found["port"] or PORT)
    if not 1 <= port <= 65535:
        raise Malformed(f"port {port} is none")
    try:
        host = str(ip_address(found["host"].strip("[]")))
    except ValueError:
        host = normalize_dns(found["host"])
    return Server(host, port, found["database"])


@dataclass(frozen=True, slots=True)
class Login:
    """As whom to ask, and how: `trust` are certificates in PEM by which the server is known, the system's
    where there are none; `seconds` for each answer."""

    user: str
    password: str = field(repr=False)
    trust: str
    seconds: float
    policy: EgressPolicy
    resolver: ResolverSettings


class Database:
    """A connection on which nothing can be written, and one question is asked after the other."""

    def __init__(
        self, connection: "asyncpg.Connection[Any]", seconds: float, allowance: "_Allowance"
    ) -> None:
        self._connection = connection
        self._seconds = seconds
        self._allowance = allowance

    async def rows(self, question: str, *values: Any) -> list[tuple[Any, ...]]:
        """Raises Unanswered."""
        self._allowance.left = ANSWER_OCTETS_MAX
        with _in_our_words(self._seconds, self._allowance):
            async with asyncio.timeout(self._seconds):
                return [tuple(row) for row in await self._connection.fetch(question, *values)]


@asynccontextmanager
async def opened(server: Server, login: Login) -> AsyncIterator[Database]:
    """Raises Unanswered, Unavailable when the lack is ours."""
    allowance = _Allowance()
    guarded = _Guarded(server, login, allowance)
    connection = None
    try:
        with _in_our_words(login.seconds, allowance):
            connection = await asyncpg.connect(
                # all of it is said here, for what is not asyncpg takes from the environment
                host=server.host,
                port=server.port,
                user=login.user,
                password=login.password,
                database=server.database,
                ssl=False,
                direct_tls=False,
                target_session_attrs="any",
                loop=cast(Any, guarded),
                timeout=login.seconds,
                server_settings={
                    "application_name": "certwright",
                    "default_transaction_read_only": "on",
                    "statement_timeout": str(max(1, int(login.seconds * 1000))),
                    "jit": "off",
                },
            )
        allowance.logged_in = True
        yield Database(connection, login.seconds, allowance)
    finally:
        if connection is not None:
            connection.terminate()
        guarded.close()  # asyncpg leaves what it has dialled open where a server greets it oddly


@contextmanager
def _in_our_words(seconds: float, allowance: "_Allowance") -> Iterator[None]:
    """Turns what goes wrong into Unanswered. What the server says stands in no error: codes alone do."""
    try:
        yield
    except (Unanswered, Unavailable):
        raise
    except Unreached as error:
        raise Unanswered(error.detail) from error
    except TimeoutError as error:
        raise Unanswered(f"no answer within {seconds:g} s") from error
    except asyncpg.PostgresError as error:
        if not allowance.refused and not isinstance(error, asyncpg.PostgresConnectionError):
            raise Unanswered(_said(error, seconds)) from error
        raise _broken(allowance) from error
    except Exception as error:  # what asyncpg makes of octets that no PostgreSQL sends may be anything
        raise _broken(allowance) from error


def _broken(allowance: "_Allowance") -> Unanswered:
    return Unanswered(allowance.refused or "the database has ended the connection, or is no PostgreSQL")


_WORDS: dict[type[asyncpg.PostgresError], str] = {
    asyncpg.InvalidAuthorizationSpecificationError: "the database refuses the user or its password",
    asyncpg.InvalidCatalogNameError: "there is no database of this name",
    asyncpg.InsufficientPrivilegeError: "the user may not read what is asked for",
    asyncpg.UndefinedTableError: "the tables are not there, or the user does not find them",
    asyncpg.UndefinedColumnError: "the tables are others than were expected",
    asyncpg.TooManyConnectionsError: "the database has too many connections",
}


def _said(error: asyncpg.PostgresError, seconds: float) -> str:
    if isinstance(error, asyncpg.QueryCanceledError):
        return f"no answer within {seconds:g} s"
    words = [text for kind, text in _WORDS.items() if isinstance(error, kind)]
    code = str(error.sqlstate)
    known = code if re.fullmatch(r"[0-9A-Z]{5}", code) else "unknown"
    return words[0] if words else f"the database refuses it with code {known} (PostgreSQL, appendix A)"


# -- the way there -------------------------------------------------------------------------------


class _Allowance:
    """What may still come, and why no more: `left` octets, and before the log-in no derivation of a key that
    would keep this machine busy (SCRAM, RFC 5802 section 5.1: `i`)."""

    def __init__(self) -> None:
        self.left = ANSWER_OCTETS_MAX
        self.logged_in = False
        self.refused = ""
        self._tail = b""

    def takes(self, data: bytes) -> bool:
        self.left -= len(data)
        if self.left < 0:
            self.refused = f"an answer has more than {ANSWER_OCTETS_MAX} octets"
        if not self.logged_in:
            self._tail = self._tail[-SCRAM_TAIL:] + data  # a number may come in pieces
            if _TOO_MANY_ROUNDS.search(self._tail):
                self.refused = "the database asks for too many rounds of a key derivation"
        return not self.refused


class _Guarded:
    """The running loop, as asyncpg needs it, but that it dials through the guard, and one server alone."""

    def __init__(self, server: Server, login: Login, allowance: _Allowance) -> None:
        ports = (PortRule(Purpose.SERVICE, server.port),)  # ports are the scope's own
        limits = Limits(total_seconds=login.seconds)
        self._loop = asyncio.get_running_loop()
        self._egress = Egress(replace(login.policy, ports=ports), Resolver(login.resolver), limits)
        self._destination = Destination(Purpose.SERVICE, server.address, server.port)
        self._tls = None if is_loopback(server.host) else verifying_context(login.trust)
        self._host = server.host
        self._allowance = allowance
        self._dialled: list[asyncio.Transport] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self._loop, name)

    def close(self) -> None:
        for transport in self._dialled:
            transport.abort()

    async def create_connection(
        self, protocol: Callable[[], asyncio.Protocol], host: str, port: int
    ) -> tuple[asyncio.Transport, asyncio.Protocol]:
        """As of a loop. Raises Unreached, Unanswered."""
        inner, journey = protocol(), Journey()
        if self._tls is None:
            transport, _ = await connect(
                self._egress, self._destination, lambda: _Bounded(inner, self._allowance), journey
            )
            self._dialled.append(transport)
            return transport, inner
        transport, asked = await connect(self._egress, self._destination, _AskedForTls, journey)
        self._dialled.append(transport)
        bounded = _Bounded(inner, self._allowance)
        secured = await self._secured(transport, asked, bounded, journey, self._tls)
        bounded.connection_made(secured)
        return secured, inner

    async def _secured(
        self,
        transport: asyncio.Transport,
        asked: "_AskedForTls",
        protocol: "_Bounded",
        journey: Journey,
        context: ssl.SSLContext,
    ) -> asyncio.Transport:
        if await asked.answer != b"S":
            raise Unanswered("the database does not begin TLS")
        try:
            secured = await self._loop.start_tls(transport, protocol, context, server_hostname=self._host)
        except ssl.SSLError as error:
            reason = (error.reason or "it comes to nothing").lower().replace("_", " ")
            raise Unanswered(f"TLS handshake with {journey.place} failed: {reason}") from error
        if secured is None or secured.is_closing() or protocol.too_soon:
            raise Unanswered("the database speaks before it is asked, or ends the connection")
        return secured


class _AskedForTls(asyncio.Protocol):
    """Asks for it, and has the `answer`: one octet. What somebody says in clear behind it ends all, since it
    would be taken for the database's word (CVE-2021-23222)."""

    def __init__(self) -> None:
        self.answer: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._transport.write(SSL_REQUEST)

    def data_received(self, data: bytes) -> None:
        if not self.answer.done():
            self.answer.set_result(data)
        elif self._transport is not None:
            self._transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        if not self.answer.done():
            self.answer.set_result(b"")


class _Bounded(asyncio.Protocol):
    """Hands on what comes to another protocol, as long as it is no more than is allowed. `too_soon` is what
    comes before that protocol has a connection."""

    def __init__(self, inner: asyncio.Protocol, allowance: _Allowance) -> None:
        self._inner = inner
        self._allowance = allowance
        self._transport: asyncio.Transport | None = None
        self.too_soon = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._inner.connection_made(transport)

    def data_received(self, data: bytes) -> None:
        if self._transport is None:
            self.too_soon = True
        elif self._allowance.takes(data):
            self._inner.data_received(data)
        else:
            self._transport.abort()

    def pause_writing(self) -> None:
        self._inner.pause_writing()

    def resume_writing(self) -> None:
        self._inner.resume_writing()

    def connection_lost(self, exc: Exception | None) -> None:
        if self._transport is not None:
            self._inner.connection_lost(exc)
