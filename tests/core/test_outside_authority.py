"""What an outside authority is asked to certify, and what of it comes back."""

from dataclasses import replace
from itertools import product
from typing import Any

import pytest
from cryptography import x509

from certwright.core.chain import REASONS
from certwright.core.constraints import covers
from certwright.core.errors import Refused
from certwright.core.extensions import PURPOSES, CertificatePolicy, NameConstraints
from certwright.core.outside_authority import check_ordered, terms_document, terms_from_document
from certwright.core.profile import Profile
from certwright.core.profile_document import parse_subtree
from certwright.core.profiles_builtin import built_in_profiles
from certwright.core.request import AuthorityTerms
from tests.core.toy_chain import Wish, constraints, outside

PROFILE = built_in_profiles()["issuing-authority"]
CLIENTS, SERVERS = PURPOSES["clientAuth"], PURPOSES["serverAuth"]


def ordered(permitted: str = "", excluded: str = "") -> AuthorityTerms:
    trees = [tuple(map(parse_subtree, text.split())) for text in (permitted, excluded)]
    return AuthorityTerms(None, NameConstraints(*trees))


def against(terms: AuthorityTerms | None, wish: Wish, profile: Profile = PROFILE) -> list[str]:
    try:
        check_ordered(terms, profile, outside("CN=Ours", wish=wish).der)
    except Refused as refusal:
        codes = [reason.code for reason in refusal.reasons]
        assert set(codes) <= REASONS.keys()
        return codes
    return []


@pytest.mark.parametrize(
    ("length", "found", "wider"),
    [(0, None, True), (0, 0, False), (0, 1, True), (3, 2, False), (3, 4, True), (None, None, False)],
)
def test_path_lengths(length: int | None, found: int | None, wider: bool) -> None:
    expected = ["authority.terms.path-length"] if wider else []
    assert against(AuthorityTerms(length), Wish(path_length=found)) == expected


@pytest.mark.parametrize(
    ("policies", "found", "wider"),
    [
        (("1.2.3",), ("1.2.3",), False),
        (("1.2.3", "1.2.4"), ("1.2.4",), False),
        (("1.2.3",), (), False),
        (("1.2.3",), ("1.2.3", "1.2.4"), True),
        (("1.2.3",), ("2.5.29.32.0",), True),
        ((), ("1.2.4",), False),
    ],
)
def test_policies(policies: tuple[str, ...], found: tuple[str, ...], wider: bool) -> None:
    terms = AuthorityTerms(policies=tuple(map(CertificatePolicy, policies)))
    assert against(terms, Wish(policies=found)) == (["authority.terms.policies"] if wider else [])


@pytest.mark.parametrize(
    ("fixed", "found", "code"),
    [
        ({"purposes": (CLIENTS,)}, Wish(), "purposes"),
        ({"purposes": (CLIENTS,)}, Wish(purposes=(CLIENTS, SERVERS)), "purposes"),
        ({"purposes": (CLIENTS, SERVERS)}, Wish(purposes=(CLIENTS,)), ""),
        ({"policies": (CertificatePolicy("1.2.3"),)}, Wish(policies=("1.2.4",)), "policies"),
        ({"policies": (CertificatePolicy("1.2.3"),)}, Wish(policies=("1.2.3",)), ""),
        ({"name_constraints": NameConstraints((parse_subtree("dns:a.test"),))}, Wish(), "name-constraints"),
        ({}, Wish(path_length=None), ""),
    ],
)
def test_what_the_profile_fixes_was_ordered_too(fixed: dict[str, Any], found: Wish, code: str) -> None:
    expected = [f"authority.terms.{code}"] if code else []
    assert against(None, found, replace(PROFILE, **fixed)) == expected


DNS = (x509.DNSName("Corp.Example"),)


@pytest.mark.parametrize(
    ("terms", "found", "wider"),
    [
        (ordered("dns:corp.example"), None, 1),
        (ordered("dns:corp.example"), constraints(DNS), 0),
        (ordered("dns:corp.example"), constraints((x509.DNSName("a.corp.example"),)), 0),
        (ordered("dns:corp.example"), constraints((*DNS, x509.DNSName("evil.example"))), 1),
        (ordered("dns:corp.example email:corp.example"), constraints(DNS), 1),
        (ordered("dns:corp.example"), constraints((), DNS), 1),
        (ordered("", "dns:corp.example"), constraints((), DNS), 0),
        (ordered("", "dns:corp.example"), constraints((), (x509.DNSName("example"),)), 0),
        (ordered("", "dns:corp.example"), constraints((), (x509.DNSName("a.corp.example"),)), 1),
        (ordered("", "dns:a.test ip:10.0.0.0/8"), None, 2),
        (None, None, 0),
    ],
)
def test_name_constraints(terms: AuthorityTerms, found: x509.NameConstraints | None, wider: int) -> None:
    assert against(terms, Wish(constraints=found)) == ["authority.terms.name-constraints"] * wider


CHAINS = (
    ("dns:example", "dns:corp.example", "dns:a.corp.example"),
    ("ip:0.0.0.0/0", "ip:10.0.0.0/8", "ip:10.1.0.0/16"),
    ("email:.example", "email:.corp.example", "email:a.corp.example", "email:x@a.corp.example"),
    ("email:corp.example", "email:x@corp.example"),
    ("uri:.example", "uri:a.example"),
    ("ip:::/0", "ip:fd00::/8"),
    ("dn:C=DE", "dn:O=Test,C=DE", "dn:OU=Lab,O=Test,C=DE"),
)


def test_what_covers_what() -> None:
    """Along each chain, what stands left covers what stands right; nothing else covers anything."""
    everything = {base for chain in CHAINS for base in chain}
    covering = {
        (chain[i], chain[j]) for chain in CHAINS for i in range(len(chain)) for j in range(i, len(chain))
    } | {("email:.example", "email:corp.example"), ("email:.example", "email:x@corp.example")}
    for outer, inner in product(everything, repeat=2):
        assert covers(parse_subtree(outer), parse_subtree(inner)) is ((outer, inner) in covering), (
            outer,
            inner,
        )


def test_terms_are_read_back_as_they_were() -> None:
    policies = (CertificatePolicy("1.2.3", "http://cps.example/"), CertificatePolicy("1.2.4"))
    full = AuthorityTerms(
        0, ordered("dns:a.test ip:10.0.0.0/8", "dn:O=Test email:.b.test").name_constraints, policies
    )
    for terms in (None, AuthorityTerms(), AuthorityTerms(2), full):
        assert terms_from_document(terms_document(terms)) == terms
