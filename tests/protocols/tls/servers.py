"""Servers without sockets for a look: OpenSSL's in memory, and one whose messages a test makes up."""

import hashlib
import ssl
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import cache

from cryptography.hazmat.primitives.asymmetric import ec, mlkem, x448, x25519

from certwright.protocols.tls.hello import RANDOM_OCTETS, Ask
from certwright.protocols.tls.keys import (
    SUITES_1_3,
    PrivateKeys,
    Shares,
    Suite,
    expand_label,
    server_handshake_secret,
)
from certwright.protocols.tls.look import Look, first_hello
from certwright.protocols.tls.registry import TLS_1_2, Content, Extension, Group, Kind
from certwright.protocols.tls.wire import record, vector

RANDOM = bytes(range(RANDOM_OCTETS))


@cache
def shares() -> Shares:
    return Shares(
        PrivateKeys(
            x25519.X25519PrivateKey.generate(),
            x448.X448PrivateKey.generate(),
            ec.generate_private_key(ec.SECP256R1()),
            ec.generate_private_key(ec.SECP384R1()),
            ec.generate_private_key(ec.SECP521R1()),
            mlkem.MLKEM768PrivateKey.generate(),
            mlkem.MLKEM1024PrivateKey.generate(),
        )
    )


def a_look(ask: Ask | None = None) -> Look:
    ask = ask or Ask()
    return Look(ask, first_hello(ask, shares()), shares(), RANDOM)


class InMemory:
    """OpenSSL as a server: give it octets, take its answer."""

    def __init__(self, context: ssl.SSLContext) -> None:
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._server = context.wrap_bio(self._incoming, self._outgoing, server_side=True)

    def answer(self, octets: bytes) -> bytes:
        self._incoming.write(octets)
        with suppress(ssl.SSLError):  # it waits for more, or has said what is wrong
            self._server.do_handshake()
        return self._outgoing.read()


def talk(look: Look, answer: Callable[[bytes], bytes]) -> list[bytes]:
    """Until the look is done or the server says nothing; gives what the server said."""
    said, heard = look.begin(), []
    while said and not look.done:
        heard.append(answer(said))
        said = look.feed(heard[-1])
    return heard


# -- made up ---------------------------------------------------------------------------------------


def message(kind: int, body: bytes) -> bytes:
    return bytes((kind,)) + vector(3, body)


def extension(kind: int, content: bytes) -> bytes:
    return kind.to_bytes(2, "big") + vector(2, content)


def server_hello(
    version: int = TLS_1_2, suite: int = 0xC02B, *extensions: bytes, session: bytes = b""
) -> bytes:
    beginning = version.to_bytes(2, "big") + bytes(32) + vector(1, session)
    return message(Kind.SERVER_HELLO, beginning + suite.to_bytes(2, "big") + b"\x00" + vector(2, *extensions))


def certificate(*chain: bytes) -> bytes:
    return message(Kind.CERTIFICATE, vector(3, *(vector(3, one) for one in chain)))


def certificate_1_3(*chain: bytes, extensions: bytes = b"") -> bytes:
    entries = (vector(3, one) + vector(2, extensions) for one in chain)
    return message(Kind.CERTIFICATE, b"\x00" + vector(3, *entries))


def clear(*messages: bytes) -> bytes:
    """In one record that is not encrypted."""
    return record(Content.HANDSHAKE, TLS_1_2, b"".join(messages))


@dataclass(frozen=True, slots=True)
class MadeUp:
    """A server of TLS 1.3 that chose a group of the first hello, and encrypts what it is told to say."""

    hello: bytes
    suite: Suite
    secret: bytes

    def sealed(self, count: int, content: bytes, kind: int = Content.HANDSHAKE) -> bytes:
        """Record number `count` of those that are encrypted."""
        key = expand_label(self.secret, b"key", b"", self.suite.key_octets, self.suite.digest)
        iv = expand_label(self.secret, b"iv", b"", 12, self.suite.digest)
        nonce = (int.from_bytes(iv, "big") ^ count).to_bytes(12, "big")
        inner = content + bytes((kind,)) + bytes(7)
        header = bytes((Content.APPLICATION_DATA, 3, 3)) + (len(inner) + 16).to_bytes(2, "big")
        return header + self.suite.cipher(key).encrypt(nonce, inner, header)


def made_up(look_begin: bytes, suite_code: int = 0x1301, group: Group = Group.x25519) -> MadeUp:
    """For the hello with which a look began."""
    suite = SUITES_1_3[suite_code]
    share, shared = _agreed(group)
    whole = server_hello(
        TLS_1_2,
        suite_code,
        extension(Extension.SUPPORTED_VERSIONS, b"\x03\x04"),
        extension(Extension.KEY_SHARE, group.to_bytes(2, "big") + vector(2, share)),
        session=RANDOM[32:],
    )
    transcript = hashlib.new(suite.digest, look_begin[5:] + whole).digest()
    return MadeUp(whole, suite, server_handshake_secret(suite, shared, transcript))


def _agreed(group: Group) -> tuple[bytes, bytes]:
    """The server's share in one of the groups of the first hello, and what both have then."""
    key = x25519.X25519PrivateKey.generate()
    ours = shares().share(group).public
    classical = key.exchange(x25519.X25519PublicKey.from_public_bytes(ours[-32:]))
    if group is Group.x25519:
        return key.public_key().public_bytes_raw(), classical
    secret, ciphertext = mlkem.MLKEM768PublicKey.from_public_bytes(ours[:-32]).encapsulate()
    return ciphertext + key.public_key().public_bytes_raw(), secret + classical
