"""The source `ct-log` against a fake that is held to RFC 6962."""

from contextlib import suppress
from dataclasses import replace
from importlib.metadata import entry_points
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from hypothesis import given
from hypothesis import strategies as st

from certwright.core.errors import Malformed
from certwright.plugins.discovery.ct_log.source import CtLogSettings, CtLogSource
from certwright.ports import DISCOVERY_SOURCES
from certwright.protocols.ct.messages import read_entry
from tests.plugins.discovery.ct_logs import CtLogContract, expected, logged, look, made, prelogged
from tests.plugins.discovery.fake_ct_log import FakeLog, entry, vector
from tests.real.tls_servers import Presented, present


@pytest.fixture(scope="module")
def known(tmp_path_factory: pytest.TempPathFactory) -> Presented:
    return present(tmp_path_factory.mktemp("ct") / "chain", ("localhost",))


def test_it_is_registered() -> None:
    (entry_point,) = entry_points(group=DISCOVERY_SOURCES, name="ct-log")
    assert entry_point.load() is CtLogSource


def test_only_our_names_are_kept_and_precertificates_told_apart(known: Presented) -> None:
    log = made(FakeLog)
    found, last = look(log, known)
    assert {one.place: one.chain for one in found} == expected(log)
    kinds = [one.facts["entry"] for one in found]
    assert kinds == ["certificate", "certificate", "precertificate"]
    assert not last.whole


def test_a_log_is_gone_on_with_and_read_in_parts(known: Presented) -> None:
    log = made(FakeLog)
    first, last = look(log, known, entries_max=2)
    assert [one.place.name for one in first] == ["/log#1"]
    log.entries.append(logged("new.example.com"))
    second, _ = look(log, known, last.mark)
    assert [one.place.name for one in second] == ["/log#3", "/log#5", "/log#6"]


def test_where_many_entries_cannot_be_had_fewer_are_asked_for(known: Presented) -> None:
    log = made(FakeLog)
    log.at_once, log.page = 1, 1
    found, last = look(log, known)
    assert {one.place: one.chain for one in found} == expected(log)
    assert last.mark
    log.at_once = 0
    (problem,), last = look(log, known)
    assert "status 500" in problem.problem
    log.at_once = 1
    assert len(look(log, known, last.mark)[0]) == 3


def test_where_a_run_comes_to_no_further_the_next_goes_on(known: Presented) -> None:
    log = made(FakeLog)
    log.page, log.fails_from = 1, 3
    (found, problem), last = look(log, known)
    assert (found.place.name, "status 500" in problem.problem) == ("/log#1", True)
    log.fails_from = 1000
    found_then, _ = look(log, known, last.mark)
    assert [one.place.name for one in found_then] == ["/log#3", "/log#5"]


def test_from_the_present_end(known: Presented) -> None:
    log = made(FakeLog)
    found, last = look(log, known, start="end")
    assert found == []
    log.entries.append(logged("new.example.com"))
    (new,), _ = look(log, known, last.mark, start="end")
    assert new.place.name == "/log#6"


def test_a_log_with_an_rsa_key(known: Presented) -> None:
    log = replace(made(FakeLog), key=rsa.generate_private_key(65537, 2048))
    assert len(look(log, known)[0]) == 3


@pytest.mark.parametrize(
    ("wrong", "problem"),
    [
        ({"size": 2**63}, "tree_size"),
        ({"size": 3}, "rolled back"),
        ({"root": bytes(32)}, "two different roots"),
        ({"more": 1}, "more than it was asked for"),
    ],
)
def test_a_log_that_lies_is_a_problem(known: Presented, wrong: dict[str, Any], problem: str) -> None:
    log = made(FakeLog)
    mark = look(log, known, entries_max=1)[1].mark
    (found,), last = look(replace(log, **wrong), known, mark, entries_max=1)
    assert problem in found.problem
    assert last.mark in {"", mark}, "the next run begins where this one did"


def test_another_key_and_an_entry_that_is_not_in_the_tree(known: Presented) -> None:
    log = made(FakeLog)
    other = CtLogSettings(FakeLog([]).spki).key

    class Other(FakeLog):
        spki = other  # type: ignore[assignment]

    (found,), _ = look(Other(log.entries), known)
    assert found.problem == "the tree head is not signed by the log's key"
    (found,), _ = look(replace(log, root=bytes(32)), known)
    assert found.problem.startswith("inclusion proof of leaf 1")


def test_what_cannot_be_read_but_has_our_name_is_told(known: Presented) -> None:
    (found,), _ = look(FakeLog([entry(b"\x30\x80www.example.com"), entry(b"\x30\x80other.test")]), known)
    assert found.problem == "an entry that cannot be read has octets of one of the names"


def test_a_precertificate_that_is_not_the_leafs(known: Presented) -> None:
    """The extra data is under no hash of the tree."""
    (leaf, _), (_, extra) = prelogged("a.example.com"), prelogged("b.example.com")
    (found,), _ = look(FakeLog([(leaf, extra), (b"x", b"")]), known)
    assert found.problem.startswith("an entry that cannot be read")


def test_fifty_thousand_names(known: Presented) -> None:
    names = [f"n{number}.test" for number in range(50_000)]
    (found,), _ = look(FakeLog([logged(*names, "last.example.com")]), known)
    assert found.chain


@given(st.binary(max_size=80), st.binary(max_size=80))
def test_any_octets_are_an_entry_or_malformed(body: bytes, extra: bytes) -> None:
    for leaf in (body, b"\0\0" + bytes(8) + b"\0\1" + body, b"\0\0" + bytes(8) + b"\0\0" + vector(body)):
        with suppress(Malformed):
            assert read_entry(leaf, extra).certificate


@pytest.mark.parametrize(
    "wrong", [{"key": "x"}, {"key": "AAAA"}, {"names": ("a b",)}, {"start": "-1"}, {"entries_max": 0}]
)
def test_settings_that_cannot_be_used_are_malformed(wrong: dict[str, Any]) -> None:
    with pytest.raises(Malformed):
        CtLogSettings(**wrong)


class TestRfc6962Contract(CtLogContract):
    log = FakeLog
