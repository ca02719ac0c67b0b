"""The decision about a request: names, keys, subject, lifetime; every reason at once."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from certwright.core.constraints import permitted
from certwright.core.distinguished_name import EMAIL_ADDRESS, NO_NAME, parse_name
from certwright.core.errors import Malformed, Refused
from certwright.core.extensions import BasicConstraints, CertificatePolicy, NameConstraints
from certwright.core.issuer import Issuer, issuer_of
from certwright.core.keys import KeyAlgorithm
from certwright.core.lint import Severity, lint
from certwright.core.lint.decoded import decode
from certwright.core.names import IdentifierKind
from certwright.core.plan import make_plan
from certwright.core.policy import (
    EVERYTHING,
    REASONS,
    Approved,
    EndpointPolicy,
    NameSet,
    endpoint_policy_from_document,
    endpoint_policy_to_document,
    evaluate,
    parse_pattern,
)
from certwright.core.profile import BeyondIssuer, MustStaple, Profile, Unlisted
from certwright.core.profile_document import from_document, parse_subtree
from certwright.core.profiles_builtin import DOCUMENTS
from certwright.core.request import AuthorityTerms, CertificateRequest
from certwright.core.template import assemble, encode_tbs
from tests.core.toy_pipeline import NOW, SERIAL, identifiers, issuer, plan, profile, request

DAY = timedelta(days=1)
SECOND = timedelta(seconds=1)
GUID = "0b2c8a4e-7c1e-4f6b-9a53-3f1f8c6f2a11"


def codes(
    asked: CertificateRequest,
    under: Profile,
    by: Issuer | None = None,
    endpoint: EndpointPolicy = EVERYTHING,
    now: datetime = NOW,
) -> list[str]:
    """The codes of a refusal."""
    with pytest.raises(Refused) as refusal:
        evaluate(asked, under, by or issuer(), now, endpoint)
    found = [reason.code for reason in refusal.value.reasons]
    assert set(found) <= REASONS.keys()
    return found


def approve(asked: CertificateRequest, under: Profile, by: Issuer | None = None) -> Approved:
    return evaluate(asked, under, by or issuer(), NOW)


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda document: document["name"])
def test_every_built_in_profile_takes_its_request(document: dict[str, Any]) -> None:
    name = document["name"]
    approved = approve(request(name), profile(name), issuer(days=20_000))
    assert approved.not_before == NOW - timedelta(seconds=profile(name).lifetime.backdate)


# -- names and keys --------------------------------------------------------------------------------


def test_all_reasons_at_once() -> None:
    asked = request("tls-server", KeyAlgorithm.ED448, ("email:a@example.test", "dns:bad.test"))
    asked = replace(asked, not_after=NOW - DAY, must_staple=True)
    under = replace(profile(), keys=frozenset({KeyAlgorithm.RSA_2048}), must_staple=MustStaple.NEVER)
    endpoint = endpoint_policy_from_document(
        {"names": {"allow": {"dns": [".example.test"]}}, "keys": ["rsa-3072"]}
    )
    assert codes(asked, under, issuer(days=-1), endpoint) == [
        "policy.key.profile",
        "policy.key.endpoint",
        "policy.name.kind",
        "policy.name.not-allowed",
        "policy.name.not-allowed",
        "policy.lifetime.past",
        "policy.issuer.not-valid",
        "policy.must-staple",
    ]


def test_keys_that_we_make_where_the_profile_says_so() -> None:
    asked = replace(request("tls-client"), server_made=True)
    assert approve(asked, profile("tls-client")).request.server_made
    assert codes(replace(request(), server_made=True), profile()) == ["policy.key.server-made"]


def test_counts_and_wildcards() -> None:
    assert codes(request(names=()), profile()) == ["policy.name.count"]
    many = replace(request(), identifiers=identifiers(*[f"dns:n{n}.test" for n in range(101)]))
    assert codes(many, profile()) == ["policy.name.count"]
    plain = replace(profile(), names=replace(profile().names, wildcards=False))
    assert codes(request(names=("dns:*.a.test",)), plain) == ["policy.name.wildcard"]
    no_wildcards = endpoint_policy_from_document({"names": {"wildcards": False}})
    assert codes(request(names=("dns:*.a.test",)), profile(), None, no_wildcards) == ["policy.name.wildcard"]


def test_the_subject_s_names_join_where_the_profile_says_so() -> None:
    subject = parse_name("CN=WWW.example.test,emailAddress=a@example.test,O=Example")
    asked = replace(request(names=("dns:a.example.test",)), subject=subject)
    assert approve(asked, profile()).names == identifiers("dns:a.example.test", "dns:www.example.test")
    assert approve(asked, profile("tls-client")).names == identifiers("dns:a.example.test")
    mail = replace(asked, identifiers=())
    assert approve(mail, profile("smime-signing")).names == identifiers("email:a@example.test")
    text = replace(asked, subject=parse_name("CN=Some Server"))
    assert approve(text, profile()).names == identifiers("dns:a.example.test")
    address = replace(asked, subject=parse_name("CN=192.0.2.1"))
    assert approve(address, profile()).names == identifiers("dns:a.example.test", "ip:192.0.2.1")


PATTERNS = endpoint_policy_from_document(
    {
        "names": {
            "allow": {
                "dns": ["www.a.test", ".b.test", "*.c.test", "bücher.test"],
                "ip": ["10.0.0.0/8", "2001:db8::/32"],
                "email": ["a.test", ".b.test", "ann@c.test"],
                "upn": ["corp.test"],
                "kerberos": ["krbtgt/X@X", "realm.test"],
                "uri": ["spiffe://a.test/", "https://b.test/x"],
                "guid": ["*"],
            },
            "deny": {"dns": ["secret.b.test", ".deep.b.test", "*.d.b.test"]},
        }
    }
)


@pytest.mark.parametrize(
    ("name", "allowed"),
    [
        ("dns:www.a.test", True),
        ("dns:a.test", False),
        ("dns:x.b.test", True),
        ("dns:x.y.b.test", True),
        ("dns:b.test", False),
        ("dns:xb.test", False),
        ("dns:*.b.test", True),
        ("dns:x.c.test", True),
        ("dns:*.c.test", True),
        ("dns:x.y.c.test", False),
        ("dns:c.test", False),
        ("dns:xn--bcher-kva.test", True),
        ("ip:10.1.2.3", True),
        ("ip:11.1.2.3", False),
        ("ip:2001:db8::1", True),
        ("email:x@a.test", True),
        ("email:x@sub.b.test", True),
        ("email:x@b.test", False),
        ("email:ann@c.test", True),
        ("email:bob@c.test", False),
        ("upn:x@CORP.test", True),
        ("upn:x@other.test", False),
        ("kerberos:krbtgt/X@X", True),
        ("kerberos:host/a@REALM.TEST", True),
        ("kerberos:krbtgt/X@Y", False),
        ("uri:spiffe://a.test/any/thing", True),
        ("uri:spiffe://a.test.evil/x", False),
        ("uri:https://b.test/x", True),
        ("uri:https://b.test/x/y", True),
        ("uri:https://b.test/xy", False),
        ("guid:0b2c8a4e-7c1e-4f6b-9a53-3f1f8c6f2a11", True),
    ],
)
def test_patterns(name: str, allowed: bool) -> None:
    assert PATTERNS.allowed.covers(identifiers(name)[0]) is allowed


@pytest.mark.parametrize(
    ("name", "denied"),
    [
        ("dns:secret.b.test", True),
        ("dns:x.secret.b.test", False),
        ("dns:*.b.test", True),
        ("dns:x.deep.b.test", True),
        ("dns:*.deep.b.test", True),
        ("dns:deep.b.test", False),
        ("dns:x.d.b.test", True),
        ("dns:*.d.b.test", True),
        ("dns:fine.b.test", False),
    ],
)
def test_denied_names_and_wildcards_that_stand_for_them(name: str, denied: bool) -> None:
    found = codes(request(names=(name,)), profile(), None, PATTERNS) if denied else []
    assert found == (["policy.name.denied"] if denied else [])
    if not denied:
        evaluate(request(names=(name,)), profile(), issuer(), NOW, PATTERNS)


@given(
    st.lists(st.sampled_from(["a", "b", "c"]), min_size=1, max_size=4),
    st.lists(st.sampled_from("abc"), min_size=1),
)
def test_a_suffix_pattern_is_what_dns_says(labels: list[str], base: list[str]) -> None:
    name, below = ".".join([*labels, "test"]), ".".join([*base, "test"])
    expected = name.split(".")[-len(below.split(".")) :] == below.split(".") and name != below
    assert NameSet([parse_pattern("dns", "." + below)]).covers(identifiers(f"dns:{name}")[0]) is expected


def test_endpoint_policy_documents() -> None:
    document = {
        "names": {"allow": {"dns": [".example.test"]}, "deny": {"ip": ["10.0.0.0/8"]}, "wildcards": False},
        "keys": ["ecdsa-p256"],
        "maximum_lifetime": "30d",
    }
    policy = endpoint_policy_from_document(document)
    assert endpoint_policy_to_document(policy) == document
    assert endpoint_policy_from_document(endpoint_policy_to_document(PATTERNS)) == PATTERNS
    assert endpoint_policy_from_document({}) == EVERYTHING
    assert (
        endpoint_policy_from_document(json.loads(json.dumps(endpoint_policy_to_document(EVERYTHING))))
        == EVERYTHING
    )
    assert endpoint_policy_from_document({"names": {"allow": {}}}).allow == ()


@pytest.mark.parametrize(
    "document",
    [
        [],
        {"more": 1},
        {"names": {"more": 1}},
        {"names": {"allow": {"fax": ["1"]}}},
        {"names": {"allow": {"dns": ["a b"]}}},
        {"names": {"allow": {"dns": "x"}}},
        {"names": {"deny": {"ip": ["10.0.0.1/8"]}}},
        {"names": {"allow": {"email": ["a b@c"]}}},
        {"keys": ["rsa-512"]},
        {"maximum_lifetime": "long"},
    ],
)
def test_bad_endpoint_policies(document: object) -> None:
    with pytest.raises(Malformed):
        endpoint_policy_from_document(document)


# -- subject ---------------------------------------------------------------------------------------


def test_the_subject_is_what_the_profile_lists() -> None:
    asked = replace(request(), subject=parse_name("CN=x,OU=b,OU=a,O=Example,L=Here,C=DE"))
    assert str(approve(asked, profile()).subject) == "CN=www.example.test"
    device = replace(asked, identifiers=())
    assert str(approve(device, profile("device")).subject) == "CN=x,OU=b,OU=a,O=Example"
    assert (
        codes(device, replace(profile("device"), unlisted=Unlisted.REFUSE))
        == ["policy.subject.not-listed"] * 2
    )
    many = replace(device, subject=parse_name("CN=x,CN=y"))
    assert codes(many, profile("device")) == ["policy.subject.too-many"]
    assert codes(replace(device, subject=NO_NAME), profile("device")) == ["policy.subject.missing"]
    long_name = replace(device, subject=replace(NO_NAME, rdns=((("2.5.4.3", "x" * 65),),)))
    assert codes(long_name, profile("device")) == ["policy.subject.bad-value"]


@pytest.mark.parametrize("value", ["CEO <ceo@bank.example>", '"ceo"@bank.example ', "ceo@bank.example "])
def test_a_mail_address_in_the_subject_is_one(value: str) -> None:
    """What none of the rules on names would take for an address is not signed as one."""
    asked = parse_name("CN=x")
    with_mail = replace(asked, rdns=(*asked.rdns, ((EMAIL_ADDRESS, value),)))
    wanted = replace(request(names=("email:me@example.test",)), subject=with_mail)
    assert "policy.subject.bad-value" in codes(wanted, profile("smime-signing"))


def test_a_first_name_too_long_for_cn_leaves_the_subject_empty() -> None:
    name = ".".join(["a" * 40, "b" * 40, "test"])
    assert approve(request(names=(f"dns:{name}",)), profile()).subject == NO_NAME


@pytest.mark.parametrize(
    ("under", "names", "subject"),
    [
        ("tls-server", ("ip:192.0.2.1",), ""),
        ("tls-server", ("ip:192.0.2.1", "dns:www.example.test", "dns:b.test"), "CN=www.example.test"),
        ("tls-server-client", ("uri:spiffe://corp/db", "dns:db.corp.test"), "CN=db.corp.test"),
        ("tls-server-client", ("uri:spiffe://corp/db",), ""),
        ("vpn-gateway", ("email:vpn@corp.test", "dns:gate.corp.test"), "CN=gate.corp.test"),
        ("vpn-gateway", ("email:vpn@corp.test",), ""),
        ("domain-controller", (f"guid:{GUID}", "dns:dc1.corp.test"), "CN=dc1.corp.test"),
        ("domain-controller", ("kerberos:krbtgt/A.TEST@A.TEST", "dns:dc1.corp.test"), "CN=dc1.corp.test"),
        ("mail", ("upn:ann@corp.test", "email:ann@corp.test"), "CN=ann@corp.test"),
        ("mail", ("upn:ann@corp.test",), ""),
    ],
)
def test_the_common_name_is_a_dns_name_or_without_those_a_mail_address(
    under: str, names: tuple[str, ...], subject: str
) -> None:
    by_name = profile("tls-server" if under == "mail" else under)
    if under == "mail":
        kinds = frozenset({IdentifierKind.UPN, IdentifierKind.EMAIL})
        by_name = replace(by_name, names=replace(by_name.names, kinds=kinds))
    approved = approve(request(names=names), by_name)
    assert approved.subject == parse_name(subject)
    decoded = decode(encode_tbs(make_plan(approved, SERIAL)))
    assert not [one.code for one in lint(decoded, by_name) if one.severity is Severity.ERROR]
    other = replace(decoded, subject=parse_name("CN=other.test"))
    assert "profile.subject.value" in {one.code for one in lint(other, by_name)}


SID = "uri:tag:microsoft.com,2022-09-14:sid:S-1-5-21-1004336348-1177238915-682003330-1104"


@pytest.mark.parametrize(
    ("under", "names", "refusal"),
    [
        ("smart-card-logon", ("upn:ann@corp.test", SID), []),
        ("smart-card-logon", ("email:ann@corp.test", "kerberos:ann@CORP.TEST"), []),
        ("smart-card-logon", ("email:ann@corp.test", SID), ["policy.name.required"]),
        ("smart-card-logon", (), ["policy.name.count"]),
        ("domain-controller", ("guid:" + GUID, "dns:dc1.corp.test"), []),
        ("domain-controller", ("guid:" + GUID,), ["policy.name.required"]),
    ],
)
def test_one_name_is_of_a_kind_that_the_profile_requires(
    under: str, names: tuple[str, ...], refusal: list[str]
) -> None:
    asked = request(under, names=names)
    if refusal:
        assert codes(asked, profile(under)) == refusal
        return
    approved = approve(asked, profile(under))
    assert approved.names == identifiers(*names)
    assert not lint(decode(encode_tbs(make_plan(approved, SERIAL))), profile(under))


# -- validity --------------------------------------------------------------------------------------


def test_lifetimes_count_both_ends() -> None:
    approved = approve(request(), profile())
    assert approved.not_before == NOW - timedelta(minutes=5)
    assert approved.not_after == approved.not_before + 90 * DAY - SECOND
    latest = approved.not_before + 398 * DAY - SECOND
    assert approve(replace(request(), not_after=latest), profile()).not_after == latest
    assert codes(replace(request(), not_after=latest + SECOND), profile()) == ["policy.lifetime.too-long"]
    assert codes(replace(request(), not_after=NOW), profile()) == ["policy.lifetime.past"]
    endpoint = endpoint_policy_from_document({"maximum_lifetime": "7d"})
    assert (
        evaluate(request(), profile(), issuer(), NOW, endpoint).not_after
        == approved.not_before + 7 * DAY - SECOND
    )
    wish = replace(request(), not_after=NOW + 8 * DAY)
    assert codes(wish, profile(), None, endpoint) == ["policy.lifetime.too-long"]


def test_beyond_the_issuer() -> None:
    short = issuer(days=10)
    assert approve(request(), profile(), short).not_after == short.not_after
    refuse = replace(profile(), lifetime=replace(profile().lifetime, beyond_issuer=BeyondIssuer.REFUSE))
    assert codes(request(), refuse, short) == ["policy.lifetime.beyond-issuer"]
    assert codes(request(), profile(), issuer(days=-1)) == ["policy.issuer.not-valid"]
    young = replace(issuer(), not_before=NOW)
    assert approve(request(), profile(), young).not_before == NOW


@pytest.mark.parametrize(
    ("now", "days"),
    [
        (datetime(2026, 3, 14, tzinfo=UTC), 398),
        (datetime(2026, 3, 16, tzinfo=UTC), 200),
        (datetime(2027, 3, 16, tzinfo=UTC), 100),
        (datetime(2029, 3, 16, tzinfo=UTC), 47),
    ],
)
def test_the_schedule_of_the_forum_where_the_profile_asks(now: datetime, days: int) -> None:
    under = replace(profile(), lints=frozenset({"cabf-tls"}))
    by = replace(issuer(), not_before=now - DAY, not_after=now + 4000 * DAY)
    begin = now - timedelta(minutes=5)
    wish = replace(request(), not_after=begin + days * DAY - SECOND)
    assert evaluate(wish, under, by, now).not_after == wish.not_after
    assert codes(replace(wish, not_after=begin + days * DAY), under, by, now=now) == [
        "policy.lifetime.too-long"
    ]
    default = evaluate(request(), under, by, now)
    assert default.not_after - default.not_before == min(90, days) * DAY - SECOND


# -- authorities -----------------------------------------------------------------------------------


def test_path_lengths() -> None:
    asked, under = request("intermediate-authority"), profile("intermediate-authority")
    assert approve(asked, under).basic_constraints == BasicConstraints(authority=True)
    assert approve(asked, under, issuer(path_length=2)).basic_constraints == BasicConstraints(True, 1)
    assert codes(asked, under, issuer(path_length=0)) == ["policy.issuer.path-length"]
    wish = replace(asked, terms=AuthorityTerms(path_length=1))
    assert approve(wish, under, issuer(path_length=3)).basic_constraints == BasicConstraints(True, 1)
    assert codes(wish, under, issuer(path_length=1)) == ["policy.terms.path-length"]
    assert codes(wish, profile("issuing-authority")) == ["policy.terms.path-length"]
    end_entity = replace(request(), terms=AuthorityTerms(path_length=0))
    assert codes(end_entity, profile()) == ["policy.terms.no-authority"]


def test_terms_of_an_authority() -> None:
    constraints = NameConstraints((parse_subtree("dns:example.test"),))
    policies = (CertificatePolicy("2.999.1"),)
    asked = replace(request("issuing-authority"), terms=AuthorityTerms(0, constraints, policies))
    approved = approve(asked, profile("issuing-authority"))
    assert approved.name_constraints == constraints
    assert approved.policies == policies
    fixed = replace(profile("issuing-authority"), name_constraints=constraints)
    assert codes(asked, fixed) == ["policy.terms.name-constraints"]
    fixed = replace(profile("issuing-authority"), policies=(CertificatePolicy("2.999.2"),))
    assert codes(asked, fixed) == ["policy.terms.policies"]
    assert approve(request("issuing-authority"), fixed).policies == fixed.policies


@pytest.mark.parametrize(
    ("name", "inside"),
    [
        ("dns:a.example.test", True),
        ("dns:example.test", True),
        ("dns:badexample.test", False),
        ("dns:secret.example.test", False),
        ("dns:x.secret.example.test", False),
        ("dns:*.example.test", False),
        ("dns:*.apps.example.test", True),
        ("ip:10.1.1.1", True),
        ("ip:11.1.1.1", False),
        ("email:a@example.test", False),
        ("email:a@sub.example.test", True),
        ("email:ann@other.test", True),
        ("uri:https://host.test/x", True),
        ("uri:https://x.host.test/x", False),
        ("upn:any@where", True),
    ],
)
def test_name_constraints_of_the_issuer(name: str, inside: bool) -> None:
    trees = [
        "dns:example.test",
        "ip:10.0.0.0/8",
        "email:.example.test",
        "email:ann@other.test",
        "uri:host.test",
    ]
    constraints = NameConstraints(
        tuple(map(parse_subtree, trees)), (parse_subtree("dns:secret.example.test"),)
    )
    identifier = identifiers(name)[0]
    assert permitted((constraints,), identifier) is inside
    by = replace(issuer(), name_constraints=(constraints,))
    kinds = frozenset({*profile().names.kinds, identifier.kind})
    under = replace(profile(), names=replace(profile().names, kinds=kinds))
    asked = request(names=(name,))
    if inside:
        assert approve(asked, under, by).names == (identifier,)
    else:
        assert codes(asked, under, by) == ["policy.name.issuer-constraints"]


def test_an_issuer_from_its_certificate() -> None:
    planned = plan("issuing-authority")
    found = issuer_of(assemble(encode_tbs(planned), KeyAlgorithm.ECDSA_P256, bytes(64)))
    assert found.name == planned.subject.encode()
    assert found.key_identifier == planned.key_identifier
    assert (found.not_before, found.not_after) == (planned.not_before, planned.not_after)
    assert found.path_length == 0
    with pytest.raises(Malformed, match="not an authority"):
        issuer_of(assemble(encode_tbs(plan()), KeyAlgorithm.ECDSA_P256, bytes(64)))
    with pytest.raises(Malformed, match="cannot be read"):
        issuer_of(b"nonsense")


def test_profiles_of_documents_work_like_built_in_ones() -> None:
    document = {
        "name": "mine",
        "keys": ["ecdsa-p256"],
        "lifetime": {"default": "12h", "maximum": "1d"},
        "names": {"kinds": ["dns"], "minimum": 1, "maximum": 2},
        "subject": {"attributes": [{"type": "O", "source": "fixed", "value": "Example"}]},
    }
    assert str(approve(request(names=("dns:a.test",)), from_document(document)).subject) == "O=Example"
