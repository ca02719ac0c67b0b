"""The contract of Validator, as tests to run against any implementation.

    class TestMyValidator(ValidatorContract):
        perspective = "zone-a"

        @asynccontextmanager
        async def situation(self, case: Case) -> AsyncIterator[Situation]:
            async with a_server_that_behaves_like(case) as port:
                yield Situation(MyValidator(...), challenge, frozenset({"connection"}))

pytest finds the class and runs every test, once for each event loop. What a situation starts must be real:
the validator is to meet a server, and the server to behave as the case says.
"""

import asyncio
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, ClassVar

from ..core.names import Identifier, IdentifierKind
from ..ports import Challenge, Evidence, Validator

NOW = datetime(2030, 1, 2, 3, 4, 5, tzinfo=UTC)
QUOTED_MAX = 64
DETAIL_MAX = 1000
AT_ONCE = 50

# RFC 8555 section 6.7, those that say something about a challenge.
PROBLEMS = frozenset(
    {"caa", "connection", "dns", "incorrectResponse", "malformed", "serverInternal", "tls", "unauthorized"}
)


class Case(StrEnum):
    """How the other side behaves. SILENT accepts and says nothing; SLOW sends an octet now and then."""

    GOOD = "good"
    WRONG = "wrong"
    ABSENT = "absent"
    SILENT = "silent"
    SLOW = "slow"
    HUGE = "huge"
    GARBAGE = "garbage"


BAD = tuple(case for case in Case if case is not Case.GOOD)


@dataclass(frozen=True, slots=True)
class Situation:
    """A validator and a challenge that meets a server behaving as the case says.

    `problems` are those the evidence may name, empty in the good case. `sent` is text the server sends.
    `seconds` bounds the check: the validator's own limits are set to less.
    """

    validator: Validator
    challenge: Challenge
    problems: frozenset[str] = frozenset()
    sent: str = ""
    seconds: float = 30.0


class ValidatorContract:
    """Inherit, set `perspective`, define `situation`."""

    perspective: ClassVar[str] = ""
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

    def test_a_fulfilled_challenge_has_evidence_without_problem(self, loop: Any) -> None:
        async def body() -> None:
            async with self.situation(Case.GOOD) as situation:
                evidence = await self._checked(situation)
                assert (evidence.problem, evidence.detail) == ("", "")

        self._run(loop, body)

    def test_a_bad_server_gives_evidence_with_its_problem_in_time(self, loop: Any, case: Case) -> None:
        async def body() -> None:
            async with self.situation(case) as situation:
                assert situation.problems, "a bad case needs the problems it may have"
                assert situation.problems <= PROBLEMS
                evidence = await self._checked(situation)
                assert evidence.problem in situation.problems, evidence

        self._run(loop, body)

    def test_a_check_can_be_cancelled(self, loop: Any) -> None:
        async def body() -> None:
            async with self.situation(Case.SILENT) as situation:
                task = asyncio.create_task(situation.validator.check(situation.challenge, NOW))
                await asyncio.sleep(0.05)
                task.cancel()
                await asyncio.wait({task}, timeout=situation.seconds)
                assert task.cancelled()

        self._run(loop, body)

    def test_many_checks_run_at_once(self, loop: Any) -> None:
        async def body() -> None:
            async with self.situation(Case.GOOD) as situation:
                many = await asyncio.gather(*(self._checked(situation) for _ in range(AT_ONCE)))
                assert [evidence.problem for evidence in many] == [""] * AT_ONCE

        self._run(loop, body)

    def test_a_challenge_of_another_kind_is_malformed(self, loop: Any) -> None:
        async def body() -> None:
            async with self.situation(Case.GOOD) as situation:
                other = replace(situation.challenge, kind="none-of-yours-01")
                assert (await self._checked(replace(situation, challenge=other))).problem == "malformed"

        self._run(loop, body)

    def test_an_identifier_of_another_kind_is_malformed(self, loop: Any) -> None:
        async def body() -> None:
            async with self.situation(Case.GOOD) as situation:
                mail = Identifier(IdentifierKind.EMAIL, "someone@example.com")
                other = replace(situation.challenge, identifier=mail)
                assert (await self._checked(replace(situation, challenge=other))).problem == "malformed"

        self._run(loop, body)

    # -- how they are run --

    def _run(self, loop: Callable[[], asyncio.AbstractEventLoop], body: Callable[[], Any]) -> None:
        with asyncio.Runner(loop_factory=loop) as runner:
            runner.run(body())

    async def _checked(self, situation: Situation) -> Evidence:
        """The evidence, after a look at what holds for all of it."""
        check = situation.validator.check(situation.challenge, NOW)
        try:
            evidence = await asyncio.wait_for(check, situation.seconds)
        except TimeoutError:
            raise AssertionError(f"the check did not end within {situation.seconds:g} s") from None
        assert evidence.at == NOW
        assert evidence.perspective == self.perspective
        assert bool(evidence.problem) == bool(evidence.detail)
        assert len(evidence.detail) <= DETAIL_MAX
        assert evidence.detail.isascii()
        assert evidence.detail.isprintable()
        sent = situation.sent
        quotes = (sent[start : start + QUOTED_MAX + 1] for start in range(len(sent) - QUOTED_MAX))
        assert not any(quote in evidence.detail for quote in quotes), "the detail quotes what was sent"
        return evidence
