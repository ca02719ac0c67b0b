"""Octets that were right, and are so no longer."""

from hypothesis import strategies as st


def changed(good: bytes) -> st.SearchStrategy[bytes]:
    """The octets with one to three places replaced, removed or put in."""
    change = st.tuples(st.integers(0, len(good)), st.integers(0, 3), st.binary(max_size=3))
    return st.lists(change, min_size=1, max_size=3).map(lambda changes: _applied(good, changes))


def _applied(good: bytes, changes: list[tuple[int, int, bytes]]) -> bytes:
    octets = bytearray(good)
    for place, removed, put in changes:
        octets[place : place + removed] = put
    return bytes(octets)
