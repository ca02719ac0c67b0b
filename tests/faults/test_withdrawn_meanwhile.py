"""An authority that awaits its certificate is withdrawn while another process does something with it.

Either the one or the other comes to pass, whole: what is refused has changed nothing, no row is left that
names a key that is gone, and no key that no row names.
"""

import asyncio
import time
from dataclasses import replace

import pytest

from certwright.core.access import Grant, Role
from certwright.core.errors import Conflict, NotFound, Unavailable
from certwright.core.keys import KeyAlgorithm
from certwright.operations.accept_certificate import accept_certificate
from certwright.operations.context import Context
from certwright.operations.found_authority import found_authority, retire_authority
from certwright.operations.found_installation import EndpointOrder, save_endpoint
from certwright.operations.grant_role import grant_role
from certwright.operations.manage_tokens import create_token
from certwright.operations.manage_users import NewUser, create_user
from certwright.operations.publish_status import put_in_service
from certwright.operations.renew_answers import renew_signer
from certwright.operations.withdraw_authority import withdraw_authority
from certwright.ports import KeyReference
from certwright.store.ledger import Change
from certwright.store.people_rows import ApiTokenRow, RoleGrantRow
from certwright.store.rows import AuthorityGenerationRow, AuthorityRow, EndpointRow, IssuanceIntentRow
from certwright.store.snapshot import Generation, Snapshots
from tests.core.toy_chain import outside
from tests.faults.interposed import BEGIN, COMMITTED, nothing, raising
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


def has_key(context: Context, generation: Generation) -> bool:
    reference = KeyReference(KeyAlgorithm.ECDSA_P256, generation.row.key_reference)
    try:
        context.keyring.provider("software").open(reference)
    except NotFound:
        return False
    return True


async def on_record(context: Context, generation: Generation) -> bool:
    ids = generation.id, generation.authority.id
    left = [
        len(await context.database.select(row_type, '"id" IN (?, ?)', *ids))
        for row_type in (AuthorityRow, AuthorityGenerationRow)
    ]
    assert left in ([0, 0], [1, 1])
    return left == [1, 1]


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

        pair.database.at(BEGIN, lambda: meanwhile(pair.other))
        with pytest.raises(Conflict, match=r"is withdrawn|is retired since"):
            await found_authority(pair.ours, ADMINISTRATOR, wanted)
        assert not await pair.ours.database.query(
            'SELECT 1 FROM "issuance_intent" WHERE "profile" = ? AND "generation_id" NOT IN '
            '(SELECT "generation_id" FROM "certificate")',
            "root-authority",
        )

    run(database.url, body)


def test_one_withdrawn_while_its_parent_signs_is_told_so(database: Database) -> None:
    async def body(pair: Pair) -> None:
        pair.database.at(BEGIN, nothing, nothing)  # the key's row, the intent; then comes the certificate
        pair.database.at(BEGIN, lambda: withdraw_authority(pair.other, ADMINISTRATOR, "below"))
        with pytest.raises(Conflict, match="authority below is withdrawn"):
            await found_authority(pair.ours, ADMINISTRATOR, order("below"))
        await found_authority(pair.ours, ADMINISTRATOR, order("below"))

    run(database.url, body)


async def cut_short(pair: Pair) -> Generation:
    """A root whose intent is on record, and no certificate."""
    wanted = order("deep", "CN=Deep", parent="", kind="root")
    pair.database.at(BEGIN, nothing, nothing, raising(Unavailable("cut short")))
    with pytest.raises(Unavailable, match="cut short"):
        await found_authority(pair.ours, ADMINISTRATOR, wanted)
    [generation] = (await pair.ours.snapshots.refresh()).of_authority("deep")
    assert len(await intents(pair.ours, generation)) == 1
    return generation


def test_a_root_that_may_have_signed_itself_is_founded_or_stays_retired(database: Database) -> None:
    """Each refusal names what can be done."""

    async def body(pair: Pair) -> None:
        context, generation = pair.ours, await cut_short(pair)
        with pytest.raises(Conflict, match="repeat the order, and retire it"):
            await withdraw_authority(context, ADMINISTRATOR, "deep")
        await retire_authority(context, ADMINISTRATOR, "deep")
        with pytest.raises(Conflict, match="it stays on record; order another name and subject"):
            await withdraw_authority(context, ADMINISTRATOR, "deep")
        with pytest.raises(Conflict, match="or order another name and subject"):
            await found_authority(context, ADMINISTRATOR, order("deep", "CN=Deep", parent="", kind="root"))
        assert await on_record(context, generation)
        assert has_key(context, generation)
        await found_authority(context, ADMINISTRATOR, order("deep2", "CN=Deep2", parent="", kind="root"))

    run(database.url, body)


@pytest.mark.parametrize("retired", [False, True])
def test_an_endpoint_that_needs_it_leaves_its_key(database: Database, retired: bool) -> None:
    async def body(context: Context, _clock: MovableClock) -> None:
        generation = await waiting(context)
        other = await stale(context)
        await save_endpoint(context, ADMINISTRATOR, ENDPOINT)
        if retired:
            await retire_authority(context, ADMINISTRATOR, "ext")
        with pytest.raises(Conflict, match="bind that to another one first"):
            await withdraw_authority(other, ADMINISTRATOR, "ext")
        assert has_key(context, generation)
        authority = (await context.snapshots.refresh()).of_authority("ext")[0].authority
        assert (authority.retired_at is not None) is retired
        await save_endpoint(context, ADMINISTRATOR, replace(ENDPOINT, authority="issuing"))
        await withdraw_authority(other, ADMINISTRATOR, "ext")
        assert (has_key(context, generation), await on_record(context, generation)) == (False, False)

    with_installation(database, body)


def test_an_endpoint_is_not_bound_to_what_is_withdrawn(database: Database) -> None:
    async def body(context: Context, _clock: MovableClock) -> None:
        await waiting(context)
        other = await stale(context)
        await withdraw_authority(context, ADMINISTRATOR, "ext")
        with pytest.raises(NotFound, match="ext"):
            await save_endpoint(other, ADMINISTRATOR, ENDPOINT)
        assert not await context.database.select(EndpointRow, '"name" = ?', "early")

    with_installation(database, body)


def test_nothing_refuses_once_it_is_retired(database: Database) -> None:
    """Between its retirement and its end, neither an endpoint nor a certificate of its own is bound to it."""

    async def body(pair: Pair) -> None:
        generation = await waiting(pair.ours)
        await pair.other.snapshots.refresh()
        told: list[str] = []

        async def bind(other: Context) -> None:
            try:
                await save_endpoint(other, ADMINISTRATOR, ENDPOINT)
            except Conflict as error:
                told.append(error.detail)

        pair.database.at(COMMITTED, lambda: bind(pair.other))
        await withdraw_authority(pair.ours, ADMINISTRATOR, "ext")
        assert len(told) == 1
        assert "authority ext is retired" in told[0]
        assert not has_key(pair.ours, generation)
        assert not await on_record(pair.ours, generation)

    run(database.url, body)


def test_one_bound_already_keeps_its_retired_authority(database: Database) -> None:
    async def body(context: Context, _clock: MovableClock) -> None:
        default = EndpointOrder("acme", "default", "issuing", ("tls-server",), {}, {})
        await retire_authority(context, ADMINISTRATOR, "issuing")
        await save_endpoint(context, ADMINISTRATOR, default)
        with pytest.raises(Conflict, match="authority issuing is retired"):
            await save_endpoint(context, ADMINISTRATOR, replace(default, name="new"))

    with_installation(database, body)


def test_a_withdrawal_cut_short_goes_on(database: Database) -> None:
    """At each of its commits; the other process repeats it."""

    async def body(pair: Pair) -> None:
        for place in range(2):
            generation = await waiting(pair.ours)
            pair.database.at(BEGIN, *[nothing] * place, raising(Unavailable("cut short")))
            with pytest.raises(Unavailable, match="cut short"):
                await withdraw_authority(pair.ours, ADMINISTRATOR, "ext")
            assert await on_record(pair.ours, generation)
            assert has_key(pair.ours, generation) is (place == 0)
            await withdraw_authority(pair.ours, ADMINISTRATOR, "ext")
            assert not has_key(pair.ours, generation)
            assert not await on_record(pair.ours, generation)

    run(database.url, body)


def test_the_next_one_of_the_name_keeps_its_key(database: Database) -> None:
    """Two withdraw at once, and it is ordered anew between the steps of the first."""

    async def body(pair: Pair) -> None:
        before = await waiting(pair.ours)
        anew: list[Generation] = []

        async def withdraw_and_order(other: Context) -> None:
            await withdraw_authority(other, ADMINISTRATOR, "ext")
            anew.append(await waiting(other))

        pair.database.at(COMMITTED, lambda: withdraw_and_order(pair.other))
        with pytest.raises(NotFound, match="ext is withdrawn already"):
            await withdraw_authority(pair.ours, ADMINISTRATOR, "ext")
        assert not await on_record(pair.ours, before)
        assert await on_record(pair.ours, anew[0])
        assert has_key(pair.ours, anew[0])
        assert (await pair.ours.snapshots.refresh()).of_authority("ext")[0].authority.retired_at is None

    run(database.url, body)


def test_roles_within_it_go_with_it(database: Database) -> None:
    async def body(context: Context, _clock: MovableClock) -> None:
        await waiting(context)
        officer = Grant(Role.SECURITY_OFFICER, SCOPE)
        await create_token(context, ADMINISTRATOR, "partner", (officer, Grant(Role.AUDITOR, "*")), None)
        await create_user(context, ADMINISTRATOR, NewUser("eve"))
        await grant_role(context, ADMINISTRATOR, "user:eve", officer)
        await withdraw_authority(context, ADMINISTRATOR, "ext")
        left = await context.database.select(RoleGrantRow, "1 = 1")
        assert [(row.holder, row.scope) for row in left] == [("token:partner", "*")]
        events = await context.database.query(
            'SELECT "subject", "body" FROM "audit_event" WHERE "kind" = ? ORDER BY "subject"',
            "grant.withdrawn",
        )
        assert [row[0] for row in events] == ["token:partner", "user:eve"]
        assert all(SCOPE in row[1] and "security" in row[1] for row in events)
        assert [
            token.grants for token in context.snapshot.tokens.values() if token.row.name == "partner"
        ] == [(Grant(Role.AUDITOR, "*"),)]

    with_installation(database, body)


def test_no_role_is_given_within_what_is_withdrawn(database: Database) -> None:
    async def body(context: Context, _clock: MovableClock) -> None:
        await waiting(context)
        others = [await stale(context), await stale(context)]
        await withdraw_authority(context, ADMINISTRATOR, "ext")
        officer = Grant(Role.SECURITY_OFFICER, SCOPE)
        with pytest.raises(NotFound, match="ext"):
            await grant_role(others[0], ADMINISTRATOR, "user:eve", officer)
        with pytest.raises(NotFound, match="ext"):
            await create_token(others[1], ADMINISTRATOR, "partner", (officer,), None)
        assert not await context.database.select(RoleGrantRow, '"scope" = ?', SCOPE)
        assert not await context.database.select(ApiTokenRow, '"name" = ?', "partner")

    with_installation(database, body)


def test_what_a_module_signs_stands_on_what_was_decided(database: Database) -> None:
    """Also where its own process has learned of the new configuration while the module signed."""

    async def body(pair: Pair) -> None:
        async def meanwhile(other: Context) -> None:
            await retire_authority(other, ADMINISTRATOR, "issuing")
            await pair.ours.snapshots.refresh()

        pair.database.at(COMMITTED, lambda: meanwhile(pair.other))  # of the intent
        with pytest.raises(Conflict, match="issuing is retired"):
            await ask(pair.ours, "issuing", "a.example.test")

    run(database.url, body, key_is_local=False)


@pytest.mark.parametrize("point", [BEGIN, COMMITTED])
@pytest.mark.parametrize("by_worker", [False, True])
def test_a_signer_is_made_whatever_is_configured_meanwhile(
    database: Database, point: str, by_worker: bool
) -> None:
    """Before its intent, and before its certificate."""

    async def body(pair: Pair) -> None:
        generation = await found_authority(pair.ours, ADMINISTRATOR, order("below"))
        endpoint = replace(ENDPOINT, authority="root")
        pair.database.at(point, lambda: save_endpoint(pair.other, ADMINISTRATOR, endpoint))
        if by_worker:
            signer = await renew_signer(pair.ours, generation.id)
        else:
            signer = (await put_in_service(pair.ours, ADMINISTRATOR, generation)).signer
        assert signer is not None
        assert pair.ours.keyring.ocsp_signer(signer).public_key
        assert pair.ours.snapshot.signers[signer.id] == signer

    run(database.url, body, key_is_local=False)


def test_an_intent_of_the_same_batch_is_seen(database: Database) -> None:
    async def body(context: Context, _clock: MovableClock) -> None:
        generation = await waiting(context)
        number, now = context.ledger.new_id(), context.clock()
        row = IssuanceIntentRow(number, generation.id, bytes(16), bytes(32), "root-authority", "x", now)
        intent = Change(inserted=[row], revision=context.snapshot.revision)
        begun, withdrawn = await asyncio.gather(
            context.ledger.commit(intent),
            withdraw_authority(context, ADMINISTRATOR, "ext"),
            return_exceptions=True,
        )
        assert begun is None
        assert isinstance(withdrawn, Conflict)
        assert "repeat the order, and retire it" in withdrawn.detail
        assert has_key(context, generation)
        assert (await context.snapshots.refresh()).of_authority("ext")[0].authority.retired_at is None

    with_installation(database, body)
