"""Active Directory: Samba's controller from Debian, on a loopback address of its own. Only root may."""

import os
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from tests.real import processes, slapd
from tests.real.packages import need

ADDRESS = "127.0.0.77"
BASE = "DC=ad,DC=example,DC=test"
CONFIGURATION = f"CN=Configuration,{BASE}"
ADMINISTRATOR, PASSWORD = "Administrator@ad.example.test", "Correct.horse.battery.1"
SECONDS = 60
SETTINGS = """
server services = ldap
interfaces = {address}/8
bind interfaces only = yes
tls cafile = {folder}/ca.pem
tls certfile = {folder}/server.pem
tls keyfile = {folder}/server-key.pem
"""


class Unobtainable(Exception):
    """No domain controller can run here. A test may skip with this as its reason."""


@dataclass(frozen=True, slots=True)
class Domain:
    """A running controller; its LDAP has the usual ports of ADDRESS."""

    folder: Path

    @property
    def secure(self) -> str:
        return f"ldaps://{ADDRESS}"

    @property
    def authority(self) -> Path:
        return self.folder / "ca.pem"

    def change(self, ldif: str) -> None:
        who = ("-D", ADMINISTRATOR, "-w", PASSWORD)
        environment = {**os.environ, "LDAPTLS_CACERT": str(self.authority)}
        _run(["ldapmodify", "-x", "-H", self.secure, *who], environment, ldif)


@contextmanager
def served(folder: Path) -> Iterator[Domain]:
    """A new domain in `folder`, half a minute. Installs the packages it needs."""
    if os.geteuid() != 0:
        raise Unobtainable("a domain controller of Samba runs as root only")
    need("samba-ad-dc", "samba-ad-provision", "samba-common-bin", "ldap-utils")
    folder.mkdir(parents=True)
    slapd.write_certificates(folder, ADDRESS)
    (folder / "server-key.pem").chmod(0o600)
    domain = ("--realm=AD.EXAMPLE.TEST", "--domain=AD", "--server-role=dc", "--dns-backend=NONE")
    host = ("--host-name=dc1", f"--host-ip={ADDRESS}", f"--adminpass={PASSWORD}")
    _run(["samba-tool", "domain", "provision", *domain, *host, f"--targetdir={folder}/dc"], dict(os.environ))
    settings = folder / "dc/etc/smb.conf"
    known = [line for line in settings.read_text().splitlines() if "server services" not in line]
    ours = SETTINGS.format(address=ADDRESS, folder=folder)
    settings.write_text("\n".join(known).replace("[global]", f"[global]{ours}", 1))
    command = ["/usr/sbin/samba", "-F", "-M", "single", "-s", str(settings), "--debug-stdout"]
    with processes.start(command, log=folder / "log") as server:
        _wait(server)
        yield Domain(folder)


def _wait(server: processes.Server) -> None:
    """Until LDAPS is there."""
    deadline = time.monotonic() + SECONDS
    while time.monotonic() < deadline and server.process.poll() is None:
        with suppress(OSError), socket.create_connection((ADDRESS, 636), timeout=1):
            return
        time.sleep(0.1)
    raise processes.ServerFailed(f"samba has no LDAPS within {SECONDS} s:\n{server.output[-2000:]}")


def _run(command: list[str], environment: dict[str, str], text: str = "") -> None:
    done = subprocess.run(command, input=text, env=environment, capture_output=True, text=True, timeout=200)
    assert done.returncode == 0, done.stderr[-2000:]
