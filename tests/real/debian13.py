"""A folder with Debian 13 in it, made by debootstrap and entered by chroot: for tools Debian 12 has not."""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from tests.real.locks import CACHE, lock
from tests.real.packages import PackagesMissing, need

SECONDS = 900
PATH = "/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin"
NOBODY = 65534


class Unobtainable(Exception):
    """Debian 13, or a package of it, cannot be had here. A test may skip with this as its reason."""


@dataclass(frozen=True, slots=True)
class Debian13:
    """The folder. What runs in it runs as nobody and sees no /proc, /sys or network set-up of its own."""

    folder: Path

    def need(self, *names: str) -> None:
        """Make sure that these packages are installed inside. Raises Unobtainable."""
        with lock(CACHE / "debian13.lock", SECONDS):
            missing = [
                name for name in names if not (self.folder / f"var/lib/dpkg/info/{name}.list").exists()
            ]
            if missing:
                shutil.copyfile("/etc/resolv.conf", self.folder / "etc/resolv.conf")
                inside = ["chroot", str(self.folder), "apt-get", "--yes", "--quiet"]
                _run(*inside, "update")
                _run(*inside, "install", "--no-install-recommends", *missing)

    def run(
        self, *arguments: str, files: Mapping[str, bytes], seconds: float = 60
    ) -> subprocess.CompletedProcess[str]:
        """Run a program inside, in a folder that holds `files` and nothing else; gives status and output."""
        with tempfile.TemporaryDirectory(dir=self.folder / "tmp") as folder:
            Path(folder).chmod(0o777)
            for name, content in files.items():
                Path(folder, name).write_bytes(content)
            inside = f"/tmp/{Path(folder).name}"
            enter = ["chroot", f"--userspec={NOBODY}:{NOBODY}", str(self.folder)]
            return subprocess.run(
                [*enter, "/bin/sh", "-c", 'cd "$0" && exec "$@"', inside, *arguments],
                env={"PATH": PATH, "HOME": inside, "LC_ALL": "C.UTF-8"},
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                timeout=seconds,
            )


def debian13(*packages: str) -> Debian13:
    """The folder with these packages in it, made at first use and kept in the checkout's .cache.

    About half a minute and 300 MB the first time. Raises Unobtainable where we are not root or no mirror
    answers.
    """
    folder = CACHE / "debian13"
    if os.geteuid() != 0:
        raise Unobtainable("making a Debian 13 folder needs root (debootstrap, chroot)")
    with lock(CACHE / "debian13.lock", SECONDS):
        if not folder.exists():
            _make(folder)
    found = Debian13(folder)
    found.need(*packages)
    return found


def _make(folder: Path) -> None:
    try:
        need("debootstrap")
    except PackagesMissing as error:
        raise Unobtainable(str(error)) from None
    partial = folder.with_suffix(".partial")
    shutil.rmtree(partial, ignore_errors=True)
    _run("debootstrap", "--variant=minbase", "trixie", str(partial), *_mirror())
    partial.rename(folder)


def _mirror() -> list[str]:
    """The mirror this machine's apt uses for Debian itself; none leaves the choice to debootstrap."""
    listing = subprocess.run(
        ["apt-get", "indextargets", "--format", "$(REPO_URI)", "Created-By: Packages", "Label: Debian"],
        capture_output=True,
        text=True,
        timeout=60,
    )
    return listing.stdout.split()[:1]


def _run(*arguments: str) -> None:
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive", "LC_ALL": "C.UTF-8"}
    try:
        done = subprocess.run(
            arguments,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=SECONDS,
        )
    except subprocess.TimeoutExpired:
        raise Unobtainable(f"{' '.join(arguments)}: not done within {SECONDS} s") from None
    if done.returncode != 0:
        raise Unobtainable(f"{' '.join(arguments)}: {' '.join(done.stdout[-400:].split())}")
