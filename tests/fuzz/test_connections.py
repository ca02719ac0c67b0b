from pathlib import Path

from tests.fuzz.running import finds_nothing


def test_atheris_finds_nothing_in_what_reads_http(tmp_path: Path, full: bool, seed: int) -> None:
    finds_nothing("connections", tmp_path, 200_000 if full else 2_000, seed, "-len_control=0")
