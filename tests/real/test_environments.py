import subprocess
import sys
from pathlib import Path

from tests.real.certificates import self_signed_pem
from tests.real.environments import tool


def test_a_tool_runs_in_its_own_environment() -> None:
    program = "import sys, pkilint; print(sys.prefix)"
    done = subprocess.run(
        [tool("pkilint") / "python", "-c", program], capture_output=True, text=True, check=True
    )
    assert ".cache/tools/pkilint-" in done.stdout
    assert Path(done.stdout.strip()) != Path(sys.prefix)


def test_pkilint_judges_a_certificate(tmp_path: Path) -> None:
    certificate = tmp_path / "house.pem"
    certificate.write_bytes(self_signed_pem("house"))
    done = subprocess.run(
        [tool("pkilint") / "lint_pkix_cert", "lint", certificate], capture_output=True, text=True
    )
    assert "pkix.authority_key_identifier_extension_absent (ERROR)" in done.stdout, done.stderr


def test_it_is_made_once() -> None:
    made = tool("pkilint") / "../made"
    before = made.stat().st_mtime_ns
    tool("pkilint")
    assert made.stat().st_mtime_ns == before
