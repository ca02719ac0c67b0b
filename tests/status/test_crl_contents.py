"""What lists hold over time, against a model that keeps every fact; how a damaged list is made anew."""

import asyncio
import random
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from certwright.core.errors import CertwrightError
from certwright.core.request import parse_csr
from certwright.core.revocation import Reason
from certwright.operations import crl_contents
from certwright.operations.context import Context
from certwright.operations.issue import IssueOrder, issue
from certwright.operations.publish_crl import ListTimes, publish_crl
from certwright.operations.revoke import release_certificate, revoke_certificate
from certwright.store.rows import CertificateRow, CrlRow
from tests.real.databases import Database
from tests.real.pki import ADMINISTRATOR, MovableClock, make_csr
from tests.status.asking import issued
from tests.status.responding import founded

HOLD = Reason.CERTIFICATE_HOLD
REASONS = (HOLD, Reason.SUPERSEDED, Reason.KEY_COMPROMISE)


async def publish(context: Context, scheduled: bool = False, shard: int = 0) -> CrlRow:
    generation = context.snapshot.issuing("issuing")
    return await publish_crl(context, generation, shard, scheduled, ListTimes())


async def delta_of(context: Context, number: int) -> x509.CertificateRevocationList | None:
    rows = await context.database.select(CrlRow, '"number" = ? AND "base_number" > 0', number)
    return x509.load_der_x509_crl(rows[0].der) if rows else None


async def remade(context: Context) -> int:
    """How many lists were made from the record although there was one before."""
    rows = await context.database.query('SELECT "body" FROM "audit_event" WHERE "kind" = ?', "crl.published")
    return len([row for row in rows if '"remade":true' in row[0]])


def listed(der: bytes) -> dict[int, str]:
    """Serials with the labels of their reasons, each once."""
    crl = x509.load_der_x509_crl(der)
    found = {}
    for entry in crl:
        reasons = [
            one.value.reason.value for one in entry.extensions if isinstance(one.value, x509.CRLReason)
        ]
        assert entry.serial_number not in found
        found[entry.serial_number] = reasons[0] if reasons else "unspecified"
    return found


@dataclass
class Base:
    """A scheduled list: when it was signed, how much it knew, what it named."""

    at: datetime
    place: int
    named: dict[int, str]

    def told_the_end(self, model: "Model", serial: int) -> bool:
        """Has it spoken of this certificate after its end?"""
        return model.ends[serial] < self.at and model.changed[serial] <= self.place


@dataclass
class Model:
    """Every certificate's end and state, and which changes and lists there were. Places count changes."""

    ends: dict[int, datetime] = field(default_factory=dict)
    states: dict[int, str] = field(default_factory=dict)
    changed: dict[int, int] = field(default_factory=dict)
    entries: dict[int, str] = field(default_factory=dict)
    bases: list[Base] = field(default_factory=list)
    last_at: datetime = datetime(1, 1, 1, tzinfo=UTC)
    place: int = 0

    def change(self, serial: int, state: str) -> None:
        self.place += 1
        self.changed[serial] = self.place
        self.states[serial] = state

    def base(self, at: datetime) -> Base | None:
        """The newest that is not of a later time."""
        return next((one for one in reversed(self.bases) if one.at <= at), None)

    def publish(self, at: datetime, scheduled: bool) -> None:
        """What has left stays away, unless a clock was ahead then."""
        scheduled = scheduled or at < self.last_at
        base = self.base(at)
        told = base if scheduled else self.before(base)
        self.entries = {
            serial: state
            for serial, state in self.states.items()
            if state and not (told and told.told_the_end(self, serial))
        }
        self.last_at = at
        if scheduled:
            self.bases.append(Base(at, self.place, dict(self.entries)))

    def before(self, base: Base | None) -> Base | None:
        if base is None:
            return None
        earlier = self.bases[: self.bases.index(base)]
        return next((one for one in reversed(earlier) if one.at <= base.at), None)


class Life:
    """Random things that happen to certificates, and lists in between."""

    def __init__(self, context: Context, clock: MovableClock, seed: int) -> None:
        self.context, self.clock, self.chance, self.model = context, clock, random.Random(seed), Model()
        self.rows: dict[int, CertificateRow] = {}
        self.jumps = False

    async def be_ahead(self) -> None:
        """The clock is days ahead for a list or three, and put right."""
        ahead = timedelta(hours=self.chance.choice([20, 300]))
        self.clock.offset += ahead
        for _ in range(self.chance.choice([1, 2, 3])):
            await self.list()
            self.clock.offset += timedelta(hours=1)
        self.clock.offset -= ahead

    async def step(self) -> None:
        acts = [self.make, self.revoke, self.revoke, self.release, self.wait, self.list]
        act = self.chance.choice(acts + [self.be_ahead] * self.jumps)
        try:
            await act()
        except CertwrightError as error:
            assert error.status == 409  # noqa: PT017 - revoked in a way that stays, or no hold to release

    async def make(self) -> None:
        request = replace(
            parse_csr(make_csr("host.example.test")),
            not_after=self.clock() + timedelta(hours=self.chance.choice([1, 5, 30, 200])),
        )
        row = (await issue(self.context, IssueOrder(ADMINISTRATOR, request, "issuing", "tls-server"))).row
        serial = int.from_bytes(row.serial, "big")
        self.rows[serial], self.model.ends[serial] = row, row.not_after

    def any(self) -> tuple[int, str]:
        serial = self.chance.choice(list(self.rows))
        return serial, self.rows[serial].fingerprint.hex()

    async def revoke(self) -> None:
        serial, fingerprint = self.any()
        reason = self.chance.choice(REASONS)
        await revoke_certificate(self.context, ADMINISTRATOR, fingerprint, reason, self.clock())
        self.model.change(serial, reason.label)

    async def release(self) -> None:
        serial, fingerprint = self.any()
        await release_certificate(self.context, ADMINISTRATOR, fingerprint, self.clock())
        self.model.change(serial, "")

    async def wait(self) -> None:
        self.clock.offset += timedelta(hours=self.chance.choice([1, 3, 20]))

    async def list(self) -> None:
        scheduled = self.chance.random() < 0.5
        row = await publish(self.context, scheduled)
        base = self.model.base(row.this_update)
        self.model.publish(row.this_update, scheduled)
        assert listed(row.der) == self.model.entries
        assert row.entries == len(self.model.entries)
        delta = await delta_of(self.context, row.number)
        assert (delta is None) is (base is None)
        if delta is not None and base is not None:
            self.check_delta(delta, dict(base.named), base.at)

    def check_delta(
        self, delta: x509.CertificateRevocationList, named: dict[int, str], signed_at: datetime
    ) -> None:
        """Base and delta give the complete list, but for entries that left by their end (RFC 5280 5.2.4)."""
        for serial, reason in listed(delta.public_bytes(Encoding.DER)).items():
            named.pop(serial, None)
            if reason != "removeFromCRL":
                named[serial] = reason
        left = {serial for serial in named if serial not in self.model.entries}
        assert all(self.model.ends[serial] < signed_at for serial in left)
        assert {serial: named[serial] for serial in named if serial not in left} == self.model.entries


@pytest.mark.parametrize("seed", range(4))
def test_lists_hold_what_the_model_holds(database: Database, seed: int, full: bool) -> None:
    async def main() -> None:
        clock = MovableClock()
        async with founded(database.url, clock) as context:
            life = Life(context, clock, seed)
            for _ in range(5):
                await life.make()
            for _ in range(600 if full else 150):
                await life.step()
            assert await remade(context) == 0

    asyncio.run(main())


@pytest.mark.parametrize("seed", range(4))
def test_lists_hold_what_the_model_holds_after_clocks_were_ahead(
    database: Database, seed: int, full: bool
) -> None:
    """What is valid is listed again, what has ended leaves by lists of the right time, and only then."""

    async def main() -> None:
        clock = MovableClock()
        async with founded(database.url, clock) as context:
            life = Life(context, clock, seed)
            life.jumps = True
            for _ in range(5):
                await life.make()
            for _ in range(600 if full else 120):
                await life.step()

    asyncio.run(main())


def test_freshest_crl_is_said_when_there_is_a_delta(database: Database) -> None:
    async def main() -> None:
        async with founded(database.url, MovableClock(), crl_shards=3) as context:
            for number in range(1, 4):
                row = await publish(context, scheduled=True, shard=2)
                crl = x509.load_der_x509_crl(row.der)
                pointers = [one.value for one in crl.extensions if isinstance(one.value, x509.FreshestCRL)]
                delta = await delta_of(context, row.number)
                assert (delta is None) is (number == 1)
                assert (not pointers) is (number == 1)
                if delta is None:
                    continue
                url = pointers[0][0].full_name[0].value
                assert (
                    url == f"http://127.0.0.1:8080/crl/{context.snapshot.issuing('issuing').path}/2-delta.crl"
                )
                scope = delta.extensions.get_extension_for_class(x509.IssuingDistributionPoint)
                assert scope.critical
                assert (
                    scope.value == crl.extensions.get_extension_for_class(x509.IssuingDistributionPoint).value
                )

    asyncio.run(main())


@pytest.mark.parametrize("fault", ["entry lost", "entry twice", "octet changed", "no CRL at all"])
def test_a_damaged_list_is_made_anew_from_the_record(
    database: Database, fault: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(crl_contents, "PAGE", 2)

    async def main() -> None:
        async with founded(database.url, MovableClock()) as context:
            rows = [await issued(context, f"host{number}.test") for number in range(5)]
            for row in rows[:3]:
                await revoke(context, row)
            last = await publish(context, scheduled=True)
            await damage(context, last, fault)
            await revoke(context, rows[3])
            row = await publish(context)
            expected = {int.from_bytes(one.serial, "big") for one in rows[:4]}
            assert set(listed(row.der)) == expected
            assert await remade(context) == 1
            assert set(listed((await publish(context)).der)) == expected
            assert await remade(context) == 1

    asyncio.run(main())


async def revoke(context: Context, row: CertificateRow, reason: Reason = Reason.SUPERSEDED) -> None:
    await revoke_certificate(context, ADMINISTRATOR, row.fingerprint.hex(), reason, context.clock())


async def damage(context: Context, last: CrlRow, fault: str) -> None:
    """Write the row of a list anew with other octets. The list itself need not verify any more."""
    entries = bytes(crl_contents.crl.entries_of(last.der))
    start = last.der.index(entries)
    one = entries[: 2 + entries[1]]
    changed = {
        "entry lost": _rewritten(last.der, entries, entries[len(one) :]),
        "entry twice": _rewritten(last.der, entries, entries + one),
        "octet changed": last.der[:start] + b"\x31" + last.der[start + 1 :],
        "no CRL at all": b"something else",
    }[fault]
    async with context.database.transaction(0) as transaction:
        await transaction.execute('UPDATE "crl" SET "der" = ? WHERE "id" = ?', (changed, last.id))


def _rewritten(der: bytes, entries: bytes, others: bytes) -> bytes:
    """A list with other entries and the same everything else, lengths mended."""
    from certwright.core import der as encoding

    outer = encoding.Reader(der, "CRL").inside()
    tbs = outer.whole()
    rest = der[-(len(der) - der.index(tbs) - len(tbs)) :]
    inner = encoding.Reader(tbs, "CRL").inside()
    parts, wrapped = [], encoding.sequence(entries)
    while not inner.at_end():
        part = inner.whole()
        parts.append(encoding.sequence(others) if part == wrapped else part)
    return encoding.sequence(encoding.sequence(*parts), rest)


def test_more_changes_than_one_list_takes_up_are_in_the_next(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def main() -> None:
        async with founded(database.url, MovableClock()) as context:
            await publish(context, scheduled=True)
            rows = [await issued(context, f"host{number}.test") for number in range(10)]
            for row in rows:
                await revoke(context, row)
            last = await publish(context)
            assert len(listed(last.der)) == 10
            assert last.number > 2
            bases = await context.database.query(
                'SELECT "number" FROM "crl" WHERE "base_number" = 0 AND "scheduled" ORDER BY "number"'
            )
            assert len(bases) > 1  # too much for a delta: a new base, so that the next delta is small
            await revoke(context, await issued(context))
            row = await publish(context)
            delta = await delta_of(context, row.number)
            assert delta is not None
            assert len(delta) < 4

    monkeypatch.setattr(crl_contents, "CHANGES_MAX", 4)
    asyncio.run(main())
