"""Plans and their octets: our two encoders and the builder of `cryptography` agree octet for octet."""

import ipaddress
import json
import subprocess
import uuid
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import AuthorityInformationAccessOID as Access
from hypothesis import given, reject
from hypothesis import strategies as st

from certwright.core import der, keys
from certwright.core import extensions as ext
from certwright.core.distinguished_name import (
    DistinguishedName,
    check_value,
    decode_name,
    name_of,
    short_name,
)
from certwright.core.errors import Malformed, Refused
from certwright.core.issuer import issuer_of
from certwright.core.keys import SIGNATURES, KeyAlgorithm
from certwright.core.lint.decoded import decode
from certwright.core.names import IdentifierKind, parse_identifier
from certwright.core.plan import CertificatePlan, describe, make_plan, make_serial
from certwright.core.policy import evaluate
from certwright.core.profile import MustStaple, Pointer, Profile
from certwright.core.profile_document import parse_subtree
from certwright.core.profiles_builtin import built_in_profiles
from certwright.core.request import AuthorityTerms, CertificateRequest
from certwright.core.template import assemble, encode_tbs, fast_tbs, preview
from tests.core.toy_pipeline import (
    NAMES,
    NOW,
    QUICK_ALGORITHMS,
    SERIAL,
    issuer,
    plan,
    private_key,
    profile,
    request,
)

# -- the reference: the builder of `cryptography` --------------------------------------------------

_STRING_TYPES = {12: x509.name._ASN1Type.UTF8String, 19: x509.name._ASN1Type.PrintableString}
_STRING_TYPES[22] = x509.name._ASN1Type.IA5String


def reference_name(name: DistinguishedName) -> x509.Name:
    return x509.Name(
        [
            x509.RelativeDistinguishedName(
                [
                    x509.NameAttribute(
                        x509.ObjectIdentifier(oid), value, _STRING_TYPES[check_value(oid, value)]
                    )
                    for oid, value in rdn
                ]
            )
            for rdn in name.rdns
        ]
    )


def other(oid: str, value: bytes) -> x509.OtherName:
    return x509.OtherName(x509.ObjectIdentifier(oid), value)


def kerberos(value: str) -> bytes:
    principal, realm = value.rsplit("@", 1)
    parts = [der.tlv(27, part.encode()) for part in principal.split("/")]
    kind = b"\x02\x01\x02" if len(parts) > 1 else b"\x02\x01\x01"
    name = der.sequence(der.tlv(0xA0, kind), der.tlv(0xA1, der.sequence(*parts)))
    return der.sequence(der.tlv(0xA0, der.tlv(27, realm.encode())), der.tlv(0xA1, name))


GENERAL_NAMES: dict[IdentifierKind, Callable[[str], x509.GeneralName]] = {
    IdentifierKind.DNS: x509.DNSName,
    IdentifierKind.IP: lambda value: x509.IPAddress(ipaddress.ip_address(value)),
    IdentifierKind.EMAIL: x509.RFC822Name,
    IdentifierKind.URI: x509.UniformResourceIdentifier,
    IdentifierKind.UPN: lambda value: other("1.3.6.1.4.1.311.20.2.3", der.tlv(12, value.encode())),
    IdentifierKind.GUID: lambda value: other("1.3.6.1.4.1.311.25.1", der.tlv(4, uuid.UUID(value).bytes_le)),
    IdentifierKind.KERBEROS: lambda value: other("1.3.6.1.5.2.2", kerberos(value)),
}


def subtree(tree: ext.Subtree) -> x509.GeneralName:
    if tree.kind is IdentifierKind.IP:
        return x509.IPAddress(ipaddress.ip_network(tree.base))
    return GENERAL_NAMES[tree.kind](tree.base)


def uri(url: str) -> x509.UniformResourceIdentifier:
    return x509.UniformResourceIdentifier(url)


def oid(dotted: str) -> x509.ObjectIdentifier:
    return x509.ObjectIdentifier(dotted)


def reference_extension(value: ext.ExtensionValue) -> x509.ExtensionType:
    match value:
        case ext.BasicConstraints(authority, path_length):
            return x509.BasicConstraints(authority, path_length)
        case ext.KeyUsage(uses):
            return x509.KeyUsage(*[use in uses for use in ext.KEY_USES])
        case ext.ExtendedKeyUsage(purposes):
            return x509.ExtendedKeyUsage(map(oid, purposes))
        case ext.SubjectAlternativeName(names):
            return x509.SubjectAlternativeName([GENERAL_NAMES[name.kind](name.value) for name in names])
        case ext.SubjectKeyIdentifier(octets):
            return x509.SubjectKeyIdentifier(octets)
        case ext.AuthorityKeyIdentifier(octets):
            return x509.AuthorityKeyIdentifier(octets, None, None)
    return reference_pointer_or_policy(value)


def reference_pointer_or_policy(value: ext.ExtensionValue) -> x509.ExtensionType:
    match value:
        case ext.CertificatePolicies(policies):
            return x509.CertificatePolicies(
                [x509.PolicyInformation(oid(item.oid), [item.cps] if item.cps else None) for item in policies]
            )
        case ext.NameConstraints(permitted, excluded):
            return x509.NameConstraints(
                list(map(subtree, permitted)) or None, list(map(subtree, excluded)) or None
            )
        case ext.CrlDistributionPoints(urls):
            return x509.CRLDistributionPoints(
                [x509.DistributionPoint([uri(url)], None, None, None) for url in urls]
            )
        case ext.AuthorityInformationAccess(ocsp, issuers):
            pairs = [(Access.OCSP, url) for url in ocsp] + [(Access.CA_ISSUERS, url) for url in issuers]
            return x509.AuthorityInformationAccess(
                [x509.AccessDescription(how, uri(url)) for how, url in pairs]
            )
        case ext.TlsFeature():
            return x509.TLSFeature([x509.TLSFeatureType.status_request])
        case ext.OcspNoCheck():
            return x509.OCSPNoCheck()
    return x509.UnrecognizedExtension(oid(value.oid), value.encode())


def reference_tbs(planned: CertificatePlan) -> bytes:
    """TBSCertificate by `cryptography`'s builder."""
    algorithm = planned.shape.issuer.algorithm
    builder = (
        x509.CertificateBuilder()
        .issuer_name(reference_name(decode_name(planned.shape.issuer.name)))
        .subject_name(reference_name(planned.subject))
        .serial_number(planned.serial)
        .not_valid_before(planned.not_before)
        .not_valid_after(planned.not_after)
        .public_key(private_key(planned.shape.key_algorithm).public_key())
    )
    for extension in planned.extensions:
        builder = builder.add_extension(reference_extension(extension.value), extension.critical)
    digest: Any = SIGNATURES[algorithm].digest
    assert digest is None or isinstance(digest, hashes.HashAlgorithm)
    return builder.sign(private_key(algorithm, "authority"), digest).tbs_certificate_bytes


# -- random profiles and requests ------------------------------------------------------------------

LABEL = st.from_regex(r"[a-z]([a-z0-9-]{0,8}[a-z0-9])?", fullmatch=True).filter(
    lambda text: text[2:4] != "--"
)
DNS = st.lists(LABEL, min_size=1, max_size=4).map(lambda labels: ".".join([*labels, "test"]))
VALUES: dict[IdentifierKind, st.SearchStrategy[str]] = {
    IdentifierKind.DNS: st.tuples(st.sampled_from(["", "*."]), DNS).map("".join),
    IdentifierKind.IP: st.ip_addresses()
    .filter(lambda one: getattr(one, "ipv4_mapped", None) is None)
    .map(str),
    IdentifierKind.EMAIL: st.tuples(LABEL, DNS).map("@".join),
    IdentifierKind.URI: DNS.map(lambda name: f"https://{name}/x?y=1#z"),
    IdentifierKind.UPN: st.tuples(st.text("aäöü ", min_size=1, max_size=5), DNS).map("@".join),
    IdentifierKind.GUID: st.uuids().map(str),
    IdentifierKind.KERBEROS: st.tuples(st.sampled_from(["ann", "krbtgt/X", "host/a/b"]), DNS).map("@".join),
}
TEXT = st.text("abcÄÖ ,+\"\\<>;=#'()", min_size=1, max_size=64)
FIXED = {"C": st.sampled_from(["DE", "FR"]), "serialNumber": st.just("47-11"), "DC": st.just("corp")}
FIXED["emailAddress"] = st.just("ann@example.test")
SUBTREES = st.lists(
    st.sampled_from(["dns:a.test", "ip:10.0.0.0/8", "ip:2001:db8::/32", "email:.a.test", "uri:a.test"]).map(
        parse_subtree
    ),
    max_size=3,
    unique=True,
).map(tuple)
CONSTRAINTS = st.builds(ext.NameConstraints, SUBTREES, SUBTREES).filter(
    lambda found: found.permitted or found.excluded
)
POLICIES = st.lists(
    st.builds(
        ext.CertificatePolicy,
        st.sampled_from(["2.999.1", "2.999.2"]),
        st.sampled_from(["", "http://cps.test"]),
    ),
    max_size=2,
    unique_by=lambda policy: policy.oid,
).map(tuple)
EXTRA = st.lists(
    st.builds(
        lambda critical, last: ext.Extension(critical, ext.OtherExtension(f"2.999.7.{last}", b"\x05\x00")),
        st.booleans(),
        st.integers(0, 2**40),
    ),
    max_size=2,
    unique_by=lambda extension: extension.oid,
).map(tuple)


@st.composite
def profiles(draw: st.DrawFn) -> Profile:
    base = draw(st.sampled_from([p for p in built_in_profiles().values() if p.name != "root-authority"]))
    return replace(
        base,
        version=draw(st.integers(1, 10**6)),
        policies=draw(POLICIES),
        pointers=draw(st.frozensets(st.sampled_from(Pointer))),
        must_staple=draw(st.sampled_from(MustStaple)),
        ocsp_nocheck=draw(st.booleans()),
        server_made_keys=not base.is_authority and draw(st.booleans()),
        subject_key_identifier=base.is_authority or draw(st.booleans()),
        authority_key_identifier=draw(st.booleans()),
        purposes_critical=bool(base.purposes) and draw(st.booleans()),
        key_usage=replace(base.key_usage, critical=draw(st.booleans())),
        extensions=draw(EXTRA),
        name_constraints=draw(st.none() | CONSTRAINTS) if base.is_authority else None,
    )


@st.composite
def requests(draw: st.DrawFn, under: Profile) -> CertificateRequest:
    algorithm = draw(st.sampled_from(sorted(under.keys & set(QUICK_ALGORITHMS))))
    pairs = [
        (short_name(rule.oid), draw(FIXED.get(short_name(rule.oid), TEXT)))
        for rule in under.subject
        for _ in range(draw(st.integers(int(rule.required), rule.maximum)))
    ]
    kinds = sorted(under.names.kinds)
    name = st.sampled_from(kinds or [IdentifierKind.DNS]).flatmap(
        lambda kind: VALUES[kind].map(lambda text: parse_identifier(kind, text))
    )
    names = draw(
        st.lists(name, min_size=under.names.minimum, max_size=min(under.names.maximum, 5), unique=True)
    )
    names = [found for found in names if under.names.wildcards or found.value[0] != "*"]
    public_key = private_key(algorithm).public_key()
    terms = AuthorityTerms(draw(st.none() | st.integers(0, 3))) if under.is_authority else None
    return CertificateRequest(
        public_key,
        keys.spki(public_key),
        algorithm,
        name_of(pairs),
        tuple(names),
        must_staple=under.must_staple is not MustStaple.NEVER and draw(st.booleans()),
        terms=terms,
    )


@given(st.data(), profiles(), st.sampled_from(QUICK_ALGORITHMS), st.binary(min_size=16, max_size=16))
def test_three_encoders_agree_octet_for_octet(
    data: st.DataObject, under: Profile, signing: KeyAlgorithm, random: bytes
) -> None:
    now = data.draw(st.datetimes(datetime(2000, 1, 1), datetime(2090, 1, 1), timezones=st.just(UTC)))
    by = replace(issuer(signing), not_before=now - timedelta(days=900), not_after=now + timedelta(days=9000))
    asked = data.draw(requests(under))
    try:
        approved = evaluate(asked, under, by, now)
    except Refused:
        reject()
    planned = make_plan(approved, make_serial(random), data.draw(st.integers(0, 70000)))
    tbs = encode_tbs(planned)
    assert fast_tbs(planned) == tbs
    assert reference_tbs(planned) == tbs
    read = decode(tbs)
    assert read.serial == planned.serial
    assert (read.not_before, read.not_after) == (planned.not_before, planned.not_after)
    assert read.subject == planned.subject
    assert read.names == planned.names
    assert read.spki == planned.spki
    assert read.frame.extensions == planned.shape.constant
    assert read.frame.heads == tuple([(found.oid, found.critical) for found in planned.extensions])


@pytest.mark.parametrize("name", built_in_profiles())
@pytest.mark.parametrize("algorithm", QUICK_ALGORITHMS)
def test_every_profile_with_every_algorithm(name: str, algorithm: KeyAlgorithm) -> None:
    if algorithm not in profile(name).keys:
        with pytest.raises(Refused, match="takes no"):
            plan(name, algorithm)
        return
    planned = plan(name, algorithm, issuer(algorithm))
    assert fast_tbs(planned) == encode_tbs(planned)
    if name != "root-authority":
        assert encode_tbs(planned) == reference_tbs(planned)


# -- details ---------------------------------------------------------------------------------------


@given(st.binary(min_size=16, max_size=16))
def test_serials_are_sixteen_octets(random: bytes) -> None:
    octets = der.integer(make_serial(random))
    assert octets[:2] == b"\x02\x10"
    assert 0 < octets[2] < 0x80


def test_bad_serials() -> None:
    with pytest.raises(Malformed, match="16 random octets"):
        make_serial(bytes(15))
    approved = evaluate(request(), profile(), issuer(), NOW)
    for serial in (0, 1, -SERIAL, 1 << 127, 1 << 119):
        with pytest.raises(Malformed, match="exactly 16 octets"):
            make_plan(approved, serial)


def test_the_shard_goes_into_the_certificate() -> None:
    points = [found.value for found in plan().extensions if found.oid == ext.CRL_DISTRIBUTION_POINTS]
    assert points == [ext.CrlDistributionPoints(("http://pki.example.test/crl/issuing/1/3.crl",))]


def test_names_are_critical_exactly_without_a_subject() -> None:
    long_name = ".".join(["a" * 40, "b" * 40, "test"])
    bare = make_plan(evaluate(request(names=(f"dns:{long_name}",)), profile(), issuer(), NOW), SERIAL)
    assert [found.critical for found in bare.extensions if found.oid == ext.SUBJECT_ALTERNATIVE_NAME] == [
        True
    ]
    assert [found.critical for found in plan().extensions if found.oid == ext.SUBJECT_ALTERNATIVE_NAME] == [
        False
    ]


def test_time_types_change_in_2050() -> None:
    now = datetime(2049, 12, 1, tzinfo=UTC)
    by = replace(issuer(), not_after=datetime(2099, 1, 1, tzinfo=UTC))
    planned = make_plan(evaluate(request(), profile(), by, now), SERIAL)
    assert decode(encode_tbs(planned)).time_tags == (der.UTC_TIME, der.GENERALIZED_TIME)
    endless = replace(by, not_after=datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC))
    wish = replace(request("device"), not_after=endless.not_after)
    under = replace(profile("device"), lifetime=replace(profile("device").lifetime, maximum=10**12))
    assert b"99991231235959Z" in encode_tbs(make_plan(evaluate(wish, under, endless, now), SERIAL))


def test_a_preview_says_what_the_certificate_will() -> None:
    planned = plan("tls-server")
    words, certificate = preview(planned)
    text = json.dumps(words)
    for expected in (
        "*.apps.example.test",
        "serverAuth",
        "digitalSignature",
        "/3.crl",
        "CN=Example Issuing 1",
    ):
        assert expected in text
    assert x509.load_der_x509_certificate(certificate).serial_number == SERIAL
    for name in built_in_profiles():
        assert json.dumps(describe(plan(name)))


def test_authorities_with_terms_are_described() -> None:
    constraints = ext.NameConstraints((parse_subtree("dns:a.test"),), (parse_subtree("ip:10.0.0.0/8"),))
    policies = (ext.CertificatePolicy("2.999.1", "http://cps.test"),)
    asked = replace(request("issuing-authority"), terms=AuthorityTerms(0, constraints, policies))
    under = replace(
        profile("issuing-authority"),
        extensions=(ext.Extension(critical=False, value=ext.OtherExtension("2.999.3", b"\x05\x00")),),
        ocsp_nocheck=True,
        must_staple=MustStaple.ALWAYS,
    )
    words = json.dumps(describe(make_plan(evaluate(asked, under, issuer(), NOW), SERIAL)))
    for expected in (
        "permitted dns:a.test",
        "excluded ip:10.0.0.0/8",
        "2.999.1 http://cps.test",
        "path length 0",
        '"oid": "2.999.3", "name": "2.999.3", "critical": false, "value": ["0500"]',
    ):
        assert expected in words


@pytest.mark.parametrize("name", sorted(NAMES))
def test_openssl_reads_what_we_plan(name: str, tmp_path: Path) -> None:
    authority = plan("root-authority", KeyAlgorithm.ECDSA_P256)
    key = private_key(KeyAlgorithm.ECDSA_P256)
    tbs = encode_tbs(authority)
    root = assemble(tbs, KeyAlgorithm.ECDSA_P256, keys.sign(key, tbs))
    planned = plan(name, by=issuer_of(root, issuer().pointers))
    tbs = fast_tbs(planned)
    leaf = assemble(tbs, KeyAlgorithm.ECDSA_P256, keys.sign(key, tbs))
    for file, data in (("root", root), ("leaf", leaf)):
        pem = x509.load_der_x509_certificate(data).public_bytes(Encoding.PEM)
        (tmp_path / f"{file}.pem").write_bytes(pem)
    moment = str(int(NOW.timestamp()))
    command = ["openssl", "verify", "-x509_strict", "-attime", moment, "-CAfile", "root.pem", "leaf.pem"]
    subprocess.run(command, check=True, cwd=tmp_path, capture_output=True)
    shown = subprocess.run(
        ["openssl", "x509", "-in", "leaf.pem", "-noout", "-text"],
        check=True,
        cwd=tmp_path,
        capture_output=True,
    )
    assert SERIAL.to_bytes(16, "big").hex(":") in shown.stdout.decode()
