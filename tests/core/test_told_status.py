"""What an authority says of its certificates, and what becomes of what was known."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from certwright.core.errors import Malformed
from certwright.core.revocation import Reason
from certwright.core.told_status import ToldStatus, has_issued, next_status, read_status, status_facts
from tests.real.toy_chains import ToyAuthority

THEN = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
LATER = THEN + timedelta(days=1)
GOOD = ToldStatus()
HELD = ToldStatus(THEN, Reason.CERTIFICATE_HOLD)
SILENT = ToldStatus(THEN, Reason.UNSPECIFIED)
LOST = ToldStatus(LATER, Reason.KEY_COMPROMISE)
REASONS = [reason for reason in Reason if reason is not Reason.REMOVE_FROM_CRL]


@pytest.mark.parametrize(
    ("current", "told", "after"),
    [
        (GOOD, LOST, LOST),
        (GOOD, GOOD, GOOD),
        (HELD, GOOD, GOOD),
        (HELD, LOST, LOST),
        (SILENT, GOOD, SILENT),
        (SILENT, LOST, ToldStatus(THEN, Reason.KEY_COMPROMISE)),
        (SILENT, HELD, SILENT),
        (LOST, GOOD, LOST),
        (LOST, SILENT, LOST),
    ],
)
def test_what_was_revoked_stays_so_but_for_a_hold(
    current: ToldStatus, told: ToldStatus, after: ToldStatus
) -> None:
    assert next_status(current, told) == after
    assert next_status(after, told) == after, "to hear it twice changes nothing"


@given(st.datetimes(timezones=st.just(UTC)), st.sampled_from(REASONS))
def test_what_is_written_is_read(moment: datetime, reason: Reason) -> None:
    found = read_status(status_facts(moment, reason))
    assert found == ToldStatus(moment.replace(microsecond=0), reason)


def test_what_says_nothing_or_that_it_is_good() -> None:
    assert read_status({}) is None
    assert read_status({"version": "TLSv1.3"}) is None
    assert read_status(status_facts()) == GOOD
    assert read_status({**status_facts(THEN), "reason": "removeFromCRL"}) == GOOD


@pytest.mark.parametrize(
    "facts",
    [
        {"status": "fine"},
        {"status": 1},
        {"status": "revoked"},
        {"status": "revoked", "revoked_at": 5},
        {"status": "revoked", "revoked_at": "yesterday"},
        {"status": "revoked", "revoked_at": "2026-01-01T00:00:00"},
        {"status": "revoked", "revoked_at": "2026-01-01T00:00:00Z", "reason": "boredom"},
        {"status": "revoked", "revoked_at": "2026-01-01T00:00:00Z", "reason": ["keyCompromise"]},
    ],
)
def test_what_nobody_can_have_meant(facts: dict[str, object]) -> None:
    with pytest.raises(Malformed):
        read_status(facts)  # type: ignore[arg-type]


def test_who_has_signed() -> None:
    corp = ToyAuthority("Corp")
    leaf = corp.sign("www")
    assert has_issued(corp.certificate, leaf)
    assert not has_issued(ToyAuthority("Corp").certificate, leaf)
    assert not has_issued(b"nonsense", leaf)
    assert not has_issued(corp.certificate, b"")
