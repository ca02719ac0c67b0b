"""Lints: good certificates raise nothing, and every declared finding is raised by the defect it is about."""

from collections.abc import Callable
from dataclasses import fields, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

from certwright.core import extensions as ext
from certwright.core.distinguished_name import DistinguishedName, parse_name
from certwright.core.errors import IntegrityError, Refused
from certwright.core.issuer import Issuer, Pointers
from certwright.core.keys import KeyAlgorithm
from certwright.core.lint import SETS, declared_findings, lint, lint_frame, lint_varying, refuse_errors
from certwright.core.lint.decoded import Decoded, decode
from certwright.core.lint.finding import Part, Rule, Severity, error, rule
from certwright.core.names import Identifier, IdentifierKind
from certwright.core.plan import make_plan
from certwright.core.policy import evaluate
from certwright.core.profile import KeyUsageRules, MustStaple, Profile, Source, SubjectAttribute
from certwright.core.profile_document import parse_subtree
from certwright.core.profiles_builtin import built_in_profiles
from certwright.core.template import encode_tbs
from tests.core.toy_pipeline import NOW, SERIAL, issuer, plan, profile, request

Case = tuple[Decoded, Profile]
Change = Callable[[Case], Case]


def good(name: str = "tls-server") -> Case:
    return decode(encode_tbs(plan(name))), profile(name)


def codes(case: Case) -> set[str]:
    return {finding.code for finding in lint(*case)}


def public_tls() -> Case:
    """A certificate as the TLS Baseline Requirements want it."""
    under = replace(
        profile(),
        lints=frozenset({"cabf-tls"}),
        policies=(ext.CertificatePolicy("2.23.140.1.2.1"),),
        subject_key_identifier=False,
        subject=(),
        key_usage=KeyUsageRules(frozenset({"digitalSignature"})),
    )
    names = ("dns:www.certwright.org", "ip:1.1.1.1")
    planned = make_plan(evaluate(request(names=names), under, public_issuer(), NOW), SERIAL)
    return decode(encode_tbs(planned)), under


def public_issuer() -> Issuer:
    base = "http://pki.certwright.org"
    return replace(issuer(), pointers=Pointers(f"{base}/ocsp", f"{base}/ca.cer", f"{base}/{{shard}}.crl"))


def public_mail() -> Case:
    """A certificate as the S/MIME Baseline Requirements want it."""
    policies = (ext.CertificatePolicy("2.23.140.1.5.1.2"),)
    under = replace(
        profile("smime-signing"), lints=frozenset({"cabf-smime"}), policies=policies, subject=CN_FIRST
    )
    asked = request("smime-signing", names=("email:ann@certwright.org",))
    asked = replace(asked, subject=parse_name("CN=ann@certwright.org"))
    planned = make_plan(evaluate(asked, under, public_issuer(), NOW), SERIAL)
    return decode(encode_tbs(planned)), under


@pytest.mark.parametrize("name", built_in_profiles())
def test_good_certificates_raise_nothing(name: str) -> None:
    assert lint(*good(name)) == ()


def test_certificates_for_the_public_raise_only_what_is_not_recommended() -> None:
    assert codes(public_tls()) == {"rfc5280.subject-key-identifier.missing"}
    assert codes(public_mail()) == set()


# -- a defect for every finding --------------------------------------------------------------------


def values(**changes: Any) -> Change:
    """Change fields that vary."""
    return lambda case: (replace(case[0], **changes), case[1])


def frame(**changes: Any) -> Change:
    """Change fields of the frame."""
    return lambda case: (replace(case[0], frame=replace(case[0].frame, **changes)), case[1])


def under(**changes: Any) -> Change:
    """Change the profile that the certificate is held against."""
    return lambda case: (case[0], replace(case[1], **changes))


def with_value(value: ext.ExtensionValue, critical: bool = False) -> Change:
    """Put an extension in, in the place of one with the same OID."""

    def change(case: Case) -> Case:
        found = case[0].frame
        kept = tuple([extension for extension in found.extensions if extension.oid != value.oid])
        heads = tuple([head for head in found.heads if head[0] != value.oid])
        changed = replace(
            found, extensions=(*kept, ext.Extension(critical, value)), heads=(*heads, (value.oid, critical))
        )
        return replace(case[0], frame=changed), case[1]

    return change


def other(oid: str, octets: str) -> Change:
    """Put an extension in that the profile would give in hexadecimal."""
    return with_value(ext.OtherExtension(oid, bytes.fromhex(octets)), oid in {"2.5.29.36", "2.5.29.54"})


def without(oid: str) -> Change:
    """Leave an extension out."""

    def change(case: Case) -> Case:
        found = case[0].frame
        kept = tuple([extension for extension in found.extensions if extension.oid != oid])
        heads = tuple([head for head in found.heads if head[0] != oid])
        return replace(case[0], frame=replace(found, extensions=kept, heads=heads)), case[1]

    return change


def head(oid: str, critical: bool) -> Change:
    return lambda case: (
        replace(case[0], frame=replace(case[0].frame, heads=(*case[0].frame.heads, (oid, critical)))),
        case[1],
    )


def critical(oid: str, flag: bool) -> Change:
    def change(case: Case) -> Case:
        heads = tuple([(found, flag if found == oid else was) for found, was in case[0].frame.heads])
        return replace(case[0], frame=replace(case[0].frame, heads=heads)), case[1]

    return change


def both(*changes: Change) -> Change:
    def change(case: Case) -> Case:
        for one in changes:
            case = one(case)
        return case

    return change


def names(*pairs: tuple[str, str]) -> Change:
    """Names taken as they are, without the checks that every other way in has."""
    return values(names=tuple([Identifier(IdentifierKind(kind), value) for kind, value in pairs]))


def purposes(*known: str, critical: bool = False) -> Change:
    return with_value(ext.ExtendedKeyUsage(tuple([ext.PURPOSES[name] for name in known])), critical)


def uses(*known: str, critical: bool = True) -> Change:
    return with_value(ext.KeyUsage(frozenset(known)), critical)


def subject(text: str) -> Change:
    return values(subject=parse_name(text))


def raw_subject(short_oid: str, value: str) -> Change:
    return values(subject=DistinguishedName((((short_oid, value),),)))


def rsa_key(modulus: int, exponent: int) -> Any:
    return rsa.RSAPublicNumbers(exponent, modulus).public_key()


CN_FIRST = (SubjectAttribute("2.5.4.3", Source.FIRST_NAME),)
DAY = timedelta(days=1)
CONSTRAINTS = ext.NameConstraints((parse_subtree("dns:a.test"),))
CA = ext.BasicConstraints(authority=True)
POLICY = ext.CertificatePolicy("2.999.1")
ODD = 2**2047 + 1

# finding -> where from, what is done to it
DEFECTS: dict[str, tuple[Callable[[], Case], Change]] = {
    "rfc5280.version": (good, frame(version=0)),
    "rfc5280.signature-algorithm": (good, frame(signature_identifier=b"\x30\x00")),
    "rfc5280.issuer.empty": (good, frame(issuer=b"\x30\x00")),
    "rfc5280.serial.not-positive": (good, values(serial=0)),
    "rfc5280.serial.too-long": (good, values(serial_octets=21)),
    "rfc5280.validity.order": (good, values(not_after=NOW - 9 * DAY)),
    "rfc5280.validity.time-type": (good, values(not_after=datetime(2050, 1, 1, tzinfo=UTC))),
    "rfc5280.subject.empty": (lambda: good("issuing-authority"), frame(has_subject=False)),
    "rfc5280.subject.value": (good, raw_subject("2.5.4.3", "x" * 65)),
    "rfc5280.subject.email": (good, subject("emailAddress=a@example.test")),
    "rfc5280.san.critical": (good, frame(has_subject=False)),
    "rfc5280.san.not-critical": (good, critical(ext.SUBJECT_ALTERNATIVE_NAME, True)),
    "rfc5280.san.empty": (good, names()),
    "rfc5280.san.dns": (good, names(("dns", "-a.test"))),
    "rfc5280.san.wildcard": (good, names(("dns", "a.*.test"))),
    "rfc5280.san.email": (good, names(("email", "nobody"))),
    "rfc5280.san.uri": (good, names(("uri", "/relative"))),
    "rfc5280.san.underscore": (good, names(("dns", "a_b.test"))),
    "rfc5280.san.duplicate": (good, names(("dns", "a.test"), ("dns", "a.test"))),
    "rfc5280.extension.twice": (good, head(ext.KEY_USAGE, critical=True)),
    "rfc5280.extension.critical": (good, head("2.5.29.54", critical=False)),
    "rfc5280.extension.not-critical": (good, critical(ext.AUTHORITY_KEY_IDENTIFIER, True)),
    "rfc5280.extension.should-not-be-critical": (good, critical(ext.CRL_DISTRIBUTION_POINTS, True)),
    "rfc5280.extension.unknown-critical": (good, head("2.999.1", critical=True)),
    "rfc5280.extension.authority-only": (good, other("2.5.29.36", "3003800100")),
    "rfc5280.extension.empty": (good, other("2.5.29.18", "3000")),
    "rfc5280.extension.poison": (good, other("1.3.6.1.4.1.11129.2.4.3", "0500")),
    "rfc5280.policy-mappings": (
        lambda: good("issuing-authority"),
        other("2.5.29.33", "300e300c0604551d20000604551d2000"),
    ),
    "rfc5280.basic-constraints.critical": (
        lambda: good("issuing-authority"),
        critical(ext.BASIC_CONSTRAINTS, False),
    ),
    "rfc5280.basic-constraints.path-length": (good, with_value(ext.BasicConstraints(False, 1), True)),
    "rfc5280.key-usage.cert-sign": (good, with_value(CA, True)),
    "rfc5280.key-usage.authority": (lambda: good("issuing-authority"), without(ext.KEY_USAGE)),
    "rfc5280.name-constraints.authority": (good, with_value(CONSTRAINTS, True)),
    "rfc5280.name-constraints.empty": (good, with_value(ext.NameConstraints(), True)),
    "rfc5280.key-usage.empty": (good, uses()),
    "rfc5280.key-usage.not-critical": (good, critical(ext.KEY_USAGE, False)),
    "rfc5280.key-usage.only": (good, uses("encipherOnly")),
    "rfc5280.purpose.empty": (good, purposes()),
    "rfc5280.purpose.twice": (good, purposes("serverAuth", "serverAuth")),
    "rfc5280.purpose.key-usage": (good, uses("contentCommitment")),
    "rfc5280.purpose.any-critical": (good, purposes("anyExtendedKeyUsage", critical=True)),
    "rfc5280.purpose.time-stamping": (lambda: good("time-stamping"), critical(ext.EXTENDED_KEY_USAGE, False)),
    "rfc5280.authority-key-identifier.missing": (good, without(ext.AUTHORITY_KEY_IDENTIFIER)),
    "rfc5280.subject-key-identifier.authority": (
        lambda: good("issuing-authority"),
        without(ext.SUBJECT_KEY_IDENTIFIER),
    ),
    "rfc5280.subject-key-identifier.missing": (good, without(ext.SUBJECT_KEY_IDENTIFIER)),
    "rfc5280.policies.twice": (good, with_value(ext.CertificatePolicies((POLICY, POLICY)))),
    "rfc5280.policies.empty": (good, with_value(ext.CertificatePolicies(()))),
    "rfc5280.pointers.empty": (good, with_value(ext.CrlDistributionPoints(()))),
    "rfc5280.pointers.scheme": (good, with_value(ext.CrlDistributionPoints(("https://a.test/1.crl",)))),
    "rfc5280.ocsp-nocheck.purpose": (good, with_value(ext.OcspNoCheck())),
    "profile.key-usage": (good, uses("digitalSignature", "contentCommitment")),
    "profile.purposes": (good, purposes("serverAuth", "clientAuth")),
    "profile.basic-constraints": (lambda: good("issuing-authority"), with_value(CA, True)),
    "profile.extension.not-listed": (good, head("2.999.1", critical=False)),
    "profile.extension.missing": (good, under(must_staple=MustStaple.ALWAYS)),
    "profile.lifetime": (good, values(not_after=NOW + 398 * DAY)),
    "profile.name.kind": (good, names(("email", "a@a.test"))),
    "profile.name.count": (good, names()),
    "profile.name.required": (lambda: good("smart-card-logon"), names(("email", "ann@example.test"))),
    "profile.name.wildcard": (lambda: good("vpn-gateway"), names(("dns", "*.a.test"))),
    "profile.subject.not-listed": (good, subject("CN=www.example.test,O=Example")),
    "profile.subject.missing": (lambda: good("device"), subject("O=Example")),
    "profile.subject.value": (good, subject("CN=other.example.test")),
    "keys.algorithm": (good, under(keys=frozenset({KeyAlgorithm.RSA_2048}))),
    "keys.usage": (good, uses("keyEncipherment")),
    "keys.rsa.exponent": (good, values(public_key=rsa_key(ODD, 3))),
    "keys.rsa.modulus": (good, values(public_key=rsa_key(ODD + 1, 65537))),
    "keys.identifier": (good, values(key_identifier=bytes(20))),
    "cabf-tls.lifetime": (public_tls, values(not_after=NOW + 201 * DAY)),
    "cabf-tls.serial": (public_tls, values(serial_octets=7)),
    "cabf-tls.names.missing": (public_tls, names()),
    "cabf-tls.names.kind": (public_tls, names(("email", "a@a.test"))),
    "cabf-tls.names.internal": (public_tls, names(("ip", "10.0.0.1"))),
    "cabf-tls.names.underscore": (public_tls, names(("dns", "a_b.certwright.org"))),
    "cabf-tls.common-name": (public_tls, subject("CN=other.certwright.org")),
    "cabf-tls.common-name.many": (public_tls, subject("CN=a,CN=b")),
    "cabf-tls.common-name.used": (public_tls, subject("CN=www.certwright.org")),
    "cabf-tls.subject": (public_tls, subject("O=Example")),
    "cabf-tls.purpose.server": (public_tls, purposes("clientAuth")),
    "cabf-tls.purpose.other": (public_tls, purposes("serverAuth", "codeSigning")),
    "cabf-tls.key-usage": (public_tls, uses("digitalSignature", "contentCommitment")),
    "cabf-tls.basic-constraints": (public_tls, critical(ext.BASIC_CONSTRAINTS, False)),
    "cabf-tls.policy": (public_tls, without(ext.CERTIFICATE_POLICIES)),
    "cabf-tls.access": (public_tls, without(ext.AUTHORITY_INFORMATION_ACCESS)),
    "cabf-tls.crl": (
        public_tls,
        both(without(ext.AUTHORITY_INFORMATION_ACCESS), without(ext.CRL_DISTRIBUTION_POINTS)),
    ),
    "cabf-tls.pointers.internal": (
        public_tls,
        with_value(ext.CrlDistributionPoints(("http://pki.internal/1.crl",))),
    ),
    "cabf-tls.key": (public_tls, frame(key_algorithm=KeyAlgorithm.ED25519)),
    "cabf-tls.signature": (public_tls, frame(signature_identifier=bytes.fromhex("300506032b6570"))),
    "cabf-tls.subject-key-identifier": (public_tls, head(ext.SUBJECT_KEY_IDENTIFIER, critical=False)),
    "cabf-smime.lifetime": (public_mail, values(not_after=NOW + 826 * DAY)),
    "cabf-smime.names": (public_mail, names()),
    "cabf-smime.names.kind": (public_mail, names(("dns", "a.test"))),
    "cabf-smime.names.internal": (public_mail, names(("email", "ann@mail.corp"))),
    "cabf-smime.subject": (public_mail, subject("O=Example")),
    "cabf-smime.subject.mail": (public_mail, subject("CN=other@example.test")),
    "cabf-smime.purpose": (public_mail, purposes("clientAuth")),
    "cabf-smime.purpose.other": (public_mail, purposes("emailProtection", "serverAuth")),
    "cabf-smime.policy": (public_mail, without(ext.CERTIFICATE_POLICIES)),
    "cabf-smime.crl": (public_mail, without(ext.CRL_DISTRIBUTION_POINTS)),
    "cabf-smime.key": (public_mail, frame(key_algorithm=KeyAlgorithm.ML_DSA_65)),
    "cabf-smime.key-usage": (public_mail, without(ext.KEY_USAGE)),
}


@pytest.mark.parametrize("code", DEFECTS)
def test_each_defect_raises_its_finding(code: str) -> None:
    start, change = DEFECTS[code]
    case = start()
    assert code not in codes(case)
    assert code in codes(change(case))


def test_every_declared_finding_has_a_defect_here() -> None:
    declared = [finding.code for found in declared_findings().values() for finding in found]
    assert sorted(DEFECTS) == sorted(declared)
    assert len(set(declared)) == len(declared)


MORE_DEFECTS: list[tuple[str, Change]] = [
    ("rfc5280.san.dns", names(("dns", "a..test"))),
    ("rfc5280.san.dns", names(("dns", "A.test"))),
    ("rfc5280.san.dns", names(("dns", "a" * 64 + ".test"))),
    ("rfc5280.san.dns", names(("dns", ".".join(["a" * 49] * 6)))),
    ("rfc5280.san.wildcard", names(("dns", "*"))),
    ("rfc5280.san.wildcard", names(("dns", "*.test"))),
    ("rfc5280.san.wildcard", names(("dns", "a*.b.test"))),
    ("rfc5280.san.email", names(("email", "a b@c.test"))),
    ("rfc5280.san.uri", names(("uri", "http://ü.test/"))),
    ("rfc5280.subject.empty", both(without(ext.SUBJECT_ALTERNATIVE_NAME), frame(has_subject=False))),
    ("rfc5280.subject.value", raw_subject("2.5.4.6", "de")),
    ("rfc5280.extension.critical", with_value(CONSTRAINTS)),
    ("profile.extension.missing", without(ext.SUBJECT_KEY_IDENTIFIER)),
    ("profile.extension.missing", under(policies=(POLICY,))),
    ("profile.extension.missing", under(name_constraints=CONSTRAINTS)),
    (
        "profile.extension.missing",
        under(extensions=(ext.Extension(critical=False, value=ext.OtherExtension("2.999.1", b"\x05\x00")),)),
    ),
    ("profile.extension.not-listed", under(pointers=frozenset())),
    ("profile.basic-constraints", without(ext.BASIC_CONSTRAINTS)),
    ("profile.purposes", under(purposes_critical=True)),
    ("profile.key-usage", critical(ext.KEY_USAGE, False)),
    ("profile.lifetime", values(not_after=NOW - timedelta(minutes=5) + 398 * DAY)),
]


MORE_DEFECTS += [
    ("rfc5280.extension.authority-only", other("2.5.29.54", "020100")),
    ("rfc5280.extension.authority-only", other("2.5.29.33", "30083006060129060129")),
    ("rfc5280.extension.authority-only", other("2.16.840.1.113730.1.1", "03020007")),
    ("rfc5280.extension.empty", other("2.5.29.9", "3000")),
    ("rfc5280.extension.empty", other("2.5.29.33", "3000")),
    ("rfc5280.policy-mappings", other("2.5.29.33", "0500")),
    ("rfc5280.policy-mappings", other("2.5.29.33", "300b30090604551d2000060129")),
    ("rfc5280.policy-mappings", other("2.5.29.33", "300b30090601290604551d2000")),
]


@pytest.mark.parametrize(("code", "change"), MORE_DEFECTS)
def test_more_defects(code: str, change: Change) -> None:
    assert code in codes(change(good()))


def test_authorities_may_have_the_extensions_that_are_theirs() -> None:
    for change in (
        other("2.5.29.36", "3003800100"),
        other("2.5.29.54", "020100"),
        other("2.5.29.33", "30083006060129060129"),
        other("2.16.840.1.113730.1.1", "03020007"),
    ):
        found = codes(change(good("issuing-authority")))
        assert not [code for code in found if code.startswith("rfc5280.")]


def test_wildcards_above_two_labels_and_hosts_with_digits_are_fine() -> None:
    case = names(("dns", "*.example.test"), ("dns", "4.a-b.xn--bcher-kva.test"))(good())
    assert not [code for code in codes(case) if code.startswith("rfc5280.san")]


# -- how rules are declared ------------------------------------------------------------------------

_PARTS = {
    "serial": Part.SERIAL,
    "serial_octets": Part.SERIAL,
    "not_before": Part.VALIDITY,
    "not_after": Part.VALIDITY,
    "time_tags": Part.VALIDITY,
    "subject": Part.SUBJECT,
    "names": Part.NAMES,
    "public_key": Part.KEY,
    "spki": Part.KEY,
    "key_identifier": Part.KEY,
    "frame": Part.FRAME,
}


class Watched:
    """A decoded certificate that notes which parts are read."""

    def __init__(self, decoded: Decoded) -> None:
        self.decoded, self.read = decoded, set[Part]()

    def __getattr__(self, name: str) -> object:
        self.read.add(_PARTS[name])
        return getattr(self.decoded, name)


@pytest.mark.parametrize("found", [found for rules in SETS.values() for found in rules])
def test_rules_read_only_the_parts_they_declare(found: Rule) -> None:
    """Else a rule could be left out where the part that it reads has changed."""
    assert {field.name for field in fields(Decoded)} == _PARTS.keys()
    cases = [good(name) for name in built_in_profiles()] + [public_tls(), public_mail()]
    cases += [change(start()) for start, change in DEFECTS.values()]
    for decoded, under_profile in cases:
        watched: Any = Watched(decoded)
        found.check(watched, under_profile)
        assert watched.read <= found.reads


def test_frame_and_varying_rules_together_are_all() -> None:
    decoded, under_profile = both(uses(), values(serial=0))(good())
    assert lint(decoded, under_profile) == lint_frame(decoded, under_profile) + lint_varying(
        decoded, under_profile
    )
    assert "rfc5280.key-usage.empty" in {found.code for found in lint_frame(decoded, under_profile)}
    assert {found.code for found in lint_varying(decoded, under_profile)} == {"rfc5280.serial.not-positive"}


def test_a_rule_that_raises_what_it_does_not_declare_is_found_out() -> None:
    one, other = error("test.one", "", "one"), error("test.other", "", "other")

    @rule(Part.SERIAL, findings=(one,))
    def careless(_decoded: Decoded, _profile: Profile) -> tuple[Any, ...]:
        return (other,)

    with pytest.raises(IntegrityError, match=r"test\.other"):
        careless.run(*good())


def test_errors_refuse_and_the_rest_does_not() -> None:
    findings = lint(*both(values(serial=0), names(("dns", "_a.test")))(good()))
    assert {found.severity for found in findings} == {Severity.ERROR, Severity.NOTICE}
    with pytest.raises(Refused) as refusal:
        refuse_errors(findings)
    assert "RFC 5280 4.1.2.2" in [reason.clause for reason in refusal.value.reasons]
    refuse_errors(tuple(found for found in findings if found.severity is not Severity.ERROR))
