"""The worlds that relying parties judge: one for each key algorithm, shared by the tests of a process."""

from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from certwright.core.keys import KeyAlgorithm
from tests.peers.world import World, world


class Worlds:
    """Made when first asked for."""

    def __init__(self, factory: pytest.TempPathFactory, stack: ExitStack) -> None:
        self._factory, self._stack = factory, stack
        self._made: dict[KeyAlgorithm, World] = {}

    def __getitem__(self, algorithm: KeyAlgorithm) -> World:
        if algorithm not in self._made:
            folder = self._factory.mktemp(algorithm)
            self._made[algorithm] = self._stack.enter_context(world(algorithm, folder))
        return self._made[algorithm]


@pytest.fixture(scope="session")
def worlds(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Worlds]:
    with ExitStack() as stack:
        yield Worlds(tmp_path_factory, stack)
