"""Lists and answers over HTTP, as relying parties and the caches before them ask for them."""

import base64
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import quote

import httpx
from cryptography import x509

from certwright.core.keys import KeyAlgorithm
from certwright.operations.publish_crl import ListTimes
from tests.peers.conftest import Worlds
from tests.peers.judging import EXPECTED, judged, run
from tests.peers.world import NAMES, World
from tests.real.packages import need
from tests.real.processes import free_port, start


def test_answers_to_get_requests(worlds: Worlds) -> None:
    world = worlds[KeyAlgorithm.ECDSA_P256]
    for name in NAMES:
        made = ["-issuer", "issuing.pem", "-cert", f"{name}.pem", "-no_nonce", "-reqout", "request.der"]
        assert run(world, "openssl", "ocsp", *made).returncode == 0
        request = base64.b64encode((world.folder / "request.der").read_bytes()).decode()
        for path in (quote(request, safe=""), request):
            answer = httpx.get(f"{world.ocsp_url}/{path}")
            (world.folder / "answer.der").write_bytes(answer.content)
            given = ["-respin", "answer.der", "-issuer", "issuing.pem", "-cert", f"{name}.pem"]
            trusted = ["-CAfile", "root.pem", "-verify_other", "issuing.pem"]
            done = run(world, "openssl", "ocsp", *given, *trusted)
            assert "Response verify OK" in done.stderr
            assert judged(done, f"{name}.pem: revoked") == EXPECTED[name]


def test_never_issued_and_foreign_serials(worlds: Worlds) -> None:
    world, other = worlds[KeyAlgorithm.ECDSA_P256], worlds[KeyAlgorithm.ECDSA_P384]
    trusted = ["-CAfile", "root.pem", "-verify_other", "issuing.pem"]
    asked = ["-issuer", "issuing.pem", "-serial", "0x" + "41" * 16, "-url", world.ocsp_url]
    done = run(world, "openssl", "ocsp", *asked, *trusted)
    assert "Response verify OK" in done.stderr
    assert f"0x{'41' * 16}: unknown" in done.stdout
    asked = ["-issuer", str(other.path("issuing")), "-cert", str(other.path("good")), "-url", world.ocsp_url]
    assert "unauthorized" in run(world, "openssl", "ocsp", *asked, *trusted).stdout


def test_a_cache_in_between(worlds: Worlds, tmp_path: Path) -> None:
    """nginx keeps lists and answers to GET, asks again by entity tag, and never gives out what is over."""
    need("nginx-light")
    world = worlds[KeyAlgorithm.ECDSA_P256]
    made = ["-issuer", "issuing.pem", "-cert", "good.pem", "-no_nonce", "-reqout", "cached.der"]
    run(world, "openssl", "ocsp", *made)
    request = (world.folder / "cached.der").read_bytes()
    ocsp_path = "/ocsp/" + world.generation_path()
    asked = f"{ocsp_path}/{quote(base64.b64encode(request).decode(), safe='')}"
    listed = f"/crl/{world.generation_path()}/0.crl"
    with nginx_in_front(world, tmp_path) as url:
        for path in (asked, listed):
            first, second = httpx.get(url + path), httpx.get(url + path)
            assert [one.headers["x-cache"] for one in (first, second)] == ["MISS", "HIT"]
            assert first.content == second.content
            again = httpx.get(url + path, headers={"if-none-match": first.headers["etag"]})
            assert (again.status_code, again.content) == (304, b"")
        content = {"content-type": "application/ocsp-request"}
        posted = [httpx.post(url + ocsp_path, content=request, headers=content) for _ in range(2)]
        assert [one.headers.get("x-cache") for one in posted] == ["MISS", "MISS"]
        world.publish("root", times=ListTimes(timedelta(seconds=3), timedelta(seconds=3)))
        path = f"/crl/{world.generation_path('root')}/0.crl"
        states = []
        for _ in range(50):
            answer = httpx.get(url + path)
            states.append((answer.status_code, answer.headers["x-cache"]))
            if answer.status_code == 503:
                break
            assert x509.load_der_x509_crl(answer.content).next_update_utc > datetime.now(UTC)
            time.sleep(0.1)
        world.publish("root", scheduled=True)
        assert (200, "HIT") in states
        assert states[-1][0] == 503


@contextmanager
def nginx_in_front(world: World, folder: Path) -> Iterator[str]:
    port = free_port()
    (folder / "cache").mkdir()
    folder.chmod(0o755)
    configuration = folder / "nginx.conf"
    configuration.write_text(f"""
daemon off;
pid {folder}/nginx.pid;
error_log stderr;
user root;
worker_processes 1;
events {{ worker_connections 64; }}
http {{
  access_log off;
  client_body_temp_path {folder}/body;
  proxy_temp_path {folder}/proxy;
  fastcgi_temp_path {folder}/fastcgi;
  uwsgi_temp_path {folder}/uwsgi;
  scgi_temp_path {folder}/scgi;
  proxy_cache_path {folder}/cache keys_zone=status:1m;
  server {{
    listen 127.0.0.1:{port};
    location / {{
      proxy_pass {world.url};
      proxy_cache status;
      proxy_cache_methods GET HEAD POST;
      proxy_cache_key $request_method$request_uri;
      proxy_cache_revalidate on;
      add_header x-cache $upstream_cache_status always;
    }}
  }}
}}
""")
    with start(["nginx", "-p", folder, "-c", configuration], log=folder / "nginx.log", port=port):
        yield f"http://127.0.0.1:{port}"
