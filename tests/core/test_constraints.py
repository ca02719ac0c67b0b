"""Name constraints as authorities outside write them, and of several authorities above one another."""

from dataclasses import replace
from datetime import timedelta
from ipaddress import ip_network

import pytest
from cryptography import x509
from hypothesis import given
from hypothesis import strategies as st

from certwright.core.constraints import mail_permitted, name_permitted, normalized, permitted
from certwright.core.distinguished_name import EMAIL_ADDRESS, parse_name
from certwright.core.errors import Malformed
from certwright.core.extensions import NameConstraints, Subtree, read_extension
from certwright.core.issuer import Issuer, issuer_of
from certwright.core.names import IdentifierKind
from certwright.core.profile import Profile
from certwright.core.profile_document import parse_subtree
from tests.core.test_policy import approve, codes
from tests.core.toy_chain import Wish, constraints, outside
from tests.core.toy_pipeline import NOW, identifiers, issuer, profile, request

CORP = constraints((x509.DNSName("Corp.Example"),))


def below(*wishes: Wish) -> Issuer:
    """The issuer at the lower end of authorities with these wishes, the root's first."""
    last = outside("CN=0", wish=wishes[0], now=NOW)
    for number, wish in enumerate(wishes[1:], 1):
        last = outside(f"CN={number}", last, wish, now=NOW)
    return issuer_of(last.der, chain=last.path[1:])


def excluding(base: x509.GeneralName) -> Issuer:
    return below(Wish(constraints=constraints(excluded=(base,))))


@pytest.mark.parametrize(
    ("base", "name", "inside"),
    [
        (x509.DNSName("Bank.Example"), "dns:www.bank.example", True),
        (x509.DNSName("Bank.Example"), "dns:www.banks.example", False),
        (x509.DNSName("XN--BCHER-KVA.Example"), "dns:www.xn--bcher-kva.example", True),
        (x509.DNSName(".Bank.Example"), "dns:www.bank.example", True),
        (x509.DNSName(""), "dns:any.thing", True),
        (x509.RFC822Name("Bank.Example"), "email:ann@bank.example", True),
        (x509.RFC822Name("Bank.Example"), "email:ann@www.bank.example", False),
        (x509.RFC822Name(".Bank.Example"), "email:ann@www.bank.example", True),
        (x509.RFC822Name("Ann@Bank.Example"), "email:Ann@bank.example", True),
        (x509.RFC822Name("Ann@Bank.Example"), "email:bob@bank.example", False),
        (x509.UniformResourceIdentifier("Bank.Example"), "uri:https://BANK.example/x", True),
        (x509.UniformResourceIdentifier(".Bank.Example"), "uri:https://www.bank.example/x", True),
        (x509.UniformResourceIdentifier(".Bank.Example"), "uri:https://bank.example/x", False),
        (x509.IPAddress(ip_network("10.0.0.0/8")), "ip:10.1.2.3", True),
        (x509.IPAddress(ip_network("0.0.0.0/0")), "ip:2001:db8::1", False),
    ],
)
def test_bases_of_outside_certificates(base: x509.GeneralName, name: str, inside: bool) -> None:
    (identifier,) = identifiers(name)
    assert permitted(excluding(base).name_constraints, identifier) is not inside
    only = below(Wish(constraints=constraints((base,))))
    assert permitted(only.name_constraints, identifier) is inside


def test_a_leading_dot_of_a_dns_base_is_read_as_the_stricter_of_two_ways() -> None:
    base = x509.DNSName(".bank.example")
    (name,) = identifiers("dns:bank.example")
    assert not permitted(excluding(base).name_constraints, name)
    assert not permitted(below(Wish(constraints=constraints((base,)))).name_constraints, name)


@pytest.mark.parametrize(
    "uri", ["urn:x:y", "https://192.0.2.1/x", "https://%62ank.example/", "mailto:a@b.test"]
)
@pytest.mark.parametrize("tree", ["uri:bank.example", "uri:.example"])
def test_a_uri_without_a_domain_name_falls_under_every_constraint_on_uris(uri: str, tree: str) -> None:
    (name,) = identifiers(f"uri:{uri}")
    assert not permitted((NameConstraints((), (parse_subtree(tree),)),), name)
    assert not permitted((NameConstraints((parse_subtree(tree),)),), name)
    assert permitted((NameConstraints((parse_subtree("dns:example"),)),), name)


@pytest.mark.parametrize(
    "base",
    ["*.bank.example", "bank..example", "a b", "bank.example.", "xn--a-ecp.ru", "https://bank.example"],
)
def test_a_base_that_nothing_can_be_compared_with_is_told(base: str) -> None:
    with pytest.raises(Malformed, match="name constraint dns:"):
        normalized(NameConstraints((), (Subtree(IdentifierKind.DNS, base),)))


@pytest.mark.parametrize("base", ["\bxample.test", "*.\u202ebank.example", "\x1b[2J", "\x1b@*.a.test"])
def test_a_strangers_base_is_told_without_what_would_move_a_terminal(base: str) -> None:
    with pytest.raises(Malformed) as told:
        normalized(NameConstraints((Subtree(IdentifierKind.EMAIL, base),), ()))
    assert told.value.detail.isprintable()


@given(st.lists(st.sampled_from(["a", "b", "c"]), min_size=1, max_size=3), st.data())
def test_case_never_matters(labels: list[str], data: st.DataObject) -> None:
    name = ".".join([*labels, "test"])
    mixed = "".join(data.draw(st.sampled_from([one, one.upper()])) for one in name)
    for kind in (IdentifierKind.DNS, IdentifierKind.EMAIL, IdentifierKind.URI):
        tree = normalized(NameConstraints((), (Subtree(kind, mixed),)))
        assert tree == NameConstraints((), (Subtree(kind, name),))


# -- a chain of authorities ------------------------------------------------------------------------


def test_constraints_anywhere_above_count() -> None:
    by = below(Wish(), Wish(constraints=CORP, path_length=1), Wish())
    approve(request(names=("dns:www.corp.example",)), profile(), by)
    assert codes(request(names=("dns:www.evil.example",)), profile(), by) == [
        "policy.name.issuer-constraints"
    ]


def test_what_several_permit_is_what_all_permit() -> None:
    narrower = constraints((x509.DNSName("eu.corp.example"), x509.DNSName("other.example")))
    by = below(Wish(constraints=CORP), Wish(constraints=narrower))
    approve(request(names=("dns:www.eu.corp.example",)), profile(), by)
    for name in ("dns:www.other.example", "dns:www.us.corp.example"):
        assert codes(request(names=(name,)), profile(), by) == ["policy.name.issuer-constraints"]


@pytest.mark.parametrize(
    ("limits", "left"),
    [
        ((None, None), None),
        ((2, None), 1),
        ((None, 1, None), 0),
        ((5, 1, 3), 0),
        ((None, None, 3), 3),
        ((0, None), 0),
        ((None, 0, 7), 0),
    ],
)
def test_path_lengths_shrink_on_the_way_down(limits: tuple[int | None, ...], left: int | None) -> None:
    assert below(*[Wish(limit) for limit in limits]).path_length == left


def test_a_self_issued_certificate_does_not_count_as_a_step() -> None:
    root = outside("CN=0", wish=Wish(1), now=NOW)
    again = outside("CN=0", root, now=NOW)
    assert issuer_of(again.der, chain=again.path[1:]).path_length == 1


def test_nothing_outlives_the_first_to_end_above() -> None:
    by = below(Wish(days=9), Wish(days=90))
    assert by.not_after == NOW + timedelta(days=90)
    assert approve(request(names=("dns:a.test",)), profile(), by).not_after == NOW + timedelta(days=9)
    ended = replace(by, path_not_after=NOW - timedelta(days=1))
    assert codes(request(names=("dns:a.test",)), profile(), ended) == ["policy.issuer.not-valid"]


# -- subjects --------------------------------------------------------------------------------------


def test_mail_addresses_of_the_subject_count_as_names() -> None:
    mail = (NameConstraints((parse_subtree("email:corp.example"),)),)
    by = replace(issuer(), name_constraints=mail)
    asked = request("smime-signing", names=("email:ann@corp.example",))
    under = replace(
        profile("smime-signing"), names=replace(profile("smime-signing").names, from_subject=False)
    )
    good = replace(asked, subject=parse_name("CN=x,emailAddress=ann@Corp.Example"))
    assert approve(good, under, by).subject.values(EMAIL_ADDRESS) == ("ann@Corp.Example",)
    constrained = ["policy.name.issuer-constraints"]
    for address, why in (
        ("ceo@evil.example", constrained),
        ("no address", ["policy.subject.bad-value", *constrained]),
    ):
        bad = replace(asked, subject=parse_name(f"CN=x,emailAddress={address}"))
        assert codes(bad, under, by) == why
        assert mail_permitted((NameConstraints((parse_subtree("dns:a.test"),)),), address)


@pytest.mark.parametrize(
    "subject", ["CN=Example Issuing 1,O=Example,C=DE", "CN=EXAMPLE  issuing 1,O=example,C=DE"]
)
def test_nobody_else_gets_the_issuer_s_own_name(subject: str) -> None:
    own = parse_name("CN=Example Issuing 1,O=Example,C=DE")
    by = issuer(name=own)
    asked = replace(request("code-signing"), subject=parse_name(subject))
    assert codes(asked, profile("code-signing"), by) == ["policy.subject.issuer"]
    authority = replace(request("intermediate-authority"), subject=parse_name(subject))
    assert codes(authority, profile("intermediate-authority"), by) == ["policy.subject.issuer"]
    other = replace(asked, subject=parse_name("CN=Example Issuing 2,O=Example,C=DE"))
    approve(other, profile("code-signing"), by)


# -- directory names -------------------------------------------------------------------------------


def directory(text: str) -> x509.DirectoryName:
    """As another program encodes it."""
    return x509.DirectoryName(x509.Name.from_rfc4514_string(text))


@pytest.mark.parametrize(
    ("base", "subject", "inside"),
    [
        ("O=Test,C=DE", "CN=x,O=Test,C=DE", True),
        ("O=Test,C=DE", "O=test ,C=DE", True),
        ("O=Test,C=DE", "CN=x,O=  TEST,C=DE", True),
        ("O=Test,C=DE", "CN=x,O=Tests,C=DE", False),
        ("O=Test,C=DE", "CN=x,O=Test", False),
        ("O=Test,C=DE", "C=DE", False),
        ("O=Test", "CN=x,O=Test,C=DE", False),
        ("", "CN=x,O=Test,C=DE", True),
    ],
)
def test_directory_names(base: str, subject: str, inside: bool) -> None:
    name = parse_name(subject)
    permitting = below(Wish(constraints=constraints((directory(base),))))
    assert name_permitted(permitting.name_constraints, name) is inside
    assert name_permitted(excluding(directory(base)).name_constraints, name) is not inside
    assert name_permitted(permitting.name_constraints, parse_name(""))


def test_subjects_are_within_directory_name_constraints() -> None:
    under = profile("code-signing")
    asked = replace(request("code-signing"), subject=parse_name("CN=x,O=Test,C=DE"))
    for permitted_bases, excluded_bases, good in (
        (("O=Test,C=DE",), (), True),
        (("O=Other,C=DE", "O=Test,C=DE"), (), True),
        (("O=Other,C=DE",), (), False),
        (("C=DE",), ("O=Test,C=DE",), False),
        ((), ("O=Other,C=DE",), True),
    ):
        trees = [tuple(map(directory, some)) for some in (permitted_bases, excluded_bases)]
        by = below(Wish(), Wish(constraints=constraints(*trees)), Wish())
        if good:
            assert approve(asked, under, by).subject
        else:
            assert codes(asked, under, by) == ["policy.name.issuer-constraints"]
    nameless = below(Wish(constraints=constraints((directory("O=Other"),))))
    approve(replace(request("device"), subject=parse_name("")), _nameless(), nameless)


def _nameless() -> Profile:
    return replace(profile("device"), subject=())


def test_a_directory_name_is_set_as_another_program_sets_it() -> None:
    tree = parse_subtree("dn:O=Test,C=DE")
    value = NameConstraints((tree,), (parse_subtree("dn:OU=Lab,O=Test,C=DE"),))
    same = constraints((directory("O=Test,C=DE"),), (directory("OU=Lab,O=Test,C=DE"),))
    assert value.encode() == same.public_bytes()
    assert read_extension(x509.Extension(same.oid, True, same)).value == value
    assert (tree.kind, tree.base) == ("dn", "O=Test,C=DE")
    for text in ("dn:", "dn:nonsense", "dn:C=Germany"):
        with pytest.raises(Malformed):
            parse_subtree(text)
