"""Debian packages the tests need, installed where we are root and named where we are not."""

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.real.locks import CACHE, lock

POLICY = Path("/usr/sbin/policy-rc.d")
SECONDS = 900


class PackagesMissing(Exception):
    """The named packages are not installed and cannot be installed from here."""


def need(*names: str) -> tuple[str, ...]:
    """Make sure that the Debian packages are installed; gives those that were installed just now.

    Installed packages cost one `dpkg-query`. No service starts by itself. Raises PackagesMissing, naming
    the packages and what to do, when we are not root, no such package exists, or the time is up.
    """
    if not _missing(names):
        return ()
    if os.geteuid() != 0:
        raise PackagesMissing(f"as root: apt-get install --yes {' '.join(_missing(names))}")
    with lock(CACHE / "packages.lock", SECONDS):
        missing = _missing(names)  # another worker may have been here while we waited
        if missing:
            with no_service_starts():
                _install(missing)
    return missing


def _missing(names: tuple[str, ...]) -> tuple[str, ...]:
    try:
        answer = subprocess.run(
            ["dpkg-query", "--show", "--showformat", "${db:Status-Status} ${Package}\n", *names],
            capture_output=True,
            text=True,
            timeout=60,
        )
    except FileNotFoundError:
        raise PackagesMissing(f"no Debian here; install what corresponds to: {' '.join(names)}") from None
    lines = [line.split(" ", 1) for line in answer.stdout.splitlines()]
    installed = {name for status, name in lines if status == "installed"}
    return tuple(name for name in names if name not in installed)


def _install(names: tuple[str, ...]) -> None:
    """Install, after one refresh of the package lists if the lists at hand do not suffice."""
    if _apt("install", "--no-install-recommends", *names).returncode == 0:
        return
    _apt("update")
    done = _apt("install", "--no-install-recommends", *names)
    if done.returncode != 0:
        reason = (done.stderr.strip() or done.stdout.strip())[-500:]
        raise PackagesMissing(f"apt-get could not install {' '.join(names)}: {reason}")


def _apt(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = ["apt-get", "--yes", "--quiet", "-o", f"DPkg::Lock::Timeout={SECONDS}", *arguments]
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    try:
        return subprocess.run(
            command,
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=SECONDS,
        )
    except subprocess.TimeoutExpired:
        raise PackagesMissing(f"{' '.join(command)}: not done within {SECONDS} s") from None


@contextmanager
def no_service_starts() -> Iterator[None]:
    """While it lasts, no package starts a service: invoke-rc.d asks this script, 101 means forbidden."""
    if POLICY.exists():
        yield
        return
    POLICY.write_text("#!/bin/sh\nexit 101\n")
    POLICY.chmod(0o755)
    try:
        yield
    finally:
        POLICY.unlink(missing_ok=True)
