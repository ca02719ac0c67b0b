"""Relying parties that others have written judge our certificates by our CRLs and OCSP answers.

For every key algorithm that a relying party knows: of three certificates one is good, one revoked, one on
hold. Lists and answers come over HTTP from our own applications where it can fetch them, else as files.
"""

import base64
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import quote

import httpx
import pytest
from cryptography import x509

from certwright.core.keys import KeyAlgorithm
from certwright.core.revocation import Reason
from certwright.operations.publish_crl import ListTimes
from tests.peers.conftest import Worlds
from tests.peers.world import NAMES, World
from tests.peers.world import world as make_world
from tests.real.debian13 import Debian13, Unobtainable, debian13
from tests.real.environments import ToolMissing, tool
from tests.real.packages import need
from tests.real.processes import free_port, start

HERE = Path(__file__).parent
SECONDS = 120

RSA = [one for one in KeyAlgorithm if one.startswith("rsa")]
ECDSA = [one for one in KeyAlgorithm if one.startswith("ecdsa")]
ML_DSA = [one for one in KeyAlgorithm if one.startswith("ml-dsa")]
CLASSICAL = [one for one in KeyAlgorithm if one not in ML_DSA]

EXPECTED = {"good": "good", "revoked": "revoked", "held": "revoked"}


def run(world: World, *command: str | Path, seconds: float = SECONDS) -> subprocess.CompletedProcess[str]:
    """A program, in the world's folder."""
    return subprocess.run(
        [str(one) for one in command],
        cwd=world.folder,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=seconds,
    )


def lists(world: World) -> Path:
    """Root's and issuing authority's lists in one PEM file."""
    path = world.folder / "all.crl.pem"
    path.write_bytes(b"".join((world.folder / f"{one}.crl.pem").read_bytes() for one in ("root", "issuing")))
    return path


def judged(done: subprocess.CompletedProcess[str], revoked: str) -> str:
    """Good when the program ended well; revoked when it says so in its own words; else all it said."""
    if done.returncode == 0 and revoked not in done.stdout + done.stderr:
        return "good"
    return "revoked" if revoked in done.stdout + done.stderr else done.stdout + done.stderr


# -- OpenSSL 3.0 -----------------------------------------------------------------------------------


def openssl_verify(world: World, name: str, *options: str) -> str:
    certificates = ["-CAfile", "root.pem", "-untrusted", "issuing.pem", f"{name}.pem"]
    return judged(run(world, "openssl", "verify", *options, *certificates), "certificate revoked")


def openssl_ocsp(world: World, name: str, *options: str) -> str:
    """`options` come before the certificate; the delegated signer's chain is built from root and issuer."""
    asked = ["-issuer", "issuing.pem", *options, "-cert", f"{name}.pem", "-url", world.ocsp_url]
    done = run(world, "openssl", "ocsp", *asked, "-CAfile", "root.pem", "-verify_other", "issuing.pem")
    assert "Response verify OK" in done.stderr
    assert "WARNING" not in done.stderr
    return judged(done, f"{name}.pem: revoked")


@pytest.mark.parametrize("algorithm", CLASSICAL)
def test_openssl_by_crl(worlds: Worlds, algorithm: KeyAlgorithm) -> None:
    world = worlds[algorithm]
    lists(world)
    for options in (
        ("-crl_check", "-CRLfile", "issuing.crl.pem"),
        ("-crl_check_all", "-CRLfile", "all.crl.pem"),
        ("-crl_check_all", "-CRLfile", "all.crl.pem", "-x509_strict"),
        ("-crl_check", "-crl_download"),
    ):
        assert {name: openssl_verify(world, name, *options) for name in NAMES} == EXPECTED


@pytest.mark.parametrize("algorithm", CLASSICAL)
def test_openssl_by_ocsp(worlds: Worlds, algorithm: KeyAlgorithm) -> None:
    world = worlds[algorithm]
    for options in ((), ("-no_nonce",), ("-sha256",), ("-sha256", "-no_nonce")):
        assert {name: openssl_ocsp(world, name, *options) for name in NAMES} == EXPECTED


# -- OpenSSL 3.5, for ML-DSA -----------------------------------------------------------------------


@pytest.fixture(scope="module")
def newer() -> Debian13:
    try:
        return debian13("openssl")
    except Unobtainable as error:
        pytest.skip(f"no Debian 13 for OpenSSL 3.5: {error}")


def newer_openssl(newer: Debian13, world: World, *arguments: str) -> subprocess.CompletedProcess[str]:
    files = {path.name: path.read_bytes() for path in world.folder.glob("*.pem")}
    return newer.run("openssl", *arguments, files=files)


@pytest.mark.parametrize("algorithm", [*ML_DSA, KeyAlgorithm.ED448])
def test_newer_openssl(worlds: Worlds, newer: Debian13, algorithm: KeyAlgorithm) -> None:
    world = worlds[algorithm]
    lists(world)
    chain = ["-CAfile", "root.pem", "-untrusted", "issuing.pem"]
    for name in NAMES:
        options = ["-crl_check_all", "-CRLfile", "all.crl.pem", "-x509_strict"]
        done = newer_openssl(newer, world, "verify", *options, *chain, f"{name}.pem")
        assert judged(done, "certificate revoked") == EXPECTED[name]
        asked = ["-issuer", "issuing.pem", "-cert", f"{name}.pem", "-url", world.ocsp_url]
        trusted = ["-CAfile", "root.pem", "-verify_other", "issuing.pem"]
        done = newer_openssl(newer, world, "ocsp", *asked, *trusted)
        assert "Response verify OK" in done.stderr
        assert judged(done, f"{name}.pem: revoked") == EXPECTED[name]


# -- GnuTLS ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("algorithm", CLASSICAL)
def test_gnutls(worlds: Worlds, algorithm: KeyAlgorithm) -> None:
    need("gnutls-bin")
    world = worlds[algorithm]
    lists(world)
    for name in NAMES:
        chain = world.folder / f"{name}-chain.pem"
        chain.write_bytes(world.path(name).read_bytes() + world.path("issuing").read_bytes())
        given = ["--load-ca-certificate", "root.pem", "--load-crl", "all.crl.pem", "--infile", chain.name]
        assert judged(run(world, "certtool", "--verify", *given), "chain is revoked") == EXPECTED[name]
        asked = ["--load-cert", f"{name}.pem", "--load-issuer", "issuing.pem", "--load-trust", "issuing.pem"]
        for nonce in ("--nonce", "--no-nonce"):
            done = run(world, "ocsptool", f"--ask={world.ocsp_url}", *asked, nonce)
            assert done.returncode == 0
            assert "Verifying OCSP Response: Success" in done.stdout + done.stderr
            assert judged(done, "Certificate Status: revoked") == EXPECTED[name]


# -- NSS: RSA and ECDSA ----------------------------------------------------------------------------


@pytest.mark.parametrize("algorithm", [*RSA, *ECDSA])
def test_nss(worlds: Worlds, algorithm: KeyAlgorithm) -> None:
    need("libnss3-tools")
    world = worlds[algorithm]
    database = ["-d", f"sql:{nss_database(world)}"]
    wanted = "has been revoked"
    for name in NAMES:
        by_list = run(world, "certutil", "-V", *database, "-n", name, "-u", "V", "-e", "-l")
        assert judged(by_list, wanted) == EXPECTED[name]
        ask = ["-pp", "-u", "1", "-g", "leaf", "-m", "ocsp", "-s", "requireInfo"]
        by_ocsp = run(
            world, "vfychain", *database, *ask, "-a", f"{name}.pem", "issuing.pem", "-t", "root.pem"
        )
        assert judged(by_ocsp, wanted) == EXPECTED[name]


def nss_database(world: World) -> Path:
    """Root, issuing authority, certificates and lists, as a browser has them."""
    folder = world.folder / "nss"
    if folder.exists():
        return folder
    folder.mkdir()
    database = ["-d", f"sql:{folder}"]
    commands = [["certutil", "-N", *database, "--empty-password"]]
    for name, trust in (("root", "CT,C,C"), *((one, ",,") for one in ("issuing", *NAMES))):
        commands.append(["certutil", "-A", *database, "-n", name, "-t", trust, "-a", "-i", f"{name}.pem"])
    commands += [["crlutil", "-I", *database, "-t", "1", "-i", f"{one}.crl"] for one in ("root", "issuing")]
    for command in commands:
        done = run(world, *command)
        assert done.returncode == 0, done.stderr
    return folder


# -- Java ------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def java(tmp_path_factory: pytest.TempPathFactory) -> Callable[[World, str, list[str]], list[str]]:
    """Judge.java, compiled; called with a mode and names it gives a verdict for each."""
    need("openjdk-17-jdk-headless")
    classes = tmp_path_factory.mktemp("classes")
    subprocess.run(["javac", "-d", classes, HERE / "Judge.java"], check=True, timeout=SECONDS)

    def judge(world: World, mode: str, names: list[str]) -> list[str]:
        settings = ["-Dcom.sun.security.enableCRLDP=true", "-Djdk.security.certpath.ocspNonce=true"]
        files = [f"{name}.pem" for name in names]
        done = run(world, "java", *settings, "-cp", classes, "Judge", mode, "root.pem", "issuing.pem", *files)
        assert done.returncode == 0, done.stderr
        verdicts = done.stdout.splitlines()
        return ["revoked" if one.startswith("REVOKED ") else one for one in verdicts]

    return judge


@pytest.mark.parametrize("algorithm", CLASSICAL)
def test_java(
    worlds: Worlds, java: Callable[[World, str, list[str]], list[str]], algorithm: KeyAlgorithm
) -> None:
    """The issuing authority's own status is asked too, of the root."""
    world = worlds[algorithm]
    for mode in ("ocsp", "crl"):
        assert java(world, mode, list(NAMES)) == list(EXPECTED.values())


# -- Go, ML-DSA too --------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def go(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """judge.go, compiled."""
    try:
        compiler = tool("go") / "go"
    except ToolMissing as error:
        pytest.skip(f"no Go from the package index: {error}")
    folder = tmp_path_factory.mktemp("go")
    environment = {
        "HOME": str(folder),
        "PATH": "/usr/bin:/bin",
        "GOFLAGS": "-mod=mod",
        "GOTOOLCHAIN": "local",
        "GO111MODULE": "off",
        "GOCACHE": str(tool("go").parent / "cache"),
    }
    command = [compiler, "build", "-o", folder / "judge", HERE / "judge.go"]
    subprocess.run(command, env=environment, check=True, timeout=300)
    return folder / "judge"


@pytest.mark.parametrize("algorithm", [one for one in KeyAlgorithm if one is not KeyAlgorithm.ED448])
def test_go(worlds: Worlds, go: Path, algorithm: KeyAlgorithm) -> None:
    world = worlds[algorithm]
    files = [f"{name}.pem" for name in NAMES]
    done = run(world, go, "root.pem", "issuing.pem", "issuing.crl.pem", *files)
    assert done.stdout.splitlines() == list(EXPECTED.values()), done.stderr


# -- in time: hold, release, deltas, shards --------------------------------------------------------


def test_hold_and_release_are_seen(worlds: Worlds) -> None:
    world = worlds[KeyAlgorithm.ECDSA_P256]
    world.issue("lifted")
    by_list = ("-crl_check", "-CRLfile", "issuing.crl.pem")
    for act, expected in (
        (lambda: None, "good"),
        (lambda: world.revoke("lifted", Reason.CERTIFICATE_HOLD), "revoked"),
        (lambda: world.release("lifted"), "good"),
        (lambda: world.revoke("lifted", Reason.CERTIFICATE_HOLD), "revoked"),
        (lambda: world.revoke("lifted", Reason.SUPERSEDED), "revoked"),
    ):
        act()
        world.publish()
        assert openssl_ocsp(world, "lifted") == expected
        assert openssl_verify(world, "lifted", *by_list) == expected


def test_deltas_on_top_of_their_base(worlds: Worlds) -> None:
    world = worlds[KeyAlgorithm.ECDSA_P384]
    for name in ("late", "lifted"):
        world.issue(name)
    world.revoke("lifted", Reason.CERTIFICATE_HOLD)
    world.publish(scheduled=True)
    base = (world.folder / "issuing.crl.pem").read_bytes()
    (world.folder / "base.crl.pem").write_bytes(base)
    world.revoke("late", Reason.KEY_COMPROMISE)
    world.release("lifted")
    world.publish()
    delta = (world.folder / "issuing-delta.crl.pem").read_bytes()
    (world.folder / "both.crl.pem").write_bytes(base + delta)
    alone = ("-crl_check", "-CRLfile", "base.crl.pem")
    together = ("-crl_check", "-CRLfile", "both.crl.pem", "-use_deltas", "-extended_crl")
    expected = {"late": ("good", "revoked"), "lifted": ("revoked", "good"), "good": ("good", "good")}
    for name, verdicts in expected.items():
        assert (openssl_verify(world, name, *alone), openssl_verify(world, name, *together)) == verdicts


def test_the_freshest_list_is_where_the_list_says(worlds: Worlds) -> None:
    world = worlds[KeyAlgorithm.ECDSA_P256]
    text = run(world, "openssl", "crl", "-in", "issuing.crl.pem", "-noout", "-text").stdout
    freshest = text.split("X509v3 Freshest CRL:")[1].split("URI:")[1].split()[0]
    found = httpx.get(freshest)
    assert found.headers["content-type"] == "application/pkix-crl"
    (world.folder / "fetched.crl").write_bytes(found.content)
    told = run(world, "openssl", "crl", "-in", "fetched.crl", "-inform", "DER", "-noout", "-text").stdout
    assert "X509v3 Delta CRL Indicator: critical" in told


def test_shards(java: Callable[[World, str, list[str]], list[str]], tmp_path: Path) -> None:
    """Each certificate names its own shard's list; another shard's speaks of other certificates."""
    with make_world(KeyAlgorithm.ECDSA_P256, tmp_path, crl_shards=3) as world:
        for number in range(12):
            world.issue(f"host{number}")
        assert {row.crl_shard for row in world.rows.values()} == {0, 1, 2}
        for number in range(0, 12, 2):
            world.revoke(f"host{number}", Reason.SUPERSEDED)
        for shard in range(3):
            world.publish(shard=shard, scheduled=True)
            (tmp_path / "issuing.crl.pem").rename(tmp_path / f"shard{shard}.crl.pem")
        names = [f"host{number}" for number in range(12)]
        expected = ["good" if number % 2 else "revoked" for number in range(12)]
        assert [openssl_verify(world, name, "-crl_check", "-crl_download") for name in names] == expected
        assert java(world, "crl", names) == expected
        for name in names:
            shard = world.rows[name].crl_shard
            other = f"shard{(shard + 1) % 3}.crl.pem"
            verdict = openssl_verify(world, name, "-crl_check", "-extended_crl", "-CRLfile", other)
            assert "different CRL scope" in verdict or "unable to get certificate CRL" in verdict


# -- over HTTP -------------------------------------------------------------------------------------


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
