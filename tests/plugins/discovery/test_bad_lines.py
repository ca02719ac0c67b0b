"""The scanner over a line that loses packets: what answers at all is found, and nothing is made up."""

import asyncio
import json
import ssl
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

from tests.plugins.discovery.looking import sightings
from tests.real import processes
from tests.real.certwright import CHECKOUT
from tests.real.lossy_network import lossy_line
from tests.real.namespaces import Unobtainable, inside
from tests.real.tls_servers import present

PORT = 4433
SERVERS = 40
SERVE = "import sys; from tests.plugins.discovery.test_bad_lines import serve; serve(*sys.argv[1:])"
LOOK = "import sys; from tests.plugins.discovery.test_bad_lines import look; look(sys.argv[1:])"


def look(targets: list[str]) -> None:
    """What a process in a namespace does: it prints what it sees."""
    seen = asyncio.run(sightings(*targets, ports=str(PORT), connect_seconds=15.0, total_seconds=40.0))
    sys.stdout.write(
        json.dumps(
            [
                asdict(one.place) | {"chain": [der.hex() for der in one.chain], "problem": one.problem}
                for one in seen
            ]
        )
    )


def looked(place: str, *targets: str) -> list[dict[str, Any]]:
    done = subprocess.run(
        inside(place, [sys.executable, "-c", LOOK, *targets]),
        cwd=CHECKOUT,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=200,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return list(json.loads(done.stdout))


def serve(leaf_and_chain: str, key: str) -> None:
    """What a process in the other namespace does: TLS for all of them at once, at every address there."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(leaf_and_chain, key)

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.close()

    async def forever() -> None:
        server = await asyncio.start_server(answer, "0.0.0.0", PORT, ssl=context, backlog=SERVERS)
        sys.stdout.write("served\n")
        sys.stdout.flush()
        await server.serve_forever()

    asyncio.run(forever())


def test_servers_behind_a_line_that_loses_a_tenth(tmp_path: Path, seed: int) -> None:
    presented = present(tmp_path / "chain", length=3)
    try:
        with lossy_line(0.1, seed) as line:
            command = inside(line.there, [sys.executable, "-c", SERVE, presented.whole, presented.key])
            with processes.start(command, log=tmp_path / "log", ready="served", folder=CHECKOUT):
                found = looked(line.here, f"10.78.2.1-10.78.2.{SERVERS}", "10.78.2.99:1")
            assert line.lost
    except Unobtainable as reason:
        pytest.skip(str(reason))
    chain = [der.hex() for der in presented.chain]
    there = {one["host"]: (one["chain"], one["problem"]) for one in found}
    assert there.pop("10.78.2.99") == ([], "the connection is refused")
    assert there == {f"10.78.2.{number}": (chain, "") for number in range(1, SERVERS + 1)}
