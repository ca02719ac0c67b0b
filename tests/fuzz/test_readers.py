from pathlib import Path

from tests.fuzz.running import finds_nothing


def test_atheris_finds_nothing_in_any_other_reader(tmp_path: Path, full: bool, seed: int) -> None:
    """Long inputs from the start: each is many changes of good octets."""
    finds_nothing("readers", tmp_path, 200_000 if full else 1_500, seed, "-len_control=0")
