import itertools

from hypothesis import given
from hypothesis import strategies as st

from certwright.core.errors import Malformed, TooLarge
from certwright.plugins.http_response import ResponseReader

HEADER, BODY = 2048, 1024


def read(octets: bytes, cuts: list[int]) -> tuple[str, int, dict[str, str], bytes]:
    """What comes of the octets when they arrive cut at these places."""
    reader = ResponseReader(HEADER, BODY)
    places = sorted({min(cut, len(octets)) for cut in cuts} | {0, len(octets)})
    try:
        for start, end in itertools.pairwise(places):
            if reader.feed(octets[start:end]):
                break
        reader.end()
    except (Malformed, TooLarge) as error:
        return error.detail, 0, {}, b""
    assert len(reader.body) <= BODY
    assert reader.status
    return "", reader.status, reader.headers, bytes(reader.body)


def chunked(body: bytes, sizes: list[int]) -> bytes:
    octets = b""
    for size in sizes:
        part, body = body[:size], body[size:]
        octets += b"%x\r\n%s\r\n" % (len(part), part) if part else b""
    return octets + (b"%x\r\n%s\r\n" % (len(body), body) if body else b"") + b"0\r\n\r\n"


cuts = st.lists(st.integers(0, 1500), max_size=20)
bodies = st.binary(max_size=BODY)


@given(bodies, st.lists(st.integers(1, 300), max_size=8), cuts)
def test_framing_and_cutting_change_nothing(body: bytes, sizes: list[int], cuts: list[int]) -> None:
    head = b"HTTP/1.1 200 OK\r\nX-Name: a\r\nx-name: b\r\n"
    framed = (
        head + b"Content-Length: %d\r\n\r\n" % len(body) + body,
        head + b"\r\n" + body,
        head + b"Transfer-Encoding: chunked\r\n\r\n" + chunked(body, sizes),
        b"HTTP/1.1 100 Continue\r\nX: y\r\n\r\n" + head + b"\r\n" + body,
    )
    for octets in framed:
        detail, status, headers, found = read(octets, cuts)
        assert (detail, status, found) == ("", 200, body)
        assert headers["x-name"] == "a, b"
        assert "x" not in headers


@given(st.binary(min_size=BODY + 1, max_size=4 * BODY), cuts)
def test_a_body_past_its_bound_is_refused(body: bytes, cuts: list[int]) -> None:
    for head in (
        b"Content-Length: %d\r\n\r\n%s" % (len(body), body),
        b"\r\n" + body,
        b"Transfer-Encoding: chunked\r\n\r\n" + chunked(body, []),
    ):
        assert "larger" in read(b"HTTP/1.1 200 OK\r\n" + head, cuts)[0]


@given(bodies, st.integers(1, 200), cuts)
def test_a_response_cut_short_is_refused(body: bytes, missing: int, cuts: list[int]) -> None:
    whole = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body)
    assert read(whole[: max(0, len(whole) - missing)], cuts)[0]


pieces = st.sampled_from(
    [
        b"HTTP/1.1 200 OK\r\n",
        b"HTTP/1.1 100 Continue\r\n\r\n",
        b"HTTP/1.0 302 Found\r\n",
        b"Content-Length: 5\r\n",
        b"Content-Length: -1\r\n",
        b"Content-Length: " + b"9" * 30 + b"\r\n",
        b"Transfer-Encoding: chunked\r\n",
        b"Transfer-Encoding: gzip\r\n",
        b"Upgrade: x\r\nConnection: upgrade\r\n",
        b"\r\n",
        b"5\r\nabcde\r\n",
        b"0\r\n\r\n",
        b"ffffffffffffffff\r\n",
    ]
)


@given(st.lists(st.one_of(pieces, st.binary(max_size=30)), max_size=12), cuts)
def test_no_octets_break_the_reader(parts: list[bytes], cuts: list[int]) -> None:
    octets = b"".join(parts)
    assert read(octets, cuts) == read(octets, cuts)


@given(st.lists(st.binary(min_size=1, max_size=200), min_size=1, max_size=200))
def test_it_stops_at_its_bounds_whatever_comes(blocks: list[bytes]) -> None:
    """Nobody can make it take more than the bounds and one block."""
    reader = ResponseReader(HEADER, BODY)
    taken = 0
    try:
        for block in [b"HTTP/1.1 200 OK\r\n", *blocks]:
            if reader.feed(block):
                break
            taken += len(block)
            assert taken <= HEADER + 8 * BODY
    except (Malformed, TooLarge):
        pass
    assert len(reader.body) <= BODY
    assert sum(map(len, reader.headers.values())) <= HEADER
