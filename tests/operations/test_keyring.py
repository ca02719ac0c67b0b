"""Keys that are not local: every provider has threads of its own, as many as it makes signatures at once."""

import asyncio
import threading
from typing import Any

import pytest

from certwright.core.distinguished_name import parse_name
from certwright.core.errors import Conflict
from certwright.core.keys import KeyAlgorithm, PrivateKey
from certwright.core.request import parse_csr
from certwright.operations.context import Context
from certwright.operations.found_authority import AuthorityOrder, found_authority
from certwright.operations.issue import Issued, IssueOrder, issue
from certwright.operations.issue_ocsp_signer import issue_ocsp_signer
from certwright.operations.withdraw_authority import withdraw_authority
from certwright.plugins.keys.sign_only import sign_only
from certwright.plugins.keys.software import SoftwareKeys
from certwright.ports import KeyReference, KeySpec
from tests.faults.interposed import BEGIN, Interposed, raising
from tests.real.pki import ADMINISTRATOR, MovableClock, Secrets, found, make_csr, opened

LONG = 60
"""Seconds after which what should go on counts as held up."""


class Gated:
    """A provider as for a module: not local, and its keys sign while the gate is open."""

    local = False

    def __init__(self) -> None:
        self.gate = threading.Event()
        self.gate.set()
        self.stopped = threading.Semaphore(0)
        self.inside = self.most = 0
        self._count = threading.Lock()
        self._keys = SoftwareKeys(SoftwareKeys.Settings(bytes(range(32))))

    def create(self, spec: KeySpec) -> KeyReference:
        return self._keys.create(spec)

    def destroy(self, key: KeyReference) -> None:
        self._keys.destroy(key)

    def open(self, key: KeyReference) -> PrivateKey:
        inner: Any = self._keys.open(key)

        def sign(*arguments: Any) -> bytes:
            with self._count:
                self.inside += 1
                self.most = max(self.most, self.inside)
            if not self.gate.is_set():
                self.stopped.release()
            self.gate.wait()
            with self._count:
                self.inside -= 1
            signature: bytes = inner.sign(*arguments)
            return signature

        return sign_only(inner.public_key(), sign)


class GatedWide(Gated):
    """One that says how many signatures it makes at once."""

    signatures_at_once = 13


async def issued_in(context: Context, provider: str, number: int = 0) -> Issued:
    request = parse_csr(make_csr(f"host{number}.example.test"))
    return await issue(context, IssueOrder(ADMINISTRATOR, request, f"in-{provider}", "tls-server"))


async def found_in(context: Context, provider: str, name: str) -> None:
    subject = parse_name(f"CN={name},O=Test")
    order = AuthorityOrder(name, "issuing", subject, KeyAlgorithm.ECDSA_P256, provider, "root")
    await found_authority(context, ADMINISTRATOR, order)


async def until_waiting(provider: Gated, count: int) -> None:
    """Until so many signatures stand before the closed gate."""
    for _ in range(count):
        assert await asyncio.to_thread(provider.stopped.acquire, timeout=LONG)


@pytest.mark.parametrize(("kind", "width"), [(Gated, 8), (GatedWide, 13)])
def test_one_that_hangs_under_many_requests_holds_up_no_other(
    database, kind: type[Gated], width: int
) -> None:
    hanging, other = kind(), Gated()

    async def main() -> None:
        providers: Any = {"hanging": hanging, "other": other}
        async with opened(database.url, Secrets(), MovableClock(), providers) as context:
            await found(context)
            for name in providers:
                await found_in(context, name, f"in-{name}")
                await issued_in(context, name)
            hanging.gate.clear()
            try:
                waiting = [asyncio.create_task(issued_in(context, "hanging", n)) for n in range(3 * width)]
                await until_waiting(hanging, width)
                await asyncio.wait_for(issued_in(context, "other"), LONG)
                await asyncio.wait_for(found_in(context, "other", "second"), LONG)
                assert not any(task.done() for task in waiting)
            finally:
                hanging.gate.set()
            await asyncio.gather(*waiting)
            assert hanging.most == width

    asyncio.run(main())


class Slow(Gated):
    """Tells in which threads it has destroyed keys."""

    def __init__(self) -> None:
        super().__init__()
        self.destroyed_in: list[threading.Thread] = []

    def destroy(self, key: KeyReference) -> None:
        self.destroyed_in.append(threading.current_thread())
        super().destroy(key)


def test_the_event_loop_goes_on_while_a_module_destroys_a_key(database) -> None:
    """Of an authority that is withdrawn, and of an authority and a signer that do not come to be."""
    slow = Slow()

    async def main() -> None:
        loops, held = threading.current_thread(), list[Interposed]()

        def interpose(database: Any) -> Any:
            held.append(Interposed(database))
            return held[0]

        providers: Any = {"slow": slow}
        async with opened(database.url, Secrets(), MovableClock(), providers, interpose) as context:
            await found(context)
            await found_in(context, "slow", "serves")
            subject = parse_name("CN=Waits")
            order = AuthorityOrder("waits", "issuing", subject, KeyAlgorithm.ECDSA_P256, "slow")
            refusing = raising(Conflict("not now"))
            held[0].at(BEGIN, refusing)
            with pytest.raises(Conflict, match="not now"):
                await found_authority(context, ADMINISTRATOR, order)
            assert len(slow.destroyed_in) == 1
            held[0].at(BEGIN, refusing)
            with pytest.raises(Conflict, match="not now"):
                await issue_ocsp_signer(context, context.snapshot.issuing("serves"))
            assert len(slow.destroyed_in) == 2
            await found_authority(context, ADMINISTRATOR, order)
            await withdraw_authority(context, ADMINISTRATOR, "waits")
            assert len(slow.destroyed_in) == 3
        assert loops not in slow.destroyed_in

    asyncio.run(main())
