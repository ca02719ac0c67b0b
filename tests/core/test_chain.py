"""Paths to authorities from outside, and their last lists."""

import contextlib
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from hypothesis import given
from hypothesis import strategies as st

from certwright.core.chain import REASONS, check_chain
from certwright.core.errors import Malformed, Refused
from certwright.core.extensions import ANY_POLICY, PURPOSES, CertificatePolicy
from certwright.core.issuer import Issuer, issuer_of
from certwright.core.last_list import NUMBER_MAX, number_of_last_list
from certwright.core.policy import evaluate
from certwright.core.request import AuthorityTerms
from tests.changed import changed
from tests.core.toy_chain import Outside, Wish, constraints, outside, revocation_list
from tests.core.toy_pipeline import profile, request
from tests.real.weak_signatures import weakly_signed


def check(one: Outside, later: timedelta = timedelta(0)) -> x509.Certificate:
    return check_chain(one.der, one.path[1:], datetime.now(UTC) + later)


def refusal(act: Callable[[], object]) -> list[str]:
    with pytest.raises(Refused) as found:
        act()
    codes = [reason.code for reason in found.value.reasons]
    assert set(codes) <= REASONS.keys()
    return codes


ROOT_KEY = ec.generate_private_key(ec.SECP256R1())
ROOT = outside("CN=Root", key=ROOT_KEY)
PERMITTED = Wish(
    constraints=constraints(
        (x509.RFC822Name("Corp.Example"), x509.DNSName("corp.example")),
        (x509.DirectoryName(x509.Name.from_rfc4514_string("O=Evil")),),
    )
)


def test_good_paths() -> None:
    assert check(ROOT).subject == ROOT.name
    below = outside("CN=Middle", ROOT, Wish(path_length=1))
    assert check(outside("CN=Issuing", below)).issuer == below.name
    without = outside("CN=Old", outside("CN=Old Root", wish=Wish(uses=None)), Wish(uses=None))
    assert check(without).subject == without.name
    named = Wish(names=(x509.DNSName("ca.Corp.example"), x509.DirectoryName(ROOT.name)))
    check(outside("CN=x,1.2.840.113549.1.9.1=ca@corp.example", outside("CN=R", wish=PERMITTED), named))


@pytest.mark.parametrize("uses", [set(), {"keyCertSign"}, {"cRLSign"}])
def test_an_authority_of_ours_signs_certificates_and_lists(uses: set[str]) -> None:
    one = outside("CN=Issuing", ROOT, Wish(uses=frozenset(uses)))
    assert refusal(lambda: check(one)) == ["authority.key-usage"]


def test_those_above_it_sign_certificates() -> None:
    fine = outside("CN=Middle", ROOT, Wish(uses=frozenset({"keyCertSign"})))
    check(outside("CN=Issuing", fine))
    lists_only = outside("CN=Middle", ROOT, Wish(uses=frozenset({"cRLSign"})))
    assert refusal(lambda: check(outside("CN=Issuing", lists_only))) == ["authority.key-usage"]


def test_path_lengths_above() -> None:
    root = outside("CN=Root", wish=Wish(path_length=0))
    check(outside("CN=Root", root))
    check(outside("CN=Issuing", outside("CN=Middle", outside("CN=Root", wish=Wish(path_length=2)))))
    assert refusal(lambda: check(outside("CN=Issuing", root, Wish()))) == ["authority.path-length"]
    again = outside("CN=Lower", outside("CN=Middle", root), Wish(path_length=4))
    assert refusal(lambda: check(again)) == ["authority.path-length"]


@pytest.mark.parametrize(
    ("subject", "names"),
    [
        ("CN=x,1.2.840.113549.1.9.1=ca@evil.example", ()),
        ("CN=x", (x509.DNSName("ca.evil.example"),)),
        ("CN=x", (x509.RFC822Name("ca@www.corp.example"),)),
        ("CN=x,O=Evil", ()),
        ("CN=x", (x509.DirectoryName(x509.Name.from_rfc4514_string("CN=y,O=Evil")),)),
    ],
)
def test_names_of_authorities_are_within_the_constraints_above(
    subject: str, names: tuple[x509.GeneralName, ...]
) -> None:
    one = outside(subject, outside("CN=Root", wish=PERMITTED), Wish(names=names))
    assert refusal(lambda: check(one)) == ["authority.name-constraints"]


def test_a_path_ends_at_a_certificate_that_signs_itself() -> None:
    """What stands above an end too early would bind nobody."""
    corp = outside("CN=Corp Root", wish=PERMITTED)
    for one in (outside("CN=Issuing", outside("CN=Middle", corp)), outside("CN=Issuing", corp)):
        check(one)
        for length in range(1, len(one.path)):
            short = Outside(one.name, one.key, one.path[:length])
            assert refusal(lambda cut=short: check(cut)) == ["authority.chain"]


def test_an_algorithm_that_nobody_knows_is_no_signature() -> None:
    one = outside("CN=Issuing", ROOT)
    unknown = one.der.replace(bytes.fromhex("2a8648ce3d040302"), bytes.fromhex("2a8648ce3d04030f"))
    odd = Outside(one.name, one.key, (unknown, *one.path[1:]))
    assert refusal(lambda: check(odd)) == ["authority.chain"]


def test_signatures_dates_and_what_is_no_authority() -> None:
    stranger = outside("CN=Root")
    mixed = Outside(ROOT.name, ROOT.key, (outside("CN=Issuing", ROOT).der, stranger.der))
    assert refusal(lambda: check(mixed)) == ["authority.chain"]
    assert refusal(lambda: check(ROOT, timedelta(days=901))) == ["authority.dates"]
    with pytest.raises(Malformed, match="not an authority's"):
        check(outside("CN=x", ROOT, Wish(authority=False, uses=None)))
    odd = Wish(constraints=constraints(excluded=(x509.RFC822Name("*.test"),)))
    with pytest.raises(Malformed, match=r"name constraint email:\*\.test: a base has no wildcard"):
        check(outside("CN=x", wish=odd))


UNKNOWN = x509.UnrecognizedExtension(x509.ObjectIdentifier("2.999.1"), b"\x05\x00")


@pytest.mark.parametrize("extension", [UNKNOWN, x509.InhibitAnyPolicy(0), x509.PolicyConstraints(0, None)])
def test_a_critical_extension_that_is_not_processed(extension: x509.ExtensionType) -> None:
    odd = Wish(critical=(extension,))
    for one in (outside("CN=x", ROOT, odd), outside("CN=x", outside("CN=Middle", ROOT, odd))):
        assert refusal(lambda found=one: check(found)) == ["authority.extension"]


def test_critical_extensions_that_are_processed() -> None:
    critical = (
        x509.ExtendedKeyUsage([x509.ExtendedKeyUsageOID.SERVER_AUTH]),
        x509.CertificatePolicies([x509.PolicyInformation(x509.ObjectIdentifier("1.2.3"), None)]),
    )
    check(outside("CN=x", ROOT, Wish(critical=critical)))


# -- what a path leaves of purposes and policies -----------------------------------------------------

SERVER, CLIENT, ANY = PURPOSES["serverAuth"], PURPOSES["clientAuth"], PURPOSES["anyExtendedKeyUsage"]
ONE, TWO = "2.999.1", "2.999.2"


def path_of(*wishes: Wish) -> Issuer:
    """The issuer at the end of a path of these, from the root down."""
    one: Outside | None = None
    for number, wish in enumerate(wishes):
        one = outside(f"CN=Path {number}", one, wish)
    assert one is not None
    return issuer_of(one.der, chain=one.path[1:])


def refused_below(by: Issuer, name: str, **changed: Any) -> list[str]:
    try:
        evaluate(request(name), replace(profile(name), **changed), by, datetime.now(UTC))
    except Refused as refused:
        return [reason.code for reason in refused.reasons]
    return []


@pytest.mark.parametrize(
    ("purposes", "good", "bad"),
    [
        (((), (SERVER,)), ["tls-server", "intermediate-authority"], ["tls-server-client", "smime-signing"]),
        (((), (SERVER, CLIENT), (CLIENT,)), ["tls-client", "device"], ["tls-server", "tls-server-client"]),
        (((SERVER,), ()), ["tls-server"], ["tls-client"]),
        (((), (SERVER,), (CLIENT,)), ["intermediate-authority"], ["tls-server", "tls-client"]),
        (((), (ANY,), (SERVER, ANY)), ["tls-server", "smime-signing", "code-signing"], []),
    ],
)
def test_purposes(purposes: tuple[tuple[str, ...], ...], good: list[str], bad: list[str]) -> None:
    by = path_of(*[Wish(purposes=some) for some in purposes])
    assert [name for name in good if refused_below(by, name)] == []
    for name in bad:
        assert refused_below(by, name) == ["policy.issuer.purpose"]


def test_an_ocsp_signer_needs_no_purpose_above_it() -> None:
    purposes = (PURPOSES["OCSPSigning"],)
    by = path_of(Wish(), Wish(purposes=(SERVER,)))
    assert refused_below(by, "code-signing", purposes=purposes) == []


@pytest.mark.parametrize(
    ("policies", "good", "bad"),
    [
        (((), ()), [(), (ONE,), (ANY_POLICY,)], []),
        (((), (ONE,)), [(), (ONE,), (ANY_POLICY,)], [(TWO,), (ONE, TWO)]),
        (((), (ONE, TWO), (TWO,)), [(TWO,)], [(ONE,)]),
        (((), (ONE,), (TWO,)), [()], [(ONE,), (TWO,)]),
        (((), (ONE,), (ANY_POLICY,)), [(ONE,)], [(TWO,)]),
        (((TWO,), (ANY_POLICY, ONE)), [(ONE,), (TWO,)], []),
    ],
)
def test_policies(
    policies: tuple[tuple[str, ...], ...], good: list[tuple[str, ...]], bad: list[tuple[str, ...]]
) -> None:
    by = path_of(*[Wish(policies=some) for some in policies])
    for wanted, expected in [(one, []) for one in good] + [(one, ["policy.issuer.policies"]) for one in bad]:
        fixed = tuple(map(CertificatePolicy, wanted))
        assert refused_below(by, "tls-server", policies=fixed) == expected
        terms = AuthorityTerms(policies=fixed)
        asked = replace(request("intermediate-authority"), terms=terms)
        if expected:
            with pytest.raises(Refused, match=r"policy\.issuer\.policies"):
                evaluate(asked, profile("intermediate-authority"), by, datetime.now(UTC))


# -- last lists ------------------------------------------------------------------------------------


def number(content: bytes) -> int:
    return number_of_last_list(content, ROOT.parsed)


def test_the_number_goes_on() -> None:
    assert number(revocation_list(ROOT, 4711)) == 4711
    assert number(revocation_list(ROOT, None)) == 0
    pem = x509.load_der_x509_crl(revocation_list(ROOT, 3)).public_bytes(Encoding.PEM)
    assert number(b"\n" + pem) == 3


POINT = x509.IssuingDistributionPoint(
    [x509.UniformResourceIdentifier("http://a.test/1.crl")], None, False, False, None, False, False
)


@pytest.mark.parametrize(
    ("made", "says"),
    [
        (
            lambda: revocation_list(ROOT, 1, revoked=(7, 8)),
            "names 2 certificates, which cannot be carried on yet",
        ),
        (
            lambda: weakly_signed(revocation_list(ROOT, 1), ROOT_KEY),
            "is signed with ecdsa-with-SHA1, which is not believed",
        ),
        (lambda: revocation_list(outside("CN=Root"), 1), "not signed with the authority's key"),
        (lambda: revocation_list(outside("CN=Else", key=ROOT.key), 1), "and in its name"),
        (lambda: revocation_list(ROOT, 2, x509.DeltaCRLIndicator(1)), "speaks of some certificates only"),
        (lambda: revocation_list(ROOT, 2, POINT), "speaks of some certificates only"),
        (lambda: revocation_list(ROOT, NUMBER_MAX + 1), "is the largest that can be carried on"),
    ],
)
def test_lists_that_are_not_taken(made: Callable[[], bytes], says: str) -> None:
    assert refusal(lambda: number(made())) == ["authority.crl"]
    with pytest.raises(Refused, match=says):
        number(made())


@pytest.mark.parametrize(
    "content", [b"", b"nonsense", b"-----BEGIN X509 CRL-----\nAAAA\n-----END X509 CRL-----\n"]
)
def test_what_is_no_list(content: bytes) -> None:
    with pytest.raises(Malformed, match="the revocation list cannot be read"):
        number(content)


CHANGED = b"\x19\x04Root"  # a GraphicString, which no name of a certificate may be


def test_a_name_that_cannot_be_read_is_malformed() -> None:
    """A name is read when it is asked for, long after the list or certificate around it."""
    content = revocation_list(ROOT, 1).replace(b"\x0c\x04Root", CHANGED)
    with pytest.raises(Malformed, match="the revocation list cannot be read"):
        number(content)
    for count in (1, 2):  # the issuer's, then the subject's too
        with pytest.raises(Malformed, match="the authority's certificate cannot be read"):
            check_chain(ROOT.der.replace(b"\x0c\x04Root", CHANGED, count), (), datetime.now(UTC))


def test_a_name_cannot_steer_a_terminal() -> None:
    with pytest.raises(Refused) as refused:
        check_chain(outside("CN=\x1b[2J").der, (ROOT.der,), datetime.now(UTC))
    assert "\\x1b[2J" in refused.value.detail
    assert refused.value.detail.isprintable()


@given(st.binary(max_size=100) | changed(revocation_list(ROOT, 4711)))
def test_any_list_has_a_number_or_is_refused(content: bytes) -> None:
    with contextlib.suppress(Malformed, Refused):
        assert 0 <= number(content) <= NUMBER_MAX


@given(changed(ROOT.der))
def test_any_certificate_is_an_authoritys_or_refused(certificate: bytes) -> None:
    for path in ((certificate, ROOT.der), (ROOT.der, certificate)):
        with contextlib.suppress(Malformed, Refused):
            check_chain(path[0], path[1:], datetime.now(UTC))
