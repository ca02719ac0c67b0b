"""Issuance over REST: durable, with audit, policy and lint on; 64 keep-alive connections.

Target: 4,000/s with a P-256 authority on SQLite and PostgreSQL, 2,000/s with RSA-2048. The floor is what no
server can go below: one verification of the request's signature and one signature.
"""

import json

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa

from bench._machine import installation, per_call, quick, served, show, wrk

CSRS = 500


def lua(token: str) -> str:
    """A wrk script that posts CSRs by turns."""
    bodies = []
    for number in range(CSRS):
        key = ec.generate_private_key(ec.SECP256R1())
        names = x509.SubjectAlternativeName([x509.DNSName(f"host{number}.example.test")])
        builder = x509.CertificateSigningRequestBuilder().subject_name(x509.Name([]))
        csr = builder.add_extension(names, False).sign(key, hashes.SHA256())
        text = csr.public_bytes(serialization.Encoding.PEM).decode()
        bodies.append(json.dumps({"csr": text, "profile": "tls-server", "authority": "issuing"}))
    rows = ",\n".join(json.dumps(body) for body in bodies)
    return f"""
wrk.method = "POST"
wrk.headers["Authorization"] = "Bearer {token}"
wrk.headers["Content-Type"] = "application/json"
local requests = {{ {rows} }}
local turn = 0
init = function()
  for number, body in ipairs(requests) do requests[number] = wrk.format(nil, nil, nil, body) end
end
request = function()
  turn = turn % #requests + 1
  return requests[turn]
end
"""


def floor(algorithm: str) -> float:
    """CPU microseconds of one P-256 verification and one signature of the authority's kind."""
    client = ec.generate_private_key(ec.SECP256R1())
    ecdsa, message = ec.ECDSA(hashes.SHA256()), bytes(600)
    signature, public = client.sign(message, ecdsa), client.public_key()
    verify = per_call(lambda: public.verify(signature, message, ecdsa))
    if algorithm.startswith("rsa"):
        key = rsa.generate_private_key(65537, int(algorithm[4:]))
        sign = per_call(lambda: key.sign(message, padding.PKCS1v15(), hashes.SHA256()), 200)
    else:
        sign = per_call(lambda: client.sign(message, ecdsa))
    return verify + sign


def main() -> None:
    seconds = 2 if quick() else 10
    for kind in ("sqlite", "postgresql"):
        for algorithm, target in (("ecdsa-p256", 4000), ("rsa-2048", 2000)):
            if algorithm == "rsa-2048" and kind == "postgresql" and quick():
                continue
            base = floor(algorithm)
            with (
                installation(kind, algorithm) as (configuration, token),
                served(configuration, token) as server,
            ):
                script = lua(token)
                url = f"https://127.0.0.1:{server.https}/api/v1/certificates"
                wrk(url, script, 1)
                cpu, commits = server.cpu_seconds(), server.metric("certwright_ledger_commits_total")
                load = wrk(url, script, seconds)
                cpu = (server.cpu_seconds() - cpu) / load.requests * 1e6
                commits = server.metric("certwright_ledger_commits_total") - commits
            show(
                f"REST issuance, {algorithm} authority, {kind}",
                rate=f"{load.rate:.0f}/s (target {target})",
                server_CPU=f"{cpu:.0f} us",
                floor=f"{base:.0f} us",
                ratio=f"{cpu / base:.2f}",
                commits=f"{commits / load.requests:.3f} each",
                p50=load.p50,
                p99=load.p99,
                errors=load.errors,
            )


if __name__ == "__main__":
    main()
