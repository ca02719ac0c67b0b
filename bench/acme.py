"""ACME, the whole flow: ES256 accounts, a new name each time, a real http-01 fetch, durable storage.

Target: 400 certificates a second on two cores, load program included. A client waits 50 ms before it asks
whether its challenge is fulfilled; real ones wait for seconds. The floor is the arithmetic of the flow: seven
verifications of requests, one of the CSR, one signature. With `--directory URL --root PEM --port N`
the same load goes to any other server on loopback.
"""

import argparse
import asyncio
import time

import uvloop
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec

from bench._acme_client import Client, Tokens
from bench._machine import installation, per_call, quick, served, show

ACCOUNTS = 64


async def load(directory: str, root: str, port: int, seconds: float) -> tuple[int, float]:
    """Certificates issued, and the seconds it took."""
    tokens = Tokens()
    server = await tokens.serve(port)
    clients = [Client(directory, root, tokens) for _ in range(ACCOUNTS)]
    await asyncio.gather(*(client.register() for client in clients))
    run, count = time.time_ns(), 0
    started = time.monotonic()
    end = started + seconds

    async def work(number: int, client: Client) -> None:
        nonlocal count
        turn = 0
        while time.monotonic() < end:
            turn += 1
            await client.certificate(f"h{run}-{number}-{turn}.localhost")
            count += 1

    await asyncio.gather(*(work(number, client) for number, client in enumerate(clients)))
    elapsed = time.monotonic() - started
    for client in clients:
        client.close()
    server.close()
    return count, elapsed


def floor() -> float:
    key, message, ecdsa = ec.generate_private_key(ec.SECP256R1()), bytes(500), ec.ECDSA(hashes.SHA256())
    signature, public = key.sign(message, ecdsa), key.public_key()
    return 8 * per_call(lambda: public.verify(signature, message, ecdsa)) + per_call(
        lambda: key.sign(message, ecdsa)
    )


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--directory")
    parser.add_argument("--root", default="")
    parser.add_argument("--port", type=int, default=5002)
    given = parser.parse_args()
    seconds = 2.0 if quick() else 10.0
    if given.directory:
        count, elapsed = uvloop.run(load(given.directory, given.root, given.port, seconds))
        show(f"ACME at {given.directory}", rate=f"{count / elapsed:.0f}/s")
        return
    base = floor()
    for kind in ("sqlite", "postgresql"):
        with installation(kind) as (configuration, token), served(configuration, token) as server:
            directory = f"https://localhost:{server.https}/acme/default/directory"
            root = str(server.home / "root.pem")
            uvloop.run(load(directory, root, given.port, 1.0))
            cpu, commits = server.cpu_seconds(), server.metric("certwright_ledger_commits_total")
            count, elapsed = uvloop.run(load(directory, root, given.port, seconds))
            cpu = (server.cpu_seconds() - cpu) / count * 1e6
            commits = server.metric("certwright_ledger_commits_total") - commits
        show(
            f"ACME with http-01, {kind}",
            rate=f"{count / elapsed:.0f}/s (target 400)",
            server_CPU=f"{cpu:.0f} us",
            floor=f"{base:.0f} us",
            ratio=f"{cpu / base:.2f}",
            commits=f"{commits / count:.2f} each",
        )


if __name__ == "__main__":
    main()
