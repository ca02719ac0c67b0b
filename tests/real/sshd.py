"""An SSH server: Debian's sshd on loopback, with keys of its own, for whoever runs the tests."""

import getpass
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric import ed25519
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from tests.real import processes
from tests.real.packages import need

CONFIGURATION = """
ListenAddress 127.0.0.1
Port {port}
HostKey {folder}/host_key
AuthorizedKeysFile {folder}/authorized_keys
PidFile {folder}/pid
StrictModes no
UsePAM no
PasswordAuthentication no
PermitRootLogin yes
Subsystem sftp {subsystem}
"""


@dataclass(frozen=True, slots=True)
class SshServer:
    """A running sshd. `known_hosts` has its key, `private_key` (OpenSSH) lets `user` in."""

    port: int
    user: str
    known_hosts: str
    private_key: str


def private_key() -> tuple[str, str]:
    """A key (OpenSSH), and its public half."""
    key = ed25519.Ed25519PrivateKey.generate()
    secret = key.private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption()).decode()
    return secret, key.public_key().public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH).decode()


@contextmanager
def served(folder: Path, subsystem: str = "internal-sftp") -> Iterator[SshServer]:
    """A server for the user who runs this. Installs the package it needs."""
    need("openssh-server")
    host_key, host_public = private_key()
    user_key, user_public = private_key()
    port = processes.free_port()
    (folder / "host_key").write_text(host_key)
    (folder / "host_key").chmod(0o600)
    (folder / "authorized_keys").write_text(user_public + "\n")
    (folder / "sshd_config").write_text(CONFIGURATION.format(port=port, folder=folder, subsystem=subsystem))
    if os.geteuid() == 0:
        Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)
    command = ["/usr/sbin/sshd", "-D", "-e", "-f", str(folder / "sshd_config")]
    with processes.start(command, log=folder / "log", port=port):
        yield SshServer(port, getpass.getuser(), f"[127.0.0.1]:{port} {host_public}\n", user_key)
