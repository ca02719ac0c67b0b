"""Programs that judge a world's certificates, and what they shall find."""

import subprocess
from pathlib import Path

from tests.peers.world import World

SECONDS = 120
EXPECTED = {"good": "good", "revoked": "revoked", "held": "revoked", "own": "good"}


def run(world: World, *command: str | Path, seconds: float = SECONDS) -> subprocess.CompletedProcess[str]:
    """A program, in the world's folder."""
    return subprocess.run(
        [str(one) for one in command],
        cwd=world.folder,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=seconds,
    )


def judged(done: subprocess.CompletedProcess[str], revoked: str) -> str:
    """Good when the program ended well; revoked when it says so in its own words; else all it said."""
    if done.returncode == 0 and revoked not in done.stdout + done.stderr:
        return "good"
    return "revoked" if revoked in done.stdout + done.stderr else done.stdout + done.stderr


def openssl_verify(world: World, name: str, *options: str) -> str:
    certificates = ["-CAfile", "root.pem", "-untrusted", "issuing.pem", f"{name}.pem"]
    return judged(run(world, "openssl", "verify", *options, *certificates), "certificate revoked")


def openssl_ocsp(world: World, name: str, *options: str) -> str:
    """`options` come before the certificate; the delegated signer's chain is built from root and issuer."""
    asked = ["-issuer", "issuing.pem", *options, "-cert", f"{name}.pem", "-url", world.ocsp_url]
    done = run(world, "openssl", "ocsp", *asked, "-CAfile", "root.pem", "-verify_other", "issuing.pem")
    assert "Response verify OK" in done.stderr
    assert "WARNING" not in done.stderr
    return judged(done, f"{name}.pem: revoked")
