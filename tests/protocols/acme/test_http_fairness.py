"""Challenges that are never answered hold up nobody else's: no other network's, and no bound account's."""

import asyncio
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from secrets import token_hex

from certwright.operations.context import Context
from certwright.operations.validate import unheard
from certwright.store.enrolment import load_authorization
from certwright.store.ledger import Change
from tests.protocols.acme.raw_client import RawClient, Reply
from tests.protocols.acme.served import ZONE, Acme
from tests.protocols.acme.test_http_accounts import account_key
from tests.protocols.acme.test_http_quotas import comes_from
from tests.real.challenge_ports import HTTP_PORT

NAMES = 900
"""So many more than are taken at once (540) that a slow machine gets there before the first are given up."""


@contextmanager
def tarpit(address: str) -> Iterator[list[socket.socket]]:
    """Takes every connection and never says a word; the connections."""
    taken: list[socket.socket] = []
    with socket.create_server((address, HTTP_PORT), backlog=512) as listening:

        def accept() -> None:
            while True:
                try:
                    taken.append(listening.accept()[0])
                except OSError:
                    return

        threading.Thread(target=accept, daemon=True).start()
        try:
            yield taken
        finally:
            listening.shutdown(socket.SHUT_RDWR)
    for one in taken:
        one.close()


def names_at(acme: Acme, address: str, count: int) -> list[str]:
    """Names nobody has had yet, which lead to this address."""
    labels = [f"t{token_hex(5)}" for _ in range(count)]
    for label in labels:
        acme.dns.add(ZONE, label, "A", address)
    return [f"{label}.{ZONE}" for label in labels]


def challenges(client: RawClient, names: list[str]) -> list[tuple[RawClient, str]]:
    """The http-01 challenges of all names, to be responded to by the client. They are ordered first, for each
    connection is held for some seconds only."""
    return [
        (client, f"{url.replace('/authorization/', '/challenge/')}/http-01")
        for start in range(0, len(names), 100)
        for url in client.order(*names[start : start + 100]).json["authorizations"]
    ]


def responses(found: list[tuple[RawClient, str]]) -> Iterator[Reply]:
    return (client.post(url, {}) for client, url in found)


def test_a_tarpit_stops_its_own_network_alone(acme: Acme) -> None:
    """However many accounts it makes; accounts with a binding, and those of other networks, go on."""
    digits = acme.home.ports["https"]
    address = f"127.78.{digits >> 8}.{digits & 255}"
    attackers = [acme.registered() for _ in range(3)]
    with tarpit(address) as taken:
        names = names_at(acme, address, NAMES)
        wanted = [
            challenge
            for turn, attacker in enumerate(attackers)
            for challenge in challenges(attacker, names[turn::3])
        ]
        limited = next(reply for reply in responses(wanted) if reply.status != 200)
        assert limited.refusal == (429, "rateLimited")
        assert "accounts without a binding from your network" in limited.json["detail"]
        assert int(limited.headers["retry-after"]) > 0
        elsewhere = comes_from(acme.client(), "127.0.0.9")
        elsewhere.register()
        acme.issue(elsewhere, acme.name())
        bound = acme.client()
        bound.register(externalAccountBinding=bound.binding("fair", account_key(acme, "default", "fair")))
        acme.issue(bound, acme.name())
        assert 0 < len(taken) < NAMES / 2, "the others wait for their turn"


def test_a_tarpit_of_a_bound_account_stops_that_alone(acme: Acme) -> None:
    digits = acme.home.ports["https"]
    address = f"127.79.{digits >> 8}.{digits & 255}"
    attacker, other = acme.client(), acme.client()
    for client, name in ((attacker, "tar"), (other, "pit")):
        client.register(externalAccountBinding=client.binding(name, account_key(acme, "default", name)))
    with tarpit(address) as taken:
        wanted = challenges(attacker, names_at(acme, address, NAMES))
        limited = next(reply for reply in responses(wanted) if reply.status != 200)
        assert limited.refusal == (429, "rateLimited")
        assert "too many challenges of this account wait" in limited.json["detail"]
        acme.issue(other, acme.name())
        assert 0 < len(taken) < NAMES / 2, "the others wait for their turn"


def test_a_sweep_finds_something_of_every_account(acme: Acme) -> None:
    many, one = acme.registered(), acme.registered()
    urls = [
        client.order(*(acme.name() for _ in range(count))).json["authorizations"]
        for client, count in ((many, 90), (many, 90), (many, 90), (one, 1))
    ]
    identifiers = [int(url.rpartition("/")[2]) for part in urls for url in part]

    async def act(context: Context) -> None:
        """As if all had been attempted long before, those of `one` last, and the processes had died."""
        found = await asyncio.gather(*(load_authorization(context.database, each) for each in identifiers))
        long_ago = context.clock() - timedelta(hours=2)
        rows = [
            (each.row, each.row._replace(attempted="dns-01", attempted_at=long_ago + timedelta(seconds=at)))
            for at, each in enumerate(found)
        ]
        await context.ledger.commit(Change(replaced=list(rows)))
        owed = [row[0] for row in await unheard(context, "", context.clock() - timedelta(hours=1))]
        assert identifiers[-1] in owed[:2]
        assert len(owed) == 200

    acme.home.run(act)
