"""Signed programs, installers and archives: Debian's osslsigncode, wixl and jarsigner."""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.resources import files
from pathlib import Path
from threading import Thread
from zipfile import ZipFile

from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID

from tests.core.stores.made import key_pem, pem
from tests.core.toy_chain import Outside, Wish, outside
from tests.real.keytool import PASSWORD
from tests.real.packages import need

WXS = """<?xml version="1.0"?>
<Wix xmlns="http://schemas.microsoft.com/wix/2006/wi">
 <Product Id="*" Name="Toy" Version="1.0" Manufacturer="Toys" Language="1033"
  UpgradeCode="5bc64e32-b1e0-4a85-aa02-b8e3e7a1b111">
  <Package InstallerVersion="200" Compressed="yes"/>
  <Media Id="1" Cabinet="toy.cab" EmbedCab="yes"/>
  <Directory Id="TARGETDIR" Name="SourceDir"><Component Id="Toy" Guid="5bc64e32-b1e0-4a85-aa02-b8e3e7a1b222">
   <File Id="Toy" Name="toy.exe" Source="program.exe" KeyPath="yes"/>
  </Component></Directory>
  <Feature Id="Toy" Level="1"><ComponentRef Id="Toy"/></Feature>
 </Product>
</Wix>
"""
TSA = """
[tsa]
serial = {folder}/serial
signer_cert = {folder}/stamper.pem
certs = {folder}/stamper.pem
signer_key = {folder}/stamper.key
signer_digest = sha256
default_policy = 1.2.3.4
digests = sha256, sha384, sha512
"""
CODE_SIGNING = Wish(
    authority=False, uses=frozenset(), purposes=(ExtendedKeyUsageOID.CODE_SIGNING.dotted_string,)
)


@dataclass(frozen=True, slots=True)
class Signers:
    """Who signs and who says when, each below an authority of its own."""

    signer: Outside
    stamper: Outside


@cache
def signers() -> Signers:
    stamping = (x509.ExtendedKeyUsage([ExtendedKeyUsageOID.TIME_STAMPING]),)
    stamper = Wish(authority=False, uses=frozenset(), critical=stamping)
    return Signers(
        outside("CN=Toy Maker", outside("CN=Code Root"), CODE_SIGNING),
        outside("CN=Toy Clock", outside("CN=Time Root"), stamper),
    )


def program() -> Path:
    """A program for Windows that nobody has signed, which comes with setuptools."""
    return Path(str(files("setuptools"))) / "cli-64.exe"


def installer(folder: Path, content: bytes) -> Path:
    """One that installs a file with this content."""
    need("wixl")
    (folder / "toy.wxs").write_text(WXS)
    (folder / "program.exe").write_bytes(content)
    _run("wixl", "--output", "toy.msi", "toy.wxs", folder=folder)
    return folder / "toy.msi"


def sign(source: Path, *others: str, signer: Outside | None = None, stamped: bool = False) -> Path:
    """Authenticode; gives the signed file, beside the other one."""
    need("osslsigncode")
    folder, who = source.parent, signer or signers().signer
    _write(folder, "signer", who)
    _write(folder, "stamper", signers().stamper)
    stamp = ("-TSA-certs", folder / "stamper.pem", "-TSA-key", folder / "stamper.key") if stamped else ()
    target = folder / f"signed-{source.name}"
    given = ("-certs", folder / "signer.pem", "-key", folder / "signer.key", "-in", source, "-out", target)
    _run("osslsigncode", "sign", "-h", "sha256", *given, *stamp, *others)
    return target


def jar(folder: Path, name: str = "toy.jar", entries: int = 3) -> Path:
    with ZipFile(folder / name, "w") as archive:
        for number in range(entries):
            archive.writestr(f"com/example/Toy{number}.class", bytes(9))
    return folder / name


def sign_jar(archive: Path, *others: str) -> None:
    """By the alias `toy`, in place."""
    need("default-jdk-headless")
    folder = archive.parent
    store = folder / "signer.p12"
    _write(folder, "signer", signers().signer)
    files_ = ("-in", folder / "signer.pem", "-inkey", folder / "signer.key", "-out", store)
    _run("openssl", "pkcs12", "-export", "-name", "toy", *files_, "-passout", f"pass:{PASSWORD}")
    _run("jarsigner", "-keystore", store, "-storepass", PASSWORD, *others, archive, "toy")


@contextmanager
def clock(folder: Path) -> Iterator[str]:
    """URL of a time stamping authority (RFC 3161) on loopback."""
    _write(folder, "stamper", signers().stamper)
    (folder / "serial").write_text("01\n")
    (folder / "tsa.cnf").write_text(TSA.format(folder=folder))

    class Stamper(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            (folder / "query").write_bytes(self.rfile.read(int(self.headers["Content-Length"])))
            where = ("-config", folder / "tsa.cnf", "-section", "tsa", "-queryfile", folder / "query")
            _run("openssl", "ts", "-reply", *where, "-out", folder / "reply")
            self.send_response(200)
            self.send_header("Content-Type", "application/timestamp-reply")
            self.end_headers()
            self.wfile.write((folder / "reply").read_bytes())

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Stamper) as server:
        thread = Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


def _write(folder: Path, name: str, who: Outside) -> None:
    (folder / f"{name}.pem").write_bytes(pem(*who.path))
    (folder / f"{name}.key").write_bytes(key_pem(who.key))


def _run(*command: str | Path, folder: Path | None = None) -> None:
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr
