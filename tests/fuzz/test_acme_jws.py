from pathlib import Path

from tests.fuzz.running import finds_nothing


def test_atheris_finds_nothing_in_what_reads_acme_requests(tmp_path: Path, full: bool, seed: int) -> None:
    finds_nothing("acme_jws", tmp_path, 1_000_000 if full else 10_000, seed)
