"""Network namespaces: other places on the network, on this machine. Only root can make them."""

import os
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from secrets import token_hex

from tests.real.packages import need


class Unobtainable(Exception):
    """No namespace can be made here. A test may skip with this as its reason."""


def inside(namespace: str, command: Sequence[str | Path]) -> list[str | Path]:
    """The command line that runs `command` there."""
    return ["ip", "netns", "exec", namespace, *command]


@contextmanager
def namespace() -> Iterator[str]:
    """A namespace with a loopback interface of its own and nothing else, for the block; gives its name."""
    if os.geteuid() != 0:
        raise Unobtainable("making a network namespace needs root (ip netns)")
    if shutil.which("ip") is None:
        need("iproute2")
    name = f"certwright-{token_hex(4)}"
    ip("netns", "add", name)
    try:
        ip("-netns", name, "link", "set", "lo", "up")
        yield name
    finally:
        ip("netns", "delete", name)


def ip(*arguments: str) -> None:
    """Run `ip`. Raises Unobtainable with what it says."""
    done = subprocess.run(["ip", *arguments], capture_output=True, text=True, timeout=30)
    if done.returncode:
        raise Unobtainable(f"ip {' '.join(arguments)}: {done.stderr.strip()}")
