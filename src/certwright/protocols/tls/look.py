"""One look at a TLS server: octets in, octets out, and what was seen.

TLS 1.2 and before send the chain in the clear: the server's flight is read to its end. In TLS 1.3 the key
exchange is done, and the flight decrypted up to Certificate, or CertificateVerify where proof is asked.
Then the caller ends the connection. Nothing the server says is trusted, the chain is not even parsed.
"""

import hashlib
from dataclasses import dataclass, replace

from .hello import Ask, Question, client_hello, hello_record, offered_groups, offered_suites, shared_groups
from .keys import SUITES_1_3, Decrypter, Shares, server_handshake_secret
from .messages import (
    ServerHello,
    group_name,
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
from .registry import POST_QUANTUM, SUITES, TLS_1_2, TLS_1_3, VERSIONS, Content, Group, Kind
from .wire import Alerts, Ended, Messages, Octets, Records, TlsFault, record, vector

_CHANGE_CIPHER_SPEC = record(Content.CHANGE_CIPHER_SPEC, TLS_1_2, b"\x01")


@dataclass(frozen=True, slots=True)
class Seen:
    """What a server showed. Texts are empty, and truth values None, where nothing is known: `group` of
    certain key exchanges, `client_certificate` of a flight that was cut short, `proved` where no proof was
    asked or can be checked, `post_quantum` where no such group was offered. `prime_bits` is of DHE."""

    version: str
    cipher: str
    chain: tuple[bytes, ...] = ()
    group: str = ""
    prime_bits: int = 0
    alpn: str = ""
    staple: bytes = b""
    client_certificate: bool | None = None
    post_quantum: bool | None = None
    proved: bool | None = None


class Look:
    """Send `begin()`, feed what comes and send what that gives, until `done`; then `seen` is complete.

    `feed` raises TlsFault for what is no TLS or not what belongs there, and nothing else.
    """

    def __init__(self, ask: Ask, shares: Shares, random: bytes) -> None:
        """`random` has RANDOM_OCTETS fresh octets."""
        self._ask = ask
        self._shares = shares
        self._random = random
        self._records, self._messages, self._alerts = Records(), Messages(), Alerts()
        self._decrypter: Decrypter | None = None
        self._hello: ServerHello | None = None
        self._retried = False
        self._transcript = b""
        self._digest = ""
        self._answer = b""
        self.seen: Seen | None = None
        self.done = False

    def begin(self) -> bytes:
        """The first octets for the server."""
        groups = shared_groups(self._ask.question)
        return self._say_hello(tuple((group, self._shares.share(group).public) for group in groups))

    def feed(self, data: bytes) -> bytes:
        """Take octets from the server; gives what to send it. Raises TlsFault."""
        for kind, header, fragment in self._records.feed(data):
            if kind == Content.APPLICATION_DATA and self._decrypter:
                self._read_record(*self._decrypter.decrypt(header, fragment), sealed=True)
            else:
                self._read_record(kind, fragment, sealed=False)
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
        if kind == Content.ALERT:
            self._alerts.feed(content)
        elif kind == Content.HANDSHAKE:
            self._read(content, sealed)
        elif kind != Content.CHANGE_CIPHER_SPEC:
            raise TlsFault("the server sent application data before the handshake was over")

    def _say_hello(self, shares: tuple[tuple[Group, bytes], ...], cookie: bytes = b"") -> bytes:
        message = client_hello(self._ask, self._random, shares, cookie)
        self._transcript += message
        return hello_record(message)

    def _read(self, content: bytes, sealed: bool) -> None:
        for kind, whole in self._messages.feed(content):
            if kind == Kind.SERVER_HELLO and not (self._hello and not self._hello.retry):
                self._read_hello(whole)
            elif self._hello is None or self._hello.retry:
                if kind != Kind.HELLO_REQUEST:
                    raise TlsFault(f"the server began with a handshake message of type {kind}")
            elif self._decrypter:
                if not sealed:
                    raise TlsFault("the server sent in the clear what TLS 1.3 encrypts")
                self._read_1_3(kind, whole)
            else:
                self._read_before(kind, whole[4:])
            if self.done:
                return

    def _read_hello(self, whole: bytes) -> None:
        hello = read_server_hello(whole[4:])
        if hello.suite not in offered_suites(self._ask.question):
            raise TlsFault(f"the server chose cipher suite 0x{hello.suite:04x}, which was not offered")
        self._hello = hello
        if hello.version == TLS_1_3:
            self._read_hello_1_3(hello, whole)
        else:
            self.seen = Seen(VERSIONS[hello.version], SUITES.get(hello.suite, ""), alpn=hello.alpn)
            if self._ask.question is Question.WHOLE:
                self.seen = replace(self.seen, post_quantum=False)

    def _read_hello_1_3(self, hello: ServerHello, whole: bytes) -> None:
        suite = SUITES_1_3.get(hello.suite)
        if suite is None or hello.session != self._random[32:64]:
            raise TlsFault(
                "the server's TLS 1.3 hello has a cipher suite or a session that is not of TLS 1.3"
            )
        if hello.group not in offered_groups(self._ask.question):
            raise TlsFault(f"the server chose key exchange group {hello.group}, which was not offered")
        self._digest = suite.digest
        if hello.retry:
            self._retry(hello, whole)
            return
        self._transcript += whole
        shared = self._shares.secret(hello.group, hello.share)
        self._decrypter = Decrypter(suite, server_handshake_secret(suite, shared, self._hash()))
        quantum = hello.group in POST_QUANTUM if self._ask.question is Question.WHOLE else None
        self.seen = Seen(
            VERSIONS[TLS_1_3], SUITES[hello.suite], group=group_name(hello.group), post_quantum=quantum
        )

    def _retry(self, hello: ServerHello, whole: bytes) -> None:
        """Answer a HelloRetryRequest (RFC 8446 sections 4.1.4 and 4.4.1), once."""
        if self._retried:
            raise TlsFault("the server asked for another hello twice")
        self._retried = True
        before = hashlib.new(self._digest, self._transcript).digest()
        self._transcript = bytes((Kind.MESSAGE_HASH,)) + vector(3, before) + whole
        share = (Group(hello.group), self._shares.share(hello.group).public)
        self._answer += _CHANGE_CIPHER_SPEC + self._say_hello((share,), hello.cookie)

    def _hash(self) -> bytes:
        return hashlib.new(self._digest, self._transcript).digest()

    def _read_1_3(self, kind: int, whole: bytes) -> None:
        assert self.seen is not None
        body = whole[4:]
        if kind == Kind.ENCRYPTED_EXTENSIONS:
            extensions = read_extensions(Octets(body, "EncryptedExtensions"))
            self.seen = replace(self.seen, alpn=read_alpn(extensions), client_certificate=False)
        elif kind == Kind.CERTIFICATE_REQUEST:
            self.seen = replace(self.seen, client_certificate=True)
        elif kind == Kind.CERTIFICATE and not self.seen.chain:
            chain, staple = read_chain_1_3(body)
            self.seen = replace(self.seen, chain=chain, staple=staple)
            self.done = not self._ask.prove
        elif kind == Kind.CERTIFICATE_VERIFY and self.seen.chain:
            proved = proved_1_3(self.seen.chain[0], *read_certificate_verify(body), self._hash())
            self.seen = replace(self.seen, proved=proved)
            self.done = True
        else:
            raise TlsFault(f"the server sent a handshake message of type {kind} where none belongs")
        self._transcript += whole

    def _read_before(self, kind: int, body: bytes) -> None:
        """TLS 1.2 and what came before it."""
        assert self.seen is not None
        if kind == Kind.CERTIFICATE and not self.seen.chain:
            self.seen = replace(self.seen, chain=read_chain(body))
        elif kind == Kind.CERTIFICATE_STATUS:
            self.seen = replace(self.seen, staple=read_status(body))
        elif kind == Kind.SERVER_KEY_EXCHANGE and self.seen.chain:
            self._read_key_exchange(body)
        elif kind == Kind.CERTIFICATE_REQUEST:
            self.seen = replace(self.seen, client_certificate=True)
        elif kind == Kind.SERVER_HELLO_DONE and self.seen.chain:
            asked = bool(self.seen.client_certificate)
            self.seen = replace(self.seen, client_certificate=asked)
            self.done = True
        elif kind not in {Kind.HELLO_REQUEST, Kind.SUPPLEMENTAL_DATA}:
            raise TlsFault(f"the server sent a handshake message of type {kind} where none belongs")

    def _read_key_exchange(self, body: bytes) -> None:
        assert self.seen is not None
        assert self._hello is not None
        version = self._hello.version
        exchange = read_server_key_exchange(body, version, self.seen.cipher)
        if exchange is None:
            return
        self.seen = replace(self.seen, group=group_name(exchange.group), prime_bits=exchange.prime_bits)
        if self._ask.prove:
            signed = self._random[:32] + self._hello.random + exchange.signed
            proved = proved_before(self.seen.chain[0], version, exchange.scheme, exchange.signature, signed)
            self.seen = replace(self.seen, proved=proved)
