"""The contract of Notifier, as tests to run against any implementation.

    class TestMyNotifier(NotifierContract):
        @asynccontextmanager
        async def situation(self, case: Case) -> AsyncIterator[Situation]:
            async with a_server_that_behaves_like(case) as server:
                yield Situation(MyNotifier(...), server.received)

pytest finds the class and runs every test, once for each event loop. What a situation starts must be real:
the notifier is to meet a server, and the server to behave as the case says.
"""

import asyncio
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, ClassVar

from ..core.errors import Refused, Unavailable
from ..ports import Message, Notifier

NOW = datetime(2030, 1, 2, 3, 4, 5, tzinfo=UTC)
QUOTED_MAX = 100
AT_ONCE = 10
EVIL = (
    "x\r\nBcc: eve@example.test\r\n\r\nfirst",
    "x\n.\nMAIL FROM:<e@x>",
    "\x00\u2028\ud800",
    "=?utf-8?q?x=0D=0ABcc:_eve?=",
)
MESSAGE = Message(
    "alice@example.test", "Ein Antrag wartet: Größe", "Schau hier:\nhttps://pki.example.test/x\n", "n.1", NOW
)


class Case(StrEnum):
    """How the other side behaves. BUSY says that it may take it later, REFUSING that it never will; SILENT
    accepts and says nothing; SLOW sends an octet now and then."""

    GOOD = "good"
    BUSY = "busy"
    REFUSING = "refusing"
    ABSENT = "absent"
    SILENT = "silent"
    SLOW = "slow"
    HUGE = "huge"
    GARBAGE = "garbage"
    NOT_TRUSTED = "not-trusted"


BAD = tuple(case for case in Case if case is not Case.GOOD)


@dataclass(frozen=True, slots=True)
class Received:
    """One message as it arrived: its envelope, and what a reader of mail or the like makes of it."""

    to: tuple[str, ...]
    subject: str
    text: str
    identifier: str
    headers: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Situation:
    """A notifier before a server that behaves as the case says; `received` grows with what arrives. `seconds`
    bounds a sending: the notifier's own limits are set to less."""

    notifier: Notifier
    received: list[Received] = field(default_factory=list)
    sent: str = ""
    seconds: float = 10.0


class NotifierContract:
    """Inherit, define `situation`."""

    loops: ClassVar[tuple[Callable[[], asyncio.AbstractEventLoop], ...]] = (asyncio.new_event_loop,)

    def situation(self, case: Case) -> AbstractAsyncContextManager[Situation]:
        """Start what the case needs, on the running event loop; it is stopped at the end of the block."""
        raise NotImplementedError

    def pytest_generate_tests(self, metafunc: Any) -> None:
        if "loop" in metafunc.fixturenames:
            names = [loop.__module__.partition(".")[0] for loop in self.loops]
            metafunc.parametrize("loop", self.loops, ids=names)
        if "case" in metafunc.fixturenames:
            metafunc.parametrize("case", BAD, ids=str)

    # -- the tests --

    def test_a_message_arrives_as_it_is(self, loop: Any) -> None:
        async def body() -> None:
            async with self.situation(Case.GOOD) as situation:
                await asyncio.wait_for(situation.notifier.send(MESSAGE), situation.seconds)
                [one] = situation.received
                assert one.to == (MESSAGE.to,)
                assert (one.subject, one.text.strip()) == (MESSAGE.subject, MESSAGE.text.strip())
                assert MESSAGE.identifier in one.identifier

        self._run(loop, body)

    def test_the_same_message_has_the_same_identifier(self, loop: Any) -> None:
        async def body() -> None:
            async with self.situation(Case.GOOD) as situation:
                for message in (MESSAGE, MESSAGE, replace(MESSAGE, identifier="n.2")):
                    await asyncio.wait_for(situation.notifier.send(message), situation.seconds)
                first, second, third = (one.identifier for one in situation.received)
                assert first == second != third

        self._run(loop, body)

    def test_what_goes_wrong_is_said_in_time(self, loop: Any, case: Case) -> None:
        async def body() -> None:
            async with self.situation(case) as situation:
                wanted = Refused if case is Case.REFUSING else Unavailable
                try:
                    await asyncio.wait_for(situation.notifier.send(MESSAGE), situation.seconds)
                except TimeoutError:
                    raise AssertionError(f"it did not end within {situation.seconds:g} s") from None
                except wanted as error:
                    raised = error
                else:
                    raise AssertionError(f"{wanted.__name__} was not raised")
                assert raised.detail.isprintable()
                sent = situation.sent
                quotes = (sent[start : start + QUOTED_MAX + 1] for start in range(len(sent) - QUOTED_MAX))
                assert not any(quote in raised.detail for quote in quotes), "the text quotes what was sent"
                assert situation.received == []

        self._run(loop, body)

    def test_no_text_gets_beyond_its_place(self, loop: Any) -> None:
        async def body() -> None:
            async with self.situation(Case.GOOD) as situation:
                await asyncio.wait_for(situation.notifier.send(MESSAGE), situation.seconds)
                expected = situation.received[0].headers
                for evil in EVIL:
                    message = replace(MESSAGE, subject=evil, text=f"{evil}\r\n.\r\nQUIT\r\n")
                    await asyncio.wait_for(situation.notifier.send(message), situation.seconds)
                for one in situation.received:
                    assert (one.to, one.headers) == ((MESSAGE.to,), expected)

        self._run(loop, body)

    def test_what_is_no_address_is_refused(self, loop: Any) -> None:
        async def body() -> None:
            async with self.situation(Case.GOOD) as situation:
                for to in ("", "alice", "a@b>\r\nRCPT TO:<eve@example.test", "a@b,eve@example.test", "a b@c"):
                    try:
                        await situation.notifier.send(replace(MESSAGE, to=to))
                    except Refused:
                        continue
                    raise AssertionError(f"{to!r} was not refused")
                assert situation.received == []

        self._run(loop, body)

    def test_a_sending_can_be_cancelled(self, loop: Any) -> None:
        async def body() -> None:
            async with self.situation(Case.SILENT) as situation:
                task = asyncio.create_task(situation.notifier.send(MESSAGE))
                await asyncio.sleep(0.05)
                task.cancel()
                await asyncio.wait({task}, timeout=situation.seconds)
                assert task.cancelled()

        self._run(loop, body)

    def test_many_are_sent_at_once(self, loop: Any) -> None:
        async def body() -> None:
            async with self.situation(Case.GOOD) as situation:
                many = [replace(MESSAGE, identifier=f"n.{number}") for number in range(AT_ONCE)]
                await asyncio.gather(*map(situation.notifier.send, many))
                assert len({one.identifier for one in situation.received}) == AT_ONCE

        self._run(loop, body)

    def _run(self, loop: Callable[[], asyncio.AbstractEventLoop], body: Callable[[], Any]) -> None:
        with asyncio.Runner(loop_factory=loop) as runner:
            runner.run(body())
