"""How TLS is begun in other protocols: with the words of servers, in any portions, and with other words."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from certwright.protocols.tls.starttls import ANSWER_OCTETS_MAX, PROTOCOLS, StartTls
from certwright.protocols.tls.wire import TlsFault

_GREETING = (
    b"\x0a11.8.3-MariaDB-0+deb13u1\x00\x05\x00\x00\x00abcdefgh\x00\xfe\xff\x2d\x02\x00\xff\xc1\x15"
    b"\x00\x00\x00\x00\x00\x00\x1d\x00\x00\x00ijklmnopqrst\x00mysql_native_password\x00"
)
MYSQL = len(_GREETING).to_bytes(3, "little") + b"\x00" + _GREETING
XMPP = (
    b"<?xml version='1.0'?><stream:stream id='1' xmlns='jabber:client'><stream:features>"
    b"<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'><required/></starttls></stream:features>"
)
# What a server says, each after what it is answered: the last one is followed by TLS.
DIALOGUES = {
    "smtp": [
        b"220-mail.example.test ESMTP\r\n220 ready\r\n",
        b"250-mail.example.test\r\n250-PIPELINING\r\n250-STARTTLS\r\n250 SMTPUTF8\r\n",
        b"220 2.0.0 Ready to start TLS\r\n",
    ],
    "imap": [b"* OK [CAPABILITY IMAP4rev1 STARTTLS] Dovecot ready.\r\n", b"* a word\r\na OK Begin TLS\r\n"],
    "pop3": [b"+OK Dovecot ready.\r\n", b"+OK Begin TLS negotiation now.\r\n"],
    "ftp": [b"220-Welcome\r\n220 (vsFTPd 3.0.5)\r\n", b"234 Proceed with negotiation.\r\n"],
    "ldap": [bytes.fromhex("300c02010178070a010004000400")],
    "xmpp": [XMPP, b"<proceed xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>"],
    "postgresql": [b"S"],
    "mysql": [MYSQL],
    "rdp": [bytes.fromhex("030000130ed000001234000209080002000000")],
}
REFUSALS = {
    "smtp": [
        [b"554 no\r\n"],
        [b"220 ready\r\n", b"250 nothing else\r\n"],
        [b"220 ready\r\n", b"250-x\r\n250 STARTTLS\r\n", b"454 not now\r\n"],
        [b"SSH-2.0-OpenSSH_10.0\r\n"],
    ],
    "imap": [[b"* BYE\r\n"], [b"* OK\r\n", b"a NO\r\n"], [b"* OK\r\n", b"* x\r\n" * 40]],
    "pop3": [[b"-ERR\r\n"], [b"+OK\r\n", b"-ERR\r\n"]],
    "ftp": [[b"421 busy\r\n"], [b"220 x\r\n", b"530 Please login\r\n"]],
    "ldap": [[bytes.fromhex("300c02010178070a013404000400")], [b"HTTP/1.1"], [b"\x30\x80\x00\x00"]],
    "xmpp": [
        [b"HTTP/1.1 400\r\n"],
        [b"<stream:stream><stream:features></stream:features>"],
        [XMPP, b"<failure xmlns='urn:ietf:params:xml:ns:xmpp-tls'/></stream:stream>"],
        [b"<stream:stream><stream:error><host-unknown/></stream:error>"],
    ],
    "postgresql": [[b"N"], [b"E"], [b"HTTP"]],
    "mysql": [
        [b"\x05\x00\x00\x00\xff\x69\x04no"],
        [MYSQL.replace(b"\xfe\xff\x2d", b"\xfe\xf7\x2d")],
        [b"SSH-2.0-x\r\n"],
    ],
    "rdp": [
        [bytes.fromhex("030000130ed000001234000300080002000000")],
        [bytes.fromhex("0300000b06d00000123400")],
        [b"x"],
    ],
}


def test_every_protocol_has_words_here() -> None:
    assert set(DIALOGUES) == set(REFUSALS) == set(PROTOCOLS)


@pytest.mark.parametrize("protocol", DIALOGUES)
def test_tls_begins(protocol: str) -> None:
    dialogue = StartTls(protocol, "host.example.test")
    dialogue.begin()
    for answer in DIALOGUES[protocol]:
        assert not dialogue.done
        dialogue.feed(answer)
    assert dialogue.done


@pytest.mark.parametrize("protocol", DIALOGUES)
def test_an_answer_may_come_octet_by_octet(protocol: str) -> None:
    whole, slow = StartTls(protocol, "host.example.test"), StartTls(protocol, "host.example.test")
    assert whole.begin() == slow.begin()
    for answer in DIALOGUES[protocol]:
        said = b"".join(slow.feed(answer[at : at + 1]) for at in range(len(answer)))
        assert said == whole.feed(answer)
    assert slow.done


@pytest.mark.parametrize(
    ("protocol", "answers"), [(protocol, one) for protocol, many in REFUSALS.items() for one in many]
)
def test_a_server_that_does_not_begin_is_a_fault(protocol: str, answers: list[bytes]) -> None:
    with pytest.raises(TlsFault) as raised:  # noqa: PT012
        dialogue = StartTls(protocol, "host.example.test")
        for answer in answers:
            dialogue.feed(answer)
    assert raised.value.detail.isprintable()
    assert len(raised.value.detail) < 200


@pytest.mark.parametrize("protocol", sorted(set(DIALOGUES) - {"mysql"}))
def test_nothing_may_come_before_tls(protocol: str) -> None:
    """What a stranger puts behind the answer would be taken for the server's (CVE-2011-0411)."""
    dialogue = StartTls(protocol, "host.example.test")
    *before, last = DIALOGUES[protocol]
    for answer in before:
        dialogue.feed(answer)
    with pytest.raises(TlsFault):
        dialogue.feed(last + b"250 and more\r\n")


@pytest.mark.parametrize("protocol", DIALOGUES)
def test_an_answer_has_an_end(protocol: str) -> None:
    beginnings = {"smtp": b"220-", "ftp": b"220-", "xmpp": b"<", "ldap": b"\x30\x83\x01\x00\x00"}
    dialogue = StartTls(protocol, "host.example.test")
    with pytest.raises(TlsFault):
        dialogue.feed(beginnings.get(protocol, b"") + b"x" * (ANSWER_OCTETS_MAX + 1))


@given(st.sampled_from(list(DIALOGUES)), st.data())
def test_no_octets_make_it_fall(protocol: str, data: st.DataObject) -> None:
    dialogue = StartTls(protocol, "host.example.test")
    for answer in DIALOGUES[protocol]:
        changed = bytearray(answer)
        at = data.draw(st.integers(0, len(changed)))
        changed[at : at + data.draw(st.integers(0, 3))] = data.draw(st.binary(max_size=3))
        try:
            dialogue.feed(bytes(changed))
        except TlsFault as fault:
            assert fault.detail.isprintable()  # noqa: PT017
            return
