"""One of two processes that act on one database at once: `python -m tests.faults.rival JSON`.

It says `ready`, waits for a line, acts, and says line by line what became of it, as JSON. For `issue` it
goes on until its standard input ends.
"""

import asyncio
import json
import sys
import threading
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from typing import Any

from certwright.core.distinguished_name import parse_name
from certwright.core.errors import CertwrightError, Reconfigured
from certwright.core.keys import KeyAlgorithm
from certwright.core.profile_document import to_document
from certwright.core.request import parse_csr
from certwright.core.revocation import Reason
from certwright.operations.context import Context
from certwright.operations.found_authority import AuthorityOrder, found_authority
from certwright.operations.issue import IssueOrder, issue
from certwright.operations.publish_crl import ListTimes, publish_crl
from certwright.operations.revoke import revoke_certificate
from certwright.operations.save_profile import save_profile
from tests.real.pki import ADMINISTRATOR, MovableClock, Secrets, make_csr, opened

AGAIN_MAX = 50
Outcome = dict[str, Any]
Act = Callable[[Context, dict[str, Any]], AsyncIterator[Outcome]]


async def told(name: str, act: Awaitable[Any]) -> Outcome:
    """What became of one act: its result, or the error by its class."""
    try:
        return {"act": name, "result": await act}
    except CertwrightError as error:
        return {"act": name, "error": type(error).__name__, "detail": error.detail}


async def founding(context: Context, wanted: dict[str, Any]) -> AsyncIterator[Outcome]:
    """The same authorities, one after another."""
    for name in wanted["names"]:
        subject = parse_name(f"CN={name},O=Test")
        order = AuthorityOrder(name, "issuing", subject, KeyAlgorithm.ECDSA_P256, "software", "root")

        async def found_it(order: AuthorityOrder = order) -> str:
            for _ in range(AGAIN_MAX):  # in a storm of changes one may be told so, and asks again
                with suppress(Reconfigured):
                    return (await found_authority(context, ADMINISTRATOR, order)).row.spki_sha256.hex()
            raise Reconfigured("and again")

        yield await told(name, found_it())


async def revoking(context: Context, wanted: dict[str, Any]) -> AsyncIterator[Outcome]:
    """All at once, in the order given, and lists in between."""

    async def revoke(reference: str) -> bool:
        await revoke_certificate(context, ADMINISTRATOR, reference, Reason.SUPERSEDED, context.clock())
        return True

    async def publish() -> int:
        row = await publish_crl(context, context.snapshot.issuing("issuing"), 0, False, ListTimes())
        return row.number

    references: list[str] = wanted["references"]
    for start in range(0, len(references), 10):
        acts = [told(reference, revoke(reference)) for reference in references[start : start + 10]]
        for outcome in await asyncio.gather(*acts, told("crl", publish())):
            yield outcome


async def issuing(context: Context, wanted: dict[str, Any]) -> AsyncIterator[Outcome]:
    """Eight at a time until standard input ends; fingerprint, version of the profile, number of the
    revision.
    """
    ended = asyncio.Event()
    loop = asyncio.get_running_loop()
    threading.Thread(
        target=lambda: (sys.stdin.read(), loop.call_soon_threadsafe(ended.set)), daemon=True
    ).start()

    async def one() -> list[Any]:
        request = parse_csr(make_csr("a.example.test"))
        issued = await issue(context, IssueOrder(ADMINISTRATOR, request, "issuing", "tls-server"))
        return [issued.row.fingerprint.hex(), issued.row.profile_number]

    while not ended.is_set():
        for outcome in await asyncio.gather(*[told("issue", one()) for _ in range(8)]):
            yield outcome


async def configuring(context: Context, wanted: dict[str, Any]) -> AsyncIterator[Outcome]:
    """Save a profile so many times, one after a while."""

    async def save() -> int:
        profile = (await context.snapshots.refresh()).profile("tls-server")
        return (await save_profile(context, ADMINISTRATOR, to_document(profile))).version

    for _ in range(wanted["times"]):
        await asyncio.sleep(0.05)
        yield await told("profile", save())


ACTS: dict[str, Act] = {
    "found": founding,
    "revoke": revoking,
    "issue": issuing,
    "configure": configuring,
}


async def main(wanted: dict[str, Any]) -> None:
    kept = Secrets(bytes.fromhex(wanted["key"]))
    async with opened(wanted["url"], kept, MovableClock()) as context:
        print("ready", flush=True)
        await asyncio.to_thread(sys.stdin.readline)
        async for outcome in ACTS[wanted["act"]](context, wanted):
            print(json.dumps(outcome), flush=True)


if __name__ == "__main__":
    asyncio.run(main(json.loads(sys.argv[1])))
