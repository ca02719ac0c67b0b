"""What is done while calls fail.

`prepare` gives, in peace, the thing that it is done to; `do` does it, and is asked again after a failure, as
clients do; `done` says from the record that it came about.
"""

import hashlib
import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding

from certwright.core.access import Actor, Grant, Role
from certwright.core.errors import CertwrightError
from certwright.core.request import parse_csr
from certwright.core.revocation import Reason
from certwright.core.rules_toml import rules_from_toml
from certwright.operations.context import Context
from certwright.operations.decide_request import approve_request, reject_request
from certwright.operations.issue import Issued, IssueOrder, issue
from certwright.operations.issue_approved import issue_approved
from certwright.operations.publish_crl import ListTimes, publish_crl
from certwright.operations.renew import renew_certificate
from certwright.operations.request_certificate import request_certificate
from certwright.operations.revoke import release_certificate, revoke_certificate
from certwright.operations.save_policy import save_policy
from certwright.operations.take_outbox import rows_of, settle_work, waiting_work
from certwright.store.approvals import Request, load_request
from certwright.store.people_rows import CertificateRequestRow
from certwright.store.rows import AcmeOrderRow, CertificateNameRow, CertificateRow, CrlRow
from certwright.worker.outbox import KINDS
from tests.protocols.acme.in_process import InProcess
from tests.protocols.acme.raw_client import Reply, new_key, text64
from tests.real.pki import ADMINISTRATOR, make_csr


@dataclass(slots=True)
class World:
    """A process, and what its clients hold. `told`: the certificates they were given, DER."""

    context: Context
    acme: InProcess
    told: list[bytes]
    names: int = 0

    def name(self) -> str:
        """One that nobody has had in this process."""
        self.names += 1
        return f"host{self.names}.w{self.context.ledger.new_id()}.example.test"


@dataclass(frozen=True, slots=True)
class Act:
    """`signs`: a key of an authority is opened and used. `modules`: how it does so is tried with a key in a
    module too."""

    prepare: Callable[[World], Awaitable[Any]]
    do: Callable[[World, Any], Awaitable[object]]
    done: Callable[[World, Any], Awaitable[bool]]
    signs: bool = False
    modules: bool = False


class Failed(CertwrightError):
    """The server has told an ACME client that it cannot now."""


# -- certificates, as people and programs have them ------------------------------------------------


async def a_name(world: World) -> str:
    return world.name()


async def a_certificate(world: World) -> CertificateRow:
    return (await issue_for(world, world.name())).row


async def a_held_certificate(world: World) -> CertificateRow:
    row = await a_certificate(world)
    await hold(world, row)
    return row


async def a_revoked_certificate(world: World) -> CertificateRow:
    row = await a_certificate(world)
    await revoke(world, row)
    return row


async def issue_for(world: World, name: str) -> Issued:
    order = IssueOrder(ADMINISTRATOR, parse_csr(make_csr(name)), "issuing", "tls-server")
    return tell(world, await issue(world.context, order))


async def renew(world: World, row: CertificateRow) -> Issued:
    return tell(world, await renew_certificate(world.context, ADMINISTRATOR, row.fingerprint.hex()))


def tell(world: World, issued: Issued) -> Issued:
    world.told.append(issued.der)
    return issued


async def revoke(world: World, row: CertificateRow, reason: Reason = Reason.SUPERSEDED) -> CertificateRow:
    reference, now = row.fingerprint.hex(), world.context.clock()
    return await revoke_certificate(world.context, ADMINISTRATOR, reference, reason, now)


async def hold(world: World, row: CertificateRow) -> CertificateRow:
    return await revoke(world, row, Reason.CERTIFICATE_HOLD)


async def release(world: World, row: CertificateRow) -> CertificateRow:
    reference, now = row.fingerprint.hex(), world.context.clock()
    return await release_certificate(world.context, ADMINISTRATOR, reference, now)


async def publish(world: World, _: CertificateRow) -> CrlRow:
    generation = world.context.snapshot.issuing("issuing")
    return await publish_crl(world.context, generation, 0, scheduled=False, times=ListTimes())


async def work_off(world: World, _: object) -> None:
    """The steps of the workflows for what the outbox holds, as the worker takes them."""
    database = world.context.database
    for work in await waiting_work(database):
        kind, payload = work.row.kind, work.row.payload
        rows = await rows_of(database, kind, payload, world.context.clock())
        await KINDS[kind](world.context, json.loads(payload))
        await settle_work(world.context, rows)


async def is_issued(world: World, name: str) -> bool:
    return bool(await world.context.database.select(CertificateNameRow, '"value" = ?', name))


async def is_renewed(world: World, row: CertificateRow) -> bool:
    return bool(await world.context.database.select(CertificateRow, '"replaces" = ?', row.id))


async def is_revoked(world: World, row: CertificateRow) -> bool:
    [found] = await world.context.database.select(CertificateRow, '"id" = ?', row.id)
    return found.revoked_at is not None


async def is_released(world: World, row: CertificateRow) -> bool:
    return not await is_revoked(world, row)


async def is_listed(world: World, row: CertificateRow) -> bool:
    condition = '"generation_id" = ? AND "base_number" = 0 ORDER BY "number" DESC LIMIT 1'
    [newest] = await world.context.database.select(CrlRow, condition, row.generation_id)
    listed = x509.load_der_x509_crl(newest.der)
    return listed.get_revoked_certificate_by_serial_number(int.from_bytes(row.serial, "big")) is not None


async def is_worked_off(world: World, row: CertificateRow) -> bool:
    return await is_listed(world, row) and not await waiting_work(world.context.database)


# -- ACME ------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Held:
    """A certificate that an ACME client holds, with its key."""

    row: CertificateRow
    der: bytes
    key: ec.EllipticCurvePrivateKey


def answered(reply: Reply, *permitted: str) -> Any:
    """What the server says; every answer has the nonce for the next request. Raises Failed where it asks to
    try again."""
    assert reply.headers["replay-nonce"]
    if reply.status == 503:
        assert reply.error == "serverInternal"
        raise Failed(reply.json["detail"])
    assert reply.status < 400 or reply.error in permitted, reply.content
    return reply.json if reply.content else None


async def place_order(world: World, name: str) -> str:
    """Its URL."""
    reply = await world.acme.order(name)
    answered(reply)
    return reply.headers["location"]


async def is_placed(world: World, name: str) -> bool:
    return any(name in row.identifiers for row in await world.context.database.select(AcmeOrderRow, "1 = 1"))


async def an_order(world: World) -> str:
    return await place_order(world, world.name())


async def a_ready_order(world: World) -> str:
    url = await an_order(world)
    await prove(world, url)
    return url


async def prove(world: World, order: str) -> None:
    """Respond to every challenge that nobody has responded to, and wait for the checks."""
    for url in answered(await world.acme.post(order))["authorizations"]:
        found = answered(await world.acme.post(url))
        challenge = next(one for one in found["challenges"] if one["type"] == "http-01")
        if (found["status"], challenge["status"]) == ("pending", "pending"):
            answered(await world.acme.post(challenge["url"], {}))
    await world.acme.checked()


async def is_proved(world: World, order: str) -> bool:
    """A check that was lost is done by the sweep."""
    await world.acme.validations.sweep(world.context.clock(), anyone=True)
    await world.acme.checked()
    return answered(await world.acme.post(order))["status"] == "ready"


async def finish(world: World, url: str, key: ec.EllipticCurvePrivateKey | None = None) -> bytes:
    """Finalize an order unless that is done, and take the certificate, DER."""
    order = answered(await world.acme.post(url))
    if order["status"] == "ready":
        csr = make_csr(order["identifiers"][0]["value"], key=key)
        order = answered(await world.acme.post(order["finalize"], {"csr": text64(csr)}))
    assert order["status"] == "valid", order
    chain = await world.acme.post(order["certificate"])
    if chain.status != 200:
        answered(chain)
    der = x509.load_pem_x509_certificates(chain.content)[0].public_bytes(Encoding.DER)
    world.told.append(der)
    return der


async def is_finished(world: World, url: str) -> bool:
    return bool(answered(await world.acme.post(url))["status"] == "valid")


async def a_held_one(world: World) -> Held:
    key = new_key()
    der = await finish(world, await a_ready_order(world), key)
    digest = hashlib.sha256(der).digest()
    [row] = await world.context.database.select(CertificateRow, '"fingerprint" = ?', digest)
    return Held(row, der, key)


async def revoke_by_account(world: World, held: Held) -> None:
    await _revoke_over_acme(world, held, None)


async def revoke_by_key(world: World, held: Held) -> None:
    await _revoke_over_acme(world, held, held.key)


async def _revoke_over_acme(world: World, held: Held, key: ec.EllipticCurvePrivateKey | None) -> None:
    payload = {"certificate": text64(held.der), "reason": int(Reason.SUPERSEDED)}
    reply = await world.acme.post(await world.acme.url("revokeCert"), payload, key)
    answered(reply, "alreadyRevoked")


async def held_is_revoked(world: World, held: Held) -> bool:
    return await is_revoked(world, held.row)


# -- requests that wait for people -----------------------------------------------------------------


RULES = """
[[rule]]
name = "held"
when.names.dns = [".held.example.test"]
approval = [{ step = "pki", from = ["role:ra-officer"] }]
"""
OFFICER = Actor("user:olga", (Grant(Role.RA_OFFICER),), "", "olga")


async def a_held_name(world: World) -> str:
    if world.context.snapshot.policy is None:
        await save_policy(world.context, ADMINISTRATOR, rules_from_toml(RULES), "")
    return world.name().replace("example.test", "held.example.test")


async def a_request(world: World) -> int:
    return await ask_for(world, await a_held_name(world))


async def ask_for(world: World, name: str) -> int:
    """Its number. Asked again after a failure there may be two, as of every client who asks again."""
    order = IssueOrder(ADMINISTRATOR, parse_csr(make_csr(name)), "issuing", "tls-server")
    made = await request_certificate(world.context, order)
    assert not isinstance(made, Issued)
    return made.row.id


async def is_asked_for(world: World, name: str) -> bool:
    rows = await world.context.database.select(CertificateRequestRow, "1 = 1")
    return any(name in row.names for row in rows)


async def approve(world: World, number: int) -> Request:
    """Unless that is done; what is left is the worker's."""
    request = await load_request(world.context.database, number)
    if request.row.approved_at is None:
        return await approve_request(world.context, OFFICER, number)
    await issue_approved(world.context, number)
    return await load_request(world.context.database, number)


async def is_approved(world: World, number: int) -> bool:
    """The outbox has had it finished, whatever became of the approver's process."""
    await work_off(world, number)
    request = await load_request(world.context.database, number)
    return request.row.issued_at is not None and request.row.certificate is not None


async def reject(world: World, number: int) -> None:
    request = await load_request(world.context.database, number)
    if request.row.rejected_at is None:
        await reject_request(world.context, OFFICER, number, "no")


async def is_rejected(world: World, number: int) -> bool:
    return (await load_request(world.context.database, number)).row.rejected_at is not None


ACTS = {
    "issue": Act(a_name, issue_for, is_issued, signs=True, modules=True),
    "renew": Act(a_certificate, renew, is_renewed, signs=True),
    "revoke": Act(a_certificate, revoke, is_revoked),
    "hold": Act(a_certificate, hold, is_revoked),
    "release": Act(a_held_certificate, release, is_released),
    "publish": Act(a_revoked_certificate, publish, is_listed, signs=True, modules=True),
    "outbox": Act(a_revoked_certificate, work_off, is_worked_off, signs=True),
    "request": Act(a_held_name, ask_for, is_asked_for),
    "approve": Act(a_request, approve, is_approved, signs=True, modules=True),
    "reject": Act(a_request, reject, is_rejected),
    "acme-order": Act(a_name, place_order, is_placed),
    "acme-challenge": Act(an_order, prove, is_proved),
    "acme-finalize": Act(a_ready_order, finish, is_finished, signs=True, modules=True),
    "acme-revoke-by-account": Act(a_held_one, revoke_by_account, held_is_revoked),
    "acme-revoke-by-key": Act(a_held_one, revoke_by_key, held_is_revoked),
}
