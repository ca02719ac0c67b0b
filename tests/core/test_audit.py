import hashlib
import json
import re
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from certwright.core import audit, audit_verify
from certwright.core.audit import Chain, Event, EventKind, EventRow, Head, JsonValue
from certwright.core.audit_verify import Discrepancy, DiscrepancyKind
from certwright.core.errors import CertwrightError, Malformed, TooLarge

REFERENCE = Path(__file__).parents[2] / "docs" / "reference" / "audit.md"
NOON = datetime(2025, 6, 1, 12, tzinfo=UTC)
KINDS = list(EventKind)

names = st.text(st.characters(min_codepoint=32, max_codepoint=126), min_size=1, max_size=12)
texts = st.text(st.characters(codec="utf-8"), max_size=20)
integers = st.integers(-audit.INTEGER_MAX, audit.INTEGER_MAX)
values = st.recursive(
    st.none() | st.booleans() | integers | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(names, inner, max_size=3),
    max_leaves=8,
)
plain = st.text(st.characters(codec="utf-8", exclude_categories=["Cc"]), max_size=40)
events = st.builds(
    Event,
    kind=st.sampled_from(KINDS),
    at=st.datetimes(timezones=st.just(UTC)),
    actor=plain.filter(bool),
    source=plain,
    subject=plain,
    detail=st.dictionaries(names, values, max_size=4),
)


def event(number: int = 1, **detail: JsonValue) -> Event:
    return Event(
        EventKind.CERTIFICATE_ISSUED,
        NOON + timedelta(seconds=number, microseconds=number),
        "local:alice",
        "127.0.0.1",
        f"certificate:{number:032x}",
        {"profile": "tls-server", **detail},
    )


def written(writer: int, count: int) -> list[EventRow]:
    return Chain.start(writer).extend(event(number) for number in range(1, count + 1))[0]


def heads_of(*logs: list[EventRow]) -> dict[int, Head]:
    return {rows[-1].writer: Head(rows[-1].number, rows[-1].chain) for rows in logs if rows}


def depth(value: JsonValue) -> int:
    if isinstance(value, dict):
        return 1 + max(map(depth, value.values()), default=0)
    if isinstance(value, list):
        return 1 + max(map(depth, value), default=0)
    return 0


# -- writing -------------------------------------------------------------------------------------


def test_a_row_by_hand() -> None:
    """The formats, spelled out once without the code under test."""
    row, chain = Chain.start(7).append(event(1, names=["dns:a.example", "dns:b.example"], size=-5))
    genesis = hashlib.sha256(b"certwright audit genesis v1\n" + bytes([0, 0, 0, 0, 0, 0, 0, 7])).digest()
    body = (
        '{"actor":"local:alice","at":"2025-06-01T12:00:01.000001Z",'
        '"detail":{"names":["dns:a.example","dns:b.example"],"profile":"tls-server","size":-5},'
        f'"kind":"certificate.issued","number":1,"previous":"{genesis.hex()}","source":"127.0.0.1",'
        '"subject":"certificate:00000000000000000000000000000001","writer":7}'
    )
    digest = hashlib.sha256(b"certwright audit event v1\n" + genesis + body.encode()).digest()
    at = datetime(2025, 6, 1, 12, 0, 1, 1, tzinfo=UTC)
    subject = "certificate:00000000000000000000000000000001"
    columns = (7 << 32 | 1, 7, 1, at, "certificate.issued", "local:alice", "127.0.0.1", subject, body, digest)
    assert row == columns
    assert type(row.kind) is str
    assert chain == Chain(7, 1, digest)
    assert audit.leaf_entry(row) == digest + body.encode()


@given(
    st.lists(events.filter(lambda item: depth(dict(item.detail)) <= 8), max_size=5), st.integers(1, 2**31 - 1)
)
def test_the_body_is_json_in_canonical_form(batch: list[Event], writer: int) -> None:
    rows, chain = Chain.start(writer).extend(batch)
    head = audit.genesis(writer)
    for number, (item, row) in enumerate(zip(batch, rows, strict=True), 1):
        fields = {
            "actor": item.actor,
            "at": item.at.strftime("%Y").rjust(4, "0") + item.at.strftime("-%m-%dT%H:%M:%S.%fZ"),
            "detail": item.detail,
            "kind": str(item.kind),
            "number": number,
            "previous": head.hex(),
            "source": item.source,
            "subject": item.subject,
            "writer": writer,
        }
        expected = json.dumps(fields, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
        assert row.body == expected
        head = row.chain
    assert chain == Chain(writer, len(batch), head)
    assert list(audit_verify.verify_rows(rows, heads_of(rows))) == []


@given(st.lists(st.integers(0, 5), max_size=4))
def test_it_is_the_same_chain_in_batches_of_any_size(batches: list[int]) -> None:
    chain = Chain.start(3)
    rows: list[EventRow] = []
    for size in batches:
        start = len(rows) + 1
        added, chain = chain.extend(event(number) for number in range(start, start + size))
        rows += added
    assert rows == written(3, len(rows))


def test_a_failed_commit_leaves_the_chain_where_it_was() -> None:
    before = Chain.start(1).append(event(1))[1]
    lost, _ = before.append(event(2))
    kept, after = before.append(event(3))
    assert (lost.number, kept.number, after.number) == (2, 2, 2)
    first = written(1, 1)[0]
    assert not list(audit_verify.verify_rows([first, kept], {1: Head(2, after.head)}))
    with pytest.raises(Malformed):
        before.extend([event(2), event(3, bad=1.5)])  # type: ignore[arg-type]
    assert before == Chain.start(1).append(event(1))[1]


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"actor": ""}, Malformed),
        ({"actor": "a\nb"}, Malformed),
        ({"source": "\x00"}, Malformed),
        ({"subject": "\x7f"}, Malformed),
        ({"subject": "\ud800"}, Malformed),
        ({"actor": "a" * 257}, TooLarge),
        ({"source": "a" * 257}, TooLarge),
        ({"subject": "a" * 513}, TooLarge),
        ({"at": datetime(2025, 1, 1)}, Malformed),
        ({"at": datetime(2025, 1, 1, tzinfo=timezone(timedelta(hours=1)))}, Malformed),
        ({"detail": {"a": 1.0}}, Malformed),
        ({"detail": {"a": float("nan")}}, Malformed),
        ({"detail": {"a": b"octets"}}, Malformed),
        ({"detail": {"a": {1, 2}}}, Malformed),
        ({"detail": {"a": NOON}}, Malformed),
        ({"detail": {"a": [[object()]]}}, Malformed),
        ({"detail": {"a": 2**53}}, Malformed),
        ({"detail": {"a": -(2**53)}}, Malformed),
        ({"detail": {"a": "\udfff"}}, Malformed),
        ({"detail": {1: "a"}}, Malformed),
        ({"detail": {"": "a"}}, Malformed),
        ({"detail": {"\u00e4": "a"}}, Malformed),
        ({"detail": {"a\n": "a"}}, Malformed),
        ({"detail": {"a" * 65: "a"}}, Malformed),
        ({"detail": {"a": [[[[[[[[1]]]]]]]]}}, TooLarge),
        ({"detail": {"a": "x" * 8192}}, TooLarge),
        ({"detail": {"a": "\U0001f600" * 2048}}, TooLarge),
    ],
)
def test_what_cannot_be_put_on_record_is_refused(
    change: dict[str, Any], error: type[CertwrightError]
) -> None:
    item = event()
    fields = {name: getattr(item, name) for name in ("kind", "at", "actor", "source", "subject", "detail")}
    with pytest.raises(error):
        Chain.start(1).append(Event(**{**fields, **change}))


def test_the_largest_event_fits_every_bound() -> None:
    item = Event(
        EventKind.CERTIFICATE_ISSUED,
        NOON,
        "\U0001f600" * audit.ACTOR_CHARACTERS_MAX,
        '"' * audit.SOURCE_CHARACTERS_MAX,
        "\U0001f600" * audit.SUBJECT_CHARACTERS_MAX,
        {"a": "\x01" * ((audit.DETAIL_OCTETS_MAX - len('{"a":""}')) // 6)},
    )
    rows, chain = Chain(audit.WRITER_MAX, audit.NUMBER_MAX - 1, bytes(32)).extend([item])
    assert len(rows[0].body.encode()) < audit.BODY_OCTETS_MAX
    assert rows[0].id == 2**63 - 1
    assert audit_verify.inspect(rows[0]) == (None, bytes(32))
    with pytest.raises(TooLarge, match="start a new one"):
        chain.append(item)
    for writer in (0, audit.WRITER_MAX + 1):
        with pytest.raises(Malformed):
            Chain.start(writer)


def test_the_deepest_detail_and_another_name_for_utc() -> None:
    item = replace(event(a=[[[[[[[1]]]]]]]), at=NOON.astimezone(timezone(timedelta(0), "Z")))
    row, chain = Chain.start(1).append(item)
    assert '"at":"2025-06-01T12:00:00.000000Z","detail":{"a":[[[[[[[1]]]]]]]' in row.body
    assert not list(audit_verify.verify_rows([row], {1: Head(1, chain.head)}))


# -- checking ------------------------------------------------------------------------------------


def verify(rows: list[EventRow], heads: dict[int, Head]) -> list[tuple[str, int, int]]:
    found = list(audit_verify.verify_rows(rows, heads))
    assert all(f"writer {item.writer}" in item.text for item in found)
    assert all(re.search(rf"events? {item.number}\b", item.text) for item in found if item.number)
    return [(item.kind.value, item.writer, item.number) for item in found]


LOG = written(1, 6)
OTHER = written(2, 3)
HEADS = heads_of(LOG, OTHER)


def test_a_whole_log_is_sound_in_any_mix_of_writers() -> None:
    assert verify([*LOG, *OTHER], HEADS) == []
    assert verify([OTHER[0], *LOG[:3], *OTHER[1:], *LOG[3:]], HEADS) == []
    assert verify([], {}) == []
    assert verify([], {1: Head(0, audit.genesis(1))}) == []


COLUMNS: dict[str, Callable[[EventRow], object]] = {
    "id": lambda row: row.id + 1,
    "at": lambda row: row.at + timedelta(microseconds=1),
    "kind": lambda row: "certificate.refused",
    "actor": lambda row: "local:mallory",
    "source": lambda row: "",
    "subject": lambda row: row.subject + "0",
    "body": lambda row: row.body.replace("tls-server", "tls-client"),
    "chain": lambda row: bytes(32),
}


@pytest.mark.parametrize("column", COLUMNS)
@pytest.mark.parametrize("place", range(6))
def test_a_changed_column_is_found_and_named(column: str, place: int) -> None:
    row = LOG[place]
    changed = EventRow(**{**row._asdict(), column: COLUMNS[column](row)})
    assert verify([*LOG[:place], changed, *LOG[place + 1 :]], heads_of(LOG)) == [("changed", 1, place + 1)]


@pytest.mark.parametrize("place", range(6))
def test_a_row_written_anew_with_its_chain_value_is_found(place: int) -> None:
    before = Chain(1, place, LOG[place - 1].chain if place else audit.genesis(1))
    forged, _ = before.append(event(99))
    assert verify([*LOG[:place], forged, *LOG[place + 1 :]], heads_of(LOG)) == [("changed", 1, place + 1)]


@pytest.mark.parametrize("first", range(6))
@pytest.mark.parametrize("count", [1, 2, 6])
def test_dropped_rows_are_found_and_named(first: int, count: int) -> None:
    assert verify([*LOG[:first], *LOG[first + count :]], heads_of(LOG)) == [("missing", 1, first + 1)]


def test_a_range_of_dropped_rows_is_told() -> None:
    found = audit_verify.verify_rows([*LOG[:1], *LOG[4:5]], heads_of(LOG))
    assert [item.text for item in found] == [
        "events 2 to 4 of writer 1 missing",
        "event 6 of writer 1 missing",
    ]


@pytest.mark.parametrize("place", range(5))
def test_swapped_rows_are_found_and_named(place: int) -> None:
    left, right = LOG[place : place + 2]
    moved = [*LOG[:place], right, left, *LOG[place + 2 :]]
    assert verify(moved, heads_of(LOG)) == [("reordered", 1, place + 1)]
    renamed = [
        *LOG[:place],
        right._replace(id=left.id, number=left.number),
        left._replace(id=right.id, number=right.number),
        *LOG[place + 2 :],
    ]
    assert verify(renamed, heads_of(LOG)) == [("reordered", 1, place + 1), ("reordered", 1, place + 2)]


@pytest.mark.parametrize("place", range(6))
def test_doubled_rows_are_found_and_named(place: int) -> None:
    assert verify([*LOG, LOG[place]], heads_of(LOG)) == [("duplicated", 1, place + 1)]


def test_rows_past_the_head_and_writers_without_one() -> None:
    longer = written(1, 8)
    assert verify(longer, heads_of(LOG)) == [("extra", 1, 7), ("extra", 1, 8)]
    assert verify(LOG, heads_of(longer)) == [("missing", 1, 7)]
    assert verify([*LOG, *OTHER], heads_of(LOG)) == [("head-missing", 2, 0)]
    assert verify(LOG, HEADS) == [("missing", 2, 1)]
    assert verify(LOG, {1: Head(6, bytes(32))}) == [("changed", 1, 6)]


def test_another_writers_row_in_the_place_of_one() -> None:
    taken = OTHER[1]._replace(id=LOG[1].id, writer=1)
    assert verify([LOG[0], taken, *LOG[2:]], heads_of(LOG)) == [("reordered", 1, 2)]


def test_bodies_that_no_writer_writes() -> None:
    """Each with a chain value that is right for it."""
    body = LOG[0].body
    for text in (
        "",
        "[]",
        "null",
        "[" * 5000,
        "1" * 5000,
        body.replace('"writer":1', '"writer":1.0'),
        body.replace('"writer":1', '"writer":true'),
        body.replace('"detail":{', '"detail":{"a":NaN,'),
        body.replace('"detail":{"profile":"tls-server"}', '"detail":[]'),
        body.replace('"source"', '"source":"x","source"'),
        body.replace('"source"', '"sourcf"'),
        body.replace(":", ": "),
        body.replace("alice", "\\u0061lice"),
        body.replace("alice", "\ud800"),
        body.replace(LOG[0].body[-20:], LOG[0].body[-20:] + " "),
        body.replace(audit.genesis(1).hex(), audit.genesis(1).hex().upper()),
        body.replace(audit.genesis(1).hex(), "00"),
        body.replace("tls-server", "x" * 20000),
    ):
        chain = audit.chain_value(audit.genesis(1), text.encode("utf-8", "surrogatepass"))
        row = LOG[0]._replace(body=text, chain=chain)
        assert verify([row], {1: Head(1, chain)}) == [("changed", 1, 1)], text[:80]


def test_numbers_and_writers_out_of_range() -> None:
    for writer, number in ((0, 1), (2**31, 1), (1, 0), (1, -1), (1, 2**32)):
        body = (
            LOG[0]
            .body.replace('"writer":1', f'"writer":{writer}')
            .replace('"number":1', f'"number":{number}')
        )
        chain = audit.chain_value(audit.genesis(1), body.encode())
        row = LOG[0]._replace(id=writer << 32 | number, writer=writer, number=number, body=body, chain=chain)
        found = verify([row], {writer: Head(number, chain)})
        assert ("changed", writer, number) in found


def test_a_log_can_be_checked_in_parts() -> None:
    part = audit_verify.Follower(heads_of(LOG), {1: Head(3, LOG[2].chain)})
    assert [part.feed(row) for row in LOG[3:]] == [[], [], []]
    assert list(part.finish()) == []
    wrong = audit_verify.Follower(heads_of(LOG), {1: Head(3, bytes(32))})
    (found,) = wrong.feed(LOG[3], leaf=40)
    assert (found.kind, found.number) == (DiscrepancyKind.CHANGED, 3)
    assert isinstance(found, Discrepancy)


def test_more_gaps_than_are_remembered_are_still_reported() -> None:
    rows = written(1, 3 * audit_verify.GAPS_MAX)
    found = verify(rows[::2], heads_of(rows))
    assert {(item[0], item[2]) for item in found} == {("missing", row.number) for row in rows[1::2]}


def test_the_number_of_writers_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(audit_verify, "WRITERS_MAX", 1)
    with pytest.raises(TooLarge):
        verify([*LOG, *OTHER], HEADS)


@given(st.data())
def test_no_single_change_of_a_log_is_missed(data: st.DataObject) -> None:
    rows = [*LOG, *OTHER]
    place = data.draw(st.integers(0, len(rows) - 1))
    act = data.draw(st.sampled_from(["drop", "double", "move", "change"]))
    row = rows.pop(place)
    if act == "double":
        rows[place:place] = [row, row]
    elif act == "move":
        rows.insert(data.draw(st.integers(0, len(rows))), row)
    elif act == "change":
        column = data.draw(st.sampled_from(["actor", "source", "subject", "kind", "body"]))
        rows.insert(place, EventRow(**{**row._asdict(), column: data.draw(st.text(max_size=300))}))
    per_writer = [[item for item in rows if item.writer == writer] for writer in (1, 2)]
    assert (verify(rows, HEADS) == []) == (per_writer == [LOG, OTHER])


@given(st.text(max_size=200) | st.recursive(values, st.lists).map(json.dumps))
def test_any_text_as_a_body(text: str) -> None:
    row = LOG[0]._replace(body=text)
    problem, _ = audit_verify.inspect(row)
    assert problem is not None


def test_before_a_row_past_its_head_nothing_is_missing() -> None:
    """The head says that the writer has come no further."""
    heads = {1: Head(3, LOG[2].chain)}
    assert verify([*LOG[:3], LOG[5]], heads) == [("extra", 1, 6)]
    assert verify([*LOG[:2], LOG[5]], heads) == [("extra", 1, 6), ("missing", 1, 3)]


# -- strangers' text -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", ""),
        ("mailto:a@example.test", "mailto:a@example.test"),
        ("two\nlines\x7f\x85", "two\\x0alines\\x7f\\x85"),
        ("two\\x0alines", "two\\\\x0alines"),
        ("\u202etxet", "\\u202etxet"),
        ("\u2028\ud800\U000e0041", "\\u2028\\ud800\\U000e0041"),
        ("\u00e4\U0001f600", "\u00e4\U0001f600"),
        ("short\u2026(+9)", "short\\u2026(+9)"),
        ("x" * 48, "x" * 48),
        ("x" * 49, "x" * 32 + "\u2026(+17)"),
        ('"' * 30, '"' * 16 + "\u2026(+14)"),
    ],
)
def test_strangers_text_is_shown(text: str, expected: str) -> None:
    assert audit.shown(text, 48) == expected


@given(st.text(st.characters(), max_size=60), st.integers(32, 100))
def test_any_text_can_be_put_on_record_within_its_limit(text: str, limit: int) -> None:
    shown = audit.shown(text, limit)
    assert shown.isprintable()
    assert len(json.dumps(shown, ensure_ascii=False).encode()) - 2 <= limit
    row, _ = Chain.start(1).append(replace(event(), subject=shown, detail={"text": shown}))
    assert json.loads(row.body)["detail"] == {"text": shown}


@given(st.text(st.characters(), max_size=8), st.text(st.characters(), max_size=8))
def test_what_is_shown_whole_tells_texts_apart(one: str, other: str) -> None:
    assert (audit.shown(one, 200) == audit.shown(other, 200)) == (one == other)


# -- the reference -------------------------------------------------------------------------------


@pytest.mark.parametrize(("heading", "kinds"), [("Events", EventKind), ("Findings", DiscrepancyKind)])
def test_the_reference_tells_of_every_kind(heading: str, kinds: type[audit.Described]) -> None:
    section = REFERENCE.read_text().split(f"\n## {heading}\n")[1].split("\n## ")[0]
    told = re.findall(r"^\| `(.+)` \| (.+) \|$", section, re.MULTILINE)
    assert told == [(kind.value, kind.description) for kind in kinds]


def test_kinds_are_dotted_and_told_in_a_sentence() -> None:
    for kind in EventKind:
        assert re.fullmatch(r"[a-z]+(-[a-z]+)*\.[a-z]+(-[a-z]+)*", kind.value)
        assert kind.description.endswith(".")
        assert EventKind(kind.value) is kind
        assert len(kind.value) <= 64
