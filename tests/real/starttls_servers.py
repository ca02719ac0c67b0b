"""Servers of Debian that begin TLS inside of their own protocol, each with a chain that the test gives."""

import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

from tests.real import postgresql, slapd
from tests.real.packages import need
from tests.real.processes import answers, free_port, start
from tests.real.tls_servers import Presented

Served = Callable[[Presented], AbstractContextManager[int]]
"""A server that runs for the block; gives its port."""

_DOVECOT = """
protocols = imap pop3
base_dir = {folder}/run
log_path = /dev/stderr
ssl = yes
ssl_cert = <{chain}
ssl_key = <{key}
default_login_user = dovenull
default_internal_user = dovecot
service imap-login {{
  inet_listener imap {{
    address = 127.0.0.1
    port = {imap}
  }}
  inet_listener imaps {{
    port = 0
  }}
}}
service pop3-login {{
  inet_listener pop3 {{
    address = 127.0.0.1
    port = {pop3}
  }}
  inet_listener pop3s {{
    port = 0
  }}
}}
passdb {{
  driver = passwd-file
  args = {folder}/people
}}
"""


def dovecot(kind: str) -> Served:
    @contextmanager
    def served(presented: Presented) -> Iterator[int]:
        need("dovecot-imapd", "dovecot-pop3d")
        ports = {"imap": free_port(), "pop3": free_port()}
        with tempfile.TemporaryDirectory(
            prefix="dovecot-", dir="/tmp"
        ) as short:  # its sockets have long names
            folder = Path(short)
            folder.chmod(0o755)
            (folder / "run").mkdir()
            text = _DOVECOT.format(folder=folder, chain=presented.whole, key=presented.key, **ports)
            (folder / "dovecot.conf").write_text(text)
            command = ["/usr/sbin/dovecot", "-F", "-c", folder / "dovecot.conf"]
            with start(command, log=folder / "log", port=ports[kind]):
                yield ports[kind]

    return served


@contextmanager
def vsftpd(presented: Presented) -> Iterator[int]:
    need("vsftpd")
    port = free_port()
    configuration = presented.folder / "vsftpd.conf"
    (presented.folder / "empty").mkdir()
    configuration.write_text(
        f"listen=YES\nlisten_address=127.0.0.1\nlisten_port={port}\nbackground=NO\nanonymous_enable=YES\n"
        f"ssl_enable=YES\nrsa_cert_file={presented.whole}\nrsa_private_key_file={presented.key}\n"
        f"secure_chroot_dir={presented.folder}/empty\nseccomp_sandbox=NO\nisolate=NO\nisolate_network=NO\n"
    )
    with start(["vsftpd", configuration], log=presented.folder / "vsftpd.log", port=port):
        yield port


@contextmanager
def postfix(presented: Presented) -> Iterator[int]:
    need("postfix")
    with tempfile.TemporaryDirectory(prefix="certwright-postfix-") as name:
        Path(name).chmod(0o755)  # its processes are other users
        with _postfix_in(Path(name), presented) as port:
            yield port


@contextmanager
def _postfix_in(base: Path, presented: Presented) -> Iterator[int]:
    port, folder, queue, data = free_port(), base / "etc", base / "queue", base / "data"
    shutil.copytree("/etc/postfix", folder, symlinks=True)
    queue.mkdir()
    data.mkdir()
    shutil.chown(data, "postfix")
    (folder / "main.cf").write_text(
        f"compatibility_level = 3.6\nqueue_directory = {queue}\ndata_directory = {data}\n"
        f"myhostname = mail.example.test\nmaillog_file = /dev/stdout\ninet_interfaces = 127.0.0.1\n"
        f"smtpd_tls_chain_files = {presented.key}, {presented.whole}\nsmtpd_tls_security_level = may\n"
        "smtputf8_enable = no\nalias_maps =\nalias_database =\ninet_protocols = ipv4\n"
    )
    master = (folder / "master.cf").read_text().splitlines()
    kept = [line for line in master if not line.startswith("smtp      inet")]
    service = f"127.0.0.1:{port} inet n - n - - smtpd"
    logging = "postlog unix-dgram n - n - 1 postlogd"
    kept = [line for line in kept if not line.startswith("postlog")]
    (folder / "master.cf").write_text("\n".join([service, logging, *kept, ""]))
    log = presented.folder / "postfix.log"
    subprocess.run(["postfix", "-c", folder, "check"], check=True, capture_output=True)
    with start(["postfix", "-c", folder, "start-fg"], log=log, port=port, seconds=60):
        yield port
        subprocess.run(["postfix", "-c", folder, "stop"], check=True, capture_output=True)


@contextmanager
def openldap(presented: Presented) -> Iterator[int]:
    with slapd.served(presented.folder / "slapd") as directory:
        yield directory.port


@contextmanager
def postgresql_server(presented: Presented) -> Iterator[int]:
    cluster = postgresql.start()
    try:
        shutil.copy(presented.whole, f"{cluster.folder}/chain.pem")
        shutil.copy(presented.key, f"{cluster.folder}/key.pem")
        for name in ("chain.pem", "key.pem"):
            shutil.chown(f"{cluster.folder}/{name}", "postgres", "postgres")
            Path(cluster.folder, name).chmod(0o600)
        with Path(cluster.folder, "data/postgresql.conf").open("a") as settings:
            settings.write(f"ssl = on\nssl_cert_file = '{cluster.folder}/chain.pem'\n")
            settings.write(f"ssl_key_file = '{cluster.folder}/key.pem'\n")
        cluster.crash()
        assert answers(cluster.port)
        yield cluster.port
    finally:
        cluster.stop()


@contextmanager
def mariadb(presented: Presented) -> Iterator[int]:
    need("mariadb-server")
    folder, port = presented.folder / "mariadb", free_port()
    folder.mkdir()
    made = [
        "mariadb-install-db",
        "--no-defaults",
        f"--datadir={folder}/data",
        "--skip-test-db",
        "--user=root",
    ]
    subprocess.run(made, check=True, capture_output=True, timeout=120)
    command = [
        "mariadbd",
        "--no-defaults",
        f"--datadir={folder}/data",
        f"--socket={folder}/socket",
        "--user=root",
    ]
    command += [f"--port={port}", "--bind-address=127.0.0.1", f"--ssl-cert={presented.whole}"]
    with start([*command, f"--ssl-key={presented.key}"], log=folder / "log", port=port, seconds=60):
        yield port


@contextmanager
def prosody(presented: Presented) -> Iterator[int]:
    need("prosody")
    folder, port = presented.folder / "prosody", free_port()
    folder.mkdir()
    (folder / "prosody.cfg.lua").write_text(
        f"run_as_root = true\ndaemonize = false\ninterfaces = {{ '127.0.0.1' }}\nc2s_ports = {{ {port} }}\n"
        f"s2s_ports = {{}}\npidfile = '{folder}/pid'\ndata_path = '{folder}'\nlog = {{ info = '*console' }}\n"
        f"modules_enabled = {{ 'tls', 'saslauth' }}\nmodules_disabled = {{ 's2s' }}\n"
        f"ssl = {{ certificate = '{presented.whole}', key = '{presented.key}' }}\n"
        "VirtualHost 'xmpp.example.test'\n"
    )
    command = ["prosody", "--config", folder / "prosody.cfg.lua", "-F"]
    with start(command, log=folder / "log", port=port, seconds=60):
        yield port


@contextmanager
def xrdp(presented: Presented) -> Iterator[int]:
    need("xrdp")
    folder, port = presented.folder / "xrdp", free_port()
    folder.mkdir()
    (folder / "xrdp.ini").write_text(
        f"[Globals]\nini_version=1\nfork=true\naddress=127.0.0.1\nport=tcp://127.0.0.1:{port}\n"
        f"security_layer=negotiate\ncertificate={presented.whole}\nkey_file={presented.key}\n"
        f"ssl_protocols=TLSv1.2, TLSv1.3\n"
        f"[Logging]\nLogFile={folder}/xrdp.log\nLogLevel=INFO\nEnableSyslog=false\n[Xorg]\nlib=libxup.so\n"
    )
    command = ["xrdp", "--nodaemon", "--config", folder / "xrdp.ini"]
    with start(command, log=folder / "log", port=port, seconds=60):
        yield port


SERVERS: Mapping[str, Mapping[str, Served]] = {
    "smtp": {"Postfix": postfix},
    "imap": {"Dovecot": dovecot("imap")},
    "pop3": {"Dovecot": dovecot("pop3")},
    "ftp": {"vsftpd": vsftpd},
    "ldap": {"OpenLDAP": openldap},
    "postgresql": {"PostgreSQL": postgresql_server},
    "mysql": {"MariaDB": mariadb},
    "xmpp": {"Prosody": prosody},
    "rdp": {"xrdp": xrdp},
}
"""By the protocol in which TLS begins."""
