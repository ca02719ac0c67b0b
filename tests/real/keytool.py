"""Key stores made by Java's own `keytool`, from Debian; BCFKS with Debian's Bouncy Castle."""

import subprocess
from pathlib import Path

from tests.real.packages import need

PASSWORD = "changeit"
BOUNCY_CASTLE = "/usr/share/java/bcprov.jar"


def keytool(store: Path, store_type: str, *arguments: str | Path) -> str:
    """Run a command on a store, which is made if need be; gives what it says. Installs what it needs."""
    provider: tuple[str, ...] = ()
    need("default-jre-headless", *(("libbcprov-java",) if store_type == "BCFKS" else ()))
    if store_type == "BCFKS":
        name = "org.bouncycastle.jce.provider.BouncyCastleProvider"
        provider = ("-providerclass", name, "-providerpath", BOUNCY_CASTLE)
    secret = ("-keystore", store, "-storetype", store_type, "-storepass", PASSWORD, *provider)
    done = subprocess.run(["keytool", *arguments, *secret], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def make(folder: Path, store_type: str, certificate: Path) -> Path:
    """A store with the key `server` and, under `root`, a certificate (PEM file)."""
    store = folder / f"store.{store_type.lower()}"
    subject = ("-dname", "CN=server.example.test", "-keyalg", "EC", "-keypass", PASSWORD)
    keytool(store, store_type, "-genkeypair", "-alias", "server", *subject)
    keytool(store, store_type, "-importcert", "-noprompt", "-alias", "root", "-file", certificate)
    return store
