"""What counts as vetted, as tables; and that nothing but more and newer evidence ever raises a level."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from certwright.core.distinguished_name import parse_name
from certwright.core.names import Identifier, IdentifierKind
from certwright.core.rules_facts import Validation
from certwright.core.vetted_subject import Control, differences, prepared, reached
from certwright.core.vetting import (
    FIELDS,
    FOR_ORGANIZATION,
    GATHERED,
    Ages,
    CheckKind,
    Done,
    Vetted,
    confirmed_now,
    domains_of,
    level_of,
    within,
)

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
AGES = Ages()
RECORD = {
    "legal_name": "Müller & Söhne GmbH",
    "country": "DE",
    "register_number": "HRB 12345",
    "jurisdiction_country": "DE",
    "category": "Private Organization",
    "street": "Hauptstraße 1",
    "postal_code": "10115",
    "locality": "Berlin",
    "phone": "+49 30 1234",
}
RECORD_FIELDS = tuple([(name, RECORD.get(name, "")) for name in FIELDS])
ORDER = list(Validation)
DAYS = timedelta(days=1)


def check(
    kind: CheckKind,
    who: str = "user:alice",
    days: float = 10,
    domain: str = "example.test",
    documents: int = 1,
) -> Done:
    at = NOW - days * DAYS
    confirmed = confirmed_now(kind, RECORD_FIELDS)
    where = domain if kind is CheckKind.DOMAIN else ""
    return Done(kind, frozenset({who}), at, at, confirmed, documents, where)


ORGANIZATION = tuple([check(kind) for kind in FOR_ORGANIZATION])
EXTENDED = (*map(check, GATHERED), check(CheckKind.DUE_DILIGENCE, "user:bob", days=5))


def level(checks: tuple[Done, ...], now: datetime = NOW, ages: Ages = AGES) -> Validation:
    return level_of(Vetted(RECORD_FIELDS, checks), ages, now).reached


def test_every_check_of_a_level_is_needed() -> None:
    assert level(()) is Validation.NONE
    assert level(ORGANIZATION) is Validation.ORGANIZATION
    assert level(EXTENDED) is Validation.EXTENDED
    for place in range(len(ORGANIZATION)):
        assert level((*ORGANIZATION[:place], *ORGANIZATION[place + 1 :])) is Validation.NONE
    for place in range(len(EXTENDED)):
        assert level((*EXTENDED[:place], *EXTENDED[place + 1 :])) is not Validation.EXTENDED


def test_what_is_missing_is_told() -> None:
    told = level_of(Vetted(RECORD_FIELDS, ORGANIZATION[1:]), AGES, NOW)
    assert list(map(str, told.for_organization)) == ["register extract: it was never done"]
    assert [one.kind for one in told.for_extended] == [
        CheckKind.REGISTER,
        *GATHERED[4:],
        CheckKind.DUE_DILIGENCE,
    ]
    old = (check(CheckKind.REGISTER, days=398), *ORGANIZATION[1:])
    (one,) = level_of(Vetted(RECORD_FIELDS, old), AGES, NOW).for_organization
    assert one.why == "it expired on 2026-06-01; do it again"


def test_evidence_is_reused_until_its_age_and_no_longer() -> None:
    second = timedelta(seconds=1)
    begun = NOW - 10 * DAYS
    assert level(ORGANIZATION, begun + 200 * DAYS - second) is Validation.ORGANIZATION
    assert level(ORGANIZATION, begun + 200 * DAYS) is Validation.NONE, "the domain (TLS BR 4.2.1)"
    again = replace(ORGANIZATION[3], at=begun + 199 * DAYS, since=begun + 199 * DAYS)
    checks = (*ORGANIZATION, again)
    assert level(checks, begun + 398 * DAYS - 100 * DAYS - second) is Validation.ORGANIZATION
    assert level(ORGANIZATION, NOW, Ages(identity_days=10)) is Validation.NONE
    assert level(ORGANIZATION, NOW, Ages(identity_days=11)) is Validation.ORGANIZATION


def test_a_record_that_is_changed_is_vetted_anew() -> None:
    moved = tuple([(name, "Hamburg" if name == "locality" else value) for name, value in RECORD_FIELDS])
    told = level_of(Vetted(moved, EXTENDED), AGES, NOW)
    assert [one.kind for one in told.for_organization] == [CheckKind.ADDRESS]
    assert told.for_organization[0].why == "the record was changed since; do it again"
    assert CheckKind.DUE_DILIGENCE in [one.kind for one in told.for_extended]


def test_a_check_without_its_document_is_none() -> None:
    bare = (replace(ORGANIZATION[0], documents=0), *ORGANIZATION[1:])
    assert level(bare) is Validation.NONE
    assert level((*bare[:3], replace(bare[3], documents=0), ORGANIZATION[0])) is Validation.ORGANIZATION


def test_the_second_person_comes_after_and_has_gathered_nothing() -> None:
    gathered = EXTENDED[:-1]
    diligence = EXTENDED[-1]
    assert level((*gathered, replace(diligence, people=frozenset({"user:alice"})))) is Validation.ORGANIZATION
    too_early = replace(diligence, at=NOW - 20 * DAYS)
    assert level((*gathered, too_early)) is Validation.ORGANIZATION
    shared = replace(gathered[0], people=frozenset({"user:alice", "user:bob"}))
    assert level((shared, *gathered[1:], diligence)) is Validation.ORGANIZATION
    nobody = replace(diligence, people=frozenset({"local:root"}))
    assert level((*gathered, nobody)) is Validation.ORGANIZATION, "who is local:root? alice, perhaps"


PEOPLE = st.frozensets(
    st.sampled_from(["user:alice", "user:bob", "user:carol", "local:root", "token:t"]), min_size=1, max_size=3
)


@st.composite
def dones(draw: st.DrawFn) -> Done:
    kind = draw(st.sampled_from(CheckKind))
    at = NOW - draw(st.integers(0, 450)) * DAYS
    return Done(
        kind,
        draw(PEOPLE),
        at,
        at - draw(st.integers(0, 100)) * DAYS,
        confirmed_now(kind, RECORD_FIELDS) if draw(st.integers(0, 9)) else (),
        draw(st.integers(0, 2)),
        "example.test",
        draw(st.integers(0, 9)) == 0,
    )


@st.composite
def nearly_all(draw: st.DrawFn) -> tuple[Done, ...]:
    """Mostly what reaches a level, with some of it changed and more besides."""
    base = draw(st.sampled_from([ORGANIZATION, EXTENDED]))
    kept = [one for one in base if draw(st.integers(0, 19))]
    return (*kept, *draw(st.lists(dones(), max_size=6)))


@given(nearly_all(), st.data())
def test_what_is_taken_away_never_raises_a_level(checks: tuple[Done, ...], data: st.DataObject) -> None:
    before = ORDER.index(level(checks))
    for place, one in enumerate(checks):
        rest = (*checks[:place], *checks[place + 1 :])
        assert ORDER.index(level(rest)) <= before
        for less in (replace(one, revoked=True), replace(one, documents=0), replace(one, confirmed=())):
            if less != one:
                assert ORDER.index(level((*rest[:place], less, *rest[place:]))) <= before


@given(nearly_all(), st.integers(0, 900), st.integers(0, 900))
def test_no_level_rises_as_time_goes_by(checks: tuple[Done, ...], first: int, more: int) -> None:
    then, later = NOW + first * DAYS, NOW + (first + more) * DAYS
    assert ORDER.index(level(checks, later)) <= ORDER.index(level(checks, then))


@given(nearly_all(), st.integers(1, 398), st.integers(1, 398))
def test_shorter_ages_never_raise_a_level(checks: tuple[Done, ...], identity: int, domain: int) -> None:
    assert ORDER.index(level(checks, NOW, Ages(identity, domain))) <= ORDER.index(level(checks))


@given(nearly_all(), st.sampled_from(["user:alice", "user:bob", "local:root"]))
def test_nobody_reaches_extended_alone(checks: tuple[Done, ...], who: str) -> None:
    alone = tuple([replace(one, people=frozenset({who})) for one in checks])
    assert level(alone) is not Validation.EXTENDED


# -- subjects ------------------------------------------------------------------------------------

DNS = (Identifier(IdentifierKind.DNS, "www.example.test"),)
VETTED = Vetted(RECORD_FIELDS, EXTENDED)
NOTHING = Control()
FULL = (
    "CN=www.example.test,O=MÜLLER &  Söhne gmbh,serialNumber=HRB 12345,L=berlin,C=DE,"
    "businessCategory=Private Organization,1.3.6.1.4.1.311.60.2.1.3=DE"
)


@pytest.mark.parametrize(
    ("subject", "names", "proved", "expected"),
    [
        (FULL, DNS, False, Validation.EXTENDED),
        ("O=Müller & Söhne GmbH,C=DE", DNS, False, Validation.ORGANIZATION),
        ("O=Müller & Söhne GmbH,OU=Sales", DNS, False, Validation.DOMAIN),
        ("O=Müller & Söhne GmbH,L=Hamburg", DNS, True, Validation.DOMAIN),
        ("O=Muller & Sohne GmbH", DNS, True, Validation.DOMAIN),
        ("O=Müller & Söhne GmbH,ST=Berlin", DNS, True, Validation.DOMAIN),
        ("CN=www.example.test", DNS, False, Validation.DOMAIN),
        ("CN=www.example.test", (Identifier(IdentifierKind.DNS, "example.com"),), False, Validation.NONE),
        ("O=Müller & Söhne GmbH", (Identifier(IdentifierKind.DNS, "example.com"),), False, Validation.NONE),
        (
            "O=Müller & Söhne GmbH",
            (Identifier(IdentifierKind.IP, "192.0.2.1"),),
            True,
            Validation.ORGANIZATION,
        ),
        ("O=Müller & Söhne GmbH", (), False, Validation.ORGANIZATION),
        ("CN=nobody", (), True, Validation.NONE),
    ],
)
def test_how_far_a_subject_is_validated(
    subject: str, names: tuple[Identifier, ...], proved: bool, expected: Validation
) -> None:
    control = Control(frozenset(names)) if proved else NOTHING
    found = reached(parse_name(subject), names, control, [VETTED], AGES, NOW)
    assert found.validation is expected
    for further in ORDER[ORDER.index(expected) + 1 :]:
        assert found.missing[further], "why it is no further is told"


def test_differences_name_the_records_own_words() -> None:
    assert differences(parse_name("O=Müller & Söhne GmbH,L=Hamburg,OU=x"), DNS, VETTED) == (
        "OU is nothing that vetting confirms; leave it out",
        "L is 'Berlin' in the record, not 'Hamburg'",
    )


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ("CN=www.example.test", True),
        ("CN=MÜLLER & söhne GmbH", True),
        ("CN=Another Corporation", False),
        ("emailAddress=me@example.test", True),
        ("emailAddress=you@example.test", False),
    ],
)
def test_a_common_name_and_a_mail_address_are_one_of_the_names(said: str, expected: bool) -> None:
    """They would be anybody's else, on a certificate that says that identity was checked."""
    names = (*DNS, Identifier(IdentifierKind.EMAIL, "me@example.test"))
    subject = parse_name(f"{said},{FULL.partition(',')[2]}")
    found = reached(subject, names, NOTHING, [VETTED], AGES, NOW).validation
    assert found is (Validation.EXTENDED if expected else Validation.DOMAIN)


def test_a_domain_that_comes_after_the_due_diligence_is_for_an_organization_alone() -> None:
    late = check(CheckKind.DOMAIN, "user:carol", days=1, domain="late.test")
    vetted = Vetted(RECORD_FIELDS, (*EXTENDED, late))
    names = (Identifier(IdentifierKind.DNS, "www.late.test"),)
    subject = parse_name(FULL.replace("www.example.test", "www.late.test"))
    assert reached(subject, names, NOTHING, [vetted], AGES, NOW).validation is Validation.ORGANIZATION
    again = check(CheckKind.DUE_DILIGENCE, "user:bob", days=0.5)
    both = Vetted(RECORD_FIELDS, (*vetted.checks, again))
    assert reached(subject, names, NOTHING, [both], AGES, NOW).validation is Validation.EXTENDED


def test_no_record_borrows_the_domains_of_another() -> None:
    beside = Vetted(RECORD_FIELDS, (check(CheckKind.DOMAIN, "user:carol", domain="victim.test"),))
    names = (Identifier(IdentifierKind.DNS, "victim.test"),)
    subject = parse_name(FULL.replace("www.example.test", "victim.test"))
    assert reached(subject, names, NOTHING, [VETTED, beside], AGES, NOW).validation is Validation.DOMAIN


def test_a_name_is_within_a_domain_or_it_is_not() -> None:
    domains = domains_of(VETTED, AGES, NOW)
    assert domains == {"example.test"}
    for value, kind, expected in [
        ("example.test", IdentifierKind.DNS, True),
        ("*.example.test", IdentifierKind.DNS, True),
        ("a.b.example.test", IdentifierKind.DNS, True),
        ("notexample.test", IdentifierKind.DNS, False),
        ("test", IdentifierKind.DNS, False),
        ("me@mail.example.test", IdentifierKind.EMAIL, True),
        ("example.test@other.test", IdentifierKind.EMAIL, False),
        ("192.0.2.1", IdentifierKind.IP, False),
    ]:
        assert within(Identifier(kind, value), domains) is expected, value


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("ACME  GmbH", " acme gmbh "),
        ("Straße", "STRASSE"),
        ("A\u200bcme", "Acme"),
        ("ﬁx", "FIX"),
        ("É", "e\u0301"),
    ],
)
def test_values_that_compare_as_equal(one: str, other: str) -> None:
    assert prepared(one) == prepared(other)


@given(st.text(max_size=40))
def test_preparation_settles(value: str) -> None:
    assert prepared(prepared(value)) == prepared(value)
