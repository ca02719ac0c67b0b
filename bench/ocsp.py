"""OCSP over HTTP with 1,000,000 live certificates: answers produced ahead, and signed live for a nonce.

Targets for one core: 30,000/s produced ahead with under 300 MB resident per process, 12,000/s signed live.
One serving process, 64 keep-alive connections; the rate of one core is what its CPU time per answer allows,
since load generator and whatever else runs share the cores. The floor of live answers is one P-256 signature;
beside stand nginx with a static file of the same size, and `openssl ocsp`, which opens a connection for each.
"""

import asyncio
import multiprocessing
import os
import secrets
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509 import ocsp

from bench._machine import TICKS, Load, installation, per_call, quick, resident, served, show, wrk
from bench._population import populate
from certwright.operations.context import Context
from certwright.operations.produce_ocsp import produce_ocsp
from certwright.site.configuration import Configuration
from certwright.site.wiring import open_context
from tests.core.toy_issuer import toy_issuer
from tests.real.packages import need
from tests.real.processes import Server, free_port, start

CERTIFICATES = 20_000 if quick() else 1_000_000
SECONDS = 2 if quick() else 10
ASKED = 20_000
OPENSSL_ENTRIES = 10_000
CONTENT = "application/ocsp-request"


# -- what is asked ---------------------------------------------------------------------------------


@dataclass(frozen=True)
class Population:
    """The authority's certificate and path, and serials to ask about."""

    issuer: bytes
    path: str
    serials: list[bytes]

    def requests(self, nonce: bool) -> list[bytes]:
        """Requests of one length, as pyca encodes the first of them."""
        certificate = x509.load_der_x509_certificate(self.issuer)
        marker, number = bytes(range(32)), self.serials[0]
        identifier = certificate.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
        builder = ocsp.OCSPRequestBuilder().add_certificate_by_hash(
            _sha1(certificate.subject.public_bytes()),
            identifier.digest,
            int.from_bytes(number, "big"),
            hashes.SHA1(),
        )
        if nonce:
            builder = builder.add_extension(x509.OCSPNonce(marker), critical=False)
        first = builder.build().public_bytes(serialization.Encoding.DER)
        return [
            first.replace(number, serial).replace(marker, secrets.token_bytes(32)) for serial in self.serials
        ]


def _sha1(octets: bytes) -> bytes:
    digest = hashes.Hash(hashes.SHA1())
    digest.update(octets)
    return digest.finalize()


@contextmanager
def posting(requests: list[bytes]) -> Iterator[str]:
    """A wrk script that posts these requests by turns."""
    size = len(requests[0])
    assert all(len(one) == size for one in requests)
    with tempfile.NamedTemporaryFile(suffix=".requests") as file:
        file.write(b"".join(requests))
        file.flush()
        yield f"""
local file = io.open("{file.name}", "rb")
local all = file:read("*a")
wrk.method = "POST"
wrk.headers["Content-Type"] = "{CONTENT}"
local turn = 0
request = function()
  turn = turn % {len(requests)} + 1
  return wrk.format(nil, nil, nil, all:sub((turn - 1) * {size} + 1, turn * {size}))
end
"""


def require_good(url: str, requests: list[bytes]) -> int:
    """A sample must be answered as good; the size of an answer."""
    with httpx.Client() as client:
        for request in requests[::1000]:
            body = client.post(url, content=request, headers={"content-type": CONTENT}).content
            answer = ocsp.load_der_ocsp_response(body)
            if answer.certificate_status is not ocsp.OCSPCertStatus.GOOD:
                raise SystemExit(f"{url} does not say good")
    return len(body)


# -- ours ------------------------------------------------------------------------------------------


def prepare(home: Path, found: "multiprocessing.Queue[Population]") -> None:
    """In a process of its own: put certificates on record and produce their answers."""

    async def work() -> None:
        async with open_context(Configuration.load(home), "bench") as context:
            found.put(await _populate(context, home))

    asyncio.run(work())


async def _populate(context: Context, home: Path) -> Population:
    generation = context.snapshot.issuing("issuing")
    serials = await populate(context, generation, CERTIFICATES)
    started = time.process_time()
    count = await produce_ocsp(context, generation, home / "ocsp")
    each = (time.process_time() - started) / count * 1e6
    size = sum(path.stat().st_size for path in (home / "ocsp").rglob("*.answers"))
    show(f"OCSP, producing {count} answers", CPU=f"{each:.0f} us each", file=f"{size / 1e6:.0f} MB")
    sample = secrets.SystemRandom().sample(serials, min(ASKED, len(serials)))
    return Population(generation.der, generation.path, sample)


def ours(configuration: Configuration, token: str, population: Population) -> int:
    """Load our server; the size of an answer."""
    size = 0
    for name, nonce, target, memory in (
        ("produced ahead", False, 30_000, " (target 300 MB)"),
        ("live with a nonce", True, 12_000, ""),
    ):
        requests = population.requests(nonce)
        with served(configuration, token, workers=1) as server, posting(requests) as script:
            url = f"http://127.0.0.1:{server.http}/ocsp/{population.path}"
            time.sleep(3)  # by then the answers are in use
            size = require_good(url, requests)
            wrk(url, script, 1)
            cpu = server.cpu_seconds()
            load = wrk(url, script, SECONDS)
            used = server.cpu_seconds() - cpu
            report(
                f"OCSP, {name}, {CERTIFICATES} certificates",
                load,
                used,
                floor() if nonce else None,
                target,
                resident=f"{resident(server.pid) * 1.048576:.0f} MB{memory}",
            )
    return size


def floor() -> float:
    """CPU microseconds of one P-256 signature."""
    key = ec.generate_private_key(ec.SECP256R1())
    return per_call(lambda: key.sign(bytes(300), ec.ECDSA(hashes.SHA256())))


def report(name: str, load: Load, used: float, base: float | None, target: int = 0, **more: object) -> float:
    """One line; the CPU microseconds of one answer."""
    each = used / load.requests * 1e6
    aimed = f" (target {target})" if target else ""
    ratio = {"floor": f"{base:.1f} us", "ratio": f"{each / base:.2f}"} if base else {}
    show(
        name,
        rate=f"{load.rate:.0f}/s",
        CPU=f"{each:.1f} us",
        of_one_core=f"{1e6 / each:.0f}/s{aimed}",
        **ratio,
        commits="0 each",
        p50=load.p50,
        p99=load.p99,
        errors=load.errors,
        **more,
    )
    return each


# -- others ----------------------------------------------------------------------------------------


def cpu_of(server: Server) -> float:
    """CPU seconds of a server's process group so far."""
    group, total = server.process.pid, 0
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                fields = (entry / "stat").read_text().rpartition(")")[2].split()
            except (FileNotFoundError, ProcessLookupError):
                continue
            if int(fields[2]) == group:
                total += int(fields[11]) + int(fields[12])
    return total / TICKS


def nginx(folder: Path, size: int) -> None:
    """A static file of the size of an answer, one worker process."""
    need("nginx-light")
    port = free_port()
    folder.chmod(0o755)
    (folder / "answer").write_bytes(os.urandom(size))
    (folder / "nginx.conf").write_text(
        f"daemon off; pid {folder}/pid; error_log stderr; user root; worker_processes 1;\n"
        "events { worker_connections 256; }\n"
        "http { access_log off; keepalive_requests 100000000; open_file_cache max=10;\n"
        f"server {{ listen 127.0.0.1:{port}; root {folder}; }} }}\n"
    )
    command = ["nginx", "-p", folder, "-c", folder / "nginx.conf"]
    with start(command, log=folder / "log", port=port) as server:
        url = f"http://127.0.0.1:{port}/answer"
        wrk(url, "", 1)
        cpu = cpu_of(server)
        load = wrk(url, "", SECONDS)
        report("nginx, a static file of that size", load, cpu_of(server) - cpu, None)


def openssl(folder: Path) -> None:
    """`openssl ocsp` over an index of its own; it signs each answer and keeps no connection."""
    issuer = toy_issuer()
    serials = [bytes([0x41]) + secrets.token_bytes(15) for _ in range(OPENSSL_ENTRIES)]
    pem, port = serialization.Encoding.PEM, free_port()
    (folder / "ca.pem").write_bytes(issuer.certificate.public_bytes(pem))
    key = issuer.key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    (folder / "key.pem").write_bytes(key)
    lines = [f"V\t361231235959Z\t\t{serial.hex().upper()}\tunknown\t/CN=host\n" for serial in serials]
    (folder / "index.txt").write_text("".join(lines))
    (folder / "index.txt.attr").write_text("unique_subject = no\n")
    signer = ["-CA", "ca.pem", "-rsigner", "ca.pem", "-rkey", "key.pem"]
    command = ["openssl", "ocsp", "-index", "index.txt", "-port", str(port), *signer, "-ndays", "1"]
    requests = Population(issuer.der, "", serials).requests(nonce=True)
    (folder / "request").write_bytes(requests[0])
    with start(command, log=folder / "log", folder=folder, ready="waiting for") as server:
        url = f"http://127.0.0.1:{port}/"
        require_good(url, requests)
        cpu = cpu_of(server)
        load = apache_bench(url, folder / "request")
        name = f"openssl ocsp, {OPENSSL_ENTRIES} certificates, with a nonce"
        report(name, load, cpu_of(server) - cpu, None)


def apache_bench(url: str, body: Path) -> Load:
    """Like `wrk`, with a new connection for each request."""
    limits = ["-t", str(SECONDS), "-n", "1000000", "-c", "4", "-q"]
    command = ["ab", *limits, "-p", str(body), "-T", CONTENT, url]
    text = subprocess.run(command, capture_output=True, text=True, check=True, timeout=SECONDS + 60).stdout

    def after(word: str) -> str:
        return next(line.split(word)[1].split()[0] for line in text.splitlines() if word in line)

    # it counts answers of another length as failed, and ECDSA signatures have several lengths
    failed = next((line for line in text.splitlines() if "(Connect:" in line), "")
    broken = [
        int(part.split(":")[1].strip(" )")) for part in failed.split(",") if part and "Length" not in part
    ]
    rate, requests = float(after("Requests per second:")), int(after("Complete requests:"))
    return Load(rate, requests, f"{after(' 50%')}ms", f"{after(' 99%')}ms", sum(broken))


def in_namespace(part: str) -> None:
    """A part of this bench in a network of its own: `openssl ocsp` listens on every address there is."""
    need("apache2-utils", "iproute2")  # here, since nothing can be installed from inside
    again = f"ip link set lo up && exec {sys.executable} -m bench.ocsp {part}"
    command = ["unshare", "--map-root-user", "--net", "sh", "-c", again]
    subprocess.run(command, check=True, stdin=subprocess.DEVNULL, timeout=SECONDS + 60)


def main() -> None:
    if sys.argv[1:] == ["openssl"]:
        with tempfile.TemporaryDirectory(prefix="certwright-bench-") as folder:
            openssl(Path(folder))
        return
    with installation("sqlite") as (configuration, token):
        context = multiprocessing.get_context("spawn")
        found: multiprocessing.Queue[Population] = context.Queue()
        process = context.Process(target=prepare, args=(configuration.home, found))
        process.start()
        population = found.get()
        process.join()
        size = ours(configuration, token, population)
    with tempfile.TemporaryDirectory(prefix="certwright-bench-") as folder:
        nginx(Path(folder), size)
    in_namespace("openssl")


if __name__ == "__main__":
    main()
