"""Which certificate came after which."""

from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from certwright.core.lineage import Held, predecessor
from tests.real.toy_chains import BEGIN

WWW = frozenset({"dns:www.example.test"})
BOTH = WWW | {"dns:shop.example.test"}
held = st.builds(
    Held,
    st.integers(1, 50),
    st.integers(0, 3).map(lambda days: BEGIN + timedelta(days=days)),
    st.sampled_from(["", "CN=a", "CN=b"]),
    st.frozensets(st.sampled_from(["dns:a", "dns:b", "ip:192.0.2.1"]), max_size=2),
)


def one(identifier: int, days: int, names: frozenset[str] = WWW, subject: str = "") -> Held:
    return Held(identifier, BEGIN + timedelta(days=days), subject, names)


def test_the_newest_older_one_with_a_name_in_common() -> None:
    assert predecessor(one(9, 5), [one(1, 0), one(2, 3, BOTH), one(3, 6)]) == 2


def test_a_step_back_and_another_server_are_no_line() -> None:
    assert predecessor(one(9, 5), [one(1, 6), one(2, 5), one(3, 0, frozenset({"dns:other"}))]) is None


def test_without_names_the_subject_counts() -> None:
    assert predecessor(one(9, 5, frozenset(), "CN=a"), [one(1, 0, frozenset(), "CN=a")]) == 1
    assert predecessor(one(9, 5, frozenset(), "CN=a"), [one(1, 0, WWW, "CN=a")]) is None
    assert predecessor(one(9, 5, frozenset()), [one(1, 0, frozenset())]) is None


@given(st.lists(held, max_size=12, unique_by=lambda one: one.identifier))
def test_no_line_runs_in_a_circle(all_of_them: list[Held]) -> None:
    before = {one.identifier: predecessor(one, all_of_them) for one in all_of_them}
    for start in all_of_them:
        at, steps = before[start.identifier], 0
        while at is not None:
            at, steps = before[at], steps + 1
            assert steps <= len(all_of_them)
