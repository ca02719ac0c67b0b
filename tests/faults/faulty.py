"""The real store and the real ports, of which the call that is chosen fails, once.

A call fails either before it has done anything, or after it has been done, as when a connection is lost
between a commit and its answer.
"""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Any

from certwright.core.caa import CaaSet
from certwright.core.errors import Unavailable
from certwright.core.keys import PrivateKey
from certwright.plugins.keys.software import SoftwareKeys
from certwright.ports import Challenge, Evidence, KeyReference, KeySpec, Validator
from certwright.store.databases import Database, Transaction


class Faults:
    """Counts calls, and fails the chosen one, before or after it is done."""

    def __init__(self) -> None:
        self.calls = 0
        self.fail_at = -1
        self.after = False

    def arm(self, fail_at: int, after: bool) -> None:
        self.calls, self.fail_at, self.after = 0, fail_at, after

    def disarm(self) -> bool:
        """No call fails any more; whether one has."""
        failed = 0 <= self.fail_at < self.calls
        self.fail_at = -1
        return failed

    def before_call(self) -> bool:
        """Fails here, or says whether to fail once the call is done."""
        self.calls += 1
        if self.calls - 1 != self.fail_at:
            return False
        if not self.after:
            raise Unavailable("fault injected before the call")
        return True

    async def around(self, call: Callable[[], Awaitable[Any]]) -> Any:
        fail_after = self.before_call()
        result = await call()
        if fail_after:
            raise Unavailable("fault injected after the call")
        return result


class FaultyTransaction:
    """Whatever a transaction can be asked for may fail."""

    def __init__(self, inner: Transaction, faults: Faults) -> None:
        self._inner, self._faults = inner, faults

    def __getattr__(self, name: str) -> Callable[..., Awaitable[Any]]:
        call = getattr(self._inner, name)
        return lambda *arguments, **named: self._faults.around(lambda: call(*arguments, **named))


class FaultyDatabase:
    """The real database with faults before and after every call, the commit among them."""

    def __init__(self, inner: Database, faults: Faults) -> None:
        self._inner, self._faults = inner, faults
        self.lanes, self.url = inner.lanes, inner.url

    async def select(self, row_type: Any, condition: str, *parameters: Any) -> Any:
        return await self._faults.around(lambda: self._inner.select(row_type, condition, *parameters))

    async def query(self, sql: str, *parameters: Any) -> Any:
        return await self._faults.around(lambda: self._inner.query(sql, *parameters))

    @asynccontextmanager
    async def transaction(self, lane: int) -> AsyncIterator[Any]:
        fail_after = False
        async with self._inner.transaction(lane) as transaction:
            yield FaultyTransaction(transaction, self._faults)
            fail_after = self._faults.before_call()
        if fail_after:
            raise Unavailable("fault injected after the commit")

    async def gather_statistics(self, *row_types: Any) -> None:
        await self._faults.around(lambda: self._inner.gather_statistics(*row_types))

    async def close(self) -> None:
        await self._inner.close()


class FaultyKeys:
    """Software keys whose every opening and signature may fail; `local` chooses the path with an intent."""

    def __init__(self, inner: SoftwareKeys, faults: Faults, local: bool) -> None:
        self._inner, self._faults, self.local = inner, faults, local

    def create(self, spec: KeySpec) -> KeyReference:
        return self._inner.create(spec)

    def open(self, key: KeyReference) -> PrivateKey:
        fail_after = self._faults.before_call()
        private_key = self._inner.open(key)
        if fail_after:
            raise Unavailable("fault injected after the key was opened")
        sign = private_key.sign

        def faulty_sign(*arguments: Any) -> bytes:
            fails = self._faults.before_call()
            signature: bytes = sign(*arguments)
            if fails:
                raise Unavailable("fault injected after the signature")
            return signature

        private_key.sign = faulty_sign  # type: ignore[method-assign]
        return private_key

    def destroy(self, key: KeyReference) -> None:
        self._inner.destroy(key)


class FaultyValidator:
    def __init__(self, inner: Validator, faults: Faults) -> None:
        self._inner, self._faults, self.kind = inner, faults, inner.kind

    async def check(self, challenge: Challenge, now: datetime) -> Evidence:
        evidence: Evidence = await self._faults.around(lambda: self._inner.check(challenge, now))
        return evidence


def faulty_caa(
    find: Callable[[str], Awaitable[CaaSet]], faults: Faults
) -> Callable[[str], Awaitable[CaaSet]]:
    async def find_caa(name: str) -> CaaSet:
        found: CaaSet = await faults.around(lambda: find(name))
        return found

    return find_caa
