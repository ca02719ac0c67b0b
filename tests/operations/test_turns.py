"""Work in turns: nobody's backlog holds up the others, everything has a bound, nothing is lost."""

import asyncio
from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from certwright.operations.turns import TurnLimits, Turns

LIMITS = TurnLimits(at_once=4, at_once_each=2, waiting=12, waiting_each=6)


class Stage:
    """Pieces of work that begin, and end when they are told to."""

    def __init__(self) -> None:
        self.turns = Turns(LIMITS)
        self.begun: list[tuple[int, int]] = []
        self.running: dict[int, tuple[int, asyncio.Event]] = {}
        self.most = Counter[int]()

    def take(self, party: int, key: int) -> bool:
        async def work() -> None:
            end = asyncio.Event()
            self.begun.append((party, key))
            self.running[key] = party, end
            counts = Counter(party for party, _ in self.running.values())
            self.most |= counts
            self.most[-1] = max(self.most[-1], len(self.running))
            await end.wait()
            del self.running[key]

        return self.turns.take(str(party), key, work)

    async def finish(self, key: int) -> None:
        self.running[key][1].set()
        await settle()

    async def finish_all(self) -> None:
        while self.running:
            await self.finish(next(iter(self.running)))


async def settle() -> None:
    for _ in range(4):
        await asyncio.sleep(0)


def test_one_party_leaves_room_for_the_others() -> None:
    async def main() -> None:
        stage = Stage()
        assert [stage.take(1, key) for key in range(10)] == [True] * 8 + [False] * 2
        await settle()
        assert not stage.turns.has_room("1")
        assert stage.turns.has_room("2")
        assert stage.take(2, 100)
        await settle()
        assert stage.begun == [(1, 0), (1, 1), (2, 100)]
        await stage.finish_all()
        assert sorted(key for _, key in stage.begun) == [*range(8), 100]

    asyncio.run(main())


def test_a_newcomer_waits_for_one_turn_not_for_a_backlog() -> None:
    async def main() -> None:
        stage = Stage()
        for party in (1, 2):
            for key in range(5):
                assert stage.take(party, 10 * party + key)
        await settle()
        assert len(stage.running) == 4
        assert stage.take(3, 30)
        await stage.finish(10)
        await stage.finish(20)
        await stage.finish(11)
        assert (3, 30) in stage.begun
        await stage.finish_all()

    asyncio.run(main())


def test_what_is_known_is_not_done_twice() -> None:
    async def main() -> None:
        stage = Stage()
        for _ in range(3):
            for key in range(4):
                assert stage.take(1, key)
        await settle()
        await stage.finish_all()
        assert stage.begun == [(1, 0), (1, 1), (1, 2), (1, 3)]
        assert stage.take(1, 0)
        await settle()
        await stage.finish_all()
        assert stage.begun[-1] == (1, 0)

    asyncio.run(main())


def test_all_together_have_a_bound() -> None:
    async def main() -> None:
        stage = Stage()
        taken = [stage.take(party, party) for party in range(30)]
        await settle()
        assert taken == [True] * 16 + [False] * 14
        await stage.turns.close()
        assert stage.take(1, 99)
        await settle()
        assert stage.begun[-1] == (1, 99)
        await stage.turns.close()

    asyncio.run(main())


def test_a_newcomer_finds_room_where_others_have_filled_it() -> None:
    """The newest of the longest queue makes room; whoever has offered it offers it again."""

    async def main() -> None:
        stage = Stage()
        for party in (1, 2):
            for key in range(8):
                assert stage.take(party, 10 * party + key)
        await settle()
        assert stage.turns.has_room("3")
        assert stage.take(3, 30)
        assert stage.take(4, 40)
        await stage.finish(10)
        await stage.finish(20)
        await stage.finish(11)
        await stage.finish(21)
        assert {(3, 30), (4, 40)} <= set(stage.begun)
        await stage.finish_all()
        assert len(stage.begun) == 16
        assert {(1, 17), (2, 27)}.isdisjoint(stage.begun)

    asyncio.run(main())


@given(st.lists(st.tuples(st.integers(0, 4), st.integers(0, 30), st.booleans()), max_size=60))
def test_bounds_hold_and_what_is_taken_is_done(steps: list[tuple[int, int, bool]]) -> None:
    async def main() -> None:
        stage, taken = Stage(), set()
        for party, key, finish in steps:
            if stage.take(party, 100 * party + key):
                taken.add(100 * party + key)
            if finish:
                await settle()
                if stage.running:
                    await stage.finish(next(iter(stage.running)))
        await settle()
        await stage.finish_all()
        done = {key for _, key in stage.begun}
        assert done <= taken
        assert done == taken or len(taken) > LIMITS.waiting
        assert stage.most.pop(-1, 0) <= LIMITS.at_once
        assert all(count <= LIMITS.at_once_each for count in stage.most.values())

    asyncio.run(main())
