"""One address and port: asked for every server name in turn, again with less where that may help."""

import asyncio
import base64
import os
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from ipaddress import IPv4Address
from socket import inet_ntoa
from typing import Protocol

from ...core.audit import JsonValue
from ...core.egress import Address
from ...core.targets import Item
from ...ports import Place, Sighting
from ...protocols.tls.again import ask_again
from ...protocols.tls.hello import RANDOM_OCTETS, Ask, Hello, Question
from ...protocols.tls.keys import Shares
from ...protocols.tls.look import Look, Seen, first_hello
from ...protocols.tls.registry import UNRECOGNIZED_NAME
from ...protocols.tls.starttls import StartTls
from ...protocols.tls.wire import Alerted, Ended, NotTls, TlsFault
from .dial import Dial, Missed, Outcome, Talk, Why

KIND = "tls"
LEAST_SECONDS = 0.1
HELLOS_MAX = 1024


@dataclass(frozen=True, slots=True)
class Manner:
    """How to look: what is offered by ALPN, whether the key is to be shown, the names to ask for at
    addresses, by which protocols TLS is begun, and the bounds in seconds."""

    shares: Shares
    alpn: tuple[str, ...]
    prove: bool
    names: tuple[str, ...]
    starttls: Mapping[int, str]
    connect_seconds: float
    total_seconds: float
    clock: Callable[[], datetime]
    hellos: dict[Ask, Hello] = field(default_factory=dict)

    def hello(self, ask: Ask) -> Hello:
        """The first hello for an ask; those of the last names are kept."""
        found = self.hellos.get(ask)
        if found is None:
            if len(self.hellos) >= HELLOS_MAX:
                self.hellos.clear()
            found = self.hellos[ask] = first_hello(ask, self.shares)
        return found


class Listener(Protocol):
    """Whoever has begun probes, and hears of them, be it before `start` returns."""

    def saw(self, sighting: Sighting) -> None: ...

    def ended(self, probe: "Probe", answered: bool, lack: str) -> None:
        """It is over. `answered` says whether the network let it through to something, `lack` what this
        machine lacks; then it must go `back`."""

    def paused(self, probe: "Probe") -> None:
        """It has another name to ask for: start it again when the network's pace allows."""

    def failed(self, error: Exception) -> None:
        """Something is wrong with us."""


class Probe:
    """Looks at one item at one of its addresses, and is heard of no more once it is closed."""

    __slots__ = (
        "_answered",
        "_ask",
        "_deadline",
        "_dial",
        "_fault",
        "_host",
        "_item",
        "_listener",
        "_loop",
        "_manner",
        "_names",
        "address",
    )

    def __init__(self, item: Item, address: Address, manner: Manner, listener: Listener) -> None:
        self.address = address
        # quicker than text of `ipaddress`, and the same
        self._host = inet_ntoa(address.packed) if isinstance(address, IPv4Address) else str(address)
        self._loop = asyncio.get_running_loop()
        self._item, self._manner, self._listener = item, manner, listener
        self._names = self._names_to_ask()
        self._answered = False
        self._fault: TlsFault | None = None
        self._dial: Dial | None = None
        self._ask = Ask()
        self._deadline = 0.0

    def start(self) -> None:
        """Ask for the next name."""
        alpn = () if self._item.port in self._manner.starttls else self._manner.alpn
        self._deadline = self._loop.time() + self._manner.total_seconds
        self._fault = None
        self._dial_with(Ask(self._names.popleft(), alpn, self._manner.prove))

    def back(self) -> None:
        """Let the next start ask for the same name again, as nothing came of it."""
        self._names.appendleft(self._ask.name)

    def not_looked_at(self, problem: str) -> Sighting:
        """What is told of a place at which one may not look."""
        self._ask = Ask(self._names[0])
        return self._sighting(problem=problem)

    def close(self) -> None:
        if self._dial:
            self._dial.close()

    def _names_to_ask(self) -> deque[str]:
        host = self._item.host
        if isinstance(host, str) or self._item.name:
            return deque((self._item.name or str(host),))
        return deque(("", *self._manner.names))

    def _next_name(self) -> None:
        if self._names:
            self._listener.paused(self)
        else:
            self._end()

    def _dial_with(self, ask: Ask) -> None:
        self._ask = ask
        protocol = self._manner.starttls.get(self._item.port)
        starttls = StartTls(protocol, ask.name or self._host) if protocol else None
        look = Look(ask, self._manner.hello(ask), self._manner.shares, os.urandom(RANDOM_OCTETS))
        left = max(self._deadline - self._loop.time(), LEAST_SECONDS)
        # so that a server which hangs on the whole question can be asked a smaller one in time
        seconds = left / 2 if ask.question is Question.WHOLE else left
        self._dial = Dial(self._loop, Talk(look, starttls), seconds, self._heard)
        self._dial.start(self._host, self._item.port, min(self._manner.connect_seconds, left))

    def _heard(self, outcome: Outcome) -> None:
        self._dial = None  # which knows us: a ring is freed late
        try:
            self._hear(outcome)
        except Exception as error:  # noqa: BLE001 - the event loop would only log it, and the sweep wait for ever
            self._listener.failed(error)

    def _hear(self, outcome: Outcome) -> None:
        if isinstance(outcome, Missed):
            self._missed(outcome)
            return
        self._answered = True
        if isinstance(outcome, Seen):
            self._listener.saw(self._sighting(outcome.chain, self._facts(outcome)))
            self._next_name()
        else:
            self._failed(outcome)

    def _missed(self, missed: Missed) -> None:
        """A name after the first is not asked for where nothing answers."""
        self._answered = self._answered or missed.why in {Why.REFUSED, Why.MUTE}
        if missed.why is Why.OURS:
            self._listener.ended(self, self._answered, missed.text)
        elif missed.why is Why.MUTE and self._ask.question is Question.WHOLE:
            self._dial_with(replace(self._ask, question=Question.SMALL))
        else:
            self._tell_problem(self._fault.detail if self._fault else missed.text)
            self._end()

    def _failed(self, fault: TlsFault) -> None:
        """The first fault is told, for it is about the whole question."""
        self._fault = self._fault or fault
        again = ask_again(self._ask, fault)
        if again and self._loop.time() < self._deadline:
            self._dial_with(again)
        else:
            self._tell_problem(self._fault.detail)
            if self._speaks_tls():
                self._next_name()
            else:
                self._end()

    def _speaks_tls(self) -> bool:
        return self._fault is not None and not isinstance(self._fault, NotTls | Ended)

    def _tell_problem(self, text: str) -> None:
        """Where it was said that there is a server, or there is one that speaks TLS: but many servers do not
        know a name of our list, which is none."""
        unknown = isinstance(self._fault, Alerted) and self._fault.code == UNRECOGNIZED_NAME
        of_list = unknown and self._ask.name in self._manner.names
        if self._item.alone or (self._speaks_tls() and not of_list):
            self._listener.saw(self._sighting(problem=text))

    def _end(self) -> None:
        self._listener.ended(self, self._answered, "")

    # -- what is told --

    def _sighting(
        self, chain: tuple[bytes, ...] = (), facts: Mapping[str, JsonValue] | None = None, problem: str = ""
    ) -> Sighting:
        place = Place(KIND, self._host, self._item.port, self._ask.name)
        return Sighting(place, self._manner.clock(), chain, {**(facts or {}), **self._asked()}, problem)

    def _asked(self) -> dict[str, JsonValue]:
        host = self._item.host
        asked: dict[str, JsonValue] = {"asked": host} if isinstance(host, str) else {}
        if protocol := self._manner.starttls.get(self._item.port):
            asked["starttls"] = protocol
        return asked

    def _facts(self, seen: Seen) -> dict[str, JsonValue]:
        facts: dict[str, JsonValue] = {"version": seen.version, "cipher": seen.cipher}
        told: dict[str, JsonValue] = {
            "group": seen.group,
            "dh_bits": seen.prime_bits,
            "alpn": seen.alpn,
            "staple": base64.b64encode(seen.staple).decode("ascii"),
        }
        facts.update((name, value) for name, value in told.items() if value)
        judged = {
            "client_certificate": seen.client_certificate,
            "post_quantum": seen.post_quantum,
            "proved": seen.proved,
        }
        facts.update((name, value) for name, value in judged.items() if value is not None)
        return facts
