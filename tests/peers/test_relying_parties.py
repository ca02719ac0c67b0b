"""Relying parties that others have written judge our certificates by our CRLs and OCSP answers.

For every key algorithm that a relying party knows: of three certificates with P-256 keys one is good, one
revoked, one on hold; a fourth is good and has a key of that algorithm itself. Lists and answers come over
HTTP from our own applications where it can fetch them, else as files.
"""

import subprocess
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest

from certwright.core.keys import KeyAlgorithm
from certwright.core.revocation import Reason
from tests.lengths import mostly_full
from tests.peers.conftest import Worlds
from tests.peers.judging import EXPECTED, SECONDS, judged, openssl_ocsp, openssl_verify, run
from tests.peers.world import NAMES, World
from tests.peers.world import world as make_world
from tests.real.debian13 import Debian13, Unobtainable, debian13
from tests.real.environments import ToolMissing, tool
from tests.real.packages import need

HERE = Path(__file__).parent

RSA = [one for one in KeyAlgorithm if one.startswith("rsa")]
ECDSA = [one for one in KeyAlgorithm if one.startswith("ecdsa")]
ML_DSA = [one for one in KeyAlgorithm if one.startswith("ml-dsa")]
CLASSICAL = [one for one in KeyAlgorithm if one not in ML_DSA]


def lists(world: World) -> Path:
    """Root's and issuing authority's lists in one PEM file."""
    path = world.folder / "all.crl.pem"
    path.write_bytes(b"".join((world.folder / f"{one}.crl.pem").read_bytes() for one in ("root", "issuing")))
    return path


# -- OpenSSL 3.0 -----------------------------------------------------------------------------------


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


@pytest.mark.full
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


@pytest.mark.parametrize("algorithm", mostly_full(CLASSICAL, KeyAlgorithm.RSA_2048, KeyAlgorithm.ECDSA_P256))
def test_java(
    worlds: Worlds, java: Callable[[World, str, list[str]], list[str]], algorithm: KeyAlgorithm
) -> None:
    """The issuing authority's own status is asked too, of the root."""
    world = worlds[algorithm]
    for mode in ("ocsp", "crl"):
        assert java(world, mode, list(NAMES)) == list(EXPECTED.values())


KEYTOOL = {
    KeyAlgorithm.RSA_2048: ("-keyalg", "RSA", "-keysize", "2048"),
    KeyAlgorithm.ECDSA_P384: ("-keyalg", "EC", "-groupname", "secp384r1"),
    KeyAlgorithm.ED448: ("-keyalg", "Ed448"),
}


@pytest.mark.parametrize("algorithm", mostly_full(KEYTOOL, KeyAlgorithm.ECDSA_P384))
def test_keytool(worlds: Worlds, tmp_path: Path, algorithm: KeyAlgorithm) -> None:
    """A key and a request made by keytool; of what comes back only the root is taken without a check. The
    others are refused before it is there: nobody is asked, and that is a no."""
    need("openjdk-17-jdk-headless")
    world, name = worlds[algorithm], f"keytool-{algorithm}"
    store = ["-keystore", tmp_path / "store.p12", "-storepass", "password"]

    def keytool(command: str, *arguments: str | Path, of: str = "server", ends: int = 0) -> str:
        done = run(world, "keytool", command, *store, "-alias", of, *arguments)
        assert done.returncode == ends, done.stdout + done.stderr
        return done.stdout + done.stderr

    keytool("-genkeypair", *KEYTOOL[algorithm], "-dname", f"CN={name}.example.test")
    keytool("-certreq", "-ext", f"SAN=dns:{name}.example.test", "-file", tmp_path / "request.pem")
    row = world.issue(name, (tmp_path / "request.pem").read_bytes())
    reply = ["-importcert", "-trustcacerts", "-file", f"{name}.pem"]
    assert "Failed to establish chain from reply" in keytool(*reply, ends=1)
    between = ["-importcert", "-trustcacerts", "-file", "issuing.pem"]
    assert "Certificate was not added to keystore" in keytool(*between, of="issuing")
    keytool("-importcert", "-noprompt", "-file", "root.pem", of="root")
    assert "Certificate was added to keystore" in keytool(*between, of="issuing")
    assert "Certificate reply was installed in keystore" in keytool(*reply)
    assert "Certificate chain length: 3" in keytool("-list", "-v")

    printed = run(world, "keytool", "-printcert", "-file", f"{name}.pem").stdout
    assert f"Serial number: {int.from_bytes(row.serial):x}\n" in printed
    assert f"DNSName: {name}.example.test" in printed
    assert f"URIName: {world.ocsp_url}" in printed
    listed = run(world, "keytool", "-printcrl", "-file", "issuing.crl.pem").stdout
    assert world.rows["revoked"].serial.hex(":")[3:] in listed  # a zero at the very beginning is not printed


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


@pytest.mark.full
@pytest.mark.parametrize("algorithm", [one for one in KeyAlgorithm if one is not KeyAlgorithm.ED448])
def test_go(worlds: Worlds, go: Path, algorithm: KeyAlgorithm) -> None:
    world = worlds[algorithm]
    files = [f"{name}.pem" for name in NAMES]
    done = run(world, go, "root.pem", "issuing.pem", "issuing.crl.pem", *files)
    assert done.stdout.splitlines() == list(EXPECTED.values()), done.stderr


# -- Node, whose OpenSSL is 3.5: answers of ML-DSA -----------------------------------------------------


@pytest.fixture(scope="module")
def node() -> Path:
    try:
        return tool("node") / "node"
    except ToolMissing as error:
        pytest.skip(f"no Node from the package index: {error}")


@pytest.mark.parametrize("algorithm", ML_DSA)
def test_node_by_ocsp(worlds: Worlds, node: Path, algorithm: KeyAlgorithm) -> None:
    """A second reader of these answers beside OpenSSL's own program. One octet changed, and it refuses."""
    world = worlds[algorithm]
    pairs = [file for name in NAMES for file in (f"{name}.pem", answered(world, name))]
    done = run(world, node, HERE / "judge.mjs", "root.pem", "issuing.pem", *pairs)
    assert done.stdout.splitlines() == list(EXPECTED.values()), done.stderr
    answer = bytearray((world.folder / answered(world, "good")).read_bytes())
    signer = world.context.snapshot.signers_of[world.context.snapshot.issuing("issuing").id][0].certificate
    answer[answer.index(signer) - 100] ^= 1  # in the signature, which comes before the signer's certificate
    (world.folder / "changed.ocsp").write_bytes(answer)
    done = run(world, node, HERE / "judge.mjs", "root.pem", "issuing.pem", "good.pem", "changed.ocsp")
    assert done.stdout.splitlines() == ["the signature is wrong"], done.stderr


def answered(world: World, name: str) -> str:
    """The file with the answer to a request that OpenSSL makes."""
    made = ["-issuer", "issuing.pem", "-cert", f"{name}.pem", "-no_nonce", "-reqout", "request.der"]
    assert run(world, "openssl", "ocsp", *made).returncode == 0
    content = {"content-type": "application/ocsp-request"}
    request = (world.folder / "request.der").read_bytes()
    path = world.folder / f"{name}.ocsp"
    path.write_bytes(httpx.post(world.ocsp_url, content=request, headers=content).content)
    return path.name


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
