"""Authorities made by hand: `openssl ca` with its database, and easy-rsa from Debian."""

import os
import subprocess
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from tests.real.packages import need

EASY_RSA = "/usr/share/easy-rsa/easyrsa"
CONFIGURATION = """
[ca]
default_ca = here
[here]
dir = {folder}
database = $dir/index.txt
new_certs_dir = $dir/newcerts
certificate = $dir/cacert.pem
private_key = $dir/private/cakey.pem
serial = $dir/serial
default_md = sha256
default_days = 90
policy = any
unique_subject = no
[any]
commonName = supplied
[req]
distinguished_name = name
[name]
"""


@dataclass(frozen=True, slots=True)
class OpensslAuthority:
    """`openssl ca` in a folder of its own."""

    folder: Path

    @classmethod
    def founded(cls, folder: Path, name: str = "Corp") -> "OpensslAuthority":
        for part in ("newcerts", "private", "requests"):
            (folder / part).mkdir(parents=True)
        (folder / "index.txt").touch()
        (folder / "serial").write_text("1000\n")
        (folder / "openssl.cnf").write_text(CONFIGURATION.format(folder=folder))
        made = cls(folder)
        curve = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-noenc")
        files = ("-keyout", folder / "private/cakey.pem", "-out", folder / "cacert.pem")
        authority = ("-addext", "keyUsage=critical,keyCertSign,cRLSign")
        made._openssl("req", "-x509", *curve, *files, "-subj", f"/CN={name}", *authority)
        return made

    @property
    def certificate(self) -> bytes:
        return der(self.folder / "cacert.pem")

    def issue(self, name: str) -> bytes:
        """The certificate, DER."""
        request, out = self.folder / f"requests/{name}.csr", self.folder / f"requests/{name}.pem"
        curve = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-noenc")
        self._openssl("req", *curve, "-keyout", "/dev/null", "-out", request, "-subj", f"/CN={name}")
        self._openssl("ca", "-batch", "-notext", "-in", request, "-out", out)
        return der(out)

    def revoke(self, name: str, *how: str) -> None:
        self._openssl("ca", "-revoke", self.folder / f"requests/{name}.pem", *how)

    def _openssl(self, command: str, *arguments: str | Path) -> None:
        configuration = ("-config", self.folder / "openssl.cnf")
        _run({}, "openssl", command, *configuration, *arguments)


@dataclass(frozen=True, slots=True)
class EasyRsa:
    """easy-rsa's own folder, `pki`."""

    folder: Path

    @classmethod
    def founded(cls, folder: Path) -> "EasyRsa":
        need("easy-rsa")
        made = cls(folder)
        made.run("init-pki")
        made.run("build-ca", "nopass")
        return made

    @property
    def certificate(self) -> bytes:
        return der(self.folder / "ca.crt")

    def issue(self, name: str) -> bytes:
        self.run("build-server-full", name, "nopass")
        return der(self.folder / f"issued/{name}.crt")

    def run(self, *arguments: str, **settings: str) -> None:
        ours = {"EASYRSA_PKI": str(self.folder), "EASYRSA_BATCH": "1", "EASYRSA_ALGO": "ec"}
        _run({**ours, "EASYRSA_CURVE": "prime256v1", **settings}, EASY_RSA, *arguments)


def der(path: Path) -> bytes:
    return x509.load_pem_x509_certificate(path.read_bytes()).public_bytes(Encoding.DER)


def _run(environment: dict[str, str], *command: str | Path) -> None:
    done = subprocess.run(
        command, env={**os.environ, **environment}, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr + done.stdout
