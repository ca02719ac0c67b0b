"""A look at servers in memory: OpenSSL's, made-up ones, and whatever else answers."""

import ssl
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from certwright.protocols.tls.again import ask_again
from certwright.protocols.tls.hello import Ask, Question
from certwright.protocols.tls.look import Look, Seen
from certwright.protocols.tls.registry import SSL_3, TLS_1_2, Content, Extension, Group, Kind
from certwright.protocols.tls.wire import (
    MESSAGE_OCTETS_MAX,
    STREAM_OCTETS_MAX,
    Alerted,
    Ended,
    NotTls,
    TlsFault,
    record,
    vector,
)
from tests.protocols.tls.servers import (
    InMemory,
    MadeUp,
    a_look,
    certificate,
    certificate_1_3,
    clear,
    extension,
    made_up,
    message,
    server_hello,
    talk,
)
from tests.real.tls_servers import Presented, present

DONE = message(Kind.SERVER_HELLO_DONE, b"")
OLD_FLIGHT = clear(server_hello(), certificate(b"leaf", b"issuer"), DONE)
NO_EXTENSIONS = message(Kind.ENCRYPTED_EXTENSIONS, b"\x00\x00")


@pytest.fixture(scope="module")
def presented(tmp_path_factory: pytest.TempPathFactory) -> Presented:
    return present(Path(tmp_path_factory.mktemp("tls")) / "chain", length=3)


def context(presented: Presented, version: ssl.TLSVersion) -> ssl.SSLContext:
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    made.load_cert_chain(presented.whole, presented.key)
    made.minimum_version = made.maximum_version = version
    return made


def seen_of(look: Look) -> Seen:
    assert look.done
    assert look.seen is not None
    return look.seen


# -- OpenSSL in memory -----------------------------------------------------------------------------


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
@pytest.mark.parametrize("question", [Question.WHOLE, Question.SMALL])
def test_the_chain_is_seen(presented: Presented, version: ssl.TLSVersion, question: Question) -> None:
    look = a_look(Ask("server.example.test", ("h2",), prove=True, question=question))
    talk(look, InMemory(context(presented, version)).answer)
    seen = seen_of(look)
    assert seen.chain == presented.chain
    assert seen.version == version.name.replace("_", ".")
    assert (seen.group, seen.proved, seen.client_certificate) == ("x25519", True, False)
    assert seen.post_quantum is (False if question is Question.WHOLE else None)


def test_a_server_may_ask_for_another_share(presented: Presented) -> None:
    server = context(presented, ssl.TLSVersion.TLSv1_3)
    server.set_ecdh_curve("secp384r1")
    look = a_look(Ask(prove=True))
    heard = talk(look, InMemory(server).answer)
    assert len(heard) == 2
    assert (seen_of(look).group, seen_of(look).proved) == ("secp384r1", True)


@pytest.mark.parametrize("question", [Question.OLD, Question.ANCIENT])
def test_a_server_of_today_has_no_answer_to_an_old_question(presented: Presented, question: Question) -> None:
    with pytest.raises(Alerted, match="protocol_version"):
        talk(a_look(Ask(question=question)), InMemory(context(presented, ssl.TLSVersion.TLSv1_3)).answer)


def test_the_name_and_the_protocols_reach_the_server(presented: Presented) -> None:
    asked = []
    server = context(presented, ssl.TLSVersion.TLSv1_3)
    server.set_alpn_protocols(["http/1.1"])
    server.sni_callback = lambda _server, name, _context: asked.append(name)
    look = a_look(Ask("server.example.test", ("h2", "http/1.1")))
    talk(look, InMemory(server).answer)
    assert asked == ["server.example.test"]
    assert seen_of(look).alpn == "http/1.1"


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
@pytest.mark.parametrize("size", [1, 2, 7, 100])
def test_octets_may_come_in_any_portions(presented: Presented, version: ssl.TLSVersion, size: int) -> None:
    look = a_look(Ask(prove=True))
    answer = InMemory(context(presented, version)).answer(look.begin())
    for start in range(0, len(answer), size):
        if not look.done:
            look.feed(answer[start : start + size])
    assert seen_of(look).chain == presented.chain
    assert seen_of(look).proved is True


def test_another_key_proves_nothing(presented: Presented, tmp_path: Path) -> None:
    """A server of TLS 1.2 that presents somebody else's certificate with its own signature."""
    other = present(tmp_path / "other", length=1)
    look = a_look(Ask(prove=True))
    answer = InMemory(context(presented, ssl.TLSVersion.TLSv1_2)).answer(look.begin())
    flight = b"".join(_fragments(answer))
    assert certificate(*presented.chain) in flight
    forged = flight.replace(certificate(*presented.chain), certificate(*other.chain))
    look.feed(record(Content.HANDSHAKE, TLS_1_2, forged))
    assert seen_of(look).proved is False


def _fragments(stream: bytes) -> list[bytes]:
    found, at = [], 0
    while at < len(stream):
        size = int.from_bytes(stream[at + 3 : at + 5], "big")
        found.append(stream[at + 5 : at + 5 + size])
        at += 5 + size
    return found


# -- made-up servers -------------------------------------------------------------------------------


def made_up_1_3(
    ask: Ask | None = None, suite: int = 0x1301, group: Group = Group.x25519
) -> tuple[Look, MadeUp]:
    look = a_look(ask)
    server = made_up(look.begin(), suite, group)
    look.feed(clear(server.hello))
    return look, server


@pytest.mark.parametrize("suite", [0x1301, 0x1302, 0x1303])
@pytest.mark.parametrize("group", [Group.x25519, Group.X25519MLKEM768])
def test_a_chain_of_tls_1_3_is_decrypted(suite: int, group: Group) -> None:
    staple = extension(Extension.STATUS_REQUEST, b"\x01" + vector(3, b"response"))
    look, server = made_up_1_3(suite=suite, group=group)
    request = message(Kind.CERTIFICATE_REQUEST, b"\x00\x00\x00")
    look.feed(server.sealed(0, NO_EXTENSIONS + request))
    look.feed(server.sealed(1, certificate_1_3(b"leaf", b"issuer", extensions=staple)))
    seen = seen_of(look)
    assert (seen.chain, seen.staple, seen.client_certificate) == ((b"leaf", b"issuer"), b"response", True)
    assert (seen.group, seen.post_quantum) == (group.name, group is Group.X25519MLKEM768)


def test_a_signature_of_another_key_proves_nothing(presented: Presented) -> None:
    look, server = made_up_1_3(Ask(prove=True))
    verify = message(Kind.CERTIFICATE_VERIFY, b"\x04\x03" + vector(2, bytes.fromhex("3006020101020101")))
    look.feed(server.sealed(0, NO_EXTENSIONS + certificate_1_3(presented.chain[0]) + verify))
    assert seen_of(look).proved is False


def test_a_scheme_that_is_not_known_proves_nothing(presented: Presented) -> None:
    look, server = made_up_1_3(Ask(prove=True))
    verify = message(Kind.CERTIFICATE_VERIFY, b"\xfe\x03" + vector(2, b"signature"))
    look.feed(server.sealed(0, NO_EXTENSIONS + certificate_1_3(presented.chain[0]) + verify))
    assert seen_of(look).proved is None


@pytest.mark.parametrize("scheme", [b"\x04\x03", b"\x08\x07", b"\xff\xff"])
def test_what_is_no_certificate_proves_nothing(scheme: bytes) -> None:
    look, server = made_up_1_3(Ask(prove=True))
    verify = message(Kind.CERTIFICATE_VERIFY, scheme + vector(2, b"signature"))
    look.feed(server.sealed(0, NO_EXTENSIONS + certificate_1_3(b"no certificate") + verify))
    assert seen_of(look).proved is None


def test_an_old_flight_is_read_to_its_end() -> None:
    look = a_look()
    status = message(Kind.CERTIFICATE_STATUS, b"\x01" + vector(3, b"response"))
    request = message(Kind.CERTIFICATE_REQUEST, b"\x01\x01\x00\x00\x00\x00")
    exchange = message(Kind.SERVER_KEY_EXCHANGE, b"\x03\x00\x17" + vector(1, bytes(65)) + vector(2, b"s"))
    look.feed(clear(server_hello(SSL_3), certificate(b"leaf"), status, exchange, request, DONE))
    seen = seen_of(look)
    assert (seen.version, seen.chain, seen.staple) == ("SSLv3", (b"leaf",), b"response")
    assert (seen.group, seen.client_certificate) == ("secp256r1", True)


def test_the_size_of_a_diffie_hellman_prime_is_told() -> None:
    look = a_look()
    parameters = vector(2, b"\x80" + bytes(63)) + vector(2, b"\x02") + vector(2, b"\x03")
    exchange = message(Kind.SERVER_KEY_EXCHANGE, parameters + vector(2, b"signature"))
    look.feed(clear(server_hello(0x0301, 0x0033), certificate(b"leaf"), exchange, DONE))
    seen = seen_of(look)
    assert (seen.version, seen.prime_bits, seen.group) == ("TLSv1", 512, "")


def test_a_connection_that_ends_after_the_chain_has_shown_it() -> None:
    look = a_look()
    look.feed(clear(server_hello(), certificate(b"leaf")))
    assert not look.done
    assert look.end().chain == (b"leaf",)
    assert look.end().client_certificate is None


def test_a_connection_that_ends_before_has_shown_nothing() -> None:
    look = a_look()
    look.feed(clear(server_hello()))
    with pytest.raises(Ended):
        look.end()


def test_a_warning_is_passed_over_and_many_are_not() -> None:
    warning = record(Content.ALERT, TLS_1_2, b"\x01\x70")
    look = a_look()
    look.feed(warning + OLD_FLIGHT)
    assert seen_of(look).chain == (b"leaf", b"issuer")
    with pytest.raises(Alerted):
        a_look().feed(warning * 5)


BIG = bytes((Kind.CERTIFICATE,)) + (MESSAGE_OCTETS_MAX + 1).to_bytes(3, "big")
FAULTS = {
    "no TLS": (b"HTTP/1.1 400 Bad Request\r\n", NotTls),
    "one octet of no TLS": (b"S", NotTls),
    "fatal alert": (record(Content.ALERT, TLS_1_2, b"\x02\x28"), Alerted),
    "end without a word": (record(Content.ALERT, TLS_1_2, b"\x01\x00"), Alerted),
    "half an alert": (record(Content.ALERT, TLS_1_2, b"\x02"), TlsFault),
    "application data": (record(Content.APPLICATION_DATA, TLS_1_2, b"data"), TlsFault),
    "another record later": (clear(server_hello()) + b"HTTP/", TlsFault),
    "too long a record": (b"\x16\x03\x03\xff\xff", TlsFault),
    "too long a message": (clear(server_hello(), BIG), TlsFault),
    "certificate first": (clear(certificate(b"leaf")), TlsFault),
    "suite that was not offered": (clear(server_hello(TLS_1_2, 0x0000)), TlsFault),
    "version that was not offered": (clear(server_hello(0x0304)), TlsFault),
    "compression": (clear(server_hello().replace(b"\xc0\x2b\x00", b"\xc0\x2b\x01")), TlsFault),
    "no certificate": (clear(server_hello(), certificate()), TlsFault),
    "empty certificate": (clear(server_hello(), certificate(b"")), TlsFault),
    "33 certificates": (clear(server_hello(), certificate(*[b"x"] * 33)), TlsFault),
    "done without a certificate": (clear(server_hello(), DONE), TlsFault),
    "two chains": (clear(server_hello(), certificate(b"one"), certificate(b"other")), TlsFault),
}


@pytest.mark.parametrize("case", FAULTS)
def test_what_does_not_belong_there_is_a_fault(case: str) -> None:
    octets, fault = FAULTS[case]
    with pytest.raises(fault) as raised:
        a_look().feed(octets)
    assert raised.value.detail.isprintable()


def test_a_stream_has_an_end() -> None:
    look = a_look()
    look.feed(clear(server_hello()))
    empty = record(Content.HANDSHAKE, TLS_1_2, b"")
    for _ in range(STREAM_OCTETS_MAX // len(empty) // 1000):
        look.feed(empty * 1000)
    with pytest.raises(TlsFault, match=f"more than {STREAM_OCTETS_MAX} octets"):
        look.feed(empty * 1000)


def test_what_tls_1_3_encrypts_is_not_taken_in_the_clear() -> None:
    look, _ = made_up_1_3()
    with pytest.raises(TlsFault, match="in the clear"):
        look.feed(clear(NO_EXTENSIONS))


def test_a_server_asks_for_another_hello_once() -> None:
    retry = bytes.fromhex("cf21ad74e59a6111be1d8c021e65b891c2a211167abb8c5e079e09e2c8a8339c")
    extensions = (
        extension(Extension.SUPPORTED_VERSIONS, b"\x03\x04"),
        extension(Extension.KEY_SHARE, b"\x00\x18"),
    )
    cookie = extension(Extension.COOKIE, vector(2, b"a cookie"))
    asked = server_hello(TLS_1_2, 0x1301, *extensions, cookie, session=bytes(range(32, 64)))
    asked = asked.replace(bytes(32), retry, 1)
    look = a_look()
    look.begin()
    said = look.feed(clear(asked))
    assert b"a cookie" in said
    # RFC 8446 section 5.1, and Go's crypto/tls takes no other: only the first record may say TLS 1.0
    assert said.startswith(record(Content.CHANGE_CIPHER_SPEC, TLS_1_2, b"\x01") + b"\x16\x03\x03")
    with pytest.raises(TlsFault, match="twice"):
        look.feed(clear(asked))


# -- asking again ----------------------------------------------------------------------------------


@given(
    st.lists(
        st.sampled_from([TlsFault("x"), Ended("x"), NotTls("x"), Alerted(40), Alerted(112), Alerted(120)])
    )
)
def test_nobody_is_asked_for_ever(faults: list[TlsFault]) -> None:
    ask: Ask | None = Ask("a.example.test", ("h2",))
    asked = 0
    for fault in faults:
        if ask is None:
            break
        later = ask_again(ask, fault)
        assert later != ask
        ask, asked = later, asked + 1
    assert asked <= 5


# -- anything else ---------------------------------------------------------------------------------


def _feed(look: Look, octets: bytes) -> None:
    """Whatever comes, there is nothing but a fault."""
    detail = ""
    try:
        look.feed(octets)
    except TlsFault as fault:
        detail = fault.detail
    assert len(detail) < 200
    assert detail.isprintable()


def mutated(draw: st.DrawFn, octets: bytes) -> bytes:
    changed = bytearray(octets)
    for _ in range(draw(st.integers(1, 6))):
        at = draw(st.integers(0, len(changed)))
        cut = draw(st.integers(0, 4))
        changed[at : at + cut] = draw(st.binary(max_size=4))
    return bytes(changed)


@given(st.data())
def test_no_octets_make_it_fall(data: st.DataObject) -> None:
    _feed(a_look(), data.draw(st.binary(max_size=200)))
    _feed(a_look(), OLD_FLIGHT[:5] + data.draw(st.binary(max_size=200)))
    _feed(a_look(Ask(prove=True)), mutated(data.draw, OLD_FLIGHT))


@given(st.data())
def test_no_encrypted_octets_make_it_fall(presented: Presented, data: st.DataObject) -> None:
    look, server = made_up_1_3(Ask(prove=True))
    verify = message(Kind.CERTIFICATE_VERIFY, b"\x04\x03" + vector(2, b"signature"))
    flight = NO_EXTENSIONS + certificate_1_3(presented.chain[0]) + verify
    kind = data.draw(st.sampled_from([20, 21, 22, 23, 0, 99]))
    _feed(look, server.sealed(0, mutated(data.draw, flight), kind))


@given(st.data())
def test_no_server_hello_makes_it_fall(data: st.DataObject) -> None:
    look = a_look()
    hello = made_up(look.begin()).hello
    changed = mutated(data.draw, hello[4:])
    _feed(look, clear(message(Kind.SERVER_HELLO, changed), certificate(b"leaf"), DONE))
