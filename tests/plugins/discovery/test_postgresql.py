"""The way to a database of others: through the guard, over TLS, and no octet more than is asked for."""

import asyncio
import struct
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psycopg
import pytest
import uvloop
from hypothesis import given
from hypothesis import strategies as st

from certwright.core.egress import EgressPolicy
from certwright.plugins.discovery import postgresql as source_file
from certwright.plugins.discovery.postgresql import SSL_REQUEST, Database, Login, Server, opened, parse_server
from certwright.plugins.discovery.service import Unanswered
from certwright.plugins.resolver import ResolverSettings
from tests.plugins import servers
from tests.real.postgresql import Postgresql
from tests.real.processes import free_port
from tests.real.secured_postgresql import secured
from tests.real.tls_servers import Presented, present

LOOPBACK = EgressPolicy(allow_loopback=True)
LOOPS = (asyncio.new_event_loop, uvloop.new_event_loop)
Question = Callable[[Database], Awaitable[Any]]


def login(user: str = "certwright", password: str = "secret", **others: Any) -> Login:
    given = {"trust": "", "seconds": 30.0, "policy": LOOPBACK, "resolver": ResolverSettings(localhost=True)}
    return Login(user, password, **{**given, **others})


def ours(cluster: Postgresql, **others: Any) -> Login:
    return login(cluster.user, cluster.password, **others)


async def one(database: Database) -> Any:
    return await database.rows("SELECT 1::bigint")


def ask(server: Server, who: Login, question: Question = one, loop: Any = LOOPS[0]) -> Any:
    async def run() -> Any:
        async with opened(server, who) as database:
            return await question(database)

    with asyncio.Runner(loop_factory=loop) as runner:
        return runner.run(run())


def refused(server: Server, who: Login, question: Question = one, loop: Any = LOOPS[0]) -> str:
    with pytest.raises(Unanswered) as caught:
        ask(server, who, question, loop)
    assert who.password not in caught.value.detail
    return caught.value.detail


def test_targets() -> None:
    assert parse_server("postgresql://DB.example.test/ca") == Server("db.example.test", 5432, "ca")
    assert parse_server("postgres://[::1]:6432/ca") == Server("::1", 6432, "ca")


# -- over TLS --------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def known(tmp_path_factory: pytest.TempPathFactory) -> Presented:
    return present(tmp_path_factory.mktemp("postgresql") / "chain", ("localhost",))


@pytest.fixture(scope="module")
def over_tls(known: Presented) -> Iterator[Postgresql]:
    with secured(known) as cluster:
        yield cluster


def log_of(cluster: Postgresql) -> str:
    return Path(cluster.folder, "log").read_text()


@pytest.mark.parametrize("loop", LOOPS)
def test_a_name_is_asked_over_tls_that_is_verified(known: Presented, over_tls: Postgresql, loop: Any) -> None:
    there = Server("localhost", over_tls.port, "postgres")
    encrypted = "SELECT ssl, version FROM pg_stat_ssl WHERE pid = pg_backend_pid()"
    who = ours(over_tls, trust=known.leaf.read_text())
    assert ask(there, who, lambda database: database.rows(encrypted), loop) == [(True, "TLSv1.3")]


@pytest.mark.parametrize("loop", LOOPS)
def test_who_is_not_known_is_given_no_password(
    over_tls: Postgresql, known: Presented, tmp_path: Path, loop: Any
) -> None:
    another = present(tmp_path / "another", ("localhost",))
    before = len(log_of(over_tls))
    there = Server("localhost", over_tls.port, "postgres")
    told = refused(there, ours(over_tls, trust=another.leaf.read_text()), loop=loop)
    assert "certificate verify failed" in told
    elsewhere = Server("other.localhost", over_tls.port, "postgres")
    told = refused(elsewhere, ours(over_tls, trust=known.leaf.read_text()), loop=loop)
    assert "certificate verify failed" in told
    assert "authorized" not in log_of(over_tls)[before:]


def test_a_server_without_tls_is_given_no_password(postgresql: Postgresql) -> None:
    there = Server("localhost", postgresql.port, "postgres")
    assert refused(there, ours(postgresql)) == "the database does not begin TLS"


def test_somebody_who_speaks_before_tls_is_not_listened_to(known: Presented) -> None:
    """What comes in clear behind the answer would be taken for the database's word."""
    heard: list[bytes] = []

    async def main(answer: bytes, later: bytes) -> str:
        async def behave(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            heard.append(await reader.readexactly(len(SSL_REQUEST)))
            writer.write(answer)
            await writer.drain()
            await asyncio.sleep(0.1 if later else 0)
            writer.write(later)
            heard.append(await reader.read())

        async with servers.server(behave) as port:
            who = login(trust=known.leaf.read_text())
            with pytest.raises(Unanswered) as caught:
                async with opened(Server("localhost", port, "ca"), who):
                    pass
            return caught.value.detail

    for answer in (
        b"N",
        b"SR\x00\x00\x00\x08\x00\x00\x00\x00",
        b"E",
        b"",
        b"R\x00\x00\x00\x08\x00\x00\x00\x00",
    ):
        if answer:
            assert asyncio.run(main(answer, b"")) == "the database does not begin TLS"
    assert "TLS handshake" in asyncio.run(main(b"S", b"R\x00\x00\x00\x08\x00\x00\x00\x00"))
    assert heard.count(SSL_REQUEST) == 5
    assert not any(b"certwright" in one or b"secret" in one for one in heard)


# -- what it may do --------------------------------------------------------------------------------


def server_of(url: str) -> Server:
    parts = urlsplit(url)
    return Server("127.0.0.1", parts.port or 0, parts.path[1:])


def test_nothing_can_be_written(postgresql: Postgresql) -> None:
    with postgresql.database() as url:
        told = refused(
            server_of(url), ours(postgresql), lambda database: database.rows("CREATE TABLE mine (a int)")
        )
        assert told == "the database refuses it with code 25006 (PostgreSQL, appendix A)"


REFUSALS = {
    "password": ({"password": "wrong"}, {}, "the database refuses the user or its password"),
    "user": ({"user": "nobody"}, {}, "the database refuses the user or its password"),
    "database": ({}, {"database": "nothing"}, "there is no database of this name"),
}


@pytest.mark.parametrize("name", REFUSALS)
def test_refusals_have_words(postgresql: Postgresql, name: str) -> None:
    who, where, told = REFUSALS[name]
    names = {"user": postgresql.user, "password": postgresql.password} | who
    there = {"host": "127.0.0.1", "port": postgresql.port, "database": "postgres"} | where
    assert refused(Server(**there), login(**names)) == told  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("question", "told"),
    [
        ("SELECT nkey FROM x509_certs", "the tables are not there, or the user does not find them"),
        ("SELECT nkey FROM pg_class", "the tables are others than were expected"),
        ("SELECT 1/0", "the database refuses it with code 22012 (PostgreSQL, appendix A)"),
    ],
)
def test_answers_that_are_none_have_words(postgresql: Postgresql, question: str, told: str) -> None:
    with postgresql.database() as url:
        assert refused(server_of(url), ours(postgresql), lambda database: database.rows(question)) == told


def test_what_takes_too_long_is_ended_on_both_sides(postgresql: Postgresql) -> None:
    with postgresql.database() as url, psycopg.connect(url) as other:
        other.execute("CREATE TABLE held (a int)")
        other.commit()
        other.execute("LOCK TABLE held")
        told = refused(
            server_of(url), ours(postgresql, seconds=3.0), lambda database: database.rows("TABLE held")
        )
        assert told == "no answer within 3 s"
        waiting = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
        with psycopg.connect(
            url, autocommit=True
        ) as third:  # what a transaction sees of others stays the same
            while third.execute(waiting).fetchone() != (2,):
                time.sleep(0.05)


def test_an_answer_has_a_bound(postgresql: Postgresql, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(source_file, "ANSWER_OCTETS_MAX", 100_000)

    async def often(database: Database) -> int:
        """The bound is that of each answer, not of all."""
        return sum([len((await database.rows("SELECT repeat('x', 60000)"))[0][0]) for _ in range(5)])

    with postgresql.database() as url:
        assert ask(server_of(url), ours(postgresql), often) == 300_000
        told = refused(
            server_of(url), ours(postgresql), lambda database: database.rows("SELECT repeat('x', 200000)")
        )
    assert told == "an answer has more than 100000 octets"


def test_addresses_are_judged(postgresql: Postgresql) -> None:
    there = Server("localhost", postgresql.port, "postgres")
    assert "loopback" in refused(there, ours(postgresql, policy=EgressPolicy()))
    assert "connection refused" in refused(Server("127.0.0.1", free_port(), "postgres"), login())


def test_the_environment_says_nothing(postgresql: Postgresql, monkeypatch: pytest.MonkeyPatch) -> None:
    elsewhere = {"PGHOST": "192.0.2.1", "PGPORT": "1", "PGUSER": "x", "PGPASSWORD": postgresql.password}
    elsewhere |= {"PGDATABASE": "x", "PGSSLMODE": "require", "PGSSLNEGOTIATION": "direct"}
    elsewhere |= {"PGTARGETSESSIONATTRS": "standby", "PGSERVICE": "x", "PGSERVICEFILE": "/nowhere"}
    there = Server("127.0.0.1", postgresql.port, "postgres")
    with monkeypatch.context() as environment:
        for name, value in elsewhere.items():
            environment.setenv(name, value)
        assert ask(there, ours(postgresql)) == [(1,)]
        told = refused(there, login(postgresql.user, "another"))
    assert told == "the database refuses the user or its password"


# -- servers that are none -------------------------------------------------------------------------


@pytest.mark.parametrize("loop", LOOPS)
@pytest.mark.parametrize("behave", [servers.garbage, servers.hang_up, servers.flood(b"R\x7f\xff\xff\xff")])
def test_what_is_no_postgresql_is_told(behave: servers.Behaviour, loop: Any) -> None:
    async def main() -> str:
        async with servers.server(behave) as port:
            with pytest.raises(Unanswered) as caught:
                async with opened(Server("127.0.0.1", port, "ca"), login()):
                    pass
            return caught.value.detail

    with asyncio.Runner(loop_factory=loop) as runner:
        told = runner.run(main())
    assert told in {
        "the database has ended the connection, or is no PostgreSQL",
        f"an answer has more than {source_file.ANSWER_OCTETS_MAX} octets",
    }


def message(kind: bytes, body: bytes) -> bytes:
    return kind + struct.pack("!I", len(body) + 4) + body


@pytest.mark.parametrize("piece", [1, 2, 5, 1000])
@pytest.mark.parametrize("rounds", [b"1000000", b"2147483647", b"9" * 5000])
def test_no_server_keeps_us_busy_with_a_key_derivation(rounds: bytes, piece: int) -> None:
    """SCRAM lets it choose how many rounds there are: two thousand million would take an hour, in which
    nothing else is done."""

    async def behave(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1000)
        writer.write(message(b"R", b"\0\0\0\x0aSCRAM-SHA-256\0\0"))
        nonce = (await reader.read(1000)).partition(b"r=")[2]
        told = message(b"R", b"\0\0\0\x0br=" + nonce + b"more,s=c2FsdA==,i=" + rounds)
        for at in range(0, len(told), piece):
            writer.write(told[at : at + piece])
            await writer.drain()
            await asyncio.sleep(0)
        await reader.read(1000)

    async def main() -> str:
        async with servers.server(behave) as port:
            with pytest.raises(Unanswered) as caught:
                async with opened(Server("127.0.0.1", port, "ca"), login(seconds=60.0)):
                    pass
            return caught.value.detail

    assert asyncio.run(main()) == "the database asks for too many rounds of a key derivation"


KINDS = st.sampled_from([bytes([one]) for one in b"RSKZTDCENAItn123vWGH"])
WORDS = st.sampled_from(
    [b"\0\0\0\0", b"\0\0\0\x05", b"\0\0\0\x0a", b"SCRAM-SHA-256\0", b"M\0C08P01\0\0", b"\xff"]
)
MESSAGES = st.lists(
    st.builds(message, KINDS, st.lists(WORDS | st.binary(max_size=8)).map(b"".join)), max_size=6
)
GREETING = (b"R", b"\0\0\0\0"), (b"S", b"server_version\0" + b"16.1\0"), (b"K", bytes(8)), (b"Z", b"I")
GOOD = b"".join(message(*one) for one in GREETING)


# asyncpg trips once more over a connection that it has not made to the end, when that is collected
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@given(before=MESSAGES, good=st.booleans(), after=MESSAGES)
def test_whatever_a_server_says_is_a_problem_in_our_words(
    before: list[bytes], good: bool, after: list[bytes]
) -> None:
    async def behave(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1000)
        writer.write(GOOD if good else b"".join(before))
        with suppress(TimeoutError):
            await asyncio.wait_for(reader.read(1000), 0.02)
        writer.write(b"".join(after))
        await writer.drain()

    async def main() -> None:
        async with servers.server(behave) as port:
            with suppress(Unanswered):
                async with opened(Server("127.0.0.1", port, "ca"), login(seconds=0.3)) as database:
                    await database.rows("SELECT $1::bigint", 1)

    asyncio.run(main())
