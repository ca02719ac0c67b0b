"""Two places on the network with a bad line between them: packets are lost, by chance, in both directions.

Each place is a network namespace with a TUN device, and this process carries packets from one to the other.
Only root can make them.
"""

import fcntl
import os
import random
import select
import struct
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.real.namespaces import Unobtainable, ip, namespace

TUN = Path("/dev/net/tun")
TUNSETIFF, IFF_TUN, IFF_NO_PI = 0x400454CA, 0x0001, 0x1000
HERE, THERE = "10.78.1.0/24", "10.78.2.0/24"
MTU = 1500


@dataclass(slots=True)
class Line:
    """`here` and `there` are namespaces; every address of THERE is there. `lost` packets of `carried`."""

    here: str
    there: str
    carried: int = 0
    lost: int = 0


@contextmanager
def lossy_line(loss: float, seed: int) -> Iterator[Line]:
    """A line that loses this part of all packets, for the block. Raises Unobtainable."""
    if not os.access(TUN, os.R_OK | os.W_OK):
        raise Unobtainable(f"{TUN} cannot be opened")
    with ExitStack() as stack:
        line = Line(stack.enter_context(namespace()), stack.enter_context(namespace()))
        ends = [_device(stack, line.here, HERE, THERE), _device(stack, line.there, THERE, HERE)]
        ip("-netns", line.there, "route", "add", "local", THERE, "dev", "lo")
        closing, closed = os.pipe()
        carrier = threading.Thread(target=_carry, args=(line, ends, closing, loss, random.Random(seed)))
        carrier.start()
        try:
            yield line
        finally:
            os.close(closed)
            carrier.join()
            os.close(closing)


def _device(stack: ExitStack, place: str, own: str, other: str) -> int:
    """Our end of a device in a namespace, where it has the first address of `own` and leads to `other`."""
    descriptor = os.open(TUN, os.O_RDWR | os.O_NONBLOCK)
    stack.callback(os.close, descriptor)
    made = fcntl.ioctl(descriptor, TUNSETIFF, struct.pack("16sH22x", b"", IFF_TUN | IFF_NO_PI))
    name = made[:16].rstrip(b"\0").decode()
    ip("link", "set", name, "netns", place)
    ip("-netns", place, "address", "add", own.replace(".0/", ".1/"), "dev", name)
    ip("-netns", place, "link", "set", name, "mtu", str(MTU), "up")
    ip("-netns", place, "route", "add", other, "dev", name)
    return descriptor


def _carry(line: Line, ends: list[int], closing: int, loss: float, chance: random.Random) -> None:
    while True:
        ready, _, _ = select.select([*ends, closing], [], [])
        if closing in ready:
            return
        for end in ready:
            packet = os.read(end, MTU)
            line.carried += 1
            if chance.random() < loss:
                line.lost += 1
            else:
                os.write(ends[1 - ends.index(end)], packet)
