import pytest
from hypothesis import given
from hypothesis import strategies as st

from certwright.core.caa import (
    RECORDS_MAX,
    VALUE_OCTETS_MAX,
    CaaRecord,
    CaaRequest,
    CaaSet,
    check_caa,
    names_to_climb,
)
from certwright.core.errors import Refused

ACCOUNT = "https://pki.example/acme/default/account/7"


def found(*records: tuple[int, str, str]) -> CaaSet:
    return CaaSet("example.com", tuple(CaaRecord(*record) for record in records))


def request(name: str = "www.example.com", method: str = "http-01", account: str = ACCOUNT) -> CaaRequest:
    return CaaRequest(name, ("pki.example", "ca.example"), account, method)


def code(records: CaaSet, asked: CaaRequest) -> str:
    """The code of the refusal, empty if it is allowed."""
    try:
        check_caa(records, asked)
    except Refused as error:
        (reason,) = error.reasons
        return reason.code
    return ""


def test_the_climb_goes_from_the_name_to_the_top_level_domain() -> None:
    assert names_to_climb("a.b.example.com") == ("a.b.example.com", "b.example.com", "example.com", "com")
    assert names_to_climb("*.example.com") == ("example.com", "com")
    assert names_to_climb("host") == ("host",)


@pytest.mark.parametrize(
    ("records", "expected"),
    [
        ([], ""),
        ([(0, "iodef", "mailto:security@example.com")], ""),
        ([(0, "issue", "pki.example")], ""),
        ([(0, "issue", "  CA.Example\t")], ""),
        ([(0, "ISSUE", "pki.example")], ""),
        ([(0, "issue", "pki.example; ")], ""),
        ([(0, "issue", "pki.example; policy=ev")], ""),
        ([(0, "issue", "other.example"), (0, "issue", "pki.example")], ""),
        ([(128, "issue", "pki.example")], ""),
        ([(0, "issuewild", ";")], ""),
        ([(0, "issuemail", ";")], ""),
        ([(0, "future", "x")], ""),
        ([(128, "iodef", "mailto:security@example.com")], ""),
        ([(127, "future", "x")], ""),
        ([(0, "issue", ";")], "caa.issuer"),
        ([(0, "issue", "")], "caa.issuer"),
        ([(0, "issue", "other.example")], "caa.issuer"),
        ([(0, "issue", "sub.pki.example")], "caa.issuer"),
        ([(0, "issue", "pki.example."), (0, "iodef", "x")], "caa.issuer"),
        ([(0, "issue", "pki .example")], "caa.issuer"),
        ([(0, "issue", "-pki.example")], "caa.issuer"),
        ([(0, "issue", "%%%%%")], "caa.issuer"),
        ([(0, "issue", "pki.example; policy")], "caa.issuer"),
        ([(0, "issue", "pki.example; policy=e v")], "caa.issuer"),
        ([(0, "issue", "pki.example; =ev")], "caa.issuer"),
        ([(0, "issue", "pki.example; po_licy=ev")], "caa.issuer"),
        ([(0, "issue", "pki.example;; policy=ev")], "caa.issuer"),
        ([(0, "issue", "pki.example; policy=ev;")], "caa.issuer"),
        ([(0, "issue", "pki.example; policy=\x00")], "caa.issuer"),
        ([(128, "future", "x"), (0, "issue", "pki.example")], "caa.critical"),
        ([(255, "future", "x")], "caa.critical"),
    ],
)
def test_who_may_issue(records: list[tuple[int, str, str]], expected: str) -> None:
    assert code(found(*records), request()) == expected


@pytest.mark.parametrize(
    ("records", "plain", "wildcard"),
    [
        ([(0, "issue", "pki.example")], "", ""),
        ([(0, "issue", ";")], "caa.issuer", "caa.issuer"),
        ([(0, "issue", "pki.example"), (0, "issuewild", ";")], "", "caa.issuer"),
        ([(0, "issue", ";"), (0, "issuewild", "pki.example")], "caa.issuer", ""),
        ([(0, "issuewild", "pki.example")], "", ""),
        ([(0, "issuewild", "other.example")], "", "caa.issuer"),
    ],
)
def test_wildcards_have_their_own_property(
    records: list[tuple[int, str, str]], plain: str, wildcard: str
) -> None:
    assert code(found(*records), request()) == plain
    assert code(found(*records), request("*.example.com", "dns-01")) == wildcard


@pytest.mark.parametrize(
    ("parameters", "expected"),
    [
        (f"accounturi={ACCOUNT}", ""),
        (f"AccountURI = {ACCOUNT}", ""),
        (f"accounturi={ACCOUNT}; validationmethods=http-01", ""),
        ("validationmethods=dns-01,http-01", ""),
        ("accounturi=https://pki.example/acme/default/account/8", "caa.account"),
        ("accounturi=", "caa.account"),
        (f"accounturi={ACCOUNT}/", "caa.account"),
        (f"accounturi={ACCOUNT}; accounturi={ACCOUNT}", "caa.account"),
        ("validationmethods=dns-01", "caa.method"),
        ("validationmethods=", "caa.method"),
        ("validationmethods=http-01,", "caa.method"),
        ("validationmethods=HTTP-01", "caa.method"),
        ("validationmethods=http_01,http-01", "caa.method"),
        ("validationmethods=http-01; validationmethods=http-01", "caa.method"),
    ],
)
def test_account_and_method(parameters: str, expected: str) -> None:
    assert code(found((0, "issue", f"pki.example; {parameters}")), request()) == expected


def test_without_an_account_or_method_a_record_that_wants_one_refuses() -> None:
    asked = request(method="", account="")
    assert code(found((0, "issue", "pki.example")), asked) == ""
    assert code(found((0, "issue", "pki.example; accounturi=")), asked) == "caa.account"
    assert code(found((0, "issue", "pki.example; validationmethods=http-01")), asked) == "caa.method"


def test_one_fitting_property_is_enough_and_the_nearest_refusal_is_told() -> None:
    dns_only = (0, "issue", "pki.example; validationmethods=dns-01")
    assert code(found(dns_only, (0, "issue", "ca.example")), request()) == ""
    assert code(found((0, "issue", ";"), dns_only), request()) == "caa.method"


def test_an_authority_without_a_name_is_refused_where_there_is_a_record() -> None:
    nameless = CaaRequest("www.example.com", ())
    assert code(CaaSet(), nameless) == ""
    assert code(found((0, "issue", ";")), nameless) == "caa.issuer"


def test_too_much_is_refused() -> None:
    good = (0, "issue", "pki.example")
    assert code(found(*[good] * RECORDS_MAX), request()) == ""
    assert code(found(*[good] * (RECORDS_MAX + 1)), request()) == "caa.too-large"
    assert code(found((0, "issue", "pki.example;" + " " * VALUE_OCTETS_MAX)), request()) == "caa.too-large"


records = st.lists(
    st.builds(
        CaaRecord,
        st.integers(0, 255),
        st.sampled_from(["issue", "issuewild", "iodef", "future", "Issue"]),
        st.one_of(
            st.text(max_size=100),
            st.sampled_from(["pki.example", ";", "pki.example; validationmethods=http-01", "other.example"]),
        ),
    ),
    max_size=6,
)


@given(records)
def test_no_record_breaks_the_decision(drawn: list[CaaRecord]) -> None:
    for asked in (request(), request("*.example.com")):
        code(CaaSet("example.com", tuple(drawn)), asked)


@given(records)
def test_another_issuer_is_never_enough(drawn: list[CaaRecord]) -> None:
    """Adding a property that names someone else never turns a refusal into leave for a plain name."""
    before = code(CaaSet("example.com", tuple(drawn)), request())
    more = (*drawn, CaaRecord(0, "issue", "other.example"))
    after = code(CaaSet("example.com", more), request())
    assert not (before and not after)
    if not after:
        assert any(record.tag.lower() == "issue" and "example" in record.value for record in drawn)


@given(st.text(max_size=60))
def test_only_a_value_that_names_us_allows(value: str) -> None:
    allowed = code(found((0, "issue", value)), request()) == ""
    head = value.partition(";")[0].strip(" \t").lower()
    assert not allowed or head in ("pki.example", "ca.example")
