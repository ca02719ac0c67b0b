"""Heads of requests: whatever comes, however it is cut, the application sees what was said and no more."""

import asyncio
import itertools

from hypothesis import given
from hypothesis import strategies as st

from tests.changed import changed
from tests.site.spoken import BOUNDS, Seen, speak

OFFER = b"Connection: upgrade\r\nUpgrade: h2c\r\n"
CHUNKED = (
    b"POST /a HTTP/1.1\r\nHost: localhost\r\nX: y\r\nTransfer-Encoding: chunked\r\n\r\n"
    b"3\r\nabc\r\n0\r\n%b\r\n"
)
FIELD = b"Client-Cert: :AAAA:\r\n"
bodies = st.binary(max_size=40)
cuts = st.lists(st.integers(0, 300), max_size=6)


def spoken(octets: bytes, cuts: list[int]) -> tuple[list[Seen], bytes]:
    places = sorted({min(cut, len(octets)) for cut in cuts} | {0, len(octets)})
    return asyncio.run(speak(octets[start:end] for start, end in itertools.pairwise(places)))


def post(body: bytes, fields: bytes = b"", *, chunked: bool = False) -> bytes:
    size = b"Transfer-Encoding: chunked" if chunked else b"Content-Length: %d" % len(body)
    framed = (b"%x\r\n%b\r\n" % (len(body), body) if body else b"") + b"0\r\n\r\n" if chunked else body
    return b"POST /a?b HTTP/1.1\r\nHost: localhost\r\nX: y\r\n%b%b\r\n\r\n%b" % (fields, size, framed)


@given(bodies, st.booleans(), cuts)
def test_an_offer_to_upgrade_changes_nothing(body: bytes, chunked: bool, cuts: list[int]) -> None:
    plain, offered = post(body, chunked=chunked), post(body, OFFER, chunked=chunked)
    seen, answer = spoken(plain + offered + plain, cuts)
    assert answer.count(b"HTTP/1.1 200 ") == 3
    assert [one.body for one in seen] == [body] * 3
    assert seen[1].fields == [*seen[0].fields[:2], (b"connection", b"upgrade"), *seen[0].fields[2:]]
    assert seen[0] == seen[2]


@given(cuts)
def test_fields_after_the_body_are_not_fields_of_the_head(cuts: list[int]) -> None:
    """RFC 9110 section 6.5.1: a proxy that removes a field from heads may leave it in trailers."""
    with_trailer, without = CHUNKED % FIELD, CHUNKED % b""
    assert spoken(with_trailer, cuts)[0] == spoken(without, [])[0]


def test_trailers_and_chunks_without_end_are_refused() -> None:
    for trailer in (b"X: " + b"a" * 20 * BOUNDS.head_octets, b"X: a\r\n" * 4 * BOUNDS.head_octets):
        octets = CHUNKED % trailer
        seen, answer = spoken(octets, list(range(0, len(octets), 1000)))
        assert not seen
        assert answer.startswith(b"HTTP/1.1 431 ")


@given(
    st.sampled_from([post(b"abc", OFFER), CHUNKED % FIELD]).flatmap(changed) | st.binary(max_size=60), cuts
)
def test_any_octets_are_requests_or_refused(octets: bytes, cuts: list[int]) -> None:
    seen, answer = spoken(octets + b"\r\n\r\n", cuts)
    assert len(seen) <= answer.count(b"HTTP/1.1 ")
    for one in seen:
        assert [name for name, _ in one.fields].count(b"host") <= 1


def test_a_body_in_chunks_of_one_octet_is_a_body() -> None:
    octets = CHUNKED.replace(b"3\r\nabc\r\n", b"1\r\na\r\n" * BOUNDS.head_octets) % b""
    (seen,), _ = spoken(octets, list(range(0, len(octets), 1000)))
    assert seen.body == b"a" * BOUNDS.head_octets
