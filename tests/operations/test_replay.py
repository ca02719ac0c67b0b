"""Replay: all that is on record, judged by a draft, is as if each were decided alone."""

import asyncio
import io
import json
from collections import Counter
from datetime import UTC, datetime, timedelta
from random import Random

import pytest
from hypothesis import HealthCheck, given, settings

from certwright.core.access import Actor, Grant, Role
from certwright.core.errors import Conflict, Forbidden, NotFound, Unavailable
from certwright.core.rules import NO_RULES, RuleSet, decide
from certwright.core.rules_facts import StoredFacts
from certwright.core.rules_replay import compare
from certwright.core.rules_toml import rules_from_toml
from certwright.operations import policy_replays, replay_rows
from certwright.operations.apply_rules import origin_named
from certwright.operations.context import Context
from certwright.operations.policy_replays import (
    RUNNING_MAX,
    ReplayStatus,
    cancel_replay,
    find_replay,
    list_replays,
    replay_document,
    replay_follow_up,
    replay_status,
    run_replay,
    start_replay,
)
from certwright.operations.replay_part import CERTIFICATES, Part
from certwright.operations.replay_policy import ReplayOrder, Tally, _job, replay_policy, replay_scope
from certwright.operations.replay_rows import LEAST
from certwright.store.ledger import Change
from certwright.store.rows import CertificateNameRow, CertificateRow, CertificateTagRow, OutboxRow
from tests.core.toy_rules import rule_sets
from tests.operations.approving import ONE_STEP, rules, waiting
from tests.operations.installed import issued, later, revoked, row_of, with_installation
from tests.real.databases import Database
from tests.real.pki import ADMINISTRATOR, MovableClock

AT = datetime(2026, 11, 23, 20, tzinfo=UTC)
NO_PAY = '[[rule]]\nname = "no-pay"\nwhen.names.dns = [".pay.test"]\nrefuse = "Ask <b>pay</b>."\n'
TEXTS = {
    "authority": ["issuing", "web"],
    "profile": ["tls-server", "tls-client"],
    "team": ["web", ""],
    "owner": ["alice", ""],
    "endpoint": ["acme/default", ""],
    "requester": ["acme:Zm9v", "user:alice", "token:a"],
    "key_algorithm": ["ecdsa-p256", "rsa-2048", "ed25519"],
    "subject": ["CN=www.example.test,O=Example", ""],
}
NAMES = [("dns", "www.example.test"), ("dns", "*.example.test"), ("dns", "a.pay.test"), ("ip", "192.0.2.1")]


async def some_certificates(context: Context, number: int) -> dict[int, StoredFacts]:
    """Random ones on record, and each as rules look at it."""
    chance, found, change = Random(7), dict[int, StoredFacts](), Change()
    generation = context.snapshot.issuing("issuing").id
    for count in range(number):
        text = {column: chance.choice(values) for column, values in TEXTS.items()}
        identifier, ends = context.ledger.new_id(), AT + timedelta(days=chance.choice([30, 90, 397]))
        octets = count.to_bytes(32)
        row = row_of(CertificateRow, AT, id=identifier, fingerprint=octets, serial=octets, version=1, **text)
        change.inserted.append(row._replace(generation_id=generation, not_after=ends))
        names = chance.sample(NAMES, chance.randrange(3))
        tags = chance.sample(["public", "pci", "a"], chance.randrange(3))
        for position, (kind, value) in enumerate(names):
            change.inserted.append(CertificateNameRow(identifier, position, kind, value, value))
        change.inserted += [CertificateTagRow(identifier, tag) for tag in tags]
        found[identifier] = StoredFacts(
            origin=origin_named(text["requester"]),
            not_before=AT,
            not_after=ends,
            issued_at=AT,
            names=names,
            tags=frozenset(tags),
            **text,
        )
    await context.ledger.commit(change)
    return found


def alone(facts: dict[int, StoredFacts], old: RuleSet, new: RuleSet) -> Tally:
    """What a replay should find."""
    tally = Tally(len(facts))
    for identifier, one in sorted(facts.items()):
        verdict = compare(decide(old, one), decide(new, one))
        tally.before[verdict.before] += 1
        tally.after[verdict.after] += 1
        tally.changes[verdict.change] += 1
        if verdict.rules:
            by = tally.by.setdefault(verdict.change, {})
            for dimension in ("team", "owner", "authority", "profile"):
                by.setdefault(dimension, Counter())[getattr(one, dimension)] += 1
            for rule in verdict.rules:
                by.setdefault("rule", Counter())[rule] += 1
                examples = tally.examples.setdefault((verdict.change, rule), [])
                examples += [identifier] if len(examples) < 5 else []
    return tally


async def through_a_part(context: Context, order: ReplayOrder) -> Tally:
    """Chunk by chunk in this process, by the code that runs in the others."""
    job = {"url": "", **_job(order, replay_scope(context.snapshot, order, AT))}
    part, tally, after = Part(context.database, json.loads(json.dumps(job))), Tally(), LEAST
    while True:
        output = io.StringIO()
        await part.chunk({"source": CERTIFICATES, "after": after}, output)
        last, *found = map(json.loads, output.getvalue().splitlines())
        if last["last"] is None:
            return tally
        after = last["last"]
        tally.add(found[0])


@pytest.mark.longer
def test_replay_is_deciding_each_alone(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(replay_rows, "CHUNK", 17)
    monkeypatch.setattr(replay_rows.Certificates.read, "__defaults__", (17,))

    async def body(context: Context, clock: MovableClock) -> None:
        facts = await some_certificates(context, 60)
        loop = asyncio.get_running_loop()

        @settings(max_examples=15, suppress_health_check=list(HealthCheck), deadline=None)
        @given(rule_sets(), rule_sets())
        def same(old: RuleSet, new: RuleSet) -> None:
            work = through_a_part(context, ReplayOrder(old, new, AT, everything=True))
            found = asyncio.run_coroutine_threadsafe(work, loop).result(60)
            assert found == alone(facts, old, new)

        await asyncio.to_thread(same)

    with_installation_of_its_own(database, body)


def with_installation_of_its_own(database: Database, body: object) -> None:
    """Without the few certificates that a new installation has given itself."""

    async def emptied(context: Context, clock: MovableClock) -> None:
        own = await context.database.select(CertificateRow, "1 = 1")
        async with context.database.transaction(0) as transaction:
            await transaction.execute('UPDATE "certificate" SET "generation_id" = NULL')
        assert own
        await body(context, clock)  # type: ignore[operator]

    with_installation(database, emptied)


def test_two_processes_find_what_one_would(database: Database) -> None:
    async def body(context: Context, clock: MovableClock) -> None:
        facts = await some_certificates(context, 60)
        old, new = rules_from_toml(ONE_STEP), rules_from_toml(NO_PAY)
        calls: list[tuple[int, int]] = []
        found = await replay_policy(
            context.database,
            context.snapshot,
            ReplayOrder(old, new, AT),
            AT,
            lambda *numbers: calls.append(numbers),
        )
        assert found.certificates == alone(facts, old, new)
        assert 1 <= found.processes <= 2
        assert calls[-1] == (60, 60)

    with_installation_of_its_own(database, body)


def test_a_replay_on_record(database: Database) -> None:
    """What holds and what has waited, with examples; not what is revoked, over, or of authorities."""

    async def body(context: Context, clock: MovableClock) -> None:
        await rules(context, ONE_STEP)
        await waiting(context)
        row = await issued(context, "free.test")
        await revoked(context, await issued(context, "gone.test"))
        draft = rules_from_toml(NO_PAY + '[[rule]]\nname = "all"\nunless.teams = ["x"]\nrefuse = "No."\n')
        made = await start_replay(context, ADMINISTRATOR, draft)
        assert replay_status(made, clock()) is ReplayStatus.WAITING
        [follow_up] = [one for one in await _outbox(context) if one.kind == policy_replays.REPLAY]
        await replay_follow_up(context, json.loads(follow_up.payload))
        ended = await find_replay(context.database, ADMINISTRATOR, made.id)
        told = replay_document(ended, clock())
        assert (told["status"], told["done"], told["based_on"]) == ("done", 2, 1)
        [change] = told["result"]["certificates"]["changes"]
        assert (change["change"], change["count"]) == ("refused", 1)
        assert change["rules"] == [{"name": "all", "count": 1}]
        [example] = told["result"]["certificates"]["examples"]
        assert example["certificate"] == row.fingerprint.hex()
        assert (example["names"], example["reasons"]) == (["dns:free.test"], ["rule all: No."])
        requests = told["result"]["requests"]
        assert requests["before"] == {"allowed": 0, "approval": 1, "refused": 0}
        assert {one["rule"] for one in requests["examples"]} == {"no-pay", "all"}
        assert all(one["request"] for one in requests["examples"])
        await replay_follow_up(context, json.loads(follow_up.payload))  # once more does nothing
        assert await find_replay(context.database, ADMINISTRATOR, made.id) == ended
        local = ReplayOrder(rules_from_toml(ONE_STEP), draft, ended.at)
        assert (
            await run_replay(context.database, context.snapshot, ADMINISTRATOR, local, clock())
            == told["result"]
        )

    with_installation(database, body)


async def _outbox(context: Context) -> list[OutboxRow]:
    return await context.database.select(OutboxRow, "1 = 1")


def test_everything_is_judged_as_of_a_moment(database: Database) -> None:
    """The schedule of a later year, and a holiday that is not yet."""

    async def body(context: Context, clock: MovableClock) -> None:
        await issued(context)
        await revoked(context, await issued(context, "gone.test"))
        lifetime = '[[rule]]\nname = "short"\nwhen.from = "{}"\nlimits.maximum_lifetime = "10d"\n'
        draft = rules_from_toml(lifetime.format((clock() + timedelta(days=30)).isoformat()))
        for at, everything, refused in ((0, False, 0), (31, False, 1), (31, True, 2)):
            wanted = ReplayOrder(NO_RULES, draft, clock() + timedelta(days=at), everything)
            found = await run_replay(context.database, context.snapshot, ADMINISTRATOR, wanted, clock())
            assert found["certificates"]["after"]["refused"] == refused

    with_installation(database, body)


def test_who_may_and_how_many(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    async def body(context: Context, clock: MovableClock) -> None:
        draft = rules_from_toml(NO_PAY)
        auditor = Actor("token:x", (Grant(Role.AUDITOR),))
        with pytest.raises(Forbidden):
            await start_replay(context, auditor, draft)
        with pytest.raises(Forbidden):
            await start_replay(context, Actor("token:x", (Grant(Role.SECURITY_OFFICER, "team:x"),)), draft)
        made = [await start_replay(context, ADMINISTRATOR, draft) for _ in range(RUNNING_MAX)]
        for row in await list_replays(context.database, auditor):
            assert row._replace(draft=made[0].draft) == next(one for one in made if one.id == row.id)
        with pytest.raises(Conflict, match="are under way"):
            await start_replay(context, ADMINISTRATOR, draft)
        assert {row.id for row in await list_replays(context.database, auditor)} == {row.id for row in made}
        with pytest.raises(Forbidden):
            await cancel_replay(context, auditor, made[0].id)
        await cancel_replay(context, ADMINISTRATOR, made[0].id)
        with pytest.raises(Conflict, match="has ended"):
            await cancel_replay(context, ADMINISTRATOR, made[0].id)
        with pytest.raises(NotFound):
            await find_replay(context.database, auditor, 7)
        await start_replay(context, ADMINISTRATOR, draft)
        monkeypatch.setattr(policy_replays, "_BEHIND", 'ORDER BY "created_at" DESC LIMIT 9 OFFSET 0')
        later(clock, minutes=6)
        assert replay_status(made[1], clock()) is ReplayStatus.STALLED
        await start_replay(context, ADMINISTRATOR, draft)
        with pytest.raises(NotFound, match="are kept"):
            await find_replay(context.database, ADMINISTRATOR, made[0].id)

    with_installation(database, body)


def test_one_that_is_cancelled_stops(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(policy_replays, "PROGRESS_SECONDS", 0.01)

    async def body(context: Context, clock: MovableClock) -> None:
        made = await start_replay(context, ADMINISTRATOR, rules_from_toml(NO_PAY))
        work = asyncio.create_task(replay_follow_up(context, {"replay": str(made.id)}))
        while (row := await find_replay(context.database, ADMINISTRATOR, made.id)).seen_at is None:  # noqa: ASYNC110 - nobody tells when
            await asyncio.sleep(0.001)
        assert replay_status(row, clock()) is ReplayStatus.RUNNING
        await cancel_replay(context, ADMINISTRATOR, made.id)
        await asyncio.wait_for(work, 30)
        ended = await find_replay(context.database, ADMINISTRATOR, made.id)
        assert (replay_status(ended, clock()), ended.result) == (ReplayStatus.CANCELLED, "")

    with_installation(database, body)


def test_a_process_that_dies_is_no_result(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    dying = "import sys; sys.stdin.readline(); sys.stdin.readline(); print('{\"a\": 0}', flush=True)"
    monkeypatch.setattr("certwright.operations.replay_policy._PROGRAM", dying)

    async def body(context: Context, clock: MovableClock) -> None:
        made = await start_replay(context, ADMINISTRATOR, rules_from_toml(NO_PAY))
        with pytest.raises(Unavailable, match="before its time"):
            await replay_follow_up(context, {"replay": str(made.id)})
        assert (await find_replay(context.database, ADMINISTRATOR, made.id)).ended_at is None

    with_installation(database, body)
