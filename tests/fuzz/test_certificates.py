import subprocess
import sys

import pytest


def test_atheris_finds_nothing_in_what_reads_requests_and_seals(full: bool) -> None:
    pytest.importorskip(
        "atheris", reason="atheris has no wheel for this machine; hypothesis tests the same readers"
    )
    runs = 5_000_000 if full else 30_000
    command = [sys.executable, "-m", "tests.fuzz.certificates", f"-runs={runs}", "-max_len=1000", "-seed=1"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-4000:]
    assert f"Done {runs} runs" in done.stderr
