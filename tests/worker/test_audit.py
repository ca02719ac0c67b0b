"""Several processes write events while workers number them; the log that comes of it stands every check."""

import os
import subprocess
import sys

import pytest

from certwright.operations.context import Context
from tests.worker.running import REPOSITORY, Home, audit_problems, unplaced, until_true

pytestmark = pytest.mark.database
WRITERS, COUNT = 4, 120


def test_the_log_of_many_writers_is_sound(home: Home) -> None:
    """Two workers beside them: the one that has no lease must not number anything."""
    with home.worker(), home.worker():
        writers = [write(home, f"writer-{number}") for number in range(WRITERS)]
        assert [writer.wait(120) for writer in writers] == [0] * WRITERS
        home.run(lambda context: is_sound(home, context))


def write(home: Home, name: str) -> "subprocess.Popen[bytes]":
    return subprocess.Popen(
        [sys.executable, "-m", "tests.worker.writer", name, str(COUNT)],
        env={**os.environ, **home.environment},
        cwd=REPOSITORY,
    )


async def is_sound(home: Home, context: Context) -> None:
    async def placed() -> bool:
        return not await unplaced(context)

    await until_true(placed)
    assert await audit_problems(home, context) == []
    sizes = await context.database.query('SELECT "size" FROM "audit_checkpoint" ORDER BY "size"')
    rows = await context.database.query('SELECT count(*) FROM "audit_event"')
    assert len(sizes) > 2
    assert sizes[-1][0] == rows[0][0]
