"""What a server may say to the network scanner, for `readers`: each input is said to a look of its own."""

from certwright.protocols.tls.hello import Ask
from certwright.protocols.tls.registry import TLS_1_2, Extension, Kind
from certwright.protocols.tls.starttls import PROTOCOLS, StartTls
from certwright.protocols.tls.wire import TlsFault, vector
from tests.protocols.tls.servers import (
    a_look,
    certificate,
    certificate_1_3,
    clear,
    extension,
    made_up,
    message,
    server_hello,
)

_EXCHANGE = message(
    Kind.SERVER_KEY_EXCHANGE, b"\x03\x00\x17" + vector(1, bytes(65)) + b"\x04\x03" + vector(2, b"signature")
)
_STAPLE = extension(Extension.STATUS_REQUEST, b"\x01" + vector(3, b"response"))
IN_THE_CLEAR = clear(
    server_hello(TLS_1_2, 0xC02B, extension(Extension.ALPN, b"\x00\x03\x02h2")),
    certificate(b"leaf", b"issuer"),
    _EXCHANGE,
    message(Kind.SERVER_HELLO_DONE, b""),
)
ENCRYPTED = (
    message(Kind.ENCRYPTED_EXTENSIONS, b"\x00\x00")
    + message(Kind.CERTIFICATE_REQUEST, b"\x00\x00\x00")
    + certificate_1_3(b"leaf", b"issuer", extensions=_STAPLE)
    + message(Kind.CERTIFICATE_VERIFY, b"\x04\x03" + vector(2, b"signature"))
)
ANSWERS = b"220 ready\r\n250-x\r\n250 STARTTLS\r\n220 go\r\n"


def read_in_the_clear(octets: bytes) -> None:
    look = a_look(Ask(prove=True))
    look.begin()
    look.feed(octets)


def read_encrypted(octets: bytes) -> None:
    """Handshake messages, as a server of TLS 1.3 encrypts them."""
    look = a_look(Ask(prove=True))
    server = made_up(look.begin())
    look.feed(clear(server.hello))
    for count, start in enumerate(range(0, len(octets), 16_000)):
        look.feed(server.sealed(count, octets[start : start + 16_000]))


def read_starttls(octets: bytes) -> None:
    """The same words in each protocol; at the end the fault of one, if there was any."""
    faults = []
    for protocol in PROTOCOLS:
        dialogue = StartTls(protocol, "host.example.test")
        try:
            for start in range(0, len(octets), 7):
                if not dialogue.done:
                    dialogue.feed(octets[start : start + 7])
        except TlsFault as fault:
            faults.append(fault)
    if faults:
        raise faults[len(octets) % len(faults)]
