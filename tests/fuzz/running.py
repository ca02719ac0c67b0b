"""Runs one of the harnesses of this folder, as `make test` and `make test-full` want it."""

import subprocess
import sys
from pathlib import Path

import pytest

LONGEST = 1000
"""Octets of the longest input that atheris invents."""


def finds_nothing(harness: str, folder: Path, runs: int, seed: int, *more: str) -> None:
    """Atheris invents so many inputs from this seed and none is a crash; a failure tells how to repeat it.

    What crashes is left in `folder`, and shown in base64. `more` are further options of libFuzzer.
    """
    pytest.importorskip(
        "atheris", reason="atheris has no wheel for this machine; hypothesis tests the same readers"
    )
    options = [f"-runs={runs}", f"-max_len={LONGEST}", f"-seed={seed}", f"-artifact_prefix={folder}/"]
    command = [sys.executable, "-m", f"tests.fuzz.{harness}", *options, *more]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{' '.join(command[1:])}\n{done.stdout[-4000:]}\n{done.stderr[-2000:]}"
    assert f"Done {runs} runs" in done.stderr
