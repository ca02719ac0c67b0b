"""What every operation is handed: where facts are, where they go, keys, time and randomness."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, TypeVar

from ..core.caa import CaaSet
from ..core.errors import NotFound, Reconfigured, Unavailable
from ..core.key_lists import KeyLists
from ..ports import DiscoverySource
from ..store.databases import Database
from ..store.ledger import Ledger
from ..store.snapshot import Snapshot, Snapshots
from .anchors import Anchors
from .check_caa import FindCaa
from .keyring import Keyring
from .known_good import KnownGood
from .token_uses import TokenUses
from .vetting_settings import VettingSettings

Result = TypeVar("Result")
DECISIONS_MAX = 8
PAUSE_SECONDS = 0.02


async def nobody_to_ask(name: str) -> CaaSet:
    """Where no resolver was handed in. Raises Unavailable."""
    raise Unavailable(f"nobody can be asked here for the CAA records of {name}")


OpenSource = Callable[[str, Mapping[str, Any]], DiscoverySource]
"""Makes a source of discovery by its plugin's name and settings. Raises NotFound, Malformed."""


def no_source(name: str, settings: Mapping[str, Any]) -> DiscoverySource:
    """Where none was handed in. Raises Unavailable."""
    raise Unavailable(f"nothing can be looked for from here by {name}")


Fetch = Callable[[str], Awaitable[bytes]]
"""The octets at a URL. Raises Unreached, Forbidden, Malformed, Unavailable."""


async def nowhere(url: str) -> bytes:
    """Where no way out was handed in. Raises Unavailable."""
    raise Unavailable("nothing can be fetched from here")


@dataclass(slots=True)
class Context:
    """One per event loop. `random` gives that many octets from the system's source; `key_lists` those that
    were supplied, read when first they are asked for; `find_caa` looks CAA records up; `open_source` makes
    sources of discovery; `anchors` are those of others that are trusted here; `fetch_list` gets
    their CRLs, `fetch_answer` their OCSP answers; `services` are the `https://host[:port]` by which clients
    reach us, the usual one first. `carries_out` is the number of the proposal that is being done, 0 for
    none."""

    database: Database
    ledger: Ledger
    snapshots: Snapshots
    keyring: Keyring
    clock: Callable[[], datetime]
    random: Callable[[int], bytes]
    known_good: KnownGood = field(default_factory=KnownGood)
    key_lists: Callable[[], KeyLists] = KeyLists
    find_caa: FindCaa = nobody_to_ask
    open_source: OpenSource = no_source
    anchors: Callable[[], Anchors] = Anchors
    fetch_list: Fetch = nowhere
    fetch_answer: Fetch = nowhere
    services: tuple[str, ...] = ()
    vetting: VettingSettings = field(default_factory=VettingSettings)
    token_uses: TokenUses = field(default_factory=TokenUses)
    carries_out: int = 0

    @property
    def snapshot(self) -> Snapshot:
        return self.snapshots.current


async def decide_again(context: Context, attempt: Callable[[], Awaitable[Result]]) -> Result:
    """Run an operation, and again under the new configuration when that moved before its commit, or when it
    lacks what the new one may have.

    Who is overtaken waits a moment, longer each time, for others to be done with their changes. Raises
    Reconfigured after a bounded number of times, and whatever the attempt raises.
    """
    for left in range(DECISIONS_MAX - 1, -1, -1):
        try:
            return await attempt()
        except Reconfigured:
            await context.snapshots.refresh()
            if not left:
                raise
            await asyncio.sleep(PAUSE_SECONDS * (DECISIONS_MAX - 1 - left) * context.random(1)[0] / 255)
        except NotFound:
            if not left or not await context.snapshots.look_again():
                raise
    raise AssertionError("unreachable")
