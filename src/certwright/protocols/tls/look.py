"""One look at a TLS server: octets in, octets out, and what was seen.

TLS 1.2 and before send the chain in the clear: the server's flight is read to its end. In TLS 1.3 the key
exchange is done, and the flight decrypted up to Certificate, or CertificateVerify where proof is asked.
Then the caller ends the connection. Nothing the server says is trusted, the chain is not even parsed.
"""

import hashlib
from dataclasses import dataclass

from .hello import OFFERED_GROUPS, OFFERED_SUITES, Ask, Hello, Question, hello_record, shared_groups
from .keys import SUITES_1_3, Decrypter, Shares, server_handshake_secret
from .messages import (
    ServerHello,
    read_alpn,
    read_certificate_verify,
    read_chain,
    read_chain_1_3,
    read_extensions,
    read_server_hello,
    read_server_key_exchange,
    read_status,
)
from .proof import proved_1_3, proved_before
from .registry import GROUP_NAMES, POST_QUANTUM, SUITES, TLS_1_2, TLS_1_3, VERSIONS, Content, Group, Kind
from .wire import Alerts, Ended, Messages, Octets, Records, TlsFault, record, vector

_WHOLE = Question.WHOLE
_SUITES = {question: frozenset(suites) for question, suites in OFFERED_SUITES.items()}
_CHANGE_CIPHER_SPEC = record(Content.CHANGE_CIPHER_SPEC, TLS_1_2, b"\x01")


@dataclass(slots=True)
class Seen:
    """What a server showed. Texts are empty, and truth values None, where nothing is known: `group` of
    certain key exchanges, `client_certificate` of a flight that was cut short, `proved` where no proof was
    asked or can be checked, `post_quantum` where no such group was offered. `prime_bits` is of DHE."""

    version: str
    cipher: str
    group: str = ""
    post_quantum: bool | None = None
    alpn: str = ""
    chain: tuple[bytes, ...] = ()
    prime_bits: int = 0
    staple: bytes = b""
    client_certificate: bool | None = None
    proved: bool | None = None


class Look:
    """Send `begin()`, feed what comes and send what that gives, until `done`; then `seen` is complete.

    `feed` raises TlsFault for what is no TLS or not what belongs there, and nothing else.
    """

    __slots__ = (
        "_alerts",
        "_answer",
        "_ask",
        "_decrypter",
        "_first",
        "_hello",
        "_messages",
        "_random",
        "_records",
        "_retried",
        "_shares",
        "_transcript",
        "done",
        "seen",
    )

    def __init__(self, ask: Ask, first: Hello, shares: Shares, random: bytes) -> None:
        """`first` is the hello that `first_hello` makes of the others; `random` has RANDOM_OCTETS fresh
        octets."""
        self._ask, self._first, self._shares, self._random = ask, first, shares, random
        self._records, self._messages, self._alerts = Records(), Messages(), Alerts()
        self._decrypter: Decrypter | None = None
        self._hello: ServerHello | None = None
        self._retried = False
        self._transcript = self._answer = b""
        self.seen: Seen | None = None
        self.done = False

    def begin(self) -> bytes:
        """The first octets for the server."""
        return hello_record(self._say(self._first))

    def feed(self, data: bytes) -> bytes:
        """Take octets from the server; gives what to send it. Raises TlsFault."""
        for one in self._records.feed(data):
            kind, content = one[0], one[5:]
            if kind == Content.APPLICATION_DATA and self._decrypter:
                self._read_record(*self._decrypter.decrypt(one[:5], content), sealed=True)
            else:
                self._read_record(kind, content, sealed=False)
            if self.done:
                break
        answer, self._answer = self._answer, b""
        return answer

    def end(self) -> Seen:
        """The connection has ended: what was seen. Raises Ended where the chain had not come."""
        if self.seen is None or not self.seen.chain:
            raise Ended("the server ended the connection before it had shown a certificate")
        return self.seen

    # -- the handshake --

    def _read_record(self, kind: int, content: bytes, sealed: bool) -> None:
        if kind == Content.HANDSHAKE:
            self._read(content, sealed)
        elif kind == Content.ALERT:
            self._alerts.feed(content)
        elif kind != Content.CHANGE_CIPHER_SPEC:
            raise TlsFault("the server sent application data before the handshake was over")

    def _say(self, hello: Hello) -> bytes:
        message = hello.message(self._random)
        self._transcript += message
        return message

    def _read(self, content: bytes, sealed: bool) -> None:
        for whole in self._messages.feed(content):
            kind = whole[0]
            if self._hello is None or self._hello.retry:
                if kind == Kind.SERVER_HELLO:
                    self._read_hello(whole)
                elif kind != Kind.HELLO_REQUEST:
                    raise _out_of_place(kind)
            elif self._decrypter is None:
                self._read_before(kind, whole[4:])
            elif sealed:
                self._read_1_3(kind, whole)
            else:
                raise TlsFault("the server sent in the clear what TLS 1.3 encrypts")
            if self.done:
                return

    def _read_hello(self, whole: bytes) -> None:
        hello = self._hello = read_server_hello(whole[4:])
        if hello.suite not in _SUITES[self._ask.question]:
            raise TlsFault(f"the server chose cipher suite 0x{hello.suite:04x}, which was not offered")
        if hello.version == TLS_1_3:
            self._read_hello_1_3(hello, whole)
            return
        quantum = False if self._ask.question is _WHOLE else None
        self.seen = Seen(VERSIONS[hello.version], SUITES.get(hello.suite, ""), "", quantum, hello.alpn)

    def _read_hello_1_3(self, hello: ServerHello, whole: bytes) -> None:
        suite = SUITES_1_3.get(hello.suite)
        if suite is None or hello.session != self._random[32:64]:
            raise TlsFault(
                "the server's TLS 1.3 hello has a cipher suite or a session that is none of TLS 1.3"
            )
        if hello.group not in OFFERED_GROUPS[self._ask.question]:
            raise TlsFault(f"the server chose key exchange group {hello.group}, which was not offered")
        if hello.retry:
            self._retry(hello, whole, suite.digest)
            return
        self._transcript += whole
        shared = self._shares.secret(hello.group, hello.share)
        transcript = hashlib.new(suite.digest, self._transcript).digest()
        self._decrypter = Decrypter(suite, server_handshake_secret(suite, shared, transcript))
        quantum = hello.group in POST_QUANTUM if self._ask.question is _WHOLE else None
        self.seen = Seen(VERSIONS[TLS_1_3], SUITES[hello.suite], GROUP_NAMES[hello.group], quantum)

    def _retry(self, hello: ServerHello, whole: bytes, digest: str) -> None:
        """Answer a HelloRetryRequest (RFC 8446 sections 4.1.4 and 4.4.1), once."""
        if self._retried:
            raise TlsFault("the server asked for another hello twice")
        self._retried = True
        before = hashlib.new(digest, self._transcript).digest()
        self._transcript = bytes((Kind.MESSAGE_HASH,)) + vector(3, before) + whole
        share = (Group(hello.group), self._shares.share(hello.group).public)
        again = self._say(Hello(self._ask, (share,), hello.cookie))
        self._answer += _CHANGE_CIPHER_SPEC + hello_record(again, TLS_1_2)

    def _read_1_3(self, kind: int, whole: bytes) -> None:
        assert self.seen is not None
        seen, body = self.seen, whole[4:]
        if kind == Kind.ENCRYPTED_EXTENSIONS:
            seen.alpn = read_alpn(read_extensions(Octets(body, "EncryptedExtensions")))
            seen.client_certificate = False
        elif kind == Kind.CERTIFICATE_REQUEST:
            seen.client_certificate = True
        elif kind == Kind.CERTIFICATE and not seen.chain:
            seen.chain, seen.staple = read_chain_1_3(body)
            self.done = not self._ask.prove
        elif kind == Kind.CERTIFICATE_VERIFY and seen.chain:
            seen.proved = proved_1_3(seen.chain[0], *read_certificate_verify(body), self._hash())
            self.done = True
        else:
            raise _out_of_place(kind)
        self._transcript += whole

    def _hash(self) -> bytes:
        assert self._hello is not None
        return hashlib.new(SUITES_1_3[self._hello.suite].digest, self._transcript).digest()

    def _read_before(self, kind: int, body: bytes) -> None:
        """TLS 1.2 and what came before it."""
        assert self.seen is not None
        seen = self.seen
        if kind == Kind.CERTIFICATE and not seen.chain:
            seen.chain = read_chain(body)
        elif kind == Kind.CERTIFICATE_STATUS:
            seen.staple = read_status(body)
        elif kind == Kind.SERVER_KEY_EXCHANGE and seen.chain:
            self._read_key_exchange(seen, body)
        elif kind == Kind.CERTIFICATE_REQUEST:
            seen.client_certificate = True
        elif kind == Kind.SERVER_HELLO_DONE and seen.chain:
            seen.client_certificate = bool(seen.client_certificate)
            self.done = True
        elif kind not in {Kind.HELLO_REQUEST, Kind.SUPPLEMENTAL_DATA}:
            raise _out_of_place(kind)

    def _read_key_exchange(self, seen: Seen, body: bytes) -> None:
        assert self._hello is not None
        version = self._hello.version
        exchange = read_server_key_exchange(body, version, seen.cipher)
        if exchange is None:
            return
        seen.group, seen.prime_bits = GROUP_NAMES.get(exchange.group, ""), exchange.prime_bits
        if self._ask.prove:
            signed = self._random[:32] + self._hello.random + exchange.signed
            seen.proved = proved_before(seen.chain[0], exchange.scheme, exchange.signature, signed)


def first_hello(ask: Ask, shares: Shares) -> Hello:
    """With a share of each group that is most likely to be chosen."""
    groups = shared_groups(ask.question)
    return Hello(ask, tuple((group, shares.share(group).public) for group in groups))


def _out_of_place(kind: int) -> TlsFault:
    return TlsFault(f"the server sent a handshake message of type {kind} where none belongs")
