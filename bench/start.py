"""Start-up: `certwright --help` (target 150 ms) and the memory of an idle `certwright up --workers 1`
(target 300 MB).

The floor of the first is the interpreter's own start; memory is PSS of all processes together.
"""

import os
import subprocess
import sys
import time
from pathlib import Path

from bench._machine import _tree, installation, served, show


def seconds(command: list[str], repeat: int = 10) -> float:
    """The quickest of several runs; the first may compile what the others load."""
    best, environment = float("inf"), os.environ | {"PYTHONDONTWRITEBYTECODE": ""}
    for _ in range(repeat):
        started = time.monotonic()
        subprocess.run(
            command, check=True, stdout=subprocess.DEVNULL, stdin=subprocess.DEVNULL, env=environment
        )
        best = min(best, time.monotonic() - started)
    return best


def pss(pid: int) -> float:
    """MB of proportional set size of a process."""
    rows = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    return next(int(row.split()[1]) for row in rows if row.startswith("Pss:")) / 1000


def main() -> None:
    command = Path(sys.executable).with_name("certwright")
    base = seconds([sys.executable, "-c", "pass"])
    took = seconds([str(command), "--help"])
    show(
        "certwright --help",
        time=f"{took * 1000:.0f} ms (target 150)",
        floor=f"{base * 1000:.0f} ms",
        ratio=f"{took / base:.1f}",
    )
    with (
        installation() as (configuration, token),
        served(configuration, token, 1, "fast,console,worker") as server,
    ):
        time.sleep(10)
        sizes = [pss(pid) for pid in _tree(server.pid)]
    show("certwright up --workers 1, idle", PSS=f"{sum(sizes):.0f} MB (target 300)", processes=len(sizes))


if __name__ == "__main__":
    main()
