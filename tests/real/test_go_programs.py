"""Programs in Go: what is kept is not built again, and what cannot be built says why."""

from pathlib import Path

import pytest

from tests.real import go_programs
from tests.real.environments import ToolMissing
from tests.real.go_programs import Program, Unbuildable, built, source_of

PROGRAM = Program("toy", {"toy": "example.test/toy"}, {"example.test/toy": "v1.0.0"})


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Of what is kept, empty here; and a Go that always fails."""
    (tmp_path / "go").write_text("#!/bin/sh\necho no $2 >&2\nexit 1\n")
    (tmp_path / "go").chmod(0o755)
    monkeypatch.setattr(go_programs, "CACHE", tmp_path / "cache")
    monkeypatch.setattr(go_programs, "tool", lambda name: tmp_path)
    return tmp_path / "cache"


def test_what_fails_says_why_and_is_not_kept(folder: Path) -> None:
    for _ in range(2):
        with pytest.raises(Unbuildable, match=r"go mod download .*: no download"):
            built(PROGRAM)
        with pytest.raises(Unbuildable, match="no download"):
            source_of("example.test/toy", "v1.0.0")
    assert not list(folder.glob("go/*/made"))


def test_without_go(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> Path:
        raise ToolMissing("there is no network")

    monkeypatch.setattr(go_programs, "tool", missing)
    with pytest.raises(Unbuildable, match="no Go from the package index: there is no network"):
        built(PROGRAM)


def test_what_was_built_is_kept(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    def build(program: Program, folder: Path) -> None:
        asked.append(program.name)
        folder.mkdir(parents=True)

    monkeypatch.setattr(go_programs, "_build", build)
    assert built(PROGRAM) == built(PROGRAM)
    another = Program("toy", {"toy": "example.test/toy"}, {"example.test/toy": "v1.0.1"})
    assert built(another) != built(PROGRAM)
    assert asked == ["toy", "toy"]


def test_lines_that_are_not_there_are_not_changed(tmp_path: Path) -> None:
    module = tmp_path / "module"
    module.mkdir()
    (module / "a.go").write_text("old")
    copy = go_programs._changed(module, {"a.go": ("old", "new")}, tmp_path / "copy")
    assert (copy / "a.go").read_text() == "new"
    with pytest.raises(Unbuildable, match=r"a\.go of module is not what was changed"):
        go_programs._changed(module, {"a.go": ("older", "new")}, tmp_path / "copy")
