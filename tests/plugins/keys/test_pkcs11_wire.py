"""What one side packs the other reads, whole or cut as the socket likes; anything else is an error."""

import contextlib
import socket

import pytest
from hypothesis import given
from hypothesis import strategies as st

from certwright.plugins.keys.pkcs11_wire import MAXIMUM_MESSAGE, pack, read_message, unpack

FIELDS = st.lists(st.binary(max_size=200), max_size=8)


@given(FIELDS, FIELDS)
def test_messages_come_out_as_they_went_in(first: list[bytes], second: list[bytes]) -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        theirs.sendall(pack(first) + pack(second))
        theirs.close()
        assert read_message(ours) == first
        assert read_message(ours) == second
        with pytest.raises(EOFError):
            read_message(ours)


@given(FIELDS, st.integers(1))
def test_a_message_cut_short_is_the_end(fields: list[bytes], cut: int) -> None:
    message = pack(fields)
    ours, theirs = socket.socketpair()
    with ours, theirs:
        theirs.sendall(message[: len(message) - 1 - cut % len(message)])
        theirs.close()
        with pytest.raises(EOFError):
            read_message(ours)


@given(st.binary(max_size=200))
def test_any_bytes_are_fields_or_an_error(body: bytes) -> None:
    with contextlib.suppress(ValueError):
        fields = unpack(body)
        assert pack(fields)[4:] == body


def test_bounds() -> None:
    assert unpack(pack([bytes(MAXIMUM_MESSAGE - 4)])[4:]) == [bytes(MAXIMUM_MESSAGE - 4)]
    with pytest.raises(ValueError, match="a message of"):
        pack([bytes(MAXIMUM_MESSAGE)])
    ours, theirs = socket.socketpair()
    with ours, theirs:
        theirs.sendall((MAXIMUM_MESSAGE + 1).to_bytes(4, "big"))
        with pytest.raises(ValueError, match="a message of"):
            read_message(ours)
