from pathlib import Path

from tests.fuzz.running import finds_nothing


def test_atheris_finds_nothing_in_what_reads_ocsp_requests_and_crl_entries(
    tmp_path: Path, full: bool, seed: int
) -> None:
    finds_nothing("ocsp_requests", tmp_path, 500_000 if full else 3_000, seed)
