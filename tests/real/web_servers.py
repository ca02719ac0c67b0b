"""Servers of Debian that speak TLS from the first octet, each with a chain that the test gives."""

import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from tests.real.packages import need
from tests.real.processes import free_port, start
from tests.real.starttls_servers import Served
from tests.real.tls_servers import Presented

_APACHE = """
ServerRoot {folder}
PidFile {folder}/pid
ErrorLog {folder}/error.log
ServerName localhost
User www-data
Group www-data
LoadModule mpm_event_module /usr/lib/apache2/modules/mod_mpm_event.so
LoadModule authz_core_module /usr/lib/apache2/modules/mod_authz_core.so
LoadModule socache_shmcb_module /usr/lib/apache2/modules/mod_socache_shmcb.so
LoadModule ssl_module /usr/lib/apache2/modules/mod_ssl.so
Listen 127.0.0.1:{port}
SSLEngine on
SSLCertificateFile {chain}
SSLCertificateKeyFile {key}
"""
_HAPROXY = """
global
    maxconn 100
defaults
    mode http
    timeout client 5s
    timeout connect 5s
    timeout server 5s
frontend tls
    bind 127.0.0.1:{port} ssl crt {folder}/both.pem alpn h2,http/1.1
    http-request return status 200
"""
_MOSQUITTO = """
listener {port} 127.0.0.1
certfile {chain}
keyfile {key}
allow_anonymous true
user root
"""
_NGINX = """
daemon off;
pid {folder}/nginx.pid;
error_log stderr;
events {{}}
http {{
    access_log off;
    client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy; fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi;
    server {{ listen 127.0.0.1:{port} ssl; ssl_certificate {chain}; ssl_certificate_key {key}; }}
}}
"""


def _served(package: str, settings: str, command: Callable[[Path], list[str | Path]]) -> Served:
    """A server that reads its settings from the file `settings` of a folder of its own."""

    @contextmanager
    def served(presented: Presented) -> Iterator[int]:
        need(package)
        port = free_port()
        # one that the server's own user can enter too
        with tempfile.TemporaryDirectory(prefix=f"{package}-", dir="/tmp") as name:
            folder = Path(name)
            folder.chmod(0o755)
            chain, key = (shutil.copy(one, folder) for one in (presented.whole, presented.key))
            (folder / "both.pem").write_bytes(presented.whole.read_bytes() + presented.key.read_bytes())
            text = settings.format(folder=folder, port=port, chain=chain, key=key)
            (folder / "settings").write_text(text)
            with start(command(folder), log=folder / "log", port=port):
                yield port

    return served


SERVERS: Mapping[str, Served] = {
    "nginx": _served(
        "nginx-light", _NGINX, lambda folder: ["nginx", "-p", folder, "-c", folder / "settings"]
    ),
    "Apache": _served(
        "apache2", _APACHE, lambda folder: ["apache2", "-f", folder / "settings", "-DFOREGROUND"]
    ),
    "HAProxy": _served("haproxy", _HAPROXY, lambda folder: ["haproxy", "-db", "-f", folder / "settings"]),
    "Mosquitto": _served("mosquitto", _MOSQUITTO, lambda folder: ["mosquitto", "-c", folder / "settings"]),
}
