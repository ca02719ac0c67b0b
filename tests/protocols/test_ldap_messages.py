"""Messages of LDAP, as octets."""

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from certwright.core import der
from certwright.core.errors import CertwrightError, Malformed
from certwright.protocols.ldap.messages import (
    PAGED,
    Answer,
    Extent,
    bind,
    pair,
    read,
    search,
    size_of,
    start_tls,
)


def text(value: bytes) -> bytes:
    return der.octet_string(value)


def entry(number: int, name: bytes, **values: list[bytes]) -> bytes:
    attributes = [
        der.sequence(text(kind.encode()), der.tlv(der.SET, b"".join(map(text, some))))
        for kind, some in values.items()
    ]
    return der.sequence(der.integer(number), der.tlv(Answer.ENTRY, text(name) + der.sequence(*attributes)))


def done(number: int, code: int = 0, cookie: bytes | None = None) -> bytes:
    result = der.tlv(der.ENUMERATED, bytes([code])) + text(b"") + text(b"")
    controls = b""
    if cookie is not None:
        value = der.sequence(der.integer(0), text(cookie))
        controls = der.tlv(0xA0, der.sequence(text(PAGED.encode()), text(value)))
    return der.sequence(der.integer(number), der.tlv(Answer.DONE, result), controls)


def test_what_is_asked_is_as_the_rfc_has_it() -> None:
    assert bind(1, "cn=a", "pw").hex() == "301202010160" + "0d020103" + "0404636e3d61" + "80027077"
    assert start_tls(1)[:9].hex() == "301d02010177188016"
    asked = search(2, "dc=x", Extent.SUBTREE, ("a", "b"), ("a",), (5, b"cookie"))
    content = der.Reader(asked).inside()
    assert content.integer() == 2
    operation = content.inside(0x63)
    assert operation.content(der.OCTET_STRING) == b"dc=x"
    assert operation.content(der.ENUMERATED) == b"\2"


def test_what_is_said_is_read() -> None:
    said = read(entry(7, b"cn=x", **{"userCertificate;binary": [b"one", b"two"], "cn": []}))
    assert (said.number, said.answer) == (7, Answer.ENTRY)
    assert said.entry.name == "cn=x"
    assert said.entry.values == {"userCertificate;binary": (b"one", b"two"), "cn": ()}
    said = read(done(8, 32, b"next"))
    assert (said.number, said.answer, said.code, said.cookie) == (8, Answer.DONE, 32, b"next")
    assert read(done(8)).cookie == b""


def test_lengths_may_be_longer_than_they_need_to_be() -> None:
    """As Active Directory writes them."""
    octets = bytes.fromhex("308400000010" + "020101" + "658400000007" + "0a0100" + "0400" + "0400")
    assert read(octets).answer is Answer.DONE


@pytest.mark.parametrize(("head", "size"), [("3005", (0, 5)), ("3084", (4, 0)), ("3081", (1, 0))])
def test_sizes(head: str, size: tuple[int, int]) -> None:
    assert size_of(bytes.fromhex(head)) == size


@pytest.mark.parametrize("head", ["", "30", "3105", "3080", "3085", "4854"])
def test_what_begins_no_message(head: str) -> None:
    with pytest.raises(Malformed):
        size_of(bytes.fromhex(head))


@given(st.binary(max_size=60), st.integers(0, 80))
def test_nothing_else_is_raised(noise: bytes, at: int) -> None:
    whole = entry(1, b"cn=x", a=[b"value"])
    for octets in (noise, whole[:at] + noise + whole[at:], done(1, 0, noise)[:-1] + noise):
        with suppress(CertwrightError):
            read(octets)
        with suppress(CertwrightError):
            pair(octets)


def test_pairs() -> None:
    one, two = der.sequence(der.integer(1)), der.sequence(der.integer(2))
    assert pair(der.sequence(der.tlv(0xA0, one), der.tlv(0xA1, two))) == (one, two)
    assert pair(der.sequence(der.tlv(0xA1, two))) == (two,)
    with pytest.raises(Malformed):
        pair(one)
