"""Each kind of finding: the fact that opens it, and the nearest fact that does not."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from certwright.core.audit import JsonValue
from certwright.core.health import (
    KINDS,
    Judged,
    Link,
    Path,
    Seen,
    StatusSource,
    judge,
    matches,
    weakness_of_key,
)
from certwright.core.names import Identifier, IdentifierKind
from certwright.core.standing import Standing

NOW = datetime(2026, 11, 30, 12, tzinfo=UTC)
ISSUING, ROOT = Link(2, b"i" * 32, "CN=Issuing"), Link(1, b"r" * 32, "CN=Root")
PATH = Path((ISSUING, ROOT), root=True, anchored=True, ours=True)
AT = Seen(7, "tls", "www.example.test", (ISSUING.fingerprint,), {"version": "TLSv1.3"})
GOOD = Judged(
    fingerprint=b"l" * 32,
    subject="CN=www.example.test",
    issuer="CN=Issuing",
    not_before=NOW - timedelta(days=10),
    not_after=NOW + timedelta(days=80),
    key_algorithm="ecdsa-p256",
    signature_algorithm="ecdsa-with-SHA256",
    is_authority=False,
    self_signed=False,
    standing=Standing.ISSUED,
    answered_for=True,
    revoked=False,
    names=(Identifier(IdentifierKind.DNS, "www.example.test"),),
    path=PATH,
    seen=(AT,),
    automated=True,
)


def codes(certificate: Judged) -> set[str]:
    return {one.code for one in judge(certificate, NOW)}


def at(**facts: object) -> tuple[Seen, ...]:
    chain = facts.pop("chain", AT.chain)
    asked = facts.pop("asked", AT.asked)
    kind = facts.pop("kind", "tls")
    told: Mapping[str, JsonValue] = facts  # type: ignore[assignment]
    return (Seen(7, kind, asked, chain, told),)  # type: ignore[arg-type]


def test_a_good_one_has_none() -> None:
    assert judge(GOOD, NOW) == ()


OWN_PATH = Path((ISSUING,), root=False, anchored=True, ours=False)
CASES = [
    (
        "certificate.expiring",
        {"not_before": NOW - timedelta(days=60), "not_after": NOW + timedelta(days=29)},
        {"not_before": NOW - timedelta(days=60), "not_after": NOW + timedelta(days=30)},
    ),
    ("certificate.ending", {"not_after": NOW + timedelta(days=1)}, {"not_after": NOW + timedelta(days=7)}),
    ("certificate.unserved", {"seen": (), "passed_over": "192.0.2.1:443"}, {"seen": ()}),
    (
        "renewal.unplanned",
        {"automated": False, "not_before": NOW - timedelta(days=210), "not_after": NOW + timedelta(days=90)},
        {"automated": False, "not_before": NOW - timedelta(days=210), "not_after": NOW + timedelta(days=105)},
    ),
    ("certificate.self-signed", {"self_signed": True, "path": Path()}, {}),
    ("certificate.untrusted", {"path": replace(PATH, anchored=False)}, {}),
    (
        "certificate.unrecorded",
        {"path": replace(PATH, by_us=True), "standing": Standing.FOUND},
        {"path": replace(PATH, by_us=True)},
    ),
    (
        "certificate.lifetime",
        {"path": OWN_PATH, "not_before": NOW - timedelta(days=121)},
        {"path": OWN_PATH, "not_before": NOW - timedelta(days=119)},
    ),
    ("authority.not-allowed", {"refused_by": "pay"}, {"refused_by": "pay", "not_after": NOW}),
    ("key.weak", {"key_algorithm": "rsa-2047"}, {"key_algorithm": "rsa-2048"}),
    ("key.compromised", {"compromised": True}, {}),
    ("key.shared", {"shared": 1}, {"shared": 0}),
    (
        "key.exposed",
        {"seen": at(kind="file", key={"encrypted": False, "mode": "0644"})},
        {"seen": at(kind="file", key={"encrypted": False, "mode": "0640"})},
    ),
    (
        "signature.weak",
        {"signature_algorithm": "sha1WithRSAEncryption"},
        {"signature_algorithm": "sha1WithRSAEncryption", "self_signed": True},
    ),
    ("owner.missing", {"answered_for": False}, {"answered_for": False, "standing": Standing.FOUND}),
    (
        "status.unreachable",
        {"status": (StatusSource("http://x/", None, NOW - timedelta(hours=1), "no answer"),)},
        {"status": (StatusSource("http://x/", None, NOW - timedelta(minutes=59), "no answer"),)},
    ),
    (
        "status.stale",
        {"status": (StatusSource("http://x/", NOW - timedelta(seconds=1), None, ""),)},
        {"status": (StatusSource("http://x/", NOW, None, ""),)},
    ),
    ("served.expired", {"not_after": NOW}, {"not_after": NOW + timedelta(seconds=1)}),
    ("served.not-yet-valid", {"not_before": NOW + timedelta(seconds=1)}, {"not_before": NOW}),
    ("served.revoked", {"revoked": True}, {"revoked": True, "seen": ()}),
    (
        "served.superseded",
        {"successor_since": NOW - timedelta(days=1, seconds=1)},
        {"successor_since": NOW - timedelta(days=1)},
    ),
    ("served.chain-incomplete", {"seen": at(chain=())}, {"seen": at(chain=(ISSUING.fingerprint,))}),
    ("served.chain-incomplete", {"path": Path()}, {}),
    (
        "served.chain-order",
        {"seen": at(chain=(ROOT.fingerprint, ISSUING.fingerprint))},
        {"seen": at(chain=(ISSUING.fingerprint, ROOT.fingerprint))},
    ),
    ("served.name-mismatch", {"seen": at(asked="other.example.test")}, {"seen": at(asked="")}),
    ("served.old-protocol", {"seen": at(version="TLSv1.1")}, {"seen": at(version="TLSv1.2")}),
]


@pytest.mark.parametrize(
    ("code", "wrong", "right"), CASES, ids=lambda value: value if isinstance(value, str) else ""
)
def test_the_fact_opens_it_and_its_absence_does_not(
    code: str, wrong: dict[str, object], right: dict[str, object]
) -> None:
    assert code in codes(replace(GOOD, **wrong))  # type: ignore[arg-type]
    assert code not in codes(replace(GOOD, **right))  # type: ignore[arg-type]


def test_every_kind_has_a_case() -> None:
    assert {code for code, _, _ in CASES} == set(KINDS)


def test_what_nobody_uses_and_nobody_answers_for_is_left_in_peace() -> None:
    loose = replace(GOOD, standing=Standing.FOUND, seen=(), answered_for=False)
    assert codes(replace(loose, not_after=NOW + timedelta(days=1))) == set()
    assert codes(replace(loose, not_after=NOW - timedelta(days=1), key_algorithm="rsa-512")) == set()
    assert codes(replace(GOOD, standing=Standing.IGNORED, key_algorithm="rsa-512")) == set()


@pytest.mark.parametrize(
    ("life", "left", "code"),
    [
        (timedelta(days=47), timedelta(days=16), ""),
        (timedelta(days=47), timedelta(days=15), "certificate.expiring"),
        (timedelta(days=47), timedelta(days=4), "certificate.ending"),
        (timedelta(hours=24), timedelta(hours=9), ""),
        (timedelta(hours=24), timedelta(hours=7), "certificate.expiring"),
        (timedelta(hours=24), timedelta(hours=2), "certificate.ending"),
        (timedelta(days=365), timedelta(days=31), ""),
        (timedelta(days=365), timedelta(days=8), "certificate.expiring"),
        (timedelta(days=365), timedelta(days=6), "certificate.ending"),
    ],
)
def test_short_lives_are_not_always_near_their_end(life: timedelta, left: timedelta, code: str) -> None:
    found = codes(replace(GOOD, not_before=NOW + left - life, not_after=NOW + left))
    assert found == ({code} if code else set())


def test_one_with_a_successor_is_not_expiring() -> None:
    ending = replace(GOOD, not_after=NOW + timedelta(days=3), successor_since=NOW)
    assert codes(ending) == set()


def test_findings_of_a_place_name_it() -> None:
    second = replace(AT, sighting=8, asked="other.example.test")
    found = judge(replace(GOOD, seen=(AT, second)), NOW)
    assert [(one.code, one.sighting) for one in found] == [("served.name-mismatch", 8)]


@pytest.mark.parametrize(
    ("asked", "name", "fits"),
    [
        ("a.example.test", "*.example.test", True),
        ("a.b.example.test", "*.example.test", False),
        ("example.test", "*.example.test", False),
        ("example.test", "example.test", True),
        ("*.example.test", "*.example.test", True),
    ],
)
def test_wildcards_stand_for_one_label(asked: str, name: str, fits: bool) -> None:
    assert matches(asked, Identifier(IdentifierKind.DNS, name)) is fits


@pytest.mark.parametrize(
    ("algorithm", "weak"),
    [
        ("rsa-512", True),
        ("rsa-2048", False),
        ("dsa-2048", True),
        ("ecdsa-p192", True),
        ("ecdsa-p224", False),
        ("ed25519", False),
        ("ml-dsa-44", False),
        ("1.2.3.4", False),
    ],
)
def test_weak_keys(algorithm: str, weak: bool) -> None:
    assert bool(weakness_of_key(algorithm)) is weak


@given(
    st.builds(
        replace,
        st.just(GOOD),
        not_before=st.datetimes(timezones=st.just(UTC)),
        not_after=st.datetimes(timezones=st.just(UTC)),
        key_algorithm=st.text(max_size=12),
        signature_algorithm=st.text(max_size=12),
        is_authority=st.booleans(),
        self_signed=st.booleans(),
        standing=st.sampled_from(Standing),
        revoked=st.booleans(),
        names=st.just(()) | st.just(GOOD.names),
        path=st.sampled_from([Path(), PATH, OWN_PATH]),
        shared=st.integers(0, 5),
        seen=st.lists(
            st.builds(
                Seen,
                st.integers(1, 3),
                st.sampled_from(["tls", "file"]),
                st.text(max_size=5),
                st.lists(st.sampled_from([ISSUING.fingerprint, ROOT.fingerprint]), max_size=3).map(tuple),
                st.dictionaries(
                    st.sampled_from(["version", "key"]),
                    st.none() | st.text(max_size=4) | st.just({"mode": ""}) | st.just({"mode": 5}),
                ),
            ),
            max_size=3,
        ).map(tuple),
    )
)
def test_whatever_the_facts_each_finding_is_of_a_kind_and_a_place(certificate: Judged) -> None:
    places = {0, *(one.sighting for one in certificate.seen)}
    for found in judge(certificate, NOW):
        assert found.kind.code == found.code
        assert found.sighting in places
        assert found.detail
