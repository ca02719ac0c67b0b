"""CRLs of others: which are believed, what they say, and where certificates say they are."""

from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from hypothesis import given
from hypothesis import strategies as st

from certwright.core.decoded import decode
from certwright.core.errors import Malformed
from certwright.core.outside_lists import FEW, Entry, read_list
from certwright.core.pem import pem
from certwright.core.revocation import Reason
from certwright.core.status_urls import URLS_MAX, list_urls
from tests.real.toy_chains import BEGIN, ToyAuthority

CORP = ToyAuthority("Corp")
ISSUER = x509.load_der_x509_certificate(CORP.certificate)
ONE, TWO, THREE = (CORP.sign(name) for name in ("one", "two", "three"))
FLAGS = x509.ReasonFlags
NOW = BEGIN + timedelta(days=1)
FULL = CORP.list((ONE, FLAGS.key_compromise), (TWO, FLAGS.unspecified))


def serial(der: bytes) -> bytes:
    return decode(der).serial


def scope(**given: bool) -> x509.IssuingDistributionPoint:
    said = {
        name: given.get(name, False)
        for name in (
            *("only_contains_user_certs", "only_contains_ca_certs"),
            *("indirect_crl", "only_contains_attribute_certs"),
        )
    }
    return x509.IssuingDistributionPoint(None, None, only_some_reasons=None, **said)


@pytest.mark.parametrize(
    "octets", [FULL, pem(FULL, "X509 CRL"), b"text\n" + pem(FULL, "X509 CRL")], ids=["der", "pem", "in-text"]
)
def test_what_a_list_says(octets: bytes) -> None:
    read = read_list(octets, ISSUER, NOW)
    assert (read.this_update, read.next_update, read.number) == (BEGIN, BEGIN + timedelta(days=7), "5")
    assert read.entries(map(serial, (ONE, TWO, THREE))) == {
        serial(ONE): Entry(BEGIN, Reason.KEY_COMPROMISE),
        serial(TWO): Entry(BEGIN, Reason.UNSPECIFIED),
    }


def test_many_are_looked_up_as_few_are() -> None:
    read = read_list(FULL, ISSUER, NOW)
    strangers = [number.to_bytes(3, "big") for number in range(1, 3 * FEW)]
    assert read.entries([serial(ONE), *strangers]).keys() == {serial(ONE)}
    assert read.entries([b"", b"\x00", b"\xff"]) == {}


def test_an_old_list_still_says_what_is_revoked() -> None:
    assert read_list(FULL, ISSUER, NOW + timedelta(days=900)).entries([serial(ONE)])


def test_what_is_removed_from_a_list_is_not_revoked() -> None:
    read = read_list(CORP.list((ONE, FLAGS.remove_from_crl)), ISSUER, NOW)
    assert read.entries([serial(ONE)]) == {}


@pytest.mark.parametrize(
    ("octets", "told"),
    [
        (b"", "no CRL"),
        (ONE, "no CRL"),
        (FULL[:-1], "no CRL"),
        (b"-----BEGIN X509 CRL-----\nAAA\n-----END X509 CRL-----", "no CRL"),
        (ToyAuthority("Corp").list(), "not signed by"),
        (CORP.list(name="Other"), "not signed by"),
        (CORP.list(at=NOW + timedelta(minutes=6)), "of the future"),
        (CORP.list(extension=x509.DeltaCRLIndicator(4)), "a delta"),
        (CORP.list(extension=scope(indirect_crl=True)), "several issuers"),
        (CORP.list(extension=scope(only_contains_attribute_certs=True)), "attribute"),
        (CORP.list(extension=x509.UnrecognizedExtension(x509.ObjectIdentifier("1.2.3"), b"")), "not known"),
    ],
    ids=range(11),
)
def test_what_is_not_believed(octets: bytes, told: str) -> None:
    with pytest.raises(Malformed, match=told):
        read_list(octets, ISSUER, NOW)


def test_a_part_of_the_certificates_is_a_list_too() -> None:
    part = CORP.list((ONE, FLAGS.superseded), extension=scope(only_contains_user_certs=True))
    assert read_list(part, ISSUER, NOW).entries([serial(ONE)])


def point(*urls: str, issuer: bool = False, reasons: bool = False) -> x509.DistributionPoint:
    names = [x509.UniformResourceIdentifier(url) for url in urls]
    other = [x509.DirectoryName(x509.Name([]))] if issuer else None
    return x509.DistributionPoint(names, None, frozenset({FLAGS.superseded}) if reasons else None, other)


def test_where_lists_are() -> None:
    points = [
        point("ldap://x/y", "http://a.test/1.crl", "file:///etc/passwd"),
        point("https://b.test/2.crl"),
        point("http://c.test/", issuer=True),
        point("http://d.test/", reasons=True),
        point("http://e.test/" + "x" * 3000),
    ]
    assert list_urls(x509.CRLDistributionPoints(points)) == ("http://a.test/1.crl", "https://b.test/2.crl")
    many = x509.CRLDistributionPoints([point(f"http://{number}.test/") for number in range(9)])
    assert len(list_urls(many)) == URLS_MAX
    assert decode(CORP.sign("x", list_url="http://a.test/1.crl")).lists == ("http://a.test/1.crl",)


@given(st.data())
def test_changed_octets_are_read_or_refused(data: st.DataObject) -> None:
    octets = bytearray(FULL)
    for _ in range(data.draw(st.integers(1, 3))):
        octets[data.draw(st.integers(0, len(octets) - 1))] = data.draw(st.integers(0, 255))
    try:
        read = read_list(bytes(octets), ISSUER, datetime(2026, 11, 20, tzinfo=UTC))
    except Malformed:
        return
    assert bytes(octets) == FULL or read.entries([serial(ONE)]) == read_list(FULL, ISSUER, NOW).entries(
        [serial(ONE)]
    )


@pytest.mark.parametrize("strangers", [0, 3 * FEW])
def test_an_authority_may_have_signed_what_cannot_be_read(strangers: int) -> None:
    read = read_list(CORP.list((ONE, FLAGS.superseded), unreadable=True), ISSUER, NOW)
    others = [number.to_bytes(3, "big") for number in range(1, strangers)]
    assert read.entries([serial(TWO), *others]) == {}
    with pytest.raises(Malformed, match="an entry that cannot be read"):
        read.entries([serial(ONE), *others])


def test_octets_that_are_read_only_later_are_refused_too() -> None:
    octets = bytearray(FULL)
    octets[33] = 0
    with pytest.raises(Malformed):
        read_list(bytes(octets), ISSUER, NOW)
