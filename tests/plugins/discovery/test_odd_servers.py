"""The network scanner before servers of OpenSSL that are set up in odd ways, and before nginx."""

import asyncio
import base64
import subprocess
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed448, ed25519, rsa

from certwright.ports import Sighting
from tests.plugins.discovery.looking import sighting, sightings
from tests.real.packages import need
from tests.real.processes import free_port, start
from tests.real.tls_servers import Key, Presented, p256, present, s_server

WEAK = ("-cipher", "ALL:@SECLEVEL=0")


def p384() -> Key:
    return ec.generate_private_key(ec.SECP384R1())


def rsa_of(bits: int) -> Callable[[], Key]:
    return lambda: rsa.generate_private_key(65537, bits)


def seen_at(port: int, **settings: Any) -> Sighting:
    return asyncio.run(sighting(f"127.0.0.1:{port}", prove=True, **settings))


# what the server is told, the key it has, and facts that must be told of it
ODD: dict[str, tuple[tuple[str, ...], Callable[[], Key], dict[str, Any]]] = {
    "TLS 1.0 with RSA": (("-tls1", *WEAK), rsa_of(2048), {"version": "TLSv1", "proved": True}),
    "TLS 1.0 with ECDSA": (("-tls1", *WEAK), p256, {"version": "TLSv1", "proved": True}),
    "TLS 1.1": (("-tls1_1", *WEAK), rsa_of(2048), {"version": "TLSv1.1", "proved": True}),
    "RSA key exchange": (
        ("-tls1_2", "-cipher", "AES128-SHA:@SECLEVEL=0"),
        rsa_of(2048),
        {"cipher": "TLS_RSA_WITH_AES_128_CBC_SHA", "version": "TLSv1.2"},
    ),
    "DHE only": (
        ("-tls1_2", "-cipher", "DHE-RSA-AES256-SHA"),
        rsa_of(2048),
        {"cipher": "TLS_DHE_RSA_WITH_AES_256_CBC_SHA", "dh_bits": 2048, "proved": True},
    ),
    "CBC with ECDSA": (
        ("-tls1_2", "-cipher", "ECDHE-ECDSA-AES256-SHA"),
        p384,
        {"cipher": "TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA", "proved": True},
    ),
    "DSA": (
        ("-tls1_2", "-cipher", "DHE-DSS-AES256-SHA:@SECLEVEL=0"),
        lambda: dsa.generate_private_key(1024),
        {"cipher": "TLS_DHE_DSS_WITH_AES_256_CBC_SHA", "proved": True},
    ),
    "RSA of 1024 bits": (WEAK, rsa_of(1024), {"version": "TLSv1.3", "proved": True}),
    "Ed25519": ((), ed25519.Ed25519PrivateKey.generate, {"version": "TLSv1.3", "proved": True}),
    "Ed448": (("-tls1_2",), ed448.Ed448PrivateKey.generate, {"version": "TLSv1.2", "proved": True}),
    "client certificate, TLS 1.3": (("-Verify", "1"), p256, {"client_certificate": True, "proved": True}),
    "client certificate, TLS 1.2": (("-tls1_2", "-Verify", "1"), p256, {"client_certificate": True}),
    "cookie": (("-stateless",), p256, {"version": "TLSv1.3", "proved": True}),
    "P-521 by another hello": (("-groups", "P-521"), p256, {"group": "secp521r1", "proved": True}),
    "X448 by another hello": (("-groups", "X448"), p256, {"group": "x448", "proved": True}),
    "brainpool": (("-tls1_2", "-groups", "brainpoolP256r1"), p256, {"group": "brainpoolP256r1"}),
    "ChaCha20": (
        ("-ciphersuites", "TLS_CHACHA20_POLY1305_SHA256"),
        p256,
        {"cipher": "TLS_CHACHA20_POLY1305_SHA256", "proved": True},
    ),
    "AES-256": (
        ("-ciphersuites", "TLS_AES_256_GCM_SHA384"),
        rsa_of(2048),
        {"cipher": "TLS_AES_256_GCM_SHA384", "proved": True},
    ),
    "a group of TLS 1.3 that we have not": (("-groups", "ffdhe2048"), p256, {}),
    "another protocol of ALPN": (("-alpn", "smb"), p256, {"version": "TLSv1.3", "proved": True}),
    "small records": (("-max_send_frag", "512"), p256, {"proved": True}),
}


@pytest.mark.parametrize("case", ODD)
def test_an_odd_server_shows_its_chain(case: str, tmp_path: Path) -> None:
    arguments, make, facts = ODD[case]
    presented = present(tmp_path / "chain", make=make)
    with s_server(presented, *arguments) as port:
        seen = seen_at(port)
    if not facts:
        assert seen.problem.startswith("the server ended the handshake")
        return
    assert seen.chain == presented.chain, seen.problem
    assert seen.facts.items() >= facts.items()


@pytest.mark.parametrize("version", ["-tls1_2", "-tls1_3"])
@pytest.mark.parametrize(("length", "shuffled"), [(1, False), (12, False), (12, True)])
def test_a_chain_is_told_as_it_is_presented(
    version: str, length: int, shuffled: bool, tmp_path: Path
) -> None:
    names = [f"host-{number}.example.test" for number in range(100)]
    presented = present(tmp_path / "chain", names, length, shuffled=shuffled)
    assert len(presented.chain) == length
    with s_server(presented, version) as port:
        assert seen_at(port).chain == presented.chain


def test_rsa_of_512_bits(tmp_path: Path) -> None:
    presented = present(tmp_path / "chain", length=1)
    made = [
        "openssl",
        "req",
        "-x509",
        "-newkey",
        "rsa:512",
        "-nodes",
        "-subj",
        "/CN=weak",
        "-out",
        presented.leaf,
    ]
    subprocess.run([*made, "-keyout", presented.key], check=True, capture_output=True)
    with s_server(presented, "-tls1_2", "-cipher", "AES128-SHA:@SECLEVEL=0") as port:
        seen = seen_at(port)
    assert len(seen.chain) == 1
    assert seen.facts["cipher"] == "TLS_RSA_WITH_AES_128_CBC_SHA"


@pytest.mark.parametrize("version", ["-tls1_2", "-tls1_3"])
def test_a_stapled_answer_is_told(version: str, tmp_path: Path) -> None:
    presented = present(tmp_path / "chain")
    response = tmp_path / "response.der"
    response.write_bytes(b"\x30\x03\x0a\x01\x03")  # tryLater, which nobody checks here
    with s_server(presented, version, "-status_file", response) as port:
        staple = seen_at(port).facts["staple"]
    assert base64.b64decode(str(staple)) == response.read_bytes()


def test_a_server_that_does_not_know_a_name_says_so(tmp_path: Path) -> None:
    presented = present(tmp_path / "chain")
    known = ("-servername", "known.example.test", "-servername_fatal", "-cert2", presented.leaf)
    with s_server(presented, *known, "-key2", presented.key) as port:
        there = f"127.0.0.1:{port}"
        assert asyncio.run(sighting(f"known.example.test@{there}")).chain
        other = asyncio.run(sighting(f"other.example.test@{there}"))
        assert other.problem == "the server ended the handshake: unrecognized_name"
        listed = asyncio.run(sightings("127.0.0.1", ports=str(port), names=("other.example.test",)))
        assert [(one.place.name, bool(one.chain)) for one in listed] == [("", True)]


# -- nginx -----------------------------------------------------------------------------------------


NGINX = """
daemon off;
pid {folder}/nginx.pid;
error_log stderr;
events {{}}
http {{
    access_log off;
    client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy; fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi;
    {servers}
}}
"""
HOST = """server {{
    listen 127.0.0.1:{port} ssl; server_name {name}; ssl_certificate {chain}; ssl_certificate_key {key};
}}"""


def test_nginx_has_a_certificate_for_each_name(tmp_path: Path) -> None:
    need("nginx-light")
    port = free_port()
    hosts: dict[str, Presented] = {
        name: present(tmp_path / name, (name,)) for name in ("one.example.test", "two.example.test")
    }
    lines = [HOST.format(port=port, name=name, chain=one.whole, key=one.key) for name, one in hosts.items()]
    (tmp_path / "nginx.conf").write_text(NGINX.format(folder=tmp_path, servers="\n".join(lines)))
    names = ("one.example.test", "two.example.test", "three.example.test")
    command = ["nginx", "-p", tmp_path, "-c", tmp_path / "nginx.conf"]
    with start(command, log=tmp_path / "nginx.log", port=port):
        seen = asyncio.run(sightings("127.0.0.1", ports=str(port), names=names))
    first, second = (hosts[name].chain for name in names[:2])
    found = [(one.place.name, one.chain) for one in seen]
    assert found == [("", first), (names[0], first), (names[1], second), (names[2], first)]
    assert {replace(one.place, name="") for one in seen} == {replace(seen[0].place)}
    assert {one.facts["alpn"] for one in seen} == {"http/1.1"}
