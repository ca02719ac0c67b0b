"""Keys that are not local: every provider has threads of its own, as many as it makes signatures at once."""

import asyncio
import threading
from typing import Any

import pytest

from certwright.core.distinguished_name import parse_name
from certwright.core.keys import KeyAlgorithm, PrivateKey
from certwright.core.request import parse_csr
from certwright.operations.context import Context
from certwright.operations.found_authority import AuthorityOrder, found_authority
from certwright.operations.issue import Issued, IssueOrder, issue
from certwright.plugins.keys.sign_only import sign_only
from certwright.plugins.keys.software import SoftwareKeys
from certwright.ports import KeyReference, KeySpec
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
