"""An authority that awaits its certificate is withdrawn while another process does something with it.

Either the one or the other comes to pass, whole: what is refused has changed nothing, no row is left that
names a key that is gone, and no key that no row names.
"""

import time
from dataclasses import replace

import pytest

from certwright.core.errors import Conflict
from certwright.operations.accept_certificate import accept_certificate
from certwright.operations.context import Context
from certwright.operations.found_authority import found_authority, retire_authority
from certwright.operations.found_installation import EndpointOrder
from certwright.operations.withdraw_authority import withdraw_authority
from certwright.store.snapshot import Generation, Snapshots
from tests.core.toy_chain import outside
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
