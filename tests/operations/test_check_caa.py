"""CAA before issuance: so many look-ups at once, all together within a bound, and what must be looked up."""

import asyncio
import json
from datetime import UTC, datetime, timedelta

import pytest

from certwright.core.acme_settings import AcmeSettings
from certwright.core.caa import CaaRecord, CaaSet
from certwright.core.errors import Refused, Unavailable
from certwright.operations import check_caa
from certwright.operations.check_caa import AT_ONCE, GOOD_FOR, require_caa
from certwright.store.enrolment import Authorization, authorization_facts
from certwright.store.rows import AcmeAuthorizationRow
from tests.operations.installed import row_of

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
OURS = AcmeSettings(check_caa=True, caa_identities=("ca.test",))
LOOKED = json.dumps(["ca.test"])


def proved(name: str, *looks: tuple[timedelta, str, str], kind: str = "dns") -> Authorization:
    """Valid, on the evidence of perspectives: how long ago each looked, its problem, for whom it asked."""
    evidence = [
        [f"zone {at}", (NOW - ago).isoformat(), bad, "", caa] for at, (ago, bad, caa) in enumerate(looks)
    ]
    row = row_of(
        AcmeAuthorizationRow,
        NOW,
        kind=kind,
        value=name,
        challenges='["dns-01"]',
        attempted="dns-01",
        validated_at=NOW,
        evidence=json.dumps(evidence),
        version=3,
    )
    return Authorization(row, authorization_facts(row))


def asked_of(settings: AcmeSettings, *authorizations: Authorization) -> list[str]:
    """The names that are looked up."""
    asked: list[str] = []

    async def find(name: str) -> CaaSet:
        asked.append(name)
        return CaaSet()

    assert asyncio.run(require_caa(find, settings, authorizations, ("x",), NOW)) is bool(asked)
    return asked


NEW, OLD, NEVER = timedelta(minutes=1), GOOD_FOR, ""


def test_what_is_looked_up() -> None:
    assert asked_of(OURS, proved("a.test", (NEW, "", LOOKED))) == []
    assert asked_of(OURS, proved("a.test", (NEW, "", LOOKED), (OLD, "", LOOKED))) == ["a.test"]
    assert asked_of(OURS, proved("a.test", (NEW, "", LOOKED), (OLD, "dns", NEVER))) == []
    assert asked_of(OURS, proved("a.test", (NEW, "", LOOKED), (NEW, "", NEVER))) == ["a.test"]
    assert asked_of(OURS, proved("a.test", (NEW, "", json.dumps(["other.test"])))) == ["a.test"]
    assert asked_of(OURS, proved("a.test")) == ["a.test"]
    assert asked_of(OURS, proved("192.0.2.1", (NEW, "", NEVER), kind="ip")) == []
    assert asked_of(AcmeSettings(), proved("a.test", (OLD, "", NEVER))) == []


def test_so_many_at_once() -> None:
    under_way, most = 0, 0

    async def find(name: str) -> CaaSet:
        nonlocal under_way, most
        under_way += 1
        most = max(most, under_way)
        await asyncio.sleep(0)
        under_way -= 1
        return CaaSet()

    names = [proved(f"n{number}.test") for number in range(AT_ONCE * 5)]
    assert asyncio.run(require_caa(find, OURS, tuple(names), ("x",), NOW))
    assert most == AT_ONCE


def test_all_together_have_a_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(check_caa, "SECONDS", 0.05)
    given_up = 0

    async def find(name: str) -> CaaSet:
        nonlocal given_up
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            given_up += 1
            raise
        return CaaSet()

    names = [proved(f"n{number}.test") for number in range(AT_ONCE * 2)]
    with pytest.raises(Refused, match="20 names took more than") as refusal:
        asyncio.run(require_caa(find, OURS, tuple(names), ("x",), NOW))
    assert [reason.code for reason in refusal.value.reasons] == ["caa.refused"]
    assert given_up == AT_ONCE


def test_one_refusal_is_enough() -> None:
    async def find(name: str) -> CaaSet:
        if name == "no.test":
            return CaaSet(name, (CaaRecord(0, "issue", "other.test"),))
        await asyncio.Event().wait()
        return CaaSet()

    names = (proved("slow.test"), proved("no.test"))
    with pytest.raises(Refused, match=r"no\.test do not name ca\.test"):
        asyncio.run(require_caa(find, OURS, names, ("x",), NOW))


def test_nobody_to_ask() -> None:
    async def find(name: str) -> CaaSet:
        raise Unavailable("no resolver")

    with pytest.raises(Unavailable, match="no resolver"):
        asyncio.run(require_caa(find, OURS, (proved("a.test"),), ("x",), NOW))
