"""The source `certwright` against another installation, served as real processes."""

import asyncio
import json
import os
import socket
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

import pytest
import uvloop

from certwright.core.access import Grant, Role
from certwright.core.egress import EgressPolicy
from certwright.core.errors import Malformed
from certwright.core.request import parse_csr
from certwright.core.revocation import Reason
from certwright.core.stores.outline import outline
from certwright.operations.context import Context
from certwright.operations.discovery_runs import DiscoveryOrder
from certwright.operations.discovery_scopes import ScopeOrder, run_scope, save_scope
from certwright.operations.issue import Issued, IssueOrder, issue
from certwright.operations.manage_tokens import create_token
from certwright.operations.read_certificate import read_certificate
from certwright.operations.revoke import release_certificate, revoke_certificate
from certwright.operations.run_discovery import run_discovery
from certwright.plugins.discovery.certwright import CertwrightSettings, CertwrightSource
from certwright.plugins.resolver import ResolverSettings
from certwright.ports import DISCOVERY_SOURCES, Place, Progress, Scope, Sighting
from certwright.site.configuration import Configuration
from certwright.site.discovery import source_opener
from certwright.store.discovery_rows import DiscoveryRunRow, SightingRow
from certwright.store.rows import CertificateRow
from certwright.testing.discovery_source import Case, DiscoverySourceContract, Situation
from tests.conftest import RUN
from tests.plugins import servers
from tests.real import certwright as real_certwright
from tests.real.certwright import ADMINISTRATOR, Home, Site
from tests.real.pki import MovableClock, Secrets, make_csr, opened
from tests.real.processes import free_port
from tests.real.tls_servers import present

LOOPBACK = EgressPolicy(allow_loopback=True)
Behaviour = servers.Behaviour


@dataclass(frozen=True, slots=True)
class Other:
    """Another installation, and a token of it."""

    site: Site
    token: str = field(repr=False)

    @property
    def url(self) -> str:
        return self.site.url("https", "").rstrip("/")

    @property
    def settings(self) -> CertwrightSettings:
        resolver = ResolverSettings(localhost=True)
        return CertwrightSettings(self.token, self.trust, policy=LOOPBACK, resolver=resolver)

    @property
    def trust(self) -> str:
        return self.site.home.root.read_text()

    def run(self, act: Callable[[Context], Awaitable[Any]]) -> Any:
        return self.site.home.run(act)

    async def issue(self, name: str) -> Issued:
        async def act(context: Context) -> Issued:
            csr = parse_csr(make_csr(name))
            return await issue(context, IssueOrder(ADMINISTRATOR, csr, "issuing", "tls-server"))

        return await asyncio.to_thread(self.run, act)  # type: ignore[no-any-return]

    async def revoke(self, one: Issued, reason: Reason) -> None:
        digest = one.row.fingerprint.hex()

        async def act(context: Context) -> None:
            await revoke_certificate(context, ADMINISTRATOR, digest, reason, context.clock())

        await asyncio.to_thread(self.run, act)

    async def release(self, one: Issued) -> None:
        digest = one.row.fingerprint.hex()

        async def act(context: Context) -> None:
            await release_certificate(context, ADMINISTRATOR, digest, context.clock())

        await asyncio.to_thread(self.run, act)


@pytest.fixture(scope="module")
def other(founded: Home, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Other]:
    folder = tmp_path_factory.mktemp("other") / "home"
    with real_certwright.copy(founded, folder, Path(os.environ[RUN])) as home:
        grants = (Grant(Role.AUDITOR),)
        made = home.run(lambda context: create_token(context, ADMINISTRATOR, "reader", grants, None))
        with home.served() as site:
            other = Other(site, made.secret)
            for name in ("a", "b", "c"):
                asyncio.run(other.issue(f"{name}.example.test"))
            yield other


def look(settings: CertwrightSettings, url: str, **others: Any) -> tuple[dict[str, Sighting], Progress]:
    """Sightings by name of their places, and the last progress."""

    async def run() -> list[Sighting | Progress]:
        return [event async for event in CertwrightSource(settings).look(Scope((url,), **others))]

    events = asyncio.run(run())
    seen = [event for event in events if isinstance(event, Sighting)]
    last = events[-1]
    assert isinstance(last, Progress)
    return {one.place.name: one for one in seen}, last


def test_it_is_registered_and_its_token_is_not_shown(other: Other) -> None:
    (entry,) = entry_points(group=DISCOVERY_SOURCES, name="certwright")
    assert entry.load() is CertwrightSource
    assert other.token not in repr(other.settings)


def test_later_looks_ask_for_what_has_changed(other: Other) -> None:
    first = asyncio.run(other.issue("first.example.test"))
    held = asyncio.run(other.issue("held.example.test"))
    asyncio.run(other.revoke(held, Reason.CERTIFICATE_HOLD))
    found, last = look(other.settings, other.url)
    assert last.whole
    one = found[f"issuing#{held.row.serial.hex()}"]
    assert one.place.kind == "authority"
    assert one.chain[0] == held.der
    assert (one.facts["status"], one.facts["reason"]) == ("revoked", "certificateHold")
    assert found[f"issuing#{first.row.serial.hex()}"].facts == {"status": "good"}
    kept = json.loads(last.mark)
    assert kept["held"] == [held.row.fingerprint.hex()]
    asyncio.run(other.release(held))
    later = last.mark.replace(kept["at"], _later(kept["at"]))  # all of this happens within the overlap
    found, last = look(other.settings, other.url, since=later)
    assert set(found) == {f"issuing#{held.row.serial.hex()}"}
    assert found[f"issuing#{held.row.serial.hex()}"].facts == {"status": "good"}
    assert not last.whole, "what was not asked for has not gone"
    assert json.loads(last.mark)["held"] == []
    third = asyncio.run(other.issue("third.example.test"))
    found, last = look(other.settings, other.url, since=last.mark)
    assert f"issuing#{third.row.serial.hex()}" in found


def _later(moment: str) -> str:
    return (datetime.fromisoformat(moment) + timedelta(minutes=30)).isoformat()


def test_everything_is_looked_at_again_now_and_then(other: Other) -> None:
    found, last = look(other.settings, other.url)
    mark = json.loads(last.mark)
    old = json.dumps({**mark, "whole_at": "2020-01-01T00:00:00+00:00"})
    for since in (old, "nonsense", "[]", '{"at": 5}'):
        again, last = look(other.settings, other.url, since=since)
        assert set(again) == set(found)
        assert last.whole


def test_who_is_not_known_by_its_certificate_gets_no_token(other: Other, tmp_path: Path) -> None:
    stranger = present(tmp_path / "stranger")
    asked: list[bytes] = []

    async def note(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked.append(await reader.read(1000))

    async def run() -> str:
        made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        made.load_cert_chain(stranger.whole, stranger.key)
        async with servers.server(note, tls=made) as port:
            source = CertwrightSource(other.settings)
            events = [event async for event in source.look(Scope((f"https://127.0.0.1:{port}",)))]
        (seen,) = [event for event in events if isinstance(event, Sighting)]
        return seen.problem

    problem = asyncio.run(run())
    assert "certificate verify failed" in problem
    assert asked in ([], [b""])


def _says(body: bytes, status: str = "200 OK", headers: str = "") -> Behaviour:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        head = f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\n{headers}\r\n"
        writer.write(head.encode() + body)
        await writer.drain()
        await asyncio.sleep(5)

    return answer


async def _endless(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Pages that never come to an end."""
    asked = await reader.readuntil(b"\r\n\r\n")
    body = b'{"authorities": []}' if b"/authorities" in asked else b'{"certificates": [], "next": "x"}'
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
    await writer.drain()


STRANGE = "its answer is none of a Certwright's"
ODD: dict[str, tuple[Behaviour, str]] = {
    "garbage": (servers.garbage, "it is no HTTP/1.1 response"),
    "silent": (servers.silent, "no result within 1 s"),
    "refused": (_says(b"{}", "403 Forbidden"), "the server answers with status 403"),
    "redirect": (_says(b"", "302 Found", "Location: https://192.0.2.1/\r\n"), "status 302"),
    "large": (_says(bytes(34_000_000)), "its body is larger than"),
    "text": (_says(b"hello"), "the server's answer is no JSON"),
    "deep": (_says(b"[" * 1_000_000), "the server's answer is no JSON"),
    "list": (_says(b"[]"), STRANGE),
    "strange": (_says(b'{"authorities": 5}'), STRANGE),
    "rows": (_says(b'{"authorities": [], "certificates": [5], "next": null}'), STRANGE),
    "next": (_says(b'{"authorities": [], "certificates": [], "next": "a b"}'), STRANGE),
    "endless": (_endless, "it has more than 50 pages"),
}


@pytest.mark.parametrize("name", ODD)
def test_odd_answers_are_a_problem(
    name: str, other: Other, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("certwright.plugins.discovery.certwright.PAGES_MAX", 50)
    behave, text = ODD[name]
    known = present(tmp_path / "known", ("localhost",))

    async def run() -> list[Sighting | Progress]:
        made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        made.load_cert_chain(known.whole, known.key)
        async with servers.server(behave, tls=made) as port:
            seconds = 1.0 if name == "silent" else 60.0
            settings = replace(other.settings, trust=known.leaf.read_text(), seconds=seconds)
            source = CertwrightSource(settings)
            return [event async for event in source.look(Scope((f"https://localhost:{port}",)))]

    events = asyncio.run(run())
    (seen,) = [event for event in events if isinstance(event, Sighting)]
    assert text in seen.problem
    assert other.token not in seen.problem
    last = events[-1]
    assert isinstance(last, Progress)
    assert (last.mark, last.whole) == ("", False)


@pytest.mark.parametrize("target", ["", "http://x", "https://", "https://a@b", "https://a?b", "a"])
def test_what_is_no_target_is_malformed(target: str, other: Other) -> None:
    with pytest.raises(Malformed):
        CertwrightSource(other.settings).check(Scope((target,)))


def test_a_scope_has_one(other: Other) -> None:
    with pytest.raises(Malformed):
        CertwrightSource(other.settings).check(Scope(("https://a", "https://b")))


@pytest.mark.parametrize(
    "wrong", [{"token": "a\r\nb"}, {"trust": "x"}, {"seconds": 0}, {"everything_days": -1}]
)
def test_settings_that_cannot_be_used_are_malformed(wrong: dict[str, Any]) -> None:
    with pytest.raises(Malformed):
        CertwrightSettings(**wrong)


# -- from end to end -------------------------------------------------------------------------------


def test_a_scope_from_end_to_end(other: Other, tmp_path: Path, database: Any) -> None:
    """Issued there, on hold, released, revoked: so it is here. What was not asked for again stays."""

    async def body(context: Context) -> None:
        configuration = Configuration.load(tmp_path, {"egress": {"allow_loopback": True}})
        ours = replace(context, open_source=source_opener(configuration))

        async def again() -> DiscoveryRunRow:
            return await run_discovery(ours, await run_scope(ours, ADMINISTRATOR, "other"))

        async def status(one: Issued) -> int | None:
            condition = '"fingerprint" = ?'
            (row,) = await ours.database.select(CertificateRow, condition, one.row.fingerprint)
            return row.revocation_reason

        one = await other.issue("one.example.test")
        settings = {"trust": other.trust, "token": other.token}
        order = DiscoveryOrder("certwright", (other.url,), settings=settings)
        await save_scope(ours, ADMINISTRATOR, ScopeOrder("other", order))
        first = await again()
        assert (first.problem, first.problems) == ("", 0)
        assert first.mark
        assert await status(one) is None
        await other.revoke(one, Reason.CERTIFICATE_HOLD)
        assert (await again()).gone == 0
        assert await status(one) == Reason.CERTIFICATE_HOLD
        await other.release(one)
        await again()
        assert await status(one) is None
        await other.revoke(one, Reason.SUPERSEDED)
        assert (await again()).gone == 0
        assert await status(one) == Reason.SUPERSEDED
        there = await ours.database.select(SightingRow, '"kind" = ? AND "ended_at" IS NULL', "authority")
        assert len(there) == first.seen
        rows = await ours.database.select(DiscoveryRunRow, "1 = 1")
        assert all(other.token not in str(row) for row in rows)

    async def main() -> None:
        async with opened(database.url, Secrets(), MovableClock()) as context:
            await body(context)

    asyncio.run(main())


# -- the contract ----------------------------------------------------------------------------------


class TestCertwrightContract(DiscoverySourceContract):
    loops = (asyncio.new_event_loop, uvloop.new_event_loop)

    @pytest.fixture(autouse=True)
    def _other(self, other: Other) -> None:
        self.other = other

    @asynccontextmanager
    async def situation(self, case: Case) -> AsyncIterator[Situation]:
        settings, url = self.other.settings, self.other.url
        if case is Case.GOOD:
            expected = await asyncio.to_thread(self._expected)
            left_out = frozenset(one for one in expected if one.name.startswith("issuing#"))
            unreadable = ("\x00", " ", "https://other.example.test")
            source = CertwrightSource(settings)
            yield Situation(source, Scope((url,)), expected, "issuing", left_out, unreadable)
        elif case is Case.BAD:
            async with servers.server(servers.silent) as port:
                source = CertwrightSource(replace(settings, seconds=1.0))
                place = Place("authority", "127.0.0.1", port)
                yield Situation(source, Scope((f"https://127.0.0.1:{port}",)), {place: ()})
        elif case is Case.SLOW:
            with socket.create_server(("127.0.0.1", 0)) as silent:
                target, source = f"https://127.0.0.1:{silent.getsockname()[1]}", CertwrightSource(settings)
                # uvloop opens /dev/null for its first connection, and keeps that
                gone = Scope((f"https://127.0.0.1:{free_port()}",))
                assert [event async for event in source.look(gone)]
                yield Situation(source, Scope((target,)))
        else:
            targets = () if case is Case.NO_SCOPE else (url,)
            yield Situation(CertwrightSource(settings), Scope(targets, ("issuing", "root")))

    def _expected(self) -> dict[Place, tuple[bytes, ...]]:
        async def act(context: Context) -> dict[Place, tuple[bytes, ...]]:
            rows = await context.database.select(CertificateRow, "\"standing\" = 'issued'")
            found = {}
            for row in rows:
                one = await read_certificate(
                    context.database, context.snapshot, ADMINISTRATOR, row.fingerprint.hex()
                )
                name = f"{row.authority}#{row.serial.hex()}"
                place = Place("authority", "localhost", self.other.site.ports["https"], name)
                found[place] = (one.der, *one.served)
                if not one.served and row.subject != row.issuer:
                    found[place] = (one.der, _root(context))
            return found

        return self.other.run(act)  # type: ignore[no-any-return]


def _root(context: Context) -> bytes:
    found = [one.row.certificate for one in context.snapshot.generations.values()]
    (root,) = [one for one in found if one is not None and outline(one).self_issued]
    return root
