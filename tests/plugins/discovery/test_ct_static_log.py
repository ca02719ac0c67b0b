"""The source `ct-log` against a fake that is held to the static-ct-api."""

import asyncio
import gzip
import hashlib
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

from certwright.plugins.discovery.ct_log import source
from certwright.plugins.discovery.ct_log.source import CtLogSource
from certwright.plugins.discovery.ct_log.static import DATA_OCTETS_MAX
from certwright.ports import Progress, Scope, Sighting
from tests.plugins.discovery.ct_logs import (
    CA,
    CtLogContract,
    expected,
    logged,
    look,
    made,
    prelogged,
    settings_of,
)
from tests.plugins.discovery.fake_ct_log import FakeLog, b64, entry, response, served
from tests.plugins.discovery.fake_static_log import FakeStaticLog, leaf_index
from tests.real.tls_servers import Presented, present

JUNK = entry(b"\x30\x00")
GZIP = "Content-Encoding: gzip"
ISSUER = f"/issuer/{hashlib.sha256(CA.certificate).hexdigest()}"
DATA = "/tile/data/000.p/6"


@pytest.fixture(scope="module")
def known(tmp_path_factory: pytest.TempPathFactory) -> Presented:
    return present(tmp_path_factory.mktemp("ct") / "chain", ("localhost",))


def made_static(**others: Any) -> FakeStaticLog:
    return replace(made(FakeStaticLog), **others)


def large(size: int, **ours: tuple[bytes, bytes]) -> FakeStaticLog:
    """`n7=` is entry 7."""
    return FakeStaticLog([ours.get(f"n{index}", JUNK) for index in range(size)])


def names(found: list[Sighting]) -> list[str]:
    return [one.place.name for one in found]


def problem_of(log: FakeStaticLog, known: Presented, **others: Any) -> str:
    """Of a run that gives nothing but that."""
    found, _ = look(log, known, **others)
    assert [one.chain for one in found] == [()]
    return found[0].problem


# -- what it reads -------------------------------------------------------------------------------


def test_only_our_names_are_kept_and_precertificates_told_apart(known: Presented) -> None:
    log = made_static()
    found, last = look(log, known)
    assert {one.place: one.chain for one in found} == expected(log)
    assert [one.facts["entry"] for one in found] == ["certificate", "certificate", "precertificate"]
    assert not last.whole
    issuer = f"/log/issuer/{hashlib.sha256(CA.certificate).hexdigest()}"
    assert log.asked == ["/log/checkpoint", "/log/tile/0/000.p/6", f"/log{DATA}", issuer]


def test_a_log_with_an_rsa_key(known: Presented) -> None:
    assert len(look(made_static(key=rsa.generate_private_key(65537, 2048)), known)[0]) == 3


def test_several_tiles_are_gone_through(known: Presented) -> None:
    log = large(
        600, n0=logged("a.example.com"), n255=logged("b.example.com"), n599=prelogged("c.example.com")
    )
    log.entries[256] = logged("d.example.com")
    found, _ = look(log, known)
    assert names(found) == ["/log#0", "/log#255", "/log#256", "/log#599"]
    assert log.asked.count("/log/tile/1/000.p/2") == 1
    assert {one for one in log.asked if "/tile/0/" in one} == {
        *("/log/tile/0/000", "/log/tile/0/001", "/log/tile/0/002.p/88")
    }


def test_a_log_is_gone_on_with_and_read_in_parts(known: Presented) -> None:
    """Each entry in one run, though a run may begin and end within a tile."""
    log = large(300, n1=logged("a.example.com"), n270=logged("b.example.com"), n299=logged("c.example.com"))
    seen, mark = [], ""
    for _ in range(4):
        found, last = look(log, known, mark, entries_max=100)
        mark = last.mark
        seen.append(names(found))
    assert seen == [["/log#1"], [], ["/log#270", "/log#299"], []]
    log.entries += [logged("d.example.com"), *[JUNK] * 300]
    log.hashes.clear()
    assert names(look(log, known, mark)[0]) == ["/log#300"]


def test_a_run_that_was_cut_short_goes_on_where_it_was(known: Presented) -> None:
    log = large(700, n5=logged("a.example.com"), n300=logged("b.example.com"), n650=logged("c.example.com"))

    async def run() -> list[tuple[str, list[str]]]:
        events: list[Sighting | Progress] = []
        async with served(log, known.whole, known.key):
            look_at = CtLogSource(settings_of(log, known)).look
            events = [event async for event in look_at(Scope((log.url,)))]
        cursors = [(at, one.cursor) for at, one in enumerate(events) if isinstance(one, Progress)]
        return [
            (cursor, [one.place.name for one in events[:at] if isinstance(one, Sighting)])
            for at, cursor in cursors
        ]

    told = dict(asyncio.run(run()))
    assert told["256 700"] == ["/log#5"]
    log.entries.append(logged("later.example.com"))
    log.hashes.clear()
    for cursor, before in told.items():
        found, _ = look(log, known, after=cursor)
        assert before + names(found) == ["/log#5", "/log#300", "/log#650"]


def test_a_tree_of_the_size_that_the_specification_works_out(known: Presented) -> None:
    log = large(70_000, n69999=logged("b.example.com"))
    (last,), _ = look(log, known, start="69990")
    assert last.place.name == "/log#69999"
    partial = ["/log/tile/0/273.p/112", "/log/tile/1/001.p/17", "/log/tile/2/000.p/1"]
    assert log.asked == ["/log/checkpoint", *partial, "/log/tile/data/273.p/112", f"/log{ISSUER}"]


def test_what_has_come_since_in_a_tree_of_several_levels(known: Presented) -> None:
    log = large(70_000)
    log.size = 300
    mark = look(log, known, start="end")[1].mark
    log.size = None
    log.asked.clear()
    assert look(log, known, mark, entries_max=10)[0] == []
    wanted = {"/log/tile/0/001", "/log/tile/1/000", "/log/tile/data/001"}
    assert {one for one in log.asked if ".p/" not in one} == {"/log/checkpoint", *wanted}


def test_whole_tiles_alone(known: Presented) -> None:
    log = large(256, n255=logged("a.example.com"))
    assert names(look(log, known)[0]) == ["/log#255"]
    assert log.asked[1:3] == ["/log/tile/1/000.p/1", "/log/tile/0/000"]


def test_an_empty_log(known: Presented) -> None:
    found, last = look(FakeStaticLog([]), known)
    assert found == []
    assert last.mark
    assert names(look(made_static(), known, last.mark)[0]) == ["/log#1", "/log#3", "/log#5"]


def test_a_partial_tile_that_is_gone_is_read_from_the_whole_one(known: Presented) -> None:
    log = large(300, n5=logged("a.example.com"), n7=logged("b.example.com"))
    log.size, log.gone = 6, True
    found, last = look(log, known)
    assert names(found) == ["/log#5"]
    assert [one for one in log.asked if "tile" in one] == [
        *("/log/tile/0/000.p/6", "/log/tile/0/000", "/log/tile/data/000.p/6", "/log/tile/data/000")
    ]
    log.size = None
    assert names(look(log, known, last.mark)[0]) == ["/log#7"]


def test_what_is_not_compressed(known: Presented) -> None:
    log = made_static()
    tile = log.tile(DATA)
    assert tile is not None
    log.instead[DATA] = response(tile)
    assert {one.place: one.chain for one in look(log, known)[0]} == expected(log)


def test_both_interfaces_have_one_tree_and_one_mark(known: Presented) -> None:
    log = made_static(dynamic=True)
    mark = look(log, known, entries_max=2)[1].mark
    assert not any("/ct/v1/" in one for one in log.asked)
    log.instead["/checkpoint"] = response(b"no", 404)
    found, last = look(log, known, mark, entries_max=2)
    assert names(found) == ["/log#3"]
    assert "/log/ct/v1/get-sth" in log.asked
    log.instead.clear()
    assert names(look(log, known, last.mark)[0]) == ["/log#5"]


def test_where_neither_is_a_log_is_none(known: Presented) -> None:
    log = made_static(instead={"/checkpoint": response(b"no", 403)})
    assert problem_of(log, known) == (
        "it has neither a checkpoint nor ct/v1/get-sth, and answers with status 404"
    )
    log.instead["/checkpoint"] = response(b"no", 503)
    assert problem_of(log, known) == "the server answers with status 503"


def test_a_log_that_is_asked_too_much_is_left_alone_for_a_while(known: Presented) -> None:
    log = SlowLog(made(FakeStaticLog).entries)
    assert names(look(log, known)[0]) == ["/log#1", "/log#3", "/log#5"]
    assert len(log.asked) == 2 * len(set(log.asked))


class SlowLog(FakeStaticLog):
    """Each request is answered the second time."""

    def respond(self, target: str) -> bytes:
        if target not in self.asked:
            self.asked.append(target)
            return response(b"", 429, "Retry-After: 0")
        return super().respond(target)


@pytest.mark.parametrize(("kind", "page"), [(FakeLog, "get-entries"), (FakeStaticLog, "/tile/data/")])
def test_a_log_that_never_answers_is_asked_so_often_and_no_more(
    known: Presented, monkeypatch: pytest.MonkeyPatch, kind: type[FakeLog], page: str
) -> None:
    monkeypatch.setattr(source, "TRIES", 2)
    log = made(kind)
    answer = log.respond

    def respond(target: str) -> bytes:
        told = answer(target)
        return response(b"", 429, "Retry-After: 0") if page in target else told

    monkeypatch.setattr(log, "respond", respond)
    (found,), last = look(log, known)
    assert found.problem == "the server answers with status 429, 2 times"
    assert len([one for one in log.asked if page in one]) == 2
    monkeypatch.undo()
    assert {one.place: one.chain for one in look(log, known, last.mark)[0]} == expected(log)


# -- the checkpoint ------------------------------------------------------------------------------

OTHERS = "".join(f"\u2014 witness{number}.example {b64(bytes(3000))}\n" for number in range(15))


def test_signatures_of_others_are_passed_over(known: Presented) -> None:
    log = made_static(more_signatures=OTHERS)
    assert len(look(log, known)[0]) == 3


@pytest.mark.parametrize(
    ("wrong", "problem"),
    [
        ({"signer": "other.example.test/log"}, "no signature by the log's key"),
        ({"kind": b"\x01"}, "no signature by the log's key"),
        ({"extension": "more\n"}, "extension lines"),
        ({"origin": "ct.example.test /log"}, "not a signature line"),
        ({"size": 2**40 + 1}, "of more than"),
        ({"root": bytes(32)}, "do not lead to the root"),
    ],
)
def test_a_checkpoint_that_is_not_as_it_must_be(
    known: Presented, wrong: dict[str, Any], problem: str
) -> None:
    assert problem in problem_of(made_static(**wrong), known)


def test_a_signature_of_another_key(known: Presented) -> None:
    other = FakeLog([]).spki

    class Other(FakeStaticLog):
        spki = other

    assert "no signature by the log's key" in problem_of(Other(made_static().entries), known)


def test_a_false_signature_under_the_right_name(known: Presented) -> None:
    log = made_static()
    log.instead["/checkpoint"] = response(log.checkpoint().replace(b"\n6\n", b"\n5\n"))
    assert problem_of(log, known) == "the tree head is not signed by the log's key"


def test_a_rollback_and_two_roots(known: Presented) -> None:
    log = made_static()
    mark = look(log, known, entries_max=1)[1].mark
    assert "rolled back" in problem_of(replace(log, size=3), known, since=mark)
    assert "two different roots" in problem_of(replace(log, root=bytes(32)), known, since=mark)


def test_a_split_view(known: Presented) -> None:
    """A tree that is one in itself, and shows to others what it has not shown to us."""
    log = large(300)
    mark = look(log, known, start="end")[1].mark
    other = replace(large(600, n20=logged("www.example.com")), key=log.key)
    assert "what was logged before has changed" in problem_of(other, known, since=mark)
    assert look(replace(large(600), key=log.key), known, mark)[0] == []


# -- tiles ---------------------------------------------------------------------------------------


def changed_hash(tile: bytes) -> bytes:
    return bytes(32) + tile[32:]


@pytest.mark.parametrize(
    ("path", "problem"),
    [
        ("/tile/0/002.p/88", "the log's tiles do not lead to the root"),
        ("/tile/1/000.p/2", "the log's tiles do not lead to the root"),
        ("/tile/0/001", "tile 1 of level 0 is another than the one above has"),
        ("/tile/data/001", "entry 256 is another than the one in the log's tree"),
    ],
)
def test_a_tile_that_is_not_the_trees(known: Presented, path: str, problem: str) -> None:
    log = large(600, n300=logged("www.example.com"))
    tile = log.tile(path)
    assert tile is not None
    log.instead[path] = response(changed_hash(tile) if "data" not in path else b"\1" + tile[1:])
    assert problem in problem_of(log, known)


CUT: list[tuple[Callable[[bytes], bytes], str]] = [
    (lambda tile: response(tile[:-1]), "ends too early"),
    (lambda tile: response(tile + tile), "more than 6 entries"),
    (lambda tile: response(b""), "has 0 entries, not 6"),
    (lambda tile: response(gzip.compress(tile)[:-9], 200, GZIP), "no whole gzip"),
    (lambda tile: response(gzip.compress(tile) + b"x", 200, GZIP), "no whole gzip"),
    (lambda tile: response(tile, 200, GZIP), "no gzip"),
    (lambda tile: response(tile, 200, "Content-Encoding: br"), "in another way than by gzip"),
    (
        lambda tile: response(gzip.compress(bytes(DATA_OCTETS_MAX + 1)), 200, GZIP),
        "octets when it is unpacked",
    ),
    (lambda tile: response(tile).replace(b"Content-Length: ", b"Content-Length: 9999999"), "octets"),
    (lambda tile: response(b"no", 404), "status 404"),
]


@pytest.mark.parametrize(("cut", "problem"), CUT)
def test_a_data_tile_that_cannot_be_read(
    known: Presented, cut: Callable[[bytes], bytes], problem: str
) -> None:
    log = made_static()
    tile = log.tile(DATA)
    assert tile is not None
    log.instead[DATA] = cut(tile)
    found, last = look(log, known)
    assert problem in found[-1].problem
    log.instead.clear()
    again, _ = look(log, known, last.mark)
    assert names(again) == ["/log#1", "/log#3", "/log#5"], "nothing is lost"


@pytest.mark.parametrize("octets", [31, 33, 7 * 32, 300_000])
def test_a_tile_of_hashes_of_another_size(known: Presented, octets: int) -> None:
    log = made_static(instead={"/tile/0/000.p/6": response(bytes(octets))})
    assert "octets" in problem_of(log, known)


# -- entries -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("told", "problem"),
    [
        (leaf_index(4), "the leaf_index of the log's entry 3 is 4"),
        (b"", "there is no leaf_index"),
        (b"\1\0\0", "there is no leaf_index"),
        (b"\0\0\4\0\0\0\3", "there is no leaf_index"),
        (leaf_index(3) * 2, "there are two of type 0"),
        (b"\0\0", "ends too early"),
    ],
)
def test_a_wrong_leaf_index_is_told_and_the_entry_kept(known: Presented, told: bytes, problem: str) -> None:
    """It is in the tree, so the log cannot take it back, and who watches must come past it."""
    log = made_static(indexes={3: told, 4: told})
    found, last = look(log, known)
    assert {one.place: one.chain for one in found if one.chain} == expected(log)
    (wrong,) = [one for one in found if not one.chain]
    assert (problem in wrong.problem, wrong.place.name) == (True, "/log#3")
    assert last.mark


def test_other_extensions_are_ignored(known: Presented) -> None:
    log = made_static(indexes={3: b"\7\0\1x" + leaf_index(3)})
    assert {one.place: one.chain for one in look(log, known)[0]} == expected(log)


def test_what_cannot_be_read_but_has_our_name_is_told(known: Presented) -> None:
    (found,), _ = look(
        FakeStaticLog([entry(b"\x30\x80www.example.com"), entry(b"\x30\x80other.test")]), known
    )
    assert found.problem == "an entry that cannot be read has octets of one of the names"


@pytest.mark.parametrize(
    ("answer", "problem"),
    [
        (response(b"no", 404), "the log does not have the issuer's certificate"),
        (response(b"other"), "another issuer than the one with that fingerprint"),
    ],
)
def test_an_entry_is_told_without_an_issuer_that_is_not_to_be_had(
    known: Presented, answer: bytes, problem: str
) -> None:
    log = FakeStaticLog([logged("www.example.com")], instead={ISSUER: answer})
    (wrong, found), _ = look(log, known)
    assert problem in wrong.problem
    assert found.chain == (*expected_leaf(log),)


def expected_leaf(log: FakeLog) -> tuple[bytes]:
    leaf = log.entries[0][0]
    return (leaf[15:-2],)


def test_an_issuer_that_may_be_had_later_is_waited_for(known: Presented) -> None:
    log = FakeStaticLog([logged("www.example.com")], instead={ISSUER: response(b"", 503)})
    (problem,), last = look(log, known)
    assert problem.problem == "the server answers with status 503"
    log.instead.clear()
    (found,), _ = look(log, known, last.mark)
    assert found.chain == (*expected_leaf(log), CA.certificate)


class TestStaticContract(CtLogContract):
    log = FakeStaticLog
