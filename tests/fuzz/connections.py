"""Feeds what atheris invents to what reads HTTP: requests to our server, and a stranger's responses.

    python -m tests.fuzz.connections [-runs=N | -max_total_time=SECONDS] [CORPUS]

One input is good octets with a few changed, cut in two. It ends with a crash when anything but our errors is
raised, the cut changes what the application sees, or it sees two hosts.
"""

import asyncio
import sys

import atheris

with atheris.instrument_imports(include=["certwright.site.transport", "certwright.plugins.http_response"]):
    from certwright.core.errors import Malformed, TooLarge
    from certwright.plugins.http_response import ResponseReader
    from tests.site.spoken import speak

from tests.fuzz.changed import changed

OFFER = (
    b"POST /a?b HTTP/1.1\r\nHost: localhost\r\nConnection: upgrade\r\nUpgrade: h2c\r\n"
    b"Content-Length: 3\r\n\r\nabc"
)
CHUNKED = (
    b"POST /a HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n"
    b"3;x=y\r\nabc\r\n0\r\nHost: other\r\n\r\n"
)
RESPONSES = (
    b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\nX: y\r\n\r\nabc",
    (
        b"HTTP/1.1 100 Continue\r\n\r\n"
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n"
    ),
)
LOOP = asyncio.new_event_loop()


def read_requests(octets: bytes, cut: int) -> None:
    seen, answer = LOOP.run_until_complete(speak((octets[:cut], octets[cut:])))
    assert len(seen) <= answer.count(b"HTTP/1.1 ")
    for one in seen:
        names = [name for name, _ in one.fields]
        assert names.count(b"host") <= 1
    assert seen == LOOP.run_until_complete(speak((octets,)))[0]


def read_response(octets: bytes, cut: int) -> tuple[int, bytes]:
    reader = ResponseReader(512, 64)
    try:
        if not reader.feed(octets[:cut]):
            reader.feed(octets[cut:])
        reader.end()
    except (Malformed, TooLarge):
        return 0, b""
    assert len(reader.body) <= 64
    return reader.status, bytes(reader.body)


def test_one_input(octets: bytes) -> None:
    data = atheris.FuzzedDataProvider(octets)
    good = data.PickValueInList([OFFER, CHUNKED, *RESPONSES])
    made = changed(data, good)
    cut = data.ConsumeIntInRange(0, len(made))
    if good in RESPONSES:
        read_response(made, cut)
    else:
        read_requests(made + OFFER, cut)


if __name__ == "__main__":
    atheris.Setup(sys.argv, test_one_input)
    atheris.Fuzz()
