"""The check of a whole log: sound ones, and all that can be done to one."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from certwright.core import audit_records, checkpoint, merkle
from certwright.core.audit import Chain, Head, leaf_entry
from certwright.core.audit_records import End, Header, Leaf, SignedCheckpoint
from certwright.core.checkpoint import Checkpoint
from certwright.core.errors import TooLarge
from tests.core.toy_audit_log import (
    KEY,
    LOG,
    NEWEST,
    ORIGIN,
    THEIR_KEY,
    THEIRS,
    Log,
    event,
    kinds,
    made,
    named,
    rewritten,
    rolled_back,
    sign,
)

# -- sound ---------------------------------------------------------------------------------------


def test_a_whole_log_is_sound() -> None:
    report = LOG.verify(held=[note for _, note in LOG.checkpoints])
    assert report.sound
    assert (report.origin, report.events, report.leaves, report.trusted) == (ORIGIN, 19, 13, True)
    assert report.newest == checkpoint.verify(NEWEST, [KEY])
    unasked = LOG.verify(trusted=())
    assert unasked.sound
    assert not unasked.trusted


def test_a_new_log_is_sound() -> None:
    empty = made({}, [])
    assert empty.verify().sound
    assert replace(empty, checkpoints=[sign([])]).verify(held=[sign([])[1]]).newest == Checkpoint(
        ORIGIN, 0, merkle.EMPTY_ROOT
    )
    assert made({1: 5}, []).verify().sound


@given(st.data())
def test_any_interleaving_is_sound(data: st.DataObject) -> None:
    counts = data.draw(st.dictionaries(st.integers(1, 5), st.integers(0, 6), max_size=4))
    everything = [writer for writer, count in counts.items() for _ in range(count)]
    order = data.draw(st.permutations(everything))
    log = made(counts, order[: data.draw(st.integers(0, len(order)))], data.draw(st.integers(1, 5)))
    report = log.verify(held=[note for _, note in log.checkpoints])
    assert report.sound
    assert report.events == len(everything)
    assert (report.newest.size if report.newest else 0) == report.leaves == len(log.leaves)


def test_a_key_that_was_replaced_in_order() -> None:
    """Both keys are listed and trusted; the newer signs from some checkpoint on."""
    later = sign([hash_ for hash_, _ in LOG.leaves], THEIRS)
    log = replace(LOG, checkpoints=[*LOG.checkpoints[:-1], later], keys=(THEIR_KEY, KEY))
    assert log.verify(trusted=(KEY, THEIR_KEY)).sound
    assert log.verify(trusted=()).sound
    assert kinds(log.verify(trusted=(KEY,))) == ["signature", "unsigned"]


# -- tampered with -------------------------------------------------------------------------------


@pytest.mark.parametrize("place", sorted(LOG.rows))
def test_a_changed_row_is_named(place: tuple[int, int]) -> None:
    row = LOG.rows[place]
    for other in (
        row._replace(actor="local:mallory"),
        row._replace(body=row.body.replace("tls-server", "tls-client")),
        row._replace(at=row.at + timedelta(seconds=1)),
        row._replace(chain=bytes(32)),
    ):
        report = LOG.with_row(other).verify()
        assert kinds(report) == ["changed"]
        assert named(report) == {place}


@pytest.mark.parametrize("place", sorted(LOG.rows))
def test_a_dropped_row_is_named(place: tuple[int, int]) -> None:
    report = LOG.without(place).verify()
    assert set(kinds(report)) == {"missing"}
    assert place in named(report)
    leaf = next((index for index, (_, key) in enumerate(LOG.leaves) if key == place), None)
    assert leaf is None or leaf in {item.leaf for item in report.discrepancies}


@pytest.mark.parametrize("place", sorted(LOG.rows))
def test_a_chain_written_anew_behind_a_checkpoint_is_named(place: tuple[int, int]) -> None:
    report = rewritten(LOG, *place, hashes=False).verify()
    sequenced = [key for _, key in LOG.leaves if key[0] == place[0] and key >= place]
    assert named(report) == set(sequenced)
    # What no checkpoint covers yet, whoever can write the whole database can write anew.
    assert report.sound == (not sequenced)


@pytest.mark.parametrize("place", sorted(key for _, key in LOG.leaves))
def test_a_chain_written_anew_with_its_leaves_is_found_between_checkpoints(place: tuple[int, int]) -> None:
    report = rewritten(LOG, *place, hashes=True).verify()
    first = min(index for index, (_, key) in enumerate(LOG.leaves) if key[0] == place[0] and key >= place)
    held = max((size for size, _ in LOG.checkpoints if size <= first), default=0)
    assert kinds(report) == ["root-mismatch"]
    assert report.discrepancies[0].leaf == held
    assert (report.newest.size if report.newest else 0) == held


def test_a_changed_leaf_hash_is_named() -> None:
    leaves = [*LOG.leaves]
    leaves[5] = (bytes(32), leaves[5][1])
    report = replace(LOG, leaves=leaves).verify()
    assert sorted(kinds(report)) == ["changed", "root-mismatch"]
    assert report.discrepancies[0].leaf == 5


@pytest.mark.parametrize("place", range(12))
def test_swapped_leaves_are_found(place: int) -> None:
    leaves = [*LOG.leaves]
    leaves[place], leaves[place + 1] = leaves[place + 1], leaves[place]
    report = replace(LOG, leaves=leaves).verify()
    assert "root-mismatch" in kinds(report)
    same_writer = leaves[place][1][0] == leaves[place + 1][1][0]
    assert ("reordered" in kinds(report)) == same_writer


def test_a_writers_events_must_be_sequenced_without_gap() -> None:
    """A sequencer that skipped one, and signed all the same."""
    leaves = [leaf for leaf in LOG.leaves if leaf[1] != (1, 2)]
    log = replace(LOG, leaves=leaves, checkpoints=[sign([hash_ for hash_, _ in leaves])])
    report = log.verify()
    assert kinds(report) == ["reordered"]
    assert named(report) == {(1, 2)}


def test_the_tail_that_no_checkpoint_covers() -> None:
    tail = [(1, 7), (1, 8), (1, 9), (2, 5), (2, 6), (3, 4)]
    assert all(key not in {event for _, event in LOG.leaves} for key in tail)
    report = LOG.without((1, 9)).verify()
    assert (kinds(report), named(report)) == (["missing"], {(1, 9)})
    heads = {**LOG.heads, 3: Head(3, LOG.rows[3, 3].chain)}
    report = replace(LOG, heads=heads).verify()
    assert (kinds(report), named(report)) == (["extra"], {(3, 4)})
    report = replace(LOG, heads={1: LOG.heads[1], 2: LOG.heads[2]}).verify()
    assert set(kinds(report)) == {"head-missing"}


@pytest.mark.parametrize("size", [0, 4, 8, 12])
def test_a_database_rolled_back_as_a_whole(size: int) -> None:
    log = rolled_back(LOG, size)
    assert log.verify().sound  # it is a log that once was; only what was kept outside tells
    report = log.verify(held=[NEWEST])
    assert kinds(report) == ["rolled-back"]
    assert "states 13 leaves" in report.discrepancies[0].text


def test_a_database_rolled_back_and_grown_again() -> None:
    log = rolled_back(LOG, 8)
    chain = Chain(1, log.heads[1].number, log.heads[1].chain)
    added, chain = chain.extend(event(1, number, "other") for number in range(20))
    for row in added:
        log = log.with_row(row)
    leaves = [*log.leaves, *((merkle.leaf_hash(leaf_entry(row)), (1, row.number)) for row in added)]
    heads = {**log.heads, 1: Head(chain.number, chain.head)}
    notes = [*log.checkpoints, sign([hash_ for hash_, _ in leaves])]
    grown = replace(log, leaves=leaves, heads=heads, checkpoints=notes)
    assert grown.verify().sound
    assert grown.verify(held=[LOG.checkpoints[1][1]]).sound
    report = grown.verify(held=[NEWEST])
    assert kinds(report) == ["root-mismatch"]
    assert "held" in report.discrepancies[0].text


def test_a_log_signed_anew_with_another_key() -> None:
    log = rewritten(LOG, 1, 1, hashes=True)
    hashes = [hash_ for hash_, _ in log.leaves]
    log = replace(log, checkpoints=[sign(hashes, THEIRS)], keys=(THEIR_KEY,))
    report = log.verify(trusted=())
    assert report.sound
    assert not report.trusted
    assert kinds(log.verify(trusted=[KEY])) == ["key-replaced", "signature", "unsigned"]
    assert kinds(log.verify(trusted=(), held=[NEWEST])) == ["key-replaced", "root-mismatch"]


@pytest.mark.parametrize("place", range(12))
def test_after_a_missing_leaf_no_root_is_compared(place: int) -> None:
    """What is missing is named once; that no later checkpoint can be met goes without saying."""
    records = [item for item in LOG.records() if not (isinstance(item, Leaf) and item.index == place)]
    held = [note for _, note in LOG.checkpoints]
    report = audit_records.verify_records(records, [KEY], held)
    assert set(kinds(report)) == {"missing"}
    assert LOG.leaves[place][1] in named(report)
    assert place in {item.leaf for item in report.discrepancies}
    assert (report.newest.size if report.newest else 0) == place // 4 * 4


def test_checkpoints_that_were_removed_or_forged() -> None:
    report = replace(LOG, checkpoints=[]).verify()
    assert kinds(report) == ["unsigned"]
    report = replace(LOG, checkpoints=LOG.checkpoints[:2]).verify()
    assert (kinds(report), report.discrepancies[0].leaf) == (["unsigned"], 8)
    forged = NEWEST.replace("\n13\n", "\n12\n")
    report = replace(LOG, checkpoints=[*LOG.checkpoints, (13, forged)]).verify()
    assert kinds(report) == ["signature"]
    report = replace(LOG, checkpoints=[*LOG.checkpoints[1:], LOG.checkpoints[0]]).verify()
    assert kinds(report) == ["unreadable"]
    report = replace(LOG, checkpoints=[*LOG.checkpoints, (13, "no note")]).verify()
    assert kinds(report) == ["signature"]


def test_a_log_that_signed_two_trees_of_one_size() -> None:
    fork = sign([hash_ for hash_, _ in rewritten(LOG, 1, 1, hashes=True).leaves])
    report = replace(LOG, checkpoints=[*LOG.checkpoints, fork]).verify()
    assert kinds(report) == ["root-mismatch"]
    assert report.newest == checkpoint.parse(NEWEST)


@given(st.data())
def test_no_change_of_what_a_held_checkpoint_covers_is_missed(data: st.DataObject) -> None:
    """Whatever is done to rows, chains, leaves, checkpoints and heads by one without the key."""
    log = LOG
    for _ in range(data.draw(st.integers(1, 3))):
        log = data.draw(st.sampled_from(ACTS))(log, data)
    report = log.verify(trusted=data.draw(st.sampled_from([(KEY,), ()])), held=[NEWEST])
    intact = log.leaves[:13] == LOG.leaves and all(
        log.rows.get(key) == LOG.rows[key] for _, key in LOG.leaves
    )
    assert intact or not report.sound


def drop(log: Log, data: st.DataObject) -> Log:
    return log.without(data.draw(st.sampled_from(sorted(log.rows) or [(1, 1)])))


def drop_leaf(log: Log, data: st.DataObject) -> Log:
    place = data.draw(st.integers(0, len(log.leaves)))
    return replace(log, leaves=[*log.leaves[:place], *log.leaves[place + 1 :]])


def shuffle(log: Log, data: st.DataObject) -> Log:
    return replace(log, leaves=data.draw(st.permutations(log.leaves)))


def rewrite(log: Log, data: st.DataObject) -> Log:
    if any(key not in log.rows for _, key in log.leaves) or not log.rows:
        return log
    place = data.draw(st.sampled_from(sorted(log.rows)))
    return rewritten(log, *place, hashes=data.draw(st.booleans()))


def sign_anew(log: Log, data: st.DataObject) -> Log:
    note = sign([hash_ for hash_, _ in log.leaves], THEIRS)
    return replace(log, checkpoints=[note], keys=(THEIR_KEY,))


def forget(log: Log, data: st.DataObject) -> Log:
    return replace(log, checkpoints=[])


def roll_back(log: Log, data: st.DataObject) -> Log:
    return rolled_back(LOG, data.draw(st.sampled_from([0, 4, 8, 12])))


ACTS: list[Callable[[Log, st.DataObject], Log]]
ACTS = [drop, drop_leaf, shuffle, rewrite, sign_anew, forget, roll_back]


# -- bounds --------------------------------------------------------------------------------------


def test_findings_are_counted_and_kept_up_to_a_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(audit_records, "DISCREPANCIES_MAX", 3)
    report = replace(LOG, rows={}).verify()
    assert (len(report.discrepancies), report.found) == (3, 13 + 3)


def test_waiting_checkpoints_and_writers_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(audit_records, "PENDING_MAX", 2)
    monkeypatch.setattr(audit_records, "WRITERS_MAX", 3)
    assert LOG.verify(held=[NEWEST]).sound
    with pytest.raises(TooLarge, match="wait"):
        audit_records.verify_records(LOG.records(), (), [NEWEST] * 3)
    with pytest.raises(TooLarge, match="writers"):
        audit_records.verify_records(
            [Header((KEY,)), *(audit_records.WriterHead(writer, Head(0, b"")) for writer in range(4))]
        )


def test_records_out_of_place() -> None:
    records = list(LOG.records())
    end = records.pop()
    for spare in (Header((KEY,)), End(13, 19), SignedCheckpoint(NEWEST)):
        report = audit_records.verify_records([*records, end, spare], [KEY])
        assert kinds(report) == ["unreadable"]
    heads = [*records[:1], *records[1:2], *records[1:], end]
    assert kinds(audit_records.verify_records(heads, [KEY])) == ["duplicated"]
