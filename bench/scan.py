"""The network scanner: endpoints a second of one client core, and a sweep of a /16 in which 1 % answers.

Targets: 8,000 a second with TLS 1.2, 4,000 with TLS 1.3, a sweep in 300 MB. nginx answers on the other core,
with a chain of two and P-256. Beside it stand asyncio with `ssl`, and a client on Go's crypto/tls where `go`
is installed. The floor is what nobody can go below: the system calls of one endpoint, for TLS 1.3 also its
key exchange and the decryption of one record.
"""

import asyncio
import json
import os
import shutil
import socket
import ssl
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import uvloop
from cryptography.hazmat.primitives.asymmetric import ec, mlkem, x448, x25519
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from bench._machine import per_call, quick, show
from certwright.core.egress import EgressPolicy
from certwright.plugins.discovery.network import NetworkSettings, NetworkSource
from certwright.ports import Scope, Sighting
from certwright.protocols.tls.hello import RANDOM_OCTETS, Ask, hello_record
from certwright.protocols.tls.keys import PrivateKeys, Shares
from certwright.protocols.tls.look import first_hello
from tests.real.packages import need
from tests.real.processes import free_port, start
from tests.real.tls_servers import Presented, present

NETWORK = "127.0.16.0/21" if quick() else "127.0.16.0/20"
ENDPOINTS = 2048 if quick() else 4096
SWEPT = "127.64.0.0/20" if quick() else "127.64.0.0/16"
ALIVE = 40 if quick() else 655
AT_ONCE = 50
TARGETS = {"1.2": 8000, "1.3": 4000}
NGINX = """
daemon off; master_process off; pid {folder}/nginx.pid; error_log stderr crit;
events {{ worker_connections 8192; }}
http {{
  access_log off; ssl_session_tickets off; keepalive_timeout 0;
  client_body_temp_path {folder}/1; proxy_temp_path {folder}/2; fastcgi_temp_path {folder}/3;
  uwsgi_temp_path {folder}/4; scgi_temp_path {folder}/5;
  ssl_certificate {chain}; ssl_certificate_key {key};
  server {{ listen 0.0.0.0:{old} ssl backlog=4096; ssl_protocols TLSv1.2; }}
  server {{ listen 0.0.0.0:{new} ssl backlog=4096; ssl_protocols TLSv1.3; }}
  server {{ {alive} ssl_protocols TLSv1.3; }}
}}
"""


@contextmanager
def nginx(folder: Path, presented: Presented) -> Iterator[dict[str, int]]:
    """Gives its ports: for TLS 1.2, for TLS 1.3, and that on which few addresses of SWEPT answer."""
    ports = {"1.2": free_port(), "1.3": free_port(), "swept": free_port()}
    names = [f"127.64.{number * 97 % 16}.{number * 193 % 255 + 1}" for number in range(ALIVE)]
    if not quick():
        names = [f"127.64.{number * 97 % 256}.{number * 193 % 255 + 1}" for number in range(ALIVE)]
    alive = "\n".join(f"listen {name}:{ports['swept']} ssl;" for name in dict.fromkeys(names))
    text = NGINX.format(
        folder=folder,
        chain=presented.whole,
        key=presented.key,
        old=ports["1.2"],
        new=ports["1.3"],
        alive=alive,
    )
    (folder / "nginx.conf").write_text(text)
    command = ["taskset", "-c", "1", "nginx", "-p", folder, "-c", folder / "nginx.conf"]
    with start(command, log=folder / "nginx.log", port=ports["1.3"], seconds=60):
        yield ports


# -- clients, each in a process of its own ---------------------------------------------------------


async def ours(port: int, network: str = NETWORK) -> int:
    settings = NetworkSettings(
        ports=str(port),
        concurrency=AT_ONCE,
        per_second=1e9,
        network_per_second=1e9,
        jitter=0,
        policy=EgressPolicy(allow_loopback=True),
    )
    chains = 0
    async for event in NetworkSource(settings).look(Scope((network,))):
        chains += isinstance(event, Sighting) and bool(event.chain)
    return chains


async def plain(port: int) -> int:
    """What anybody would write: asyncio, and a context of `ssl` that trusts everything."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    numbers, chains = iter(range(ENDPOINTS)), 0

    async def one_after_another() -> None:
        nonlocal chains
        for number in numbers:
            host = f"127.0.{16 + number // 256}.{number % 256}"
            _, writer = await asyncio.open_connection(host, port, ssl=context, server_hostname="localhost")
            chains += writer.get_extra_info("ssl_object").getpeercert(True) is not None
            writer.transport.abort()

    await asyncio.gather(*(one_after_another() for _ in range(AT_ONCE)))
    return chains


def floor(port: int) -> int:
    """The system calls of one endpoint after another: never two at the same time, and nothing understood."""
    random = os.urandom(RANDOM_OCTETS)
    hello = hello_record(first_hello(Ask(alpn=("h2", "http/1.1")), shares()).message(random))
    for number in range(ENDPOINTS):
        with socket.socket() as one:
            one.connect((f"127.0.{16 + number // 256}.{number % 256}", port))
            one.send(hello)
            one.recv(16_384)
    return ENDPOINTS


def shares() -> Shares:
    return Shares(
        PrivateKeys(
            x25519.X25519PrivateKey.generate(),
            x448.X448PrivateKey.generate(),
            ec.generate_private_key(ec.SECP256R1()),
            ec.generate_private_key(ec.SECP384R1()),
            ec.generate_private_key(ec.SECP521R1()),
            mlkem.MLKEM768PrivateKey.generate(),
            mlkem.MLKEM1024PrivateKey.generate(),
        )
    )


def arithmetic() -> float:
    """Microseconds that TLS 1.3 costs its client whatever it is written in: one exchange, one record."""
    key, other = x25519.X25519PrivateKey.generate(), x25519.X25519PrivateKey.generate().public_key()
    cipher, nonce = AESGCM(bytes(16)), bytes(12)
    sealed = cipher.encrypt(nonce, bytes(1200), b"")
    return per_call(lambda: key.exchange(other)) + per_call(lambda: cipher.decrypt(nonce, sealed, b""))


CLIENTS = {
    "ours": lambda port: uvloop.run(ours(port)),
    "ours-swept": lambda port: uvloop.run(ours(port, SWEPT)),
    "plain": lambda port: asyncio.run(plain(port)),
    "floor": floor,
}


def client(name: str, port: int) -> dict[str, float]:
    """Its numbers, measured by itself on the first core."""
    command = ["taskset", "-c", "0", sys.executable, "-m", "bench.scan", name, str(port)]
    text = subprocess.run(command, check=True, capture_output=True, text=True, timeout=600).stdout
    numbers: dict[str, float] = json.loads(text.splitlines()[-1])
    return numbers


def measure(name: str, port: int) -> None:
    wall, processor = time.perf_counter(), time.process_time()
    found = CLIENTS[name](port)
    wall, processor = time.perf_counter() - wall, time.process_time() - processor
    rows = Path("/proc/self/status").read_text().splitlines()
    peak = next(int(row.split()[1]) * 1024 / 1e6 for row in rows if row.startswith("VmHWM"))
    print(json.dumps({"found": found, "wall": wall, "cpu": processor, "peak": peak}))


def go_client(folder: Path, port: int) -> dict[str, float] | None:
    """The same with Go's crypto/tls, which most scanners use; None where `go` is not installed."""
    go = shutil.which("go") or shutil.which("/usr/local/go/bin/go")
    if go is None:
        return None
    program = folder / "scan"
    if not program.exists():
        environment = {**os.environ, "GO111MODULE": "off"}
        source = Path(__file__).with_name("scan_peer.go")
        build = [go, "build", "-o", str(program), str(source)]
        subprocess.run(build, check=True, env=environment, timeout=280)
    command = ["taskset", "-c", "0", str(program), str(port), str(ENDPOINTS), str(AT_ONCE)]
    text = subprocess.run(
        command,
        check=True,
        capture_output=True,
        text=True,
        env={**os.environ, "GOMAXPROCS": "1"},
        timeout=600,
    ).stdout
    numbers: dict[str, float] = json.loads(text)
    return numbers


def tell(version: str, port: int, folder: Path) -> None:
    base = min(client("floor", port)["cpu"] for _ in range(3)) / ENDPOINTS * 1e6
    base += arithmetic() if version == "1.3" else 0.0
    best = min((client("ours", port) for _ in range(3)), key=lambda one: one["cpu"])
    if best["found"] != ENDPOINTS:
        raise SystemExit(f"{best['found']} chains of {ENDPOINTS} were seen")
    cost = best["cpu"] / ENDPOINTS * 1e6
    others = {"asyncio with ssl": client("plain", port), "Go": go_client(folder, port)}
    show(
        f"network scanner, TLS {version}",
        rate=f"{best['found'] / best['wall']:.0f}/s with nginx on the other core",
        core=f"{1e6 / cost:.0f} endpoints a second of client CPU (target {TARGETS[version]})",
        CPU=f"{cost:.0f} us",
        floor=f"{base:.0f} us",
        ratio=f"{cost / base:.1f}",
        **{name: f"{one['cpu'] / ENDPOINTS * 1e6:.0f} us" for name, one in others.items() if one},
    )


def tell_sweep(port: int) -> None:
    done = client("ours-swept", port)
    places = 4096 if quick() else 65_536
    show(
        f"sweep of {SWEPT}, 1 % alive",
        rate=f"{places / done['wall']:.0f} places a second",
        CPU=f"{done['cpu'] / places * 1e6:.0f} us a place",
        found=f"{done['found']:.0f}",
        peak=f"{done['peak']:.0f} MB (target 300 MB)",
    )


def main() -> None:
    need("nginx-light")
    with tempfile.TemporaryDirectory(prefix="certwright-bench-") as name:
        folder = Path(name)
        with nginx(folder, present(folder / "chain")) as ports:
            for version in ("1.2", "1.3"):
                tell(version, ports[version], folder)
            tell_sweep(ports["swept"])


if __name__ == "__main__":
    if len(sys.argv) > 2:
        measure(sys.argv[1], int(sys.argv[2]))
    else:
        with suppress(KeyboardInterrupt):
            main()
