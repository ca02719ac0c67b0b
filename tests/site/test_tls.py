"""TLS as real clients see it: what is spoken, whose certificates are taken, and certificates exchanged."""

import hashlib
import socket
import ssl
import subprocess
from pathlib import Path

import httpx
import pytest

from certwright.core.errors import Malformed
from certwright.site.listeners import TlsMaterial, mtls_context, tls_context
from tests.site.certificates import issue
from tests.site.running import Site, running, until


def openssl(site: Site, listener: str, *options: str | Path) -> str:
    """One request by `openssl s_client`; its output and the server's answer."""
    request = b"POST /echo HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
    command = ["openssl", "s_client", "-connect", f"localhost:{site.ports[listener]}", "-CAfile"]
    command += [str(site.home / "root.pem"), "-verify_return_error", "-ign_eof", *map(str, options)]
    run = subprocess.run(command, input=request, capture_output=True, timeout=20, check=False)
    return (run.stdout + run.stderr).decode()


def fingerprint(site: Site, name: str) -> str:
    pem = (site.home / f"{name}.pem").read_text().partition("-----END CERTIFICATE-----")
    return hashlib.sha256(ssl.PEM_cert_to_DER_cert(pem[0] + pem[1])).hexdigest()


@pytest.mark.parametrize("version", ["-tls1_2", "-tls1_3"])
def test_current_versions_are_spoken(site: Site, version: str) -> None:
    output = openssl(site, "https", version, "-alpn", "h2,http/1.1")
    assert "HTTP/1.1 200 OK" in output
    assert "ALPN protocol: http/1.1" in output


@pytest.mark.parametrize("options", [("-tls1_1",), ("-tls1_2", "-cipher", "AES128-GCM-SHA256:AES256-SHA")])
def test_old_versions_and_ciphers_are_not(site: Site, options: tuple[str, ...]) -> None:
    assert "HTTP/1.1" not in openssl(site, "https", "-cipher", "ALL:@SECLEVEL=0", *options)


@pytest.mark.parametrize("version", ["-tls1_2", "-tls1_3"])
@pytest.mark.parametrize("name", ["client", "expired"])
def test_a_client_certificate_is_handed_on_even_when_expired(site: Site, name: str, version: str) -> None:
    files = site.home / f"{name}.pem", site.home / f"{name}.key"
    output = openssl(site, "mtls", version, "-cert", files[0], "-key", files[1], "-cert_chain", files[0])
    assert f'"certificates": ["{fingerprint(site, name)}"' in output


def test_the_chain_is_handed_on_with_it(site: Site) -> None:
    with httpx.Client(verify=site.trust("client"), timeout=60) as client:
        for _ in range(2):
            shown = client.post(site.url("mtls", "/echo")).json()["certificates"]
            assert shown[0] == fingerprint(site, "client")
            assert len(shown) >= 2


def test_no_certificate_is_fine_and_a_strange_one_is_not(site: Site) -> None:
    without = httpx.post(site.url("mtls", "/echo"), verify=site.trust(), timeout=60)
    assert without.json()["certificates"] == []
    with pytest.raises((httpx.ReadError, httpx.ConnectError, httpx.RemoteProtocolError)):
        httpx.post(site.url("mtls", "/echo"), verify=site.trust("stranger"), timeout=60)


def test_the_other_listener_asks_for_none(site: Site) -> None:
    answer = httpx.post(site.url("https", "/echo"), verify=site.trust("client"), timeout=60)
    assert answer.json()["certificates"] == []


def test_a_header_is_no_certificate(site: Site) -> None:
    """Without configured proxies nobody is believed."""
    headers = {"Client-Cert": ":AAAA:", "X-Forwarded-For": "192.0.2.1"}
    answer = httpx.post(site.url("mtls", "/echo"), headers=headers, verify=site.trust(), timeout=60).json()
    assert (answer["certificates"], answer["client"]) == ([], "127.0.0.1")


def test_a_renewed_certificate_is_served_without_a_restart(tmp_path: Path) -> None:
    """Connections under way go on, and none is refused meanwhile."""
    with running(tmp_path / "home") as site, httpx.Client(verify=site.trust(), timeout=60) as kept:
        before = kept.post(site.url("https", "/echo")).json()["process"]
        renewed = issue("renewed", site.root)
        (site.home / "renewed.key").write_bytes(renewed.key_pem)
        (site.home / "renewed.part").write_bytes(renewed.certificate_pem)
        (site.home / "renewed.part").rename(site.home / "renewed.pem")
        for listener in ("https", "mtls"):
            until(lambda listener=listener: _shown(site, listener) == renewed.der)
        assert kept.post(site.url("https", "/echo")).json()["process"] == before


def _shown(site: Site, listener: str) -> bytes | None:
    context = site.trust()
    with (
        socket.create_connection(("127.0.0.1", site.ports[listener]), timeout=60) as plain,
        context.wrap_socket(plain, server_hostname="localhost") as tls,
    ):
        return tls.getpeercert(binary_form=True)


def test_material_that_does_not_fit_is_refused() -> None:
    good, other = issue("one"), issue("two")
    with pytest.raises(Malformed, match="KEY_VALUES_MISMATCH"):
        tls_context(TlsMaterial(good.certificate_pem, other.key_pem))
    with pytest.raises(Malformed, match="cannot be used"):
        tls_context(TlsMaterial(b"", b""))
    with pytest.raises(Malformed, match="anchor"):
        mtls_context(TlsMaterial(good.certificate_pem, good.key_pem, (b"no certificate",)))


def test_the_key_is_not_shown() -> None:
    identity = issue("one")
    assert "PRIVATE" not in repr(TlsMaterial(identity.certificate_pem, identity.key_pem))
