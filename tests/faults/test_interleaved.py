"""Somebody else acts between a decision and its commit: what was decided under what is no more does not pass.

Two processes, as two Contexts of one loop with connections of their own. The other acts when the transaction
begins, so that its guards see it; or when they have been checked and the commit comes next, so that it must
wait for that commit.
"""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding

from certwright.core.distinguished_name import parse_name
from certwright.core.errors import CertwrightError, Conflict, Moved, Refused, Unavailable
from certwright.core.keys import KeyAlgorithm
from certwright.core.profile_document import to_document
from certwright.core.request import parse_csr
from certwright.core.revocation import Reason
from certwright.operations.accept_certificate import Accepted, import_authority
from certwright.operations.context import Context
from certwright.operations.found_authority import AuthorityOrder, found_authority, retire_authority
from certwright.operations.issue import Issued, IssueOrder, issue
from certwright.operations.manage_acme_accounts import revoke_account
from certwright.operations.renew import renew_certificate
from certwright.operations.revoke import release_certificate, revoke_certificate
from certwright.operations.save_profile import save_profile
from certwright.store import databases
from certwright.store.ledger import Change
from certwright.store.rows import AcmeAccountRow, CertificateRow
from tests.conftest import KIND
from tests.faults.interposed import BEGIN, COMMIT, COMMITTED, Interposed, nothing, raising
from tests.real.pki import ADMINISTRATOR, MovableClock, Secrets, found, make_csr, opened

Act = Callable[[Context], Awaitable[object]]


@dataclass(slots=True)
class Pair:
    """Two processes on one database. `steps` of `database` are those of the first."""

    ours: Context
    other: Context
    database: Interposed
    order: list[str] = field(default_factory=list)
    tasks: list["asyncio.Task[None]"] = field(default_factory=list)

    def step_in(self, point: str, act: Act) -> None:
        """The other acts when we reach the point; we go on when it is done, or evidently waits for us."""

        async def run() -> None:
            await act(self.other)
            self.order.append("other")

        async def step() -> None:
            self.tasks.append(asyncio.create_task(run()))
            await asyncio.wait(self.tasks, timeout=0.5)

        self.database.at(point, step)

    async def ours_issues(self, csr: bytes, profile: str = "tls-server") -> Issued:
        issued = await issue(self.ours, IssueOrder(ADMINISTRATOR, parse_csr(csr), "issuing", profile))
        self.order.append("ours")
        return issued


def run(url: str, body: Callable[[Pair], Awaitable[None]], key_is_local: bool = True) -> None:
    async def main() -> None:
        kept, clock = Secrets(), MovableClock()
        held: list[Interposed] = []

        def interpose(database):
            held.append(Interposed(database))
            return held[0]

        async with AsyncExitStack() as stack:
            ours = await stack.enter_async_context(opened(url, kept, clock, wrap=interpose))
            ours.keyring._providers["software"].local = key_is_local
            await found(ours)
            other = await stack.enter_async_context(opened(url, kept, clock))
            pair = Pair(ours, other, held[0])
            await body(pair)
            await asyncio.gather(*pair.tasks)

    asyncio.run(main())


points = pytest.mark.parametrize("point", [BEGIN, COMMIT])


async def certificates(context: Context) -> list[CertificateRow]:
    return await context.database.select(CertificateRow, '"profile" = ?', "tls-server")


@points
def test_nothing_is_issued_by_an_authority_that_is_retired(database, point: str) -> None:
    async def body(pair: Pair) -> None:
        pair.step_in(point, lambda other: retire_authority(other, ADMINISTRATOR, "issuing"))
        if point == BEGIN:
            with pytest.raises(Conflict, match="issuing is retired"):
                await pair.ours_issues(make_csr("a.example.test"))
            assert await certificates(pair.ours) == []
        else:
            await pair.ours_issues(make_csr("a.example.test"))
            await asyncio.gather(*pair.tasks)
            assert pair.order == ["ours", "other"]
        with pytest.raises(Conflict, match="issuing is retired"):
            await pair.ours_issues(make_csr("b.example.test"))

    run(database.url, body)


@points
def test_a_profile_saved_meanwhile_is_the_one_that_holds(database, point: str) -> None:
    async def body(pair: Pair) -> None:
        before = pair.ours.snapshot.profile("tls-server")
        document = to_document(before)
        document["lifetime"] = {**document["lifetime"], "default": "2d"}
        pair.step_in(point, lambda other: save_profile(other, ADMINISTRATOR, document))
        issued = await pair.ours_issues(make_csr("a.example.test"))
        await asyncio.gather(*pair.tasks)
        late = point == COMMIT
        assert pair.order == (["ours", "other"] if late else ["other", "ours"])
        assert issued.row.profile_number == before.version + (not late)
        days = (issued.row.not_after - issued.row.not_before).days
        assert (days < 2) is not late
        again = await pair.ours_issues(make_csr("b.example.test"))
        assert again.row.profile_number == before.version + 1

    run(database.url, body)


@points
@pytest.mark.parametrize("local", [True, False], ids=["local-key", "module-key"])
@pytest.mark.parametrize("renewal", [False, True], ids=["issue", "renew"])
def test_no_certificate_for_a_key_that_is_revoked_as_compromised(
    database, point: str, local: bool, renewal: bool
) -> None:
    """While a request for the same key is in flight. A module's key signs after an intent of its own
    commit.
    """
    key = ec.generate_private_key(ec.SECP256R1())

    async def body(pair: Pair) -> None:
        first = await pair.ours_issues(make_csr("a.example.test", key=key))
        second = await pair.ours_issues(make_csr("c.example.test", key=key))
        pair.order.clear()

        async def compromised(other: Context) -> None:
            await revoke_certificate(
                other, ADMINISTRATOR, first.row.fingerprint.hex(), Reason.KEY_COMPROMISE, other.clock()
            )

        async def ours() -> None:
            if renewal:
                await renew_certificate(pair.ours, ADMINISTRATOR, second.row.fingerprint.hex())
                pair.order.append("ours")
            else:
                await pair.ours_issues(make_csr("b.example.test", key=key))

        pair.step_in(point, compromised)
        try:
            await ours()
        except Refused as refusal:
            assert [reason.code for reason in refusal.reasons] == ["key.compromised"]  # noqa: PT017 - may pass
            pair.order.append("refused")
        await asyncio.gather(*pair.tasks)
        late = point == COMMIT
        if local:
            assert pair.order == (["ours", "other"] if late else ["other", "refused"])
        else:  # after the intent there is another commit to come, and either may be first
            assert pair.order[0] == "ours" or "refused" in pair.order
        assert len(await certificates(pair.ours)) == 2 + ("ours" in pair.order)
        with pytest.raises(Refused, match=r"key\.compromised"):
            await pair.ours_issues(make_csr("d.example.test", key=key))

    run(database.url, body, key_is_local=local)


@points
def test_nothing_is_issued_on_an_account_that_is_revoked(database, point: str) -> None:
    """Once the revocation is answered, no certificate comes any more that stands on the account."""

    async def body(pair: Pair) -> None:
        context = pair.ours
        account = await an_account(context)
        request, also = parse_csr(make_csr("a.example.test")), Change(kept=[account])
        order = IssueOrder(ADMINISTRATOR, request, "issuing", "tls-server", also=also)
        pair.step_in(point, lambda other: revoke_account(other, ADMINISTRATOR, "default", str(account.id)))
        if point == BEGIN:
            with pytest.raises(Moved, match="acme_account"):
                await issue(context, order)
            assert await certificates(context) == []
        else:
            await issue(context, order)
            pair.order.append("ours")
            await asyncio.gather(*pair.tasks)
            assert pair.order == ["ours", "other"]

    run(database.url, body)


async def an_account(context: Context) -> AcmeAccountRow:
    endpoint, identifier = context.snapshot.endpoint("acme", "default").row.id, context.ledger.new_id()
    row = AcmeAccountRow(
        identifier, endpoint, "t", "{}", "[]", None, None, "", context.clock(), None, None, 1
    )
    await context.ledger.commit(Change(inserted=[row]))
    return row


@points
def test_an_authority_is_not_certified_by_a_parent_that_is_retired(database, point: str) -> None:
    async def body(pair: Pair) -> None:
        order = AuthorityOrder(
            "below", "issuing", parse_name("CN=Below,O=Test"), KeyAlgorithm.ECDSA_P256, "software", "root"
        )
        pair.database.at(point, nothing, nothing)  # the key's row, the intent; then comes the certificate
        pair.step_in(point, lambda other: retire_authority(other, ADMINISTRATOR, "root"))
        if point == BEGIN:
            with pytest.raises(Conflict, match="root is retired"):
                await found_authority(pair.ours, ADMINISTRATOR, order)
            assert (await pair.ours.snapshots.refresh()).of_authority("below")[0].certificate is None
        else:
            assert (await found_authority(pair.ours, ADMINISTRATOR, order)).certificate is not None

    run(database.url, body)


def test_another_change_of_configuration_does_not_disturb_founding(database) -> None:
    """Two authorities founded at once, each a change of configuration, and both are there."""

    async def body(pair: Pair) -> None:
        def order(name: str) -> AuthorityOrder:
            subject = parse_name(f"CN={name},O=Test")
            return AuthorityOrder(name, "issuing", subject, KeyAlgorithm.ECDSA_P256, "software", "root")

        pair.database.at(BEGIN, nothing, nothing)
        pair.step_in(BEGIN, lambda other: found_authority(other, ADMINISTRATOR, order("theirs")))
        await found_authority(pair.ours, ADMINISTRATOR, order("mine"))
        snapshot = await pair.ours.snapshots.refresh()
        assert {"mine", "theirs"} <= set(snapshot.authorities)

    run(database.url, body)


def test_the_same_authority_founded_at_once_is_founded_once(database) -> None:
    """At every place where the second may come between the steps of the first."""

    async def body(pair: Pair) -> None:
        for place in range(5):
            name = f"same-{place}"
            order = AuthorityOrder(
                name, "issuing", parse_name(f"CN={name},O=Test"), KeyAlgorithm.ECDSA_P256, "software", "root"
            )
            outcomes: list[object] = []

            async def attempt(context: Context, order=order, outcomes=outcomes) -> None:
                try:
                    outcomes.append(await found_authority(context, ADMINISTRATOR, order))
                except CertwrightError as error:
                    outcomes.append(error)  # noqa: B023 - ruff takes the exception for the loop's variable

            await pair.other.snapshots.refresh()
            pair.database.steps.clear()
            pair.database.at(BEGIN, *[nothing] * place)
            pair.step_in(BEGIN, attempt)
            await attempt(pair.ours)
            await asyncio.gather(*pair.tasks)
            made = [one for one in outcomes if not isinstance(one, CertwrightError)]
            assert len(made) <= 1 or made[0] == made[1]
            for error in outcomes:
                if isinstance(error, CertwrightError):
                    assert type(error) is Conflict
                    assert f"authority {name} already" in error.detail
            generations = (await pair.ours.snapshots.refresh()).of_authority(name)
            assert [one.certificate is not None for one in generations] == [True]
            signed = await pair.ours.database.select(
                CertificateRow, '"spki_sha256" = ?', generations[0].row.spki_sha256
            )
            assert len(signed) == 1

    run(database.url, body)


def test_an_authority_is_not_brought_along_under_a_name_just_taken(database) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    given = Accepted(toy_root(key), ())

    order = AuthorityOrder("twice", "root", parse_name("CN=Twice"), KeyAlgorithm.ECDSA_P256, "software")

    async def body(pair: Pair) -> None:
        pair.step_in(BEGIN, lambda other: import_authority(other, ADMINISTRATOR, order, key, given))
        with pytest.raises(Conflict, match="there is an authority twice already"):
            await import_authority(pair.ours, ADMINISTRATOR, order, key, given)
        assert len((await pair.ours.snapshots.refresh()).of_authority("twice")) == 1

    run(database.url, body)


def toy_root(key: ec.EllipticCurvePrivateKey) -> bytes:
    """A self-signed authority certificate, made elsewhere."""
    name, now = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "Twice")]), datetime.now(UTC)
    builder = x509.CertificateBuilder(name, name, key.public_key(), 1 << 100, now, now + timedelta(days=9))
    identifier = x509.SubjectKeyIdentifier.from_public_key(key.public_key())
    usage = x509.KeyUsage(True, False, False, False, False, True, True, False, False)
    for value, critical in (
        (x509.BasicConstraints(ca=True, path_length=None), True),
        (usage, True),
        (identifier, False),
    ):
        builder = builder.add_extension(value, critical)
    return builder.sign(key, hashes.SHA256()).public_bytes(Encoding.DER)


def test_another_order_of_the_same_name_does_not_take_up_what_is_unfinished(database) -> None:
    async def body(pair: Pair) -> None:
        subject = parse_name("CN=Outside,O=Test")
        outside = AuthorityOrder("outside", "issuing", subject, KeyAlgorithm.ECDSA_P256, "software")
        pending = await found_authority(pair.ours, ADMINISTRATOR, outside)
        assert pending.certificate is None
        assert (await found_authority(pair.ours, ADMINISTRATOR, outside)).id == pending.id
        for changed in (
            AuthorityOrder("outside", "issuing", subject, KeyAlgorithm.ECDSA_P384, "software"),
            AuthorityOrder("outside", "issuing", parse_name("CN=Else"), KeyAlgorithm.ECDSA_P256, "software"),
            AuthorityOrder("outside", "intermediate", subject, KeyAlgorithm.ECDSA_P256, "software"),
            AuthorityOrder("outside", "issuing", subject, KeyAlgorithm.ECDSA_P256, "software", crl_shards=4),
        ):
            with pytest.raises(Conflict, match="awaits its certificate, and was ordered otherwise"):
                await found_authority(pair.ours, ADMINISTRATOR, changed)

    run(database.url, body)


@pytest.mark.skipif(KIND != "postgresql", reason="an SQLite transaction does not wait in the middle")
def test_a_process_that_stands_still_in_a_transaction_holds_up_nobody_for_long(
    database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its transaction is ended by the database, and it hears of that when it goes on."""
    monkeypatch.setattr(databases, "IDLE_MILLISECONDS", 500)

    async def body(pair: Pair) -> None:
        retired = asyncio.Event()

        async def stand_still() -> None:
            pair.tasks.append(asyncio.create_task(retire()))
            await retired.wait()

        async def retire() -> None:
            await retire_authority(pair.other, ADMINISTRATOR, "issuing")
            retired.set()

        pair.database.at(COMMIT, stand_still)
        with pytest.raises(Unavailable):
            await pair.ours_issues(make_csr("a.example.test"))
        assert await certificates(pair.ours) == []
        with pytest.raises(Conflict, match="issuing is retired"):
            await pair.ours_issues(make_csr("a.example.test"))

    run(database.url, body)


def test_a_key_whose_record_may_be_durable_is_kept(database) -> None:
    """The commit of a new authority's row is done, and its answer lost with the database: the key is
    needed.
    """

    async def body(pair: Pair) -> None:
        order = AuthorityOrder(
            "doubted", "issuing", parse_name("CN=Doubted"), KeyAlgorithm.ECDSA_P256, "software", "root"
        )
        away = raising(Unavailable("the database went away"))
        pair.database.at(COMMITTED, away)
        pair.database.at(BEGIN, nothing, away)
        with pytest.raises(Unavailable):
            await found_authority(pair.ours, ADMINISTRATOR, order)
        assert (await found_authority(pair.ours, ADMINISTRATOR, order)).certificate is not None

    run(database.url, body)


# -- a hold is lifted while somebody else changes the same certificate ---------------------------------


async def changed(context: Context, row: CertificateRow, reason: Reason) -> None:
    await revoke_certificate(context, ADMINISTRATOR, row.fingerprint.hex(), reason, context.clock())


async def released(context: Context, row: CertificateRow) -> CertificateRow:
    return await release_certificate(context, ADMINISTRATOR, row.fingerprint.hex(), context.clock())


def test_a_hold_is_lifted_as_it_stands_by_then(database) -> None:
    async def body(pair: Pair) -> None:
        row = (await pair.ours_issues(make_csr("host.example.test"))).row
        await changed(pair.ours, row, Reason.CERTIFICATE_HOLD)

        async def hold_anew(context: Context) -> None:
            await released(context, row)
            await changed(context, row, Reason.CERTIFICATE_HOLD)

        pair.step_in(BEGIN, hold_anew)
        assert (await released(pair.ours, row)).revoked_at is None
        [after] = await pair.ours.database.select(CertificateRow, '"id" = ?', row.id)
        assert after.revoked_at is None

    run(database.url, body)


def test_a_hold_that_has_become_final_is_not_lifted(database) -> None:
    async def body(pair: Pair) -> None:
        row = (await pair.ours_issues(make_csr("host.example.test"))).row
        await changed(pair.ours, row, Reason.CERTIFICATE_HOLD)
        pair.step_in(BEGIN, lambda context: changed(context, row, Reason.KEY_COMPROMISE))
        with pytest.raises(Conflict, match="revoked for keyCompromise, which is final"):
            await released(pair.ours, row)
        [after] = await pair.ours.database.select(CertificateRow, '"id" = ?', row.id)
        assert after.revocation_reason == Reason.KEY_COMPROMISE

    run(database.url, body)
