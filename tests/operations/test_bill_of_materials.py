"""Bills of materials from the database: what a query finds, of what one may view, and where it is."""

import json
from typing import Any

import pytest

from certwright.core.access import Actor, Grant, Role
from certwright.core.errors import BadQuery
from certwright.operations import bill_of_materials as module
from certwright.operations.bill_of_materials import bill_part, read_query, write_bill
from certwright.operations.context import Context
from certwright.operations.take_sightings import Look, take_sightings
from certwright.ports import Place, Sighting
from tests.operations.installed import issued, with_installation
from tests.real.databases import Database
from tests.real.pki import ADMINISTRATOR, MovableClock
from tests.real.toy_chains import BEGIN, ToyAuthority

FACTS = {"version": "TLSv1.3", "cipher": "TLS_AES_128_GCM_SHA256", "group": "x25519", "post_quantum": False}


async def bill(context: Context, query: str = "", actor: Actor = ADMINISTRATOR) -> dict[str, Any]:
    pieces: list[str] = []
    await write_bill(context, actor, read_query(query), pieces.append)
    document: dict[str, Any] = json.loads("".join(pieces))
    return document


def kinds(document: dict[str, Any], kind: str) -> list[dict[str, Any]]:
    return [one for one in document["components"] if one["cryptoProperties"]["assetType"] == kind]


def test_a_bill_has_what_the_query_finds(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    async def body(context: Context, clock: MovableClock) -> None:
        rows = [await issued(context, f"{number}.pay.example.test") for number in range(3)]
        leaf = ToyAuthority("Elsewhere").sign("w", None, "w.pay.example.test", days=900)
        seen = Sighting(Place("tls", "2001:db8::1", 443, "w.pay.example.test"), BEGIN, (leaf,), FACTS)
        await take_sightings(context, Look(1), [seen])
        every = await bill(context)
        assert every["metadata"]["properties"][0]["value"] == "status:live"
        some = await bill(context, "san:*.pay.example.test")
        assert len(kinds(every, "certificate")) > len(kinds(some, "certificate")) == 4
        monkeypatch.setattr(module, "AT_ONCE", 1)
        parts = await bill(context, "san:*.pay.example.test")
        assert parts["components"] == some["components"]
        assert parts["serialNumber"] != some["serialNumber"]
        names = {one["bom-ref"] for one in kinds(some, "certificate")}
        assert {f"certificate:{row.fingerprint.hex()}" for row in rows} < names
        [protocol] = kinds(some, "protocol")
        [served] = [one for one in some["components"] if "evidence" in one]
        [occurrence] = served["evidence"]["occurrences"]
        assert occurrence == {
            "location": "tls://[2001:db8::1]:443/w.pay.example.test",
            "additionalContext": protocol["bom-ref"],
        }
        assert kinds(await bill(context, "san:none.example.test"), "certificate") == []

    with_installation(database, body)


def test_only_what_one_may_view_is_on_it(database: Database) -> None:
    async def body(context: Context, clock: MovableClock) -> None:
        await issued(context)
        narrow = Actor("user:n", (Grant(Role.OPERATOR, "team:web"),))
        assert (await bill(context, actor=narrow))["components"] == []
        assert await bill_part(context, narrow, read_query("status:live")) == ([], None)
        with pytest.raises(BadQuery):
            read_query("nonsense:1")

    with_installation(database, body)
