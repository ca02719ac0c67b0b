"""Readiness: what endpoints took, which certificates hold, and for whom it is told."""

from dataclasses import asdict
from datetime import timedelta

import pytest

from certwright.core.access import Actor, Grant, Role
from certwright.core.readiness import HORIZON, Readiness
from certwright.core.responsibility import Assignment
from certwright.core.standing import Standing
from certwright.operations import count_readiness as module
from certwright.operations.assign_owner import assign_selected
from certwright.operations.context import Context
from certwright.operations.count_certificates import count_certificates
from certwright.operations.count_readiness import Systems, count_readiness, list_readiness
from certwright.operations.list_certificates import CertificateFilter
from certwright.operations.manage_teams import create_team
from certwright.operations.take_sightings import Look, take_sightings
from certwright.ports import Place, Sighting
from tests.operations.installed import with_installation
from tests.real.databases import Database
from tests.real.pki import ADMINISTRATOR, MovableClock
from tests.real.toy_chains import BEGIN, ToyAuthority

OF_WEB = Actor("user:w", (Grant(Role.OPERATOR, "team:web"),))
LONG = (HORIZON - BEGIN).days + 30


def of(found: Systems, kind: str, name: str) -> Readiness:
    return next(one.readiness for one in found.systems if (one.kind, one.name) == (kind, name))


def test_systems_are_counted(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    async def body(context: Context, clock: MovableClock) -> None:
        assert await list_readiness(context, ADMINISTRATOR) == Systems()
        corp = ToyAuthority("Corp")
        short = corp.sign("a", None, "a.web.example.test", days=900)
        long = corp.sign("b", None, "b.web.example.test", days=LONG)
        facts = [{"post_quantum": True}, {"post_quantum": False}, {}]
        seen = [
            Sighting(Place("tls", "192.0.2.1", 443 + number), BEGIN, (short,), facts[number])
            for number in range(3)
        ]
        seen.append(Sighting(Place("tls", "192.0.2.2", 443), BEGIN, (long,), facts[1]))
        seen.append(Sighting(Place("file", "192.0.2.3", 0, "/etc/x.pem"), BEGIN, (long,)))
        await take_sightings(context, Look(1), seen)
        await create_team(context, ADMINISTRATOR, "web")
        adopted = Assignment(team="web", environment="production", standing=Standing.ADOPTED)
        chosen = CertificateFilter(name=".web.example.test")
        await assign_selected(context, ADMINISTRATOR, chosen, adopted)
        monkeypatch.setattr(module, "CHUNK", 2)
        found = await count_readiness(context)
        assert of(found, "host", "192.0.2.1") == Readiness(3, 1, 1, 1, 0, 1, 0)
        assert of(found, "host", "192.0.2.2") == Readiness(1, 0, 1, 1, 0, 1, 1)
        assert [one.name for one in found.systems if one.kind == "host"] == ["192.0.2.2", "192.0.2.1"]
        web = of(found, "team", "web")
        assert web == of(found, "environment", "production") == Readiness(4, 1, 2, 2, 0, 2, 1)
        every = of(found, "*", "")
        rest = of(found, "team", "")
        assert {name: asdict(web)[name] + asdict(rest)[name] for name in asdict(web)} == asdict(every)
        assert dict(found.totals)["host"] == 2
        await count_certificates(context)
        assert await list_readiness(context, ADMINISTRATOR) == found
        monkeypatch.setattr(module, "KEPT_MAX", 1)
        clock.offset += timedelta(days=900)
        found = await count_readiness(context)
        assert of(found, "host", "192.0.2.2").certificates == 1
        assert [one.name for one in found.systems if one.kind == "host"] == ["192.0.2.2"]
        assert of(found, "team", "web").certificates == 1, "one has ended"

    with_installation(database, body)


def test_who_sees_a_team_sees_its_numbers(database: Database) -> None:
    async def body(context: Context, clock: MovableClock) -> None:
        await create_team(context, ADMINISTRATOR, "web")
        leaf = ToyAuthority("Corp").sign("a", None, "a.web.example.test", days=900)
        await take_sightings(context, Look(1), [Sighting(Place("tls", "192.0.2.1", 443), BEGIN, (leaf,))])
        adopted = Assignment(team="web", standing=Standing.ADOPTED)
        await assign_selected(context, ADMINISTRATOR, CertificateFilter(name="a.web.example.test"), adopted)
        await count_readiness(context)
        seen = await list_readiness(context, OF_WEB)
        assert [(one.kind, one.name) for one in seen.systems] == [("team", "web")]
        assert (await list_readiness(context, Actor("user:x"))).systems == ()

    with_installation(database, body)


@pytest.mark.parametrize(
    ("key", "signature", "safe", "classical"),
    [
        ("ml-dsa-65", "ML-DSA-87", 1, 0),
        ("ml-dsa-65", "ecdsa-with-SHA256", 0, 1),
        ("ecdsa-p256", "ML-DSA-65", 0, 1),
        ("ml-dsa-65", "1.2.3.4", 0, 0),
        ("ecdsa-p256", "1.2.3.4", 0, 1),
    ],
)
def test_both_key_and_signature_have_to_hold(key: str, signature: str, safe: int, classical: int) -> None:
    one = Readiness()
    one.add_certificate(key, signature, HORIZON)
    assert (one.safe, one.classical, one.lasting) == (safe, classical, classical)
    one.add_certificate(key, signature, HORIZON - timedelta(seconds=1))
    assert (one.classical, one.lasting) == (2 * classical, classical)
