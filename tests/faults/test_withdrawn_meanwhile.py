"""An authority that awaits its certificate is withdrawn while another process does something with it.

Either the one or the other comes to pass, whole: what is refused has changed nothing, no row is left that
names a key that is gone, and no key that no row names.
"""

import asyncio
import time
from dataclasses import replace

import pytest

from certwright.core.errors import Conflict
from certwright.operations.accept_certificate import accept_certificate
from certwright.operations.context import Context
from certwright.operations.found_authority import found_authority, retire_authority
from certwright.operations.found_installation import EndpointOrder, save_endpoint
from certwright.operations.issue_ocsp_signer import issue_ocsp_signer
from certwright.operations.withdraw_authority import withdraw_authority
from certwright.store.rows import (
    IssuanceIntentRow,
)
from certwright.store.snapshot import Generation, Snapshots
from tests.core.toy_chain import outside
from tests.faults.interposed import BEGIN, COMMITTED, nothing
from tests.faults.test_interleaved import Pair, run
from tests.operations.authorities import ask, order
from tests.operations.installed import with_installation
from tests.operations.test_awaiting_authorities import certified
from tests.real.databases import Database
from tests.real.pki import ADMINISTRATOR, MovableClock

ENDPOINT = EndpointOrder("acme", "early", "ext", ("tls-server",), {}, {})
SCOPE = "authority:ext"


async def stale(context: Context) -> Context:
    """Another process, that has looked now and will not know what comes."""
    return replace(context, snapshots=await Snapshots.open(context.database, time.monotonic))


async def waiting(context: Context, name: str = "ext") -> Generation:
    return await found_authority(context, ADMINISTRATOR, order(name, f"CN={name}", parent=""))


async def intents(context: Context, generation: Generation) -> list[IssuanceIntentRow]:
    return await context.database.select(IssuanceIntentRow, '"generation_id" = ?', generation.id)


def test_one_put_in_force_meanwhile_is_not_retired(database: Database) -> None:
    async def body(context: Context, _clock: MovableClock) -> None:
        await waiting(context)
        given = await certified(context, "ext", outside("CN=Out Root"))
        other = await stale(context)
        await accept_certificate(context, ADMINISTRATOR, "ext", given)
        with pytest.raises(Conflict, match="has a certificate already; retire it instead"):
            await withdraw_authority(other, ADMINISTRATOR, "ext")
        await ask(context, "ext", "a.example.test")
        await context.snapshots.refresh()
        await ask(context, "ext", "b.example.test")

    with_installation(database, body)


def test_who_retires_what_is_retired_meanwhile_is_told(database: Database) -> None:
    async def body(context: Context, _clock: MovableClock) -> None:
        other = await stale(context)
        await retire_authority(context, ADMINISTRATOR, "issuing")
        with pytest.raises(Conflict, match=r"issuing is retired since .* already"):
            await retire_authority(other, ADMINISTRATOR, "issuing")

    with_installation(database, body)


@pytest.mark.parametrize("act", [withdraw_authority, retire_authority])
def test_a_root_withdrawn_before_its_intent_has_none(database: Database, act) -> None:  # type: ignore[no-untyped-def]
    async def body(pair: Pair) -> None:
        wanted = order("deep", "CN=Deep", parent="", kind="root")
        pair.database.at(BEGIN, nothing)  # the key's row; then comes the intent

        async def meanwhile(other: Context) -> None:
            await act(other, ADMINISTRATOR, "deep")

        pair.step_in(BEGIN, meanwhile)
        with pytest.raises(Conflict, match=r"is withdrawn|is retired since"):
            await found_authority(pair.ours, ADMINISTRATOR, wanted)
        await asyncio.gather(*pair.tasks)
        assert not await pair.ours.database.query(
            'SELECT 1 FROM "issuance_intent" WHERE "profile" = ? AND "generation_id" NOT IN '
            '(SELECT "generation_id" FROM "certificate")',
            "root-authority",
        )

    run(database.url, body)


def test_one_withdrawn_while_its_parent_signs_is_told_so(database: Database) -> None:
    async def body(pair: Pair) -> None:
        pair.database.at(BEGIN, nothing, nothing)  # the key's row, the intent; then comes the certificate
        pair.step_in(BEGIN, lambda other: withdraw_authority(other, ADMINISTRATOR, "below"))
        with pytest.raises(Conflict, match="authority below is withdrawn"):
            await found_authority(pair.ours, ADMINISTRATOR, order("below"))
        await asyncio.gather(*pair.tasks)
        await found_authority(pair.ours, ADMINISTRATOR, order("below"))

    run(database.url, body)


def test_what_a_module_signs_stands_on_what_was_decided(database: Database) -> None:
    """Also where its own process has learned of the new configuration while the module signed."""

    async def body(pair: Pair) -> None:
        async def meanwhile(other: Context) -> None:
            await retire_authority(other, ADMINISTRATOR, "issuing")
            await pair.ours.snapshots.refresh()

        pair.step_in(COMMITTED, meanwhile)  # of the intent
        with pytest.raises(Conflict, match="issuing is retired"):
            await ask(pair.ours, "issuing", "a.example.test")

    run(database.url, body, key_is_local=False)


@pytest.mark.parametrize("point", [BEGIN, COMMITTED])
def test_a_signer_is_made_whatever_is_configured_meanwhile(database: Database, point: str) -> None:
    """Before its intent, and before its certificate."""

    async def body(pair: Pair) -> None:
        generation = pair.ours.snapshot.issuing("issuing")
        endpoint = replace(ENDPOINT, authority="root")
        pair.step_in(point, lambda other: save_endpoint(other, ADMINISTRATOR, endpoint))
        signer = await issue_ocsp_signer(pair.ours, generation)
        assert pair.ours.keyring.ocsp_signer(signer).public_key
        assert pair.ours.snapshot.signers[signer.id] == signer

    run(database.url, body, key_is_local=False)
