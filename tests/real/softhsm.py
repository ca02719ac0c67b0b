"""A PKCS#11 token in software: SoftHSM2 from Debian, with a configuration and a store of its own."""

import subprocess
from dataclasses import dataclass
from pathlib import Path

from tests.real.packages import need

MODULES = ("/usr/lib/softhsm/libsofthsm2.so", "/usr/lib/x86_64-linux-gnu/softhsm/libsofthsm2.so")


@dataclass(frozen=True, slots=True)
class SoftHsm:
    """One initialised token. `environment` is what a process needs that loads `module`.

    The module reads its configuration once per process, when it is initialised, and sees the tokens there
    are at that moment. So one SoftHsm serves a whole process; tests in it keep apart by key labels.
    """

    module: Path
    configuration: Path
    token: str
    pin: str
    security_officer_pin: str

    @property
    def environment(self) -> dict[str, str]:
        return {"SOFTHSM2_CONF": str(self.configuration)}

    def token_files(self) -> list[Path]:
        """Each says label, PIN and flags of one token; its objects have files of their own."""
        return sorted(self.configuration.parent.glob("tokens/*/token.object"))

    def add_token(self, token: str) -> "SoftHsm":
        """One more token in the same store, with the same PINs. Add it before the module is initialised."""
        self.tool(
            "--init-token",
            "--free",
            "--label",
            token,
            "--pin",
            self.pin,
            "--so-pin",
            self.security_officer_pin,
        )
        return SoftHsm(self.module, self.configuration, token, self.pin, self.security_officer_pin)

    def tool(self, *arguments: str) -> str:
        """Run softhsm2-util on this store; gives its output."""
        done = subprocess.run(
            ["softhsm2-util", *arguments],
            env={"PATH": "/usr/sbin:/usr/bin:/bin", **self.environment},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=60,
        )
        if done.returncode != 0:
            raise RuntimeError(f"softhsm2-util {arguments[0]}: {done.stdout.strip()}")
        return done.stdout


def make(folder: Path, token: str = "certwright") -> SoftHsm:
    """A new store in `folder` with one token. Installs the packages it needs."""
    need("softhsm2")
    module = next(path for path in map(Path, MODULES) if path.exists())
    (folder / "tokens").mkdir(parents=True)
    configuration = folder / "softhsm2.conf"
    configuration.write_text(
        f"directories.tokendir = {folder / 'tokens'}\nobjectstore.backend = file\nlog.level = ERROR\n"
    )
    return SoftHsm(module, configuration, "", "648219", "31415926").add_token(token)
