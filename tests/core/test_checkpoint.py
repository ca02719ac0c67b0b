import base64
from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from certwright.core import checkpoint, merkle
from certwright.core.checkpoint import Checkpoint, VerifierKey
from certwright.core.errors import CertwrightError, IntegrityError, Malformed, TooLarge
from tests.changed import changed

ORIGIN = "pki.example/audit"
PRIVATE = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
OTHER = Ed25519PrivateKey.from_private_bytes(bytes(range(1, 33)))
KEY = VerifierKey.of(ORIGIN, PRIVATE.public_key())
POINT = Checkpoint(ORIGIN, 17, bytes(range(32)))
NOTE = checkpoint.sign(POINT, PRIVATE)

# What others have signed: the checksum database of Go, and the example of Go's package for notes.
SUMDB_KEY = "sum.golang.org+033de0ae+Ac4zctda0e5eza+HJyk9SxEdh+s3Ux18htTTAD8OuAn8"
SUMDB_NOTE = (
    "go.sum database tree\n20852163\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n\n"
    "\u2014 sum.golang.org Az3grlgtzPICa5OS8npVmf1Myq/5IZniMp+ZJurmRDeOoRDe4URYN7u5"
    "/Zhcyv2q1gGzGku9nTo+zyWE+xeMcTOAYQ8=\n"
)
GO_KEY = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"
GO_TEXT = (
    "If you think cryptography is the answer to your problem,\nthen you don't know what your problem is.\n"
)
GO_SIGNATURE = (
    "\u2014 PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6R"
    "yyBwJnAM=\n"
)

origins = st.text(st.characters(categories=["L", "N", "P"], exclude_characters="+"), min_size=1, max_size=40)
lines = st.text(st.characters(min_codepoint=32, codec="utf-8"), min_size=1, max_size=60)
points = st.builds(
    Checkpoint,
    origin=origins,
    size=st.integers(0, merkle.SIZE_MAX),
    root=st.binary(min_size=32, max_size=32),
    extensions=st.lists(lines, max_size=4).map(tuple),
)


def with_signature(text: str, *lines_: str) -> str:
    return text + "\n" + "".join(lines_)


def test_a_checkpoint_that_another_log_signed() -> None:
    key = checkpoint.parse_verifier_key(SUMDB_KEY)
    assert key.identifier.hex() == "033de0ae"
    text, signers = checkpoint.open_note(SUMDB_NOTE, [key])
    assert signers == (key,)
    assert checkpoint.parse_text(text) == checkpoint.parse(SUMDB_NOTE)
    assert checkpoint.parse(SUMDB_NOTE).size == 20852163
    # Its key bears another name than its origin, which ours never do.
    with pytest.raises(IntegrityError, match="own key"):
        checkpoint.verify(SUMDB_NOTE, [key])


def test_a_note_that_another_program_signed() -> None:
    key = checkpoint.parse_verifier_key(GO_KEY)
    assert checkpoint.open_note(with_signature(GO_TEXT, GO_SIGNATURE), [key]) == (GO_TEXT, (key,))
    with pytest.raises(IntegrityError, match="does not match"):
        checkpoint.open_note(with_signature(GO_TEXT.upper(), GO_SIGNATURE), [key])


def test_the_note_text() -> None:
    root = base64.b64encode(POINT.root).decode()
    assert NOTE.startswith(f"{ORIGIN}\n17\n{root}\n\n\u2014 {ORIGIN} ")
    assert checkpoint.verify(NOTE, [KEY]) == checkpoint.parse(NOTE) == POINT
    assert checkpoint.parse_verifier_key(KEY.text()) == KEY


@given(points)
def test_signed_and_read_again(point: Checkpoint) -> None:
    note = checkpoint.sign(point, PRIVATE)
    assert checkpoint.verify(note, [VerifierKey.of(point.origin, PRIVATE.public_key())]) == point


@given(st.data())
def test_no_changed_character_passes(data: st.DataObject) -> None:
    place = data.draw(st.integers(0, len(NOTE) - 1))
    other = data.draw(st.sampled_from("aA0+/=\n \u2014-9Z\t\x00"))
    changed = NOTE[:place] + other + NOTE[place + 1 :]
    if changed != NOTE:
        with pytest.raises(CertwrightError):
            checkpoint.verify(changed, [KEY])
    for shorter in (NOTE[:place], NOTE[:place] + NOTE[place + 1 :]):
        with pytest.raises(CertwrightError):
            checkpoint.verify(shorter, [KEY])


def test_who_signed_is_who_was_asked_for() -> None:
    forged = checkpoint.sign(POINT, OTHER)
    with pytest.raises(IntegrityError, match="not signed by a known key"):
        checkpoint.verify(forged, [KEY])
    with pytest.raises(IntegrityError, match="not signed by a known key"):
        checkpoint.verify(NOTE, [])
    # Key ID of the trusted key, signature of the other.
    line = forged.split(" ")[-1]
    disguised = base64.b64encode(KEY.identifier + base64.b64decode(line)[4:]).decode()
    with pytest.raises(IntegrityError, match="does not match"):
        checkpoint.verify(with_signature(POINT.text(), f"\u2014 {ORIGIN} {disguised}\n"), [KEY])
    other_log = checkpoint.sign(replace(POINT, origin="other.example/audit"), PRIVATE)
    other_key = VerifierKey("other.example/audit", KEY.public)
    with pytest.raises(IntegrityError, match="known key"):
        checkpoint.verify(other_log, [KEY])
    assert checkpoint.verify(other_log, [KEY, other_key]).origin == "other.example/audit"


def test_signatures_of_strangers_are_passed_over() -> None:
    own = NOTE.rpartition("\n\n")[2]
    strange = f"\u2014 witness.example {base64.b64encode(b'abcd' + bytes(3000)).decode()}\n"
    note = with_signature(POINT.text(), *[strange] * 15, own)
    assert checkpoint.verify(note, [KEY]) == POINT
    assert checkpoint.verify(with_signature(POINT.text(), own, own), [KEY]) == POINT
    rotated = checkpoint.sign(POINT, OTHER).rpartition("\n\n")[2]
    new_key = VerifierKey.of(ORIGIN, OTHER.public_key())
    assert checkpoint.verify(with_signature(POINT.text(), own, rotated), [new_key]) == POINT
    # One false signature of a known key spoils the note, however many are true.
    false = f"\u2014 {ORIGIN} {base64.b64encode(KEY.identifier + bytes(64)).decode()}\n"
    with pytest.raises(IntegrityError, match="does not match"):
        checkpoint.verify(with_signature(POINT.text(), own, false), [KEY])


def signed_anyhow(text: str) -> str:
    signature = base64.b64encode(KEY.identifier + PRIVATE.sign(text.encode())).decode()
    return with_signature(text, f"\u2014 {ORIGIN} {signature}\n")


ROOT64 = base64.b64encode(bytes(32)).decode()


@pytest.mark.parametrize(
    "text",
    [
        "",
        "\n",
        f"{ORIGIN}\n17\n",
        f"{ORIGIN}\n17\n{ROOT64}",
        f"\n17\n{ROOT64}\n",
        f"{ORIGIN}\n017\n{ROOT64}\n",
        f"{ORIGIN}\n+17\n{ROOT64}\n",
        f"{ORIGIN}\n-1\n{ROOT64}\n",
        f"{ORIGIN}\n\u0661\n{ROOT64}\n",
        f"{ORIGIN}\n{2**63}\n{ROOT64}\n",
        f"{ORIGIN}\n17 \n{ROOT64}\n",
        f"{ORIGIN}\n17\n{ROOT64[:-1]}\n",
        f"{ORIGIN}\n17\n{ROOT64.replace('A=', 'B=')}\n",
        f"{ORIGIN}\n17\n{base64.b64encode(bytes(31)).decode()}\n",
        f"{ORIGIN}\n17\n{ROOT64}\n\nextension\n",
        f"{ORIGIN}\n17\n{ROOT64}\nextension\rwith return\n",
        f"{ORIGIN}\n17\n{ROOT64}\n" + "extension\n" * 17,
        f"{ORIGIN}\n17\n{ROOT64}\n" + "e" * 1025 + "\n",
    ],
)
def test_texts_that_are_no_checkpoint_fail_though_signed(text: str) -> None:
    with pytest.raises((Malformed, TooLarge)):
        checkpoint.verify(signed_anyhow(text), [KEY])


@pytest.mark.parametrize(
    "line",
    [
        "",
        "\n",
        f"- {ORIGIN} AAAAAAAA\n",
        f"\u2014  {ORIGIN} AAAAAAAA\n",
        f"\u2014 {ORIGIN} AAAAAAAA",
        f"\u2014 {ORIGIN} AAAAAAAA extra\n",
        f"\u2014 {ORIGIN} AAAAAAAA \n",
        f"\u2014 {ORIGIN} AAAAAA==\n",
        f"\u2014 {ORIGIN} AAAAAAAB=\n",
        f"\u2014 {ORIGIN} AAAA_AAA\n",
        "\u2014 pki+example AAAAAAAA\n",
        "\u2014 pki\u00a0example AAAAAAAA\n",
        "\u2014  AAAAAAAA\n",
        f"\u2014 {'n' * 256} AAAAAAAA\n",
        f"\u2014 {ORIGIN} AAAAAAAA\n" * 65,
    ],
)
def test_lines_that_are_no_signature_fail(line: str) -> None:
    own = NOTE.rpartition("\n\n")[2]
    with pytest.raises(Malformed):
        checkpoint.verify(with_signature(POINT.text(), own) + line if line else POINT.text(), [KEY])


def test_a_note_has_a_bound() -> None:
    with pytest.raises(TooLarge):
        checkpoint.parse("\u2014" * (checkpoint.NOTE_OCTETS_MAX // 3 + 1) + "\n")
    with pytest.raises(Malformed):
        checkpoint.parse(NOTE.replace(ORIGIN, "\ud800"))


@pytest.mark.parametrize(
    "point",
    [
        replace(POINT, origin=""),
        replace(POINT, origin="two\nlines"),
        replace(POINT, origin="with space"),
        replace(POINT, origin="with+plus"),
        replace(POINT, size=-1),
        replace(POINT, size=2**63),
        replace(POINT, root=bytes(31)),
        replace(POINT, extensions=("",)),
        replace(POINT, extensions=("two\nlines",)),
        replace(POINT, extensions=("bell\x07",)),
        replace(POINT, extensions=("\ud800",)),
    ],
)
def test_what_no_text_can_hold_is_not_signed(point: Checkpoint) -> None:
    with pytest.raises(Malformed):
        checkpoint.sign(point, PRIVATE)


@pytest.mark.parametrize(
    "line",
    [
        "",
        "name",
        KEY.text().replace("+", "-"),
        KEY.text() + "A",
        KEY.text()[:-4],
        KEY.text().replace(KEY.identifier.hex(), "00000000"),
        KEY.text().replace(KEY.identifier.hex(), KEY.identifier.hex().upper() + "x"),
        f"with space+{KEY.identifier.hex()}+{KEY.text().split('+', 2)[2]}",
        f"{ORIGIN}+00000000+{base64.b64encode(bytes([2]) + KEY.public).decode()}",
        f"{ORIGIN}+00000000+!!!!",
    ],
)
def test_lines_that_are_no_key_fail(line: str) -> None:
    with pytest.raises(Malformed):
        checkpoint.parse_verifier_key(line)


@given(st.text(max_size=120) | changed(KEY.text().encode()).map(lambda octets: octets.decode("latin-1")))
def test_any_line_is_the_key_that_it_says_or_malformed(line: str) -> None:
    try:
        assert checkpoint.parse_verifier_key(line).text() == line
    except Malformed:
        assert line != KEY.text()


@given(
    st.text(max_size=200)
    | st.lists(st.sampled_from([ORIGIN, "17", ROOT64, "", "\u2014 a AAAAAAAA", "\n"])).map("\n".join)
)
def test_any_text_as_a_note(text: str) -> None:
    try:
        point = checkpoint.parse(text)
    except (Malformed, TooLarge):
        return
    assert checkpoint.parse_text(point.text()) == point


def test_comparing_two_checkpoints() -> None:
    leaves = [merkle.leaf_hash(bytes([number])) for number in range(13)]
    _, completed = merkle.Frontier().extend(leaves)
    nodes = {merkle.Coordinate(level, position): hash_ for level, position, hash_ in completed}
    older = Checkpoint(ORIGIN, 6, merkle.root_hash(leaves[:6]))
    newer = Checkpoint(ORIGIN, 13, merkle.root_hash(leaves))
    proof = merkle.assemble(merkle.consistency_path(6, 13), nodes)
    checkpoint.compare(older, newer, proof)
    checkpoint.compare(newer, newer, ())
    checkpoint.compare(Checkpoint(ORIGIN, 0, merkle.EMPTY_ROOT), newer, ())
    for first, second, shown in (
        (newer, older, proof),
        (older, newer, ()),
        (older, newer, proof[::-1]),
        (replace(older, origin="other"), newer, proof),
        (replace(older, root=bytes(32)), newer, proof),
        (newer, replace(newer, root=bytes(32)), ()),
    ):
        with pytest.raises(IntegrityError):
            checkpoint.compare(first, second, shown)


# -- which of them are kept ----------------------------------------------------------------------

NOON = datetime(2025, 6, 1, 12, tzinfo=UTC)


@given(st.lists(st.integers(0, 90 * 86400), min_size=1, max_size=60))
def test_old_checkpoints_are_thinned_out(ages: list[int]) -> None:
    signed = [(size, NOON - timedelta(seconds=age)) for size, age in enumerate(sorted(ages, reverse=True))]
    gone = set(checkpoint.surplus(signed, NOON))
    kept = [(size, at) for size, at in signed if size not in gone]
    assert signed[-1] in kept
    assert {size for size, at in signed if NOON - at <= timedelta(hours=1)} & gone == set()
    for length, since in (("%Y-%m-%d %H", 30), ("%Y-%m-%d", 91)):
        recent = [at for _, at in signed if NOON - at <= timedelta(days=since)]
        assert {f"{at:{length}}" for at in recent} <= {f"{at:{length}}" for _, at in kept}
    hours = Counter(f"{at:%Y-%m-%d %H}" for _, at in kept if NOON - at > timedelta(hours=1))
    assert set(hours.values()) <= {1}
    days = Counter(f"{at:%Y-%m-%d}" for _, at in kept if NOON - at > timedelta(days=31))
    assert set(days.values()) <= {1}
    assert checkpoint.surplus(kept, NOON) == []
