from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from certwright.core.errors import Malformed
from certwright.core.names import Identifier, IdentifierKind, parse_identifier
from certwright.core.orders import (
    AuthorizationFacts,
    OrderFacts,
    Problem,
    attempt,
    deactivate,
    fail,
    succeed,
    target_of,
)
from certwright.protocols.acme import rules
from certwright.protocols.acme.messages import NewAccount, NewOrder, Revocation
from certwright.protocols.acme.problems import AcmeProblem
from certwright.protocols.acme.renewal import CertificateKey
from certwright.protocols.acme.rules import EndpointRules, OrderRequest

from .signing import make_signer

NOW = datetime(2026, 7, 1, tzinfo=UTC)
DAY = timedelta(days=1)
OPEN = EndpointRules()


def _dns(*names: str) -> tuple[Identifier, ...]:
    return tuple(parse_identifier("dns", name) for name in names)


# -- accounts ------------------------------------------------------------------------------------


def _account(contacts: object = None, *, agreed: bool = False, binding: object = None) -> NewAccount:
    return NewAccount(False, agreed, contacts, binding)


def test_contacts_in_normal_form() -> None:
    sent = ["mailto:Cert-Admin@Example.ORG", "MAILTO:admin@example.org", "mailto:admin@example.org"]
    assert rules.check_new_account(_account(sent), OPEN) == (
        "mailto:Cert-Admin@example.org",
        "mailto:admin@example.org",
    )
    assert rules.check_contacts(None) == rules.check_contacts([]) == ()


@pytest.mark.parametrize(
    ("contacts", "problem"),
    [
        ("mailto:admin@example.org", "invalidContact"),
        ([7], "invalidContact"),
        ([""], "invalidContact"),
        (["mailto:"], "invalidContact"),
        (["mailto:admin"], "invalidContact"),
        (["mailto:admin@example.org?subject=hello"], "invalidContact"),
        (["mailto:a@example.org,b@example.org"], "invalidContact"),
        (["mailto:a@example.org%2cb@example.org"], "invalidContact"),
        (["mailto:ädmin@example.org"], "invalidContact"),
        (["mailto:admin@bücher.example"], "invalidContact"),
        (["mailto:" + "a" * 510], "invalidContact"),
        (["mailto:admin@example.org"] * 11, "invalidContact"),
        (["tel:+12025551212"], "unsupportedContact"),
        (["https://example.org/"], "unsupportedContact"),
        (["admin@example.org"], "unsupportedContact"),
        (["x\x07:y"], "unsupportedContact"),
    ],
)
def test_contacts_refused(contacts: object, problem: str) -> None:
    with pytest.raises(AcmeProblem) as refusal:
        rules.check_contacts(contacts)
    assert refusal.value.type == problem
    assert refusal.value.detail.isprintable()


def test_terms_and_binding_are_demanded_where_the_endpoint_does() -> None:
    terms = EndpointRules(terms_of_service="https://pki.example/terms")
    with pytest.raises(AcmeProblem) as refusal:
        rules.check_new_account(_account(), terms)
    assert (refusal.value.type, refusal.value.status) == ("userActionRequired", 403)
    assert refusal.value.instance == "https://pki.example/terms"
    assert rules.check_new_account(_account(agreed=True), terms) == ()

    bound = EndpointRules(external_account_required=True)
    with pytest.raises(AcmeProblem) as refusal:
        rules.check_new_account(_account(), bound)
    assert refusal.value.type == "externalAccountRequired"
    assert rules.check_new_account(_account(binding={}), bound) == ()


# -- orders --------------------------------------------------------------------------------------


def _order(*identifiers: tuple[str, str]) -> NewOrder:
    return NewOrder(identifiers, None, None, "", "")


def test_identifiers_are_normal_and_named_once() -> None:
    request = rules.check_new_order(
        _order(
            ("dns", "WWW.Example.org"),
            ("dns", "*.example.org"),
            ("dns", "www.example.org"),
            ("ip", "2001:DB8:0::1"),
            ("ip", "192.0.2.1"),
            ("dns", "xn--bcher-kva.example"),
        ),
        OPEN,
        NOW,
    )
    assert [str(identifier) for identifier in request.identifiers] == [
        "dns:www.example.org",
        "dns:*.example.org",
        "ip:2001:db8::1",
        "ip:192.0.2.1",
        "dns:xn--bcher-kva.example",
    ]


NO_WILDCARDS = EndpointRules(wildcards=False)
ONLY_DNS_01 = EndpointRules(challenges=("dns-01",))
NO_DNS_01 = EndpointRules(challenges=("http-01", "tls-alpn-01"))
NO_ADDRESSES = EndpointRules(identifier_kinds=frozenset({IdentifierKind.DNS}))


@pytest.mark.parametrize(
    ("kind", "value", "endpoint", "problem"),
    [
        ("email", "a@example.org", OPEN, "unsupportedIdentifier"),
        ("permanent-identifier", "x", OPEN, "unsupportedIdentifier"),
        ("DNS", "example.org", OPEN, "unsupportedIdentifier"),
        ("ip", "192.0.2.1", NO_ADDRESSES, "unsupportedIdentifier"),
        ("dns", "bücher.example", OPEN, "malformed"),
        ("dns", "xn--a", OPEN, "malformed"),
        ("dns", "example..org", OPEN, "malformed"),
        ("dns", "example.org.", OPEN, "malformed"),
        ("dns", "192.0.2.1", OPEN, "malformed"),
        ("dns", "*", OPEN, "malformed"),
        ("dns", "*.*.example.org", OPEN, "malformed"),
        ("dns", "www.*.example.org", OPEN, "malformed"),
        ("dns", "w*.example.org", OPEN, "malformed"),
        ("dns", "a" * 64 + ".org", OPEN, "malformed"),
        ("dns", "example.org\x00", OPEN, "malformed"),
        ("ip", "*.192.0.2.1", OPEN, "malformed"),
        ("ip", "192.0.2.0/24", OPEN, "malformed"),
        ("ip", "fe80::1%eth0", OPEN, "malformed"),
        ("dns", "*.example.org", NO_WILDCARDS, "rejectedIdentifier"),
        ("dns", "*.example.org", NO_DNS_01, "rejectedIdentifier"),
        ("ip", "192.0.2.1", ONLY_DNS_01, "rejectedIdentifier"),
    ],
)
def test_identifiers_refused(kind: str, value: str, endpoint: EndpointRules, problem: str) -> None:
    with pytest.raises(AcmeProblem) as refusal:
        rules.check_new_order(_order(("dns", "example.com"), (kind, value)), endpoint, NOW)
    assert refusal.value.type == problem
    (part,) = refusal.value.subproblems
    assert part.type == problem
    assert part.identifier == ((kind, value) if value.isprintable() else None)
    assert refusal.value.detail.isprintable()


def test_several_refusals_of_several_types() -> None:
    sent = ("dns", "a..b"), ("dns", "good.example"), ("email", "a@b.example"), ("dns", "x" * 300)
    with pytest.raises(AcmeProblem) as refusal:
        rules.check_new_order(_order(*sent), OPEN, NOW)
    assert refusal.value.type == "compound"
    assert [(part.type, part.identifier) for part in refusal.value.subproblems] == [
        ("malformed", sent[0]),
        ("unsupportedIdentifier", sent[2]),
        ("malformed", None),
    ]


def test_the_number_of_identifiers_is_bounded() -> None:
    names = [("dns", f"host{n}.example.org") for n in range(101)]
    assert len(rules.check_new_order(_order(*names[:100]), OPEN, NOW).identifiers) == 100
    with pytest.raises(Malformed, match="101 identifiers, at most 100"):
        rules.check_new_order(_order(*names), OPEN, NOW)
    assert rules.check_new_order(_order(*names), EndpointRules(identifiers_max=101), NOW)


@pytest.mark.parametrize(
    ("start", "end", "good"),
    [
        (None, None, True),
        (None, NOW + DAY, True),
        (NOW - DAY, NOW + DAY, True),
        (NOW + DAY, None, True),
        (None, NOW, False),
        (None, NOW - DAY, False),
        (NOW + DAY, NOW + DAY, False),
        (NOW + 2 * DAY, NOW + DAY, False),
    ],
)
def test_validity_dates(start: datetime | None, end: datetime | None, good: bool) -> None:
    message = replace(_order(("dns", "example.org")), not_before=start, not_after=end)
    if good:
        request = rules.check_new_order(message, OPEN, NOW)
        assert (request.not_before, request.not_after) == (start, end)
    else:
        with pytest.raises(Malformed, match="notAfter"):
            rules.check_new_order(message, OPEN, NOW)
    if start or end:
        with pytest.raises(Malformed, match="without them"):
            rules.check_new_order(message, EndpointRules(validity_dates=False), NOW)


def test_profiles() -> None:
    two = EndpointRules(profiles=(("classic", "90 days"), ("short", "6 days")))
    message = _order(("dns", "example.org"))
    assert rules.check_new_order(message, OPEN, NOW).profile == ""
    assert rules.check_new_order(message, two, NOW).profile == "classic"
    assert rules.check_new_order(replace(message, profile="short"), two, NOW).profile == "short"
    for endpoint in (OPEN, two):
        with pytest.raises(AcmeProblem) as refusal:
            rules.check_new_order(replace(message, profile="long"), endpoint, NOW)
        assert (refusal.value.type, refusal.value.status) == ("invalidProfile", 400)


def test_replaces_is_read() -> None:
    message = replace(_order(("dns", "example.org")), replaces="aYhba4dGQEHhs3uEe6CuLN4ByNQ.AIdlQyE")
    request = rules.check_new_order(message, OPEN, NOW)
    assert request == OrderRequest(
        _dns("example.org"),
        replaces=CertificateKey(bytes.fromhex("69885B6B87464041E1B37B847BA0AE2CDE01C8D4"), 0x87654321),
    )
    with pytest.raises(Malformed):
        rules.check_new_order(replace(message, replaces="nothing"), OPEN, NOW)


# -- challenges and finalization -----------------------------------------------------------------

(WWW,) = _dns("www.example.org")
PENDING = AuthorizationFacts("a1", target_of(WWW), OPEN.challenges, "token", NOW + 7 * DAY)
TRIED = attempt(PENDING, "http-01", NOW)
VALID = succeed(TRIED, NOW, NOW + 30 * DAY)


def test_responding_to_challenges() -> None:
    assert rules.respond(PENDING, "http-01", OPEN, NOW) == TRIED
    assert rules.respond(TRIED, "http-01", OPEN, NOW) is TRIED
    assert rules.respond(VALID, "http-01", OPEN, NOW) is VALID
    for facts, kind in (
        (TRIED, "dns-01"),
        (VALID, "dns-01"),
        (PENDING, "device-attest-01"),
        (fail(TRIED, NOW, Problem("dns", "x")), "http-01"),
        (deactivate(PENDING, NOW), "http-01"),
        (replace(PENDING, expires_at=NOW), "http-01"),
    ):
        with pytest.raises(AcmeProblem) as refusal:
            rules.respond(facts, kind, OPEN, NOW)
        assert (refusal.value.type, refusal.value.status) == ("malformed", 400)


def test_a_kind_that_is_not_offered_any_more_proves_nothing() -> None:
    today = replace(OPEN, challenges=("dns-01", "tls-alpn-01"))
    with pytest.raises(AcmeProblem, match="prove it by dns-01 or tls-alpn-01") as refusal:
        rules.respond(PENDING, "http-01", today, NOW)
    assert (refusal.value.type, refusal.value.status) == ("malformed", 400)
    assert rules.respond(TRIED, "http-01", today, NOW) is TRIED
    with pytest.raises(AcmeProblem, match=r"www\.example\.org was proved by http-01, which") as refusal:
        rules.check_ready(OrderFacts("o1", (WWW,), (VALID,), NOW + DAY), today, NOW)
    assert (refusal.value.type, refusal.value.status) == ("unauthorized", 403)


def test_only_a_ready_order_is_finalized() -> None:
    ready = OrderFacts("o1", (WWW,), (VALID,), NOW + DAY)
    rules.check_ready(ready, OPEN, NOW)
    for facts in (
        replace(ready, authorizations=(PENDING,)),
        replace(ready, finalized_at=NOW),
        replace(ready, issued_at=NOW),
        replace(ready, expires_at=NOW),
    ):
        with pytest.raises(AcmeProblem) as refusal:
            rules.check_ready(facts, OPEN, NOW)
        assert (refusal.value.type, refusal.value.status) == ("orderNotReady", 403)


@pytest.mark.parametrize(
    ("names", "common_names"),
    [
        (("a.example", "b.example"), ()),
        (("b.example", "a.example", "a.example"), ("a.example",)),
        (("a.example",), ("B.Example",)),
        ((), ("a.example", "b.example")),
        (("a.example", "b.example"), ("Our Web Server", "")),
    ],
)
def test_a_csr_with_the_names_of_the_order(names: tuple[str, ...], common_names: tuple[str, ...]) -> None:
    rules.check_csr_names(_dns("a.example", "b.example"), _dns(*names), common_names)


@pytest.mark.parametrize(
    ("names", "common_names", "words"),
    [
        (("a.example",), (), "lacks 'b.example'"),
        (("a.example", "b.example", "c.example"), (), "beyond the order, 'c.example'"),
        (("a.example", "b.example"), ("c.example",), "beyond the order, 'c.example'"),
        (("a.example", "b.example"), ("192.0.2.1",), "beyond the order, '192.0.2.1'"),
        (("a.example", "*.b.example"), (), "lacks 'b.example' and has, beyond the order, '*.b.example'"),
        ((), (), "lacks 'a.example', 'b.example'"),
        (tuple(f"h{n}.example" for n in range(9)), (), "and 4 more"),
    ],
)
def test_a_csr_with_other_names(names: tuple[str, ...], common_names: tuple[str, ...], words: str) -> None:
    with pytest.raises(AcmeProblem) as refusal:
        rules.check_csr_names(_dns("a.example", "b.example"), _dns(*names), common_names)
    assert refusal.value.type == "badCSR"
    assert words in refusal.value.detail


def test_a_csr_with_a_name_of_a_kind_not_ordered() -> None:
    mail = parse_identifier("email", "admin@a.example")
    with pytest.raises(AcmeProblem):
        rules.check_csr_names(_dns("a.example"), (*_dns("a.example"), mail), ())


def test_addresses_in_the_common_name() -> None:
    rules.check_csr_names((parse_identifier("ip", "2001:db8::1"),), (), ("2001:DB8:0:0::1",))


@given(st.sets(st.sampled_from("abcd")), st.sets(st.sampled_from("abcd")), st.sets(st.sampled_from("abcd")))
def test_csr_names_agree_exactly_or_are_refused(ordered: set[str], names: set[str], common: set[str]) -> None:
    def named(labels: set[str]) -> tuple[Identifier, ...]:
        return _dns(*(f"{label}.example" for label in sorted(labels)))

    try:
        rules.check_csr_names(named(ordered), named(names), [f"{label}.example" for label in common])
        agreed = True
    except AcmeProblem:
        agreed = False
    assert agreed == (ordered == names | common)


def test_the_account_key_is_in_no_certificate() -> None:
    account, other = make_signer("ES256").jwk, make_signer("ES256").jwk
    rules.check_csr_key(other, account)
    rules.check_csr_key(None, account)
    with pytest.raises(AcmeProblem) as refusal:
        rules.check_csr_key(account, account)
    assert refusal.value.type == "badCSR"


# -- revocation ----------------------------------------------------------------------------------


def test_reasons() -> None:
    for reason in (None, 0, 1, 3, 4, 5, 9):
        rules.check_revocation_reason(Revocation(b"", reason))
    for reason in (2, 6, 7, 8, 10, 11, -1, 10**30):
        with pytest.raises(AcmeProblem, match="0, 1, 3, 4, 5, 9") as refusal:
            rules.check_revocation_reason(Revocation(b"", reason))
        assert refusal.value.type == "badRevocationReason"
