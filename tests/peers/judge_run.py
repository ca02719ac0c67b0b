"""Linters that others have written judge what the whole test run has signed, once it is over.

Not among the tests that are collected: `make test` names this file last, with the folder in which the run has
kept one of each shape.
"""

import os
from pathlib import Path

import pytest

from tests.peers.judges import pkilint, zlint
from tests.real.signed import FOLDER, Signed, kept

AT_ONCE = 200
pytestmark = pytest.mark.timeout(1800)


@pytest.fixture(scope="module")
def signed() -> list[Signed]:
    return kept(Path(os.environ[FOLDER]))


def test_the_run_has_signed_something_of_every_kind(signed: list[Signed]) -> None:
    assert {one.kind for one in signed} == {"certificate", "crl", "arl", "ocsp"}


def test_pkilint_on_the_run(signed: list[Signed], tmp_path: Path) -> None:
    parts = [signed[start : start + AT_ONCE] for start in range(0, len(signed), AT_ONCE)]
    assert [error for part in parts for error in pkilint(part, tmp_path)] == []


def test_zlint_on_the_run(signed: list[Signed]) -> None:
    """It knows no OCSP answers."""
    assert zlint([one for one in signed if one.kind != "ocsp"]) == []
