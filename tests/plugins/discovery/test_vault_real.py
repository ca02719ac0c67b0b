"""The source `vault` against Vault itself, with the policy of the how-to."""

import asyncio
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import pytest

from certwright.core.egress import EgressPolicy
from certwright.core.stores.reading import read_store
from certwright.plugins.discovery import vault as source_file
from certwright.plugins.discovery.vault import VaultSettings, VaultSource
from certwright.plugins.resolver import ResolverSettings
from certwright.ports import Progress, Scope, Sighting
from tests.architecture.source import CHECKOUT
from tests.plugins.discovery.fake_vault import TOKEN, Engine, FakeVault
from tests.real import vault as real
from tests.real.go_programs import Unbuildable
from tests.real.toy_chains import ToyAuthority
from tests.real.vault import Vault

pytestmark = [pytest.mark.full, pytest.mark.timeout(7000)]  # it is built here, where that was not done yet
HOW_TO = CHECKOUT / "docs/how-to/synchronize-authorities.md"
KEY = {"key_type": "ec", "key_bits": 256}


@pytest.fixture(scope="module")
def vault(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Vault]:
    try:
        with real.served(tmp_path_factory.mktemp("vault")) as made:
            yield made
    except Unbuildable as error:
        pytest.skip(f"no Vault: {error}")


@dataclass(frozen=True, slots=True)
class Look:
    """What one look has told, by what stands in places."""

    found: dict[str, Sighting]
    last: Progress

    @property
    def problems(self) -> set[str]:
        return {one.problem for one in self.found.values()} - {""}


def look(vault: Vault, token: str, *mounts: str, **others: Any) -> Look:
    policy, resolver = EgressPolicy(allow_loopback=True), ResolverSettings(localhost=True)
    settings = VaultSettings(token, trust=vault.authority.read_text(), policy=policy, resolver=resolver)
    targets = tuple(f"{vault.url} {one}" for one in mounts) or (vault.url,)

    async def run() -> list[Sighting | Progress]:
        return [event async for event in VaultSource(settings).look(Scope(targets, **others))]

    *events, last = asyncio.run(run())
    assert isinstance(last, Progress)
    found = [one for one in events if isinstance(one, Sighting)]
    assert token not in repr(found)
    return Look({one.place.name: one for one in found}, last)


def policy(*mounts: str) -> str:
    """The one of the how-to, for each mount."""
    given = HOW_TO.read_text().partition('path "sys/mounts"')
    text = given[1] + given[2].partition("```")[0]
    return "\n".join(text.replace("pki_int", mount) for mount in mounts)


def der(pem: str) -> bytes:
    store = read_store(pem.encode())
    assert store is not None
    return store.entries[0].chain[0]


def mount(vault: Vault, path: str) -> None:
    vault.ask("POST", f"sys/mounts/{path}", type="pki", config={"max_lease_ttl": "87600h"})


def root(vault: Vault, path: str, name: str) -> bytes:
    made = vault.ask("POST", f"{path}/root/generate/internal", common_name=name, ttl="80000h", **KEY)
    return der(made["certificate"])


def intermediate(vault: Vault, above: str, path: str, name: str) -> bytes:
    request = vault.ask("POST", f"{path}/intermediate/generate/internal", common_name=name, **KEY)["csr"]
    signed = vault.ask("POST", f"{above}/root/sign-intermediate", csr=request, common_name=name, ttl="8000h")
    vault.ask("POST", f"{path}/intermediate/set-signed", certificate=signed["certificate"])
    vault.ask("POST", f"{path}/roles/any", allow_any_name=True, ttl="24h", **KEY)
    return der(signed["certificate"])


def issue(vault: Vault, path: str, name: str) -> tuple[str, bytes]:
    """The serial number, and the certificate."""
    made = vault.ask("POST", f"{path}/issue/any", common_name=name)
    return made["serial_number"], der(made["certificate"])


@dataclass(frozen=True, slots=True)
class Hierarchy:
    above: str
    path: str
    root: bytes
    issuing: bytes


@pytest.fixture
def hierarchy(vault: Vault, request: pytest.FixtureRequest) -> Hierarchy:
    """A root's engine, and the one of an issuing authority, both with names of this test."""
    name = "".join(one if one.isalnum() else "_" for one in request.node.name)
    above, path = f"{name}/pki", f"{name}/pki_int"
    mount(vault, above)
    mount(vault, path)
    top = root(vault, above, f"{name} root")
    return Hierarchy(above, path, top, intermediate(vault, above, path, f"{name} issuing"))


def test_what_it_has_issued_and_revoked(vault: Vault, hierarchy: Hierarchy) -> None:
    issued = dict(issue(vault, hierarchy.path, f"{one}.example.test") for one in "abc")
    gone = next(iter(issued))
    revoked_at = vault.ask("POST", f"{hierarchy.path}/revoke", serial_number=gone)["revocation_time"]
    told = look(vault, vault.token(policy(hierarchy.path)), hierarchy.path)
    assert told.last.whole
    assert {name: one.chain for name, one in told.found.items()} == {
        f"{hierarchy.path}#{serial.replace(':', '')}": (der, hierarchy.issuing)
        for serial, der in issued.items()
    }
    facts = {name.rpartition("#")[2]: one.facts for name, one in told.found.items()}
    when = datetime.fromtimestamp(revoked_at, UTC).isoformat()
    assert facts.pop(gone.replace(":", "")) == {
        "status": "revoked",
        "revoked_at": when,
        "reason": "unspecified",
    }
    assert {str(one) for one in facts.values()} == {"{'status': 'good'}"}


def test_all_engines_by_the_policy_of_both(vault: Vault, hierarchy: Hierarchy) -> None:
    _, leaf = issue(vault, hierarchy.path, "a.example.test")
    token = vault.token(policy(hierarchy.above, hierarchy.path))
    others = tuple(
        name.strip("/")
        for name, one in vault.ask("GET", "sys/mounts").items()
        if one["type"] == "pki" and hierarchy.path.partition("/")[0] not in name
    )
    told = look(vault, token, exclude=others)
    assert not told.problems
    assert told.last.whole
    assert leaf in {one.chain[0] for one in told.found.values()}
    above = {one.chain for name, one in told.found.items() if name.startswith(f"{hierarchy.above}#")}
    assert above == {(hierarchy.root,), (hierarchy.issuing, hierarchy.root)}


def test_an_engine_that_the_token_may_not_read_is_a_problem(vault: Vault, hierarchy: Hierarchy) -> None:
    _, leaf = issue(vault, hierarchy.path, "a.example.test")
    token = vault.token(policy(hierarchy.path))
    told = look(vault, token, hierarchy.above, hierarchy.path)
    (refused,) = (name for name, one in told.found.items() if one.problem)
    assert (refused, told.problems) == (hierarchy.above, {"the server answers with status 403"})
    assert {one.chain for one in told.found.values()} == {(leaf, hierarchy.issuing), ()}
    assert not told.last.whole


def test_an_engine_that_has_nothing_yet(vault: Vault) -> None:
    mount(vault, "fresh")
    told = look(vault, vault.token(policy("fresh")), "fresh")
    assert (told.found, told.last.whole) == ({}, True)
    root(vault, "fresh", "there now")
    assert len(look(vault, vault.token(policy("fresh")), "fresh").found) == 1


def test_an_authority_that_was_replaced(vault: Vault, hierarchy: Hierarchy) -> None:
    """What its key of before has signed is shown below that."""
    _, before = issue(vault, hierarchy.path, "before.example.test")
    newer = intermediate(vault, hierarchy.above, hierarchy.path, "the newer")
    default = next(one for one, made in _issuers(vault, hierarchy.path).items() if made == newer)
    vault.ask("POST", f"{hierarchy.path}/config/issuers", default=default)
    _, after = issue(vault, hierarchy.path, "after.example.test")
    told = look(vault, vault.token(policy(hierarchy.path)), hierarchy.path)
    chains = {one.chain for one in told.found.values()}
    assert chains == {(before, hierarchy.issuing), (after, newer)}


def _issuers(vault: Vault, path: str) -> dict[str, bytes]:
    keys = vault.ask("LIST", f"{path}/issuers")["keys"]
    return {one: der(vault.ask("GET", f"{path}/issuer/{one}/json")["certificate"]) for one in keys}


def test_what_was_tidied_away_is_not_there(vault: Vault, hierarchy: Hierarchy) -> None:
    _, stays = issue(vault, hierarchy.path, "long.example.test")
    vault.ask("POST", f"{hierarchy.path}/roles/any", allow_any_name=True, ttl="1s", **KEY)
    issue(vault, hierarchy.path, "short.example.test")
    token = vault.token(policy(hierarchy.path))
    assert len(look(vault, token, hierarchy.path).found) == 2
    deadline = time.monotonic() + 120
    while len(told := look(vault, token, hierarchy.path).found) == 2:
        assert time.monotonic() < deadline, "it is not tidied away"
        vault.ask("POST", f"{hierarchy.path}/tidy", tidy_cert_store=True, safety_buffer="1s")
        time.sleep(0.5)
    assert [one.chain for one in told.values()] == [(stays, hierarchy.issuing)]


def test_a_token_that_has_ended(vault: Vault, hierarchy: Hierarchy) -> None:
    token = vault.token(policy(hierarchy.path))
    vault.ask("POST", "auth/token/revoke", token=token)
    told = look(vault, token, hierarchy.path)
    assert told.problems == {"the server answers with status 403"}
    assert not told.last.whole


def test_it_passes_over_that_pages_are_asked_for(
    vault: Vault, hierarchy: Hierarchy, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Fewer and more than a page, and as many: it is seen whole, and its list ends."""
    for number in range(3):
        issue(vault, hierarchy.path, f"n{number}.example.test")
    token = vault.token(policy(hierarchy.path))
    for size in (2, 3, 4):
        monkeypatch.setattr(source_file, "PAGE", size)
        told = look(vault, token, hierarchy.path)
        assert (len(told.found), told.problems) == (3, set())


def test_the_policy_of_the_how_to_is_for_looking_alone(vault: Vault, hierarchy: Hierarchy) -> None:
    serial, _ = issue(vault, hierarchy.path, "a.example.test")
    token = vault.token(policy(hierarchy.path))
    tried = {
        "auth/token/renew-self": {},
        f"{hierarchy.path}/issue/any": {"common_name": "x.example.test"},
        f"{hierarchy.path}/revoke": {"serial_number": serial},
        f"{hierarchy.path}/tidy": {"tidy_cert_store": True},
    }
    answers = {path: vault.answer(path, token, "POST", given)[0] for path, given in tried.items()}
    assert answers == dict.fromkeys(tried, 403)
    accessor = vault.answer("auth/token/lookup", method="POST", given={"token": token})[1]["data"]["accessor"]
    assert vault.answer("auth/token/renew-accessor", method="POST", given={"accessor": accessor})[0] == 200


def test_a_run_goes_on_after_its_cursor(vault: Vault, hierarchy: Hierarchy) -> None:
    for number in range(20):
        issue(vault, hierarchy.path, f"n{number}.example.test")
    token = vault.token(policy(hierarchy.path))
    whole = look(vault, token, hierarchy.path).found
    names = sorted(whole)
    serial = names[9].rpartition("#")[2]
    after = f"{hierarchy.path} {':'.join(serial[at : at + 2] for at in range(0, len(serial), 2))}"
    assert sorted(look(vault, token, hierarchy.path, after=after).found) == names[10:]


# -- the fake ------------------------------------------------------------------------------------


def test_the_fake_answers_alike(vault: Vault, hierarchy: Hierarchy) -> None:
    """To whatever the source asks: the same status, and of the same shape what the fake knows."""
    mount(vault, "alike/empty")
    gone, lost = issue(vault, hierarchy.path, "a.example.test")
    there, leaf = issue(vault, hierarchy.path, "b.example.test")
    at = vault.ask("POST", f"{hierarchy.path}/revoke", serial_number=gone)["revocation_time"]
    engine = Engine(ToyAuthority("of the fake"))
    engine.issued = {gone: (lost, at), there: (leaf, 0)}
    fake = FakeVault({hierarchy.path: engine, "alike/empty": Engine(ToyAuthority("nobody"), no_issuer=True)})
    paths = [
        "sys/mounts",
        *(f"{hierarchy.path}/cert/{one}" for one in (gone, there, "00:11", "ca")),
        *(f"{one}/certs?list=true&limit=10000" for one in fake.engines),
        *(f"{one}/certs?list=true&limit=10000&after=ff" for one in fake.engines),
        *(f"{one}/issuers?list=true" for one in fake.engines),
        "alike/empty/cert/ca",
        "no-such-engine/certs?list=true&limit=10000",
    ]
    for path in paths:
        status, body = vault.answer(path)
        expected, known = fake.answer(f"/v1/{path}", {"x-vault-token": TOKEN})
        assert (path, status) == (path, expected)
        assert shape(known) == shape(body, known), path
    assert vault.answer("sys/mounts", "another")[0] == 403


def shape(body: Any, like: Any = None) -> Any:
    """Types by their names, of those names that are in the other; of mounts and lists, those of the first."""
    if isinstance(body, dict):
        names = body if like is None else [name for name in body if name in like]
        return {name: shape(body[name], None if like is None else like[name]) for name in names}
    if isinstance(body, list):
        return [type(one).__name__ for one in body[:1]]
    return type(body).__name__
