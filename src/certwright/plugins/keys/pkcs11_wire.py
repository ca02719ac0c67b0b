"""How a process of ours speaks with the helper that holds its PKCS#11 session.

A message is a length and fields, each with its length (32 bits, big-endian). A request is seconds it
may take, verb, arguments; an answer is OK and values, or MISSING, UNSUPPORTED, PIN or GONE and one line.
"""

import socket
import struct
from collections.abc import Sequence

OK = b"ok"
MISSING = b"missing"  # no such key
UNSUPPORTED = b"unsupported"  # the token does not do this
PIN = b"pin"  # the token does not take the PIN
GONE = b"gone"  # module, token or session is lost
MAXIMUM_MESSAGE = 16 * 1024 * 1024
_WORD = struct.Struct(">I")


def pack(fields: Sequence[bytes]) -> bytes:
    """A message of at most 16 MiB. Raises ValueError past that."""
    body = b"".join(_WORD.pack(len(value)) + value for value in fields)
    if len(body) > MAXIMUM_MESSAGE:
        raise ValueError(f"a message of {len(body)} bytes")
    return _WORD.pack(len(body)) + body


def unpack(body: bytes) -> list[bytes]:
    """The fields of a message, without its length. Raises ValueError where a field is cut short."""
    fields, at = [], 0
    while at + _WORD.size <= len(body):
        (length,) = _WORD.unpack_from(body, at)
        at += _WORD.size
        fields.append(body[at : at + length])
        at += length
    if at != len(body):
        raise ValueError("a field goes past the end of its message")
    return fields


def read_message(connection: socket.socket) -> list[bytes]:
    """The next message's fields. Raises EOFError when the other side is gone, ValueError for nonsense,
    OSError as the socket does (TimeoutError among them)."""
    (size,) = _WORD.unpack(_read(connection, _WORD.size))
    if size > MAXIMUM_MESSAGE:
        raise ValueError(f"a message of {size} bytes")
    return unpack(_read(connection, size))


def _read(connection: socket.socket, size: int) -> bytes:
    data = bytearray()
    while len(data) < size:
        if not (chunk := connection.recv(size - len(data))):
            raise EOFError
        data += chunk
    return bytes(data)
