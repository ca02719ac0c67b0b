"""The score: what counts, what does not, and that it never says more than can be counted."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from certwright.core.health import Severity
from certwright.core.scores import LOWERING, Score, in_use
from certwright.core.standing import Standing

NOW = datetime(2026, 11, 30, tzinfo=UTC)
FINDINGS = st.lists(st.tuples(st.sampled_from(Severity), st.booleans()), max_size=4)


@pytest.mark.parametrize(
    ("standing", "revoked", "left", "used"),
    [
        (Standing.ISSUED, False, 1, True),
        (Standing.ADOPTED, False, 1, True),
        (Standing.FOUND, False, 1, False),
        (Standing.IGNORED, False, 1, False),
        (Standing.ISSUED, True, 1, False),
        (Standing.ISSUED, False, 0, False),
    ],
)
def test_in_use_is_what_we_answer_for_and_what_is_live(
    standing: Standing, revoked: bool, left: int, used: bool
) -> None:
    assert in_use(standing, revoked, NOW + timedelta(seconds=left), NOW) is used


@given(st.lists(st.tuples(st.booleans(), FINDINGS), max_size=20))
def test_the_score_is_what_anybody_counts(
    certificates: list[tuple[bool, list[tuple[Severity, bool]]]],
) -> None:
    score = Score()
    for used, findings in certificates:
        score.add(used, findings)
    used = [findings for used, findings in certificates if used]
    good = [one for one in used if not any(kind in LOWERING and not accepted for kind, accepted in one)]
    assert (score.certificates, score.sound) == (len(used), len(good))
    every = [finding for _, findings in certificates for finding in findings]
    for severity in Severity:
        assert getattr(score, severity.value) == every.count((severity, False))
    assert score.accepted == sum(accepted for _, accepted in every)
    if not used:
        assert score.percent is None
    else:
        assert score.percent is not None
        assert 0 <= score.percent <= 100
        assert (score.percent == 100) == (len(good) == len(used))
