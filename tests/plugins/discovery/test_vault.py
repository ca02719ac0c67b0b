"""The source `vault` against a fake, which answers as Vault itself does (test_vault_real.py)."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

import pytest
import uvloop

from certwright.core.egress import EgressPolicy
from certwright.core.errors import Malformed
from certwright.core.revocation import Reason
from certwright.operations.discovery_runs import DiscoveryOrder, DiscoveryRunRow
from certwright.operations.discovery_scopes import ScopeOrder, run_scope, save_scope
from certwright.operations.run_discovery import run_discovery
from certwright.plugins.discovery import vault as source_file
from certwright.plugins.discovery.vault import VaultSettings, VaultSource
from certwright.plugins.resolver import ResolverSettings
from certwright.ports import DISCOVERY_SOURCES, Place, Progress, Scope, Sighting
from certwright.site.configuration import Configuration
from certwright.site.discovery import source_opener
from certwright.store.discovery_rows import SightingRow
from certwright.store.rows import CertificateRow
from certwright.testing.discovery_source import Case, DiscoverySourceContract, Situation
from tests.plugins import servers
from tests.plugins.discovery.fake_vault import NAMESPACE, TOKEN, Engine, FakeVault, served
from tests.real.certwright import ADMINISTRATOR
from tests.real.databases import Database
from tests.real.pki import MovableClock, Secrets, opened
from tests.real.processes import free_port
from tests.real.tls_servers import Presented, present
from tests.real.toy_chains import ToyAuthority

ROOT = ToyAuthority("Corp Root")
ISSUING = ToyAuthority("Corp Issuing", ROOT)
WHEN = 1_790_000_000


@pytest.fixture(scope="module")
def known(tmp_path_factory: pytest.TempPathFactory) -> Presented:
    return present(tmp_path_factory.mktemp("vault") / "chain", ("localhost",))


@pytest.fixture
def settings(known: Presented) -> VaultSettings:
    policy, resolver = EgressPolicy(allow_loopback=True), ResolverSettings(localhost=True)
    return VaultSettings(TOKEN, trust=known.leaf.read_text(), policy=policy, resolver=resolver, seconds=5.0)


def made() -> FakeVault:
    """A root's engine of old, and the one of an issuing authority."""
    root, issuing = Engine(ROOT, several_issuers=False), Engine(ISSUING)
    root.add(ROOT.certificate)
    root.add(ISSUING.certificate)
    for name in ("a", "b", "c"):
        issuing.issue(name)
    return FakeVault({"pki": root, "team/pki_int": issuing})


def expected(vault: FakeVault) -> dict[Place, tuple[bytes, ...]]:
    found: dict[Place, tuple[bytes, ...]] = {}
    for mount, engine in vault.engines.items():
        above = engine.authority.certificate
        for serial, (der, _) in engine.issued.items():
            place = Place("authority", "localhost", vault.port, f"{mount}#{serial.replace(':', '')}")
            found[place] = (der,) if der == above else (der, above)
    return found


def look(
    vault: FakeVault, settings: VaultSettings, known: Presented, *targets: str, **others: Any
) -> tuple[list[Sighting], Progress]:
    async def run() -> list[Sighting | Progress]:
        async with served(vault, known.whole, known.key):
            scope = Scope(tuple(f"{vault.url}{one}" for one in targets or ("",)), **others)
            return [event async for event in VaultSource(settings).look(scope)]

    events = asyncio.run(run())
    assert isinstance(events[-1], Progress)
    return [one for one in events if isinstance(one, Sighting)], events[-1]


def test_it_is_registered_and_its_token_is_not_shown(settings: VaultSettings) -> None:
    (entry,) = entry_points(group=DISCOVERY_SOURCES, name="vault")
    assert entry.load() is VaultSource
    assert TOKEN not in repr(settings)


def test_what_engines_have_issued_and_revoked(settings: VaultSettings, known: Presented) -> None:
    vault = made()
    gone = next(iter(vault.engines["team/pki_int"].issued))
    vault.engines["team/pki_int"].revoke(gone, WHEN)
    found, last = look(vault, settings, known)
    assert {one.place: one.chain for one in found} == expected(vault)
    assert last.whole
    facts = {one.place.name.rpartition("#")[2]: one.facts for one in found}
    revoked = datetime.fromtimestamp(WHEN, UTC).isoformat()
    assert facts.pop(gone.replace(":", "")) == {
        "status": "revoked",
        "revoked_at": revoked,
        "reason": "unspecified",
    }
    assert all(one == {"status": "good"} for one in facts.values())


def test_one_engine_and_namespaces(settings: VaultSettings, known: Presented) -> None:
    vault = made()
    vault.namespace = NAMESPACE
    found, _ = look(vault, replace(settings, namespace=NAMESPACE), known, " team/pki_int")
    assert {one.place.name.partition("#")[0] for one in found} == {"team/pki_int"}
    assert "/v1/sys/mounts" not in vault.asked
    (refused,), last = look(vault, settings, known)
    assert refused.problem == "the server answers with status 403"
    assert not last.whole


def test_an_engine_that_is_refused_does_not_hide_the_others(
    settings: VaultSettings, known: Presented
) -> None:
    vault = made()
    vault.engines["pki"].closed = True
    found, last = look(vault, settings, known)
    there = {one.place: one.chain for one in found if not one.problem}
    assert there == {place: der for place, der in expected(vault).items() if "pki_int" in place.name}
    (refused,) = (one for one in found if one.problem)
    assert (refused.place.name, refused.problem) == ("pki", "the server answers with status 403")
    assert not last.whole


@pytest.mark.parametrize("pages", [False, True])
@pytest.mark.parametrize("size", [2, 3, 100])
def test_lists_in_pages_and_whole(
    settings: VaultSettings, known: Presented, monkeypatch: pytest.MonkeyPatch, size: int, pages: bool
) -> None:
    """OpenBao gives pages, Vault everything however it is asked."""
    monkeypatch.setattr(source_file, "PAGE", size)
    vault = made()
    vault.pages = pages
    found, _ = look(vault, settings, known)
    assert {one.place: one.chain for one in found} == expected(vault)


def test_an_engine_with_nothing_and_one_with_too_much(settings: VaultSettings, known: Presented) -> None:
    for engine in (Engine(ROOT), Engine(ROOT, no_issuer=True)):
        nothing, last = look(FakeVault({"pki": engine}), settings, known)
        assert (nothing, last.whole) == ([], True)
    (found,), last = look(made(), replace(settings, certificates_max=4), known)
    assert found.problem == "it has more than 4 certificates"
    assert not last.whole


STRANGE = "its answer is none of Vault's or OpenBao's"
ODD: dict[str, Any] = {
    "no data": {"/v1/sys/mounts": {}},
    "odd mounts": {"/v1/sys/mounts": {"data": {"../x": {"type": "pki"}}}},
    "odd keys": {"/v1/pki/certs": {"data": {"keys": ["../../sys/seal"]}}},
    "no keys": {"/v1/pki/certs": {"data": {"keys": {"a": 1}}}},
    "odd time": {"/v1/pki/cert/01": {"data": {"certificate": "", "revocation_time": 10**30}}},
}


@pytest.mark.parametrize("name", ODD)
def test_odd_answers_are_a_problem(name: str, settings: VaultSettings, known: Presented) -> None:
    vault = FakeVault({"pki": Engine(ROOT)})
    vault.engines["pki"].issued["01"] = (ROOT.certificate, 0)
    usual, odd = vault.answer, ODD[name]

    def answer(target: str, headers: dict[str, str]) -> tuple[int, Any]:
        path = target.partition("?")[0]
        return (200, odd[path]) if path in odd else usual(target, headers)

    vault.answer = answer  # type: ignore[method-assign]
    (found,), last = look(vault, settings, known)
    if name == "odd time":
        assert found.problem == "it shows no certificate that can be read"
    else:
        assert found.problem == STRANGE
        assert not last.whole


@pytest.mark.parametrize("target", ["", " ", "http://x", "https://x ..", "https://x a b", "https://x /"])
def test_what_is_no_target_is_malformed(target: str) -> None:
    with pytest.raises(Malformed):
        VaultSource(VaultSettings()).check(Scope((target,)))


@pytest.mark.parametrize(
    "wrong",
    [{"token": "a\nb"}, {"namespace": "\u00e4"}, {"trust": "x"}, {"seconds": 0}, {"certificates_max": 0}],
)
def test_settings_that_cannot_be_used_are_malformed(wrong: dict[str, Any]) -> None:
    with pytest.raises(Malformed):
        VaultSettings(**wrong)


def test_a_scope_from_end_to_end(known: Presented, tmp_path: Path, database: Database) -> None:
    async def main() -> None:
        configuration = Configuration.load(tmp_path, {"egress": {"allow_loopback": True}})
        vault = made()
        gone = next(iter(vault.engines["team/pki_int"].issued))
        async with (
            opened(database.url, Secrets(), MovableClock()) as context,
            served(vault, known.whole, known.key),
        ):
            ours = replace(context, open_source=source_opener(configuration))
            settings = {"token": TOKEN, "trust": known.leaf.read_text()}
            order = DiscoveryOrder("vault", (vault.url,), settings=settings)
            await save_scope(ours, ADMINISTRATOR, ScopeOrder("vault", order))

            async def again() -> DiscoveryRunRow:
                return await run_discovery(ours, await run_scope(ours, ADMINISTRATOR, "vault"))

            first = await again()
            assert (first.seen, first.new, first.problems, first.problem) == (5, 5, 0, "")
            vault.engines["team/pki_int"].revoke(gone, WHEN)
            tidied = vault.engines["team/pki_int"].issue("d")
            assert (await again()).new == 1
            revoked = await ours.database.select(CertificateRow, '"revoked_at" IS NOT NULL')
            assert [one.revocation_reason for one in revoked] == [Reason.UNSPECIFIED]
            del vault.engines["team/pki_int"].issued[tidied]
            assert (await again()).gone == 1
            vault.namespace = "another"
            assert (await again()).gone == 0, "what cannot be asked for has not gone"
            there = await ours.database.select(SightingRow, '"ended_at" IS NULL')
            assert len(there) == 5

    asyncio.run(main())


# -- the contract ----------------------------------------------------------------------------------


class TestVaultContract(DiscoverySourceContract):
    loops = (asyncio.new_event_loop, uvloop.new_event_loop)

    @pytest.fixture(autouse=True)
    def _known(self, known: Presented, settings: VaultSettings) -> None:
        self.known = known
        self.settings = settings

    @asynccontextmanager
    async def situation(self, case: Case) -> AsyncIterator[Situation]:
        source = VaultSource(self.settings)
        if case is Case.BAD:
            async with servers.server(servers.silent) as port:
                hurried = VaultSource(replace(self.settings, seconds=1.0))
                there = {Place("authority", "127.0.0.1", port): ()}
                yield Situation(hurried, Scope((f"https://127.0.0.1:{port}",)), there)
        elif case is Case.SLOW:
            with socket.create_server(("127.0.0.1", 0)) as silent:
                # uvloop opens /dev/null for its first connection, and keeps that
                gone = Scope((f"https://127.0.0.1:{free_port()}",))
                assert [event async for event in source.look(gone)]
                yield Situation(source, Scope((f"https://127.0.0.1:{silent.getsockname()[1]}",)))
        else:
            vault = made() if case is Case.GOOD else FakeVault({"pki": Engine(ROOT)})
            async with served(vault, self.known.whole, self.known.key):
                places = expected(vault)
                left_out = frozenset(one for one in places if one.name.startswith("pki#"))
                scope = Scope(() if case is Case.NO_SCOPE else (vault.url,))
                yield Situation(source, scope, places, "pki", left_out)
