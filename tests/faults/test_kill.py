"""`kill -9` under load over REST and ACME, at moments that nobody chose: what clients were told is there, and
all goes on.

Serving processes, the worker, all of them at once, and the supervisor with them. `CERTWRIGHT_TEST_SEED`
repeats a run's choices.
"""

import os
import random
import signal
import time
from collections.abc import Iterator
from contextlib import suppress

import pytest

from certwright.core.checkpoint import parse_verifier_key
from certwright.operations.context import Context
from tests.faults.acme_load import AcmeClient, answering, check_again
from tests.faults.facts import (
    check_audit,
    check_lists_are_fresh,
    check_records_hold,
    check_told,
    nothing_waits,
)
from tests.faults.load import Client, Load, Told, make_token
from tests.real.certwright import Home, Site
from tests.site.running import alive, command_line, descendants, until

SEED = "CERTWRIGHT_TEST_SEED"
SERVING, WORKER = "certwright.site.serve", "certwright.site.work"
# Of twenty kills. `site`: supervisor and all below it, as when the machine stops; `supervisor`: it alone.
SHARES = {"serving": 9, "worker": 5, "every": 3, "site": 2, "supervisor": 1}
FINAL = ("site", "supervisor")
THREADS, ACME_THREADS = 6, 2


def victims(site: Site, what: str) -> list[int]:
    """Processes to be killed now; none while there is none of the kind."""
    children = descendants(site.pid)
    serving = [pid for pid in children if SERVING in command_line(pid)]
    worker = [pid for pid in children if WORKER in command_line(pid)]
    match what:
        case "serving":
            return serving[:1]
        case "worker":
            return worker[:1]
        case "every":
            return serving + worker
        case "supervisor":
            return [site.pid]
        case _:
            return [site.pid, *children]


def kill(site: Site, what: str, chance: random.Random) -> None:
    until(lambda: victims(site, what), 60)
    pids = victims(site, what)
    chance.shuffle(pids)
    for pid in pids:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def lives(chance: random.Random, count: int) -> Iterator[list[str]]:
    """What to kill, in the order of killing, cut where the supervisor dies."""
    whole = [what for what, share in SHARES.items() for _ in range(max(1, share * count // 20))]
    chance.shuffle(whole)
    life: list[str] = []
    for what in whole:
        life.append(what)
        if what in FINAL:
            yield life
            life = []
    yield life


def one_life(
    home: Home, load: Load, clients: list[AcmeClient], deaths: list[str], chance: random.Random
) -> None:
    """Serve, and kill at moments when requests are being carried out. Killed alone, the supervisor leaves
    children that end by themselves."""
    with home.served(workers=2, lanes=("fast", "worker")) as site:
        try:
            for what in deaths:
                load.wait_for(chance.randrange(1, 20))
                time.sleep(chance.uniform(0, 0.05))
                children = descendants(site.pid)
                kill(site, what, chance)
            if not deaths or deaths[-1] not in FINAL:
                load.wait_for(20)
                children = descendants(site.pid)
                load.stop()
                afterwards(home, load.token, clients)
        finally:
            site.server.stop()
    until(lambda: not any(map(alive, children)), 30)


def test_what_was_told_survives(installation: Home, full: bool) -> None:
    seed = int(os.environ.get(SEED) or random.SystemRandom().getrandbits(32))
    print(f"{SEED}={seed}")
    chance = random.Random(seed)
    token = make_token(installation)
    with answering(installation) as web:
        clients = [AcmeClient(installation, web, seed + number) for number in range(ACME_THREADS)]
        load = Load(installation, token, THREADS, seed, others=clients)
        with load.running():
            for deaths in lives(chance, 200 if full else 4):
                one_life(installation, load, clients, deaths, chance)
    assert all(one.told.issued for one in clients)
    orders = [url for one in clients for url in one.orders]
    assert len(orders) == len(set(orders))
    told = load.summary()
    print(
        f"{len(told.issued)} issued, {len(told.revoked)} revoked, "
        f"{told.lost} without an answer, {told.statuses}"
    )
    assert told.wrong == []
    assert told.issued
    assert told.revoked
    installation.run(lambda context: take_stock(context, installation, told))


def afterwards(home: Home, token: str, clients: list[AcmeClient]) -> None:
    """Everything works as if nothing had been, the worker does what was left undone, and what clients began
    by ACME comes to its end."""
    for client in [Client(home, token) for _ in range(12)]:
        answer = client.issue("afterwards.example.test")
        assert answer.status == 201, answer
        assert client.revoke(answer.document["fingerprint"]).status == 200
        client.close()
    home.run(lambda context: check_again(home, context))
    for one in clients:
        one.finish()
    until(lambda: home.run(nothing_waits), 60)


async def take_stock(context: Context, home: Home, told: Told) -> None:
    await check_told(context.database, told)
    await check_records_hold(context)
    await check_lists_are_fresh(context.database)
    key = parse_verifier_key((home.folder / "audit" / "checkpoint-key.pub").read_text().strip())
    held = (home.folder / "audit" / "newest-checkpoint").read_text()
    await check_audit(context, [key], [held])


def test_every_kind_of_death_is_among_them() -> None:
    deaths = [what for life in lives(random.Random(1), 20) for what in life]
    assert {what: deaths.count(what) for what in SHARES} == SHARES


pytestmark = pytest.mark.timeout(5400 if os.environ.get("CERTWRIGHT_TEST_FULL") == "1" else 280)
