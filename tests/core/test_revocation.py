from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from hypothesis import given
from hypothesis import strategies as st

from certwright.core import revocation
from certwright.core.clocks import CLOCK_LAG
from certwright.core.errors import Conflict, Malformed
from certwright.core.revocation import Reason, RevocationFacts

ISSUED = datetime(2026, 1, 1, tzinfo=UTC)
NOW = datetime(2026, 6, 1, 12, 30, 15, 999_000, UTC)
SECOND = NOW.replace(microsecond=0)
FINAL = [one for one in revocation.REASONS_TO_ASK_FOR if one is not Reason.CERTIFICATE_HOLD]
HELD = RevocationFacts(SECOND - timedelta(days=3), Reason.CERTIFICATE_HOLD)


def test_reasons_are_those_of_the_rfc() -> None:
    assert {reason.label for reason in Reason} == {flag.value for flag in x509.ReasonFlags}
    assert 7 not in list(Reason)
    assert [Reason.labelled(reason.label) for reason in Reason] == list(Reason)


@pytest.mark.parametrize("reason", revocation.REASONS_TO_ASK_FOR)
def test_a_reason_is_read_from_name_or_code(reason: Reason) -> None:
    assert revocation.parse_reason(reason.label) is reason
    assert revocation.parse_reason(reason.label.upper()) is reason
    assert revocation.parse_reason(reason.value) is reason


@pytest.mark.parametrize("value", ["removeFromCRL", 8, 7, 11, -1, "", "stolen", "0", "x" * 10_000])
def test_what_is_no_reason_is_refused_in_one_short_line(value: str | int) -> None:
    with pytest.raises(Malformed, match="known are unspecified") as caught:
        revocation.parse_reason(value)
    assert len(caught.value.detail) < 400
    assert "\n" not in caught.value.detail


def test_a_revocation_is_dated_by_the_second_it_was_made() -> None:
    known_since = NOW - timedelta(days=2)
    wanted = RevocationFacts(NOW, Reason.KEY_COMPROMISE, known_since)
    assert revocation.revoke(None, wanted, ISSUED) == RevocationFacts(
        SECOND, Reason.KEY_COMPROMISE, known_since.replace(microsecond=0)
    )


def test_a_clock_that_is_behind_does_not_date_a_revocation_before_the_issuance() -> None:
    early = RevocationFacts(ISSUED - timedelta(seconds=2), Reason.SUPERSEDED)
    assert revocation.revoke(None, early, ISSUED).revoked_at == ISSUED


@pytest.mark.parametrize("reason", FINAL)
def test_a_hold_becomes_final_and_keeps_its_date(reason: Reason) -> None:
    after = revocation.revoke(HELD, RevocationFacts(NOW, reason), ISSUED)
    assert after == RevocationFacts(HELD.revoked_at, reason)


@pytest.mark.parametrize("reason", FINAL)
def test_nothing_final_goes_on_hold_or_is_released(reason: Reason) -> None:
    current = RevocationFacts(SECOND, reason)
    with pytest.raises(Conflict, match="already revoked"):
        revocation.revoke(current, RevocationFacts(NOW, Reason.CERTIFICATE_HOLD), ISSUED)
    with pytest.raises(Conflict, match=f"{reason.label}, which is final"):
        revocation.release(current)


@pytest.mark.parametrize("reason", [one for one in FINAL if one is not Reason.KEY_COMPROMISE])
def test_key_compromise_learnt_later_replaces_the_reason_and_keeps_the_date(reason: Reason) -> None:
    current = RevocationFacts(SECOND - timedelta(days=9), reason, SECOND - timedelta(days=10))
    after = revocation.revoke(current, RevocationFacts(NOW, Reason.KEY_COMPROMISE), ISSUED)
    assert after == RevocationFacts(current.revoked_at, Reason.KEY_COMPROMISE, current.invalidity_date)


@pytest.mark.parametrize("ahead", [timedelta(0), CLOCK_LAG, CLOCK_LAG + timedelta(seconds=1), timedelta(300)])
def test_a_date_of_the_future_does_not_stay(ahead: timedelta) -> None:
    held = RevocationFacts(SECOND + ahead, Reason.CERTIFICATE_HOLD, SECOND + ahead)
    after = revocation.revoke(held, RevocationFacts(SECOND, Reason.KEY_COMPROMISE), ISSUED)
    if ahead <= CLOCK_LAG:
        assert after == RevocationFacts(held.revoked_at, Reason.KEY_COMPROMISE, held.invalidity_date)
    else:
        assert after == RevocationFacts(SECOND, Reason.KEY_COMPROMISE)


@given(st.sampled_from(Reason), st.sampled_from(Reason))
def test_what_may_follow_what(first: Reason, second: Reason) -> None:
    allowed = second is not Reason.REMOVE_FROM_CRL and (
        (first is Reason.CERTIFICATE_HOLD and second is not first)
        or (second is Reason.KEY_COMPROMISE and first is not second)
    )
    current = RevocationFacts(SECOND, first)
    if allowed:
        assert revocation.revoke(current, RevocationFacts(NOW, second), ISSUED).reason is second
    else:
        with pytest.raises((Conflict, Malformed)):
            revocation.revoke(current, RevocationFacts(NOW, second), ISSUED)


def test_a_hold_may_be_released_and_only_once() -> None:
    revocation.release(HELD)
    with pytest.raises(Conflict, match="not revoked"):
        revocation.release(None)


@pytest.mark.parametrize(
    ("date", "why"),
    [
        (NOW + timedelta(seconds=1), "future"),
        (ISSUED - timedelta(seconds=1), "before the certificate was issued"),
        (NOW.replace(tzinfo=None), "no time zone"),
    ],
)
def test_impossible_invalidity_dates_are_refused(date: datetime, why: str) -> None:
    with pytest.raises(Malformed, match=why):
        revocation.revoke(None, RevocationFacts(NOW, Reason.KEY_COMPROMISE, date), ISSUED)


def test_an_entry_stays_until_it_has_been_on_one_crl_after_the_end() -> None:
    end = datetime(2026, 6, 1, tzinfo=UTC)
    assert not revocation.may_leave_crl(end, None)
    assert not revocation.may_leave_crl(end, end - timedelta(hours=1))
    assert not revocation.may_leave_crl(end, end)
    assert revocation.may_leave_crl(end, end + timedelta(seconds=1))
