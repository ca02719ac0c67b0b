"""`certwright issue` and `certwright renew`, on this machine."""

import hashlib
import stat
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.x509.verification import PolicyBuilder, Store

from certwright.cli import files
from certwright.cli.requests import make_csr, make_key
from certwright.core import keys
from certwright.core.distinguished_name import parse_name
from certwright.core.keys import KeyAlgorithm
from certwright.core.names import parse_identifier
from tests.cli.conftest import Shell

NAMES = ("--dns", "www.example.test", "--dns", "example.test", "--ip", "192.0.2.1")


def leaf(folder: Path) -> x509.Certificate:
    return x509.load_pem_x509_certificate((folder / "certificate.pem").read_bytes())


def key_of(folder: Path) -> bytes:
    key = serialization.load_pem_private_key((folder / "key.pem").read_bytes(), None)
    return key.public_key().public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )


def spki(certificate: x509.Certificate) -> bytes:
    return certificate.public_key().public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )


def csr_file(folder: Path, *names: str, subject: str = "") -> Path:
    algorithm = KeyAlgorithm.ECDSA_P256
    identifiers = [parse_identifier("dns", name) for name in names]
    path = folder / "request.pem"
    path.write_bytes(make_csr(make_key(algorithm), algorithm, parse_name(subject), identifiers))
    return path


def certificates(shell: Shell) -> int:
    return len(shell.gives("certificates")["certificates"])


def test_a_key_is_made_and_a_relying_party_believes_the_chain(shell: Shell) -> None:
    said = shell.does("issue", "--profile", "tls-server", *NAMES)
    folder = shell.folder / "www.example.test"
    assert said.startswith("Issued a tls-server certificate\n")
    assert sorted(path.name for path in folder.iterdir()) == [
        "certificate.pem",
        "chain.pem",
        "fullchain.pem",
        "key.pem",
    ]
    assert stat.S_IMODE((folder / "key.pem").stat().st_mode) == 0o600
    assert key_of(folder) == spki(leaf(folder))
    anchors = Store(x509.load_pem_x509_certificates((shell.home / "root.pem").read_bytes()))
    chain = x509.load_pem_x509_certificates((folder / "chain.pem").read_bytes())
    verifier = PolicyBuilder().store(anchors).build_server_verifier(x509.DNSName("www.example.test"))
    assert len(verifier.verify(leaf(folder), chain)) == 3
    full = (folder / "fullchain.pem").read_bytes()
    assert full == (folder / "certificate.pem").read_bytes() + (folder / "chain.pem").read_bytes()


@pytest.mark.parametrize("algorithm", [name for name in KeyAlgorithm if name not in {"rsa-3072", "rsa-4096"}])
def test_keys_of_every_algorithm(algorithm: KeyAlgorithm, shell: Shell) -> None:
    document = shell.gives(
        "issue",
        "--profile",
        "tls-client",
        "--subject",
        "CN=a client,O=Example",
        "--algorithm",
        algorithm,
        "--out",
        "x",
    )
    assert document["key_algorithm"] == algorithm
    assert document["files"]["key"] == "x/key.pem"
    assert key_of(shell.folder / "x") == spki(leaf(shell.folder / "x"))


def test_every_kind_of_name(shell: Shell) -> None:
    names = (
        "--email",
        "a@example.test",
        "--uri",
        "https://example.test/x",
        "--upn",
        "a@EXAMPLE",
        "--dns",
        "a.test",
    )
    document = shell.gives("issue", "--profile", "tls-client", "--subject", "CN=a", *names, "--days", "3")
    shown = shell.gives("show", document["fingerprint"])
    assert sorted(shown["names"]) == [
        "dns:a.test",
        "email:a@example.test",
        "upn:a@EXAMPLE",
        "uri:https://example.test/x",
    ]
    assert shown["requester"].startswith("local:")


def test_a_request_is_taken_and_no_key_is_made(shell: Shell) -> None:
    request = csr_file(shell.folder, "from-csr.test")
    document = shell.gives("issue", "--profile", "tls-server", "--csr", request)
    assert "key" not in document["files"]
    assert document["files"]["certificate"] == "from-csr.test/certificate.pem"
    assert document["replaced"] == []


def test_names_given_besides_a_request_stand_in_place_of_its_own_and_that_is_told(shell: Shell) -> None:
    request = csr_file(shell.folder, "kept.test", "lost.test", subject="CN=lost")
    order = (
        "issue",
        "--profile",
        "tls-server",
        "--csr",
        request,
        "--dns",
        "other.test",
        "--dns",
        "kept.test",
    )
    other = shell.gives(*order)
    assert sorted(shell.gives("show", other["fingerprint"])["names"]) == ["dns:kept.test", "dns:other.test"]
    assert other["replaced"] == ["dns:lost.test"]
    line = next(one for one in shell.does(*order, "--preview").splitlines() if "not as in the CSR" in one)
    assert line.split("  ")[-1] == "dns:lost.test"
    assert shell.gives(*order, "--subject", "CN=new", "--preview")["replaced"] == ["dns:lost.test", "CN=lost"]


def test_what_is_no_request_is_named(shell: Shell) -> None:
    (shell.folder / "README.md").write_text("# Read me\n")
    for order in (
        ("issue", "--profile", "tls-server", "--csr", "README.md"),
        ("authority", "sign-csr", "README.md", "--parent", "root"),
    ):
        assert shell.refuses(*order) == "README.md: not a PKCS #10 request in DER or PEM"


def test_a_request_on_standard_input(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    import io

    content = csr_file(shell.folder, "piped.test").read_bytes()
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(content)))
    assert shell.gives("issue", "--profile", "tls-server", "--csr", "-")["subject"] == "CN=piped.test"


def test_a_preview_shows_and_issues_nothing(shell: Shell) -> None:
    before = certificates(shell)
    shown = shell.gives("issue", "--profile", "tls-server", *NAMES, "--preview")
    names = next(one for one in shown["extensions"] if one["name"] == "subjectAlternativeName")
    assert names["value"] == ["dns:www.example.test", "dns:example.test", "ip:192.0.2.1"]
    said = shell.does("profile", "preview", "tls-server", *NAMES)
    assert "basicConstraints (critical)  end entity" in said
    assert certificates(shell) == before
    assert list(shell.folder.iterdir()) == []


def test_the_names_of_a_domain_and_those_who_log_in_to_it(shell: Shell) -> None:
    def names_of(*arguments: str) -> list[str]:
        extensions = shell.gives("profile", "preview", *arguments)["extensions"]
        return next(one["value"] for one in extensions if one["name"] == "subjectAlternativeName")

    guid, principal = "0b2c8a4e-7c1e-4f6b-9a53-3f1f8c6f2a11", "krbtgt/CORP.TEST@CORP.TEST"
    controller = ("domain-controller", "--guid", guid, "--kerberos", principal)
    assert shell.refuses("profile", "preview", *controller).endswith("[policy.name.required]")
    wanted = ["dns:dc1.corp.test", f"guid:{guid}", f"kerberos:{principal}"]
    assert names_of(*controller, "--dns", "dc1.corp.test") == wanted
    sid = "tag:microsoft.com,2022-09-14:sid:S-1-5-21-1004336348-1177238915-682003330-1104"
    card = ("smart-card-logon", "--subject", "CN=Ann", "--uri", sid)
    assert names_of(*card, "--upn", "ann@corp.test") == [f"uri:{sid}", "upn:ann@corp.test"]


def test_a_preview_refuses_what_issuing_refuses(shell: Shell) -> None:
    arguments = ("--profile", "code-signing", "--dns", "www.example.test")
    assert shell.refuses("issue", *arguments, "--preview") == shell.refuses("issue", *arguments)


@pytest.mark.parametrize("listed", ["compromised", "debian_weak"])
def test_a_key_on_a_supplied_list_is_refused(listed: str, shell: Shell) -> None:
    request = shell.folder / "rsa.pem"
    algorithm = KeyAlgorithm.RSA_2048
    key = make_key(algorithm)
    request.write_bytes(make_csr(key, algorithm, parse_name(""), [parse_identifier("dns", "a.test")]))
    public = key.public_key()
    modulus = f"Modulus={public.public_numbers().n:X}\n".encode()  # type: ignore[union-attr]
    digests = {
        "compromised": hashlib.sha256(keys.spki(public)).hexdigest(),
        "debian_weak": hashlib.sha1(modulus).hexdigest()[20:],
    }
    codes = {"compromised": "key.compromised", "debian_weak": "key.weak.debian"}
    (shell.home / "certwright.toml").write_text(f'[keys]\n{listed} = "refused.txt"\n')
    (shell.home / "refused.txt").write_text(f"# made in 2007\n{digests[listed]}\n")
    for more in ((), ("--preview",)):
        said = shell.refuses("issue", "--profile", "tls-server", "--csr", request, *more)
        assert f"[{codes[listed]}]" in said
    (shell.home / "refused.txt").write_text("# none\n")
    shell.does("issue", "--profile", "tls-server", "--csr", request)


def test_a_list_of_keys_that_is_none_is_named(shell: Shell) -> None:
    (shell.home / "certwright.toml").write_text('[keys]\ncompromised = "refused.txt"\n')
    wanted = ("issue", "--profile", "tls-server", "--dns", "a.test")
    assert "refused.txt, the list of the setting keys.compromised, cannot be read: " in shell.refuses(*wanted)
    (shell.home / "refused.txt").write_text("# none\nhere\n")
    assert "keys.compromised, line 2: 64 hexadecimal digits expected" in shell.refuses(*wanted)
    (shell.home / "refused.txt").write_bytes(b"a" * 2_000_000)
    assert "keys.compromised, has a line of more than 1024 octets" in shell.refuses(*wanted)
    shell.does("certificates")


def test_every_reason_stands_on_a_line_of_its_own(shell: Shell) -> None:
    said = shell.refuses("issue", "--profile", "code-signing", "--dns", "x.test", "--algorithm", "rsa-2048")
    codes = [line.rpartition("[")[2].rstrip("]") for line in said.splitlines()]
    assert codes == ["policy.key.profile", "policy.name.kind", "policy.name.count", "policy.subject.missing"]
    assert list(shell.folder.iterdir()) == []


def test_files_of_an_earlier_certificate_are_not_touched_unasked(shell: Shell) -> None:
    shell.does("issue", "--profile", "tls-server", *NAMES)
    key = (shell.folder / "www.example.test/key.pem").read_bytes()
    before = certificates(shell)
    said = shell.refuses("issue", "--profile", "tls-server", *NAMES)
    assert said == "www.example.test/key.pem exists; give another --out, or --overwrite"
    assert certificates(shell) == before
    shell.does("issue", "--profile", "tls-server", *NAMES, "--overwrite")
    assert (shell.folder / "www.example.test/key.pem").read_bytes() != key


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["--profile", "nope", "--dns", "a.test"], "there is no profile 'nope'"),
        (
            ["--profile", "tls-server", "--dns", "a.test", "--authority", "nope"],
            "there is no authority 'nope'",
        ),
        (["--profile", "tls-server", "--dns", "a b"], "'a b' is not a DNS name"),
        (["--profile", "tls-server", "--ip", "a.test"], "'a.test' is not an IP address"),
        (
            ["--profile", "tls-server", "--csr", "any.pem", "--algorithm", "ed25519"],
            "a request has its own: give --csr or --algorithm",
        ),
        (["--profile", "tls-server", "--csr", "missing.pem"], "missing.pem: No such file or directory"),
        (
            ["--profile", "tls-server", "--dns", "a.test", "--algorithm", "dsa"],
            "there is no key algorithm 'dsa'",
        ),
        (
            ["--profile", "tls-server", "--dns", "a.test", "--subject", "nonsense"],
            "is not of the form CN=value",
        ),
        (
            ["--profile", "tls-server", "--dns", "a.test", "--authority", "root"],
            "under the recovery passphrase",
        ),
        (["--profile", "tls-server", "--dns", "a.test", "--days", "5000"], "policy.lifetime.too-long"),
        (
            ["--profile", "tls-server", "--dns", "a.test", "--days", "4000"],
            "is 4000 days from now; 398d is the",
        ),
    ],
)
def test_what_cannot_be_says_why(arguments: list[str], line: str, shell: Shell) -> None:
    assert line in shell.refuses("issue", *arguments)


def test_a_wildcard_gets_a_folder_that_is_no_pattern(shell: Shell) -> None:
    document = shell.gives("issue", "--profile", "tls-server", "--dns", "*.example.test")
    assert document["files"]["key"] == "_.example.test/key.pem"


# -- renew ---------------------------------------------------------------------------------------


def test_renewing_makes_a_new_key_for_the_same_names(shell: Shell) -> None:
    first = shell.gives("issue", "--profile", "tls-server", *NAMES, "--algorithm", "ed25519", "--out", "one")
    second = shell.gives("renew", first["serial"], "--out", "two")
    assert second["replaces"] == first["id"]
    assert second["key_algorithm"] == "ed25519"
    names = [shell.gives("show", one["fingerprint"])["names"] for one in (first, second)]
    assert names[0] == names[1]
    assert (
        spki(leaf(shell.folder / "one")) != spki(leaf(shell.folder / "two")) == key_of(shell.folder / "two")
    )


def test_renewing_with_the_same_key(shell: Shell) -> None:
    first = shell.gives("issue", "--profile", "tls-server", *NAMES, "--out", "one")
    second = shell.gives("renew", first["fingerprint"], "--same-key", "--out", "two")
    assert "key" not in second["files"]
    assert spki(leaf(shell.folder / "one")) == spki(leaf(shell.folder / "two"))


def test_renewing_with_a_request(shell: Shell) -> None:
    first = shell.gives("issue", "--profile", "tls-server", "--dns", "a.test", "--out", "one")
    second = shell.gives("renew", first["serial"], "--csr", csr_file(shell.folder), "--out", "two")
    assert shell.gives("show", second["serial"])["names"] == ["dns:a.test"]
    said = shell.refuses(
        "renew", first["serial"], "--csr", csr_file(shell.folder, "b.test"), "--out", "three"
    )
    assert "issue a new one for those" in said
    assert "exclude each other" in shell.refuses("renew", first["serial"], "--csr", "x", "--same-key")


def test_what_is_revoked_is_not_renewed(shell: Shell) -> None:
    first = shell.gives("issue", "--profile", "tls-server", "--dns", "a.test", "--out", "one")
    shell.does("revoke", first["serial"])
    assert "the certificate is revoked" in shell.refuses("renew", first["serial"], "--out", "two")
    assert not (shell.folder / "two").exists()


def test_a_key_is_not_written_into_a_file_that_others_have_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Even one who guesses the passing name gets nothing: neither a file of his nor a link is opened."""
    monkeypatch.setattr(files, "token_hex", lambda octets: "guessed")
    for make in (
        lambda path: path.touch(0o666),
        lambda path: path.symlink_to(tmp_path / "elsewhere"),
    ):
        trap = tmp_path / ".key.pem.guessed.new"
        make(trap)
        with pytest.raises(FileExistsError):
            files.write_file(tmp_path / "key.pem", b"secret", files.PRIVATE)
        assert trap.is_symlink() or trap.read_bytes() == b""
        assert not (tmp_path / "elsewhere").exists()
        trap.unlink()
