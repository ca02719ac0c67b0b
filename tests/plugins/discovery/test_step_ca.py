"""The source `step-ca`: in the full run against a real one, in the short one against tables filled alike."""

import asyncio
import json
import re
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psycopg
import pytest
import uvloop
from cryptography import x509
from hypothesis import given
from hypothesis import strategies as st

from certwright.core.egress import EgressPolicy
from certwright.core.errors import Malformed
from certwright.core.pem import pem
from certwright.core.revocation import Reason
from certwright.core.stores.values import CERTIFICATE_OCTETS_MAX
from certwright.operations.discovery_runs import DiscoveryOrder
from certwright.operations.discovery_scopes import ScopeOrder, run_scope, save_scope
from certwright.operations.run_discovery import run_discovery
from certwright.plugins.discovery import step_ca as source_file
from certwright.plugins.discovery.postgresql import Server
from certwright.plugins.discovery.service import Unanswered
from certwright.plugins.discovery.step_ca import JSON_OCTETS_MAX, StepCaSettings, StepCaSource
from certwright.plugins.resolver import ResolverSettings
from certwright.ports import DISCOVERY_SOURCES, Place, Progress, Scope, Sighting
from certwright.site.configuration import Configuration
from certwright.site.discovery import source_opener
from certwright.store.discovery_rows import DiscoveryRunRow
from certwright.store.rows import CertificateRow
from certwright.testing.discovery_source import Case, DiscoverySourceContract, Situation
from tests.plugins import servers
from tests.plugins.discovery.step_ca_tables import CERTIFICATES, DATA, REVOKED, Tables, key_of
from tests.real import step_ca as real
from tests.real.certwright import ADMINISTRATOR
from tests.real.databases import Database
from tests.real.go_programs import Unbuildable
from tests.real.pki import MovableClock, Secrets, opened
from tests.real.postgresql import Postgresql
from tests.real.processes import free_port
from tests.real.step_ca import OTHER, PROVISIONER, StepCa
from tests.real.toy_chains import ToyAuthority

HOW_TO = Path(__file__).parents[3] / "docs/how-to/synchronize-authorities.md"
ISSUER = pem(ToyAuthority("Corp").certificate).decode()
Authority = StepCa | Tables


@pytest.fixture(params=["tables", pytest.param("step-ca", marks=pytest.mark.full)])
def authority(request: pytest.FixtureRequest, postgresql: Postgresql, tmp_path: Path) -> Iterator[Authority]:
    with postgresql.database() as url:
        if request.param == "tables":
            yield Tables(url)
            return
        try:
            real.program()
        except Unbuildable as error:
            pytest.skip(str(error))
        with real.running(tmp_path, url) as made:
            yield made


@pytest.fixture
def tables(postgresql: Postgresql) -> Iterator[Tables]:
    with postgresql.database() as url:
        yield Tables(url)


def settings_of(authority: Authority, **others: Any) -> StepCaSettings:
    url = urlsplit(authority.database)
    given: dict[str, Any] = {"user": url.username, "password": url.password, "seconds": 30.0}
    given |= {"issuers": "".join(pem(one).decode() for one in authority.issuers)}
    given |= {"policy": EgressPolicy(allow_loopback=True), "resolver": ResolverSettings(localhost=True)}
    return StepCaSettings(**given | others)


def target_of(authority: Authority) -> str:
    url = urlsplit(authority.database)
    return f"postgresql://127.0.0.1:{url.port}{url.path}"


def place_of(authority: Authority, certificate: bytes | None = None) -> Place:
    url = urlsplit(authority.database)
    serial = "" if certificate is None else f"#{number_of(certificate):x}"
    if len(serial) % 2 == 0 and serial:
        serial = f"#0{serial[1:]}"
    return Place("authority", "127.0.0.1", url.port or 0, f"{url.path[1:]}{serial}")


def number_of(certificate: bytes) -> int:
    return x509.load_der_x509_certificate(certificate).serial_number


def look(authority: Authority, *exclude: str, **others: Any) -> tuple[list[Sighting], Progress]:
    async def run() -> list[Sighting | Progress]:
        source = StepCaSource(settings_of(authority, **others))
        return [event async for event in source.look(Scope((target_of(authority),), exclude))]

    events = asyncio.run(run())
    assert isinstance(events[-1], Progress)
    return [one for one in events if isinstance(one, Sighting)], events[-1]


def test_it_is_registered_and_its_password_is_not_shown() -> None:
    (entry,) = entry_points(group=DISCOVERY_SOURCES, name="step-ca")
    assert entry.load() is StepCaSource
    settings = StepCaSettings("reader", ISSUER, password="not-to-be-shown")
    assert "not-to-be-shown" not in repr(settings) + repr(settings.login)


# -- as step-ca does -------------------------------------------------------------------------------


def test_what_it_has_issued_and_revoked(authority: Authority) -> None:
    issued = [authority.issue(f"{name}.example.test") for name in "abc"]
    lost, left = issued[0], authority.issue("d.example.test")
    before = datetime.now(UTC) - timedelta(minutes=1)
    authority.revoke(lost, Reason.KEY_COMPROMISE)
    authority.revoke(left)
    found, last = look(authority)
    chains = {one.place: one.chain for one in found}
    assert chains == {place_of(authority, one): (one, *authority.issuers) for one in (*issued, left)}
    assert (last.whole, last.done, last.total) == (True, 4, 4)
    facts = {one.place: dict(one.facts) for one in found}
    for certificate, reason in ((lost, "keyCompromise"), (left, "unspecified")):
        told = facts.pop(place_of(authority, certificate))
        assert before < datetime.fromisoformat(str(told.pop("revoked_at"))) <= datetime.now(UTC)
        assert told == {"status": "revoked", "reason": reason, "provisioner": PROVISIONER}
    assert all(one == {"status": "good", "provisioner": PROVISIONER} for one in facts.values())


def test_provisioners_are_told_and_may_be_left_out(authority: Authority) -> None:
    kept, other = authority.issue("a.example.test"), authority.issue("b.example.test", OTHER)
    assert {one.facts["provisioner"] for one in look(authority)[0]} == {PROVISIONER, OTHER}
    assert [one.place for one in look(authority, OTHER)[0]] == [place_of(authority, kept)]
    assert [one.place for one in look(authority, PROVISIONER)[0]] == [place_of(authority, other)]


def test_the_role_of_the_how_to_reads_these_tables_and_nothing_else(authority: Authority) -> None:
    """Its SQL is taken from there."""
    one, name = authority.issue("a.example.test"), urlsplit(authority.database).path[1:]
    (statements,) = re.findall(r"```sql\n(.*?)```", HOW_TO.read_text(), re.DOTALL)
    role = f"reader_of_{name}"
    statements = statements.replace("certwright_reader", role).replace("DATABASE step_ca", f"DATABASE {name}")
    with psycopg.connect(authority.database) as connection:
        connection.execute(statements)
        try:
            password = re.search(r"PASSWORD '([^']+)'", statements)
            assert password is not None
            connection.commit()
            found, last = look(authority, user=role, password=password[1])
            assert [sighting.place for sighting in found] == [place_of(authority, one)]
            assert last.whole
            rights = "SELECT has_table_privilege(%s, %s, %s)"
            assert connection.execute(rights, (role, "used_ott", "SELECT")).fetchone() == (False,)
            assert connection.execute(rights, (role, "x509_certs", "INSERT")).fetchone() == (False,)
        finally:
            connection.rollback()
            connection.execute(f"DROP OWNED BY {role}; DROP ROLE {role}".encode())


def test_a_scope_from_end_to_end(authority: Authority, tmp_path: Path, database: Database) -> None:
    async def main() -> None:
        configuration = Configuration.load(tmp_path, {"egress": {"allow_loopback": True}})
        lost, _ = [authority.issue(f"{name}.example.test") for name in "ab"]
        async with opened(database.url, Secrets(), MovableClock()) as context:
            ours = replace(context, open_source=source_opener(configuration))
            settings = settings_of(authority)
            given = {name: getattr(settings, name) for name in ("user", "password", "issuers")}
            order = DiscoveryOrder("step-ca", (target_of(authority),), settings=given)
            await save_scope(ours, ADMINISTRATOR, ScopeOrder("people", order))

            async def again() -> DiscoveryRunRow:
                return await run_discovery(ours, await run_scope(ours, ADMINISTRATOR, "people"))

            async def revoked() -> dict[int, int | None]:
                rows = await ours.database.select(CertificateRow, '"revoked_at" IS NOT NULL')
                return {int.from_bytes(one.serial): one.revocation_reason for one in rows}

            first = await again()
            assert (first.seen, first.new, first.problems, first.problem) == (2, 4, 0, "")
            assert await revoked() == {}
            authority.revoke(lost, Reason.SUPERSEDED)
            assert (await again()).new == 0
            assert await revoked() == {number_of(lost): Reason.SUPERSEDED}
            with psycopg.connect(authority.database) as connection:
                connection.execute("ALTER TABLE x509_certs RENAME TO elsewhere")
            last = await again()
            assert (last.seen, last.gone, last.problems) == (0, 0, 1), "what cannot be read has not gone"

    asyncio.run(main())


# -- what may lie there besides --------------------------------------------------------------------


@pytest.mark.parametrize("size", [1, 2, 3, 100])
def test_pages_of_every_size(tables: Tables, monkeypatch: pytest.MonkeyPatch, size: int) -> None:
    monkeypatch.setattr(source_file, "PAGE", size)
    issued = [tables.issue(f"{name}.example.test") for name in "abcdef"]
    found, last = look(tables)
    assert sorted(one.chain[0] for one in found) == sorted(issued)
    assert (last.done, last.cursor, last.whole) == (6, "end", True)


def test_it_has_more_than_is_read(tables: Tables, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(source_file, "PAGE", 2)
    for name in "abc":
        tables.issue(f"{name}.example.test")
    found, last = look(tables, certificates_max=2)
    assert [one.problem for one in found] == ["", "", "it has more than 2 certificates"]
    assert not last.whole
    assert look(tables, certificates_max=3)[1].whole


UNREADABLE = "it has no certificate of this number that can be read"
OTHERS = ToyAuthority("Corp")
ROWS: dict[str, tuple[bytes, bytes]] = {
    "no certificate": (b"1", b"0\x03\x02\x01\x01"),
    "nothing": (b"2", b""),
    "of another number": (b"3", OTHERS.certificate),
    "too large": (b"4", bytes(CERTIFICATE_OCTETS_MAX + 1)),
    "no number": (b"\xff\x00\n", OTHERS.certificate),
    "a long number": (b"9" * 255, OTHERS.certificate),
}


@pytest.mark.parametrize("name", ROWS)
def test_a_row_that_is_odd_is_a_problem_and_the_others_go_on(tables: Tables, name: str) -> None:
    good = tables.issue("a.example.test")
    tables.put(CERTIFICATES, *ROWS[name])
    found, last = look(tables)
    assert {one.chain[:1]: one.problem for one in found} == {(good,): "", (): UNREADABLE}
    assert last.whole
    assert all(one.place.name.isprintable() for one in found)


MOMENT = "2026-12-01T04:52:15.513410836Z"
AT = "2026-12-01T04:52:15+00:00"
REVOCATIONS: dict[str, tuple[bytes, str | None]] = {
    "a hold": (json.dumps({"RevokedAt": MOMENT, "ReasonCode": 6}).encode(), "certificateHold"),
    "not used": (json.dumps({"RevokedAt": MOMENT, "ReasonCode": 7}).encode(), "unspecified"),
    "not a reason here": (json.dumps({"RevokedAt": MOMENT, "ReasonCode": 8}).encode(), "unspecified"),
    "no code": (json.dumps({"RevokedAt": MOMENT, "ReasonCode": [1]}).encode(), "unspecified"),
    "without a code": (json.dumps({"RevokedAt": MOMENT}).encode(), "unspecified"),
    "without a time": (json.dumps({"ReasonCode": 1}).encode(), None),
    "no JSON": (b"\xff{", None),
    "deep": (b"[" * 10_000, None),
    "no object": (b"[]", None),
    "too large": (json.dumps({"RevokedAt": MOMENT, "Reason": "x" * JSON_OCTETS_MAX}).encode(), None),
}


@pytest.mark.parametrize("name", REVOCATIONS)
def test_revocations_as_they_may_lie_there(tables: Tables, name: str) -> None:
    value, reason = REVOCATIONS[name]
    revoked = tables.issue("a.example.test")
    tables.put(REVOKED, key_of(revoked), value)
    ((found,), _) = look(tables)
    if reason is None:
        assert (found.chain, found.problem.partition(":")[0]) == ((), "it is revoked")
    else:
        told = {"status": "revoked", "reason": reason, "revoked_at": AT, "provisioner": PROVISIONER}
        assert (found.chain[0], found.facts) == (revoked, told)


SERVER = Server("db.example.test", 5432, "ca")
LOOK = source_file._Look(
    StepCaSettings("reader", ISSUER), source_file._Plan(SERVER, frozenset(), b""), lambda: datetime.now(UTC)
)


@given(
    value=st.binary(max_size=60)
    | st.recursive(st.none() | st.text(max_size=20), st.lists).map(
        lambda one: json.dumps({"provisioner": {"name": one}, "RevokedAt": one, "ReasonCode": one}).encode()
    )
)
def test_no_value_of_a_row_ends_the_look(value: bytes) -> None:
    good = OTHERS.certificate
    rows = [(key_of(good), good, value, value), (value[:255], value, value, None)]
    found = LOOK._page(SERVER, rows)
    assert len(found) == 2
    assert all(one.place.name.isprintable() and one.problem.isprintable() for one in found)


STRANGE = "the tables are others than a step-ca's"


def test_tables_of_somebody_else_are_a_problem(tables: Tables) -> None:
    """A value that is text is as long as it may be, and no octets."""
    with psycopg.connect(tables.database) as connection:
        connection.execute("ALTER TABLE x509_certs ALTER nvalue TYPE text USING 'a'")
        connection.execute("INSERT INTO x509_certs VALUES ('1', 'a')")
    ((found,), last) = look(tables)
    assert (found.place, found.problem, last.whole) == (place_of(tables), STRANGE, False)


@pytest.mark.parametrize(
    "rows",
    [
        [(b"1", b"", b"")],
        [(None, b"", b"", b"")],
        [("1", b"", b"", b"")],
        [(b"1", 1, b"", b"")],
        [(b"0", b"", None, None)],
        [(b"2", None, None, None), (b"2", None, None, None)],
        [(b"3", None, None, None), (b"2", None, None, None)],
        [(b"3" * 256, None, None, None)],
    ],
)
def test_rows_that_were_not_asked_for_are_not_taken(rows: list[Any]) -> None:
    """Else a server could keep a look going on for ever, or give it a cursor that it cannot read again."""
    with pytest.raises(Unanswered, match=STRANGE):
        source_file._checked(rows, b"0")
    assert source_file._checked([(b"1", None, b"", b"")], b"0")


def test_data_that_say_nothing(tables: Tables) -> None:
    for number, value in enumerate((b"", b"null", b'{"provisioner": 3}', b'{"provisioner": {"name": ""}}')):
        tables.put(DATA, key_of(tables.issue(f"{number}.example.test")), value)
    assert all(dict(one.facts) == {"status": "good"} for one in look(tables)[0])


def test_names_of_provisioners_are_bounded_and_can_be_printed(tables: Tables) -> None:
    tables.issue("a.example.test", "\n" + "x" * 1000)
    ((found,), _) = look(tables)
    told = str(found.facts["provisioner"])
    assert told.startswith("\\nxxx")
    assert (len(told) < 300, told.isprintable()) == (True, True)


def test_what_the_issuers_have_not_signed_is_told(tables: Tables) -> None:
    one = tables.issue("a.example.test")
    tables.revoke(one)
    found, last = look(tables, issuers=ISSUER)
    assert [(sighting.place, sighting.chain) for sighting in found] == [
        (place_of(tables, one), (one,)),
        (place_of(tables), ()),
    ]
    assert "none of the issuers has signed 1 of its certificates" in found[-1].problem
    assert last.whole


@pytest.mark.parametrize(
    "target",
    [
        *("", " ", "db.example.test/ca", "mysql://db.example.test/ca", "postgresql://db.example.test"),
        *("postgresql://a:b@db.example.test/ca", "postgresql://db.example.test/ca?sslmode=disable"),
        *("postgresql://db.example.test:0/ca", "postgresql://a,b/ca", "postgresql:///ca"),
        *("postgresql:///var/run/ca", "postgresql://a\x00/ca", "postgresql://db.example.test/c\x00a"),
    ],
)
def test_what_is_no_target_is_malformed(target: str) -> None:
    with pytest.raises(Malformed):
        StepCaSource(StepCaSettings("reader", ISSUER)).check(Scope((target,)))


def test_a_scope_has_one_database() -> None:
    targets = ("postgresql://db.example.test/a", "postgresql://db.example.test/b")
    with pytest.raises(Malformed, match="one scope looks at one database"):
        StepCaSource(StepCaSettings("reader", ISSUER)).check(Scope(targets))


@pytest.mark.parametrize(
    "wrong",
    [
        *({"user": ""}, {"user": "a\0b"}, {"password": "\0"}, {"issuers": ""}, {"issuers": "x"}),
        *({"issuers": ISSUER * 21}, {"trust": "x"}, {"seconds": 0}, {"certificates_max": 0}),
    ],
)
def test_settings_that_cannot_be_used_are_malformed(wrong: dict[str, Any]) -> None:
    with pytest.raises(Malformed):
        StepCaSettings(**{"user": "reader", "issuers": ISSUER} | wrong)


# -- the contract ----------------------------------------------------------------------------------


class TestStepCaContract(DiscoverySourceContract):
    loops = (asyncio.new_event_loop, uvloop.new_event_loop)

    @pytest.fixture(autouse=True)
    def _tables(self, tables: Tables, monkeypatch: pytest.MonkeyPatch) -> None:
        self.tables = tables
        monkeypatch.setattr(source_file, "PAGE", 2)

    @asynccontextmanager
    async def situation(self, case: Case) -> AsyncIterator[Situation]:
        settings = settings_of(self.tables)
        source = StepCaSource(settings)
        if case is Case.BAD:
            async with servers.server(servers.silent) as port:
                hurried = StepCaSource(replace(settings, seconds=1.0))
                there: dict[Place, tuple[bytes, ...]] = {Place("authority", "127.0.0.1", port, "ca"): ()}
                yield Situation(hurried, Scope((f"postgresql://127.0.0.1:{port}/ca",)), there)
        elif case is Case.SLOW:
            with socket.create_server(("127.0.0.1", 0)) as silent:
                # uvloop opens /dev/null for its first connection, and keeps that
                gone = Scope((f"postgresql://127.0.0.1:{free_port()}/ca",))
                assert [event async for event in source.look(gone)]
                yield Situation(source, Scope((f"postgresql://127.0.0.1:{silent.getsockname()[1]}/ca",)))
        else:
            expected: dict[Place, tuple[bytes, ...]] = {}
            left_out = set()
            for number in range(5 if case is Case.GOOD else 0):
                certificate = self.tables.issue(
                    f"{number}.example.test", OTHER if number % 2 else PROVISIONER
                )
                place = place_of(self.tables, certificate)
                expected[place] = (certificate, *self.tables.issuers)
                left_out |= {place} if number % 2 else set()
            scope = Scope(() if case is Case.NO_SCOPE else (target_of(self.tables),))
            yield Situation(source, scope, expected, OTHER, frozenset(left_out))
