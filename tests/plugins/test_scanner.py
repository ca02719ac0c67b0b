"""The virus scanner's command: what it may say, how long it may take, and what it does not get to see."""

import asyncio
import sys
import time
from pathlib import Path

import pytest

from certwright.core.errors import Unavailable
from certwright.plugins.scanner import LINE_OCTETS, Scanner


def scan(script: str, content: bytes = b"octets", seconds: float = 20) -> str:
    return asyncio.run(Scanner((sys.executable, "-c", script), seconds)(content))


def test_a_status_of_zero_passes_and_the_document_is_on_its_input(tmp_path: Path) -> None:
    seen = tmp_path / "seen"
    content = bytes(range(256)) * 8192
    script = f"import sys; open({str(seen)!r}, 'wb').write(sys.stdin.buffer.read()); print('fine')"
    assert scan(script, content) == ""
    assert seen.read_bytes() == content


def test_another_status_refuses_with_its_first_line() -> None:
    assert scan("import sys; print(); print(' Eicar FOUND'); print('more'); sys.exit(1)") == "Eicar FOUND"
    assert scan("import sys; sys.stderr.write('to stderr\\n'); sys.exit(2)") == "to stderr"
    assert scan("import sys; sys.exit(3)") == "it says no more"
    assert len(scan("import sys; sys.stdout.write('x' * 9_000_000); sys.exit(1)")) == LINE_OCTETS


def test_one_that_reads_nothing_decides_all_the_same() -> None:
    assert scan("import sys; print('too large'); sys.exit(1)", bytes(9_000_000)) == "too large"
    assert scan("pass", bytes(9_000_000)) == ""


def test_one_that_does_not_end_is_ended_with_its_children(tmp_path: Path) -> None:
    alive = tmp_path / "alive"
    child = f"import time; time.sleep(4); open({str(alive)!r}, 'w')"
    script = (
        f"import subprocess, sys, time; subprocess.Popen([sys.executable, '-c', {child!r}]); time.sleep(60)"
    )
    begun = time.monotonic()
    with pytest.raises(Unavailable, match="longer than 2 s"):
        scan(script, seconds=2)
    assert time.monotonic() - begun < 20
    time.sleep(4)
    assert not alive.exists()


def test_one_that_breaks_is_no_verdict() -> None:
    with pytest.raises(Unavailable, match="signal 9"):
        scan("import os; os.kill(os.getpid(), 9)")
    with pytest.raises(Unavailable, match="cannot be run: No such file"):
        asyncio.run(Scanner(("/no/such/scanner",), 1)(b""))


def test_it_sees_none_of_our_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CERTWRIGHT_KEY_ENCRYPTION_KEY", "secret")
    assert "secret" not in scan("import os, sys; print(dict(os.environ)); sys.exit(1)")
