"""The source `ldap` against Debian's slapd."""

import asyncio
import base64
import hashlib
import socket
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import replace
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

import pytest
import uvloop
from cryptography import x509

from certwright.core import der
from certwright.core.egress import EgressPolicy
from certwright.core.errors import Malformed
from certwright.core.revocation import Reason
from certwright.operations.discovery_runs import DiscoveryOrder
from certwright.operations.discovery_scopes import ScopeOrder, run_scope, save_scope
from certwright.operations.run_discovery import run_discovery
from certwright.operations.take_seen_lists import take_seen_lists
from certwright.operations.take_sightings import Look, take_sightings
from certwright.plugins.discovery.ldap import PAGE, LdapSettings, LdapSource
from certwright.plugins.resolver import ResolverSettings
from certwright.ports import DISCOVERY_SOURCES, Place, Progress, Scope, Sighting
from certwright.protocols.ldap.messages import Answer
from certwright.site.configuration import Configuration
from certwright.site.discovery import source_opener
from certwright.store.discovery_rows import SightingRow
from certwright.store.rows import CertificateRow
from certwright.testing.discovery_source import Case, DiscoverySourceContract, Situation
from tests.core.stores.made import chain
from tests.plugins import servers
from tests.real import slapd
from tests.real.certwright import ADMINISTRATOR
from tests.real.databases import Database
from tests.real.pki import MovableClock, Secrets, opened
from tests.real.processes import free_port
from tests.real.slapd import BASE, SEARCHER, SEARCHER_PASSWORD, Directory
from tests.real.toy_chains import ToyAuthority

SERVER, ISSUING, ROOT = chain().ders
SERVICES = f"cn=Public Key Services,cn=Services,{BASE}"
"""As in Active Directory; slapd has no `CN=Configuration` of its own."""
PAIR = der.sequence(der.tlv(0xA0, ISSUING), der.tlv(0xA1, ROOT))


def entry(name: str, kinds: tuple[str, ...], **values: str | bytes) -> str:
    lines = [f"dn: {name}", "changetype: add", *(f"objectClass: {kind}" for kind in kinds)]
    for attribute, value in values.items():
        if isinstance(value, bytes):
            lines.append(f"{attribute};binary:: {base64.b64encode(value).decode()}")
        else:
            lines.append(f"{attribute}: {value}")
    return "\n".join(lines) + "\n\n"


def fill(directory: Directory) -> None:
    """People with certificates and without, and the objects that Active Directory has."""
    directory.person("alice")
    directory.person("bob")
    person = ("inetOrgPerson",)
    directory.change(
        entry(f"uid=carol,{BASE}", person, cn="carol", sn="c", userCertificate=SERVER)
        + entry(f"cn=Services,{BASE}", ("applicationProcess",))
        + entry(SERVICES, ("applicationProcess",))
        + entry(f"cn=NTAuthCertificates,{SERVICES}", ("applicationProcess", "pkiCA"), cACertificate=ISSUING)
        + entry(f"cn=AIA,{SERVICES}", ("applicationProcess", "pkiCA"), crossCertificatePair=PAIR)
    )


def place(directory: Directory, name: str, certificate: bytes, port: int = 0) -> Place:
    digest = hashlib.sha256(certificate).hexdigest()[:32]
    return Place("directory", "127.0.0.1", port or directory.tls_port, f"{name}:{digest}")


def expected(directory: Directory, port: int = 0) -> dict[Place, tuple[bytes, ...]]:
    found = (
        (f"uid=carol,{BASE}#userCertificate", SERVER),
        (f"cn=NTAuthCertificates,{SERVICES}#cACertificate", ISSUING),
        (f"cn=AIA,{SERVICES}#crossCertificatePair", ISSUING),
        (f"cn=AIA,{SERVICES}#crossCertificatePair", ROOT),
    )
    return {place(directory, name, one, port): (one,) for name, one in found}


@pytest.fixture(scope="module")
def directory() -> Iterator[Directory]:
    with tempfile.TemporaryDirectory() as name, slapd.served(Path(name) / "slapd") as running:
        fill(running)
        yield running


@pytest.fixture
def settings(directory: Directory) -> LdapSettings:
    trust, policy = directory.authority.read_text(), EgressPolicy(allow_loopback=True)
    resolver = ResolverSettings(localhost=True)
    return LdapSettings(SEARCHER, SEARCHER_PASSWORD, trust, policy=policy, resolver=resolver)


def look(settings: LdapSettings, *targets: str, **others: Any) -> tuple[list[Sighting], Progress]:
    async def run() -> list[Sighting | Progress]:
        return [event async for event in LdapSource(settings).look(Scope(targets, **others))]

    events = asyncio.run(run())
    assert isinstance(events[-1], Progress)
    return [one for one in events if isinstance(one, Sighting)], events[-1]


def problem(settings: LdapSettings, *targets: str) -> str:
    (found,), last = look(settings, *targets)
    assert found.place.name == ""
    assert not last.whole
    assert SEARCHER_PASSWORD not in found.problem
    return found.problem


def test_it_is_registered_and_its_password_is_not_shown(settings: LdapSettings) -> None:
    (found,) = entry_points(group=DISCOVERY_SOURCES, name="ldap")
    assert found.load() is LdapSource
    assert SEARCHER_PASSWORD not in repr(settings)


def test_over_ldaps_and_starttls(directory: Directory, settings: LdapSettings) -> None:
    for target, port in ((directory.secure, directory.tls_port), (directory.plain, directory.port)):
        for base in ("", f" {BASE}"):
            found, last = look(settings, f"{target}{base}")
            assert {one.place: one.chain for one in found} == expected(directory, port)
            assert last.whole
    named, _ = look(settings, f"ldaps://localhost:{directory.tls_port}")
    assert {one.place.host for one in named} == {"localhost"}


def test_a_part_of_the_tree(directory: Directory, settings: LdapSettings) -> None:
    found, _ = look(settings, f"{directory.secure} cn=AIA,{SERVICES}")
    assert len(found) == 2
    found, _ = look(settings, directory.secure, exclude=(f"CN=Services, {BASE}",))
    assert [one.chain for one in found] == [(SERVER,)]


def test_more_than_a_page(settings: LdapSettings, tmp_path: Path) -> None:
    with slapd.served(tmp_path / "slapd") as many:
        trust = many.authority.read_text()
        entries = [
            entry(f"uid=p{number},{BASE}", ("inetOrgPerson",), cn="p", sn="p", userCertificate=SERVER)
            for number in range(2 * PAGE + 5)
        ]
        many.change("".join(entries))
        found, last = look(replace(settings, trust=trust), many.secure)
        assert len({one.place for one in found}) == len(entries)
        assert last.done == len(entries)
        few = replace(settings, trust=trust, entries_max=10)
        seen, last = look(few, many.secure)
        assert seen[-1].problem == "it has more than 10 entries with certificates"
        assert not last.whole


def test_lists_that_authorities_publish_there(
    settings: LdapSettings, tmp_path: Path, database: Database
) -> None:
    corp = ToyAuthority("Corp")
    leaf = corp.sign("a")
    listed = corp.list((leaf, x509.ReasonFlags.key_compromise))
    with slapd.served(tmp_path / "slapd") as published:
        person, point = ("inetOrgPerson",), ("cRLDistributionPoint",)
        authority = ("applicationProcess", "certificationAuthority")
        published.change(
            entry(f"cn=CDP,{BASE}", point, certificateRevocationList=listed)
            + entry(
                f"cn=Corp,{BASE}",
                authority,
                cACertificate=corp.certificate,
                certificateRevocationList=listed,
                authorityRevocationList=listed,
            )
            + entry(f"uid=a,{BASE}", person, cn="a", sn="a", userCertificate=leaf)
        )
        ours = replace(settings, trust=published.authority.read_text())
        found, _ = look(ours, published.secure)
        lists = {one.place.name: one.revocation_list for one in found if one.revocation_list}
        names = ("CDP,{}#certificate", "Corp,{}#certificate", "Corp,{}#authority")
        assert lists == {f"cn={one.format(BASE)}RevocationList": listed for one in names}
        assert all(one.problem == "" for one in found)

    async def main() -> None:
        async with opened(database.url, Secrets(), MovableClock()) as context:
            await take_sightings(context, Look(1), found)
            seen = await take_seen_lists(context, "", [one for one in found if one.revocation_list])
            assert len(seen.problems) == 3, "the lists are of the past"
            (row,) = await context.database.select(CertificateRow, '"subject" = ?', "CN=a")
            assert row.revocation_reason == Reason.KEY_COMPROMISE

    asyncio.run(main())


def test_who_may_not_ask_is_told(directory: Directory, settings: LdapSettings) -> None:
    wrong = replace(settings, password="another")
    assert problem(wrong, directory.secure) == "the directory refuses bind_dn or its password"
    nobody, _ = look(replace(settings, bind_dn="", password=""), directory.secure)
    assert all(one.chain == () for one in nobody)
    base = "dc=other,dc=test"
    told = problem(settings, f"{directory.secure} {base}")
    assert told == f"the directory has no {base}, or does not show it"


def test_a_directory_that_is_not_known_gets_no_password(directory: Directory, settings: LdapSettings) -> None:
    for target in (directory.secure, directory.plain):
        assert "certificate verify failed" in problem(replace(settings, trust=""), target)
    pinned = replace(settings, trust=(directory.folder / "server.pem").read_text())
    assert len(look(pinned, directory.secure)[0]) == 4


def test_an_address_that_may_not_be_reached_is_not_dialled(
    directory: Directory, settings: LdapSettings
) -> None:
    shut = replace(settings, policy=EgressPolicy())
    assert "loopback" in problem(shut, directory.secure)
    assert "connection refused" in problem(settings, f"ldaps://127.0.0.1:{free_port()}")


DONE = der.tlv(der.ENUMERATED, b"\0") + der.octet_string(b"") + der.octet_string(b"")
BEGUN = der.sequence(der.integer(1), der.tlv(Answer.EXTENDED, DONE))


def _says(octets: bytes) -> servers.Behaviour:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1000)
        writer.write(octets)
        await writer.drain()
        await asyncio.sleep(5)

    return answer


ODD = {
    "hang-up": (servers.hang_up, "the directory has ended the connection"),
    "silent": (servers.silent, "no answer within 1 s"),
    "garbage": (_says(b"HTTP/1.1 400 Bad Request\r\n"), "it is no LDAP"),
    "large": (_says(b"\x30\x84\x7f\xff\xff\xff"), "an answer has more than"),
    "slow": (servers.trickle(b"\x30\x81\x80" + bytes(100)), "no answer within 1 s"),
    "other": (_says(BEGUN.replace(b"\2\1\1", b"\2\1\2")), "the directory answers what was not asked"),
    "no-tls": (_says(BEGUN.replace(b"\x0a\1\0", b"\x0a\1\2")), "the directory does not begin TLS"),
    "ahead": (_says(BEGUN + b"0"), "somebody speaks before TLS has begun"),
    "not-tls": (_says(BEGUN), "TLS with the directory failed"),
}


@pytest.mark.parametrize("name", ODD)
def test_odd_directories_are_a_problem(name: str, settings: LdapSettings) -> None:
    behave, text = ODD[name]

    async def run() -> list[Sighting]:
        async with servers.server(behave) as port:
            source = LdapSource(replace(settings, seconds=1.0))
            events = source.look(Scope((f"ldap://127.0.0.1:{port}",)))
            return [event async for event in events if isinstance(event, Sighting)]

    (found,) = asyncio.run(run())
    assert text in found.problem


@pytest.mark.parametrize(
    "target", ["", "x", "http://x", "ldap://", "ldap://x:0", "ldap://x:70000", "ldaps://x y", "ldap://a b/c"]
)
def test_what_is_no_target_is_malformed(target: str) -> None:
    with pytest.raises(Malformed):
        LdapSource(LdapSettings()).check(Scope((target,)))


def test_a_scope_has_one_directory() -> None:
    with pytest.raises(Malformed):
        LdapSource(LdapSettings()).check(Scope(("ldaps://a", "ldaps://b")))
    LdapSource(LdapSettings()).check(Scope(("ldaps://a dc=x", "ldaps://A:636 dc=y")))


@pytest.mark.parametrize("wrong", [{"bind_dn": "cn=x"}, {"trust": "x"}, {"entries_max": 0}, {"seconds": 0}])
def test_settings_that_cannot_be_used_are_malformed(wrong: dict[str, Any]) -> None:
    with pytest.raises(Malformed):
        LdapSettings(**wrong)


def test_a_scope_from_end_to_end(directory: Directory, tmp_path: Path, database: Database) -> None:
    async def main() -> None:
        configuration = Configuration.load(tmp_path, {"egress": {"allow_loopback": True}})
        async with opened(database.url, Secrets(), MovableClock()) as context:
            ours = replace(context, open_source=source_opener(configuration))
            settings = {"bind_dn": SEARCHER, "password": SEARCHER_PASSWORD}
            settings["trust"] = directory.authority.read_text()
            order = DiscoveryOrder("ldap", (directory.secure,), settings=settings)
            await save_scope(ours, ADMINISTRATOR, ScopeOrder("people", order))
            row = await run_discovery(ours, await run_scope(ours, ADMINISTRATOR, "people"))
            assert (row.seen, row.new, row.problems, row.problem) == (4, 3, 0, "")
            there = await ours.database.select(SightingRow, '"kind" = ?', "directory")
            assert {one.name for one in there} == {one.name for one in expected(directory)}
            assert SEARCHER_PASSWORD not in str(row)

    asyncio.run(main())


# -- the contract ----------------------------------------------------------------------------------


class TestLdapContract(DiscoverySourceContract):
    loops = (asyncio.new_event_loop, uvloop.new_event_loop)

    @pytest.fixture(autouse=True)
    def _directory(self, directory: Directory, settings: LdapSettings) -> None:
        self.directory = directory
        self.settings = settings

    @asynccontextmanager
    async def situation(self, case: Case) -> AsyncIterator[Situation]:
        source, secure = LdapSource(self.settings), self.directory.secure
        if case is Case.GOOD:
            targets = (f"{secure} ou=people,{BASE}", f"{secure} {BASE}")
            places = expected(self.directory)
            left_out = frozenset(one for one in places if SERVICES in one.name)
            yield Situation(source, Scope(targets), places, f"cn=Services,{BASE}", left_out)
        elif case is Case.BAD:
            async with servers.server(servers.silent) as port:
                hurried = LdapSource(replace(self.settings, seconds=1.0))
                there = {Place("directory", "127.0.0.1", port): ()}
                yield Situation(hurried, Scope((f"ldaps://127.0.0.1:{port}",)), there)
        elif case is Case.SLOW:
            with socket.create_server(("127.0.0.1", 0)) as silent:
                # uvloop opens /dev/null for its first connection, and keeps that
                gone = Scope((f"ldaps://127.0.0.1:{free_port()}",))
                assert [event async for event in source.look(gone)]
                yield Situation(source, Scope((f"ldap://127.0.0.1:{silent.getsockname()[1]}",)))
        else:
            yield Situation(source, Scope(() if case is Case.NO_SCOPE else (f"{secure} ou=people,{BASE}",)))
