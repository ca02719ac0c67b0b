"""OCSP answers of others: what is asked, which are believed, and what they say."""

import base64
from dataclasses import replace
from datetime import timedelta
from urllib.parse import unquote

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import ocsp
from cryptography.x509.oid import AuthorityInformationAccessOID, ExtendedKeyUsageOID
from hypothesis import given
from hypothesis import strategies as st

from certwright.core import der
from certwright.core.decoded import SERIAL_OCTETS_MAX, decode
from certwright.core.errors import Malformed
from certwright.core.ocsp import CertId, issuer_forms
from certwright.core.outside_answers import ANSWER_OCTETS_MAX, OutsideAnswer, Question, question, read_answer
from certwright.core.revocation import Reason
from certwright.core.status_urls import QUESTION_OCTETS_MAX, URLS_MAX, answer_urls
from certwright.core.told_status import ToldStatus
from tests.real.toy_answers import (
    REVOKED,
    SIGNS,
    UNKNOWN,
    Signer,
    answer,
    by_hand,
    delegated,
    extension,
    single,
)
from tests.real.toy_chains import BEGIN, ToyAuthority
from tests.real.weak_signatures import SHA1, weakly_signed

CORP, NAMESAKE = ToyAuthority("Corp"), ToyAuthority("Corp")
BELOW = ToyAuthority("Below", CORP)
ONE, TWO = CORP.sign("one"), CORP.sign("two")
ASKED = question(ONE, CORP.certificate)
NOW = BEGIN + timedelta(days=1)
FLAGS = x509.ReasonFlags
PARSED = x509.load_der_x509_certificate(CORP.certificate)
ANY_USE = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE])
ONLY_KEYS = x509.KeyUsage(False, False, True, False, False, False, False, False, False)
STRANGE = x509.UnrecognizedExtension(x509.ObjectIdentifier("1.2.3"), b"")
MADE = answer(CORP, ONE, REVOKED, reason=FLAGS.certificate_hold)


# -- what is asked ---------------------------------------------------------------------------------


def test_it_is_asked_as_others_ask() -> None:
    builder = ocsp.OCSPRequestBuilder().add_certificate(
        x509.load_der_x509_certificate(ONE), PARSED, hashes.SHA1()
    )
    assert ASKED.request == builder.build().public_bytes(Encoding.DER)
    for responder in ("http://a.test/ocsp", "http://a.test/ocsp/"):
        url = ASKED.url(responder)
        assert base64.b64decode(unquote(url.removeprefix("http://a.test/ocsp/"))) == ASKED.request
        assert not set(url.removeprefix("http://a.test/ocsp/")) & {"/", "+", "="}


def test_no_question_is_too_long() -> None:
    most = CertId(
        issuer_forms(b"", der.sequence(der.sequence(), der.bit_string(b"")))[0], b"\xff" * SERIAL_OCTETS_MAX
    )
    assert len(Question(most, PARSED).url("")) <= QUESTION_OCTETS_MAX


@pytest.mark.parametrize(("certificate", "issuer"), [(b"", CORP.certificate), (ONE, b"x")])
def test_what_is_no_certificate_is_not_asked_about(certificate: bytes, issuer: bytes) -> None:
    with pytest.raises(Malformed, match="no certificate"):
        question(certificate, issuer)


def access(*urls: str, issuers: bool = False) -> x509.AuthorityInformationAccess:
    oids = AuthorityInformationAccessOID
    method = oids.CA_ISSUERS if issuers else oids.OCSP
    return x509.AuthorityInformationAccess(
        [x509.AccessDescription(method, x509.UniformResourceIdentifier(url)) for url in urls]
    )


def test_who_answers() -> None:
    bad = ("ldap://x/", "file:///etc/passwd", "http://a.test/?x", "http://a.test/#x", "http://" + "x" * 1_700)
    assert answer_urls(access(*bad, "http://a.test/", "http://a.test/", "https://b.test/x")) == (
        "http://a.test/",
        "https://b.test/x",
    )
    assert answer_urls(access("http://a.test/1.cer", issuers=True)) == ()
    assert len(answer_urls(access(*[f"http://{number}.test/" for number in range(9)]))) == URLS_MAX
    assert decode(CORP.sign("x", answer_url="http://a.test/")).answers == ("http://a.test/",)


def signed_otherwise(octets: bytes) -> bytes:
    """An answer with the last octet of its signature changed."""
    signature = ocsp.load_der_ocsp_response(octets).signature
    return octets.replace(signature, signature[:-1] + bytes([signature[-1] ^ 1]))


def weak(signer: Signer) -> Signer:
    """Its certificate is signed with SHA-1."""
    return replace(signer, certificate=weakly_signed(signer.certificate, CORP.key))


# -- what is believed ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("octets", "said"),
    [
        (answer(CORP, ONE), ToldStatus()),
        (answer(CORP, ONE, by_name=True), ToldStatus()),
        (answer(CORP, ONE, signer=delegated(CORP)), ToldStatus()),
        (answer(CORP, ONE, signer=delegated(CORP), by_name=True), ToldStatus()),
        (answer(CORP, ONE, REVOKED), ToldStatus(BEGIN, Reason.UNSPECIFIED)),
        (
            answer(CORP, ONE, REVOKED, reason=FLAGS.key_compromise, since=BEGIN - timedelta(days=3)),
            ToldStatus(BEGIN - timedelta(days=3), Reason.KEY_COMPROMISE),
        ),
        (MADE, ToldStatus(BEGIN, Reason.CERTIFICATE_HOLD)),
        (answer(CORP, ONE, UNKNOWN), None),
        (by_hand(CORP, ONE), ToldStatus()),
        (by_hand(CORP, ONE, single(CORP, TWO), single(CORP, ONE)), ToldStatus()),
        (by_hand(CORP, ONE, single(CORP, ONE, extension(False))), ToldStatus()),
        (by_hand(CORP, ONE, extensions=extension(False)), ToldStatus()),
    ],
    ids=range(12),
)
def test_what_an_answer_says(octets: bytes, said: ToldStatus | None) -> None:
    assert read_answer(octets, ASKED, NOW) == OutsideAnswer(said, BEGIN, BEGIN + timedelta(days=2))


@pytest.mark.parametrize(
    ("octets", "told"),
    [
        (b"", "no OCSP answer"),
        (b"<html>", "no OCSP answer"),
        (ONE, "no OCSP answer"),
        (MADE[:-1], "no OCSP answer"),
        (b"0" * (ANSWER_OCTETS_MAX + 1), "larger than"),
        (bytes.fromhex("30030a0103"), r"tryLater"),
        (bytes.fromhex("30030a0106"), r"unauthorized"),
        (answer(CORP, TWO), "about another certificate"),
        (answer(CORP, ONE, issuer=NAMESAKE), "about another certificate"),
        (answer(CORP, ONE, digest=hashes.SHA256()), "about another certificate"),
        (by_hand(CORP, ONE, *[single(CORP, ONE)] * 2), "about it twice"),
        (answer(NAMESAKE, ONE, issuer=CORP), "signed neither by"),
        (answer(NAMESAKE, ONE, issuer=CORP, by_name=True), "signed neither by"),
        (answer(CORP, ONE, signer=delegated(NAMESAKE)), "not from the authority"),
        (answer(CORP, ONE, signer=delegated(BELOW)), "not from the authority"),
        (answer(CORP, ONE, signer=Signer(NAMESAKE.certificate, NAMESAKE.key)), "not from the authority"),
        (answer(CORP, ONE, signer=delegated(CORP, (ANY_USE, False))), "not for signing answers"),
        (answer(CORP, ONE, signer=delegated(CORP, (STRANGE, False))), "not for signing answers"),
        (answer(CORP, ONE, signer=delegated(CORP, SIGNS, (ONLY_KEYS, True))), "not for signing answers"),
        (answer(CORP, ONE, signer=delegated(CORP, SIGNS, (STRANGE, True))), "bound to something"),
        (answer(CORP, ONE, signer=delegated(CORP, days=1, begin=BEGIN - timedelta(days=1))), "not valid now"),
        (answer(CORP, ONE, signer=delegated(CORP, begin=NOW + timedelta(hours=1))), "not valid now"),
        (answer(CORP, ONE, signer=weak(delegated(CORP))), "whose certificate is signed with ecdsa-with-SHA1"),
        (signed_otherwise(answer(CORP, ONE, signer=delegated(CORP))), "signed neither by"),
        (answer(CORP, ONE, holds=None), "until when it holds"),
        (answer(CORP, ONE, at=NOW + timedelta(minutes=6)), "of the future"),
        (
            by_hand(CORP, ONE, algorithm=SHA1, digest=hashes.SHA1()),
            "signed with ecdsa-with-SHA1, which is not",
        ),
        (by_hand(CORP, ONE, single(CORP, ONE, extension(True))), "bound to something"),
        (by_hand(CORP, ONE, extensions=extension(True)), "bound to something"),
        (answer(CORP, ONE, REVOKED, reason=FLAGS.remove_from_crl), "revokes nothing"),
    ],
    ids=range(30),
)
def test_what_is_not_believed(octets: bytes, told: str) -> None:
    with pytest.raises(Malformed, match=told):
        read_answer(octets, ASKED, NOW)


def test_an_answer_ends() -> None:
    read = read_answer(MADE, ASKED, NOW + timedelta(days=900))
    assert read.is_over(NOW + timedelta(days=900))
    assert not read.is_over(read.next_update)


@given(st.data())
def test_changed_octets_are_refused_or_say_the_same(data: st.DataObject) -> None:
    octets = bytearray(MADE)
    for _ in range(data.draw(st.integers(1, 3))):
        octets[data.draw(st.integers(0, len(octets) - 1))] = data.draw(st.integers(0, 255))
    try:
        read = read_answer(bytes(octets), ASKED, NOW)
    except Malformed:
        return
    assert read == read_answer(MADE, ASKED, NOW)
