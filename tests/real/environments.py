"""Tools that cannot share our virtual environment, each in its own, pinned by requirements/tools/NAME.txt."""

import hashlib
import os
import subprocess
import sys
from pathlib import Path

from tests.real.locks import CACHE, lock

PINS = Path(__file__).resolve().parents[2] / "requirements" / "tools"
SECONDS = 900


class ToolMissing(Exception):
    """The tool's environment cannot be made here. The message says what pip said."""


def tool(name: str) -> Path:
    """The `bin` folder of the tool's environment, made at first use and kept in the checkout's .cache.

    Its name holds a digest of the pins and of the Python version, so a changed pin makes a new one.
    Raises ToolMissing when no network gives the packages.
    """
    pins = PINS / f"{name}.txt"
    digest = hashlib.sha256(pins.read_bytes() + sys.version.encode()).hexdigest()[:12]
    folder = CACHE / "tools" / f"{name}-{digest}"
    made = folder / "made"
    if not made.exists():
        with lock(CACHE / "tools" / f"{name}.lock", SECONDS):
            if not made.exists():  # another worker may have been here while we waited
                _make(folder, pins)
                made.touch()
    return folder / "bin"


def _make(folder: Path, pins: Path) -> None:
    _run(sys.executable, "-m", "venv", "--clear", str(folder))
    install = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-input"]
    _run(str(folder / "bin/python"), *install, "--require-hashes", "--requirement", str(pins))


def _run(*arguments: str) -> None:
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    try:
        subprocess.run(
            arguments,
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            check=True,
            timeout=SECONDS,
        )
    except subprocess.TimeoutExpired:
        raise ToolMissing(f"{' '.join(arguments)}: not done within {SECONDS} s") from None
    except subprocess.CalledProcessError as error:
        raise ToolMissing(f"{' '.join(arguments)}: {error.stderr.decode(errors='replace')[-1000:]}") from None
